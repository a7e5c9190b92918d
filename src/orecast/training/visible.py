"""Windows at random among the cells that may be seen, with labels or without."""

from __future__ import annotations

import numpy as np

from orecast.grid import windows_touching
from orecast.samples.nouns import Bools, Windows


def readable_cells(X: Windows) -> Bools:
    """Cells that ``X`` may see and that have values in all layers, ``(rows, columns)``.

    Where no scaling fills what a window misses, those whose whole window has values.
    """
    seen = np.ones(X.stack.shape[1:], dtype=bool) if X.hidden is None else ~X.hidden
    for layer in X.stack:
        seen = seen & np.isfinite(layer)
    if X.scaling is None:
        gaps = windows_touching(np.pad(~seen, X.size, constant_values=True), X.size)
        seen = seen & ~gaps[X.size : -X.size, X.size : -X.size]
    return seen


def unhidden_cells(X: Windows) -> Bools:
    """Readable cells whose window shares no cell with what ``X`` hides, ``(rows, columns)``."""
    cells = readable_cells(X)
    return cells if X.hidden is None else cells & ~windows_touching(X.hidden, X.size)


def windows_among(X: Windows, cells: Bools, n: int, rng: np.random.Generator) -> Windows:
    """Windows at up to ``n`` of the ``cells`` ``(rows, columns)``, in the map's order."""
    flat = np.flatnonzero(cells)
    drawn = np.sort(rng.choice(flat, size=min(n, len(flat)), replace=False))
    return X.moved(np.column_stack(np.unravel_index(drawn, cells.shape)))
