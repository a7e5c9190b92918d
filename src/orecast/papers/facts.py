"""Figures of a reproduction's tables that are not scores: windows, tiles, screening."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from orecast.composition import screen
from orecast.papers.experiments import PaperTable
from orecast.papers.study import Study
from orecast.splits import build_protocol

Facts = dict[str, dict[str, dict[str, float]]]
Content = dict[str, Any]


def count_facts(study: Study, cells: list[Content]) -> Facts:
    """Figures of the paper's tables that are not scores, by table, row and column."""
    experiment = study.plan.experiment
    published = [c for c in cells if c["protocol"] == "paper" and "error" not in c]
    facts: Facts = {}
    for table in experiment.paper.tables:
        if table.kind == "screening":
            facts[table.id] = _screened(study)
        elif table.id in ("windows", "tiles") and table.kind == "counts" and published:
            facts[table.id] = _counted(study, table, published[0])
    return facts


def _counted(study: Study, table: PaperTable, cell: Content) -> dict[str, dict[str, float]]:
    """Number of training and test rows with grown ones, and before growth where these differ."""
    names = [column.name for column in table.columns]
    counts = cell["counts"]
    tested = {"ore": counts["tp"] + counts["fn"], "barren": counts["tn"] + counts["fp"]}
    learned = cell["rows"]
    every = {name: learned[name] + tested[name] for name in ("ore", "barren")}
    by_row = {
        "training": learned,
        "test": tested,
        "grown": every,
        "training, grown": learned,
        "test, grown": tested,
    }
    if study.rows is not None and any(row.name == "training, grown" for row in table.rows):
        by_row |= _before_growth(study)
    return {
        row.name: {name: float(by_row[row.name][name]) for name in names if name in every}
        for row in table.rows
        if row.name in by_row
    }


def _before_growth(study: Study) -> dict[str, dict[str, float]]:
    assert study.rows is not None
    options = study.config().validation
    protocol = build_protocol(
        "paper", options.options, study.rows.geometry, n_folds=options.folds, seed=0
    )
    fold = protocol.folds(study.rows.sampling, 0.0)[0]
    y = study.rows.sampling.y
    parts = {"training": y[fold.train], "test": y[fold.test]}
    return {
        name: {"ore": float(np.sum(part == 1)), "barren": float(np.sum(part == 0))}
        for name, part in parts.items()
    }


def _screened(study: Study) -> dict[str, dict[str, float]]:
    """AUC by hard labels, its standard error and Z of each element alone, as in the papers.

    Computed on the known deposits and as many negatives; with the AUC of the decision values.
    """
    evidence, seed = study.evidence, 0
    recipe = replace(study.recipe(study.plan.entries[0], seed), shift=0, ratio=1.0, barren=None)
    rows, _ = recipe.labelled_rows(evidence, study.deposits.sampling, evidence.valid, seed)
    elements = [name for name in evidence.names if evidence.kind(name) == "element"]
    values = np.stack([evidence.layer(name)[tuple(rows.at.T)] for name in elements], axis=1)
    found = screen("svm-auc", values, rows.y, elements, definition="labels")
    ranked = screen("svm-auc", values, rows.y, elements, definition="decision")
    measured = zip(
        elements,
        found.measures["auc"].tolist(),
        ranked.measures["auc"].tolist(),
        found.statistic.tolist(),
        found.kept.tolist(),
        strict=True,
    )
    return {
        name: {
            "AUC": auc,
            "AUC, standard": standard,
            "SE": (auc - 0.5) / z if z else np.nan,
            "ZAUC": z,
            "kept": kept,
        }
        for name, auc, standard, z, kept in measured
    }
