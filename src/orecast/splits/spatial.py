"""The default protocol: groups of deposits stay whole; a buffer separates training from test."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from orecast.arrays import Ints
from orecast.errors import SamplingError
from orecast.grid import nearest_place
from orecast.sampling.windows import Fold, MapGeometry, Sampling
from orecast.splits.cutting import FEWEST_TO_TRAIN, cut, kilometres

REGISTERED = {"spatial": "Spatial"}


@dataclass
class Spatial:
    """Deposits whose windows share a cell stay together, and the map is cut between them.

    The deposits are halved again and again where the gap between them is widest, so that folds
    are compact. A map cell belongs to the fold of its nearest deposit. A fold's region is
    hidden, widened by half a window on each side plus twice the evidence's reach. So no training
    window shares a cell, or a sample behind one, with a test window. ``words`` describes the cut.
    """

    geometry: MapGeometry
    n_folds: int = 5
    seed: int = 0  # not used; every protocol has it
    words: str = field(default="", init=False)
    grow_first = False

    def folds(self, sampling: Sampling, reach: float) -> list[Fold]:
        """Cut places of ore into folds; fewer than ``n_folds`` where a fold would lack deposits.

        Raises SamplingError where not even two folds can be cut.
        """
        buffer = self.geometry.buffer(reach)
        ore = np.flatnonzero(sampling.y == 1)
        for n in range(min(self.n_folds, len(ore)), 1, -1):
            part, whole = self._parts(sampling, ore, n)
            owner = part[nearest_place(sampling.at[ore], self.geometry.shape)]
            folds = [
                cut(self.geometry, reach, sampling, ore[part == k], owner == k)
                for k in range(part.max() + 1)
            ]
            if all(len(f.test) and len(f.train) >= FEWEST_TO_TRAIN for f in folds):
                self.words = self._sentence(folds, whole, buffer)
                return folds
        raise SamplingError(
            f"{len(ore)} places of ore cannot be cut into two folds that train on at least "
            f"{FEWEST_TO_TRAIN} each, with {buffer:,.0f} m between training and test",
            where="validation.folds",
            remedy="use a smaller sampling.window, a smaller evidence.radius or smaller cells",
        )

    def _parts(self, sampling: Sampling, ore: Ints, n: int) -> tuple[Ints, bool]:
        """Fold number of each ore row, and whether groups could be kept whole."""
        group = sampling.group[ore]
        members, group = np.unique(group, return_inverse=True)
        if len(members) >= n:
            centre = np.stack(
                [sampling.at[ore][group == g].mean(axis=0) for g in range(len(members))]
            )
            return halved(centre, np.bincount(group).astype(np.float64), n)[group], True
        return halved(sampling.at[ore].astype(np.float64), np.ones(len(ore)), n), False

    def _sentence(self, folds: list[Fold], whole: bool, buffer: float) -> str:
        fewest = min(len(f.train) for f in folds)
        how = (
            "deposits whose windows share a cell kept together"
            if whole
            else "fewer groups of deposits than folds, so spatial blocks, crossing windows dropped"
        )
        fewer = "" if len(folds) == self.n_folds else f" ({self.n_folds} were asked for)"
        return (
            f"{len(folds)} spatial folds{fewer}, {how}; training stays {kilometres(buffer)} "
            f"(a window plus twice the reach) from the tested cells; each fold trains on at "
            f"least {fewest} places of ore"
        )


def halved(points: NDArray[np.float64], weight: NDArray[np.float64], n: int) -> Ints:
    """Cut weighted points into ``n`` compact parts of near-even weight, ``(n_points,)``.

    The points are halved across their longer side: at the widest gap among the cuts that leave
    each half within a third of its target weight. Each half is halved again.

    >>> halved(np.array([[0., 0.], [0., 1.], [0., 9.], [0., 10.]]), np.ones(4), 2).tolist()
    [0, 0, 1, 1]
    """
    if n == 1:
        return np.zeros(len(points), dtype=np.int64)
    few = n // 2
    axis = int(np.argmax(np.ptp(points, axis=0)))
    order = np.argsort(points[:, axis], kind="stable")
    gaps = np.diff(points[order, axis])
    below = np.cumsum(weight[order])[:-1]
    target = weight.sum() * few / n
    counts = np.arange(1, len(points))
    possible = (counts >= few) & (len(points) - counts >= n - few)  # a point for every part
    near = possible & (np.abs(below - target) <= target / 3)
    if near.any():
        cut = int(np.flatnonzero(near)[np.argmax(gaps[near])])
    else:
        cut = int(np.flatnonzero(possible)[np.argmin(np.abs(below - target)[possible])])
    part = np.empty(len(points), dtype=np.int64)
    low, high = order[: cut + 1], order[cut + 1 :]
    part[low] = halved(points[low], weight[low], few)
    part[high] = few + halved(points[high], weight[high], n - few)
    return part
