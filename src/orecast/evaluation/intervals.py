"""Intervals of scores; the deposit is what is resampled, never the cell."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

_RESAMPLES = 4000
_FEWEST = 3  # fewer deposits, or groups of them, say nothing about their spread


@dataclass(frozen=True)
class Interval:
    """A score with the ends of its interval; ends are NaN where too little was seen."""

    value: float
    low: float
    high: float

    def as_dict(self) -> dict[str, float]:
        """As ``metrics.json`` holds it."""
        return asdict(self)


def bootstrap_mean(
    values: ArrayLike,
    *,
    seed: int,
    level: float = 0.95,
    groups: ArrayLike | None = None,
) -> Interval:
    """Mean of one value a deposit, with its bootstrap interval over deposits.

    ``values`` ``(n,)``, NaN left out; ``groups`` ``(n,)`` names deposits that stay together: then
    whole groups are drawn. The percentile interval is expanded for small numbers, whose plain form
    is too narrow by about ``sqrt((n - 1) / n)`` and the normal in place of Student's t (Hesterberg
    2015, Am. Stat. 69, 371, section 4.5). With fewer than three values (or groups) low and high
    are NaN.

    >>> bootstrap_mean([0.2, 0.9], seed=0)
    Interval(value=0.55, low=nan, high=nan)
    """
    v = np.asarray(values, dtype=np.float64).ravel()
    g = np.arange(v.size) if groups is None else np.asarray(groups).ravel()
    if g.shape != v.shape:
        raise ValueError(f"{v.size} values but {g.size} groups")
    known = ~np.isnan(v)
    v, g = v[known], g[known]
    if not v.size:
        return Interval(math.nan, math.nan, math.nan)
    _, member = np.unique(g, return_inverse=True)
    total = np.bincount(member, weights=v).astype(np.float64)
    count = np.bincount(member)
    mean = float(v.mean())
    if total.size < _FEWEST:
        return Interval(mean, math.nan, math.nan)
    means = _resampled_means(total, count, np.random.default_rng(seed))
    tail = _expanded_tail(level, total.size)
    low, high = np.quantile(means, [tail, 1 - tail])
    return Interval(mean, float(low), float(high))


def bootstrap(
    statistic: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    groups: ArrayLike,
    *,
    seed: int,
    level: float = 0.95,
    resamples: int = 1000,
) -> list[Interval]:
    """Intervals of scores that are no mean of one value a deposit, whole groups drawn.

    ``statistic`` takes how often each deposit was drawn, ``(resamples, n)``, and returns its
    scores, ``(resamples, n_scores)``; ``groups`` ``(n,)`` as in ``bootstrap_mean``, whose small
    number's correction is taken here too. Ends are NaN for fewer than three groups. A draw without
    a score (nothing to divide by) is left out.

    >>> at = np.array([0.2, 0.5, 0.8])
    >>> mean = lambda w: (w @ at / w.sum(axis=1))[:, None]
    >>> [round(v, 2) for v in bootstrap(mean, [0, 1, 2], seed=0)[0].as_dict().values()][0]
    0.5
    """
    _, member = np.unique(np.asarray(groups), return_inverse=True)
    n = int(member.max(initial=-1)) + 1
    values = statistic(np.ones((1, member.size)))[0]
    if n < _FEWEST:
        return [Interval(float(v), math.nan, math.nan) for v in values]
    drawn = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=resamples)
    scores = statistic(drawn[:, member].astype(np.float64))
    tail = _expanded_tail(level, n)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of a score that no draw has
        low, high = np.nanquantile(scores, [tail, 1 - tail], axis=0)
    return [
        Interval(float(v), float(a), float(b)) for v, a, b in zip(values, low, high, strict=True)
    ]


def share_interval(successes: float, n: int, *, level: float = 0.95) -> Interval:
    """Share of captured deposits, with Wilson's score interval.

    A bootstrap of 0 out of 9 has no width; this has (Wilson 1927, JASA 22, 209; Brown, Cai &
    DasGupta 2001, Stat. Sci. 16, 101). ``successes`` may be fractional, where a tie in score
    captures a part of the deposits. NaN for ``n`` 0.

    >>> [round(v, 3) for v in share_interval(0, 9).as_dict().values()]
    [0.0, 0.0, 0.299]
    """
    if not 0 <= successes <= n:
        raise ValueError(f"{successes} of {n} is no share")
    if n == 0:
        return Interval(math.nan, math.nan, math.nan)
    from scipy import special

    share = successes / n
    z = -float(special.ndtri((1 - level) / 2))
    centre = share + z**2 / (2 * n)
    half = z * math.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    widened = 1 + z**2 / n
    low, high = max(0.0, (centre - half) / widened), min(1.0, (centre + half) / widened)
    # at the ends the formula equals 0 and 1 but for rounding
    return Interval(share, 0.0 if successes == 0 else low, 1.0 if successes == n else high)


def _resampled_means(
    total: NDArray[np.float64], count: NDArray[np.intp], rng: np.random.Generator
) -> NDArray[np.float64]:
    """Means over groups drawn with replacement, ``(n_resamples,)``; weights are multinomial."""
    n = total.size
    drawn = rng.multinomial(n, np.full(n, 1 / n), size=_RESAMPLES)
    return np.asarray((drawn @ total) / (drawn @ count))


def _expanded_tail(level: float, n: int) -> float:
    """Tail of the bootstrap distribution that stands for the tail ``(1 - level) / 2``."""
    from scipy import special

    t = float(special.stdtrit(n - 1, (1 - level) / 2))
    return float(special.ndtr(math.sqrt(n / (n - 1)) * t))
