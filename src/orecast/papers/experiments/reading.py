"""Read a system's two files: what its paper prints, and what we run.

Imports nothing slow: listing the systems reads two small files for each.
"""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any

from orecast.errors import ConfigError, nearest

Tables = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Column:
    """A column of a paper's table; ``standard`` is the key of our score that means the same."""

    name: str
    standard: str
    digits: int
    percent: bool


@dataclass(frozen=True)
class Row:
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
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
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
class Paper:
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
class Entry:
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

        >>> Entry("ResNet18*", "mfaf", ()).stem, Entry("0.2", "gin", (), column="GIN").stem
        ('resnet18-star', '0.2-gin')
        """
        return re.sub(r"[^a-z0-9.]+", "-", self.key.lower().replace("*", "-star")).strip("-")


ONE_LAYER = Entry("one layer", "best-layer", (), grow=())
"""Compared with every run under the leak-free protocol; not from a paper. In each fold it is the
single layer, without a model, that ranks the training places highest."""


@dataclass(frozen=True)
class Places:
    """The places of training and test: "deposits", "tiles" or "samples", and how many."""

    kind: str
    ore: int
    barren: int
    step: int | None = None  # cells between tiles
    tested_tiles: tuple[int, int] | None = None  # down, across
    unknown: int | None = None  # places predicted


@dataclass(frozen=True)
class Windows:
    """The authors' own windows and labels, below the folder of the survey's data."""

    train: tuple[str, str]
    test: tuple[str, str]


@dataclass(frozen=True)
class Weight:
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
class Choice:
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
    places: Places
    recipe: Tables
    grow: tuple[Mapping[str, Any], ...]
    models: tuple[Entry, ...]
    caps: Mapping[str, Caps]  # by "smoke" and "hour"
    choices: tuple[Choice, ...]
    paper: Paper
    windows: Windows | None = None
    weight: Weight | None = None
    second_area: SecondArea | None = None

    @property
    def runs(self) -> tuple[Entry, ...]:
        """The entries that are run: all but those that share another's cells."""
        return tuple(entry for entry in self.models if entry.same_as is None)

    def source(self, entry: Entry) -> Entry:
        """Return the entry whose cells this one shows: its own, or those it shares."""
        if entry.same_as is None:
            return entry
        return next(e for e in self.runs if e.name == entry.same_as)

    def entries_in(self, table: str) -> tuple[Entry, ...]:
        """Return the entries shown in one of the paper's tables, in order."""
        return tuple(entry for entry in self.models if table in entry.tables)


def systems() -> tuple[str, ...]:
    """Names of the published systems, sorted."""
    folders = files("orecast.papers.experiments").iterdir()
    return tuple(sorted(f.name for f in folders if f.joinpath("experiment.toml").is_file()))


def read_experiment(system: str) -> Experiment:
    """Read what is run for a system and what its paper prints.

    Raises ConfigError, with the nearest names, for an unknown system.
    """
    if system not in systems():
        raise ConfigError(f"unknown system {system!r}", remedy=nearest(system, systems()))
    table = _read(system, "experiment.toml")
    models = tuple(_entry(model) for model in table.pop("model"))
    parts: dict[str, Any] = {
        "places": Places(**_frozen(table.pop("places"))),
        "grow": tuple(table.pop("grow", [])),
        "models": models,
        "caps": {name: Caps(**table.pop(name)) for name in ("smoke", "hour")},
        "choices": tuple(Choice(**choice) for choice in table.pop("choice", [])),
        "paper": _paper(_read(system, "paper.toml")),
    }
    for name, kind in (("windows", Windows), ("weight", Weight), ("second_area", SecondArea)):
        if name in table:
            parts[name] = kind(**_frozen(table.pop(name)))
    return Experiment(**_frozen(table), **parts)


def _read(system: str, name: str) -> dict[str, Any]:
    path = files("orecast.papers.experiments").joinpath(system, name)
    return tomllib.loads(path.read_text(encoding="utf-8"))


def _entry(table: dict[str, Any]) -> Entry:
    """Read one ``[[model]]``: other keys are tables that replace the recipe's."""
    own = {"name", "model", "tables", "options", "same_as", "column", "note", "grow"}
    over = {name: value for name, value in table.items() if name not in own}
    return Entry(**_frozen({k: v for k, v in table.items() if k in own}), over=over)


def _paper(table: dict[str, Any]) -> Paper:
    tables = tuple(_table(t) for t in table.pop("table"))
    figures = tuple(PaperFigure(**f) for f in table.pop("figure"))
    numbered = _frozen(table.pop("map", {}))
    return Paper(**_frozen(table), tables=tables, figures=figures, map=numbered)


def _table(table: dict[str, Any]) -> PaperTable:
    columns = tuple(Column(**column) for column in table.pop("columns"))
    rows = tuple(_row(row) for row in table.pop("row"))
    return PaperTable(**_frozen(table), columns=columns, rows=rows)


def _row(row: dict[str, Any]) -> Row:
    values = tuple(None if math.isnan(value) else value for value in row.pop("values"))
    return Row(**row, values=values)


def _frozen(table: dict[str, Any]) -> dict[str, Any]:
    """Lists as tuples."""
    return {key: tuple(v) if isinstance(v, list) else v for key, v in table.items()}
