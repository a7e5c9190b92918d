"""One network under one protocol with one seed."""

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

from orecast.config import Training
from orecast.errors import METHOD_ERRORS
from orecast.metrics import auc, confusion
from orecast.papers.experiments import Entry
from orecast.papers.plan import ReproducedCell, Reproduction, is_network
from orecast.papers.study import SCRATCH, Study
from orecast.run import damaged_file, read_sealed, write_json, write_sealed
from orecast.sampling.augmentation import grow
from orecast.splits import build_protocol
from orecast.splits.paper import GivenSplit
from orecast.training import Network, build_model
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
    for entry in filter(lambda e: is_network(e.model), plan.entries):
        with suppress(*METHOD_ERRORS):  # its cells hold the reason
            weights, in_full = (_weights(p, entry, layers) for p in (plan, whole))
            found.append({"run": entry.key, "weights": weights, "in_full": in_full})
    return found


def _weights(plan: Reproduction, entry: Entry, layers: Sequence[str]) -> int:
    """Number of trained weights, counted on a network without data."""
    network = build_model(entry.model, plan.options(entry), Training())
    assert isinstance(network, Network)
    channels = len(plan.layers(entry) or layers) + network.needs.weight
    with torch.device("meta"):
        net = network.factory(channels, plan.window, **factory_options(network.options))
    return sum(p.numel() for p in net.parameters())


def examine_generators(study: Study) -> list[dict[str, Any]]:
    """Grow all training rows once by each plan that generates rows, and examine the new rows.

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


def _grown(study: Study, entry: Entry) -> list[dict[str, Any]]:
    recipe, seed = study.recipe(entry, 0), 0
    if study.rows is not None:
        evidence, rows = study.rows.evidence, study.rows.sampling
    else:
        evidence = study.evidence
        rows, _ = recipe.labelled_rows(evidence, study.places.sampling, evidence.valid, seed)
    windows = recipe.windows(evidence, rows, visible=evidence.valid, hidden=None, seed=seed)
    return examined(grow(windows, rows.y, rows.group, recipe.plan, seed=seed))


CELLS = "cells"
RANKED_CELLS = {"smoke": 200, "hour": 500, "full": 2000}
"""Cells of a fold's region among which its held-out deposits are ranked."""
_CURVE_POINTS = 200
Content = dict[str, Any]
_studies: dict[tuple[Path, str], Study] = {}


def compute(plan: Reproduction, folder: Path, cell: ReproducedCell) -> None:
    """Compute a cell and write it; an error caused by the data is a result too.

    Raises RunError or OSError where a file cannot be written or read; the cell's file is then
    absent.
    """
    study, entry = _study(plan, folder), plan.entry(cell.entry)
    begun = time.perf_counter()
    result: Content
    try:
        result = _Computed(study, entry, cell).content()
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


def train_whole(plan: Reproduction, folder: Path, stem: str) -> None:
    """Train an entry's network on all known places; the maps use its last checkpoint.

    An error caused by the data is ignored here: it is raised again when the map is made.
    """
    study = _study(plan, folder)
    with suppress(*METHOD_ERRORS):
        study.fitted(plan.entry(stem))


def _study(plan: Reproduction, folder: Path) -> Study:
    """The study with its survey and evidence read, so that unreadable files are not a result."""
    key = (folder, plan.experiment.system)
    if key not in _studies:
        study = Study(plan, folder)
        _ = study.survey, study.evidence
        _studies[key] = study
    return _studies[key]


def read_reproduced(folder: Path, cell: ReproducedCell) -> Content | None:
    """Content of a finished cell, None if it is not finished. Raises RunError if it is damaged."""
    return read_sealed(folder / CELLS / cell.file)


class _Computed:
    """A cell to compute; the finished parts of an interrupted cell are in ``.orecast``."""

    def __init__(self, study: Study, entry: Entry, cell: ReproducedCell) -> None:
        self.study, self.entry, self.cell = study, entry, cell
        self.scratch = study.folder / SCRATCH / Path(cell.file).stem
        self.history: dict[int, Content] = {}

    def content(self) -> Content:
        kept = self.scratch / "history.json"
        if kept.is_file():
            try:
                epochs = json.loads(kept.read_text("utf-8"))
                self.history = {epoch["epoch"]: epoch for epoch in epochs}
            except (OSError, ValueError, KeyError, TypeError):
                raise damaged_file(kept) from None
        self.scratch.mkdir(parents=True, exist_ok=True)
        # Only the first fold's training is recorded, also if a resumed cell starts at another.
        record = None if prediction_path(self.scratch, 0).is_file() else self._record
        recipe = self.study.recipe(self.entry, self.cell.seed, self.scratch, record)
        found = self._paper(recipe) if self.cell.protocol == "paper" else self._spatial(recipe)
        return found | {"history": [self.history[k] for k in sorted(self.history)] or None}

    def _record(self, epoch: int, loss: float, accuracy: float) -> None:
        self.history[epoch] = {"epoch": epoch, "loss": loss, "accuracy": accuracy}
        write_json(self.scratch / "history.json", list(self.history.values()))

    def _paper(self, recipe: Recipe) -> Content:
        study, seed = self.study, self.cell.seed
        options = study.config(self.entry, seed).validation
        if study.rows is None:
            protocol = build_protocol(
                "paper", options.options, study.geometry, n_folds=options.folds, seed=seed
            )
            sampling = study.places.sampling
            oof = cross_predict(
                recipe, study.evidence, sampling, protocol, seed=seed, store=self.scratch
            )
            return _published(oof)
        rows = study.rows
        if rows.train is not None and rows.test is not None:
            split: Any = GivenSplit(
                rows.train, rows.test, study.geometry, study.plan.experiment.system
            )
        else:
            split = build_protocol(
                "paper", options.options, rows.geometry, n_folds=options.folds, seed=seed
            )
        oof = published_predict(
            recipe, rows.evidence, rows.sampling, split, seed=seed, words="", store=self.scratch
        )
        return _published(oof)

    def _spatial(self, recipe: Recipe) -> Content:
        study, seed = self.study, self.cell.seed
        folds = study.config(self.entry, seed).validation.folds
        oof = cross_predict(
            recipe,
            study.evidence,
            study.places.sampling,
            build_protocol("spatial", {}, study.geometry, n_folds=folds, seed=seed),
            seed=seed,
            refit=study.refit(self.entry, seed),
            own_labels=True,
            cells=RANKED_CELLS[study.plan.kind],
            store=self.scratch,
        )
        row = held_out_row(
            self.entry.name, "model", "spatial", oof, study.places, seed=seed
        ).as_dict()
        scores = {name: interval["value"] for name, interval in row["threshold_scores"].items()}
        curve = row["success_rate"]
        return {
            "sentence": oof.protocol_words,
            "scores": scores | {"auc": row["auc"]["value"]},
            "intervals": row["threshold_scores"] | {"auc": row["auc"]},
            "percentile": row["percentile"],
            "counts": None,
            "by_fold": [],
            "roc": None,
            "success_rate": {key: curve[key] for key in ("area", "captured")},
            "rows": _learned(oof),
        }


def _published(oof: OutOfFold) -> Content:
    """Scores over all tested rows, and fold by fold, with labels by the paper's rule."""
    y = oof.sampling.y[oof.rows]
    predicted = np.concatenate([a.positive for a in oof.folds if a.positive is not None])
    counts = confusion(y, predicted.astype(np.float64))
    by_fold = []
    for k in range(len(oof.folds)):
        mine = oof.row_fold == k
        scores = confusion(y[mine], predicted[mine].astype(np.float64)).scores()
        by_fold.append(scores | {"auc": _auc(y[mine], oof.scores[mine])})
    mean_auc = float(np.mean([fold["auc"] for fold in by_fold]))
    return {
        "sentence": oof.protocol_words,
        "scores": counts.scores() | {"auc": mean_auc},
        "percentile": None,
        "counts": {name: int(getattr(counts, name)) for name in ("tn", "fp", "fn", "tp")},
        "by_fold": by_fold,
        "roc": _roc(y, oof.scores),
        "success_rate": None,
        "rows": _learned(oof),
    }


def _auc(y: np.ndarray[Any, Any], scores: np.ndarray[Any, Any]) -> float:
    return float(auc(scores[y == 1], scores[y == 0]))


def _roc(y: np.ndarray[Any, Any], scores: np.ndarray[Any, Any]) -> Content:
    """The ROC curve at as many points as a figure shows."""
    from sklearn.metrics import roc_curve

    false_positive, hit, _ = roc_curve(y, scores)
    at = np.unique(np.linspace(0, len(hit) - 1, _CURVE_POINTS).astype(np.int64))
    return {"false_alarm": false_positive[at].tolist(), "hit": hit[at].tolist()}


def _learned(oof: OutOfFold) -> Content:
    """Number of training rows of the first fold, including grown ones."""
    return dict(zip(("ore", "barren"), oof.folds[0].learned, strict=True))
