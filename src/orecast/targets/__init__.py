"""Targets: peaks of the map with their surroundings, as ranked polygons and a table."""

from orecast.targets.delineation import (
    COLUMNS,
    GROUNDS,
    KnownDeposits,
    Measure,
    delineate,
    new_ground,
    number_tiles,
    over_cells,
)
from orecast.targets.files import write_targets, write_tiles
from orecast.targets.peaks import APART, Peak, Peaks, Rule, nearest_metres

__all__ = [
    "APART",
    "COLUMNS",
    "GROUNDS",
    "KnownDeposits",
    "Measure",
    "Peak",
    "Peaks",
    "Rule",
    "delineate",
    "nearest_metres",
    "new_ground",
    "number_tiles",
    "over_cells",
    "write_targets",
    "write_tiles",
]
