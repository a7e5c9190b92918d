"""Compare generated rows with the rows that the generator was fitted to: arrays only."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from orecast.arrays import Floats

_LEVEL = 0.01  # false-positive rate over all layers, and over all pairs
_NEAREST = 0.01  # share of real rows nearer to another real row than the limit for copies
_TIMES_CHANCE = 5
_ROWS_AT_ONCE = 512


@dataclass(frozen=True)
class GrowthReport:
    """Similarity of generated rows to the real rows, and whether they are copies.

    ``rows``: numbers of real and of generated rows. ``ks`` ``(p,)``: Kolmogorov-Smirnov distance of
    each of ``layers``; ``beyond``: the layers where it is above ``ks_limit``, more than chance.
    ``correlation``: the largest difference between a correlation of the real rows and of the
    generated ones, found for the layers ``pair`` (NaN and None without a pair); ``pairs_beyond``:
    number of differences that are more than chance. ``copies``: share of generated rows that are
    nearer to a real row than 99 % of real rows are to another; ``chance``: the share to expect
    without copying.
    """

    layers: tuple[str, ...]
    rows: tuple[int, int]
    ks: Floats
    ks_limit: float
    beyond: tuple[str, ...]
    correlation: float
    pair: tuple[str, str] | None
    pairs_beyond: int
    copies: float
    chance: float

    @property
    def copying(self) -> bool:
        """Whether five times as many generated rows are near-copies as expected by chance.

        With few real rows the limit is lower: halfway between ``chance`` and 1.
        """
        return self.copies > min(_TIMES_CHANCE * self.chance, (1 + self.chance) / 2)

    @property
    def sentence(self) -> str:
        """The report in plain words."""
        return " ".join([self._of_marginals(), self._of_correlations(), self._of_copies()])

    def as_dict(self) -> dict[str, Any]:
        """Numbers and words by name, for JSON."""
        return {
            "ks": dict(zip(self.layers, self.ks.tolist(), strict=True)),
            "layers_beyond_chance": list(self.beyond),
            "correlation_difference": None if math.isnan(self.correlation) else self.correlation,
            "pair": None if self.pair is None else list(self.pair),
            "pairs_beyond_chance": self.pairs_beyond,
            "copies": self.copies,
            "copies_by_chance": self.chance,
            "copying": self.copying,
            "sentence": self.sentence,
        }

    @property
    def _counts(self) -> str:
        real, made = self.rows
        return f"{made} generated and {real} real rows"

    def _of_marginals(self) -> str:
        most = int(self.ks.argmax())
        largest = (
            f"{self.layers[most]} differs most (Kolmogorov-Smirnov distance {self.ks[most]:.2f})"
        )
        if not self.beyond:
            limit = (
                f"a distance above {self.ks_limit:.2f} would be detected"
                if self.ks_limit < 1
                else "these are too few to detect any difference"
            )
            return (
                "0 layers differ significantly in distribution from the real rows "
                f"({self._counts}; {limit}): {largest}."
            )
        known = f"{len(self.beyond)} of {len(self.layers)} layers"
        return f"{known} differ significantly in distribution from the real rows: {largest}."

    def _of_correlations(self) -> str:
        if self.pair is None:
            return "There is no pair of layers to correlate."
        largest = (
            f"the largest difference, {self.correlation:.2f}, is that of {self.pair[0]} and "
            f"{self.pair[1]}"
        )
        return (
            f"{self.pairs_beyond} correlations differ significantly from those of the real rows "
            f"({self._counts}): {largest}."
        )

    def _of_copies(self) -> str:
        verdict = "the method copies" if self.copying else "the method does not copy"
        return (
            f"{100 * self.copies:.1f} % of the generated rows are very close to a real row; "
            f"{100 * self.chance:.1f} % are expected by chance: {verdict}."
        )


def examine(real: ArrayLike, made: ArrayLike, layers: Sequence[str] | None = None) -> GrowthReport:
    """Compare generated rows ``(m, p)`` with the real rows ``(n, p)`` of a generator's training.

    Marginals: two-sample Kolmogorov-Smirnov distance and its asymptotic limit (Smirnov 1948, Ann.
    Math. Stat. 19, 279). Correlations: Fisher's z (1921, Metron 1, 3). Both at a level of 0.01 over
    all layers, or all pairs (Bonferroni). Copies: distance between rows standardised on the real
    ones; the limit is the 1st percentile of the real rows' distance to their nearest other row.

    Raises ValueError for fewer than four rows of either, different columns, or values not finite.
    """
    a, b = _checked(real, "real"), _checked(made, "generated")
    if a.shape[1] != b.shape[1]:
        raise ValueError(f"real rows have {a.shape[1]} columns and generated ones {b.shape[1]}")
    names = tuple(layers) if layers is not None else tuple(map(str, range(a.shape[1])))
    if len(names) != a.shape[1]:
        raise ValueError(f"{len(names)} layer names but {a.shape[1]} columns")
    ks = np.array([ks_distance(x, y) for x, y in zip(a.T, b.T, strict=True)])
    limit = _ks_limit(a, b)
    beyond = tuple(n for n, d in zip(names, ks, strict=True) if d > limit)
    correlation, pair, pairs_beyond = _correlations(a, b, names)
    copies, chance = _copies(a, b)
    rows = len(a), len(b)
    return GrowthReport(
        names, rows, ks, limit, beyond, correlation, pair, pairs_beyond, copies, chance
    )


def ks_distance(x: Floats, y: Floats) -> float:
    """Largest distance between the distribution functions of two samples.

    >>> ks_distance(np.array([1.0, 2.0]), np.array([2.0, 3.0]))
    0.5
    """
    every = np.concatenate([x, y])
    below_x, below_y = (np.searchsorted(np.sort(v), every, side="right") / len(v) for v in (x, y))
    return float(np.abs(below_x - below_y).max())


def _ks_limit(a: Floats, b: Floats) -> float:
    n, m = len(a), len(b)
    return math.sqrt(-math.log(_LEVEL / a.shape[1] / 2) / 2 * (n + m) / (n * m))


def _correlations(
    a: Floats, b: Floats, names: tuple[str, ...]
) -> tuple[float, tuple[str, str] | None, int]:
    """Largest difference of correlations, its pair of layers, and how many are beyond chance."""
    from scipy.special import ndtri

    i, j = np.triu_indices(len(names), 1)
    varies = (np.ptp(a, axis=0) > 0) & (np.ptp(b, axis=0) > 0)
    both = varies[i] & varies[j]
    i, j = i[both], j[both]
    if not len(i):
        return math.nan, None, 0
    r, s = (
        np.clip(_standard(v, v)[:, varies].T @ _standard(v, v)[:, varies] / len(v), -1, 1)
        for v in (a, b)
    )
    where = np.cumsum(varies) - 1
    r, s = r[where[i], where[j]], s[where[i], where[j]]
    most = int(np.abs(r - s).argmax())
    error = math.sqrt(1 / (len(a) - 3) + 1 / (len(b) - 3))
    limit = error * float(ndtri(1 - _LEVEL / len(i) / 2))
    z = np.abs(np.arctanh(_inside(r)) - np.arctanh(_inside(s)))
    pair = (names[i[most]], names[j[most]])
    return float(np.abs(r - s)[most]), pair, int((z > limit).sum())


def _inside(r: Floats) -> Floats:
    """Correlations kept slightly below 1 in size, so that z is finite."""
    return np.asarray(np.clip(r, -1 + 1e-9, 1 - 1e-9))


def _copies(a: Floats, b: Floats) -> tuple[float, float]:
    """Share of generated rows that are too near to a real one, and the share by chance.

    A new row of the same distribution falls below the k-th smallest of ``n`` distances with
    probability k / (n + 1). The two nearest rows are neighbours of each other, so the two smallest
    distances are equal. Where ``n`` is small, the chance is therefore more than 1 %.
    """
    real, made = _standard(a, a), _standard(b, a)
    own = _nearest(real, real, own=True)
    limit = np.quantile(own, _NEAREST)
    chance = (2 + _NEAREST * (len(a) - 1)) / (len(a) + 1)
    return float(np.mean(_nearest(made, real, own=False) < limit)), chance


def _nearest(points: Floats, others: Floats, *, own: bool) -> Floats:
    """Distance of each point to the nearest of the others; ``own``: they are the same points."""
    found, squares = np.empty(len(points)), (others**2).sum(axis=1)
    for start in range(0, len(points), _ROWS_AT_ONCE):
        rows = np.arange(start, min(start + _ROWS_AT_ONCE, len(points)))
        distance = squares - 2 * points[rows] @ others.T  # less each row's own square
        if own:
            distance[rows - start, rows] = np.inf
        nearest = distance.argmin(axis=1)
        found[rows] = np.linalg.norm(points[rows] - others[nearest], axis=1)
    return found


def _standard(v: Floats, by: Floats) -> Floats:
    """Columns standardised by the mean and spread of ``by``; a constant one is only shifted."""
    spread = by.std(axis=0)
    return np.asarray((v - by.mean(axis=0)) / np.where(spread > 0, spread, 1.0))


def _checked(rows: ArrayLike, which: str) -> Floats:
    values = np.asarray(rows, dtype=np.float64)
    if values.ndim != 2 or len(values) < 4 or not values.shape[1]:
        raise ValueError(f"{which} rows must be (n, p) with n of 4 or more, not {values.shape}")
    if not np.isfinite(values).all():
        raise ValueError(f"{which} rows hold missing or infinite values")
    return values
