"""Robust Mahalanobis distance."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np

from orecast.detectors._anomaly import (
    AnomalyDetector,
    Axes,
    need_more_windows,
    need_share,
    principal_axes,
    sampled,
    squared_lengths,
)
from orecast.detectors._base import Floats, centre, whole_number
from orecast.errors import ModelError
from orecast.samples import Windows

if TYPE_CHECKING:
    from sklearn.covariance import MinCovDet

REGISTERED = {"mahalanobis": "Mahalanobis"}

_FLAT = 1e-10  # of the variance along an axis: more than float32 rounding, less than any layer's


class Mahalanobis(AnomalyDetector):
    """Robust Mahalanobis distance of each cell's elements from the background.

    ``d² = (x - m)ᵀ P (x - m)``, with m ``(p,)`` and P ``(p, p)`` the location and the precision of
    the ``support`` share of windows whose covariance has the least determinant, reweighted once:
    Rousseeuw, P.J. & Van Driessen, K. (1999), A fast algorithm for the minimum covariance
    determinant estimator, Technometrics 41, 212-223. Filzmoser, P., Garrett, R.G. & Reimann, C.
    (2005), Multivariate outlier detection in exploration geochemistry, Computers & Geosciences 31,
    579-587. Ore that is rare does not widen the background that it is measured by.

    Centred log-ratios are singular: the layers are first turned to the r axes along which they
    vary, where the estimate has full rank, and P is zero along the rest. The score is
    ``d² / (d² + q)``, q the 97.5 % quantile of χ² with r degrees of freedom: above 0.5 lies an
    outlier by the usual rule, and far outliers do not tie as they do in the χ² distribution.

    At most ``rows`` windows, drawn by the seed, are learned from. Needs no labels. Reads the
    element layers; all layers where there are none.
    """

    location_: Floats  # (p,)
    whitening_: Floats  # (p, r), P is whitening_ @ whitening_.T
    cutoff_: float  # q

    def __init__(self, support: float = 0.5, rows: int = 4096) -> None:
        self.support = support
        self.rows = rows

    @property
    def precision(self) -> Floats:
        """P, ``(p, p)``."""
        return np.asarray(self.whitening_ @ self.whitening_.T)

    def _check_options(self) -> None:
        need_share(self.support, "support", lowest=0.5, highest=1.0)
        whole_number(self.rows, "rows")

    def _learn(self, X: Windows, y: Floats, seed: int) -> None:
        from scipy.stats import chi2

        values = sampled(X, self.rows, seed)
        axes = principal_axes(values)
        rank = len(axes.deviations)
        need_more_windows(values, int(np.ceil((rank + 1) / self.support)) - 1)
        whitening = axes.directions / axes.spread[:, None] / axes.deviations
        estimate = self._estimate((values - axes.mean) @ whitening, seed)
        _refuse_plane(estimate, axes, X.names, self.support)
        along = (axes.directions * axes.deviations) @ estimate.location_
        self.location_ = axes.mean + axes.spread * along
        self.whitening_ = whitening @ np.linalg.cholesky(estimate.precision_)
        self.cutoff_ = float(chi2(rank).ppf(0.975))

    def _estimate(self, values: Floats, seed: int) -> MinCovDet:
        """Minimum covariance determinant of values of full rank, ``(n, r)``.

        On one thread: it takes thousands of steps on matrices of r rows, and threads wait for
        one another at each, on a busy machine for most of the time. n alone bounds the number of
        steps, so that ``rows`` and r bound the time.
        """
        from sklearn.covariance import MinCovDet
        from threadpoolctl import threadpool_limits

        state = int(np.random.SeedSequence([seed, 1]).generate_state(1)[0])
        with threadpool_limits(1, user_api="blas"), warnings.catch_warnings():
            # They speak of single subsets; the estimate itself is judged afterwards.
            warnings.simplefilter("ignore")
            try:
                return MinCovDet(support_fraction=self.support, random_state=state).fit(values)
            except ValueError as error:  # all in one point
                raise _plane(self.support, None) from error

    def _score(self, X: Windows) -> Floats:
        squared = squared_lengths(centre(X) - self.location_, self.whitening_)
        return np.asarray(squared / (squared + self.cutoff_))


def _refuse_plane(estimate: MinCovDet, axes: Axes, names: tuple[str, ...], support: float) -> None:
    """Refuse a background that does not vary along some direction, naming the layer most in it."""
    variances, directions = np.linalg.eigh(estimate.raw_covariance_)
    if variances[0] > _FLAT:
        return
    weights = axes.directions @ (directions[:, 0] / axes.deviations)
    raise _plane(support, names[int(np.argmax(np.abs(weights)))])


def _plane(support: float, layer: str | None) -> ModelError:
    return ModelError(
        f"layers are constant, or follow from one another, in {100 * support:.0f} % of the "
        "windows, so that any other window would be infinitely far",
        where=None if layer is None else f"layer {layer}",
        remedy="leave such layers out (evidence.layers), or raise model.options.support",
    )
