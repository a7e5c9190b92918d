"""Find the nearest places of a target with buckets; compiled, used by all interpolators.

After Bentley, Weide & Yao (1980, ACM TOMS 6, 563-580): places are sorted into square buckets, and
the buckets around the target are searched until no nearer place is possible. For the next target in
a row of cells, the search radius is the last distance plus the step between the two.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from scipy.spatial import cKDTree

from orecast.arrays import Floats, Ints
from orecast.kernels import compiled

CHUNK = 2048  # targets per thread at a time


class Buckets(NamedTuple):
    """Places sorted into square buckets; bucket ``b`` holds ``start[b]`` up to ``start[b + 1]``."""

    west: float
    south: float
    size: float
    rows: int
    columns: int
    start: Ints  # (rows * columns + 1,)
    x: Floats  # (n,), in the order of the buckets, from the western edge
    y: Floats  # (n,), from the southern edge

    @property
    def places(self) -> Floats:
        """Places in the order of the buckets, ``(n, 2)``, counted from the south-western corner."""
        return np.column_stack([self.x, self.y])


def fill_buckets(places: Floats) -> tuple[Buckets, Ints]:
    """Sort distinct places ``(n, 2)`` into buckets; the second result is their order ``(n,)``.

    The size of a bucket is about the spacing of the places. There are at most 16 buckets per
    place, even with one far outlier.
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
    # Places on a line have no area: then the length over n limits the number of buckets.
    return max(spacing, math.sqrt(width * height / (16 * n)), max(width, height) / (16 * n))


@compiled()
def nearest_places(  # type: ignore[no-untyped-def]
    buckets, x, y, count, radius_squared, guess, found, squared
) -> int:
    """Write the nearest places to ``(x, y)`` into ``found`` and ``squared``; return how many.

    At most ``count`` places within the radius, in the order of the buckets; ties: the first in
    this order. ``x`` and ``y`` are measured from the buckets' corner. The search begins with a
    circle of squared radius ``guess`` and widens it. ``found`` and ``squared`` have the length
    ``buffer_length(count)``.
    """
    limit = min(guess, radius_squared)
    n = _within(buckets, x, y, count, limit, found, squared)
    while n < count and limit < radius_squared:
        limit = min(4.0 * limit, radius_squared)
        n = _within(buckets, x, y, count, limit, found, squared)
    return n  # type: ignore[no-any-return]


@compiled()
def buffer_length(count: int) -> int:
    """Length of the working arrays of ``nearest_places``."""
    return 4 * count + 16


@compiled()
def first_guess(buckets, count) -> float:  # type: ignore[no-untyped-def]
    """Squared radius of a circle with ``count`` places, if they were spread evenly."""
    return buckets.size * buckets.size * (1.0 + count)  # type: ignore[no-any-return]


@compiled()
def next_guess(squared, n, dx, dy) -> float:  # type: ignore[no-untyped-def]
    """Squared radius that still contains the ``n`` places found, after a step."""
    farthest = 0.0
    for p in range(n):
        farthest = max(farthest, squared[p])
    return (math.sqrt(farthest) + math.hypot(dx, dy)) ** 2 * (1.0 + 1e-9)


@compiled()
def _within(  # type: ignore[no-untyped-def]
    buckets, x, y, count, limit, found, squared
) -> int:
    """Nearest places within a circle; its buckets in a row are contiguous."""
    size = buckets.size
    radius = math.sqrt(limit) + 1e-9 * size  # rounding must not lose a bucket at the edge
    bottom = max(math.floor((y - radius) / size), 0)
    top = min(math.floor((y + radius) / size), buckets.rows - 1)
    n = 0
    for row in range(bottom, top + 1):
        gap = max(max(row * size - y, y - (row + 1) * size), 0.0)
        half = math.sqrt(max(radius * radius - gap * gap, 0.0)) + 1e-9 * size
        left = max(math.floor((x - half) / size), 0)
        right = min(math.floor((x + half) / size), buckets.columns - 1)
        if right < left:
            continue
        first = row * buckets.columns
        for i in range(buckets.start[first + left], buckets.start[first + right + 1]):
            dx, dy = buckets.x[i] - x, buckets.y[i] - y
            distance = dx * dx + dy * dy
            if distance <= limit:
                found[n] = i
                squared[n] = distance
                n += 1
                if n == len(found):
                    limit = _drop_farthest(found, squared, n, count)
                    n = count
    if n > count:
        _drop_farthest(found, squared, n, count)
    return min(n, count)  # type: ignore[no-any-return]


@compiled()
def _drop_farthest(found, squared, n, count) -> float:  # type: ignore[no-untyped-def]
    """Keep the ``count`` nearest in order (ties: the first); return the largest distance."""
    while True:
        last = 0
        for p in range(1, n):
            if squared[p] >= squared[last]:
                last = p
        if n == count:
            return squared[last]  # type: ignore[no-any-return]
        n -= 1
        for p in range(last, n):
            found[p] = found[p + 1]
            squared[p] = squared[p + 1]
