"""Area of applicability: map cells that are similar to the training cells of the model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree
from scipy.spatial.distance import cdist

from orecast.arrays import Floats
from orecast.errors import SamplingError
from orecast.evidence import Evidence
from orecast.mapping.rasters import by_tiles
from orecast.sampling import Windows
from orecast.validation import Fitted

_DISTANCES_AT_ONCE = 2**22  # 32 MiB


@dataclass(frozen=True)
class Applicability:
    """Dissimilarity of each cell from the training points, and the limit of the area.

    ``di`` is the dissimilarity index, float32, of the cells' shape, NaN where unknown. 0: the cell
    equals a training point. 1: its distance to the nearest training point is the mean distance
    between training points. ``threshold`` is the largest index inside the area; there the scores of
    validation apply.
    """

    di: NDArray[np.float32]
    threshold: float

    @property
    def inside(self) -> NDArray[np.bool_]:
        """Whether each cell is in the area of applicability; cells without an index are not."""
        return np.asarray(self.di <= np.float32(self.threshold))

    @property
    def share(self) -> float:
        """Share of the cells with an index that are inside; NaN if no cell has an index."""
        known = int(np.sum(~np.isnan(self.di)))
        return int(np.sum(self.inside)) / known if known else float("nan")

    def as_dict(self) -> dict[str, Any]:
        """Return the numbers for ``metrics.json``."""
        known = self.di[~np.isnan(self.di)]
        return {
            "threshold": self.threshold,
            "share_inside": self.share,
            "median_dissimilarity": float(np.median(known)) if known.size else float("nan"),
        }


@dataclass(frozen=True)
class TrainingSpace:
    """Training points in the space of standardised and weighted predictors.

    ``mean`` and ``factor`` ``(p,)`` transform values into that space; ``tree`` holds the points.
    ``unit`` is the mean distance between points, ``di`` ``(n,)`` each point's dissimilarity from
    the points of other folds, ``threshold`` the upper whisker of ``di``.
    """

    mean: Floats
    factor: Floats
    tree: cKDTree
    unit: float
    di: Floats
    threshold: float

    @classmethod
    def of(
        cls,
        training: ArrayLike,
        *,
        weights: ArrayLike | None = None,
        folds: ArrayLike | None = None,
    ) -> Self:
        r"""Fit to training points ``(n, p)``.

        .. math:: DI_k = \min_i d(k, i) / \bar d

        with :math:`d` the Euclidean distance of predictors that are standardised on the training
        points and multiplied by their weights, and :math:`\bar d` the mean distance between two
        training points. The threshold is the upper whisker of the training points' own indices,
        each computed to the nearest point of another fold; so outliers are left out.

        H. Meyer, E. Pebesma (2021), Predicting into unknown space? Estimating the area of
        applicability of spatial prediction models, Methods in Ecology and Evolution 12, 1620-1633.

        ``weights`` ``(p,)`` may be permutation importances; negative ones count as 0; by default
        all are equal. Points of one fold in ``folds`` ``(n,)``, such as slid copies of one place,
        are not compared; by default every point is its own fold. A predictor that is constant in
        training is ignored. Raises SamplingError if there are fewer than two points or folds, a
        training value is missing, the weights do not fit, or all training points are equal.

        >>> space = TrainingSpace.of([[0.0], [1.0], [2.0]])
        >>> space.dissimilarity([[1.0], [2.5], [8.0]]).tolist(), space.threshold
        ([0.0, 0.375, 4.5], 0.75)
        """
        values = np.asarray(training, dtype=np.float64)
        _require_finite(values)
        mean, spread = values.mean(axis=0), values.std(axis=0, ddof=1)
        varies = spread > 1e-9 * np.maximum(1.0, np.abs(mean))
        factor = np.where(varies, _weights(weights, len(mean)) / np.where(varies, spread, 1), 0.0)
        points = (values - mean) * factor
        fold = np.arange(len(points)) if folds is None else np.asarray(folds)
        unit, nearest = _distances(points, fold)
        di = nearest / unit
        return cls(mean, factor, cKDTree(points), unit, di, upper_whisker(di))

    def dissimilarity(self, cells: ArrayLike) -> NDArray[np.float32]:
        """Dissimilarity index of cells ``(m, p)``, ``(m,)``; NaN where a value is missing."""
        points = (np.asarray(cells, dtype=np.float64) - self.mean) * self.factor
        known = np.isfinite(points).all(axis=1)
        di = np.full(len(points), np.nan, dtype=np.float32)
        di[known] = self.tree.query(points[known], workers=-1)[0] / self.unit
        return di


def map_applicability(
    fitted: Fitted,
    evidence: Evidence,
    *,
    weights: ArrayLike | None = None,
    folds: ArrayLike | None = None,
    tile: int = 256,
    progress: Callable[[str, int, int], None] | None = None,
) -> Applicability:
    """Area of applicability of a fitted recipe over the map, tile by tile.

    See ``TrainingSpace.of``. The predictors are the cell's own values of the layers that the model
    reads, screened and scaled; the rest of the window is not used. ``folds`` ``(n,)`` are those of
    ``fitted.rows``; by default slid copies of one place are one fold. The index is NaN where the
    evidence is.
    """
    own = fitted.rows.origin if folds is None else folds
    space = TrainingSpace.of(fitted.windows.centre(), weights=weights, folds=own)
    return map_dissimilarity(space, fitted.windows, evidence, tile=tile, progress=progress)


def map_dissimilarity(
    space: TrainingSpace,
    windows: Windows,
    evidence: Evidence,
    *,
    tile: int = 256,
    progress: Callable[[str, int, int], None] | None = None,
) -> Applicability:
    """Area of applicability of training places over a map, of the same area or another.

    ``windows`` hold the map's layers with the scaling of the training places. The index is NaN
    where the evidence is.
    """
    visible = replace(windows, hidden=None)
    di = by_tiles(
        evidence,
        lambda cells: space.dissimilarity(visible.at_cells(cells).centre()),
        tile,
        progress,
    )
    return Applicability(di, space.threshold)


def upper_whisker(values: ArrayLike) -> float:
    """Return the largest value up to the third quartile and 1.5 times the interquartile range.

    >>> upper_whisker([1.0, 2.0, 3.0, 4.0, 100.0])
    4.0
    """
    found = np.asarray(values, dtype=np.float64)
    low, high = np.quantile(found, [0.25, 0.75])
    return float(found[found <= high + 1.5 * (high - low)].max())


def _distances(points: Floats, fold: NDArray[Any]) -> tuple[float, Floats]:
    """Mean distance between two points, and each point's distance to the nearest other fold."""
    n = len(points)
    if fold.shape != (n,) or len(np.unique(fold)) < 2:
        raise SamplingError(
            f"{n} training points have {len(np.unique(fold))} folds: each point needs a fold, and "
            "there must be at least 2 folds",
            remedy="give more folds, or add training places",
        )
    total, nearest = 0.0, np.empty(n)
    step = max(1, _DISTANCES_AT_ONCE // n)
    for start in range(0, n, step):
        rows = slice(start, start + step)
        between = cdist(points[rows], points)
        total += float(between.sum())
        between[fold[rows, None] == fold] = np.inf
        nearest[rows] = between.min(axis=1)
    if total == 0:
        raise SamplingError(
            "all training points have the same values, so their distances are 0",
            remedy="add training places or other layers",
        )
    return total / (n * (n - 1)), nearest


def _weights(weights: ArrayLike | None, p: int) -> Floats:
    if weights is None:
        return np.ones(p)
    given = np.asarray(weights, dtype=np.float64)
    if given.shape != (p,) or not np.isfinite(given).all() or not (given > 0).any():
        raise SamplingError(
            f"{p} predictors need {p} finite weights, at least one above 0, not {given.tolist()}",
            remedy="give one weight for each predictor",
        )
    return np.maximum(given, 0.0)


def _require_finite(values: Floats) -> None:
    if values.ndim != 2 or len(values) < 2:
        raise SamplingError(
            f"distances need at least 2 training points, not an array of shape {values.shape}",
            remedy="give at least two points, one row each",
        )
    gaps = int((~np.isfinite(values).all(axis=1)).sum())
    if gaps:
        raise SamplingError(
            f"{gaps} of {len(values)} training points have missing values",
            remedy="leave them out, or pass windows with a scaling, which fills missing values",
        )
