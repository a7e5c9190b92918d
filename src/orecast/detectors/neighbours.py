"""Nearest neighbours."""

from __future__ import annotations

from typing import Literal

import numpy as np

from orecast.detectors._anomaly import standardisation
from orecast.detectors._base import Detector, Floats, centre, one_of, whole_number
from orecast.errors import SamplingError
from orecast.samples import Windows

REGISTERED = {"knn": "NearestNeighbours"}


class NearestNeighbours(Detector):
    """Nearest neighbours: share of ore among the training windows most like a cell.

    Cover, T., Hart, P. (1967), Nearest neighbor pattern classification, IEEE Transactions on
    Information Theory 13, 21-27. Of the ``neighbours`` training windows nearest in layers
    standardised on them, at Euclidean distances d ``(k,)``, the score is ``Σ_ore v / Σ v``. A
    vote v is divided by the number of training windows of its class, so that the rarer class is
    not outvoted by its numbers.

    ``votes`` "distance", the default, divides it by d too: a plain count of 5 neighbours has a few
    levels, and ties most of a map. A training window at d = 0 leaves the vote to those like it.
    "equal" is the plain count.

    S.A. Dudani (1976), The distance-weighted k-nearest-neighbor rule, IEEE Transactions on Systems,
    Man, and Cybernetics 6, 325-327.
    """

    mean_: Floats  # (p,)
    spread_: Floats  # (p,)
    table_: Floats  # (n, p), standardised
    labels_: Floats  # (n,)

    def __init__(
        self, neighbours: int = 5, votes: Literal["distance", "equal"] = "distance"
    ) -> None:
        self.neighbours = neighbours
        self.votes = votes

    def _check_options(self) -> None:
        whole_number(self.neighbours, "neighbours")
        one_of(self.votes, "votes", ("distance", "equal"))

    def _learn(self, X: Windows, y: Floats, seed: int) -> None:
        values = centre(X).astype(np.float64)
        if len(values) < self.neighbours:
            raise SamplingError(
                f"there are {len(values)} windows to learn from, and {self.neighbours} neighbours "
                "are asked for",
                where="model.options.neighbours",
                remedy="ask for fewer, or learn from more windows",
            )
        self.mean_, self.spread_ = standardisation(values)
        self.table_ = (values - self.mean_) / self.spread_
        self.labels_ = y
        self._rebuild()

    def _rebuild(self) -> None:
        from scipy.spatial import cKDTree

        self._tree = cKDTree(self.table_)
        ore = self.labels_ == 1
        self._votes = np.where(ore, 1 / ore.sum(), 1 / (~ore).sum())

    def _score(self, X: Windows) -> Floats:
        values = (centre(X) - self.mean_) / self.spread_
        distance, found = self._tree.query(values, k=np.arange(1, self.neighbours + 1))
        votes = self._votes[found]  # (n, k)
        if self.votes == "distance":
            votes = votes * closeness(distance)
        return np.asarray((votes * self.labels_[found]).sum(axis=1) / votes.sum(axis=1))


def closeness(distance: Floats) -> Floats:
    """Inverse distances ``(n, k)``, the nearest of each row counting 1, and alone where it is 0.

    >>> closeness(np.array([[1.0, 4.0], [0.0, 2.0], [0.0, 0.0]])).tolist()
    [[1.0, 0.25], [1.0, 0.0], [1.0, 1.0]]
    """
    nearest = distance.min(axis=1, keepdims=True)
    even = np.ones_like(distance)
    return np.asarray(np.divide(nearest, distance, out=even, where=distance > 0))
