"""Cells: one network under one protocol with one seed; and what tables show beyond them."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from orecast import registry
from orecast.composition import screen
from orecast.config import Training
from orecast.errors import METHOD_ERRORS
from orecast.metrics import auc, confusion
from orecast.models import NETWORKS
from orecast.papers.experiments import PaperEntry, PaperTable
from orecast.papers.maps import Facts
from orecast.papers.plan import ReproducedCell, Reproduction, is_network
from orecast.papers.study import Study
from orecast.run import Run, damaged_file, read_sealed, write_json, write_sealed
from orecast.sampling.augmentation import grow
from orecast.training import model_properties
from orecast.training.network import factory_options
from orecast.validation import (
    GENERATED,
    OutOfFold,
    Recipe,
    cross_predict,
    examined,
    prediction_path,
    published_predict,
)
from orecast.workflow.scoring import held_out_row


def count_weights(plan: Reproduction, layers: Sequence[str]) -> list[dict[str, Any]]:
    """Return the ``weights`` of each network as run, and ``in_full``; nothing without a cap.

    ``run`` is the entry's key. In full is the published width on the published window. ``layers``
    are those of training if the experiment names none.
    """
    if plan.caps.width is None:
        return []
    whole = replace(plan, kind="full")
    found = []
    for entry in plan.entries:
        with suppress(*METHOD_ERRORS):  # its cells hold the reason
            if is_network(entry.model):
                weights, in_full = (_weights(p, entry, layers) for p in (plan, whole))
                found.append({"run": entry.key, "weights": weights, "in_full": in_full})
    return found


def _weights(plan: Reproduction, entry: PaperEntry, layers: Sequence[str]) -> int:
    """Number of trained weights, counted on a network without data."""
    options = plan.options(entry)
    needs = model_properties(entry.model, options, Training()).needs
    channels = len(plan.layers(entry) or layers) + needs.weight
    factory = registry.load(NETWORKS, entry.model, what="network")
    with torch.device("meta"):
        net = factory(channels, plan.window, **factory_options(options))
    return sum(p.numel() for p in net.parameters())


def examine_generators(study: Study) -> list[dict[str, Any]]:
    """Augment all training rows once by each plan that generates rows, and examine the new rows.

    One item for each step: the entry that it was first run for, and
    ``validation.predictions.examined``.
    """
    found: list[dict[str, Any]] = []
    done: list[Any] = []
    for entry in study.plan.entries:
        plan = entry.grow or study.plan.experiment.grow
        if plan in done or not any(step["method"] in GENERATED for step in plan):
            continue
        done.append(plan)
        try:
            found += [{"run": entry.name, **step} for step in _grown(study, entry)]
        except METHOD_ERRORS as error:
            found.append({"run": entry.name, "sentence": f"Not possible: {error.what}."})
    return found


def _grown(study: Study, entry: PaperEntry) -> list[dict[str, Any]]:
    recipe, evidence = study.recipe(entry, 0), study.job.evidence
    if study.rows is not None:
        evidence, rows = study.rows.evidence, study.rows.sampling
    else:
        rows, _ = recipe.labelled_rows(evidence, study.places.sampling, evidence.valid, 0)
    windows, _ = recipe.windows(evidence, rows, hidden=None, seed=0)
    return examined(grow(windows, rows.y, rows.group, recipe.plan, seed=0))


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
    learned, counts = cell["rows"], cell["counts"]
    tested = {"ore": counts["tp"] + counts["fn"], "barren": counts["tn"] + counts["fp"]}
    every = {name: learned[name] + tested[name] for name in ("ore", "barren")}
    by_row = {"training": learned, "test": tested, "grown": every}
    by_row |= {"training, grown": learned, "test, grown": tested}
    if study.rows is not None and any(row.name == "training, grown" for row in table.rows):
        fold = study.paper_split().folds(study.rows.sampling, 0.0)[0]
        for name, rows in (("training", fold.train), ("test", fold.test)):
            y = study.rows.sampling.y[rows]
            by_row[name] = {"ore": np.sum(y == 1), "barren": np.sum(y == 0)}
    return {
        row.name: {name: float(by_row[row.name][name]) for name in names if name in every}
        for row in table.rows
        if row.name in by_row
    }


def _screened(study: Study) -> dict[str, dict[str, float]]:
    """AUC by hard labels, its standard error and Z of each element alone, as in the papers.

    Computed on the known deposits and as many negatives; with the AUC of the decision values.
    """
    evidence = study.job.evidence
    recipe = replace(study.recipe(study.plan.entries[0], 0), shift=0, ratio=1.0, barren=None)
    rows, _ = recipe.labelled_rows(evidence, study.job.places.sampling, evidence.valid, 0)
    elements = [name for name in evidence.names if evidence.kind(name) == "element"]
    values = np.stack([evidence.layer(name)[tuple(rows.at.T)] for name in elements], axis=1)
    found = screen("svm-auc", values, rows.y, elements, definition="labels")
    ranked = screen("svm-auc", values, rows.y, elements, definition="decision")
    tests = {}
    for k, name in enumerate(elements):
        area, z = float(found.measures["auc"][k]), float(found.statistic[k])
        tests[name] = {
            "AUC": area,
            "AUC, standard": float(ranked.measures["auc"][k]),
            "SE": (area - 0.5) / z if z else np.nan,
            "ZAUC": z,
            "kept": bool(found.kept[k]),
        }
    return tests


CELLS = "cells"
RANKED_CELLS = {"smoke": 200, "hour": 500, "full": 2000}
"""Cells of a fold's region among which its held-out deposits are ranked."""
_CURVE_POINTS = 200
Content = dict[str, Any]
_studies: dict[tuple[Path, str], Study] = {}


def compute(plan: Reproduction, folder: Path, key: str, cell: ReproducedCell) -> None:
    """Compute a cell and write it; an error caused by the data is a result too.

    ``key`` is the run's. Raises RunError or OSError where a file cannot be written or read; the
    cell's file is then absent.
    """
    study, entry = _study(plan, folder, key), plan.entry(cell.entry)
    begun = time.perf_counter()
    result: Content
    try:
        result = _computed(study, entry, cell)
    except METHOD_ERRORS as error:
        result = {"error": error.as_dict()}
    content = {
        "run": entry.name,
        "column": entry.column,
        "protocol": cell.protocol,
        "seed": cell.seed,
        "seconds": round(time.perf_counter() - begun, 1),
        **result,
    }
    write_sealed(folder / CELLS / cell.file, content)


def train_whole(plan: Reproduction, folder: Path, key: str, stem: str) -> None:
    """Train an entry's network on all known places; the maps use its last checkpoint.

    An error caused by the data is ignored here: it is raised again when the map is made.
    """
    study = _study(plan, folder, key)
    with suppress(*METHOD_ERRORS):
        study.fitted(plan.entry(stem))


def _study(plan: Reproduction, folder: Path, key: str) -> Study:
    """The study with its survey and evidence read, so that unreadable files are not a result."""
    name = (folder, plan.experiment.system)
    if name not in _studies:
        study = Study(plan, Run(folder, key))
        _ = study.job
        _studies[name] = study
    return _studies[name]


def read_reproduced(folder: Path, cell: ReproducedCell) -> Content | None:
    """Content of a finished cell, None if it is not finished. Raises RunError if it is damaged."""
    return read_sealed(folder / CELLS / cell.file)


def _computed(study: Study, entry: PaperEntry, cell: ReproducedCell) -> Content:
    """The result of a cell; the finished parts of an interrupted one are in ``.orecast``."""
    scratch = study.run.scratch(Path(cell.file).stem)
    kept, history = scratch / "history.json", dict[int, Content]()
    if kept.is_file():
        try:
            history = {epoch["epoch"]: epoch for epoch in json.loads(kept.read_text("utf-8"))}
        except (OSError, ValueError, KeyError, TypeError):
            raise damaged_file(kept) from None

    def record(epoch: int, loss: float, accuracy: float) -> None:
        history[epoch] = {"epoch": epoch, "loss": loss, "accuracy": accuracy}
        write_json(kept, list(history.values()))

    # Only the first fold's training is recorded, also if a resumed cell starts at another.
    resumed = prediction_path(scratch, 0).is_file()
    recipe = study.recipe(entry, cell.seed, scratch, None if resumed else record)
    scored = _paper if cell.protocol == "paper" else _spatial
    found = scored(study, entry, cell.seed, recipe, scratch)
    return found | {"history": [history[k] for k in sorted(history)] or None}


def _paper(study: Study, entry: PaperEntry, seed: int, recipe: Recipe, store: Path) -> Content:
    """Scores over all tested rows, and fold by fold, with labels by the paper's rule."""
    split, rows = study.paper_split(entry, seed), study.rows
    if rows is None:
        sampling = study.places.sampling
        oof = cross_predict(recipe, study.job.evidence, sampling, split, seed=seed, store=store)
    else:
        oof = published_predict(
            recipe, rows.evidence, rows.sampling, split, seed=seed, negatives_rule="", store=store
        )
    y = oof.sampling.y[oof.rows]
    predicted = np.concatenate([a.positive for a in oof.folds if a.positive is not None])
    counts = confusion(y, predicted.astype(np.float64))
    by_fold = []
    for k in range(len(oof.folds)):
        mine = oof.row_fold == k
        scores, ore = oof.scores[mine], y[mine] == 1
        area = float(auc(scores[ore], scores[y[mine] == 0]))
        fold = confusion(y[mine], predicted[mine].astype(np.float64)).scores()
        by_fold.append(fold | {"auc": area})
    return {
        "sentence": oof.protocol_words,
        "scores": counts.scores() | {"auc": float(np.mean([fold["auc"] for fold in by_fold]))},
        "percentile": None,
        "counts": {name: int(getattr(counts, name)) for name in ("tn", "fp", "fn", "tp")},
        "by_fold": by_fold,
        "roc": _roc(y, oof.scores),
        "success_rate": None,
        "rows": _learned(oof),
    }


def _spatial(study: Study, entry: PaperEntry, seed: int, recipe: Recipe, store: Path) -> Content:
    """Scores of held-out places among the cells of their region."""
    job = replace(study.job, config=study.config(entry, seed))
    oof = cross_predict(
        recipe,
        job.evidence,
        study.places.sampling,
        job.protocol("spatial"),
        seed=seed,
        refit=job.refit,
        own_labels=True,
        cells=RANKED_CELLS[study.plan.kind],
        store=store,
    )
    score = held_out_row(entry.name, "model", "spatial", oof, study.places, seed=seed)
    row = score.as_dict()
    intervals = row["threshold_scores"] | {"auc": row["auc"]}
    return {
        "sentence": oof.protocol_words,
        "scores": {name: interval["value"] for name, interval in intervals.items()},
        "intervals": intervals,
        "percentile": row["percentile"],
        "counts": None,
        "by_fold": [],
        "roc": None,
        "success_rate": {key: row["success_rate"][key] for key in ("area", "captured")},
        "rows": _learned(oof),
    }


def _roc(y: np.ndarray[Any, Any], scores: np.ndarray[Any, Any]) -> Content:
    """The ROC curve at as many points as a figure shows."""
    from sklearn.metrics import roc_curve

    false_positive, hit, _ = roc_curve(y, scores)
    at = np.unique(np.linspace(0, len(hit) - 1, _CURVE_POINTS).astype(np.int64))
    return {"false_alarm": false_positive[at].tolist(), "hit": hit[at].tolist()}


def _learned(oof: OutOfFold) -> Content:
    """Number of training rows of the first fold, including grown ones."""
    return dict(zip(("ore", "barren"), oof.folds[0].n_training, strict=True))
