"""Tables of a reproduction beside the paper's."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import fmean, stdev
from typing import TYPE_CHECKING, Any, TypeGuard

import numpy as np
from numpy.typing import NDArray

from orecast.arrays import Floats, Ints
from orecast.errors import RunError
from orecast.metrics.scores import THRESHOLD_SCORES
from orecast.papers.experiments import ONE_LAYER, Column, Entry, Experiment, PaperTable
from orecast.run import BROKEN_ARRAYS

if TYPE_CHECKING:
    from orecast.explanation import GradCam, SamplingOffsets, Shapley

Arrays = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class ScoredMap:
    """A run's map on a lattice of cells; row 0 is the northernmost, NaN is a cell without score."""

    score: Floats  # (rows, columns), a probability
    step: float  # cells between lattice points
    deposits: Floats  # (n, 2) row and column on the lattice
    tiles: Ints | None = None  # (rows, columns), numbered from 1; below 1 is no tile
    predicted: Ints = field(default_factory=lambda: np.empty(0, np.int64))  # tiles predicted as ore
    known: Ints = field(default_factory=lambda: np.empty(0, np.int64))  # tiles that hold a deposit


@dataclass(frozen=True)
class Beside:
    """Maps by the stem of their file, and other arrays by name, as far as they were written.

    ``samples`` has ``names`` (p,), ``raw`` and ``clr`` (n, p); ``evidence`` has ``names`` (C,) and
    ``values`` (C, rows, columns).
    """

    maps: Mapping[str, ScoredMap] = field(default_factory=dict)
    samples: Arrays | None = None
    evidence: Arrays | None = None
    shapley: Shapley | None = None
    heat: GradCam | None = None
    offsets: SamplingOffsets | None = None

    @classmethod
    def of(cls, folder: Path) -> Beside:
        """Read ``maps/*.npz`` and the five other files below ``folder``, as far as they exist.

        Raises RunError or InputError naming a file that cannot be read.
        """
        from orecast.explanation import GradCam, SamplingOffsets, Shapley

        maps = sorted((folder / "maps").glob("*.npz"))
        readers: dict[str, tuple[str, Callable[[Path], Any]]] = {
            "samples": ("samples.npz", _arrays),
            "evidence": ("evidence.npz", _arrays),
            "shapley": ("shapley.npz", Shapley.load),
            "heat": ("grad-cam.npz", GradCam.load),
            "offsets": ("offsets.npz", SamplingOffsets.load),
        }
        there = {
            name: read(folder / file)
            for name, (file, read) in readers.items()
            if (folder / file).is_file()
        }
        return cls({path.stem: _map(path) for path in maps}, **there)


def _map(path: Path) -> ScoredMap:
    arrays = _arrays(path)
    try:
        return ScoredMap(
            score=arrays["score"].astype(np.float64),
            step=float(arrays["step"]),
            deposits=arrays["deposits"].astype(np.float64).reshape(-1, 2),
            **{
                name: arrays[name].astype(np.int64)
                for name in ("tiles", "predicted", "known")
                if name in arrays
            },
        )
    except KeyError as error:
        raise _unreadable(path, f"has no {error.args[0]}") from None


def _arrays(path: Path) -> dict[str, NDArray[Any]]:
    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except BROKEN_ARRAYS as error:
        raise _unreadable(path, f"cannot be read ({error})") from None


def _unreadable(path: Path, what: str) -> RunError:
    return RunError(what, where=str(path), remedy="remove it and reproduce again")


def ranking(experiment: Experiment, cells: Sequence[Cell]) -> list[dict[str, Any]]:
    """Return each run's percentile of held-out deposits, best first; runs without are left out.

    ``stands`` is whether the intervals of all its seeds lie above 50, which is chance.
    """
    results = Results(experiment, cells)
    found = [{"run": run_label(experiment, e), **results.percentile(e)} for e in experiment.runs]
    known = sorted((f for f in found if f["value"] is not None), key=lambda f: -f["value"])
    return [f | {"stands": _above_chance(f)} for f in known]


def one_layer(experiment: Experiment, cells: Sequence[Cell]) -> dict[str, Any] | None:
    """Return the percentile of the layer chosen in each fold; None where it has no score."""
    found = Results(experiment, cells).percentile(ONE_LAYER)
    if found["value"] is None:
        return None
    return {"run": ONE_LAYER.name, **found, "stands": _above_chance(found)}


def _above_chance(figure: Mapping[str, Any]) -> bool:
    return figure["low"] is not None and figure["low"] > 50


def run_label(experiment: Experiment, entry: Entry) -> str:
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
_NOT_GIVEN = "the paper does not give it"
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

    def of(self, entry: Entry, protocol: str) -> list[Cell]:
        """Return the cells of an entry, or of the one whose cells it shares, by seed."""
        run = self.experiment.source(entry)
        wanted = (run.name, run.column, protocol)
        found = [c for c in self.cells if (c["run"], c["column"], c["protocol"]) == wanted]
        return sorted(found, key=lambda c: c["seed"])

    def done(self, entry: Entry, protocol: str) -> list[Cell]:
        """Return the cells that have scores."""
        return [cell for cell in self.of(entry, protocol) if not cell.get("error")]

    def figure(
        self, entry: Entry | None, protocol: str, measure: Measure, factor: float
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

    def percentile(self, entry: Entry) -> dict[str, Any]:
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

    def refused(self, entry: Entry) -> list[str]:
        """Return the errors of single seeds, if other seeds of the entry have scores."""
        return [
            f"{protocol}, seed {cell['seed']}: {cell['error']['what']}"
            for protocol in (PAPER, SPATIAL)
            if self.done(entry, protocol)
            for cell in self.of(entry, protocol)
            if cell.get("error")
        ]

    def caveats(self, entry: Entry) -> list[str]:
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
    return [
        _table(results, t, known.get(t.id, {}), kind == "smoke")
        | {"weights": _weights(experiment, t, weights)}
        for t in experiment.paper.tables
    ]


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


def _table(
    results: Results, table: PaperTable, facts: Mapping[str, Mapping[str, Any]], smoke: bool
) -> dict[str, Any]:
    entries = results.experiment.entries_in(table.id)
    factual = _is_factual(table)
    sides = [*([] if smoke else [PUBLISHED]), *([OURS] if factual else [PAPER, SPATIAL])]
    columns = _columns(table, facts if factual else None)
    names = _names(table, entries, factual)
    rows = [_row(results, table, name, columns, sides, facts) for name in names]
    return {
        "id": table.id,
        "kind": table.kind,
        "title": table.title,
        "source": "" if smoke else table.source,
        "note": "" if smoke else table.note,
        "sides": sides,
        "columns": [
            {
                "name": c.name,
                "standard": c.standard,
                "unit": "%" if c.percent else "",
                "digits": c.digits,
            }
            for c in columns
        ],
        "rows": rows,
    }


def _score_of(name: str) -> str:
    """The key of our score with a column's name, if there is one."""
    return name.removesuffix(_STANDARD).lower().removesuffix("-score")


def _columns(table: PaperTable, facts: Mapping[str, Mapping[str, Any]] | None) -> list[Column]:
    """The paper's columns, each misnamed one followed by the standard score.

    In a table that is filled from ``facts``, only if they hold that score.
    """
    found: list[Column] = []
    for column in table.columns:
        found.append(column)
        name = f"{column.name}{_STANDARD}"
        known = facts is None or any(name in row for row in facts.values())
        if known and is_misnamed(vars(column)):
            found.append(replace(column, name=name, standard=_score_of(column.name)))
    return found


def _weights(
    experiment: Experiment, table: PaperTable, weights: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """The weights of the networks shown in a table, by their names in it."""
    by_run = {counted["run"]: counted for counted in weights}
    shown = [(e.key, experiment.source(e).key) for e in experiment.entries_in(table.id)]
    return [{**by_run[run], "run": name} for name, run in shown if run in by_run]


def _is_factual(table: PaperTable) -> bool:
    """Whether a table is filled from facts: it has no score and no best value of a training."""
    if table.kind in ("folds", "confusion"):
        return False
    return table.kind != "scores" or not any(c.standard or c.name in _BEST for c in table.columns)


def _names(table: PaperTable, entries: Sequence[Entry], factual: bool) -> list[str]:
    """Rows as printed; an entry that is not in the paper follows the entry before it."""
    names = [row.name for row in table.rows]
    if factual or table.kind == "folds":
        return names
    behind = -1
    for entry in entries:
        if entry.name not in names:
            names.insert(behind + 1, entry.name)
        behind = names.index(entry.name)
    return names


def _row(
    results: Results,
    table: PaperTable,
    name: str,
    columns: Sequence[Column],
    sides: Sequence[str],
    facts: Mapping[str, Mapping[str, Any]],
) -> dict[str, Any]:
    entries = results.experiment.entries_in(table.id)
    if table.kind != "folds":
        entries = tuple(e for e in entries if e.name == name)
    printed = next((row for row in table.rows if row.name == name), None)
    notes = [*([printed.note] if printed else []), *(e.note for e in entries)]
    row: dict[str, Any] = {
        "name": name,
        "note": " ".join(n for n in notes if n) if PUBLISHED in sides else "",
        "figures": {
            side: [_figure(results, table, name, column, side, facts) for column in columns]
            for side in sides
        },
    }
    if table.kind == "screening":
        row["kept"] = _kept(table, name, sides, facts)
    if OURS not in sides:
        ranked = entries if table.kind != "folds" or name == "mean" else ()
        row["percentile"] = [{"column": e.column, **results.percentile(e)} for e in ranked]
        row["refused"] = [words for e in ranked for words in results.refused(e)]
        row["caveats"] = list(dict.fromkeys(d for e in ranked for d in results.caveats(e)))
    return row


def _figure(
    results: Results,
    table: PaperTable,
    name: str,
    column: Column,
    side: str,
    facts: Mapping[str, Mapping[str, Any]],
) -> dict[str, Any]:
    if side == PUBLISHED:
        return _printed(table, name, column)
    factor = _PER_CENT if column.percent else 1.0
    if side == OURS:
        return _fact(facts.get(name, {}).get(column.name), factor)
    if table.kind == "folds" and side == SPATIAL and name != "mean":
        return _blank("only in the row of means: its folds are regions, not the paper's folds")
    entry = next(
        (
            e
            for e in results.experiment.entries_in(table.id)
            if (table.kind == "folds" or e.name == name) and e.column in (None, column.name)
        ),
        None,
    )
    if table.kind == "folds" and name.isdigit() and entry and _too_few(results, entry, int(name)):
        return _blank("this run has fewer folds")
    return results.figure(entry, side, _measure(table, name, column, side), factor)


def _measure(table: PaperTable, name: str, column: Column, side: str) -> Measure:
    """A function that takes a column's figure from a cell."""
    if table.kind == "confusion":
        return lambda cell: (cell.get("counts") or {}).get(column.name.lower())
    if table.kind == "folds" and side == PAPER:
        return lambda cell: _of_folds(cell, name, column.standard)
    if column.name in _BEST and not column.standard:
        best = _BEST[column.name]
        return lambda cell: best((h[column.name] for h in cell.get("history") or []), default=None)
    return lambda cell: _score(cell, column.standard)


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


def _too_few(results: Results, entry: Entry, fold: int) -> bool:
    done = results.done(entry, PAPER)
    return bool(done) and all(len(cell.get("by_fold") or []) < fold for cell in done)


def _printed(table: PaperTable, name: str, column: Column) -> dict[str, Any]:
    row = next((row for row in table.rows if row.name == name), None)
    if row is None:
        return _blank("not in the paper")
    if column not in table.columns:
        return _blank(_NOT_GIVEN)
    value = row.values[table.columns.index(column)]
    if value is None:
        return _blank(table.why_blank)
    return {"value": value, "spread": None, "n": 1, "why": None}


def _fact(fact: Any, factor: float) -> dict[str, Any]:
    """The figure of a fact: a number, a number for each seed, or the reason for none."""
    if fact is None:
        return _blank(_NOT_RUN)
    if isinstance(fact, str):
        return _blank(fact)
    values = fact if isinstance(fact, Sequence) else [fact]
    known = [factor * v for v in values if _known(v)]
    return _mean(known) if known else _blank("not available for this run")


def _kept(
    table: PaperTable, name: str, sides: Sequence[str], facts: Mapping[str, Mapping[str, Any]]
) -> dict[str, bool | None]:
    kept = {PUBLISHED: name in table.kept, OURS: facts.get(name, {}).get("kept")}
    return {side: kept[side] for side in sides}


def _mean(values: Sequence[float]) -> dict[str, Any]:
    spread = stdev(values) if len(values) > 1 else None
    return {"value": fmean(values), "spread": spread, "n": len(values), "why": None}


def _blank(why: str) -> dict[str, Any]:
    return {"value": None, "spread": None, "n": 0, "why": why}


def _known(value: Any) -> TypeGuard[float]:
    return value is not None and math.isfinite(value)
