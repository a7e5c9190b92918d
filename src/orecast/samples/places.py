"""Deposits as places on the grid: one row a cell, grouped where their windows share a cell."""

from __future__ import annotations

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from orecast.samples.nouns import Ints, Sampling


def deposit_groups(at: Ints, size: int) -> Ints:
    """Number the groups of places whose windows of ``size`` cells share a cell, ``(n,)``.

    Sharing carries over: where A shares with B and B with C, all three stay together.

    >>> deposit_groups(np.array([[0, 0], [0, 8], [0, 17]]), 9).tolist()
    [0, 0, 1]
    """
    n = len(at)
    pairs = cKDTree(at).query_pairs(size - 1, p=np.inf, output_type="ndarray")
    links = coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(n, n))
    return np.asarray(connected_components(links, directed=False)[1], dtype=np.int64)


def deposit_sampling(at: Ints, size: int) -> tuple[Sampling, Ints]:
    """One ore row for each distinct cell that holds deposits, and each deposit's row ``(n,)``.

    Deposits in one cell are one place: counted twice, they would make the scores look surer
    than they are.
    """
    places, row = np.unique(
        np.asarray(at, dtype=np.int64).reshape(-1, 2), axis=0, return_inverse=True
    )
    return Sampling.of(places, 1.0, deposit_groups(places, size)), row.reshape(-1)
