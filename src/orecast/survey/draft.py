"""A proposed configuration in the making, and what several kinds of file are judged by."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orecast.config import path_text
from orecast.grid import Bounds
from orecast.survey.elements import Header, default_unit, fitting_unit
from orecast.survey.tables import Table, require_utf8

if TYPE_CHECKING:
    from pyproj import CRS

FEWEST_ELEMENTS = 3
DEPOSIT = re.compile(r"deposit|occurrence|mineral|mine|showing|label|ore(?![a-z])|矿", re.I)
BARREN = re.compile(r"non.?deposit|barren|negative|sterile", re.I)
NO_CRS, SET_CRS = "no CRS is known", 'set crs = "EPSG:…"'


@dataclass
class Draft:
    """A configuration in the making, and the notes on how it came about."""

    folder: Path
    table: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    points: list[tuple[Table, dict[str, Any]]] = field(default_factory=list)  # may be deposits
    places: list[tuple[CRS, Bounds, str]] = field(default_factory=list)  # of files with a CRS

    def relative(self, path: Path) -> str:
        """A path as the configuration writes it.

        Raises InputError for a name that UTF-8 cannot hold.
        """
        relative = Path(os.path.relpath(path.resolve(), self.folder.resolve()))
        require_utf8(relative)
        return path_text(relative)

    def take(self, key: str, path: Path, content: dict[str, Any], why: str) -> None:
        """Take a file for a part of the configuration, unless another was taken before."""
        if key in self.table:
            self.notes.append(f"{path.name}: could be {key} too ({why}); left out")
            return
        self.table[key] = {"path": self.relative(path), **content}
        self.notes.append(f"{path.name}: {key} ({why})")


def judged_units(found: dict[str, tuple[Header, float]], name: str, draft: Draft) -> dict[str, str]:
    """Units where no header names one: what fits the crust's abundance, else the default."""
    units = {}
    for symbol, (header, median) in found.items():
        if header.unit is None:
            units[symbol] = fitting_unit(symbol, median) or default_unit(symbol)
    if units:
        text = ", ".join(f"{s} {u}" for s, u in units.items())
        draft.notes.append(
            f"{name}: units are judged from the medians beside the upper crust's; check: {text}"
        )
    return units
