"""Random forest."""

from __future__ import annotations

import numpy as np

from orecast.detectors._base import MOST_JOBS, MOST_TREES, Features, Floats, features, whole_number
from orecast.detectors._trees import Grown, Read, SupervisedTrees
from orecast.samples import Windows

REGISTERED = {"random-forest": "RandomForest"}


class RandomForest(SupervisedTrees):
    """Random forest on each cell's layers, or on its window's means and spreads too.

    Breiman, L. (2001), Random forests, Machine Learning 45, 5-32. ``trees`` are grown to leaves of
    at least ``leaf`` windows, classes weighted to balance; the score is the mean share of ore in
    the leaves. ``features`` "centre" reads a window's own cell, "window" adds each layer's mean and
    standard deviation over the window. ``jobs`` threads share the work and change no result.
    scikit-learn grows the trees; their nodes are what is saved.
    """

    def __init__(
        self,
        trees: int = 300,
        leaf: int = 1,
        features: Read = "centre",
        jobs: int = 2,
    ) -> None:
        self.trees = trees
        self.leaf = leaf
        self.features = features
        self.jobs = jobs

    def _check_options(self) -> None:
        whole_number(self.trees, "trees", MOST_TREES)
        whole_number(self.leaf, "leaf")
        whole_number(self.jobs, "jobs", MOST_JOBS)
        super()._check_options()

    def _grown(self, table: Features, y: Floats, state: int) -> list[Grown]:
        from sklearn.ensemble import RandomForestClassifier

        forest = RandomForestClassifier(
            n_estimators=self.trees,
            min_samples_leaf=self.leaf,
            class_weight="balanced",
            n_jobs=self.jobs,
            random_state=state,
        ).fit(table, y)
        return [
            Grown(t.children_left, t.children_right, t.feature, t.threshold, t.value[:, 0, 1])
            for t in (estimator.tree_ for estimator in forest.estimators_)
        ]

    def _score(self, X: Windows) -> Floats:
        total = self._sum_of_leaves(features(X, self.features), self.jobs)
        # A mean of shares may exceed one by a rounding.
        return np.clip(total / len(self.nodes_), 0.0, 1.0)
