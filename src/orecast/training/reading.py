"""Cells that training can read, and windows moved by a random trim in each epoch."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from orecast.arrays import Bools, Ints
from orecast.config import Training, most_shift
from orecast.errors import SamplingError
from orecast.grid import window_start, windows_touching
from orecast.sampling.augmentation import Copies, Grown, Slid
from orecast.sampling.windows import Needs, Windows


def fitting_trim(trim: int, size: int) -> int:
    """Largest move of windows of ``size`` cells; windows of one cell are not moved.

    Raises SamplingError if a window that moves so far does not contain its place.

    >>> fitting_trim(16, 224), fitting_trim(16, 1)
    (16, 0)
    """
    if size == 1:
        return 0
    most = most_shift(size)
    if trim > most:
        remedy = f"set it to {most} or less" if most else "set it to 0"
        raise SamplingError(
            f"a trim of {trim} cells moves the place out of its window of {size} cells",
            where="training.trim",
            remedy=f"{remedy}, or set a larger sampling.window",
        )
    return trim


def of_places(training: Training, needs: Needs) -> Training:
    """Return the training settings, with no trim for a network that reads only elements.

    Such a network reads only the window's own cell; a moved window would have another label.
    """
    return training.model_copy(update={"trim": 0}) if needs.elements_only else training


class Trims:
    """Windows, each read at a random place up to ``trim`` cells from its own.

    Rows and columns move by a whole number of cells each. So a window of ``size + 2 trim`` cells is
    trimmed to ``size`` at random, as Gao et al. (2022, Appl. Sci. 12, 11433) trim 256 to 224.

    All allowed places are equally likely. A place is allowed if it has a value in every layer, and
    its window holds no hidden cell and reaches no farther beyond the grid's edge than the row's own
    window. If there is no other place, the window stays. Rows without a place on the map stay too:
    those that growth turned, mixed, added noise to, or made by a generator.
    """

    def __init__(self, X: Windows, trim: int) -> None:
        self.X = X
        self.trim = trim
        self.free = unhidden_cells(X)
        self.lies = lies_on_map(X)

    @property
    def around(self) -> Windows:
        """Larger windows of the rows that can move, ``(m, n_layers, size + 2 trim, ...)``."""
        return self.X.at_cells(self.X.at[self.lies]).of_size(self.X.size + 2 * self.trim)

    def drawn(self, rows: Ints, rng: np.random.Generator) -> Windows:
        """Return some of the windows, each at a random place; their values are not read yet."""
        X = self.X.take(rows)
        at = np.where(self.lies[rows, None], self._places(X.at, rng), X.at)
        return _at_places(X, at, self.lies[rows])

    def _places(self, at: Ints, rng: np.random.Generator) -> Ints:
        """A random allowed place for each of ``at``, ``(b, 2)`` both."""
        steps = np.arange(-self.trim, self.trim + 1)
        moves = np.stack(np.meshgrid(steps, steps, indexing="ij"), axis=-1).reshape(-1, 2)
        to = at[:, None] + moves  # (b, m, 2)
        first = window_start(self.X.size)  # first and last place whose window is whole
        last = np.array(self.free.shape) - self.X.size + first
        low, high = np.minimum(at, first)[:, None], np.maximum(at, last)[:, None]
        allowed = np.asarray(((to >= low) & (to <= high)).all(axis=-1))
        allowed[allowed] = self.free[tuple(to[allowed].T)]
        allowed[:, len(moves) // 2] = True  # the place itself
        nth = rng.integers(allowed.sum(axis=1))
        chosen = (allowed.cumsum(axis=1) > nth[:, None]).argmax(axis=1)
        return np.asarray(to[np.arange(len(at)), chosen])


def lies_on_map(X: Windows) -> Bools:
    """Windows that equal the map at their cells, neither changed nor generated, ``(n,)``."""
    lies = np.ones(len(X), dtype=bool)
    if not isinstance(X, Grown):
        return lies
    for number in np.unique(X.part):
        here, part = X.part == number, X.parts[number]
        if isinstance(part, Copies):
            lies[here] = lies_on_map(part.source)[part.origin[X.row[here], 0]]
        else:
            lies[here] = isinstance(part, Slid)
    return lies


def _at_places(X: Windows, at: Ints, lies: Bools) -> Windows:
    """Windows read at cells ``at`` ``(n, 2)``; those not on the map (see ``lies``) stay."""
    if not isinstance(X, Grown):
        return X.at_cells(at)
    rows = np.flatnonzero(lies)
    slid = Slid(X, rows[:, None], at[rows])
    return replace(X.replaced(slid, np.arange(len(X))), at=at)


def readable_cells(X: Windows) -> Bools:
    """Cells that ``X`` does not hide and that have values in all layers, ``(rows, columns)``.

    Without a scaling, which fills missing values, their whole windows must have values.
    """
    seen = np.ones(X.stack.shape[1:], dtype=bool) if X.hidden is None else ~X.hidden
    for layer in X.stack:
        seen = seen & np.isfinite(layer)
    if X.scaling is None:
        gaps = windows_touching(np.pad(~seen, X.size, constant_values=True), X.size)
        seen = seen & ~gaps[X.size : -X.size, X.size : -X.size]
    return seen


def unhidden_cells(X: Windows) -> Bools:
    """Readable cells whose window contains no hidden cell, ``(rows, columns)``."""
    cells = readable_cells(X)
    return cells if X.hidden is None else cells & ~windows_touching(X.hidden, X.size)


def windows_among(X: Windows, cells: Bools, n: int, rng: np.random.Generator) -> Windows:
    """Windows at up to ``n`` of the ``cells`` ``(rows, columns)``, in the map's order."""
    flat = np.flatnonzero(cells)
    drawn = np.sort(rng.choice(flat, size=min(n, len(flat)), replace=False))
    return X.at_cells(np.column_stack(np.unravel_index(drawn, cells.shape)))
