"""Near-copies: windows grown by noise, which share no pixel and yet are one place."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from orecast.evaluation.leakage.pixels import Ints

Floats = NDArray[np.float64]

_DIMENSIONS = 64
_ROWS_AT_ONCE = 512
_BY_CHANCE = 0.01  # windows that may lie as near by chance, of all of them
_CLOSEST = 0.25  # of the distance between two windows taken at random


def near_copies(windows: NDArray[np.floating], group: Ints) -> Ints:
    """Near-copy of each window in another group, -1 where it has none, ``(n,)``.

    ``windows`` ``(n, size, size, channels)``; ``group`` ``(n,)``, windows of one group are never
    held against each other (those that share pixels are known to be copies). A near-copy is
    nearer than a quarter of the typical distance between two windows, and nearer than chance
    would bring one window in a hundred: of ``n`` points in ``d`` dimensions a share ``n t**d``
    has another within ``t`` typical distances. ``d`` is the participation ratio of the windows'
    principal components, so smooth maps of few elements are held to a smaller ``t``.

    Distances are taken of channels standardised over all windows, in 64 random projections, which
    keep them to about a tenth (Johnson & Lindenstrauss 1984, Contemp. Math. 26, 189).
    """
    points = _projected(windows)
    n = len(points)
    if n < 3:
        return np.full(n, -1)
    spread = np.linalg.svd(points - points.mean(axis=0), compute_uv=False) ** 2
    if spread.sum() == 0:
        return np.full(n, -1)
    dimensions = spread.sum() ** 2 / (spread**2).sum()
    nearest, distance = _nearest(points, group)
    limit = min(_CLOSEST, (_BY_CHANCE / n) ** (1 / dimensions)) * _typical(points)
    return np.where(distance < limit, nearest, -1)


def _projected(windows: NDArray[np.floating]) -> Floats:
    flat = windows.reshape(-1, windows.shape[-1])
    mean, spread = flat.mean(axis=0, dtype=np.float64), flat.std(axis=0, dtype=np.float64)
    spread[spread == 0] = 1.0
    rng = np.random.default_rng(0)
    features = int(np.prod(windows.shape[1:]))
    axes = rng.normal(0, 1 / np.sqrt(_DIMENSIONS), (features, _DIMENSIONS))
    parts = [
        ((windows[k : k + _ROWS_AT_ONCE] - mean) / spread).reshape(-1, features) @ axes
        for k in range(0, len(windows), _ROWS_AT_ONCE)
    ]
    return np.concatenate(parts) if parts else np.empty((0, _DIMENSIONS))


def _nearest(points: Floats, group: Ints) -> tuple[Ints, Floats]:
    """The nearest point of another group, and how far it is."""
    n, squares = len(points), (points**2).sum(axis=1)
    nearest = np.empty(n, dtype=np.int64)
    for k in range(0, n, _ROWS_AT_ONCE):
        rows = slice(k, k + _ROWS_AT_ONCE)
        apart = squares - 2 * points[rows] @ points.T  # less each row's own square
        apart[group[rows, None] == group] = np.inf
        nearest[rows] = apart.argmin(axis=1)
    distance = np.sqrt(((points - points[nearest]) ** 2).sum(axis=1))
    distance[group == group[nearest]] = np.inf  # no other group
    return nearest, distance


def _typical(points: Floats) -> float:
    """Median distance between two points taken at random."""
    rng = np.random.default_rng(1)
    a, b = rng.integers(0, len(points), (2, 20_000))
    apart = np.sqrt(((points[a] - points[b]) ** 2).sum(axis=1))
    return float(np.median(apart[a != b]))
