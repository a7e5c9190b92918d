"""Spatial protocols: the map is cut between groups of deposits, or into square blocks."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from orecast.arrays import Ints
from orecast.errors import SamplingError
from orecast.grid import nearest_place
from orecast.sampling.windows import Fold, Sampling
from orecast.splits.cutting import FEWEST_TO_TRAIN, BaseProtocol, check_number, cut, kilometres

REGISTERED = {"spatial": "Spatial", "blocks": "Blocks"}


def usable(folds: list[Fold]) -> bool:
    """Whether each fold tests a place, and trains on enough of them."""
    return all(len(f.test) and len(f.train) >= FEWEST_TO_TRAIN for f in folds)


@dataclass
class Spatial(BaseProtocol):
    """Deposits whose windows share a cell stay together, and the map is cut between them.

    The deposits are halved again and again where the gap between them is widest, so that folds
    are compact. A map cell belongs to the fold of its nearest deposit. A fold's region is
    hidden, widened by half a window on each side plus twice the evidence's reach. So no training
    window shares a cell, or a sample behind one, with a test window. ``seed`` changes nothing.
    ``turn``, in degrees, turns the axes along which deposits are halved, for other folds of the
    same kind.
    """

    turn: float = 0.0

    def folds(self, sampling: Sampling, reach: float) -> list[Fold]:
        """Cut deposit cells into folds; fewer than ``n_folds`` where a fold would lack deposits.

        Raises SamplingError where not even two folds can be cut.
        """
        ore = np.flatnonzero(sampling.y == 1)
        for n in range(min(self.n_folds, len(ore)), 1, -1):
            part, whole = self._parts(sampling, ore, n)
            owner = part[nearest_place(sampling.at[ore], self.geometry.shape)]
            folds = [
                cut(self.geometry, reach, sampling, ore[part == k], owner == k)
                for k in range(part.max() + 1)
            ]
            if usable(folds):
                how = (
                    "deposits whose windows share a cell kept together"
                    if whole
                    else "cut into blocks, because there are fewer groups of deposits than folds: "
                    "groups were divided, and windows that cross the limit were not used"
                )
                fewer = "" if len(folds) == self.n_folds else f" ({self.n_folds} were asked for)"
                fewest = min(len(f.train) for f in folds)
                self.words = (
                    f"{len(folds)} spatial folds{fewer}, {how}; "
                    f"{self.training_words(reach, fewest)}"
                )
                return folds
        raise SamplingError(
            f"{len(ore)} deposit cells cannot be cut into two folds that train on at least "
            f"{FEWEST_TO_TRAIN} each, with {self.geometry.buffer(reach):,.0f} m between training "
            "and test",
            where="validation.folds",
            remedy="use a smaller sampling.window, a smaller evidence.radius or smaller cells; or "
            "add deposits elsewhere; or rename [deposits] to [held_back], to map anomalies and "
            "test them with the deposits",
        )

    def _parts(self, sampling: Sampling, ore: Ints, n: int) -> tuple[Ints, bool]:
        """Fold number of each ore row, and whether groups could be kept whole."""
        members, group = np.unique(sampling.group[ore], return_inverse=True)
        if len(members) >= n:
            centre = np.stack(
                [sampling.at[ore][group == g].mean(axis=0) for g in range(len(members))]
            )
            weight = np.bincount(group).astype(np.float64)
            return halved(self._turned(centre), weight, n)[group], True
        return halved(self._turned(sampling.at[ore]), np.ones(len(ore)), n), False

    def _turned(self, points: NDArray[np.number]) -> NDArray[np.float64]:
        """Points ``(n, 2)`` on axes that are turned."""
        if not self.turn:
            return points.astype(np.float64)
        cos, sin = math.cos(math.radians(self.turn)), math.sin(math.radians(self.turn))
        return np.asarray(points @ np.array([[cos, -sin], [sin, cos]]))


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


_SHRINK = 0.8  # from one proposed block to the next smaller one
_UNEVEN = 1.5  # a proposed block is accepted up to so many times an even share of deposits a fold


@dataclass
class Blocks(BaseProtocol):
    """Square blocks of the map are assigned to folds with about equal numbers of deposits.

    Spatial block cross-validation (Roberts et al. 2017, Ecography 40, 913; Valavi et al. 2019,
    Methods Ecol. Evol. 10, 225). The region of a fold is the valid cells of its blocks. They are
    hidden with the buffer of ``spatial``, so small blocks leave little training data. ``block`` is
    the side of a block in metres. Without it, sides are tried from one block a fold down to that
    buffer. The first is taken at which no fold tests more than 1.5 times an even share of the
    deposits; if there is none, the most even one.

    Question answered: how well are deposits ranked within blocks of an area that were not explored
    at all? The blocks ignore where deposits lie: an edge may cut a cluster, and rows within the
    buffer of that edge are not in training.
    """

    block: float | None = None

    def __post_init__(self) -> None:
        """Raise ConfigError for an impossible block."""
        if self.block is not None:
            check_number(self.block, "block", low=self.geometry.cell_size)

    def folds(self, sampling: Sampling, reach: float) -> list[Fold]:
        """Assign blocks to ``n_folds`` folds.

        Raises SamplingError where a fold would test nothing or train on fewer than two places.
        """
        ore = np.flatnonzero(sampling.y == 1)
        if self.n_folds > len(ore):
            raise SamplingError(
                f"{len(ore)} deposit cells are too few for {self.n_folds} folds: each fold must "
                "test at least one",
                where="validation.folds",
                remedy=f"set it to {len(ore)} or less",
            )
        candidates: list[tuple[int, int, list[Fold]]] = []  # most deposits in a fold, side, folds
        for side in self._sides(reach):
            folds = self._folds(sampling, ore, side, reach)
            if usable(folds):
                fullest = max(len(f.test) for f in folds)
                candidates.append((fullest, side, folds))
                if fullest <= _UNEVEN * len(ore) / self.n_folds:
                    break
        if not candidates:
            raise self._refusal(folds, len(ore), side, reach)
        _, side, folds = min(candidates, key=lambda found: (found[0], -found[1]))
        tested = [len(f.test) for f in folds]
        self.words = (
            f"{len(folds)} folds of square blocks of {kilometres(side * self.geometry.cell_size)}, "
            f"each testing {min(tested)} to {max(tested)} of {len(ore)} deposit cells; "
            f"{self.training_words(reach, min(len(f.train) for f in folds))}"
        )
        return folds

    def _sides(self, reach: float) -> Iterator[int]:
        """Sides to try, in cells, the largest first."""
        cell = self.geometry.cell_size
        if self.block is not None:
            yield max(1, round(min(self.block / cell, max(self.geometry.shape))))
            return
        least = math.ceil(self.geometry.buffer(reach) / cell)
        side = math.ceil(math.sqrt(self.geometry.valid.sum() / self.n_folds))
        while side > least:
            yield side
            side = math.floor(side * _SHRINK)
        yield least

    def _folds(self, sampling: Sampling, ore: Ints, side: int, reach: float) -> list[Fold]:
        rows, columns = np.indices(self.geometry.shape)
        across = -(-self.geometry.shape[1] // side)
        block = rows // side * across + columns // side  # (rows, columns)
        of_ore = block[tuple(sampling.at[ore].T)]
        n = int(block.max()) + 1
        part = self._fold_of_block(
            np.bincount(of_ore, minlength=n), np.bincount(block[self.geometry.valid], minlength=n)
        )
        return [
            cut(
                self.geometry,
                reach,
                sampling,
                ore[part[of_ore] == k],
                self.geometry.valid & (part[block] == k),
            )
            for k in range(self.n_folds)
        ]

    def _fold_of_block(self, deposits: Ints, cells: Ints) -> Ints:
        """Fold of each block: first balanced by deposits, then by valid cells.

        ``deposits`` and ``cells`` count those of each block. The block with most deposits goes
        first, to the fold with fewest. Ties: a random order that follows from the seed.
        """
        rng = np.random.default_rng([self.seed, 4])
        shuffled = rng.permutation(len(deposits))
        load = np.zeros((self.n_folds, 2), dtype=np.int64)  # deposits and cells of each fold
        part = np.empty(len(deposits), dtype=np.int64)
        for b in shuffled[np.lexsort((-cells[shuffled], -deposits[shuffled]))]:
            first = load[:, 0] if deposits[b] else load[:, 1]
            part[b] = np.lexsort((load[:, 1], first))[0]
            load[part[b]] += deposits[b], cells[b]
        return part

    def _refusal(self, folds: list[Fold], places: int, side: int, reach: float) -> SamplingError:
        if all(len(f.test) for f in folds):
            what = f"a fold would train on fewer than {FEWEST_TO_TRAIN} deposit cells"
            remedy = "use larger blocks, a smaller sampling.window or a smaller evidence.radius"
        else:
            what = "a fold would test no deposit"
            remedy = "set fewer validation.folds or a smaller validation.options.block"
        return SamplingError(
            f"{places} deposit cells in blocks of {kilometres(side * self.geometry.cell_size)} "
            f"cannot be split into {self.n_folds} folds with "
            f"{kilometres(self.geometry.buffer(reach))} between training and test: {what}",
            where="validation.options.block",
            remedy=remedy,
        )
