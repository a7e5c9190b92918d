"""What ensembles of trees share: what they read of a window, and how they are grown again."""

from __future__ import annotations

from abc import abstractmethod
from typing import Literal

import numpy as np

from orecast.detectors._base import Detector, Features, Floats, features, one_of
from orecast.samples import Windows

Read = Literal["centre", "window"]


class TreeEnsemble(Detector):
    """Base of the ensembles of trees that learn from labels.

    ``features`` "centre" reads a window's own cell, "window" adds each layer's mean and standard
    deviation over the window. What is saved is the training table and the seed, from which the
    same trees are grown again.
    """

    features: Read
    table_: Features  # (n, n_features)
    labels_: Floats  # (n,)
    seed_: int

    def _check_options(self, X: Windows) -> None:
        one_of(self.features, "features", ("centre", "window"))

    def _read(self, X: Windows) -> Windows:
        return X if self.features == "window" else super()._read(X)

    def _learn(self, X: Windows, y: Floats, seed: int) -> None:
        self.table_ = features(X, self.features)
        self.labels_ = y
        self.seed_ = seed
        self._rebuild()

    def _rebuild(self) -> None:
        self._grow(int(np.random.SeedSequence(self.seed_).generate_state(1)[0]))

    @abstractmethod
    def _grow(self, state: int) -> None:
        """Grow the trees of ``table_`` and ``labels_``."""
