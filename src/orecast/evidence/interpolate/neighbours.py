"""The nearest places around a target, by buckets; compiled, shared by every interpolator.

The search of Bentley, Weide & Yao (1980, ACM TOMS 6, 563-580): places lie in square buckets, and
rings of buckets around the target are visited until no nearer place can follow.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.spatial import cKDTree

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

CHUNK = 2048  # targets that one thread takes at a time


class Buckets(NamedTuple):
    """Places sorted into square buckets; bucket ``b`` holds ``start[b]`` up to ``start[b + 1]``."""

    west: float
    south: float
    size: float
    rows: int
    columns: int
    start: Ints  # (rows * columns + 1,)
    x: Floats  # (n,), in the order of the buckets, counted from the western edge
    y: Floats  # (n,), from the southern edge

    @property
    def places(self) -> Floats:
        """Places in the order of the buckets, ``(n, 2)``, counted from the south-western corner."""
        return np.column_stack([self.x, self.y])


def fill_buckets(places: Floats) -> tuple[Buckets, Ints]:
    """Sort distinct places ``(n, 2)`` into buckets; the second result is their order ``(n,)``.

    Buckets are about as wide as the places are apart, and never more than 16 for each place, so
    that one far outlier does not put all others into one bucket.
    """
    west, south = places.min(axis=0)
    x, y = places[:, 0] - west, places[:, 1] - south
    width, height = float(x.max()), float(y.max())
    size = _bucket_size(places, width, height)
    columns, rows = int(width // size) + 1, int(height // size) + 1
    bucket = (y // size).astype(np.int64) * columns + (x // size).astype(np.int64)
    order = np.argsort(bucket, kind="stable")
    start = np.searchsorted(bucket[order], np.arange(rows * columns + 1))
    buckets = Buckets(
        float(west), float(south), size, rows, columns, start.astype(np.int64), x[order], y[order]
    )
    return buckets, order


def _bucket_size(places: Floats, width: float, height: float) -> float:
    n = len(places)
    if n == 1:
        return 1.0
    spacing = 1.5 * float(np.median(cKDTree(places).query(places, k=[2])[0]))
    # A line of places has no area: its length over n then bounds the number of buckets.
    return max(spacing, math.sqrt(width * height / (16 * n)), max(width, height) / (16 * n))


@njit(cache=True)
def nearest(  # type: ignore[no-untyped-def]
    buckets, x, y, count, radius_squared, found, squared
) -> int:
    """Write the nearest places to ``(x, y)`` into ``found`` and ``squared``; return how many.

    At most ``count`` of them, none beyond the radius, nearest first; of places equally far the
    first in the buckets' order. ``x`` and ``y`` count from the buckets' corner.
    """
    size, rows, columns = buckets.size, buckets.rows, buckets.columns
    row, column = math.floor(y / size), math.floor(x / size)
    in_x, in_y = x - column * size, y - row * size
    margin = min(min(in_x, size - in_x), min(in_y, size - in_y))
    first = max(max(-row, row - rows + 1), max(max(-column, column - columns + 1), 0))
    last = max(max(row, rows - 1 - row), max(column, columns - 1 - column))
    n = 0
    for ring in range(first, last + 1):
        if ring > 0:
            gap = max(0.0, (ring - 1) * size + margin)
            limit = squared[n - 1] if n == count else radius_squared
            if gap * gap * (1 - 1e-9) > limit:
                break
        for r in range(max(row - ring, 0), min(row + ring, rows - 1) + 1):
            whole = r == row - ring or r == row + ring  # else only the ring's two ends
            step = 1 if whole or ring == 0 else 2 * ring
            for c in range(column - ring, column + ring + 1, step):
                if c < 0 or c >= columns:
                    continue
                bucket = r * columns + c
                for i in range(buckets.start[bucket], buckets.start[bucket + 1]):
                    dx, dy = buckets.x[i] - x, buckets.y[i] - y
                    n = _keep(i, dx * dx + dy * dy, n, count, radius_squared, found, squared)
    return n


@njit(cache=True)
def _keep(  # type: ignore[no-untyped-def]
    place, distance, n: int, count, radius_squared, found, squared
) -> int:
    """Insert a place into the sorted list of the nearest, if it belongs there; return its length.

    Order by distance, then by number, so that ties do not hang on the order of visiting.
    """
    if distance > radius_squared:
        return n
    if n == count:
        farthest = squared[n - 1]
        if distance > farthest or (distance == farthest and place > found[n - 1]):
            return n
        j = n - 1
    else:
        j = n
        n += 1
    while j > 0 and (
        squared[j - 1] > distance or (squared[j - 1] == distance and found[j - 1] > place)
    ):
        squared[j] = squared[j - 1]
        found[j] = found[j - 1]
        j -= 1
    squared[j] = distance
    found[j] = place
    return n
