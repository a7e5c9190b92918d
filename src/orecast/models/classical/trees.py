"""Random forest and gradient boosting; trees are saved node by node."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from orecast.arrays import Floats, Floats32, Ints
from orecast.errors import ConfigError, ModelError
from orecast.kernels import compiled
from orecast.models.checks import (
    MOST_JOBS,
    MOST_TREES,
    require_count,
    require_number,
    require_one_of,
)
from orecast.models.classical._base import Detector, features
from orecast.sampling import Windows

REGISTERED = {
    "random-forest": "RandomForest",
    "gradient-boosting": "GradientBoosting",
}

Read = Literal["centre", "window"]
Counts = NDArray[np.uint32]
_compiled = compiled(nogil=True)
_SHARED_ROWS = 5000  # a forest of fewer rows is fitted faster by one thread
_ROWS_AT_ONCE = 256  # their values and positions in a tree fit the first-level cache


class FittedTree(NamedTuple):
    """One tree in a library's numbering, node 0 the root; ``left`` is negative at a leaf, ``(m,)``.

    A row whose value in ``column`` is at most ``threshold`` goes to ``left``, else to ``right``.
    """

    left: Ints
    right: Ints
    column: Ints
    threshold: Floats
    value: Floats


class TreeEnsemble(Detector):
    """Base of the ensembles of trees.

    A library fits the trees, and ``_keep`` converts them to arrays of nodes, for saving and
    scoring: one tree after another, each tree level by level from its root. So the children of a
    tree's j-th inner node, counted from 0, are its nodes 2 j + 1 and 2 j + 2, and need not be
    saved. Thresholds are rounded down to float32; for float32 rows the decisions stay the same.
    """

    nodes_: Counts  # (t,) of each tree
    column_: Counts  # (m,)
    threshold_: Floats32  # (m,), infinite at a leaf
    value_: Floats  # (m,), 0 except at a leaf
    columns_: int  # of the table that the trees were fitted to

    def _keep(self, trees: Iterable[FittedTree], columns: int) -> None:
        """Convert fitted trees to arrays."""
        nodes, column, threshold, value = [], [], [], []
        for tree in trees:
            order = _by_level(tree)
            leaf = tree.left[order] < 0
            nodes.append(len(order))
            column.append(np.where(leaf, 0, tree.column[order]))
            threshold.append(np.where(leaf, np.inf, tree.threshold[order]))
            value.append(np.where(leaf, tree.value[order], 0.0))
        self.nodes_ = np.array(nodes, dtype=np.uint32)
        self.column_ = np.concatenate(column).astype(np.uint32)
        self.threshold_ = _rounded_down(np.concatenate(threshold))
        self.value_ = np.concatenate(value)
        self.columns_ = columns
        self._rebuild()

    def _rebuild(self) -> None:
        """Number the children. Raises KeyError for a missing array, ValueError for no trees."""
        kinds = {"nodes_": "u4", "column_": "u4", "threshold_": "f4", "value_": "f8"}
        arrays: dict[str, NDArray[Any]] = {name: np.asarray(vars(self)[name]) for name in kinds}
        nodes, column, threshold, value = arrays.values()
        if not (
            all(array.ndim == 1 and array.dtype == kinds[name] for name, array in arrays.items())
            and len(nodes) > 0
            and nodes.min() > 0
            and len(column) == len(threshold) == len(value) == nodes.sum()
            and column.max() < vars(self)["columns_"]
            and (threshold > -np.inf).all()
            and np.isfinite(value).all()
        ):
            raise ValueError("its arrays are not those of trees")
        inner, here = np.isfinite(threshold), np.arange(len(threshold))
        root = np.cumsum(nodes, dtype=np.int64) - nodes
        tree = np.repeat(np.arange(len(nodes)), nodes)  # number of each node's tree
        # Before a node's children come those of all inner nodes before it, and the roots up to its
        # own tree's.
        left = np.where(inner, 2 * np.cumsum(inner) - 1 + tree, here)
        whole = 2 * np.add.reduceat(inner, root, dtype=np.int64) + 1 == nodes
        if not (whole.all() and (left > here)[inner].all()):
            raise ValueError("its trees are not whole")
        self._trees = _Trees(
            root.astype(np.uint32), column, threshold, left.astype(np.uint32), value
        )

    def _sum_of_leaves(self, rows: Floats32, threads: int = 1) -> Floats:
        """Sum over the trees, in their order, of the value of each row's leaf, ``(n,)``.

        ``rows`` are ``(n, columns_)`` without NaN. Threads share the rows and change no bit.
        """
        if rows.shape[1] != self.columns_:
            raise ModelError(
                f"was fitted on {self.columns_} columns, not on {rows.shape[1]}",
                where=type(self).__name__,
                remedy="give the same layers, of the same kinds",
            )
        rows = np.ascontiguousarray(rows, dtype=np.float32)
        total = np.zeros(len(rows))
        threads = max(1, min(threads, len(rows) // _ROWS_AT_ONCE))
        with ThreadPoolExecutor(threads) as pool:
            shares = (np.array_split(array, threads) for array in (rows, total))
            list(pool.map(lambda part, sums: _add_leaves(self._trees, part, sums), *shares))
        return total


class SupervisedTrees(TreeEnsemble):
    """Base of the ensembles of trees that are trained on labels.

    ``features`` "centre" reads a window's own cell, "window" adds each layer's mean and standard
    deviation over the window.
    """

    features: Read

    def _check_options(self) -> None:
        require_one_of("features", self.features, ("centre", "window"))

    def _read(self, X: Windows) -> Windows:
        return X if self.features == "window" else super()._read(X)

    def _learn(self, X: Windows, y: Floats, seed: int) -> None:
        table = features(X, self.features)
        state = int(np.random.SeedSequence(seed).generate_state(1)[0])
        self._keep(self._fit_trees(table, y, state), table.shape[1])

    @abstractmethod
    def _fit_trees(self, table: Floats32, y: Floats, state: int) -> list[FittedTree]:
        """Trees fitted to a table ``(n, n_features)`` and labels ``(n,)``."""


class _Trees(NamedTuple):
    """Nodes of all trees; a leaf is its own left child, and no value is above its threshold."""

    root: Counts  # (t,)
    column: Counts  # (m,)
    threshold: Floats32  # (m,)
    left: Counts  # (m,)
    value: Floats  # (m,)


@_compiled
def _add_leaves(trees, rows, total) -> None:  # type: ignore[no-untyped-def]
    """Add the leaves' values of all trees to ``total``, one tree after another.

    Rows go down a tree together, two levels at a time, without unpredictable branches. Rows that
    have reached a leaf are dropped.
    """
    node = np.empty(_ROWS_AT_ONCE, np.uint32)
    going = np.empty(_ROWS_AT_ONCE, np.uint32)  # rows not yet at a leaf, the first ``count``
    for first in range(0, len(rows), _ROWS_AT_ONCE):
        n = min(_ROWS_AT_ONCE, len(rows) - first)
        for root in trees.root:
            for row in range(n):
                node[row], going[row] = root, row
            count = n
            while count:
                kept = 0
                for place in range(count):
                    row = going[place]
                    child = _child(trees, rows, first + row, node[row])
                    grandchild = _child(trees, rows, first + row, child)
                    node[row] = grandchild
                    going[kept] = row
                    kept += grandchild != child
                count = kept
            for row in range(n):
                total[first + row] += trees.value[node[row]]


@_compiled
def _child(trees, rows, row, node):  # type: ignore[no-untyped-def]
    """Node below ``node`` for a row; unsigned, so numba needs no check for negative indices."""
    above = rows[row, trees.column[node]] > trees.threshold[node]
    return trees.left[node] + np.uint32(above)


def _by_level(tree: FittedTree) -> Ints:
    """Numbers of the nodes level by level, siblings together in the order of their parents."""
    levels = [np.zeros(1, dtype=np.int64)]
    while len(inner := levels[-1][tree.left[levels[-1]] >= 0]):
        levels.append(np.stack([tree.left[inner], tree.right[inner]], axis=1).ravel())
    return np.concatenate(levels)


def _rounded_down(threshold: Floats) -> Floats32:
    """The largest float32 that is not above each threshold.

    >>> _rounded_down(np.array([0.5, 0.1])).astype(float).tolist()
    [0.5, 0.09999999403953552]
    """
    nearest = threshold.astype(np.float32)
    below = np.nextafter(nearest, np.float32(-np.inf))
    return np.asarray(np.where(nearest > threshold, below, nearest))


class RandomForest(SupervisedTrees):
    """Random forest on each cell's layers, or on its window's means and spreads too.

    Breiman, L. (2001), Random forests, Machine Learning 45, 5-32. ``trees`` are grown to leaves of
    at least ``leaf`` windows, with equal total weight of both classes. The score is the mean share
    of ore in the leaves. ``features`` "centre" reads the own cell, "window" adds each layer's
    mean and standard deviation over the window. ``jobs`` threads share the work and change no
    result. scikit-learn fits the trees; their nodes are saved.
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
        require_count("trees", self.trees, MOST_TREES)
        require_count("leaf", self.leaf)
        require_count("jobs", self.jobs, MOST_JOBS)
        super()._check_options()

    def _fit_trees(self, table: Floats32, y: Floats, state: int) -> list[FittedTree]:
        from sklearn.ensemble import RandomForestClassifier

        forest = RandomForestClassifier(
            n_estimators=self.trees,
            min_samples_leaf=self.leaf,
            class_weight="balanced",
            n_jobs=self.jobs if len(table) >= _SHARED_ROWS else 1,
            random_state=state,
        ).fit(table, y)
        return [
            FittedTree(t.children_left, t.children_right, t.feature, t.threshold, t.value[:, 0, 1])
            for t in (estimator.tree_ for estimator in forest.estimators_)
        ]

    def _score(self, X: Windows) -> Floats:
        total = self._sum_of_leaves(features(X, self.features), self.jobs)
        # By rounding, a mean of shares may exceed one.
        return np.clip(total / len(self.nodes_), 0.0, 1.0)


class GradientBoosting(SupervisedTrees):
    """Gradient-boosted trees on each cell's layers, or on its window's means and spreads too.

    Friedman, J.H. (2001), Greedy function approximation: a gradient boosting machine, Annals of
    Statistics 29, 1189-1232; split on histograms, Ke, G. et al. (2017), LightGBM, NeurIPS 30.
    ``F = F_0 + rate Σ f_t``, each tree f_t fitted to the gradient of the logistic loss, with equal
    total weight of both classes. The score is ``1 / (1 + exp(-F))``. There are ``trees`` of at most
    ``leaves`` leaves of at least ``leaf`` windows. No windows are held out for early stopping: with
    few deposits that would be noise. ``features`` "centre" reads a window's own cell, "window" adds
    each layer's mean and standard deviation over the window. The seed has an effect only above
    200,000 rows: it draws the rows for the histograms' edges. scikit-learn fits the trees; their
    nodes are saved.
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
        require_count("trees", self.trees, MOST_TREES)
        for option in ("leaves", "leaf"):
            require_count(option, getattr(self, option))
        if self.leaves < 2:
            raise ConfigError("a tree has at least 2 leaves", where="model.options.leaves")
        require_number("rate", self.rate, 0, with_low=False)
        super()._check_options()

    def _fit_trees(self, table: Floats32, y: Floats, state: int) -> list[FittedTree]:
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
        # One thread is not slower on such small tables. On a busy machine several threads wait for
        # each other at every node and can take hundreds of times as long.
        with threadpool_limits(1, user_api="openmp"):
            machine.fit(table, y)
        # The trees have no public name.
        first = _leaf(float(machine._baseline_prediction.item()))
        return [first, *(_of_nodes(tree.nodes) for (tree,) in machine._predictors)]

    def _score(self, X: Windows) -> Floats:
        from scipy.special import expit

        return np.asarray(expit(self._sum_of_leaves(features(X, self.features))))


def _leaf(value: float) -> FittedTree:
    """A tree of one leaf: ``F_0``, the first term of the sum."""
    none = np.array([-1])
    return FittedTree(none, none, none, np.zeros(1), np.array([value]))


def _of_nodes(nodes: np.ndarray) -> FittedTree:
    left = np.where(nodes["is_leaf"], -1, nodes["left"].astype(np.int64))
    return FittedTree(
        left,
        nodes["right"].astype(np.int64),
        nodes["feature_idx"],
        nodes["num_threshold"],
        nodes["value"],
    )
