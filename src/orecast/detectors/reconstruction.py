"""Reconstruction by principal components."""

from __future__ import annotations

import numpy as np

from orecast.detectors._anomaly import (
    AnomalyDetector,
    need_share,
    principal_axes,
    squared_lengths,
)
from orecast.detectors._base import Floats, centre
from orecast.errors import ConfigError, ModelError
from orecast.samples import Windows

REGISTERED = {"pca-reconstruction": "PCAReconstruction"}


class PCAReconstruction(AnomalyDetector):
    """What the leading principal components leave unexplained of each cell's elements.

    Jackson, J.E. & Mudholkar, G.S. (1979), Control procedures for residuals associated with
    principal component analysis, Technometrics 21, 341-349. ``Q = Σ_{j > k} (zᵀ v_j)²``, z the
    standardised layers ``(p,)`` and v_j the axes of their covariance by falling variance; k is the
    fewest that hold the ``share`` of the variance, and at least one of the r axes along which the
    layers vary is left over. With ``robust`` layers are divided by their median absolute deviation,
    so that ore does not shrink its own layers, else by their standard deviation.

    The score is ``Q / (Q + q)``, q the mean of Q over the windows learned from. Needs no labels.
    Reads the element layers; all layers where there are none.
    """

    mean_: Floats  # (p,)
    residual_: Floats  # (p, r - k), v_j divided by the layers' spreads
    cutoff_: float  # q

    def __init__(self, share: float = 0.8, robust: bool = False) -> None:
        self.share = share
        self.robust = robust

    def _check_options(self) -> None:
        need_share(self.share, "share")
        if not isinstance(self.robust, bool):
            raise ConfigError(
                f"must be true or false, not {self.robust!r}", where="model.options.robust"
            )

    def _learn(self, X: Windows, y: Floats, seed: int) -> None:
        values = centre(X).astype(np.float64)
        axes = principal_axes(values, _median_spread(values, X.names) if self.robust else None)
        variances = axes.deviations**2
        held = np.cumsum(variances) / variances.sum()
        # Rounding may leave the whole sum short of a share of 1.
        k = min(int((held < self.share - 1e-12).sum()) + 1, len(variances) - 1)
        self.mean_ = axes.mean
        self.residual_ = axes.directions[:, k:] / axes.spread[:, None]
        self.cutoff_ = float(variances[k:].sum())

    def _score(self, X: Windows) -> Floats:
        squared = squared_lengths(centre(X) - self.mean_, self.residual_)
        return np.asarray(squared / (squared + self.cutoff_))


def _median_spread(values: Floats, names: tuple[str, ...]) -> Floats:
    """Median absolute deviation of each layer, ``(p,)``; a constant layer has a spread of 1.

    Scaled to the standard deviation of a normal distribution. Raises ModelError where it is zero in
    a layer that varies.
    """
    spread = np.median(np.abs(values - np.median(values, axis=0)), axis=0) * 1.4826
    varies = np.ptp(values, axis=0) > 0
    flat = np.flatnonzero(varies & (spread == 0))
    if flat.size:
        raise ModelError(
            "half of the windows hold one value, so that the median absolute deviation is zero",
            where=f"layer {names[flat[0]]}",
            remedy="leave the layer out (evidence.layers), or set model.options.robust = false",
        )
    return np.asarray(np.where(varies, spread, 1.0))
