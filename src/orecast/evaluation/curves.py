"""The success-rate curve: share of deposits captured against share of area."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from orecast.errors import SamplingError

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
    at_deposits = _scores_at(scores, deposit_cells)
    cells = scores[~np.isnan(scores)]
    cells.sort()
    levels, members = np.unique(at_deposits, return_counts=True)
    levels, members = levels[::-1], members[::-1]
    above = (cells.size - np.searchsorted(cells, levels, side="right")) / cells.size
    at_or_above = (cells.size - np.searchsorted(cells, levels, side="left")) / cells.size
    after = np.cumsum(members) / members.sum()
    before = np.concatenate([[0.0], after[:-1]])
    area = np.concatenate([[0.0], np.column_stack([above, at_or_above]).ravel(), [1.0]])
    captured = np.concatenate([[0.0], np.column_stack([before, after]).ravel(), [1.0]])
    fresh = np.concatenate([[True], (np.diff(area) > 0) | (np.diff(captured) > 0)])
    return Curve(area[fresh], captured[fresh])


def captured_at(curve: Curve, area: float) -> float:
    """Share of deposits captured within the best ``area`` (a share) of the map.

    >>> captured_at(Curve(np.array([0.0, 0.5, 1.0]), np.array([0.0, 1.0, 1.0])), 0.25)
    0.5
    """
    return float(np.interp(area, curve.area, curve.captured))


def _scores_at(scores: NDArray[np.floating], deposit_cells: ArrayLike) -> NDArray[np.floating]:
    """Scores at the deposits that lie on the map, ``(m,)``."""
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
