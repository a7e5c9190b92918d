"""The prediction-area plot: where the captured share and the spared share of area cross."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from orecast.evaluation.curves import (
    Curve,
    held_out_curve,
    known_percentiles,
    scores_at,
    success_rate,
)
from orecast.evaluation.scores import outranked

Floats = NDArray[np.float64]

_THRESHOLDS = 101  # at which the plot's two lines are drawn


@dataclass(frozen=True)
class Intersection:
    """Where the lines cross: captured share, share of area, and the threshold that gives them."""

    captured: float
    area: float
    threshold: float


@dataclass(frozen=True)
class PredictionArea:
    """Share of deposits and of area at or above each threshold, and where the two lines cross.

    The arrays are ``(101,)``, thresholds rising evenly. Captured is read upwards and area
    downwards, so that the lines cross where ``captured = 1 - area``.
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
        """``ln Nd``: above 0 the map is worth something, below 0 it misleads."""
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
    of Mihalasky & Bonham-Carter (2001, Nat. Resour. Res. 10, 209). The papers read the crossing off
    lines drawn between a few classes; here it is exact, on the success-rate curve, and its
    threshold is the score of the last cell within that area. Of deposits the map has seen, all of
    it is fit, not skill. Raises SamplingError where no deposit lies on the map.

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
    """Prediction-area plot out of fold, of places ranked in their own held-out regions.

    ``percentiles`` ``(n,)``, NaN left out. The threshold is a percentile, and a threshold ``t``
    occupies ``1 - t`` of every region: the captured share at the crossing is one minus the area
    occupied there. Raises SamplingError where no place has a percentile.

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
    """Captured share and area where they add up to 1: once, as both rise."""
    both = curve.area + curve.captured
    area = float(np.interp(1.0, both, curve.area))
    return 1 - area, area


def _share_from(threshold: NDArray[np.floating], values: NDArray[np.floating]) -> Floats:
    """Share of the values at or above each threshold."""
    below, _, known = outranked(threshold, values)
    return np.asarray(1 - below / known)
