"""Leave one deposit out, one pair of a deposit and a negative, or one place with those near it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from orecast.arrays import Bools, Floats, Ints
from orecast.errors import SamplingError
from orecast.grid import nearest_place, widened, window_rows, windows_touching
from orecast.sampling.places import distance_to, mask_of
from orecast.sampling.windows import Fold, Sampling
from orecast.splits.cutting import (
    BaseProtocol,
    LazyFolds,
    check_number,
    cut,
    disc,
    hidden_around,
    kilometres,
    require_training,
    training_rows,
)

REGISTERED = {
    "leave-deposit-out": "LeaveDepositOut",
    "leave-pair-out": "LeavePairOut",
    "nearest-neighbour-distance": "NearestNeighbourDistance",
}

_REMEDY = "use a smaller sampling.window or a smaller evidence.radius"


@dataclass
class LeaveDepositOut(BaseProtocol):
    """Each group of deposits is tested with a model trained on all the other groups.

    A group: deposits whose windows share a cell (``deposit_groups``). It is ranked among the valid
    cells that lie nearer to it than to any other group. That region is hidden with the buffer of
    ``spatial``. Leave-one-out with a buffer (Le Rest et al. 2014, Glob. Ecol. Biogeogr. 23, 811),
    one group at a time.

    Question answered: if this one deposit were still unknown, how high would the map rank it
    within its surroundings? Almost all deposits are in training, so the scores are the highest
    that the data allow. The cost is one fit per group. ``n_folds`` and ``seed`` change nothing.
    """

    def folds(self, sampling: Sampling, reach: float) -> LazyFolds:
        """Hold out one group a fold, in the order of their numbers.

        Raises SamplingError where there is only one group, or a fold has fewer than two places
        to train on.
        """
        ore = np.flatnonzero(sampling.y == 1)
        groups = np.unique(sampling.group[ore])
        if len(groups) < 2:
            raise SamplingError(
                f"the {len(ore)} deposit cells form {len(groups)} group whose windows share cells; "
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
        require_training(
            f"holding out one of {len(groups)} groups with a buffer of "
            f"{kilometres(self.geometry.buffer(reach))}",
            fewest,
            _REMEDY,
        )
        self.words = (
            f"{len(groups)} folds, each one group of deposits whose windows share a cell, held out "
            f"alone with the cells nearest to it; training stays {self.buffer_words(reach)} from "
            f"the tested cells; each fold trains on at least {fewest} of {len(ore)} deposit cells"
        )
        return folds


@dataclass
class LeavePairOut(BaseProtocol):
    """A deposit and a background cell are held out together: which of them is ranked first?

    Spatial leave-pair-out (Airola et al. 2019, Data Min. Knowl. Discov. 33, 730,
    doi:10.1007/s10618-018-00607-x). Both are hidden with the buffer of ``spatial`` around each.
    The region is that one cell, so the deposit's percentile in it is 1, 0 or, where the two tie,
    0.5, and its mean over pairs is the AUC.

    Question answered: how often does an unknown deposit outrank a cell drawn at random from the
    map? Only scores of the same model are compared. (Leave-one-out pools scores of many models and
    comes out too low with few deposits.) The cost is one fit per pair. ``background`` cells are
    drawn from the valid cells without a deposit; by default as many as deposit cells. ``pairs``
    are drawn from all pairs, spread evenly over the places; ``n_folds`` changes nothing.
    """

    pairs: int | None = None
    background: int | None = None

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
            region = mask_of(background[[cell]], self.geometry.shape)
            return cut(self.geometry, reach, sampling, ore[[place]], region)

        fewest = self._fewest(sampling, ore, background, pairs, reach)
        require_training(
            "holding out a deposit and a background cell with "
            f"{kilometres(self.geometry.buffer(reach))} around each",
            fewest,
            _REMEDY,
        )
        share = "all" if len(pairs) == len(ore) * len(background) else f"{len(pairs)} drawn"
        self.words = (
            f"{len(pairs)} folds, each a deposit and a background cell held out together, {share} "
            f"of the pairs of {len(ore)} deposit cells with {len(background)} background cells; "
            f"training stays {self.buffer_words(reach)} from both; each fold trains on at least "
            f"{fewest} deposit cells"
        )
        return LazyFolds(len(pairs), fold)

    def _background(self, at: Ints, rng: np.random.Generator) -> Ints:
        """Valid cells without a deposit, drawn at random, ``(m, 2)``."""
        cells = np.argwhere(self.geometry.valid & ~mask_of(at, self.geometry.shape))
        if not len(cells) or not len(at):
            raise SamplingError(
                f"{len(at)} deposit cells and {len(cells)} valid cells without one: no pair can be "
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
                f"{wanted} pairs are too few to test each of {n} deposit cells",
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
        nothing, shape = np.empty(0, dtype=np.int64), self.geometry.shape

        def trained(at: Ints) -> Ints:
            """Whether each place (columns) is trained on if a cell (rows) is held out."""
            found = np.zeros((len(at), len(sampling)), dtype=np.int64)
            for k in range(len(at)):
                hidden = hidden_around(mask_of(at[[k]], shape), self.geometry, reach)
                found[k, training_rows(sampling, nothing, hidden, self.geometry.size)] = 1
            return found

        both = trained(sampling.at[ore]) @ trained(background).T
        return int(both[pairs[:, 0], pairs[:, 1]].min())


_TEST_RADIUS = 2.0  # in cells: a place is ranked among at least the 13 cells within it


@dataclass
class NearestNeighbourDistance(BaseProtocol):
    """Each deposit cell is tested as far from the training deposits as the map's cells are.

    Nearest neighbour distance matching, leave-one-out (Milà et al. 2022, Methods Ecol. Evol. 13,
    1304). Plain leave-one-out is too easy where deposits cluster: the tested one has a neighbour,
    while most of the map lies far from any deposit. So places near the tested one are removed from
    training until the distances from test to training places are distributed like those from the
    map's valid cells to their nearest deposit. This is done up to ``phi`` metres (default: the
    whole map), and while a fold keeps more than the share ``least`` of the places. In any case no
    training window comes within the buffer of ``spatial``.

    Question answered: how well does the map rank a deposit at the distances from known deposits
    that its cells have? A place is ranked among the hidden cells around it, at least 13 where all
    are valid, so its percentile is coarse and local. No other cell of the map is hidden.
    ``n_folds`` and ``seed`` change nothing.
    """

    phi: float | None = None
    least: float = 0.5

    def __post_init__(self) -> None:
        """Raise ConfigError for an impossible option."""
        if self.phi is not None:
            check_number(self.phi, "phi", low=0)
        check_number(self.least, "least", low=0, high=1)

    def folds(self, sampling: Sampling, reach: float) -> LazyFolds:
        """Hold out one place a fold, in the order of the rows.

        Raises SamplingError where a fold would train on fewer than two places.
        """
        ore = np.flatnonzero(sampling.y == 1)
        at = sampling.at[ore]
        to_map = distance_to(at, self.geometry.shape)[self.geometry.valid]
        to_map = np.asarray(to_map * self.geometry.cell_size)
        apart = self._apart(sampling, ore, reach)
        phi = math.inf if self.phi is None else self.phi
        removed = np.isfinite(apart) & ~match_distances(apart, to_map, phi, self.least)
        radius = np.where(removed, window_distance(at, self.geometry.size), 0.0).max(
            axis=1, initial=0
        )

        def fold(k: int) -> Fold:
            test: Ints = ore[[k]]
            hidden = self._hidden(at[k], radius[k], reach)
            train = training_rows(sampling, test, hidden, self.geometry.size)
            return Fold(train, test, hidden, self._unseen(hidden, reach))

        training = [fold(k).train for k in range(len(ore))]
        fewest = min((len(rows) for rows in training), default=0)
        require_training(
            f"leaving out one of {len(ore)} deposit cells and those near it",
            fewest,
            "lower validation.options.phi, or use a smaller sampling.window or evidence.radius",
        )
        nearest = [
            np.hypot(*(sampling.at[rows] - o).T).min() for rows, o in zip(training, at, strict=True)
        ]
        tested = np.array(nearest) * self.geometry.cell_size
        self.words = self._sentence(tested, to_map, fewest, removed, reach)
        return LazyFolds(len(ore), fold)

    def _apart(self, sampling: Sampling, ore: Ints, reach: float) -> Floats:
        """Metres from each tested place to the others, infinite to those within the buffer."""
        at = sampling.at[ore]
        apart = np.full((len(ore), len(ore)), np.inf)
        for k in range(len(ore)):
            hidden = self._hidden(at[k], 0.0, reach)
            free = np.isin(ore, training_rows(sampling, ore[[k]], hidden, self.geometry.size))
            apart[k, free] = np.hypot(*(at[free] - at[k]).T) * self.geometry.cell_size
        return apart

    def _hidden(self, at: Ints, radius: float, reach: float) -> Bools:
        """Cells hidden for a tested place: its test cells with their buffer, and a disc."""
        shape = self.geometry.shape
        test_cells = disc(at, _TEST_RADIUS, shape) & self.geometry.valid
        test_cells[tuple(at)] = True
        return hidden_around(test_cells, self.geometry, reach) | disc(at, radius, shape)

    def _unseen(self, hidden: Bools, reach: float) -> Bools:
        """Valid cells whose window, and the samples behind it, are not in training."""
        in_training = widened(~hidden, 2 * reach / self.geometry.cell_size)
        return self.geometry.valid & ~windows_touching(in_training, self.geometry.size)

    def _sentence(
        self, tested: Floats, to_map: Floats, fewest: int, removed: Bools, reach: float
    ) -> str:
        most = int(removed.sum(axis=1).max())
        limit = "" if self.phi is None else f" up to {kilometres(self.phi)}"
        how = (
            f"to match these distances{limit}, up to {most} training deposits were removed from a "
            f"fold, but none from a fold that had {100 * self.least:.0f} % of the deposits or "
            "fewer left"
            if most
            else "the buffer alone matches these distances; no training deposit was removed"
        )
        return (
            f"{len(tested)} folds, one for each deposit cell: tested cells lie "
            f"{kilometres(np.median(tested))} (median) from the nearest training deposit, the "
            f"map's cells {kilometres(np.median(to_map))} from the nearest deposit; {how}; "
            f"training stays at least {self.buffer_words(reach)} from the tested cells; each "
            f"fold trains on at least {fewest} deposit cells"
        )


def match_distances(apart: Floats, to_map: Floats, phi: float, least: float) -> Bools:
    """Which places are in training for each tested place, ``(n, n)``: one fold a row.

    ``apart`` ``(n, n)``: distances from tested places (rows) to others, infinite where the other is
    already out of training, as on the diagonal. ``to_map`` ``(m,)``: distances from the map's cells
    to their nearest place. G*(r) is the share of rows whose nearest training place is within r,
    Gij(r) that of ``to_map``. Pairs are visited from the nearest on. A pair is separated where G*
    without it stays at or above Gij, and the row keeps more than the share ``least`` of n. Where
    ``least`` never applies, G*(r) < Gij(r) + 1/n at every r up to ``phi`` (Milà et al. 2022, as in
    the authors' R package CAST: a row stopped by ``least`` also ends matching at that distance).

    >>> apart = np.array([[np.inf, 1, 9], [1, np.inf, 9], [9, 9, np.inf]])
    >>> match_distances(apart, np.array([1.0, 5, 6, 9]), 100.0, 0.0).tolist()
    [[False, False, True], [True, False, True], [True, True, False]]
    """
    left = apart.copy()
    nearest = left.min(axis=1, initial=np.inf)
    asked = np.sort(to_map)
    r = nearest.min(initial=np.inf)
    while np.isfinite(r) and r <= phi:
        row = int(np.argmax(nearest == r))
        without = ((nearest <= r).sum() - 1) / len(left)
        spare = np.isfinite(left[row]).sum() / len(left) > least
        if without >= np.searchsorted(asked, r, side="right") / len(asked) and spare:
            left[row, left[row] == r] = np.inf
            nearest[row] = left[row].min()
            r = nearest[nearest >= r].min(initial=np.inf)
        else:
            r = nearest[nearest > r].min(initial=np.inf)
    return np.isfinite(left)


def window_distance(at: Ints, size: int) -> Floats:
    """Cells from each place (rows) to the nearest cell of each other's window, ``(n, n)``.

    >>> window_distance(np.array([[0, 0], [0, 9]]), 3).tolist()
    [[0.0, 8.0], [8.0, 0.0]]
    """
    gaps = []
    for axis, cells in enumerate(window_rows(at, size)):
        low, high, own = cells[:, 0], cells[:, -1], at[:, axis, None]
        gaps.append(np.maximum(0, np.maximum(low - own, own - high)))
    return np.asarray(np.hypot(gaps[0], gaps[1]))
