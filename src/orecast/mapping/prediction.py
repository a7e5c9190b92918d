"""The whole area predicted tile by tile."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from orecast.evidence import Evidence
from orecast.validation import Fitted


def predict_map(
    fitted: Fitted,
    evidence: Evidence,
    *,
    tile: int = 256,
    progress: Callable[[str, int, int], None] | None = None,
) -> NDArray[np.float32]:
    """Score every cell that has evidence, ``(rows, columns)``; NaN elsewhere.

    The map is the same whatever the tile: each cell's window is read from the whole stack.
    """
    score = np.full(evidence.grid.shape, np.nan, dtype=np.float32)
    tiles = list(evidence.grid.tiles(tile))
    for k, part in enumerate(tiles):
        cells = np.argwhere(evidence.valid[part.rows, part.columns])
        cells += [part.rows.start, part.columns.start]
        if len(cells):
            score[cells[:, 0], cells[:, 1]] = fitted.predict(cells)
        if progress:
            progress("tile", k + 1, len(tiles))
    return score
