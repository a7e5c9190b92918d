"""Targets: peaks of the map with their surroundings, as ranked polygons and a table."""

from orecast.targets.delineation import (
    COLUMNS,
    GROUNDS,
    Deposits,
    Measure,
    delineate,
    new_ground,
    number_tiles,
    over_cells,
)
from orecast.targets.files import write_targets, write_tiles
from orecast.targets.peaks import APART, Peak, Peaks, Rule

__all__ = [
    "APART",
    "COLUMNS",
    "GROUNDS",
    "Deposits",
    "Measure",
    "Peak",
    "Peaks",
    "Rule",
    "delineate",
    "new_ground",
    "number_tiles",
    "over_cells",
    "write_targets",
    "write_tiles",
]
