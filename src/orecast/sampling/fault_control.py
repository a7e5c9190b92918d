"""Weight of faults: deposit density against distance to faults, as a weight in [0, 1]."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from orecast.arrays import Bools, Floats, Ints
from orecast.errors import SamplingError

_FEWEST = 3  # deposits: a line fits any two exactly
_REMEDY = "name a layer as model.weight"


@dataclass(frozen=True)
class FaultControl:
    r"""Deposit density around faults as a power law, :math:`\rho(d) = c \, d^{-\beta}`.

    ``exponent`` is :math:`\beta`, above 0; ``coefficient`` :math:`c`, deposits per km² at a
    kilometre; ``limits`` the nearest and farthest distance in metres where the law is used: the
    grid's resolution and the farthest cell of the fit.

    >>> FaultControl(exponent=1.0, coefficient=0.01, limits=(100.0, 900.0))([0, 100, 200, 1e6])
    array([1.        , 1.        , 0.5       , 0.11111111])
    """

    exponent: float
    coefficient: float
    limits: tuple[float, float]

    def __call__(self, distance: object) -> Floats:
        """Density at distances in metres, divided by that at the nearest, in (0, 1]; NaN stays."""
        near, far = self.limits
        clipped = np.clip(np.asarray(distance, dtype=np.float64), near, far)
        return np.asarray((near / clipped) ** self.exponent)


def fit_fault_control(
    distance: NDArray[np.floating], valid: Bools, deposits: Ints, cell_size: float
) -> FaultControl:
    """Fit the density of deposits to a power law of the distance to faults.

    R. Zuo (2016), A nonlinear controlling function of geological features on magmatic-hydrothermal
    mineralization, Sci. Rep. 6, 27127: deposits per area in classes of distance, and a straight
    line through their logarithms. The first class begins at the resolution; nearer cells are set to
    it. Each class reaches twice as far as the one before. A class without deposits has no logarithm
    and joins the next class, or at the end the one before, so that area without deposits counts.
    The distance of a class is the geometric mean of its cells; its weight is its number of
    deposits, the inverse of the variance of their logarithm.

    ``distance`` ``(rows, columns)`` in metres; ``valid`` cells are used where the distance is a
    number; ``deposits`` ``(n, 2)`` rows and columns, used on valid cells; ``cell_size`` in metres.
    Raises SamplingError where fewer than three deposits are used, and where their density does not
    fall with distance.
    """
    used = np.asarray(valid, dtype=bool) & np.isfinite(distance)
    at = np.asarray(deposits, dtype=np.int64).reshape(-1, 2)
    at = at[used[at[:, 0], at[:, 1]]]
    if len(at) < _FEWEST:
        raise SamplingError(
            f"too few deposits ({len(at)}) to fit the relation with fault distance",
            where="faults",
            remedy=f"give {_FEWEST} deposits or more, or {_REMEDY}",
        )
    cells = np.maximum(distance[used], cell_size)
    ore = np.maximum(distance[at[:, 0], at[:, 1]], cell_size)
    place, density, count = _densities(cells, ore, cell_size)
    if len(place) < 2:
        raise SamplingError(
            f"all {len(at)} deposits lie in one class of distance to faults, so no relation can be "
            "fitted",
            where="faults",
            remedy=_REMEDY,
        )
    slope, level = np.polyfit(np.log(place), np.log(density), 1, w=np.sqrt(count))
    if not slope < -1e-9:
        raise SamplingError(
            f"deposit density does not fall with distance to faults: it goes with distance to the "
            f"power of {slope:+.2g}",
            where="faults",
            remedy=_REMEDY,
        )
    at_a_kilometre = float(np.exp(level + slope * np.log(1000.0))) * 1e6  # per m² to per km²
    return FaultControl(-float(slope), at_a_kilometre, (float(cell_size), float(cells.max())))


def _densities(cells: Floats, ore: Floats, nearest: float) -> tuple[Floats, Floats, Floats]:
    """Distance of each class, deposits per m² in it, and their number, each ``(n_classes,)``.

    From the distances of all cells and of the deposits; none is below ``nearest``, a cell's side.
    """
    octave = np.floor(np.log2(cells / nearest)).astype(np.int64)
    of_ore = np.floor(np.log2(ore / nearest)).astype(np.int64)
    ends = np.unique(of_ore)  # a class ends with an octave that holds deposits
    ends[-1] = octave.max()
    number = np.searchsorted(ends, octave)
    count = np.bincount(np.searchsorted(ends, of_ore), minlength=len(ends)).astype(np.float64)
    area = np.bincount(number, minlength=len(ends))
    place = np.exp(np.bincount(number, weights=np.log(cells), minlength=len(ends)) / area)
    return place, count / (area * nearest**2), count
