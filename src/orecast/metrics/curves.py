"""Success-rate and prediction-rate curves, and the prediction-area plot."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from orecast.arrays import Floats
from orecast.errors import SamplingError
from orecast.metrics.scores import outranked


@dataclass(frozen=True)
class Curve:
    """Captured share of deposits at shares of area, both rising from 0 to 1, ``(n_points,)``."""

    area: Floats
    captured: Floats

    def thinned(self, most: int = 200) -> Curve:
        """Return at most ``most`` of the points, including both ends."""
        if most < 2:
            raise ValueError(f"a curve needs at least 2 points, not {most}")
        if self.area.size <= most:
            return self
        kept = np.linspace(0, self.area.size - 1, most).round().astype(np.int64)
        return Curve(self.area[kept], self.captured[kept])

    def as_dict(self) -> dict[str, list[float]]:
        """Lists by name, as in ``metrics.json``."""
        return {"area": self.area.tolist(), "captured": self.captured.tolist()}


def success_rate(score_map: ArrayLike, deposit_cells: ArrayLike) -> Curve:
    """Success-rate curve of a map (Chung & Fabbri 2003, Nat. Hazards 30, 451).

    ``score_map`` ``(rows, columns)``, higher is more like ore, NaN outside the map;
    ``deposit_cells`` ``(n, 2)`` row and column, one row per deposit. NaN cells, and deposits on
    them, are not counted. Cells with equal scores enter together and the curve is straight across
    them. So a constant map gives the diagonal, and the area under the curve is the mean percentile
    of the deposits. The curve is exact: it bends only at deposits' scores. Raises SamplingError
    where no deposit lies on the map.

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

    ``percentiles`` ``(n,)``, NaN left out. Its value at an area ``a`` is the share of places within
    the best ``a`` of their region; it does not depend on the scale of a fold's scores. It steps at
    ``1 - percentile``, so the area under it is the mean percentile. Raises SamplingError where no
    place has a percentile.

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
    """Deposits in classes of equal area, the best class first; each array ``(classes,)``.

    ``area`` and ``captured`` are cumulative shares, including the class. ``share`` is the class's
    own share of the deposits; ``density`` is that share divided by the class's share of area: 1 is
    chance. Where it does not fall from class to class, the map's order is noise.
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

    ``score_map`` and ``deposit_cells`` as in ``success_rate``; deposits must not be in training.
    A deposit whose tied cells span several classes counts partly in each. Raises ValueError for
    fewer than one class, SamplingError where no deposit lies on the map.

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
    # a percentile of 0.95 lies within the best 0.05; 1e-12 is for rounding
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
    """Percentiles that are not NaN, ``(m,)``; SamplingError where there is none."""
    p = np.asarray(percentiles, dtype=np.float64).ravel()
    p = p[~np.isnan(p)]
    if p.size == 0:
        raise SamplingError(
            "no held-out place has a percentile",
            remedy="check that the folds' regions contain cells with a score",
        )
    if p.min() < 0 or p.max() > 1:
        raise ValueError("percentiles must lie between 0 and 1")
    return p


def _class_edges(classes: int) -> Floats:
    if classes < 1:
        raise ValueError(f"at least 1 class of equal area is needed, not {classes}")
    return np.arange(1, classes + 1) / classes


def _by_class(area: Floats, captured: Floats) -> PredictionRate:
    share = np.diff(captured, prepend=0.0)
    return PredictionRate(area, captured, share, share * area.size)


_THRESHOLDS = 101  # points of the plot's two lines


@dataclass(frozen=True)
class Intersection:
    """Crossing of the lines: captured share, share of area, and threshold."""

    captured: float
    area: float
    threshold: float


@dataclass(frozen=True)
class PredictionArea:
    """Share of deposits and of area at or above each threshold, and where the two lines cross.

    The arrays are ``(101,)``, thresholds rising evenly. The axis of captured points up and that of
    area points down, so the lines cross where ``captured = 1 - area``.
    """

    threshold: Floats
    captured: Floats
    area: Floats
    intersection: Intersection

    @property
    def normalised_density(self) -> float:
        """``Nd``: captured share over share of area at the intersection; 1 is chance."""
        cross = self.intersection
        return cross.captured / cross.area if cross.area else math.inf

    @property
    def weight(self) -> float:
        """``ln Nd``: above 0 the map is better than chance, below 0 worse."""
        density = self.normalised_density
        return math.log(density) if density > 0 else -math.inf

    def as_dict(self) -> dict[str, Any]:
        """Lists and numbers by name."""
        return {
            "threshold": self.threshold.tolist(),
            "captured": self.captured.tolist(),
            "area": self.area.tolist(),
            "intersection": asdict(self.intersection),
            "normalised_density": self.normalised_density,
            "weight": self.weight,
        }


def prediction_area(score_map: ArrayLike, deposit_cells: ArrayLike) -> PredictionArea:
    """Prediction-area plot of a map (Yousefi & Carranza 2015, Comput. Geosci. 79, 69).

    ``score_map`` ``(rows, columns)``, higher is more like ore, NaN outside the map;
    ``deposit_cells`` ``(n, 2)`` row and column. The normalised density and its logarithm are those
    of Mihalasky & Bonham-Carter (2001, Nat. Resour. Res. 10, 209). The papers take the crossing
    from lines between a few classes; here it is exact, on the success-rate curve, and its threshold
    is the score of the last cell within that area. With training deposits the plot shows fit, not
    skill. Raises SamplingError where no deposit lies on the map.

    >>> plot = prediction_area([list(range(12, 0, -1))], [[0, 0], [0, 1], [0, 11]])
    >>> [round(v, 3) for v in (plot.intersection.captured, plot.normalised_density, plot.weight)]
    [0.667, 2.0, 0.693]
    """
    scores = np.asarray(score_map)
    at_deposits = scores_at(scores, deposit_cells)
    captured, area = _crossing(success_rate(scores, deposit_cells))
    cells = scores[~np.isnan(scores)]
    threshold = np.linspace(cells.min(), cells.max(), _THRESHOLDS)
    last = cells.size - max(1, math.ceil(area * cells.size - 1e-6))  # the cell that fills the area
    level = float(np.partition(cells, last)[last])
    return PredictionArea(
        threshold,
        _share_from(threshold, at_deposits),
        _share_from(threshold, cells),
        Intersection(captured, area, level),
    )


def prediction_area_of(percentiles: ArrayLike) -> PredictionArea:
    """Prediction-area plot of places ranked in their own held-out regions.

    ``percentiles`` ``(n,)``, NaN left out. The threshold is a percentile: a threshold ``t`` selects
    ``1 - t`` of every region. The captured share at the crossing is one minus the area there.
    Raises SamplingError where no place has a percentile.

    >>> prediction_area_of([0.95, 0.9, 0.85, 0.2]).intersection.captured
    0.75
    """
    known = known_percentiles(percentiles)
    captured, area = _crossing(held_out_curve(known))
    threshold = np.linspace(0, 1, _THRESHOLDS)
    return PredictionArea(
        threshold,
        _share_from(threshold, known),
        1 - threshold,
        Intersection(captured, area, captured),
    )


def _crossing(curve: Curve) -> tuple[float, float]:
    """Captured share and area at the one point where they add up to 1."""
    both = curve.area + curve.captured
    area = float(np.interp(1.0, both, curve.area))
    return 1 - area, area


def _share_from(threshold: NDArray[np.floating], values: NDArray[np.floating]) -> Floats:
    """Share of the values at or above each threshold."""
    below, _, known = outranked(threshold, values)
    return np.asarray(1 - below / known)
