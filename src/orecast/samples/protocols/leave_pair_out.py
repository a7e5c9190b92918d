"""A deposit and a background cell held out together, pair by pair."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from orecast.errors import SamplingError
from orecast.samples.nouns import Bools, Fold, Ground, Ints, Sampling
from orecast.samples.protocols.cutting import (
    LazyFolds,
    check_number,
    concealed,
    cut,
    kilometres,
    learners,
    refuse_too_few,
)

REGISTERED = {"leave-pair-out": "LeavePairOut"}


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

    ground: Ground
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
