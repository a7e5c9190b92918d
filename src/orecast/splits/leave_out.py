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
    concealed,
    cut,
    kilometres,
    learners,
    refuse_too_few,
)

REGISTERED = {
    "leave-deposit-out": "LeaveDepositOut",
    "leave-pair-out": "LeavePairOut",
}


@dataclass
class LeaveDepositOut:
    """Each group of deposits is found again by a model that knows all the other groups.

    A group is what ``deposit_groups`` keeps together: deposits whose windows share a cell. It is
    ranked among the valid cells that lie nearer to it than to any other group; that region is
    hidden with the buffer of ``spatial``. Leave-one-out with a buffer (Le Rest et al. 2014, Glob.
    Ecol. Biogeogr. 23, 811), one group at a time.

    Its figures answer: had this one deposit not been found yet, how high would the map rank it
    within its surroundings? The model knows almost all deposits, so they are the most that the
    data allow, at the price of a fit a group; ``n_folds`` and ``seed`` change nothing.
    """

    ground: MapGeometry
    n_folds: int = 5
    seed: int = 0
    words: str = field(default="", init=False)
    grow_first = False

    def folds(self, sampling: Sampling, reach: float) -> LazyFolds:
        """Hold out one group a fold, in the order of their numbers.

        Raises SamplingError where there is one group alone, or a fold has nothing to learn from.
        """
        ore = np.flatnonzero(sampling.y == 1)
        groups = np.unique(sampling.group[ore])
        if len(groups) < 2:
            raise SamplingError(
                f"the {len(ore)} places of ore form {len(groups)} group whose windows share cells",
                where="validation.protocol",
                remedy="use spatial, which cuts through a crowd, or a smaller sampling.window",
            )
        nearest = ore[nearest_place(sampling.at[ore], self.ground.shape)]
        owner = np.where(self.ground.valid, sampling.group[nearest], groups.min() - 1)

        def fold(k: int) -> Fold:
            test: Ints = ore[sampling.group[ore] == groups[k]]
            return cut(self.ground, reach, sampling, test, owner == groups[k])

        folds = LazyFolds(len(groups), fold)
        fewest = min(len(f.train) for f in folds)
        buffer = kilometres(self.ground.buffer(reach))
        refuse_too_few(
            f"holding out one of {len(groups)} groups with {buffer} around its surroundings",
            fewest,
            "use a smaller sampling.window or a smaller evidence.radius",
        )
        self.words = (
            f"{len(groups)} folds, each one group of deposits whose windows share a cell, held out "
            f"alone with the cells nearest to it; training stays {buffer} (a window plus twice the "
            f"reach) from whatever is tested; each fold learns from at least {fewest} of "
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

    Its figures answer: how often would a deposit not yet found outrank a cell drawn at random from
    the map? Only scores of one and the same model are compared, where leave-one-out pools those of
    many and comes out too low on few deposits. The price is a fit a pair. ``background`` cells are
    drawn from the valid cells without a deposit, as many as places of ore if left out; ``pairs``
    are drawn from all, spread evenly over the places; ``n_folds`` changes nothing.
    """

    ground: MapGeometry
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
        and where a pair leaves nothing to learn from.
        """
        ore = np.flatnonzero(sampling.y == 1)
        rng = np.random.default_rng([self.seed, 5])
        barren = self._background(sampling.at[ore], rng)
        pairs = self._pairs(len(ore), len(barren), rng)

        def fold(k: int) -> Fold:
            place, cell = pairs[k]
            region = self._cell(barren[cell])
            return cut(self.ground, reach, sampling, ore[[place]], region)

        fewest = self._fewest(sampling, ore, barren, pairs, reach)
        buffer = kilometres(self.ground.buffer(reach))
        refuse_too_few(
            f"holding out a deposit and a background cell with {buffer} around each",
            fewest,
            "use a smaller sampling.window or a smaller evidence.radius",
        )
        share = "all" if len(pairs) == len(ore) * len(barren) else f"{len(pairs)} drawn"
        self.words = (
            f"{len(pairs)} folds, each a deposit and a background cell held out together, {share} "
            f"of the pairs of {len(ore)} places of ore with {len(barren)} background cells; "
            f"training stays {buffer} (a window plus twice the reach) from both; each fold learns "
            f"from at least {fewest} places of ore"
        )
        return LazyFolds(len(pairs), fold)

    def _background(self, at: Ints, rng: np.random.Generator) -> Ints:
        """Valid cells without a deposit, drawn at random, ``(m, 2)``."""
        free = self.ground.valid.copy()
        free[at[:, 0], at[:, 1]] = False
        cells = np.argwhere(free)
        if not len(cells) or not len(at):
            raise SamplingError(
                f"{len(at)} places of ore and {len(cells)} valid cells without one make no pair",
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
                f"{wanted} pairs cannot test each of {n} places of ore",
                where="validation.options.pairs",
                remedy=f"ask for {n} pairs or more",
            )
        each = np.full(n, wanted // n)
        each[rng.permutation(n)[: wanted % n]] += 1
        cells = [np.sort(rng.choice(m, size=count, replace=False)) for count in each]
        return np.column_stack([np.repeat(np.arange(n), each), np.concatenate(cells)])

    def _fewest(
        self, sampling: Sampling, ore: Ints, barren: Ints, pairs: Ints, reach: float
    ) -> int:
        """Fewest places of ore that a pair leaves: what is hidden for a pair is hidden for one."""
        nothing = np.empty(0, dtype=np.int64)

        def left(at: Ints) -> Bools:
            kept = np.zeros(len(sampling), dtype=bool)
            hidden = concealed(self._cell(at), self.ground, reach)
            kept[learners(sampling, nothing, hidden, self.ground.size)] = True
            return kept

        by_place = np.stack([left(at) for at in sampling.at[ore]]).astype(np.int64)
        by_cell = np.stack([left(at) for at in barren]).astype(np.int64)
        return int((by_place @ by_cell.T)[pairs[:, 0], pairs[:, 1]].min())

    def _cell(self, at: Ints) -> Bools:
        mask = np.zeros(self.ground.shape, dtype=bool)
        mask[at[0], at[1]] = True
        return mask
