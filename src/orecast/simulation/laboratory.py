"""Analytes with their units and detection limits, and how a laboratory reports them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from orecast.arrays import Floats
from orecast.grid import Grid

if TYPE_CHECKING:
    import pandas as pd

    from orecast.simulation.preset import Preset

ASSOCIATIONS = ("mafic", "felsic", "carbonate", "clay", "sulphide")
"""The factors that make elements of one kind of rock rise and fall together."""
PPM: Mapping[str, float] = MappingProxyType(
    {"ppb": 1e-3, "ng/g": 1e-3, "ppm": 1.0, "ug/g": 1.0, "mg/kg": 1.0, "%": 1e4}
)
"""Factors from units to mg/kg."""


@dataclass(frozen=True)
class Analyte:
    """An element or oxide as a laboratory reports it, and how it varies in rock."""

    unit: str
    """Unit of the column."""
    median: float
    """Background median, in the unit."""
    spread: float
    """Standard deviation of the background's natural logarithm, before any ore."""
    limit: float
    """Detection limit, in the unit."""
    precision: float = 0.05
    """Relative standard deviation of the analysis far above the limit."""
    mafic: float = 0.0
    """Loading on the mafic association (Fe, Ti, V, Cr, Co, Ni)."""
    felsic: float = 0.0
    """Loading on the felsic association (K, Rb, Th, U, Sn, W)."""
    carbonate: float = 0.0
    """Loading on the carbonate association (Ca, Mg, Sr)."""
    clay: float = 0.0
    """Loading on fine-grained and weathered material (Al, B, Li, F)."""
    sulphide: float = 0.0
    """Loading on disseminated sulphide and black shale, which is no ore (As, Sb, Mo, Cd)."""

    @property
    def to_ppm(self) -> float:
        """Factor from the unit to mg/kg."""
        return PPM[self.unit]

    @property
    def loadings(self) -> NDArray[np.float64]:
        """Loadings in the order of ``ASSOCIATIONS``, of length below one, ``(5,)``."""
        raw = np.array([getattr(self, name) for name in ASSOCIATIONS], dtype=np.float64)
        return raw / max(1.0, float(np.linalg.norm(raw)) / 0.85)


ANALYTES: Mapping[str, Analyte] = MappingProxyType(
    {
        "Ag": Analyte("ppb", 77, 0.50, 20, 0.08, felsic=0.2, sulphide=0.6),
        "Al2O3": Analyte("%", 12.8, 0.20, 0.05, 0.02, felsic=0.3, clay=0.6, carbonate=-0.4),
        "As": Analyte("ppm", 10, 0.65, 0.5, 0.07, clay=0.3, sulphide=0.7),
        "Au": Analyte("ppb", 1.3, 0.70, 0.3, 0.15, sulphide=0.35),
        "B": Analyte("ppm", 47, 0.50, 2, 0.06, clay=0.7, felsic=-0.2),
        "Ba": Analyte("ppm", 490, 0.35, 10, 0.04, felsic=0.5, clay=0.2, carbonate=-0.2),
        "Be": Analyte("ppm", 2.1, 0.35, 0.2, 0.05, felsic=0.75, clay=0.2),
        "Bi": Analyte("ppm", 0.31, 0.60, 0.05, 0.08, felsic=0.5, sulphide=0.3),
        "CaO": Analyte("%", 1.8, 0.80, 0.05, 0.03, carbonate=0.8, mafic=0.2, felsic=-0.3),
        "Cd": Analyte("ppb", 140, 0.60, 20, 0.08, carbonate=0.3, sulphide=0.5),
        "Co": Analyte("ppm", 12.1, 0.45, 1, 0.05, mafic=0.8, clay=0.2),
        "Cr": Analyte("ppm", 59, 0.50, 5, 0.05, mafic=0.8, clay=0.1),
        "Cu": Analyte("ppm", 22, 0.50, 1, 0.05, mafic=0.6, sulphide=0.3),
        "F": Analyte("ppm", 490, 0.35, 50, 0.06, felsic=0.3, clay=0.6),
        "Fe2O3": Analyte("%", 4.5, 0.35, 0.05, 0.02, mafic=0.75, clay=0.3),
        "Hg": Analyte("ppb", 36, 0.65, 5, 0.10, clay=0.2, sulphide=0.5),
        "K2O": Analyte("%", 2.36, 0.35, 0.05, 0.02, felsic=0.75, carbonate=-0.3),
        "La": Analyte("ppm", 39, 0.30, 5, 0.05, felsic=0.6, clay=0.3),
        "Li": Analyte("ppm", 32, 0.40, 2, 0.05, clay=0.7, felsic=0.2),
        "MgO": Analyte("%", 1.37, 0.60, 0.05, 0.03, mafic=0.5, carbonate=0.5),
        "Mn": Analyte("ppm", 670, 0.40, 20, 0.04, mafic=0.6, clay=0.3),
        "Mo": Analyte("ppm", 0.84, 0.55, 0.2, 0.08, felsic=0.4, sulphide=0.4),
        "Na2O": Analyte("%", 1.32, 0.55, 0.05, 0.03, felsic=0.6, carbonate=-0.3, clay=-0.3),
        "Nb": Analyte("ppm", 16, 0.25, 2, 0.05, felsic=0.5, clay=0.3),
        "Ni": Analyte("ppm", 25, 0.50, 2, 0.05, mafic=0.8, clay=0.2),
        "P": Analyte("ppm", 580, 0.35, 50, 0.04, mafic=0.5, clay=0.2),
        "Pb": Analyte("ppm", 24, 0.45, 2, 0.05, felsic=0.45, sulphide=0.35),
        "Sb": Analyte("ppm", 0.69, 0.65, 0.1, 0.08, clay=0.2, sulphide=0.7),
        "SiO2": Analyte("%", 65.3, 0.15, 0.1, 0.01, felsic=0.4, carbonate=-0.7, mafic=-0.3),
        "Sn": Analyte("ppm", 3.0, 0.50, 0.5, 0.08, felsic=0.75),
        "Sr": Analyte("ppm", 145, 0.50, 5, 0.04, carbonate=0.6, felsic=0.1),
        "Th": Analyte("ppm", 11.9, 0.35, 1, 0.05, felsic=0.8),
        "Ti": Analyte("ppm", 4105, 0.35, 50, 0.03, mafic=0.7, clay=0.3),
        "U": Analyte("ppm", 2.45, 0.35, 0.2, 0.06, felsic=0.7, sulphide=0.2),
        "V": Analyte("ppm", 80, 0.40, 5, 0.04, mafic=0.7, sulphide=0.2),
        "W": Analyte("ppm", 1.8, 0.55, 0.3, 0.10, felsic=0.7),
        "Y": Analyte("ppm", 25, 0.30, 2, 0.05, felsic=0.5, clay=0.3),
        "Zn": Analyte("ppm", 70, 0.40, 5, 0.04, mafic=0.5, clay=0.2, sulphide=0.3),
        "Zr": Analyte("ppm", 270, 0.35, 10, 0.04, felsic=0.4, carbonate=-0.4),
    }
)
"""All elements of the simulation; a preset can override their properties."""
ROCKS: Mapping[str, tuple[float, float, float, float, float]] = MappingProxyType(
    {
        # difference of a rock from the average, in standard deviations of each association
        "granite": (-1.2, 1.5, -0.6, -0.3, -0.3),
        "granodiorite": (0.0, 0.8, -0.3, -0.2, 0.0),
        "migmatite": (-0.2, 0.6, -0.4, 0.1, 0.0),
        "gneiss": (0.1, 0.4, -0.3, 0.0, -0.1),
        "schist": (0.3, 0.0, -0.3, 0.6, 0.2),
        "basalt": (1.8, -1.2, 0.2, 0.1, 0.2),
        "andesite": (0.9, -0.2, 0.0, 0.0, 0.2),
        "sandstone": (-0.5, -0.2, -0.2, 0.0, -0.3),
        "mudstone": (0.3, -0.1, -0.1, 0.9, 0.3),
        "black-shale": (0.2, -0.2, 0.0, 0.7, 1.6),
        "limestone": (-0.5, -1.0, 1.8, -0.2, 0.1),
        "dolomite": (-0.6, -1.1, 1.6, -0.4, 0.0),
        "alluvium": (0.0, 0.0, 0.0, 0.2, 0.0),
    }
)
"""Rocks, and the value of each on the five associations."""
_CANDIDATES = 6


def sample_sites(grid: Grid, count: int, drainage: Floats, rng: np.random.Generator) -> Floats:
    """Positions of ``count`` samples, ``(count, 2)``: one a block, at its best small stream.

    As in the field, the area is cut into equal blocks, and in each the sampler takes the place
    with the largest catchment that is not yet a river (no larger than eight blocks).
    """
    bounds = grid.bounds
    width, height = bounds.east - bounds.west, bounds.north - bounds.south
    across = math.ceil(math.sqrt(count * width / height))
    down = math.ceil(count / across)
    blocks = np.sort(rng.permutation(across * down)[:count])
    inside = rng.uniform(0.02, 0.98, (_CANDIDATES, count, 2))
    inside[:, :, 0] += blocks % across
    inside[:, :, 1] += blocks // across
    size = np.array([width / across, height / down])
    places = np.round(np.array([bounds.west, bounds.south]) + inside * size, 0)
    at = grid.cell(places.reshape(-1, 2))
    catchment = drainage[at[:, 0], at[:, 1]].reshape(_CANDIDATES, count)
    river = 8 * size.prod() / grid.cell_area
    best = np.where(catchment <= river, catchment, -1).argmax(axis=0)
    return np.asarray(places[best, np.arange(count)])


def analysed(truth: Floats, analytes: list[Analyte], rng: np.random.Generator) -> Floats:
    """Measured values in the analytes' units, ``(n_samples, n_elements)``, from mg/kg.

    Error as Thompson & Howarth (1978, Journal of Geochemical Exploration 9, 23) found it, a
    standard deviation s0 + k·c, with s0 a third of the detection limit and k the precision. A
    reading may be negative; what is below the limit the laboratory does not tell.
    """
    in_unit = truth / [a.to_ppm for a in analytes]
    s0 = np.array([a.limit / 3 for a in analytes])
    k = np.array([a.precision for a in analytes])
    return np.asarray(in_unit + rng.standard_normal(truth.shape) * (s0 + k * in_unit))


def as_written(value: float, limit: float) -> str:
    """A value as laboratories write it: three digits, none finer than the limit's, or ``<limit``.

    >>> [as_written(v, 0.5) for v in (0.31, 0.514, 7.26, 1234.5)]
    ['<0.5', '0.51', '7.26', '1230']
    """
    if value < limit:
        return f"<{limit:g}"
    finest = 1 - math.floor(math.log10(limit))
    decimals = min(finest, 2 - math.floor(math.log10(value)))
    return f"{round(value, decimals):.{max(decimals, 0)}f}"


def survey_table(
    preset: Preset, grid: Grid, sediment: Floats, drainage: Floats, rng: np.random.Generator
) -> pd.DataFrame:
    """The samples as delivered: ``sample``, ``X``, ``Y``, and a column an analyte, as text.

    Field duplicates stand behind the rest, the same place under a name that ends in D. Headers
    read ``Au_ppb``, ``Fe2O3_%``.
    """
    import pandas as pd

    sampling = preset.sampling
    xy = sample_sites(grid, sampling.samples - sampling.duplicates, drainage, rng)
    again = np.sort(rng.choice(len(xy), sampling.duplicates, replace=False))
    site = np.concatenate([np.arange(len(xy)), again])
    at = grid.cell(xy[site])
    there = sediment[:, at[:, 0], at[:, 1]].T  # (n_samples, n_elements)
    taken = there * np.exp(rng.normal(0, sampling.scatter, there.shape))
    analytes = list(preset.elements.values())
    values = analysed(taken, analytes, rng)
    names = [f"S{n + 1:05d}" for n in range(len(xy))] + [f"S{n + 1:05d}D" for n in again]
    table = {"sample": names, "X": xy[site, 0], "Y": xy[site, 1]}
    for k, (symbol, analyte) in enumerate(preset.elements.items()):
        table[header(symbol, analyte)] = [as_written(v, analyte.limit) for v in values[:, k]]
    return pd.DataFrame(table)


def header(symbol: str, analyte: Analyte) -> str:
    """The column's name, such as ``Au_ppb``."""
    return f"{symbol}_{analyte.unit}"
