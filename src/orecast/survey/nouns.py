"""A survey as it was read: samples or gridded layers, deposits, faults, geology."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from orecast.grid import Grid
from orecast.survey.findings import Findings

if TYPE_CHECKING:
    import geopandas as gpd
    from pyproj import CRS


@dataclass(frozen=True)
class Element:
    """A recognised analyte: its symbol or oxide, the column it came from, its unit.

    ``to_ppm`` turns the column's values into parts per million by mass (mg/kg).
    """

    symbol: str
    column: str
    unit: str
    to_ppm: float


@dataclass(frozen=True)
class Raster:
    """One band on its own grid; nodata is NaN. ``source`` is the file it came from."""

    name: str
    grid: Grid
    values: NDArray[np.float32]
    source: str


@dataclass(frozen=True)
class Survey:
    """Everything read, in one projected CRS, nothing interpolated yet.

    A point survey has ``samples``; a gridded survey has ``gridded`` rasters of elements, all on
    one grid. ``values`` and ``censored`` hold one row a sample or a grid cell (row-major), one
    column an element: concentrations in the file's units, NaN where missing; where ``censored``
    the value is the detection limit itself and the truth lies below it. ``zeros`` marks those of
    them whose limit is not known, and which stand at the lowest other value of their element.
    """

    crs: CRS
    elements: tuple[Element, ...]
    values: NDArray[np.float64]  # (n, n_elements)
    censored: NDArray[np.bool_]  # (n, n_elements)
    findings: Findings
    samples: gpd.GeoDataFrame | None = None  # (n,) points; columns as read
    gridded: Grid | None = None  # the grid of a gridded survey, values row-major on it
    deposits: gpd.GeoDataFrame | None = None
    barren: gpd.GeoDataFrame | None = None  # places the user knows to be barren
    held_back: gpd.GeoDataFrame | None = None  # deposits scored at the end, never learned from
    faults: gpd.GeoDataFrame | None = None
    geology: gpd.GeoDataFrame | None = None
    area: gpd.GeoDataFrame | None = None
    rasters: tuple[Raster, ...] = field(default=())  # supporting layers, each on its own grid
    rows: int | None = None  # of the file of samples, before any was left out or averaged
    zeros: NDArray[np.bool_] | None = None  # (n, n_elements); None where there is none

    @property
    def symbols(self) -> tuple[str, ...]:
        """Names of the elements, in column order."""
        return tuple(e.symbol for e in self.elements)
