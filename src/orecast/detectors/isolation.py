"""Isolation forest."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from orecast.detectors._anomaly import (
    AnomalyDetector,
    need_more_windows,
    sampled,
    standardisation,
)
from orecast.detectors._base import Features, Floats, centre, whole_number
from orecast.samples import Windows

if TYPE_CHECKING:
    from sklearn.ensemble import IsolationForest as Forest

REGISTERED = {"isolation-forest": "IsolationForest"}


class IsolationForest(AnomalyDetector):
    """Isolation forest: how few random cuts set a cell's elements apart from the others'.

    Liu, F.T., Ting, K.M. & Zhou, Z.-H. (2008), Isolation forest, ICDM 2008, 413-422. ``trees`` are
    grown on ``sample`` windows each; the score is the paper's, ``2^(-E(h) / c)``, E(h) a cell's
    mean path length over the trees, c that of an unsuccessful search among ``sample``. About 0.5 is
    common, near 1 is rare.

    At most ``rows`` windows, drawn by the seed, are learned from. What is saved is their table
    ``(n, p)`` and the seed, from which the same forest is grown again. Needs no labels. Reads the
    element layers; all layers where there are none.
    """

    table_: Features  # (n, p)
    seed_: int

    def __init__(self, trees: int = 200, sample: int = 256, rows: int = 4096) -> None:
        self.trees = trees
        self.sample = sample
        self.rows = rows

    def _check_options(self, X: Windows) -> None:
        for option in ("trees", "sample", "rows"):
            whole_number(getattr(self, option), option)

    def _learn(self, X: Windows, y: Floats, seed: int) -> None:
        values = sampled(X, self.rows, seed)
        need_more_windows(values, 1)
        standardisation(values)  # refuses what nothing can be told by
        self.table_ = values.astype(np.float32)
        self.seed_ = seed
        self._rebuild()

    def _rebuild(self) -> None:
        from sklearn.ensemble import IsolationForest as Forest

        state = int(np.random.SeedSequence([self.seed_, 1]).generate_state(1)[0])
        self._forest: Forest = Forest(
            n_estimators=self.trees,
            max_samples=min(self.sample, len(self.table_)),
            random_state=state,
        ).fit(self.table_)

    def _score(self, X: Windows) -> Floats:
        return np.asarray(-self._forest.score_samples(centre(X)))
