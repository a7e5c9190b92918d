"""A survey in memory, and the findings about its files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from orecast.arrays import Bools, Floats
from orecast.grid import Bounds, Grid

if TYPE_CHECKING:
    import geopandas as gpd
    from pyproj import CRS


class Level(StrEnum):
    """How serious a finding is."""

    INFO = "info"
    WARNING = "warning"
    REFUSAL = "refusal"


@dataclass(frozen=True)
class Finding:
    """One finding: a stable code, the place, the fact, what to do, and the numbers."""

    level: Level
    code: str
    where: str
    what: str
    remedy: str = ""
    data: dict[str, Any] = field(default_factory=dict)


@dataclass
class Findings:
    """All findings so far, each once, in the order in which they were made.

    >>> f = Findings()
    >>> f.warning("duplicate-places", "samples.csv", "224 samples share a place")
    >>> [x.code for x in f]
    ['duplicate-places']
    """

    items: list[Finding] = field(default_factory=list)

    def info(self, code: str, where: str, what: str, remedy: str = "", **data: Any) -> None:
        """Add a useful fact."""
        self._add(Finding(Level.INFO, code, where, what, remedy, data))

    def warning(self, code: str, where: str, what: str, remedy: str = "", **data: Any) -> None:
        """Add something that may mislead the reader."""
        self._add(Finding(Level.WARNING, code, where, what, remedy, data))

    def refusal(self, code: str, where: str, what: str, remedy: str = "", **data: Any) -> None:
        """Add something that was refused while the run continues."""
        self._add(Finding(Level.REFUSAL, code, where, what, remedy, data))

    def _add(self, finding: Finding) -> None:
        if finding not in self.items:
            self.items.append(finding)

    def __iter__(self) -> Iterator[Finding]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)

    def of(self, code: str) -> list[Finding]:
        """All findings with this code."""
        return [f for f in self.items if f.code == code]

    def as_dicts(self) -> list[dict[str, Any]]:
        """The findings as plain data, for ``checks.json``."""
        return [asdict(f) | {"level": f.level.value} for f in self.items]


def listed(items: Sequence[object], most: int = 10) -> str:
    """The first ``most`` items as text, and the number of the others.

    >>> listed([1, 2, 3], most=2)
    '1, 2 and 1 more'
    """
    shown = ", ".join(str(i) for i in items[:most])
    return shown if len(items) <= most else f"{shown} and {len(items) - most} more"


@dataclass(frozen=True)
class Element:
    """A recognised analyte: its symbol or oxide, the column it came from, its unit.

    ``to_ppm`` turns the column's values into parts per million by mass (mg/kg). ``qualifier`` is
    the column that holds the marks of the values, such as ``<``, if there is one.
    """

    symbol: str
    column: str
    unit: str
    to_ppm: float
    qualifier: str | None = None


@dataclass(frozen=True)
class Raster:
    """One band on its own grid; nodata is NaN. ``source`` is the file it came from."""

    name: str
    grid: Grid
    values: NDArray[np.float32]
    source: str


@dataclass(frozen=True)
class Region:
    """Where the survey has data: CRS, extent, grid (gridded survey) and study area (if given)."""

    crs: CRS
    extent: Bounds
    grid: Grid | None = None
    area: gpd.GeoDataFrame | None = None
    margin: float = 0.0  # metres beyond the extent that count as inside

    def contains(self, xy: Floats) -> Bools:
        """Whether positions ``(n, 2)`` lie in the extent and in the area, if there is one."""
        import shapely

        b, m = self.extent, self.margin
        inside = (xy[:, 0] >= b.west - m) & (xy[:, 0] <= b.east + m)
        inside &= (xy[:, 1] >= b.south - m) & (xy[:, 1] <= b.north + m)
        if self.area is not None:
            whole = self.area.geometry.union_all()
            shapely.prepare(whole)
            inside &= shapely.intersects_xy(whole, xy[:, 0], xy[:, 1])
        return np.asarray(inside)


def xy_of(points: gpd.GeoDataFrame) -> Floats:
    """Positions of points, ``(n, 2)``."""
    return np.column_stack([points.geometry.x, points.geometry.y])


@dataclass(frozen=True)
class Survey:
    """All data read, in one projected CRS, before any interpolation.

    A point survey has ``samples``; a gridded survey has ``gridded`` rasters of elements, all on
    one grid. ``values`` and ``censored`` have one row per sample or grid cell (row-major) and one
    column per element. Values are concentrations in the file's units, NaN where missing. Where
    ``censored``, the value is the detection limit; the true concentration is lower. ``zeros`` marks
    the censored values without a known limit; they hold the lowest other value of their element.
    """

    crs: CRS
    elements: tuple[Element, ...]
    values: NDArray[np.float64]  # (n, n_elements)
    censored: NDArray[np.bool_]  # (n, n_elements)
    findings: Findings
    samples: gpd.GeoDataFrame | None = None  # (n,) points; columns as read
    gridded: Grid | None = None  # the grid of a gridded survey, values row-major on it
    deposits: gpd.GeoDataFrame | None = None
    barren: gpd.GeoDataFrame | None = None  # places known to be barren
    held_back: gpd.GeoDataFrame | None = None  # deposits scored at the end, never used in training
    faults: gpd.GeoDataFrame | None = None
    geology: gpd.GeoDataFrame | None = None
    area: gpd.GeoDataFrame | None = None
    within: gpd.GeoDataFrame | None = None  # polygons of targets: only in these
    not_within: gpd.GeoDataFrame | None = None  # and not in these
    rasters: tuple[Raster, ...] = field(default=())  # supporting layers, each on its own grid
    rows: int | None = None  # rows in the samples file, before any was left out or averaged
    zeros: NDArray[np.bool_] | None = None  # (n, n_elements); None if there are no zeros
    extrapolated: NDArray[np.bool_] | None = None  # cells of ``gridded``, (rows, columns)

    @property
    def symbols(self) -> tuple[str, ...]:
        """Symbols of the elements, in column order."""
        return tuple(e.symbol for e in self.elements)
