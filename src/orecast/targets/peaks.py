"""Peaks of a map and their surroundings: how targets are drawn, on the map and in its test."""

from __future__ import annotations

import heapq
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from orecast.arrays import Bools, Floats, Ints
from orecast.grid import Grid
from orecast.kernels import compiled

APART = 2.0  # spacings between the peaks of two targets, so that no deposit is near both


@dataclass(frozen=True)
class Rule:
    """How targets are drawn.

    ``spacing`` is the median distance between nearest samples, in metres. A target has ``smallest``
    to ``largest`` cells. It ends where the score has fallen by the share ``fall`` from its peak to
    the map's median. A peak counts where it rises above the saddle to a higher one by the share
    ``prominence`` of the height of the map's highest cell above its median.
    """

    spacing: float
    smallest: int
    largest: int
    fall: float
    prominence: float


@dataclass(frozen=True)
class Peak:
    """The cell of a target's highest score, its score, and the target's cells ``(n_cells, 2)``."""

    at: tuple[int, int]
    score: float
    cells: Ints

    def holds(self, cells: Ints) -> Bools:
        """Which of the ``cells`` ``(n, 2)`` belong to the target."""
        own = {(int(r), int(c)) for r, c in self.cells}
        return np.array([(int(r), int(c)) in own for r, c in cells], dtype=np.bool_)


class Peaks:
    """The peaks of a map ``(rows, columns)``, NaN where it has no score, highest first.

    Each cell belongs to the peak to which the steepest way up leads (a watershed). A peak without
    prominence belongs, with its cells, to the higher one beyond its saddle.
    """

    def __init__(self, score: NDArray[np.floating], grid: Grid, rule: Rule) -> None:
        self.rule = rule
        self._score = np.asarray(score, dtype=np.float64)
        known = np.isfinite(self._score)
        order = np.argsort(-self._score[known], kind="stable")
        cells = np.flatnonzero(known)[order]
        heights = self._score[known]
        self._median = float(np.median(heights)) if heights.size else 0.0
        height = float(heights.max()) - self._median if heights.size else 0.0
        basin, tops = _basins(self._score, cells, rule.prominence * height)
        self._basin: NDArray[np.int32] = basin
        self.at: Ints = np.column_stack(np.unravel_index(tops, score.shape)).astype(np.int64)
        self.xy: Floats = grid.xy(self.at) if len(self.at) else np.empty((0, 2))

    def drawn(self, among: Bools | None = None, most: int | None = None) -> list[Peak]:
        """Targets around the peaks, highest first, two spacings apart.

        ``among`` ``(n_peaks,)`` are the peaks that may be drawn. A peak with fewer than the
        smallest number of cells is left out.
        """
        found: list[Peak] = []
        taken = np.empty((0, 2))
        apart = APART * self.rule.spacing
        every = range(len(self.at)) if among is None else np.flatnonzero(among)
        for k in every:
            if most is not None and len(found) == most:
                break
            if len(taken) and np.hypot(*(taken - self.xy[k]).T).min() < apart:
                continue
            peak = self.surroundings(int(k))
            if len(peak.cells) >= self.rule.smallest:
                found.append(peak)
                taken = np.vstack([taken, self.xy[k]])
        return found

    def surroundings(self, k: int) -> Peak:
        """The target of peak number ``k``: its cells, from the highest down."""
        row, column = (int(v) for v in self.at[k])
        top = float(self._score[row, column])
        floor = top - self.rule.fall * max(0.0, top - self._median)
        cells = _grown(self._score, self._basin, row, column, floor, self.rule.largest)
        return Peak((row, column), top, cells)


@compiled()
def _basins(
    score: NDArray[np.float64], order: NDArray[np.int64], height: float
) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """The peak of each cell, -1 for none, and the cell of each peak, highest first.

    ``order`` are the flat numbers of the cells from the highest down. A peak that rises by less
    than ``height`` above its saddle is joined to the higher one.
    """
    rows, columns = score.shape
    flat = score.ravel()
    n = order.size
    basin = np.full(rows * columns, -1, dtype=np.int32)
    time = np.empty(rows * columns, dtype=np.int32)
    parent = np.empty(rows * columns, dtype=np.int64)  # of the areas joined so far
    main = np.empty(rows * columns, dtype=np.int32)  # highest peak of an area, at its root
    top = np.empty(n, dtype=np.int64)  # cell of each peak
    joined = np.empty(n, dtype=np.int32)  # the peak that a peak without prominence belongs to
    peaks = 0
    for k in range(n):
        cell = order[k]
        r, c = cell // columns, cell % columns
        best = -1
        for rr in range(max(r - 1, 0), min(r + 2, rows)):
            for cc in range(max(c - 1, 0), min(c + 2, columns)):
                other = rr * columns + cc
                if basin[other] >= 0 and (best < 0 or time[other] < time[best]):
                    best = other
        time[cell] = k
        parent[cell] = cell
        if best < 0:
            basin[cell] = peaks
            main[cell] = peaks
            top[peaks] = cell
            joined[peaks] = peaks
            peaks += 1
            continue
        basin[cell] = basin[best]
        root = best
        while parent[root] != root:
            parent[root] = parent[parent[root]]
            root = parent[root]
        parent[cell] = root
        for rr in range(max(r - 1, 0), min(r + 2, rows)):
            for cc in range(max(c - 1, 0), min(c + 2, columns)):
                other = rr * columns + cc
                if basin[other] < 0 or other == cell:
                    continue
                while parent[other] != other:
                    parent[other] = parent[parent[other]]
                    other = parent[other]
                if other == root:
                    continue
                high, low = main[root], main[other]
                if low < high:  # peaks are numbered from the highest down
                    high, low = low, high
                if flat[top[low]] - flat[cell] < height:
                    joined[low] = high
                parent[other] = root
                main[root] = high
    number = np.full(peaks, -1, dtype=np.int32)
    tops = np.empty(peaks, dtype=np.int64)
    kept = 0
    for p in range(peaks):
        if joined[p] == p:
            number[p] = kept
            tops[kept] = top[p]
            kept += 1
        else:
            number[p] = number[joined[p]]
    for cell in range(rows * columns):
        if basin[cell] >= 0:
            basin[cell] = number[basin[cell]]
    return basin.reshape(rows, columns), tops[:kept]


@compiled()
def _grown(
    score: NDArray[np.float64],
    basin: NDArray[np.int32],
    row: int,
    column: int,
    floor: float,
    largest: int,
) -> NDArray[np.int64]:
    """Connected cells of one peak, from the highest down, at or above ``floor``; ``(n, 2)``."""
    rows, columns = score.shape
    mine = basin[row, column]
    found = np.empty((largest, 2), dtype=np.int64)
    n = 0
    waiting = [(-score[row, column], row * columns + column)]
    seen = {row * columns + column}
    while len(waiting) > 0 and n < largest:
        _, cell = heapq.heappop(waiting)
        r, c = cell // columns, cell % columns
        found[n, 0], found[n, 1] = r, c
        n += 1
        for rr in range(max(r - 1, 0), min(r + 2, rows)):
            for cc in range(max(c - 1, 0), min(c + 2, columns)):
                other = rr * columns + cc
                if basin[rr, cc] == mine and score[rr, cc] >= floor and other not in seen:
                    seen.add(other)
                    heapq.heappush(waiting, (-score[rr, cc], other))
    return found[:n]


def nearest_metres(xy: Floats, places: Floats) -> Floats:
    """Distance of positions ``(n, 2)`` to the nearest of ``places`` ``(m, 2)``; infinite without.

    >>> nearest_metres(np.zeros((1, 2)), np.array([[3.0, 4.0], [9.0, 9.0]])).tolist()
    [5.0]
    """
    from scipy.spatial import cKDTree

    if not len(places) or not len(xy):
        return np.full(len(xy), np.inf)
    return np.asarray(cKDTree(places).query(xy)[0], dtype=np.float64)
