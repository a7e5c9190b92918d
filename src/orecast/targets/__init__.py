"""Targets: connected areas of the classes as ranked polygons, in a GeoPackage and a table."""

from orecast.targets.delineation import (
    COLUMNS,
    Measure,
    delineate,
    number_tiles,
    over_cells,
)
from orecast.targets.files import write_targets, write_tiles

__all__ = [
    "COLUMNS",
    "Measure",
    "delineate",
    "number_tiles",
    "over_cells",
    "write_targets",
    "write_tiles",
]
