"""What a generator makes, held against what it learned from: arrays only."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from orecast.arrays import Floats

_LEVEL = 0.01  # chance of a false alarm among all layers, and among all pairs
_NEAREST = 0.01  # real rows that lie nearer to another than the distance that a copy keeps
_TIMES_CHANCE = 5
_ROWS_AT_ONCE = 512


@dataclass(frozen=True)
class GrowthReport:
    """How like the real rows the made ones are, and whether they are copies.

    ``rows`` counts the real rows and the made ones. ``ks`` ``(p,)`` is the Kolmogorov-Smirnov
    distance of each of ``layers``, ``beyond`` names those where it is above ``ks_limit``, which is
    more than chance. ``correlation`` is the largest difference between a
    correlation of the real rows and of the made ones, of the layers ``pair``, both NaN and None
    where there is no pair; ``pairs_beyond`` counts differences that are more than chance.
    ``copies`` is the share of made rows that are nearer to a real row than all but one in a hundred
    real rows are to another, ``chance`` the share to expect of rows that are no copies.
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
        """Whether five times as many made rows are near-copies as chance would have.

        With few real rows, whether more than half of those are that chance would not have.
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
        return f"{made} made and {real} real rows"

    def _of_marginals(self) -> str:
        most = int(self.ks.argmax())
        told = f"{self.layers[most]} differs most (Kolmogorov-Smirnov distance {self.ks[most]:.2f})"
        if not self.beyond:
            limit = f"only a distance above {self.ks_limit:.2f}" if self.ks_limit < 1 else "nothing"
            return (
                "No layer's distribution can be told from that of the real rows by "
                f"{self._counts}, where {limit} would show: {told}."
            )
        known = f"{len(self.beyond)} of {len(self.layers)} layers"
        return f"{known} are distributed otherwise than the real rows: {told}."

    def _of_correlations(self) -> str:
        if self.pair is None:
            return "There is no pair of layers to correlate."
        told = f"that of {self.pair[0]} and {self.pair[1]} moved by {self.correlation:.2f}"
        if not self.pairs_beyond:
            return (
                "No correlation can be told from that of the real rows by "
                f"{self._counts}: at most, {told}."
            )
        return f"{self.pairs_beyond} correlations are others than the real rows': {told}."

    def _of_copies(self) -> str:
        share = f"{100 * self.copies:.1f} % of the made rows lie next to a real row"
        by_chance = f"chance would bring {100 * self.chance:.1f} %"
        verdict = "the method copies" if self.copying else "the method does not copy"
        return f"{share}, where {by_chance}: {verdict}."


def examine(real: ArrayLike, made: ArrayLike, layers: Sequence[str] | None = None) -> GrowthReport:
    """Hold made rows ``(m, p)`` against the real ones ``(n, p)`` a generator learned from.

    Marginals by the two-sample Kolmogorov-Smirnov distance, against its asymptotic limit (Smirnov
    1948, Ann. Math. Stat. 19, 279); correlations by Fisher's z (1921, Metron 1, 3): both at a level
    of 0.01 over all layers, or all pairs (Bonferroni). Copies by distance between rows standardised
    on the real ones, against the 1st percentile of the real rows' distance to their nearest other.

    Raises ValueError for fewer than four rows of either, other columns, or values not finite.
    """
    a, b = _checked(real, "real"), _checked(made, "made")
    if a.shape[1] != b.shape[1]:
        raise ValueError(f"real rows have {a.shape[1]} columns and made ones {b.shape[1]}")
    names = tuple(layers) if layers is not None else tuple(map(str, range(a.shape[1])))
    if len(names) != a.shape[1]:
        raise ValueError(f"{len(names)} layers are named and the rows have {a.shape[1]} columns")
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
    shares = (np.searchsorted(np.sort(v), every, side="right") / len(v) for v in (x, y))
    below_x, below_y = shares
    return float(np.abs(below_x - below_y).max())


def _ks_limit(a: Floats, b: Floats) -> float:
    n, m = len(a), len(b)
    return math.sqrt(-math.log(_LEVEL / a.shape[1] / 2) / 2 * (n + m) / (n * m))


def _correlations(
    a: Floats, b: Floats, names: tuple[str, ...]
) -> tuple[float, tuple[str, str] | None, int]:
    """Largest difference of correlations, whose it is, and how many are beyond chance."""
    from scipy.special import ndtri

    i, j = np.triu_indices(len(names), 1)
    moving = (np.ptp(a, axis=0) > 0) & (np.ptp(b, axis=0) > 0)
    both = moving[i] & moving[j]
    i, j = i[both], j[both]
    if not len(i):
        return math.nan, None, 0
    r, s = (
        np.clip(_standard(v, v)[:, moving].T @ _standard(v, v)[:, moving] / len(v), -1, 1)
        for v in (a, b)
    )
    where = np.cumsum(moving) - 1
    r, s = r[where[i], where[j]], s[where[i], where[j]]
    most = int(np.abs(r - s).argmax())
    error = math.sqrt(1 / (len(a) - 3) + 1 / (len(b) - 3))
    limit = error * float(ndtri(1 - _LEVEL / len(i) / 2))
    z = np.abs(np.arctanh(_inside(r)) - np.arctanh(_inside(s)))
    pair = (names[i[most]], names[j[most]])
    return float(np.abs(r - s)[most]), pair, int((z > limit).sum())


def _inside(r: Floats) -> Floats:
    """Correlations a little off 1, whose z would be endless."""
    return np.asarray(np.clip(r, -1 + 1e-9, 1 - 1e-9))


def _copies(a: Floats, b: Floats) -> tuple[float, float]:
    """Share of made rows that are too near to a real one, and the share by chance.

    A new row of the real law falls below the k-th smallest of ``n`` distances with a chance of
    k / (n + 1). The nearest rows are each other's, so that their distances come in twos and the
    smallest is the second smallest too: where ``n`` is small, chance is more than a hundredth.
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
        apart = squares - 2 * points[rows] @ others.T  # less each row's own square
        if own:
            apart[rows - start, rows] = np.inf
        who = apart.argmin(axis=1)
        found[rows] = np.linalg.norm(points[rows] - others[who], axis=1)
    return found


def _standard(v: Floats, by: Floats) -> Floats:
    """Columns standardised by the mean and spread of ``by``; a constant one is only shifted."""
    spread = by.std(axis=0)
    return np.asarray((v - by.mean(axis=0)) / np.where(spread > 0, spread, 1.0))


def _checked(rows: ArrayLike, which: str) -> Floats:
    values = np.asarray(rows, dtype=np.float64)
    if values.ndim != 2 or len(values) < 4 or not values.shape[1]:
        raise ValueError(f"{which} rows are at least four of (n, p), not {values.shape}")
    if not np.isfinite(values).all():
        raise ValueError(f"{which} rows hold missing or infinite values")
    return values
