"""Square blocks of the map, assigned to folds."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from orecast.arrays import Ints
from orecast.errors import SamplingError
from orecast.sampling.windows import Fold, MapGeometry, Sampling
from orecast.splits.cutting import FEWEST_TO_TRAIN, check_number, cut, kilometres

REGISTERED = {"blocks": "Blocks"}

_SHRINK = 0.8  # from one proposed block to the next smaller one
_UNEVEN = 1.5  # a proposed block is accepted up to so many times an even share of deposits a fold


@dataclass
class Blocks:
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

    geometry: MapGeometry
    n_folds: int = 5
    seed: int = 0
    block: float | None = None
    words: str = field(default="", init=False)
    grow_first = False

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
                f"{len(ore)} places of ore are too few for {self.n_folds} folds: each fold must "
                "test at least one",
                where="validation.folds",
                remedy=f"set it to {len(ore)} or less",
            )
        possible: list[
            tuple[int, int, list[Fold]]
        ] = []  # deposits of the fullest fold, side, folds
        for side in self._sides(reach):
            folds = self._folds(sampling, ore, side, reach)
            if all(len(f.test) and len(f.train) >= FEWEST_TO_TRAIN for f in folds):
                fullest = max(len(f.test) for f in folds)
                possible.append((fullest, side, folds))
                if fullest <= _UNEVEN * len(ore) / self.n_folds:
                    break
        if not possible:
            raise self._refusal(folds, len(ore), side, reach)
        _, side, folds = min(possible, key=lambda found: (found[0], -found[1]))
        self.words = self._sentence(folds, len(ore), side, reach)
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
        at = sampling.at[ore]
        mine = block[at[:, 0], at[:, 1]]
        n = int(block.max()) + 1
        part = self._fold_of_block(
            np.bincount(mine, minlength=n), np.bincount(block[self.geometry.valid], minlength=n)
        )
        return [
            cut(
                self.geometry,
                reach,
                sampling,
                ore[part[mine] == k],
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
        held = np.zeros((self.n_folds, 2), dtype=np.int64)  # deposits and cells of each fold
        part = np.empty(len(deposits), dtype=np.int64)
        for b in shuffled[np.lexsort((-cells[shuffled], -deposits[shuffled]))]:
            first = held[:, 0] if deposits[b] else held[:, 1]
            part[b] = np.lexsort((held[:, 1], first))[0]
            held[part[b]] += deposits[b], cells[b]
        return part

    def _sentence(self, folds: list[Fold], places: int, side: int, reach: float) -> str:
        tested = [len(f.test) for f in folds]
        fewest = min(len(f.train) for f in folds)
        return (
            f"{len(folds)} folds of square blocks of {kilometres(side * self.geometry.cell_size)}, "
            f"each testing {min(tested)} to {max(tested)} of {places} places of ore; training "
            f"stays {kilometres(self.geometry.buffer(reach))} (a window plus twice the reach) from "
            f"the tested cells; each fold trains on at least {fewest} places of ore"
        )

    def _refusal(self, folds: list[Fold], places: int, side: int, reach: float) -> SamplingError:
        if all(len(f.test) for f in folds):
            what = f"a fold would train on fewer than {FEWEST_TO_TRAIN} places of ore"
            remedy = "use larger blocks, a smaller sampling.window or a smaller evidence.radius"
        else:
            what = "a fold would test no deposit"
            remedy = "set fewer validation.folds or a smaller validation.options.block"
        return SamplingError(
            f"{places} places of ore in blocks of {kilometres(side * self.geometry.cell_size)} "
            f"cannot be split into {self.n_folds} folds with "
            f"{kilometres(self.geometry.buffer(reach))} between training and test: {what}",
            where="validation.options.block",
            remedy=remedy,
        )
