"""A run by hand: cells whose figures are known, and what lies beside them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from orecast.papers.experiments import PaperEntry, read_experiment
from orecast.papers.report import write_reproduction
from orecast.papers.report.tables import tables_of

SCORES = ("accuracy", "balanced_accuracy", "precision", "recall", "specificity", "f1", "macro_f1")


def cell(
    entry: PaperEntry, protocol: str, seed: int, level: float = 0.5, **over: Any
) -> dict[str, Any]:
    """A finished cell all of whose scores are ``level``."""
    scores = dict.fromkeys((*SCORES, "mcc", "kappa", "auc"), level)
    spatial = protocol == "spatial"
    return {
        "run": entry.name,
        "column": entry.column,
        "protocol": protocol,
        "seed": seed,
        "seconds": 1.0,
        "sentence": "whole deposits" if spatial else "a random split",
        "scores": scores,
        "percentile": {"value": level, "low": level - 0.1, "high": level + 0.1}
        if spatial
        else None,
        "counts": None if spatial else {"tn": 4, "fp": 3, "fn": 2, "tp": 1},
        "by_fold": [] if spatial else [scores, scores],
        "roc": None if spatial else {"false_alarm": [0, 0.5, 1], "hit": [0, 0.8, 1]},
        "success_rate": {"area": [0, 0.5, 1], "captured": [0, 0.7, 1]} if spatial else None,
        "history": [{"epoch": k, "loss": 1 / k, "accuracy": level} for k in (1, 2, 3)],
        "rows": {"ore": 5, "barren": 5},
    } | over


def refused(entry: PaperEntry, protocol: str, seed: int, what: str) -> dict[str, Any]:
    """A cell that the data refused."""
    error = {"what": what, "where": None, "remedy": None}
    known = {"run": entry.name, "column": entry.column, "protocol": protocol, "seed": seed}
    return {**known, "seconds": 0.1, "error": error}


def every_cell(system: str, seeds: int = 1, level: float = 0.5) -> list[dict[str, Any]]:
    """All cells of a system, every score at one level."""
    return [
        cell(entry, protocol, seed, level)
        for entry in read_experiment(system).runs
        for protocol in ("paper", "spatial")
        for seed in range(seeds)
    ]


def content(system: str, kind: str = "hour", **over: Any) -> dict[str, Any]:
    """What a caller hands to ``write_reproduction``."""
    return {
        "system": system,
        "command": f"orecast reproduce {system}",
        "kind": kind,
        "capped": ["epochs 50 → 10"] if kind != "full" else [],
        "seeds": [0],
        "survey": {"name": "s", "sentence": "A district.", "deposits": 3, "cells": 9, "layers": 2},
        "versions": {"orecast": "1"},
        "cells": every_cell(system),
    } | over


def lay_beside(system: str, folder: Path) -> None:
    """Write maps, samples, Shapley values and evidence, small ones."""
    experiment = read_experiment(system)
    rng = np.random.default_rng(0)
    (folder / "maps").mkdir(parents=True, exist_ok=True)
    score = rng.random((12, 8)).astype(np.float32)
    score[0, 0] = np.nan
    tiles = np.add.outer(np.arange(12) // 4 * 2, np.arange(8) // 4) + 1
    numbered = {"tiles": tiles, "predicted": [2, 3], "known": [3]}
    stems = [experiment.source(e).stem for e in experiment.models] + ["second-area"]
    for stem in stems if experiment.entries_in("map") else []:
        np.savez(
            folder / "maps" / f"{stem}.npz", score=score, step=4, deposits=[[3, 1]], **numbered
        )
    raw = np.exp(rng.normal(size=(40, 3)))
    clr = np.log(raw) - np.log(raw).mean(axis=1, keepdims=True)
    names = np.array(["Au", "Ag", "Cu"])
    np.savez(folder / "samples.npz", names=names, raw=raw, clr=clr)
    np.savez(folder / "shapley.npz", names=names, values=clr / 10, features=raw, base=0.5)
    np.savez(folder / "evidence.npz", names=names, values=rng.random((3, 6, 5)))


def table(
    system: str,
    name: str,
    cells: Sequence[dict[str, Any]],
    kind: str = "hour",
    facts: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """One table of a system, by its name."""
    found = tables_of(read_experiment(system), cells, kind, facts)
    return next(t for t in found if t["id"] == name)


def row(table: dict[str, Any], name: str) -> dict[str, Any]:
    """One row of a table, by its name."""
    (found,) = [r for r in table["rows"] if r["name"] == name]
    return found


def run_of(system: str, name: str, column: str | None = None) -> PaperEntry:
    """One run of a system, by its row and column."""
    return next(e for e in read_experiment(system).models if (e.name, e.column) == (name, column))


def write(folder: Path, system: str, **over: Any) -> tuple[str, dict[str, Any]]:
    """Write a reproduction; return its page and what its JSON holds."""
    path = write_reproduction(folder, read_experiment(system), content(system, **over))
    result = json.loads((folder / "reproduction.json").read_text(encoding="utf-8"))
    return path.read_text(encoding="utf-8"), result


@pytest.fixture
def hand():
    """The makers of this file."""
    return SimpleNamespace(
        cell=cell,
        refused=refused,
        every_cell=every_cell,
        content=content,
        lay_beside=lay_beside,
        table=table,
        row=row,
        entry=run_of,
        write=write,
    )
