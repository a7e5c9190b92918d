"""Propose cell size and search radius from the spacing of the samples."""

from __future__ import annotations

import math

import numpy as np
from scipy.spatial import cKDTree

from orecast.arrays import Floats
from orecast.errors import InputError

_SHARE = 0.95  # of the samples have enough neighbours within the proposed radius
_MOST_VISITED = 10_000_000  # neighbours of all places together; takes a few seconds


def nearest_distances(xy: Floats, order: int = 1) -> Floats:
    """Distance from each distinct place to its ``order``-th nearest other, ``(n_places,)`` metres.

    ``xy`` is ``(n, 2)``. With fewer other places than ``order``, the farthest is used. For a large
    order only an even selection of the places is used. Raises InputError if all samples are at
    one place.

    >>> nearest_distances(np.array([[0.0, 0], [3, 4], [0, 0]])).tolist()
    [5.0, 5.0]
    """
    places = np.unique(np.asarray(xy, dtype=np.float64), axis=0)
    if len(places) < 2:
        raise InputError(
            f"all {len(xy)} samples are at one place; the spacing cannot be computed",
            where="samples",
            remedy="check samples.x and samples.y, or set evidence.cell_size and evidence.radius",
        )
    rank = min(order, len(places) - 1)
    some = places[:: max(1, len(places) * rank // _MOST_VISITED)]
    return np.asarray(cKDTree(places).query(some, k=[rank + 1])[0][:, 0], dtype=np.float64)


def propose_cell_size(xy: Floats) -> float:
    """Half the mean spacing of the nearest pairs, rounded down to 1, 2 or 5 times a power of ten.

    After Hengl (2006, Computers & Geosciences 32, 1283-1298): a cell is at most half the mean
    distance between the closest pairs, and at least 0.05 sqrt(A / N) for N places in an area A
    (their bounding box), so that pairs a few metres apart do not give cells much too small for
    the survey. ``xy`` is ``(n, 2)`` in metres; so is the result.

    >>> x, y = np.meshgrid(np.arange(10) * 2000.0, np.arange(10) * 2000.0)
    >>> propose_cell_size(np.column_stack([x.ravel(), y.ravel()]))
    1000.0
    """
    spacing = nearest_distances(xy)
    area = float(np.ptp(np.asarray(xy, dtype=np.float64), axis=0).prod())
    finest = 0.05 * math.sqrt(area / len(spacing))
    # The factor keeps 0.9999999 of a step from being rounded down to the next.
    size = max(0.5 * float(spacing.mean()), finest) * (1 + 1e-9)
    unit = 10.0 ** math.floor(math.log10(size))
    return float(next(step for step in (5, 2, 1) if size / unit >= step) * unit)


def propose_radius(xy: Floats, neighbours: int, share: float = _SHARE) -> float:
    """Radius in metres within which a share of the samples have a third of their neighbours.

    A third of ``neighbours``, at least three: the nearest have most of the weight, and each metre
    of the radius widens by two the strip that a fold leaves out. Rounded up to two figures.
    ``xy`` is ``(n, 2)`` in metres.

    >>> x, y = np.meshgrid(np.arange(10) * 2000.0, np.arange(10) * 2000.0)
    >>> propose_radius(np.column_stack([x.ravel(), y.ravel()]), neighbours=12)
    2900.0
    """
    enough = max(3, math.ceil(neighbours / 3))
    return round_up(float(np.quantile(nearest_distances(xy, enough), share)))


def round_up(value: float) -> float:
    """A positive value rounded up to two figures.

    >>> round_up(1234.0), round_up(0.25)
    (1300.0, 0.25)
    """
    unit = 10.0 ** (math.floor(math.log10(value)) - 1)
    return float(math.ceil(round(value / unit, 6)) * unit)


def round_down(value: float) -> float:
    """A positive value rounded down to two figures.

    >>> round_down(1299.0), round_down(0.25)
    (1200.0, 0.25)
    """
    unit = 10.0 ** (math.floor(math.log10(value)) - 1)
    return float(math.floor(round(value / unit, 6)) * unit)
