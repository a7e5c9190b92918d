"""Logistic regression."""

from __future__ import annotations

import numpy as np

from orecast.detectors._base import Detector, Floats, centre
from orecast.errors import ConfigError
from orecast.samples import Windows

REGISTERED = {"logistic-regression": "LogisticRegression"}


class LogisticRegression(Detector):
    """Logistic regression with an L2 penalty on each cell's layers.

    Cox, D.R. (1958), The regression analysis of binary sequences, JRSS B 20, 215-242. ``strength``
    is that of the penalty on standardised layers, 1 by default; classes are weighted to balance.
    The windows' layers are standardised once more on the training windows, so that the penalty
    means the same whatever their scaling.
    """

    mean_: Floats  # (n_layers,)
    spread_: Floats  # (n_layers,)
    weights_: Floats  # (n_layers,)
    intercept_: float

    def __init__(self, strength: float = 1.0) -> None:
        self.strength = strength

    def _check_options(self) -> None:
        if not isinstance(self.strength, int | float) or not 0 < self.strength < np.inf:
            raise ConfigError(
                f"must be a positive number, not {self.strength!r}",
                where="model.options.strength",
            )

    def _learn(self, X: Windows, y: Floats, seed: int) -> None:
        from sklearn.linear_model import LogisticRegression as Regression

        values = centre(X).astype(np.float64)
        spread = values.std(axis=0)
        self.mean_ = values.mean(axis=0)
        self.spread_ = np.where(spread > 0, spread, 1.0)
        regression = Regression(C=1 / self.strength, class_weight="balanced", max_iter=1000)
        regression.fit((values - self.mean_) / self.spread_, y)
        self.weights_ = regression.coef_[0]
        self.intercept_ = float(regression.intercept_[0])

    def _score(self, X: Windows) -> Floats:
        from scipy.special import expit

        # Not a matrix product, whose rounding follows the number of rows.
        logit = (((centre(X) - self.mean_) / self.spread_) * self.weights_).sum(axis=1)
        return np.asarray(expit(logit + self.intercept_))
