"""Sampling density: where people sampled, a map that no prospectivity map should lose to.

It speaks of no concentration. Ground is sampled more densely where ore is known or hoped for, so
that a model may rank deposits by the effort behind a map rather than by what was measured; scored
beside the model, this map says how far that alone goes.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from orecast.errors import ConfigError, InputError
from orecast.evidence.elements import sample_places
from orecast.grid import Grid

if TYPE_CHECKING:
    from orecast.survey.nouns import Survey

Floats = NDArray[np.float64]


def sampling_density(survey: Survey, grid: Grid, radius: float) -> NDArray[np.float32]:
    """Samples per km² around each cell's centre, ``(rows, columns)``; 0 beyond ``radius`` of all.

    Epanechnikov's kernel in the plane, ``2 / (π r²) (1 - d² / r²)`` within ``radius`` metres
    (Silverman 1986, Density Estimation for Statistics and Data Analysis, eq. 4.4): exact, to the
    samples' own positions, and without the ties of a plain count. Samples that lie outside the
    grid count as well; those averaged into one place count once. Towards the edge of the sampled
    ground the density falls off within a radius, as nothing is corrected: there are no samples
    beyond. The layer's reach is ``radius``.

    Raises InputError where the survey is gridded, ConfigError unless the radius is positive.
    """
    if survey.gridded is not None:
        raise InputError(
            "a gridded survey has no samples to count; its density of sampling is unknown",
            where="gridded",
            remedy="leave the map of sampling density out, or give the samples themselves",
        )
    if not (math.isfinite(radius) and radius > 0):
        raise ConfigError(f"the radius of a density must be positive, not {radius!r}")
    x, y = sample_places(survey).T
    order = np.argsort(y, kind="stable")
    x, y = x[order], y[order]
    density = np.empty(grid.shape, dtype=np.float32)
    first = np.searchsorted(y, grid.y - radius)
    last = np.searchsorted(y, grid.y + radius, side="right")
    for row, north in enumerate(grid.y):
        near = slice(first[row], last[row])
        density[row] = _row_sum(x[near], y[near] - north, grid.x, radius)
    return density * np.float32(2e6 / (math.pi * radius**2))


def _row_sum(x: Floats, dy: Floats, at: Floats, radius: float) -> Floats:
    """Sum of ``1 - d² / r²`` over the samples within the radius, at the centres ``at`` of a row.

    ``x`` and ``dy`` are the samples' easting and distance north of the row, ``(n,)``. Along a row
    a sample adds one parabola over one run of cells, ``a + 2 u t - t²`` at t in radii: so that the
    sums of its three coefficients change where runs begin and end, and nowhere else.
    """
    half = np.sqrt(np.maximum(radius**2 - dy**2, 0))
    begin = np.searchsorted(at, x - half)
    end = np.searchsorted(at, x + half, side="right")
    middle = at.mean()  # small numbers, so that little is lost where large ones cancel
    u, t = (x - middle) / radius, (at - middle) / radius

    def sums(coefficient: Floats) -> Floats:
        begun = np.bincount(begin, coefficient, len(at) + 1)
        ended = np.bincount(end, coefficient, len(at) + 1)
        return np.asarray(np.cumsum(begun - ended)[:-1], dtype=np.float64)

    count = sums(np.ones(len(x)))
    total = sums(1 - (dy / radius) ** 2 - u**2) + t * (2 * sums(u) - count * t)
    return np.where(count > 0, np.maximum(total, 0), 0)
