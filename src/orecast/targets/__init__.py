"""Targets: connected areas of the classes as ranked polygons, for QGIS and as a table."""

from orecast.targets.delineation import COLUMNS, Measure, delineate, over_cells
from orecast.targets.files import write_targets
from orecast.targets.tiles import number_tiles, write_tiles

__all__ = [
    "COLUMNS",
    "Measure",
    "delineate",
    "number_tiles",
    "over_cells",
    "write_targets",
    "write_tiles",
]
