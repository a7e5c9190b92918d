"""Gradient boosting."""

from __future__ import annotations

import numpy as np

from orecast.detectors._anomaly import positive_number
from orecast.detectors._base import MOST_TREES, Features, Floats, features, whole_number
from orecast.detectors._trees import Grown, Read, SupervisedTrees
from orecast.errors import ConfigError
from orecast.samples import Windows

REGISTERED = {"gradient-boosting": "GradientBoosting"}


class GradientBoosting(SupervisedTrees):
    """Gradient-boosted trees on each cell's layers, or on its window's means and spreads too.

    Friedman, J.H. (2001), Greedy function approximation: a gradient boosting machine, Annals of
    Statistics 29, 1189-1232; split on histograms, Ke, G. et al. (2017), LightGBM, NeurIPS 30.
    ``F = F_0 + rate Σ f_t``, each tree f_t fitted to the gradient of the logistic loss, classes
    weighted to balance; the score is ``1 / (1 + exp(-F))``. There are ``trees`` of at most
    ``leaves`` leaves of at least ``leaf`` windows; none is held out to stop early, which is noise
    with few deposits. ``features`` "centre" reads a window's own cell, "window" adds each layer's
    mean and standard deviation over the window. The seed matters above 200,000 rows alone, of which
    it draws those that set the histograms' edges. scikit-learn grows the trees; their nodes are
    what is saved.
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

    def _check_options(self) -> None:
        whole_number(self.trees, "trees", MOST_TREES)
        for option in ("leaves", "leaf"):
            whole_number(getattr(self, option), option)
        if self.leaves < 2:
            raise ConfigError("a tree has at least 2 leaves", where="model.options.leaves")
        positive_number(self.rate, "rate")
        super()._check_options()

    def _grown(self, table: Features, y: Floats, state: int) -> list[Grown]:
        from sklearn.ensemble import HistGradientBoostingClassifier
        from threadpoolctl import threadpool_limits

        machine = HistGradientBoostingClassifier(
            max_iter=self.trees,
            learning_rate=self.rate,
            max_leaf_nodes=self.leaves,
            min_samples_leaf=self.leaf,
            class_weight="balanced",
            early_stopping=False,
            random_state=state,
        )
        # One thread is no slower on tables this small. Where a machine has anything else to do,
        # threads wait for each other at every node of every tree, and take hundreds of times as
        # long.
        with threadpool_limits(1, user_api="openmp"):
            machine.fit(table, y)
        # No public name leads to the trees.
        first = _leaf(float(machine._baseline_prediction.item()))
        return [first, *(_of_nodes(tree.nodes) for (tree,) in machine._predictors)]

    def _score(self, X: Windows) -> Floats:
        from scipy.special import expit

        return np.asarray(expit(self._sum_of_leaves(features(X, self.features))))


def _leaf(value: float) -> Grown:
    """A tree of one leaf: ``F_0``, which is added first."""
    none = np.array([-1])
    return Grown(none, none, none, np.zeros(1), np.array([value]))


def _of_nodes(nodes: np.ndarray) -> Grown:
    left = np.where(nodes["is_leaf"], -1, nodes["left"].astype(np.int64))
    return Grown(
        left,
        nodes["right"].astype(np.int64),
        nodes["feature_idx"],
        nodes["num_threshold"],
        nodes["value"],
    )
