"""Labelled places: deposits in groups whose windows share a cell, and tiles of an area."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from orecast.arrays import Ints
from orecast.sampling.windows import Sampling


def deposit_groups(at: Ints, size: int) -> Ints:
    """Number the groups of places whose windows of ``size`` cells share a cell, ``(n,)``.

    Sharing is transitive: where A shares with B and B with C, all three stay together.

    >>> deposit_groups(np.array([[0, 0], [0, 8], [0, 17]]), 9).tolist()
    [0, 0, 1]
    """
    n = len(at)
    pairs = cKDTree(at).query_pairs(size - 1, p=np.inf, output_type="ndarray")
    links = coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(n, n))
    return np.asarray(connected_components(links, directed=False)[1], dtype=np.int64)


def deposit_sampling(at: Ints, size: int) -> tuple[Sampling, Ints]:
    """One ore row for each distinct cell that holds deposits, and each deposit's row ``(n,)``.

    Deposits in one cell are one place: counted twice, they would make the intervals of the scores
    too narrow.
    """
    places, row = np.unique(
        np.asarray(at, dtype=np.int64).reshape(-1, 2), axis=0, return_inverse=True
    )
    return Sampling.of(places, 1.0, deposit_groups(places, size)), row.reshape(-1)


def tile_sampling(numbers: NDArray[np.int32], ore: Ints) -> Sampling:
    """One row per tile, in order of number: its middle cell, and 1 where it holds a deposit.

    ``numbers`` ``(rows, columns)`` from ``Grid.numbered_tiles``; ``ore`` the deposits' cells
    ``(n, 2)``. Like the 144 tiles, 29 of them ore, of Gao et al. (2022, Appl. Sci. 12, 11433).

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
