"""Leave-one-out whose tested deposits lie as far from what is learned as the map's cells do."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from scipy.ndimage import distance_transform_edt

from orecast.arrays import Bools, Floats, Ints
from orecast.grid import widened, window_rows, windows_touching
from orecast.sampling.windows import Fold, MapGeometry, Sampling
from orecast.splits.cutting import (
    LazyFolds,
    check_number,
    concealed,
    kilometres,
    learners,
    refuse_too_few,
    spot,
)

REGISTERED = {"nearest-neighbour-distance": "NearestNeighbourDistance"}


_OWN_GROUND = 2.0  # cells around a tested place that are ranked with it at the least: 13


@dataclass
class NearestNeighbourDistance:
    """Each place of ore is tested as far from the deposits learned as the map's cells are.

    Nearest neighbour distance matching, leave-one-out (Milà et al. 2022, Methods Ecol. Evol. 13,
    1304). Plain leave-one-out asks an easy question where deposits cluster: the tested one has a
    neighbour, while most of the map lies far from any. So places near the tested one are taken
    from training until the distances from tested to learned places are distributed as those from
    the map's valid cells to their nearest deposit: up to ``phi`` metres (the whole map if left
    out), and while more than the share ``least`` of the places is left to a fold. Whatever the
    distances ask for, no window learned from comes within the buffer of ``spatial``.

    Its figures answer: how well does the map rank a deposit where users will read it, as near to
    and as far from known ones as its cells are? A place is ranked among the cells around it that
    stay unseen with it, 13 at the least where all are valid, so its percentile is coarse and
    local; no other cell of the map stays unseen. ``n_folds`` and ``seed`` change nothing.
    """

    ground: MapGeometry
    n_folds: int = 5
    seed: int = 0
    phi: float | None = None
    least: float = 0.5
    words: str = field(default="", init=False)
    grow_first = False

    def __post_init__(self) -> None:
        """Raise ConfigError for an impossible option."""
        if self.phi is not None:
            check_number(self.phi, "phi", low=0)
        check_number(self.least, "least", low=0, high=1)

    def folds(self, sampling: Sampling, reach: float) -> LazyFolds:
        """Hold out one place a fold, in the order of the rows.

        Raises SamplingError where a fold would learn from fewer than two places.
        """
        ore = np.flatnonzero(sampling.y == 1)
        at = sampling.at[ore]
        to_map = self._to_map(at)
        apart = self._apart(sampling, ore, reach)
        phi = math.inf if self.phi is None else self.phi
        taken = np.isfinite(apart) & ~match_distances(apart, to_map, phi, self.least)
        radius = np.where(taken, window_distance(at, self.ground.size), 0.0).max(axis=1, initial=0)

        def fold(k: int) -> Fold:
            test: Ints = ore[[k]]
            hidden = self._hidden(at[k], radius[k], reach)
            train = learners(sampling, test, hidden, self.ground.size)
            return Fold(train, test, hidden, self._unseen(hidden, reach))

        learned = [fold(k).train for k in range(len(ore))]
        fewest = min((len(rows) for rows in learned), default=0)
        refuse_too_few(
            f"leaving out one of {len(ore)} places with what lies near it",
            fewest,
            "lower validation.options.phi, or use a smaller sampling.window or evidence.radius",
        )
        tested = _metres(at, [sampling.at[rows] for rows in learned], self.ground.cell_size)
        self.words = self._sentence(tested, to_map, fewest, taken, reach)
        return LazyFolds(len(ore), fold)

    def _to_map(self, at: Ints) -> Floats:
        """Metres from each valid cell to its nearest place of ore, ``(m,)``."""
        elsewhere = np.ones(self.ground.shape, dtype=bool)
        elsewhere[at[:, 0], at[:, 1]] = False
        distance = distance_transform_edt(elsewhere)[self.ground.valid]
        return np.asarray(distance * self.ground.cell_size)

    def _apart(self, sampling: Sampling, ore: Ints, reach: float) -> Floats:
        """Metres from each tested place to the others, infinite to those within the buffer."""
        at = sampling.at[ore]
        apart = np.full((len(ore), len(ore)), np.inf)
        for k in range(len(ore)):
            hidden = self._hidden(at[k], 0.0, reach)
            free = np.isin(ore, learners(sampling, ore[[k]], hidden, self.ground.size))
            apart[k, free] = np.hypot(*(at[free] - at[k]).T) * self.ground.cell_size
        return apart

    def _hidden(self, at: Ints, radius: float, reach: float) -> Bools:
        """What stays unseen around a tested place: the buffer of its own ground, and a disc."""
        shape = self.ground.shape
        ground = spot(at, _OWN_GROUND, shape) & self.ground.valid
        ground[at[0], at[1]] = True
        return concealed(ground, self.ground, reach) | spot(at, radius, shape)

    def _unseen(self, hidden: Bools, reach: float) -> Bools:
        """Valid cells of which no window's cell, and no sample behind one, was learned from."""
        seen = widened(~hidden, 2 * reach / self.ground.cell_size)
        return self.ground.valid & ~windows_touching(seen, self.ground.size)

    def _sentence(
        self, tested: Floats, to_map: Floats, fewest: int, taken: Bools, reach: float
    ) -> str:
        most = int(taken.sum(axis=1).max())
        how = (
            f"matching them{'' if self.phi is None else f' up to {kilometres(self.phi)}'} took up "
            f"to {most} places from a fold, and none from one left with "
            f"{100 * self.least:.0f} % or less"
            if most
            else "the buffer alone sees to it, and matching them took nothing more"
        )
        return (
            f"{len(tested)} folds, one a place of ore: tested places lie "
            f"{kilometres(np.median(tested))} (median) from the nearest learned one, the map's "
            f"cells {kilometres(np.median(to_map))} from the nearest deposit; {how}; training "
            f"stays at least {kilometres(self.ground.buffer(reach))} (a window plus twice the "
            f"reach) from whatever is tested; each fold learns from at least {fewest} places of ore"
        )


def _metres(at: Ints, learned: list[Ints], cell_size: float) -> Floats:
    """From each tested place to the nearest of those learned for it, ``(n,)``."""
    nearest = [np.hypot(*(a - o).T).min() for a, o in zip(learned, at, strict=True)]
    return np.array(nearest) * cell_size


def match_distances(apart: Floats, to_map: Floats, phi: float, least: float) -> Bools:
    """Which place may learn for which tested place, ``(n, n)``: one fold a row.

    ``apart`` ``(n, n)`` are distances from tested places (rows) to others, infinite where one is
    not learned from anyway, as on the diagonal; ``to_map`` ``(m,)`` those from the map's cells to
    their nearest place. With G*(r) the share of rows whose nearest learned place is within r, and
    Gij(r) that of ``to_map``, the nearest pairs first: the pair is parted where G* stays at or
    above Gij without it, and the row has more than the share ``least`` of n. So where ``least``
    stops nobody, G*(r) < Gij(r) + 1/n at every r up to ``phi`` (Milà et al. 2022, as in the
    authors' R package CAST: a row that is stopped also ends the matching at that distance).

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
