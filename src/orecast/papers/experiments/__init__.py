"""The five published systems as data: what each paper prints, and what we run.

``paper.toml`` holds the paper's tables and lists its figures. A ``[[table]]`` has a kind: "scores"
(one row for each model), "folds" (one row for each fold), "confusion", "screening", "classes" or
"counts". A column has the paper's name of a score; ``standard`` is the key of our score with the
same meaning, or "". Values are in per cent if ``percent`` is true. A value that the paper does not
print is nan; ``why_blank`` gives the reason. A ``note`` names contradictions in the paper, and the
digit that we use.

``experiment.toml`` holds what is run. ``recipe`` are tables of the configuration that replace the
survey's own. A ``[[model]]`` names the tables that show it; it may replace further tables of the
recipe (``training``, ``evidence``), may grow in its own way, and with ``same_as`` shares another's
run. ``[[grow]]`` are steps of growth in order; a slide takes every ``step`` cells up to ``shift``
in each direction, or as many rows as make ``to`` in all. ``smoke`` and ``hour`` cap a run:
``samples`` counts training rows with grown ones; if ``window`` is capped, shifts and steps shrink
with it, rounded down, to at least one. ``[[choice]]`` is what we chose where the paper is silent
or contradicts itself, and why.
"""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from importlib.resources import files
from typing import Any

from orecast.errors import ConfigError, nearest

Tables = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class PaperColumn:
    """A column of a paper's table; ``standard`` is the key of our score that means the same."""

    name: str
    standard: str
    digits: int
    percent: bool


@dataclass(frozen=True)
class PaperRow:
    """A row of a paper's table, with one value for each column; None where none is printed."""

    name: str
    values: tuple[float | None, ...]
    note: str = ""


@dataclass(frozen=True)
class PaperTable:
    """A printed table, of one of the kinds in the package's docstring."""

    id: str
    kind: str
    title: str
    source: str
    columns: tuple[PaperColumn, ...]
    rows: tuple[PaperRow, ...]
    note: str = ""
    why_blank: str = ""
    kept: tuple[str, ...] = ()  # elements that a screening kept


@dataclass(frozen=True)
class PaperFigure:
    """A figure of the paper; ``against`` names the table whose rows are its axis."""

    id: str
    title: str
    kind: str
    source: str
    note: str = ""
    against: str | None = None


@dataclass(frozen=True)
class Publication:
    """What a paper prints; ``map`` holds the numbers or names of its places, known and new."""

    title: str
    authors: tuple[str, ...]
    journal: str
    year: int
    doi: str
    tables: tuple[PaperTable, ...]
    figures: tuple[PaperFigure, ...]
    note: str = ""
    map: Mapping[str, tuple[int | str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class PaperEntry:
    """One network or detector that is run, and the tables that show it."""

    name: str
    model: str
    tables: tuple[str, ...]
    options: Mapping[str, Any] = field(default_factory=dict)
    same_as: str | None = None  # the name of the entry whose cells it shares
    column: str | None = None  # of the table, where a row holds several entries
    note: str = ""
    grow: tuple[Mapping[str, Any], ...] | None = None  # in place of the experiment's
    over: Tables = field(default_factory=dict)  # tables of the configuration over the recipe's

    @property
    def key(self) -> str:
        """Its name and column, which no other entry of the experiment has."""
        return f"{self.name} ({self.column})" if self.column else self.name

    @property
    def stem(self) -> str:
        """The key as a file's name, which no other entry has in any case of letters.

        >>> PaperEntry("ResNet18*", "mfaf", ()).stem
        'resnet18-star'
        >>> PaperEntry("0.2", "gin", (), column="GIN").stem
        '0.2-gin'
        """
        return re.sub(r"[^a-z0-9.]+", "-", self.key.lower().replace("*", "-star")).strip("-")


ONE_LAYER = PaperEntry("one layer", "best-layer", (), grow=())
"""Compared with every run under the leak-free protocol; not from a paper. In each fold it is the
single layer, without a model, that ranks the training places highest."""


@dataclass(frozen=True)
class PlaceCounts:
    """The places of training and test: "deposits", "tiles" or "samples", and how many."""

    kind: str
    ore: int
    barren: int
    step: int | None = None  # cells between tiles
    tested_tiles: tuple[int, int] | None = None  # down, across
    unknown: int | None = None  # places predicted


@dataclass(frozen=True)
class AuthorsWindows:
    """The authors' own windows and labels, below the folder of the survey's data."""

    train: tuple[str, str]
    test: tuple[str, str]


@dataclass(frozen=True)
class WeightRaster:
    """The raster of the geological weight, and how it is aligned to the survey's grid."""

    path: str
    align: str


@dataclass(frozen=True)
class SecondArea:
    """A district that was not used in training."""

    survey: str
    seed: int


@dataclass(frozen=True)
class Caps:
    """The limits of a shorter run; None is no limit."""

    seeds: int | None = None
    epochs: int | None = None
    folds: int | None = None
    samples: int | None = None  # training rows, grown ones among them
    width: int | None = None
    window: int | None = None
    cell_size: float | None = None  # metres


@dataclass(frozen=True)
class PaperChoice:
    """What we chose where the paper is silent or contradicts itself, and why."""

    what: str
    taken: str
    why: str


@dataclass(frozen=True)
class Experiment:
    """What is run for a system; ``grow`` are its steps of growth in order, including slides."""

    system: str
    survey: str
    protocols: tuple[str, ...]
    seeds: int
    places: PlaceCounts
    recipe: Tables
    grow: tuple[Mapping[str, Any], ...]
    models: tuple[PaperEntry, ...]
    caps: Mapping[str, Caps]  # by "smoke" and "hour"
    choices: tuple[PaperChoice, ...]
    paper: Publication
    windows: AuthorsWindows | None = None
    weight: WeightRaster | None = None
    second_area: SecondArea | None = None

    @property
    def runs(self) -> tuple[PaperEntry, ...]:
        """The entries that are run: all but those that share another's cells."""
        return tuple(entry for entry in self.models if entry.same_as is None)

    def source(self, entry: PaperEntry) -> PaperEntry:
        """Return the entry whose cells this one shows: its own, or those it shares."""
        if entry.same_as is None:
            return entry
        return next(e for e in self.runs if e.name == entry.same_as)

    def entries_in(self, table: str) -> tuple[PaperEntry, ...]:
        """Return the entries shown in one of the paper's tables, in order."""
        return tuple(entry for entry in self.models if table in entry.tables)


def systems() -> tuple[str, ...]:
    """Names of the published systems, sorted."""
    folders = files("orecast.papers.experiments").iterdir()
    return tuple(sorted(f.name for f in folders if f.joinpath("experiment.toml").is_file()))


_PARTS = {
    "places": PlaceCounts,
    "windows": AuthorsWindows,
    "weight": WeightRaster,
    "second_area": SecondArea,
}


def read_experiment(system: str) -> Experiment:
    """Read what is run for a system and what its paper prints.

    Raises ConfigError, with the nearest names, for an unknown system.
    """
    if system not in systems():
        raise ConfigError(f"unknown system {system!r}", remedy=nearest(system, systems()))
    table, paper = (_read(system, name) for name in ("experiment.toml", "paper.toml"))
    own = {field.name for field in fields(PaperEntry)}
    parts: dict[str, Any] = {
        "models": tuple(
            _built(
                PaperEntry,
                {key: value for key, value in model.items() if key in own},
                over={key: value for key, value in model.items() if key not in own},
            )
            for model in table.pop("model")
        ),
        "caps": {name: _built(Caps, table.pop(name)) for name in ("smoke", "hour")},
        "choices": tuple(_built(PaperChoice, choice) for choice in table.pop("choice")),
        "paper": _built(
            Publication,
            paper,
            tables=tuple(map(_table, paper.pop("table"))),
            figures=tuple(_built(PaperFigure, figure) for figure in paper.pop("figure")),
            map={key: tuple(numbers) for key, numbers in paper.pop("map", {}).items()},
        ),
    }
    for name, kind in _PARTS.items():
        if name in table:
            parts[name] = _built(kind, table.pop(name))
    found: Experiment = _built(Experiment, table, **parts)
    return found


def _read(system: str, name: str) -> dict[str, Any]:
    path = files("orecast.papers.experiments").joinpath(system, name)
    return tomllib.loads(path.read_text(encoding="utf-8"))


def _table(table: dict[str, Any]) -> PaperTable:
    rows = [
        PaperRow(values=tuple(None if math.isnan(v) else v for v in row.pop("values")), **row)
        for row in table.pop("row")
    ]
    columns = tuple(PaperColumn(**column) for column in table.pop("columns"))
    found: PaperTable = _built(PaperTable, table, columns=columns, rows=tuple(rows))
    return found


def _built(kind: type[Any], table: Mapping[str, Any], **parts: Any) -> Any:
    """An object of a table's keys, with tuples for lists, and of further parts."""
    own = {key: tuple(v) if isinstance(v, list) else v for key, v in table.items()}
    return kind(**own, **parts)
