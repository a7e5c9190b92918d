"""Success-rate and prediction-rate curves, and the prediction-area plot."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from orecast.arrays import Floats
from orecast.errors import SamplingError
from orecast.metrics.results import Curve, Intersection, PredictionArea, PredictionRate
from orecast.metrics.scores import outranked


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
    if classes < 1:
        raise ValueError(f"at least 1 class of equal area is needed, not {classes}")
    area = np.arange(1, classes + 1) / classes
    curve = success_rate(score_map, deposit_cells)
    captured = np.interp(area, curve.area, curve.captured)
    share = np.diff(captured, prepend=0.0)
    return PredictionRate(area, captured, share, share * classes)


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


_THRESHOLDS = 101  # points of the plot's two lines


def prediction_area_of(percentiles: ArrayLike) -> PredictionArea:
    """Prediction-area plot of places ranked in their own held-out regions.

    After Yousefi & Carranza (2015, Comput. Geosci. 79, 69). The normalised density and its
    logarithm are those of Mihalasky & Bonham-Carter (2001, Nat. Resour. Res. 10, 209). The papers
    take the crossing from lines between a few classes; here it is exact, on the success-rate curve.

    ``percentiles`` ``(n,)``, NaN left out. The threshold is a percentile: a threshold ``t`` selects
    ``1 - t`` of every region. The captured share at the crossing is one minus the area there.
    Raises SamplingError where no place has a percentile.

    >>> prediction_area_of([0.95, 0.9, 0.85, 0.2]).intersection.captured
    0.75
    """
    known = known_percentiles(percentiles)
    curve = held_out_curve(known)
    area = float(np.interp(1.0, curve.area + curve.captured, curve.area))  # both add up to 1
    captured = 1 - area
    threshold = np.linspace(0, 1, _THRESHOLDS)
    below, _, count = outranked(threshold, known)
    return PredictionArea.at(
        Intersection(captured, area, captured),
        threshold=threshold,
        captured=1 - below / count,
        area=1 - threshold,
    )
