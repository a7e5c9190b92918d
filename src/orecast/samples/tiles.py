"""Numbered tiles as samples: each is ore if it holds a deposit."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from orecast.samples.nouns import Ints, Sampling


def tile_sampling(numbers: NDArray[np.int32], ore: Ints) -> Sampling:
    """One row a tile, in order of its number: its middle cell, 1 where it holds a deposit.

    ``numbers`` ``(rows, columns)`` from ``Grid.numbered_tiles``; ``ore`` the deposits' cells
    ``(n, 2)``. As the 144 tiles, 29 of them ore, of Gao et al. (2022, Appl. Sci. 12, 11433).

    >>> numbers = np.array([[1, 1, 2, 2], [3, 3, 4, 4]], dtype=np.int32)
    >>> tiles = tile_sampling(numbers, np.array([[1, 3]]))
    >>> tiles.y.tolist(), tiles.at.tolist()
    ([0.0, 0.0, 0.0, 1.0], [[0, 1], [0, 3], [1, 1], [1, 3]])
    """
    count = int(numbers.max())
    rows, columns = np.indices(numbers.shape).reshape(2, -1)
    tile = numbers.ravel() - 1
    cells = np.bincount(tile, minlength=count)
    middle = np.column_stack(
        [np.bincount(tile, weights=v, minlength=count) / cells for v in (rows, columns)]
    )
    y = np.zeros(count)
    y[numbers[ore[:, 0], ore[:, 1]] - 1] = 1
    return Sampling.of(np.floor(middle + 0.5).astype(np.int64), y, np.arange(count))
