"""Share of deposits captured against share of area: success rate and prediction rate.

A curve is a *success rate* where the deposits were learned from, and a *prediction rate* where they
were not (Chung & Fabbri 2003, Nat. Hazards 30, 451). Only the second says what the map is worth.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from orecast.errors import SamplingError
from orecast.evaluation.scores import outranked

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Curve:
    """Captured share of deposits at shares of area, both rising from 0 to 1, ``(n_points,)``."""

    area: Floats
    captured: Floats

    def thinned(self, most: int = 200) -> Curve:
        """Return at most ``most`` of the points, both ends among them."""
        if most < 2:
            raise ValueError("a curve has two ends")
        if self.area.size <= most:
            return self
        kept = np.linspace(0, self.area.size - 1, most).round().astype(np.int64)
        return Curve(self.area[kept], self.captured[kept])

    def as_dict(self) -> dict[str, list[float]]:
        """As ``metrics.json`` holds it."""
        return {"area": self.area.tolist(), "captured": self.captured.tolist()}


def success_rate(score_map: ArrayLike, deposit_cells: ArrayLike) -> Curve:
    """Success-rate curve of a map (Chung & Fabbri 2003, Nat. Hazards 30, 451).

    ``score_map`` ``(rows, columns)``, higher is more like ore, NaN outside the map;
    ``deposit_cells`` ``(n, 2)`` row and column, each deposit counting once. Cells of NaN count in
    no area, deposits on them in no share. Cells of one score enter together and the curve is
    straight across them, so that a constant map gives the diagonal and the area under the curve
    is the mean percentile of the deposits. The curve is exact: it bends only at deposits' scores.
    Raises SamplingError where no deposit lies on the map.

    >>> success_rate([[0.9, 0.1], [0.5, 0.3]], [[0, 0], [1, 1]]).as_dict()
    {'area': [0.0, 0.25, 0.5, 0.75, 1.0], 'captured': [0.0, 0.5, 0.5, 1.0, 1.0]}
    """
    scores = np.asarray(score_map)
    at_deposits = scores_at(scores, deposit_cells)
    levels, members = np.unique(at_deposits, return_counts=True)
    levels, members = levels[::-1], members[::-1]
    below, up_to, known = outranked(levels, scores)
    above, at_or_above = (known - up_to) / known, (known - below) / known
    after = np.cumsum(members) / members.sum()
    before = np.concatenate([[0.0], after[:-1]])
    area = np.concatenate([[0.0], np.column_stack([above, at_or_above]).ravel(), [1.0]])
    captured = np.concatenate([[0.0], np.column_stack([before, after]).ravel(), [1.0]])
    fresh = np.concatenate([[True], (np.diff(area) > 0) | (np.diff(captured) > 0)])
    return Curve(area[fresh], captured[fresh])


def held_out_curve(percentiles: ArrayLike) -> Curve:
    """Prediction-rate curve of places, each ranked among the cells of its own held-out region.

    ``percentiles`` ``(n,)``, NaN left out. At an area ``a`` it says what share of the places lies
    within the best ``a`` of its region, whatever scale the fold's model speaks in. It steps at
    ``1 - percentile``, so that the area under it is the mean percentile. Raises SamplingError where
    no place has a percentile.

    >>> held_out_curve([0.9, 0.5]).as_dict()["captured"]
    [0.0, 0.0, 0.5, 0.5, 1.0, 1.0]
    """
    area = np.sort(1 - known_percentiles(percentiles))
    share = np.arange(area.size + 1) / area.size
    steps = np.column_stack([share[:-1], share[1:]]).ravel()
    return Curve(
        np.concatenate([[0.0], np.repeat(area, 2), [1.0]]), np.concatenate([[0.0], steps, [1.0]])
    )


@dataclass(frozen=True)
class PredictionRate:
    """What each class of equal area holds, the best class first; each array ``(classes,)``.

    ``area`` and ``captured`` are shares up to and with the class; ``share`` is the class's own
    share of the deposits, and ``density`` that share over the class's share of area: 1 is what
    chance gives, and where it does not fall from class to class the map's order is noise.
    """

    area: Floats
    captured: Floats
    share: Floats
    density: Floats

    def as_dict(self) -> dict[str, list[float]]:
        """Lists by name."""
        return {name: array.tolist() for name, array in vars(self).items()}


def prediction_rate(
    score_map: ArrayLike, deposit_cells: ArrayLike, *, classes: int = 20
) -> PredictionRate:
    """Prediction rate by classes of equal area (Chung & Fabbri 2003, Nat. Hazards 30, 451).

    ``score_map`` and ``deposit_cells`` as in ``success_rate``, the deposits being ones the map has
    not seen. A deposit whose tie in score reaches over several classes counts in each by its part.
    Raises ValueError for no class, SamplingError where no deposit lies on the map.

    >>> prediction_rate([[4, 3, 2, 1]], [[0, 0], [0, 1], [0, 1]], classes=2).density.tolist()
    [2.0, 0.0]
    """
    area = _class_edges(classes)
    curve = success_rate(score_map, deposit_cells)
    return _by_class(area, np.interp(area, curve.area, curve.captured))


def prediction_rate_of(percentiles: ArrayLike, *, classes: int = 20) -> PredictionRate:
    """Prediction rate of places, each ranked among the cells of its own held-out region.

    ``percentiles`` ``(n,)``, NaN left out; a class is a share of every region. Raises as
    ``prediction_rate``.
    """
    area = _class_edges(classes)
    reached = np.sort(1 - known_percentiles(percentiles))
    # a percentile of 0.95 lies within the best 0.05, but for rounding
    return _by_class(area, np.searchsorted(reached, area + 1e-12, side="right") / reached.size)


def captured_at(curve: Curve, area: float) -> float:
    """Share of deposits captured within the best ``area`` (a share) of the map.

    >>> captured_at(Curve(np.array([0.0, 0.5, 1.0]), np.array([0.0, 1.0, 1.0])), 0.25)
    0.5
    """
    return float(np.interp(area, curve.area, curve.captured))


def scores_at(scores: NDArray[np.floating], deposit_cells: ArrayLike) -> NDArray[np.floating]:
    """Scores at the deposits that lie on the map, ``(m,)``.

    ``scores`` ``(rows, columns)``; ``deposit_cells`` ``(n, 2)`` row and column. Raises
    SamplingError where there is none.
    """
    row, column = np.asarray(deposit_cells, dtype=np.int64).reshape(-1, 2).T
    inside = (row >= 0) & (row < scores.shape[0]) & (column >= 0) & (column < scores.shape[1])
    found: NDArray[np.floating] = scores[row[inside], column[inside]]
    found = found[~np.isnan(found)]
    if found.size == 0:
        raise SamplingError(
            f"none of {row.size} deposits lies on a cell of the map that has a score",
            remedy="check the deposits' CRS and the study area",
        )
    return found


def known_percentiles(percentiles: ArrayLike) -> Floats:
    """Percentiles that are no NaN, ``(m,)``; SamplingError where there is none."""
    p = np.asarray(percentiles, dtype=np.float64).ravel()
    p = p[~np.isnan(p)]
    if p.size == 0:
        raise SamplingError(
            "no held-out place has a percentile",
            remedy="check that the folds' regions hold cells with a score",
        )
    if p.min() < 0 or p.max() > 1:
        raise ValueError("a percentile lies between 0 and 1")
    return p


def _class_edges(classes: int) -> Floats:
    if classes < 1:
        raise ValueError(f"{classes} classes of equal area")
    return np.arange(1, classes + 1) / classes


def _by_class(area: Floats, captured: Floats) -> PredictionRate:
    share = np.diff(captured, prepend=0.0)
    return PredictionRate(area, captured, share, share * area.size)
