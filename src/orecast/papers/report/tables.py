"""Tables of a reproduction beside the paper's."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from statistics import fmean, stdev
from typing import Any, TypeGuard

from orecast.metrics.scores import THRESHOLD_SCORES
from orecast.papers.experiments import (
    ONE_LAYER,
    Experiment,
    PaperColumn,
    PaperEntry,
    PaperTable,
)


def run_label(experiment: Experiment, entry: PaperEntry) -> str:
    """The full name of a run: "0.4" becomes "beta 0.4", "GAN" becomes "… grown by GAN"."""
    axes = {figure.against for figure in experiment.paper.figures}
    if entry.tables[0] in axes:
        return f"{entry.tables[0]} {entry.key}"
    if entry.grow is not None:
        plain = next(e.name for e in experiment.runs if e.model == entry.model)
        way = entry.name if entry.name.isupper() else entry.name.lower()
        return f"{plain} grown by {way}"
    return entry.key


PUBLISHED, PAPER, SPATIAL, OURS = "published", "paper", "spatial", "ours"
_STANDARD = ", standard"  # added to a column's name, for the score that the name means here
_SCORES = ("auc", *THRESHOLD_SCORES)
_NOT_RUN = "not run"
_UNDEFINED = "not defined on the test data (precision needs a predicted positive)"
_ABSENT = {
    PAPER: _UNDEFINED,
    SPATIAL: "not defined: there are no confirmed negatives",
}
_BEST = {"accuracy": max, "loss": min}  # of a training's history
_PER_CENT = 100.0
Cell = Mapping[str, Any]
Facts = Mapping[str, Mapping[str, Mapping[str, Any]]]
Measure = Callable[[Cell], float | None]


@dataclass(frozen=True)
class Results:
    """The cells of a run, by entry and protocol."""

    experiment: Experiment
    cells: Sequence[Cell]

    def of(self, entry: PaperEntry, protocol: str) -> list[Cell]:
        """Return the cells of an entry, or of the one whose cells it shares, by seed."""
        run = self.experiment.source(entry)
        wanted = (run.name, run.column, protocol)
        found = [c for c in self.cells if (c["run"], c["column"], c["protocol"]) == wanted]
        return sorted(found, key=lambda c: c["seed"])

    def done(self, entry: PaperEntry, protocol: str) -> list[Cell]:
        """Return the cells that have scores."""
        return [cell for cell in self.of(entry, protocol) if not cell.get("error")]

    def figure(
        self, entry: PaperEntry | None, protocol: str, measure: Measure, factor: float
    ) -> dict[str, Any]:
        """Return the mean of a measure over an entry's seeds, or the reason why there is none."""
        found = self.of(entry, protocol) if entry else []
        if entry is None or not found:
            return _blank(_NOT_RUN)
        done = self.done(entry, protocol)
        if not done:
            return _blank(found[0]["error"]["what"])
        measured = [v for cell in done if (v := measure(cell)) is not None]
        values = [factor * v for v in measured if math.isfinite(v)]
        return _mean(values) if values else _blank(_UNDEFINED if measured else _ABSENT[protocol])

    def percentile(self, entry: PaperEntry) -> dict[str, Any]:
        """Return the percentile of held-out deposits in per cent, with ``low`` and ``high``.

        The interval covers those of all seeds: it lies above 50 if each of them does.
        """
        figure = self.figure(
            entry, SPATIAL, lambda c: (c.get("percentile") or {}).get("value"), _PER_CENT
        )
        found = [c["percentile"] for c in self.done(entry, SPATIAL) if c.get("percentile")]
        low = (_PER_CENT * p["low"] for p in found if _known(p.get("low")))
        high = (_PER_CENT * p["high"] for p in found if _known(p.get("high")))
        return figure | {"low": min(low, default=None), "high": max(high, default=None)}

    def ranking(self) -> list[dict[str, Any]]:
        """Return each run's percentile of held-out deposits, best first; runs without are left out.

        ``above_chance`` is whether the intervals of all its seeds lie above 50, which is chance.
        """
        runs = self.experiment.runs
        found = [self._ranked(entry, run_label(self.experiment, entry)) for entry in runs]
        return sorted((f for f in found if f is not None), key=lambda f: -f["value"])

    def one_layer(self) -> dict[str, Any] | None:
        """Return the percentile of the layer chosen in each fold; None where it has no score."""
        return self._ranked(ONE_LAYER, ONE_LAYER.name)

    def _ranked(self, entry: PaperEntry, label: str) -> dict[str, Any] | None:
        found = self.percentile(entry)
        if found["value"] is None:
            return None
        above = found["low"] is not None and found["low"] > 50
        return {"run": label, **found, "above_chance": above}

    def refused(self, entry: PaperEntry) -> list[str]:
        """Return the errors of single seeds, if other seeds of the entry have scores."""
        return [
            f"{protocol}, seed {cell['seed']}: {cell['error']['what']}"
            for protocol in (PAPER, SPATIAL)
            if self.done(entry, protocol)
            for cell in self.of(entry, protocol)
            if cell.get("error")
        ]

    def caveats(self, entry: PaperEntry) -> list[str]:
        """Return its model's caveats about its leak-free scores."""
        return [words for cell in self.done(entry, SPATIAL) for words in cell.get("caveats", ())]


def tables_of(
    experiment: Experiment,
    cells: Sequence[Cell],
    kind: str,
    facts: Facts | None = None,
    weights: Sequence[Mapping[str, Any]] = (),
) -> list[dict[str, Any]]:
    """The paper's tables with our figures; a ``kind`` of "smoke" leaves out the paper's.

    ``facts``, by table, row and column, are figures that are in no cell: a number, a number for
    each seed, or the reason why there is none; shares are 0 to 1. A screening's row also has
    ``kept``, a bool. ``weights`` are, for each network, its ``run`` (the entry's key), its number
    of ``weights`` and that ``in_full``.
    """
    results, known = Results(experiment, cells), facts or {}
    by_run = {counted["run"]: counted for counted in weights}
    found = []
    for paper in experiment.paper.tables:
        table = _Table(results, paper, known.get(paper.id, {}), kind == "smoke")
        shown = [(e.key, experiment.source(e).key) for e in table.entries]
        counted = [{**by_run[run], "run": name} for name, run in shown if run in by_run]
        found.append(table.content() | {"weights": counted})
    return found


def ranked_columns(table: Mapping[str, Any]) -> list[str | None]:
    """Columns that have a percentile; [None] where whole rows have one."""
    return list(dict.fromkeys(p["column"] for r in table["rows"] for p in r.get("percentile", [])))


def is_renamed(column: Mapping[str, Any]) -> bool:
    """Whether a column's name differs from our name of its score, as an "AUC" of hard labels."""
    return bool(column["standard"]) and _score_of(column["name"]) != column["standard"]


def is_misnamed(column: Mapping[str, Any]) -> bool:
    """Whether a column's name is our name of another score than the paper means.

    >>> is_misnamed({"name": "AUC", "standard": "balanced_accuracy"})
    True
    >>> is_misnamed({"name": "Sensitivity", "standard": "recall"})
    False
    """
    return is_renamed(column) and _score_of(column["name"]) in _SCORES


def is_ours_alone(column: Mapping[str, Any]) -> bool:
    """Whether a column is the standard score beside a misnamed one."""
    return str(column["name"]).endswith(_STANDARD)


def score_words(standard: str) -> str:
    """Return a score's key in words.

    >>> score_words("macro_f1"), score_words("balanced_accuracy")
    ('macro F1', 'balanced accuracy')
    """
    return standard.replace("_", " ").replace("f1", "F1").replace("auc", "AUC")


@dataclass(frozen=True)
class _Table:
    """One of the paper's tables with our figures, from cells or from ``facts``."""

    results: Results
    paper: PaperTable
    facts: Mapping[str, Mapping[str, Any]]
    smoke: bool

    @cached_property
    def entries(self) -> tuple[PaperEntry, ...]:
        """The entries shown in it."""
        return self.results.experiment.entries_in(self.paper.id)

    @cached_property
    def factual(self) -> bool:
        """Whether it is filled from facts: it has no score and no best value of a training."""
        if self.paper.kind in ("folds", "confusion"):
            return False
        columns = self.paper.columns
        return self.paper.kind != "scores" or not any(
            c.standard or c.name in _BEST for c in columns
        )

    @cached_property
    def sides(self) -> list[str]:
        """Whose figures it holds."""
        ours = [OURS] if self.factual else [PAPER, SPATIAL]
        return ours if self.smoke else [PUBLISHED, *ours]

    @cached_property
    def columns(self) -> list[PaperColumn]:
        """The paper's columns, each misnamed one followed by the standard score.

        In a table that is filled from facts, only if they hold that score.
        """
        found: list[PaperColumn] = []
        for column in self.paper.columns:
            found.append(column)
            name = f"{column.name}{_STANDARD}"
            known = not self.factual or any(name in row for row in self.facts.values())
            if known and is_misnamed(vars(column)):
                found.append(replace(column, name=name, standard=_score_of(column.name)))
        return found

    @property
    def names(self) -> list[str]:
        """Rows as printed; an entry that is not in the paper follows the entry before it."""
        names = [row.name for row in self.paper.rows]
        if self.factual or self.paper.kind == "folds":
            return names
        behind = -1
        for entry in self.entries:
            if entry.name not in names:
                names.insert(behind + 1, entry.name)
            behind = names.index(entry.name)
        return names

    def content(self) -> dict[str, Any]:
        """The table as in ``reproduction.json``."""
        paper = self.paper
        return {
            "id": paper.id,
            "kind": paper.kind,
            "title": paper.title,
            "source": "" if self.smoke else paper.source,
            "note": "" if self.smoke else paper.note,
            "sides": self.sides,
            "columns": [
                {
                    "name": c.name,
                    "standard": c.standard,
                    "unit": "%" if c.percent else "",
                    "digits": c.digits,
                }
                for c in self.columns
            ],
            "rows": [self._row(name) for name in self.names],
        }

    def _row(self, name: str) -> dict[str, Any]:
        folds = self.paper.kind == "folds"
        entries = [e for e in self.entries if folds or e.name == name]
        printed = next((row for row in self.paper.rows if row.name == name), None)
        notes = [*([printed.note] if printed else []), *(e.note for e in entries)]
        figures = {PUBLISHED: self._printed, OURS: self._fact}
        row: dict[str, Any] = {
            "name": name,
            "note": "" if self.smoke else " ".join(filter(None, notes)),
            "figures": {
                side: [
                    figures[side](name, column)
                    if side in figures
                    else self._scored(name, column, side)
                    for column in self.columns
                ]
                for side in self.sides
            },
        }
        if self.paper.kind == "screening":
            ours = self.facts.get(name, {}).get("kept")
            kept = {PUBLISHED: name in self.paper.kept, OURS: ours}
            row["kept"] = {side: kept[side] for side in self.sides}
        if not self.factual:
            results, ranked = self.results, [] if folds and name != "mean" else entries
            row["percentile"] = [{"column": e.column, **results.percentile(e)} for e in ranked]
            row["refused"] = [words for e in ranked for words in results.refused(e)]
            row["caveats"] = list(dict.fromkeys(d for e in ranked for d in results.caveats(e)))
        return row

    def _printed(self, name: str, column: PaperColumn) -> dict[str, Any]:
        row = next((row for row in self.paper.rows if row.name == name), None)
        if row is None:
            return _blank("not in the paper")
        if column not in self.paper.columns:
            return _blank("the paper does not give it")
        value = row.values[self.paper.columns.index(column)]
        if value is None:
            return _blank(self.paper.why_blank)
        return {"value": value, "spread": None, "n": 1, "why": None}

    def _fact(self, name: str, column: PaperColumn) -> dict[str, Any]:
        """The figure of a fact: a number, a number for each seed, or the reason for none."""
        fact = self.facts.get(name, {}).get(column.name)
        if fact is None or isinstance(fact, str):
            return _blank(fact or _NOT_RUN)
        values = fact if isinstance(fact, Sequence) else [fact]
        known = [_factor(column) * v for v in values if _known(v)]
        return _mean(known) if known else _blank("not available for this run")

    def _scored(self, name: str, column: PaperColumn, side: str) -> dict[str, Any]:
        """The figure of an entry's cells under a protocol."""
        folds = self.paper.kind == "folds"
        if folds and side == SPATIAL and name != "mean":
            return _blank("only in the row of means: its folds are regions, not the paper's folds")
        shown = (e for e in self.entries if folds or e.name == name)
        entry = next((e for e in shown if e.column in (None, column.name)), None)
        if folds and name.isdigit() and entry:
            done = self.results.done(entry, PAPER)
            if done and all(len(cell.get("by_fold") or []) < int(name) for cell in done):
                return _blank("this run has fewer folds")
        measure = self._measure(name, column, side)
        return self.results.figure(entry, side, measure, _factor(column))

    def _measure(self, name: str, column: PaperColumn, side: str) -> Measure:
        """A function that takes a column's figure from a cell."""
        if self.paper.kind == "confusion":
            return lambda cell: (cell.get("counts") or {}).get(column.name.lower())
        if self.paper.kind == "folds" and side == PAPER:
            return lambda cell: _of_folds(cell, name, column.standard)
        if column.name in _BEST and not column.standard:
            best = _BEST[column.name]
            return lambda cell: best(
                (h[column.name] for h in cell.get("history") or []), default=None
            )
        return lambda cell: _score(cell, column.standard)


def _score_of(name: str) -> str:
    """The key of our score with a column's name, if there is one."""
    return name.removesuffix(_STANDARD).lower().removesuffix("-score")


def _factor(column: PaperColumn) -> float:
    return _PER_CENT if column.percent else 1.0


def _score(cell: Cell, standard: str) -> float | None:
    """A score; NaN where it is undefined, None where the protocol has no such score."""
    scores = cell.get("scores") or {}
    if standard not in scores:
        return None
    return math.nan if scores[standard] is None else float(scores[standard])


def _of_folds(cell: Cell, name: str, standard: str) -> float | None:
    """A fold's score, or the mean over all folds that have it."""
    folds = [fold.get(standard) for fold in cell.get("by_fold") or []]
    if name.isdigit():
        folds = folds[int(name) - 1 : int(name)]
    known = [v for v in folds if _known(v)]
    return fmean(known) if known else None


def _mean(values: Sequence[float]) -> dict[str, Any]:
    spread = stdev(values) if len(values) > 1 else None
    return {"value": fmean(values), "spread": spread, "n": len(values), "why": None}


def _blank(why: str) -> dict[str, Any]:
    return {"value": None, "spread": None, "n": 0, "why": why}


def _known(value: Any) -> TypeGuard[float]:
    return value is not None and math.isfinite(value)
