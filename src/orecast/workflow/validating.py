"""Every model and baseline on the same folds."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np

from orecast import registry
from orecast.run import write_json
from orecast.validation import OutOfFold, Recipe, cross_predict
from orecast.workflow.job import Job
from orecast.workflow.recipes import baselines
from orecast.workflow.scoring import paper_row, spatial_row
from orecast.workflow.verdict import verdict


def validate(job: Job) -> None:
    """Test the configured model and the baselines; write scores, out-of-fold map, uncertainty."""
    if job.run.done("validation"):
        text = (job.run.folder / "metrics.json").read_text(encoding="utf-8")
        job.metrics = json.loads(text)
        return
    with job.provenance.timed("validation"):
        recipe, answer = _test_model(job)
        name, places = job.config.model.name, job.places
        rows = [spatial_row(name, "model", answer, places, seed=job.seed)]
        if job.config.validation.protocol != "spatial":
            rows.append(_published(job))
        rows += _test_baselines(job, recipe)
        job.metrics = {
            "model": name,
            "protocol": _protocol_facts(job, answer),
            "folds": [_fold_facts(job, answer, k) for k in range(len(answer.folds))],
            "scores": rows,
            "verdict": verdict(
                [row for row in rows if row["protocol"] == "spatial"],
                places.sampling.group.tolist(),
                seed=job.seed,
            ),
        }
        with job.run.stage("validation") as folder:
            assert answer.spread is not None
            spread = np.where(job.evidence.valid, answer.spread, np.float32(np.nan))
            words = "Prospectivity, each cell by a model that has not seen its surroundings"
            job.write(folder / "out_of_fold.tif", answer.map, words)
            words = "Standard deviation of the prospectivity between the folds' models"
            job.write(folder / "uncertainty.tif", spread, words)
            write_json(folder / "metrics.json", job.metrics)


def _test_model(job: Job) -> tuple[Recipe, OutOfFold]:
    recipe, told = _recipe_told(job, f"Testing {job.config.model.name}", "testing")
    answer = cross_predict(
        recipe,
        job.evidence,
        job.places.sampling,
        job.protocol("spatial"),
        seed=job.seed,
        spread=True,
        store=job.run.scratch("folds/spatial"),
        progress=told,
    )
    return recipe, answer


def _recipe_told(job: Job, what: str, where: str) -> tuple[Recipe, Callable[[str, int, int], None]]:
    """The configured model's recipe, and what tells its folds and their epochs as one bar."""
    parts = job.config.training.epochs if _is_network(job.config.model.name) else 1
    fold, folds = 0, 1  # told by each fold before its epochs

    def at_fold(_: str, done: int, total: int) -> None:
        nonlocal fold, folds
        fold, folds = done, total
        job.progress(what, done * parts, total * parts)

    def at_epoch(done: int, total: int, loss: float) -> None:
        job.progress(what, fold * parts + done, folds * parts)

    return job.recipe(where, at_epoch), at_fold


def _is_network(name: str) -> bool:
    return name in registry.entries("orecast.models")


def _published(job: Job) -> dict[str, Any]:
    """The configured model under a protocol of the papers, beside the leak-free one."""
    name = job.config.validation.protocol
    recipe, told = _recipe_told(job, f"Protocol {name}", name)
    answer = cross_predict(
        recipe,
        job.evidence,
        job.places.sampling,
        job.protocol(name),
        seed=job.seed,
        store=job.run.scratch(f"folds/{name}"),
        progress=told,
    )
    return paper_row(job.config.model.name, answer, seed=job.seed)


def _test_baselines(job: Job, recipe: Recipe) -> list[dict[str, Any]]:
    others = baselines(job.config, job.evidence, recipe) if job.config.validation.baselines else {}
    rows = []
    for k, (name, other) in enumerate(others.items()):
        job.progress("Testing baselines", k, len(others))
        protocol = job.protocol("spatial")
        answer = cross_predict(other, job.evidence, job.places.sampling, protocol, seed=job.seed)
        rows.append(spatial_row(name, "baseline", answer, job.places, seed=job.seed))
    job.progress("Testing baselines", len(others), len(others))
    return rows


def _protocol_facts(job: Job, answer: OutOfFold) -> dict[str, Any]:
    return {
        "name": "spatial",
        "folds": len(answer.folds),
        "sentence": f"{answer.protocol_words}. Negatives: {answer.words}.",
        "hidden_buffer_m": job.config.sampling.window * min(job.evidence.grid.cell_size)
        + 2 * job.evidence.reach,
    }


def _fold_facts(job: Job, answer: OutOfFold, k: int) -> dict[str, Any]:
    fold, places = answer.folds[k], job.places
    return {
        "fold": k,
        "deposits": places.deposit[np.isin(places.row, fold.test)].tolist(),
        "training_deposits": int(np.isin(places.row, fold.train).sum()),
        "hidden_cells": int(fold.hidden.sum()),
        "region_cells": int((fold.region & job.evidence.valid).sum()),
    }
