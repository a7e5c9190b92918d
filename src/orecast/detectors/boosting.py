"""Gradient boosting."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from orecast.detectors._anomaly import positive_number
from orecast.detectors._base import Floats, features, whole_number
from orecast.detectors._trees import Read, TreeEnsemble
from orecast.errors import ConfigError
from orecast.samples import Windows

if TYPE_CHECKING:
    from sklearn.ensemble import HistGradientBoostingClassifier

REGISTERED = {"gradient-boosting": "GradientBoosting"}


class GradientBoosting(TreeEnsemble):
    """Gradient-boosted trees on each cell's layers, or on its window's means and spreads too.

    Friedman, J.H. (2001), Greedy function approximation: a gradient boosting machine, Annals of
    Statistics 29, 1189-1232; split on histograms, Ke, G. et al. (2017), LightGBM, NeurIPS 30.
    ``F = F_0 + rate Σ f_t``, each tree f_t fitted to the gradient of the logistic loss, classes
    weighted to balance; the score is ``1 / (1 + exp(-F))``. There are ``trees`` of at most
    ``leaves`` leaves of at least ``leaf`` windows; none is held out to stop early, which is noise
    with few deposits. ``features`` "centre" reads a window's own cell, "window" adds each layer's
    mean and standard deviation over the window. What is saved is the training table
    ``(n, n_features)`` and the seed, from which the same trees are grown again; the seed matters
    above 200,000 rows alone, of which it draws those that set the histograms' edges.
    """

    def __init__(
        self,
        trees: int = 100,
        rate: float = 0.1,
        leaves: int = 15,
        leaf: int = 5,
        features: Read = "centre",
    ) -> None:
        self.trees = trees
        self.rate = rate
        self.leaves = leaves
        self.leaf = leaf
        self.features = features

    def _check_options(self, X: Windows) -> None:
        for option in ("trees", "leaves", "leaf"):
            whole_number(getattr(self, option), option)
        if self.leaves < 2:
            raise ConfigError("a tree has at least 2 leaves", where="model.options.leaves")
        positive_number(self.rate, "rate")
        super()._check_options(X)

    def _grow(self, state: int) -> None:
        from sklearn.ensemble import HistGradientBoostingClassifier

        machine = HistGradientBoostingClassifier(
            max_iter=self.trees,
            learning_rate=self.rate,
            max_leaf_nodes=self.leaves,
            min_samples_leaf=self.leaf,
            class_weight="balanced",
            early_stopping=False,
            random_state=state,
        )
        with _one_thread():
            self._machine: HistGradientBoostingClassifier = machine.fit(self.table_, self.labels_)

    def _score(self, X: Windows) -> Floats:
        table = features(X, self.features)
        with _one_thread():
            scores: Floats = self._machine.predict_proba(table)[:, 1]
        return scores


def _one_thread() -> AbstractContextManager[object]:
    """OpenMP on one thread: no slower on tables this small, and never stalled by other work.

    On a machine that has anything else to do, threads wait for each other at every node of every
    tree, and take hundreds of times as long.
    """
    from threadpoolctl import threadpool_limits

    limits: AbstractContextManager[object] = threadpool_limits(1, user_api="openmp")
    return limits
