"""How far apart two windows were cut, found by the pixels they share."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from orecast.evaluation.leakage.pixels import Bools, Ints, symmetries

_ENOUGH = 0.5  # share of two windows' overlap that must be equal


def cells_apart(
    train: Ints, test: Ints, train_marks: Bools, test_marks: Bools
) -> NDArray[np.float64]:
    """Cells from each test window to the nearest training window of the same ground, ``(m,)``.

    ``train`` ``(n, size, size)`` and ``test`` ``(m, size, size)`` hold numbers of pixels, as
    ``number_pixels`` gives them. Two windows are one patch slid by ``(dr, dc)`` where half or more
    of their overlap at that shift is equal; a test window may be flipped or turned. The distance
    is the longer of the two sides: 0 the same window, 1 a neighbour, diagonal ones among them.
    Infinite where no window overlaps.
    """
    size = train.shape[1]
    where = np.nonzero(train_marks)
    order = np.argsort(train[where], kind="stable")
    known = train[where][order]
    place = np.column_stack(where)[order]  # window, row, column
    answer = np.full(len(test), np.inf)
    for j in np.flatnonzero(np.isin(test, known).any(axis=(1, 2))):
        views = zip(symmetries(test[j : j + 1]), symmetries(test_marks[j : j + 1]), strict=True)
        answer[j] = min(_nearest(known, place, view[0], marks[0], size) for view, marks in views)
    return answer


def _nearest(known: Ints, place: Ints, window: Ints, marks: Bools, size: int) -> float:
    cells = np.column_stack(np.nonzero(marks))
    low, high = (np.searchsorted(known, window[marks], side) for side in ("left", "right"))
    count = high - low
    cell = np.repeat(np.arange(len(cells)), count)
    nth = np.arange(len(cell)) - np.repeat(np.cumsum(count) - count, count)
    match = place[low[cell] + nth]
    shift = match[:, 1:] - cells[cell]
    pairs, equal = np.unique(np.column_stack([match[:, 0], shift]), axis=0, return_counts=True)
    apart = np.abs(pairs[:, 1:])
    same = equal >= _ENOUGH * (size - apart).prod(axis=1)
    return float(apart[same].max(axis=1).min()) if same.any() else np.inf
