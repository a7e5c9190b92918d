"""The tables of a survey's files; a field's docstring is its comment in ``run.toml``."""

# ruff: noqa: RUF012
# Pydantic copies a mutable default for each instance.

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from orecast.config.section import FilePath, Length, Section

Align = Literal["crs", "pixels"]
_MISSING = (-9999, -999, "", "NA", "N/A", "NaN", "nan", "null", "*", "-")


class Columns(Section):
    """Position columns of a table."""

    x: str | None = None
    """Column of eastings or longitudes; found by its name when left out."""
    y: str | None = None
    """Column of northings or latitudes; found by its name when left out."""
    crs: str | None = None
    """CRS of the positions, such as "EPSG:32645"; needed if the file has none."""
    layer: str | None = None
    """Layer of a GeoPackage, or sheet of a workbook; the first when left out."""


class Samples(Columns):
    """The samples: a table or a vector file of points, one row per sample."""

    path: FilePath
    """CSV, TSV, Excel, Parquet, GeoPackage, Shapefile or GeoJSON."""
    elements: list[str] | None = None
    """Columns that are elements; recognised from the headers when left out."""
    rename: dict[str, str] = {}
    """Element symbol of a column whose header is not recognised, such as {gold = "Au"}."""
    units: dict[str, str] = {}
    """Unit of a column, by symbol: "ppb", "ppm", "%", "g/t", "mg/kg", "ug/kg"."""
    ignore: list[str] = []
    """Columns to ignore, even if their header looks like an element."""
    missing: list[str | int | float] = list(_MISSING)
    """Codes of missing values."""
    detection_limits: dict[str, float] = {}
    """Detection limit by symbol, in the column's unit; values at or below it are censored."""
    negatives: Literal["below", "refuse"] = "below"
    """A negative value means "below this limit", as some laboratories write, or is refused."""
    zeros: Literal["below", "refuse"] = "below"
    """A zero means "below the lowest value seen", or is refused with the column's name."""
    duplicates: Literal["average", "keep"] = "average"
    """Samples at one place are averaged (geometric mean) or kept."""
    medium: Literal["stream-sediment", "soil", "rock", "till", "unknown"] = "unknown"
    """What was sampled; a stream sediment represents its upstream catchment."""


class Gridded(Section):
    """A survey of rasters, one per element, all on one grid."""

    path: FilePath
    """Pattern of the rasters, one per element, named by the element: "geochemistry/*.tif"."""
    units: dict[str, str] = {}
    """Unit of an element, by symbol; ppm, and % for oxides, when left out."""
    ignore: list[str] = []
    """Rasters to ignore, by file name without suffix."""
    reach: Length | None = None
    """Search radius used to make the rasters, in metres; two cells when left out."""


class Deposits(Columns):
    """The known deposits: a table or vector file of points, or a raster of labels."""

    path: FilePath
    """CSV, TSV, Excel, Parquet, GeoPackage, Shapefile, GeoJSON, or a raster."""
    where: dict[str, str | float | list[str] | list[float]] = {}
    """Keep the rows with these values, such as {commodity = ["Au", "Ag"]}."""
    value: float = 1.0
    """Value that marks a deposit, if the file is a raster."""
    align: Align = "crs"
    """Place a raster by its CRS and transform or, if its header is wrong, by "pixels"."""


class Barren(Deposits):
    """Places known to be barren, used as negatives."""

    value: float = 0.0
    """Value that marks a barren place, if the file is a raster."""


class Vectors(Section):
    """A vector file."""

    path: FilePath
    """GeoPackage, Shapefile or GeoJSON."""
    layer: str | None = None
    """Layer of a GeoPackage; the first when left out."""
    crs: str | None = None
    """CRS, if the file has none."""
    where: dict[str, str | float | list[str] | list[float]] = {}
    """Keep the features with these values."""


class Faults(Vectors):
    """Fault lines, and the layers to make from them."""

    distance: bool = True
    """Make a layer of the distance to the nearest fault."""
    rings: list[Length] = []
    """Outer radii of buffers in metres, such as [500, 1000, …, 3000], coded in one layer."""
    density: Length | None = None
    """Make a layer of fault length per area, within this radius in metres."""
    intersections: bool = False
    """Make a layer of the distance to the nearest fault intersection."""


class Geology(Vectors):
    """Geological polygons, and the layers to make from them."""

    column: str
    """Column of the rock unit or class."""
    coding: Literal["one-hot", "code"] = "one-hot"
    """One layer for each of the largest classes, or one coded layer."""
    classes: Annotated[int, Field(ge=1)] = 12
    """With one-hot, how many of the largest classes get a layer; the others share one."""


class Layer(Section):
    """A supporting raster."""

    path: FilePath
    """GeoTIFF or ASCII grid."""
    name: str | None = None
    """Name of the layer; the file name without suffix when left out."""
    crs: str | None = None
    """CRS, if the file has none."""
    align: Align = "crs"
    """Place it by CRS and transform or, if its header is wrong, by "pixels"."""
    categories: bool = False
    """The values are classes: take the nearest cell, do not interpolate."""
    reach: Length | None = None
    """How far a datum of the raster influences a cell, in metres; two cells when left out."""
