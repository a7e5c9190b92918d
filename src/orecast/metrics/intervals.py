"""Bootstrap intervals of scores, and paired tests of two maps."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from orecast.arrays import Floats, Ints
from orecast.metrics.results import UNKNOWN, Interval, PairedTest

_RESAMPLES = 4000
_FEWEST = 3  # groups of deposits; with fewer no interval is given


def bootstrap_mean(
    values: ArrayLike,
    *,
    seed: int,
    level: float = 0.95,
    groups: ArrayLike | None = None,
) -> Interval:
    """Mean of one value per deposit, with its bootstrap interval over deposits.

    ``values`` ``(n,)``, NaN left out; ``groups`` ``(n,)`` of deposits that stay together: whole
    groups are drawn. The percentile interval is expanded for small numbers: the plain form is too
    narrow by about ``sqrt((n - 1) / n)``, and uses the normal distribution instead of Student's t
    (Hesterberg 2015, Am. Stat. 69, 371, section 4.5). With fewer than three values (or groups) low
    and high are NaN.

    >>> bootstrap_mean([0.2, 0.9], seed=0)
    Interval(value=0.55, low=nan, high=nan)
    """
    v, member = known_groups(values, groups)
    if not v.size:
        return UNKNOWN
    total = np.bincount(member, weights=v).astype(np.float64)
    count = np.bincount(member)
    mean = float(v.mean())
    if total.size < _FEWEST:
        return Interval(mean, math.nan, math.nan)
    means = _resampled_means(total, count, np.random.default_rng(seed))
    tail = _expanded_tail(level, total.size)
    low, high = np.quantile(means, [tail, 1 - tail])
    return Interval(mean, float(low), float(high))


def known_groups(values: ArrayLike, groups: ArrayLike | None) -> tuple[Floats, Ints]:
    """Values that are not NaN, ``(m,)``, and the number of each one's group, from 0.

    Without ``groups`` each value is a group. Raises ValueError for lengths that differ.
    """
    v = np.asarray(values, dtype=np.float64).ravel()
    g = np.arange(v.size) if groups is None else np.asarray(groups).ravel()
    if g.shape != v.shape:
        raise ValueError(f"{v.size} values but {g.size} groups")
    known = ~np.isnan(v)
    return v[known], np.unique(g[known], return_inverse=True)[1]


def bootstrap(
    statistic: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    groups: ArrayLike,
    *,
    seed: int,
    level: float = 0.95,
    resamples: int = 1000,
) -> list[Interval]:
    """Intervals of scores that are not a mean of one value per deposit; whole groups are drawn.

    ``statistic`` takes the number of times each deposit was drawn, ``(resamples, n)``, and returns
    scores, ``(resamples, n_scores)``; ``groups`` ``(n,)`` as in ``bootstrap_mean``, with the same
    correction for small numbers. Ends are NaN for fewer than three groups. A draw without a score
    (division by zero) is left out.

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
        warnings.simplefilter("ignore", RuntimeWarning)  # a score may be NaN in all draws
        low, high = np.nanquantile(scores, [tail, 1 - tail], axis=0)
    return [
        Interval(float(v), float(a), float(b)) for v, a, b in zip(values, low, high, strict=True)
    ]


def share_interval(successes: float, n: int, *, level: float = 0.95) -> Interval:
    """Share of captured deposits, with Wilson's score interval.

    A bootstrap interval of 0 out of 9 has no width; this one has (Wilson 1927, JASA 22, 209; Brown,
    Cai & DasGupta 2001, Stat. Sci. 16, 101). ``successes`` may be fractional, where a tie in score
    captures a part of the deposits. NaN for ``n`` 0.

    >>> [round(v, 3) for v in share_interval(0, 9).as_dict().values()]
    [0.0, 0.0, 0.299]
    """
    if not 0 <= successes <= n:
        raise ValueError(f"{successes} of {n} is not a share")
    if n == 0:
        return UNKNOWN
    from scipy import special

    share = successes / n
    z = -float(special.ndtri((1 - level) / 2))
    centre = share + z**2 / (2 * n)
    half = z * math.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    widened = 1 + z**2 / n
    low, high = max(0.0, (centre - half) / widened), min(1.0, (centre + half) / widened)
    # at the ends the formula gives 0 and 1 except for rounding
    return Interval(share, 0.0 if successes == 0 else low, 1.0 if successes == n else high)


def _resampled_means(
    total: NDArray[np.float64], count: NDArray[np.intp], rng: np.random.Generator
) -> NDArray[np.float64]:
    """Means over groups drawn with replacement, ``(n_resamples,)``; weights are multinomial."""
    n = total.size
    drawn = rng.multinomial(n, np.full(n, 1 / n), size=_RESAMPLES)
    return np.asarray((drawn @ total) / (drawn @ count))


def _expanded_tail(level: float, n: int) -> float:
    """Tail of the bootstrap distribution to use instead of ``(1 - level) / 2``."""
    from scipy import special

    t = float(special.stdtrit(n - 1, (1 - level) / 2))
    return float(special.ndtr(math.sqrt(n / (n - 1)) * t))


_ALL_SIGNS = 4096  # up to so many patterns of signs are all evaluated
_DRAWS = 9999
_BLOCK = 1 << 22  # signs drawn at a time


def paired_difference(
    a: ArrayLike,
    b: ArrayLike,
    *,
    seed: int,
    groups: ArrayLike | None = None,
    level: float = 0.95,
) -> PairedTest:
    """Mean of ``a - b`` over held-out deposits, with its interval and its permutation test.

    ``a`` and ``b`` ``(n,)`` are scores of the same deposits by two models; NaN pairs are left
    out. ``groups`` ``(n,)``: deposits of one group are not independent. The interval draws whole
    groups (``bootstrap_mean``). The test flips the sign of whole groups: for two equal models the
    sign is arbitrary (Fisher 1935, The Design of Experiments, section 21). It uses all patterns of
    signs up to 4096 of them, else 9999 random ones plus the observed one (Phipson & Smyth 2010,
    Stat. Appl. Genet. Mol. Biol. 9, 39). Two-sided.

    >>> paired_difference([0.9, 0.8, 0.7], [0.6, 0.7, 0.6], seed=0).p
    0.25
    """
    first, second = (np.asarray(v, dtype=np.float64).ravel() for v in (a, b))
    if first.shape != second.shape:
        raise ValueError(f"{first.size} scores of one model but {second.size} of the other")
    difference = first - second
    mean = bootstrap_mean(difference, seed=seed, level=level, groups=groups)
    known, member = known_groups(difference, groups)
    total = np.bincount(member, weights=known).astype(np.float64)
    p = _sign_flip(total, seed) if total.size >= _FEWEST else math.nan
    return PairedTest(mean.value, mean.low, mean.high, p, known.size, total.size)


def _sign_flip(total: Floats, seed: int) -> float:
    """Share of sign patterns whose sum lies at least as far from 0 as the observed one."""
    least = abs(total.sum()) - 1e-9 * np.abs(total).sum()  # tolerance, so that ties count
    n = total.size
    if 2**n <= _ALL_SIGNS:
        pattern = (np.arange(2**n)[:, None] >> np.arange(n)) & 1
        return float(np.mean(np.abs((1 - 2 * pattern) @ total) >= least))
    rng = np.random.default_rng(seed)
    as_far, step = 1, max(1, _BLOCK // n)
    for start in range(0, _DRAWS, step):
        signs = rng.integers(0, 2, (min(step, _DRAWS - start), n), dtype=np.int8) * 2.0 - 1
        as_far += int(np.sum(np.abs(signs @ total) >= least))
    return as_far / (_DRAWS + 1)
