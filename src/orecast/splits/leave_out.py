"""Leave one deposit out, and leave one pair of a deposit and a negative out."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from orecast.arrays import Bools, Ints
from orecast.errors import SamplingError
from orecast.grid import nearest_place
from orecast.sampling.windows import Fold, MapGeometry, Sampling
from orecast.splits.cutting import (
    LazyFolds,
    check_number,
    cut,
    hidden_around,
    kilometres,
    require_training,
    training_rows,
)

REGISTERED = {
    "leave-deposit-out": "LeaveDepositOut",
    "leave-pair-out": "LeavePairOut",
}


@dataclass
class LeaveDepositOut:
    """Each group of deposits is tested with a model trained on all the other groups.

    A group: deposits whose windows share a cell (``deposit_groups``). It is ranked among the valid
    cells that lie nearer to it than to any other group. That region is hidden with the buffer of
    ``spatial``. Leave-one-out with a buffer (Le Rest et al. 2014, Glob. Ecol. Biogeogr. 23, 811),
    one group at a time.

    Question answered: if this one deposit were still unknown, how high would the map rank it
    within its surroundings? Almost all deposits are in training, so the scores are the highest
    that the data allow. The cost is one fit per group. ``n_folds`` and ``seed`` change nothing.
    """

    geometry: MapGeometry
    n_folds: int = 5
    seed: int = 0
    words: str = field(default="", init=False)
    grow_first = False

    def folds(self, sampling: Sampling, reach: float) -> LazyFolds:
        """Hold out one group a fold, in the order of their numbers.

        Raises SamplingError where there is only one group, or a fold has no training rows.
        """
        ore = np.flatnonzero(sampling.y == 1)
        groups = np.unique(sampling.group[ore])
        if len(groups) < 2:
            raise SamplingError(
                f"the {len(ore)} places of ore form {len(groups)} group whose windows share cells; "
                "at least 2 groups are needed",
                where="validation.protocol",
                remedy="use spatial, which can cut a group, or a smaller sampling.window",
            )
        nearest = ore[nearest_place(sampling.at[ore], self.geometry.shape)]
        owner = np.where(self.geometry.valid, sampling.group[nearest], groups.min() - 1)

        def fold(k: int) -> Fold:
            test: Ints = ore[sampling.group[ore] == groups[k]]
            return cut(self.geometry, reach, sampling, test, owner == groups[k])

        folds = LazyFolds(len(groups), fold)
        fewest = min(len(f.train) for f in folds)
        buffer = kilometres(self.geometry.buffer(reach))
        require_training(
            f"holding out one of {len(groups)} groups with a buffer of {buffer}",
            fewest,
            "use a smaller sampling.window or a smaller evidence.radius",
        )
        self.words = (
            f"{len(groups)} folds, each one group of deposits whose windows share a cell, held out "
            f"alone with the cells nearest to it; training stays {buffer} (a window plus twice the "
            f"reach) from the tested cells; each fold trains on at least {fewest} of "
            f"{len(ore)} places of ore"
        )
        return folds


@dataclass
class LeavePairOut:
    """A deposit and a background cell are held out together: which of them is ranked first?

    Spatial leave-pair-out (Airola et al. 2019, Data Min. Knowl. Discov. 33, 730,
    doi:10.1007/s10618-018-00607-x). Both are hidden with the buffer of ``spatial`` around each.
    The region is that one cell, so the deposit's percentile in it is 1, 0 or, where the two tie,
    0.5, and its mean over pairs is the AUC.

    Question answered: how often does an unknown deposit outrank a cell drawn at random from the
    map? Only scores of the same model are compared. (Leave-one-out pools scores of many models and
    comes out too low with few deposits.) The cost is one fit per pair. ``background`` cells are
    drawn from the valid cells without a deposit; by default as many as places of ore. ``pairs``
    are drawn from all pairs, spread evenly over the places; ``n_folds`` changes nothing.
    """

    geometry: MapGeometry
    n_folds: int = 5
    seed: int = 0
    pairs: int | None = None
    background: int | None = None
    words: str = field(default="", init=False)
    grow_first = False

    def __post_init__(self) -> None:
        """Raise ConfigError for an impossible option."""
        for option in ("pairs", "background"):
            value = getattr(self, option)
            if value is not None:
                check_number(value, option, low=1, whole=True)

    def folds(self, sampling: Sampling, reach: float) -> LazyFolds:
        """Hold out one pair a fold, place by place.

        Raises SamplingError where no background is left, where ``pairs`` are fewer than places,
        and where a pair leaves too few training rows.
        """
        ore = np.flatnonzero(sampling.y == 1)
        rng = np.random.default_rng([self.seed, 5])
        background = self._background(sampling.at[ore], rng)
        pairs = self._pairs(len(ore), len(background), rng)

        def fold(k: int) -> Fold:
            place, cell = pairs[k]
            region = self._cell(background[cell])
            return cut(self.geometry, reach, sampling, ore[[place]], region)

        fewest = self._fewest(sampling, ore, background, pairs, reach)
        buffer = kilometres(self.geometry.buffer(reach))
        require_training(
            f"holding out a deposit and a background cell with {buffer} around each",
            fewest,
            "use a smaller sampling.window or a smaller evidence.radius",
        )
        share = "all" if len(pairs) == len(ore) * len(background) else f"{len(pairs)} drawn"
        self.words = (
            f"{len(pairs)} folds, each a deposit and a background cell held out together, {share} "
            f"of the pairs of {len(ore)} places of ore with {len(background)} background cells; "
            f"training stays {buffer} (a window plus twice the reach) from both; each fold trains "
            f"on at least {fewest} places of ore"
        )
        return LazyFolds(len(pairs), fold)

    def _background(self, at: Ints, rng: np.random.Generator) -> Ints:
        """Valid cells without a deposit, drawn at random, ``(m, 2)``."""
        free = self.geometry.valid.copy()
        free[at[:, 0], at[:, 1]] = False
        cells = np.argwhere(free)
        if not len(cells) or not len(at):
            raise SamplingError(
                f"{len(at)} places of ore and {len(cells)} valid cells without one: no pair can be "
                "formed",
                where="validation.protocol",
                remedy="check the evidence's nodata and the deposits' CRS",
            )
        m = min(len(cells), self.background or len(at))
        return cells[np.sort(rng.choice(len(cells), size=m, replace=False))]

    def _pairs(self, n: int, m: int, rng: np.random.Generator) -> Ints:
        """Number of the place and of the background cell of each pair, ``(n_pairs, 2)``.

        Drawn pairs are spread over the places: each is in as many, or in one more.
        """
        wanted = n * m if self.pairs is None else min(self.pairs, n * m)
        if wanted < n:
            raise SamplingError(
                f"{wanted} pairs are too few to test each of {n} places of ore",
                where="validation.options.pairs",
                remedy=f"set it to {n} or more",
            )
        each = np.full(n, wanted // n)
        each[rng.permutation(n)[: wanted % n]] += 1
        cells = [np.sort(rng.choice(m, size=count, replace=False)) for count in each]
        return np.column_stack([np.repeat(np.arange(n), each), np.concatenate(cells)])

    def _fewest(
        self, sampling: Sampling, ore: Ints, background: Ints, pairs: Ints, reach: float
    ) -> int:
        """Fewest training places that a pair leaves: those that both of its members leave."""
        nothing = np.empty(0, dtype=np.int64)

        def left(at: Ints) -> Bools:
            kept = np.zeros(len(sampling), dtype=bool)
            hidden = hidden_around(self._cell(at), self.geometry, reach)
            kept[training_rows(sampling, nothing, hidden, self.geometry.size)] = True
            return kept

        by_place = np.stack([left(at) for at in sampling.at[ore]]).astype(np.int64)
        by_cell = np.stack([left(at) for at in background]).astype(np.int64)
        return int((by_place @ by_cell.T)[pairs[:, 0], pairs[:, 1]].min())

    def _cell(self, at: Ints) -> Bools:
        mask = np.zeros(self.geometry.shape, dtype=bool)
        mask[at[0], at[1]] = True
        return mask
