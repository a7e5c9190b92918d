"""Targets: connected areas of the classes as ranked polygons, for QGIS and as a table."""

from orecast.targets.delineation import COLUMNS, delineate
from orecast.targets.files import write_targets
from orecast.targets.tiles import number_tiles, write_tiles

__all__ = ["COLUMNS", "delineate", "number_tiles", "write_targets", "write_tiles"]
