"""Random forest."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from orecast.detectors._base import Floats, features, whole_number
from orecast.detectors._trees import Read, TreeEnsemble
from orecast.samples import Windows

if TYPE_CHECKING:
    from sklearn.ensemble import RandomForestClassifier

REGISTERED = {"random-forest": "RandomForest"}


class RandomForest(TreeEnsemble):
    """Random forest on each cell's layers, or on its window's means and spreads too.

    Breiman, L. (2001), Random forests, Machine Learning 45, 5-32. ``trees`` are grown to leaves of
    at least ``leaf`` windows, classes weighted to balance; the score is the mean share of ore in
    the leaves. ``features`` "centre" reads a window's own cell, "window" adds each layer's mean and
    standard deviation over the window. ``jobs`` threads share the work and change no result. What
    is saved is the training table and the seed, from which the same forest is grown again.
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

    def _check_options(self, X: Windows) -> None:
        for option in ("trees", "leaf", "jobs"):
            whole_number(getattr(self, option), option)
        super()._check_options(X)

    def _grow(self, state: int) -> None:
        from sklearn.ensemble import RandomForestClassifier

        self._forest: RandomForestClassifier = RandomForestClassifier(
            n_estimators=self.trees,
            min_samples_leaf=self.leaf,
            class_weight="balanced",
            n_jobs=self.jobs,
            random_state=state,
        ).fit(self.table_, self.labels_)

    def _score(self, X: Windows) -> Floats:
        table = np.ascontiguousarray(features(X, self.features), dtype=np.float32)
        shares = [rows for rows in np.array_split(table, self.jobs) if len(rows)]
        with ThreadPoolExecutor(self.jobs) as pool:
            scores = list(pool.map(self._mean_of_trees, shares))
        # A mean of shares may exceed one by a rounding.
        return np.clip(np.concatenate(scores), 0.0, 1.0)

    def _mean_of_trees(self, rows: NDArray[np.float32]) -> Floats:
        """Threads share the rows, not the trees: the forest's own add trees as they finish,
        which moves the last bits.
        """
        total = np.zeros(len(rows))
        for tree in self._forest.estimators_:
            total += tree.predict_proba(rows, check_input=False)[:, 1]
        return total / len(self._forest.estimators_)
