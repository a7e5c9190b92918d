"""The unfinished configuration that ``orecast init`` builds, and its notes and questions."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from orecast.config import path_text
from orecast.errors import OrecastError
from orecast.grid import Bounds
from orecast.survey.columns import ColumnChoice
from orecast.survey.data import Findings
from orecast.survey.elements import (
    default_unit,
    fitting_unit,
    is_possible,
)
from orecast.survey.tables import (
    InputTable,
    require_utf8,
)

if TYPE_CHECKING:
    import pandas as pd
    from pyproj import CRS


FEWEST_ELEMENTS = 3
MOST_KINDS = 30  # values of a column of classes
DEPOSIT = re.compile(
    r"deposit|occurrence|mineral|mine|showing|prospect(?!iv)|label|ore(?![a-z])|矿|点位|lagerst|"
    r"vorkommen|g[iî]te|gisement|indice|yacimiento|dep[oó]sito|jazida|ocorr|giaciment|месторожд|"
    r"рудопроявл|esiintym|malmi|kaivos|fyndighet|gruv",
    re.I,
)
BARREN = re.compile(r"non.?deposit|barren|negative|sterile", re.I)
NO_CRS, SET_CRS = "the CRS is unknown", 'set crs = "EPSG:…"'


@dataclass(frozen=True)
class Candidate:
    """A table that may be the samples: its place, its columns of elements, what was decided."""

    table: InputTable
    place: dict[str, Any]
    choice: ColumnChoice
    findings: Findings


class Question(NamedTuple):
    """What only a person can decide of a file, or of one of its sheets or layers."""

    path: Path
    layer: str | None
    text: str


@dataclass
class Draft:
    """An unfinished configuration, and the notes on its decisions."""

    folder: Path
    table: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    to_decide: list[Question] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)  # questions on files that should have deposits
    commodity: str = ""  # of most deposits, by their column
    candidates: list[Candidate] = field(default_factory=list)
    points: list[tuple[InputTable, dict[str, Any]]] = field(default_factory=list)  # may be deposits
    lines: list[tuple[Path, dict[str, Any], int, bool]] = field(default_factory=list)  # of faults?
    layers: list[tuple[InputTable, dict[str, Any]]] = field(default_factory=list)  # of points
    places: list[tuple[CRS, Bounds, str]] = field(default_factory=list)  # of files with a CRS
    symbols: dict[str, list[str]] = field(default_factory=dict)  # of elements, by path
    # Tables that may be samples: the elements of their headers are not certain.
    unnamed: list[tuple[InputTable, dict[str, Any], dict[str, str]]] = field(default_factory=list)

    def relative(self, path: Path) -> str:
        """A path in the form used in the configuration.

        Raises InputError for a name that is not UTF-8.
        """
        relative = Path(os.path.relpath(path.resolve(), self.folder.resolve()))
        require_utf8(relative)
        return path_text(relative)

    def questions(self) -> list[str]:
        """What only a person can decide of the files used, as notes with file and section."""
        sections = {
            (one["path"], one.get("layer")): name if isinstance(found, dict) else f"[{name}]"
            for name, found in self.table.items()
            for one in (found if isinstance(found, list) else [found])
            if isinstance(one, dict)
        }
        questions = []
        for path, layer, text in self.to_decide:
            if section := sections.get((self.relative(path), layer)):
                questions.append(f"To decide: {path.name}, in [{section}]: {text}")
        return list(dict.fromkeys([*questions, *self.unread]))

    def ask(self, path: Path, text: str, place: dict[str, Any] | None = None) -> None:
        """Add a question on a file; ``place`` are the keys of its section, with its layer."""
        self.to_decide.append(Question(path, (place or {}).get("layer"), text))

    def leave_out(self, path: Path, error: OrecastError) -> None:
        """Note that a file cannot be used; a person decides on one that should have deposits."""
        if DEPOSIT.search(path.stem):
            self.unread.append(
                f"To decide: {path.name} cannot be read: {error.what}. "
                f"{error.remedy or 'Export it again'}; or go on without it"
            )
            return
        remedy = f" To use it: {error.remedy}" if error.remedy else ""
        self.notes.append(f"{path.name}: ignored; {error.what}.{remedy}")

    def take(self, key: str, path: Path, content: dict[str, Any], why: str) -> None:
        """Use a file for a section of the configuration, unless another file is used already."""
        if key in self.table:
            self.notes.append(f"{path.name}: ignored; could also be {key} ({why})")
            return
        self.table[key] = {"path": self.relative(path), **content}
        self.notes.append(f"{path.name}: {key} ({why})")


def label_of(table: InputTable, place: dict[str, Any]) -> str:
    """The names of a table's file and layer."""
    return f"{table.path.stem} {place.get('layer', '')}"


def best_column(
    frame: pd.DataFrame, words: str, numeric: str, most: int
) -> tuple[str | None, str | None]:
    """The column of classes whose name fits words best, earlier words first; and any such column.

    ``numeric`` are the kinds of types that are no classes.
    """
    usable = [
        str(c)
        for c, kind in frame.dtypes.items()
        if kind.kind not in numeric and str(kind) != "geometry" and 2 <= frame[c].nunique() <= most
    ]
    named = (c for word in words.split("|") for c in usable if re.search(word, c, re.I))
    return next(named, None), next(iter(usable), None)


def estimated_units(
    bare: dict[str, tuple[float, float]], name: str, draft: Draft
) -> dict[str, str]:
    """Units of headers without one, by the median and the highest value of each element.

    It is the unit that fits the crust's abundance, else the default, but none beyond 100 %.
    """
    units = {}
    for symbol, (median, highest) in bare.items():
        default = default_unit(symbol)
        default = default if is_possible(default, highest) else "ppm"
        units[symbol] = fitting_unit(symbol, median, highest) or default
    if units:
        text = ", ".join(f"{s} {u}" for s, u in units.items())
        draft.notes.append(
            f"{name}: estimated units by comparing medians with the upper crust; check them: {text}"
        )
    return units
