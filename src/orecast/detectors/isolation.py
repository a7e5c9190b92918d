"""Isolation forest."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from orecast.detectors._anomaly import (
    AnomalyDetector,
    need_more_windows,
    sampled,
    standardisation,
)
from orecast.detectors._base import MOST_TREES, Floats, centre, whole_number
from orecast.detectors._trees import Grown, TreeEnsemble
from orecast.samples import Windows

REGISTERED = {"isolation-forest": "IsolationForest"}


class IsolationForest(AnomalyDetector, TreeEnsemble):
    """Isolation forest: how few random cuts set a cell's elements apart from the others'.

    Liu, F.T., Ting, K.M. & Zhou, Z.-H. (2008), Isolation forest, ICDM 2008, 413-422. ``trees`` are
    grown on ``sample`` windows each; the score is the paper's, ``2^(-E(h) / c)``, E(h) a cell's
    mean path length over the trees, c that of an unsuccessful search among ``sample``. About 0.5 is
    common, near 1 is rare.

    At most ``rows`` windows, drawn by the seed, are learned from. scikit-learn grows the trees;
    their nodes are what is saved. Needs no labels. Reads the element layers; all layers where there
    are none.
    """

    sample_: int  # windows that each tree was grown on

    def __init__(self, trees: int = 200, sample: int = 256, rows: int = 4096) -> None:
        self.trees = trees
        self.sample = sample
        self.rows = rows

    def _check_options(self) -> None:
        whole_number(self.trees, "trees", MOST_TREES)
        for option in ("sample", "rows"):
            whole_number(getattr(self, option), option)

    def _learn(self, X: Windows, y: Floats, seed: int) -> None:
        from sklearn.ensemble import IsolationForest as Forest

        values = sampled(X, self.rows, seed)
        need_more_windows(values, 1)
        standardisation(values)  # refuses what nothing can be told by
        self.sample_ = min(self.sample, len(values))
        forest = Forest(
            n_estimators=self.trees,
            max_samples=self.sample_,
            random_state=int(np.random.SeedSequence([seed, 1]).generate_state(1)[0]),
        ).fit(values.astype(np.float32))
        grown = [
            Grown(t.children_left, t.children_right, t.feature, t.threshold, _path_lengths(t))
            for t in (estimator.tree_ for estimator in forest.estimators_)
        ]
        self._keep(grown, values.shape[1])

    def _rebuild(self) -> None:
        super()._rebuild()
        sample = vars(self)["sample_"]
        if not isinstance(sample, int) or not 0 < sample < 2**32:
            raise ValueError(f"its trees are grown on {sample!r} windows")

    def _score(self, X: Windows) -> Floats:
        paths = self._sum_of_leaves(centre(X))
        searches = len(self.nodes_) * float(search_length(self.sample_))
        # A search among one window needs no cut: nothing is rarer than anything else.
        return np.asarray(2.0 ** -(paths / searches if searches else np.ones_like(paths)))


def search_length(n: ArrayLike) -> Floats:
    """Mean length c of an unsuccessful search among ``n`` windows (Liu et al. 2008, eq. 1).

    >>> search_length([1, 2, 256]).round(3).tolist()
    [0.0, 1.0, 10.245]
    """
    n = np.asarray(n, dtype=np.float64)
    length = np.where(n == 2, 1.0, 0.0)
    many = n > 2
    length[many] = 2 * (np.log(n[many] - 1) + np.euler_gamma) - 2 * (n[many] - 1) / n[many]
    return length


def _path_lengths(tree: Any) -> Floats:
    """Cuts from the root to each node, and those that its windows would need still, ``(m,)``."""
    return np.asarray(tree.compute_node_depths() + search_length(tree.n_node_samples) - 1.0)
