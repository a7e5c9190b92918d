"""Leave-one-out with test deposits as far from training as map cells are from deposits."""

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
    disc,
    hidden_around,
    kilometres,
    require_training,
    training_rows,
)

REGISTERED = {"nearest-neighbour-distance": "NearestNeighbourDistance"}


_TEST_RADIUS = 2.0  # in cells: a place is ranked among at least the 13 cells within it


@dataclass
class NearestNeighbourDistance:
    """Each place of ore is tested as far from the training deposits as the map's cells are.

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

    geometry: MapGeometry
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

        Raises SamplingError where a fold would train on fewer than two places.
        """
        ore = np.flatnonzero(sampling.y == 1)
        at = sampling.at[ore]
        to_map = self._to_map(at)
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
            f"leaving out one of {len(ore)} places and the places near it",
            fewest,
            "lower validation.options.phi, or use a smaller sampling.window or evidence.radius",
        )
        tested = _metres(at, [sampling.at[rows] for rows in training], self.geometry.cell_size)
        self.words = self._sentence(tested, to_map, fewest, removed, reach)
        return LazyFolds(len(ore), fold)

    def _to_map(self, at: Ints) -> Floats:
        """Metres from each valid cell to its nearest place of ore, ``(m,)``."""
        elsewhere = np.ones(self.geometry.shape, dtype=bool)
        elsewhere[at[:, 0], at[:, 1]] = False
        distance = distance_transform_edt(elsewhere)[self.geometry.valid]
        return np.asarray(distance * self.geometry.cell_size)

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
        test_cells[at[0], at[1]] = True
        return hidden_around(test_cells, self.geometry, reach) | disc(at, radius, shape)

    def _unseen(self, hidden: Bools, reach: float) -> Bools:
        """Valid cells whose window, and the samples behind it, are not in training."""
        seen = widened(~hidden, 2 * reach / self.geometry.cell_size)
        return self.geometry.valid & ~windows_touching(seen, self.geometry.size)

    def _sentence(
        self, tested: Floats, to_map: Floats, fewest: int, removed: Bools, reach: float
    ) -> str:
        most = int(removed.sum(axis=1).max())
        how = (
            f"matching them{'' if self.phi is None else f' up to {kilometres(self.phi)}'} removed "
            f"up to {most} places from a fold, and none from a fold left with "
            f"{100 * self.least:.0f} % or less"
            if most
            else "the buffer alone is enough, and matching them removed no place"
        )
        return (
            f"{len(tested)} folds, one a place of ore: tested places lie "
            f"{kilometres(np.median(tested))} (median) from the nearest training place, the map's "
            f"cells {kilometres(np.median(to_map))} from the nearest deposit; {how}; training "
            f"stays at least {kilometres(self.geometry.buffer(reach))} (a window plus twice the "
            f"reach) from the tested cells; each fold trains on at least {fewest} places of ore"
        )


def _metres(at: Ints, training: list[Ints], cell_size: float) -> Floats:
    """From each tested place to the nearest training place of its fold, ``(n,)``."""
    nearest = [np.hypot(*(a - o).T).min() for a, o in zip(training, at, strict=True)]
    return np.array(nearest) * cell_size


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
