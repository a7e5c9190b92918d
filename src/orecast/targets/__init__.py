"""Targets: connected areas of the classes as ranked polygons, for QGIS and as a table."""

from orecast.targets.delineation import COLUMNS, delineate
from orecast.targets.files import write_targets

__all__ = ["COLUMNS", "delineate", "write_targets"]
