"""Random forest."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from orecast.detectors._base import Detector, Features, Floats, features, one_of, whole_number
from orecast.samples import Windows

if TYPE_CHECKING:
    from sklearn.ensemble import RandomForestClassifier

REGISTERED = {"random-forest": "RandomForest"}


class RandomForest(Detector):
    """Random forest on each cell's layers, or on its window's means and spreads too.

    Breiman, L. (2001), Random forests, Machine Learning 45, 5-32. ``trees`` are grown to leaves of
    at least ``leaf`` windows, classes weighted to balance; the score is the mean share of ore in
    the leaves. ``features`` "centre" reads a window's own cell, "window" adds each layer's mean and
    standard deviation over the window. ``jobs`` threads share the work and change no result. What
    is saved is the training table and the seed, from which the same forest is grown again.
    """

    table_: Features  # (n, n_features)
    labels_: Floats  # (n,)
    seed_: int

    def __init__(
        self,
        trees: int = 300,
        leaf: int = 1,
        features: Literal["centre", "window"] = "centre",
        jobs: int = 2,
    ) -> None:
        self.trees = trees
        self.leaf = leaf
        self.features = features
        self.jobs = jobs

    def _check_options(self, X: Windows) -> None:
        for option in ("trees", "leaf", "jobs"):
            whole_number(getattr(self, option), option)
        one_of(self.features, "features", ("centre", "window"))

    def _read(self, X: Windows) -> Windows:
        return X if self.features == "window" else super()._read(X)

    def _learn(self, X: Windows, y: Floats, seed: int) -> None:
        self.table_ = features(X, self.features)
        self.labels_ = y
        self.seed_ = seed
        self._rebuild()

    def _rebuild(self) -> None:
        from sklearn.ensemble import RandomForestClassifier

        state = int(np.random.SeedSequence(self.seed_).generate_state(1)[0])
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
