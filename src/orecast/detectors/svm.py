"""Support-vector classifier."""

from __future__ import annotations

import numpy as np

from orecast.detectors._anomaly import blocks, positive_number, standardisation
from orecast.detectors._base import Detector, Floats, centre
from orecast.samples import Windows

REGISTERED = {"svm": "SupportVectors"}

_KERNEL_VALUES_AT_ONCE = 2**20


class SupportVectors(Detector):
    """Support-vector machine: on which side of the widest margin a cell's layers lie.

    Cortes, C., Vapnik, V. (1995), Support-vector networks, Machine Learning 20, 273-297. With the
    kernel ``k(x, z) = exp(-gamma |x - z|²)`` on layers standardised on the training windows,
    ``f(x) = b + Σ a_i k(x, x_i)`` over the m support vectors x_i ``(m, p)``, weighed by a ``(m,)``.
    ``cost`` is that of a window within the margin or beyond, divided between the classes to
    balance; ``gamma`` is 1 / p when left out.

    The score is ``1 / (1 + exp(-f))``: it ranks as f does, and 0.5 is the boundary. It is no
    probability; Platt's calibration is left to the validation, which fits it on held-out scores.
    Far from all support vectors f is b, and cells there tie.
    """

    mean_: Floats  # (p,)
    spread_: Floats  # (p,)
    vectors_: Floats  # (m, p), standardised
    weights_: Floats  # (m,), above 0 for ore
    intercept_: float
    width_: float  # gamma

    def __init__(self, cost: float = 1.0, gamma: float | None = None) -> None:
        self.cost = cost
        self.gamma = gamma

    def _check_options(self) -> None:
        positive_number(self.cost, "cost")
        if self.gamma is not None:
            positive_number(self.gamma, "gamma")

    def _learn(self, X: Windows, y: Floats, seed: int) -> None:
        from sklearn.svm import SVC

        values = centre(X).astype(np.float64)
        self.mean_, self.spread_ = standardisation(values)
        self.width_ = 1 / values.shape[1] if self.gamma is None else float(self.gamma)
        machine = SVC(C=self.cost, gamma=self.width_, class_weight="balanced")
        machine.fit((values - self.mean_) / self.spread_, y)
        self.vectors_ = machine.support_vectors_
        self.weights_ = machine.dual_coef_[0]
        self.intercept_ = float(machine.intercept_[0])

    def _score(self, X: Windows) -> Floats:
        from scipy.special import expit

        values = (centre(X) - self.mean_) / self.spread_
        size = max(1, _KERNEL_VALUES_AT_ONCE // len(self.vectors_))
        parts = [self._decision(values[rows]) for rows in blocks(len(values), size)]
        return np.asarray(expit(np.concatenate(parts)))

    def _decision(self, values: Floats) -> Floats:
        """``f`` of standardised values, ``(n,)``."""
        from scipy.spatial.distance import cdist

        kernels = np.exp(-self.width_ * cdist(values, self.vectors_, "sqeuclidean"))  # (n, m)
        # Not a matrix product, whose rounding follows the number of rows.
        return np.asarray((kernels * self.weights_).sum(axis=1) + self.intercept_)
