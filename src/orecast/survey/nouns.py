"""A survey in memory, and what was found in its files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from orecast.grid import Grid

if TYPE_CHECKING:
    import geopandas as gpd
    from pyproj import CRS


class Level(StrEnum):
    """How much a finding weighs."""

    INFO = "info"
    WARNING = "warning"
    REFUSAL = "refusal"


@dataclass(frozen=True)
class Finding:
    """One thing found: a stable code, where, what, what to do, and the numbers behind it."""

    level: Level
    code: str
    where: str
    what: str
    remedy: str = ""
    data: dict[str, Any] = field(default_factory=dict)


@dataclass
class Findings:
    """What has been found so far, each once, in the order of finding.

    >>> f = Findings()
    >>> f.warning("duplicate-places", "samples.csv", "224 samples share a place with another")
    >>> [x.code for x in f]
    ['duplicate-places']
    """

    items: list[Finding] = field(default_factory=list)

    def info(self, code: str, where: str, what: str, remedy: str = "", **data: Any) -> None:
        """Add a fact worth knowing."""
        self._add(Finding(Level.INFO, code, where, what, remedy, data))

    def warning(self, code: str, where: str, what: str, remedy: str = "", **data: Any) -> None:
        """Add what may mislead."""
        self._add(Finding(Level.WARNING, code, where, what, remedy, data))

    def refusal(self, code: str, where: str, what: str, remedy: str = "", **data: Any) -> None:
        """Add what was refused though the run goes on."""
        self._add(Finding(Level.REFUSAL, code, where, what, remedy, data))

    def _add(self, finding: Finding) -> None:
        if finding not in self.items:
            self.items.append(finding)

    def __iter__(self) -> Iterator[Finding]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)

    def of(self, code: str) -> list[Finding]:
        """Every finding with a code."""
        return [f for f in self.items if f.code == code]

    def extend(self, other: Findings) -> None:
        """Add another's findings behind these."""
        self.items.extend(other.items)

    def as_dicts(self) -> list[dict[str, Any]]:
        """The findings as plain data, for ``checks.json``."""
        return [asdict(f) | {"level": f.level.value} for f in self.items]


def listed(items: Sequence[object], most: int = 10) -> str:
    """The first items, and how many there are beyond.

    >>> listed([1, 2, 3], most=2)
    '1, 2 and 1 more'
    """
    shown = ", ".join(str(i) for i in items[:most])
    return shown if len(items) <= most else f"{shown} and {len(items) - most} more"


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
