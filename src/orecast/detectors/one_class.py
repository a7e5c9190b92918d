"""One-class support-vector machine."""

from __future__ import annotations

import numpy as np

from orecast.detectors._anomaly import (
    AnomalyDetector,
    blocks,
    need_more_windows,
    need_share,
    positive_number,
    sampled,
    standardisation,
)
from orecast.detectors._base import Floats, centre, whole_number
from orecast.errors import ModelError
from orecast.samples import Windows

REGISTERED = {"one-class-svm": "OneClassSVM"}

_KERNEL_VALUES_AT_ONCE = 2**20


class OneClassSVM(AnomalyDetector):
    """One-class support-vector machine: how far a cell's elements lie off the common ones.

    Schölkopf, B. et al. (2001), Estimating the support of a high-dimensional distribution, Neural
    Computation 13, 1443-1471. With the kernel ``k(x, z) = exp(-gamma |x - z|²)`` on standardised
    layers, ``f(x) = Σ a_i k(x, x_i)`` over the m support vectors x_i ``(m, p)``, whose weights a
    ``(m,)`` sum to 1; f is below the threshold ρ for at most the share ``nu`` of the windows.
    ``gamma`` is 1 / p when left out.

    The score is ``u / (u + v)`` with u = -ln f(x) and v = -ln ρ: above 0.5 lies what is outside the
    support. It falls with f everywhere, also where f is too small for a number.

    At most ``rows`` windows, drawn by the seed, are learned from. Needs no labels. Reads the
    element layers; all layers where there are none.
    """

    mean_: Floats  # (p,)
    spread_: Floats  # (p,)
    vectors_: Floats  # (m, p), standardised
    weights_: Floats  # (m,)
    width_: float  # gamma
    threshold_: float  # -ln ρ

    def __init__(self, nu: float = 0.1, gamma: float | None = None, rows: int = 4096) -> None:
        self.nu = nu
        self.gamma = gamma
        self.rows = rows

    def _check_options(self) -> None:
        need_share(self.nu, "nu", highest=0.99)
        if self.gamma is not None:
            positive_number(self.gamma, "gamma")
        whole_number(self.rows, "rows")

    def _learn(self, X: Windows, y: Floats, seed: int) -> None:
        from sklearn.svm import OneClassSVM as Machine

        values = sampled(X, self.rows, seed)
        need_more_windows(values, 1)
        self.mean_, self.spread_ = standardisation(values)
        self.width_ = 1 / values.shape[1] if self.gamma is None else float(self.gamma)
        standard = (values - self.mean_) / self.spread_
        machine = Machine(nu=self.nu, gamma=self.width_, tol=1e-6).fit(standard)
        total = machine.dual_coef_.sum()
        self.vectors_ = machine.support_vectors_
        self.weights_ = machine.dual_coef_[0] / total
        self.threshold_ = -float(np.log(machine.offset_[0] / total))
        if not self.threshold_ > 0:
            raise ModelError(
                "the kernel is so wide that all windows look alike",
                where="model.options.gamma",
                remedy="give a larger gamma, or leave it out",
            )

    def _score(self, X: Windows) -> Floats:
        values = (centre(X) - self.mean_) / self.spread_
        size = max(1, _KERNEL_VALUES_AT_ONCE // len(self.vectors_))
        parts = [self._depth(values[rows]) for rows in blocks(len(values), size)]
        u = np.maximum(np.concatenate(parts), 0)  # weights may sum to more than 1 by a rounding
        return np.asarray(u / (u + self.threshold_))

    def _depth(self, values: Floats) -> Floats:
        """``-ln f`` of standardised values, ``(n,)``; the nearest vector's share is taken out."""
        from scipy.spatial.distance import cdist

        exponents = self.width_ * cdist(values, self.vectors_, "sqeuclidean")  # (n, m)
        nearest = exponents.min(axis=1)
        kernels = np.exp(nearest[:, None] - exponents)
        return np.asarray(nearest - np.log((kernels * self.weights_).sum(axis=1)))
