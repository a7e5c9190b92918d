"""One cell of a comparison, as a process of its own computes it; its survey is read once."""

from __future__ import annotations

import time
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from orecast.config import Config, read
from orecast.errors import REFUSALS
from orecast.evidence import Evidence, read_evidence
from orecast.run import Run, read_sealed, write_sealed
from orecast.survey import Survey, read_survey
from orecast.validation import Recipe, cross_predict
from orecast.workflow.compare.plan import SPATIAL, Cell, Choice, configured
from orecast.workflow.places import place_deposits
from orecast.workflow.recipes import Baseline, declared, model_recipe
from orecast.workflow.run.job import Job, Provenance
from orecast.workflow.run.validating import row_beside
from orecast.workflow.scoring import held_out_row

CELLS = "cells"

_STAND_IN = Choice("single-layer", {"layer": ""})  # no baseline is it, so that none is left out

Row = dict[str, Any]


def compute(folder: Path, key: str, cell: Cell) -> None:
    """Compute a cell and write it whole; what the data or the settings refuse is its result too.

    Its seconds do not count what all cells of a process share: the survey, read once. Raises
    RunError or OSError where a file cannot be written or read; the cell is then absent.
    """
    job = read_job(folder, key, cell.survey)
    begun = time.perf_counter()
    told: dict[str, Any]
    try:
        told = _scored(job, cell)
    except REFUSALS as error:
        told = {"error": error.as_dict()}
    content = {
        "survey": cell.survey,
        "model": cell.model.label,
        "role": cell.role,
        "protocol": cell.protocol.label,
        "seed": cell.seed,
        "seconds": round(time.perf_counter() - begun, 3),
        **told,
    }
    write_sealed(folder / CELLS / cell.file, content)


def read_cell(folder: Path, cell: Cell) -> dict[str, Any] | None:
    """What a finished cell holds; None where it is not finished, RunError where it is damaged."""
    return read_sealed(folder / CELLS / cell.file)


def job_of(config: Config, run: Run, survey: Survey, evidence: Evidence) -> Job:
    """A survey with its deposits on the evidence, as every cell on it starts from."""
    places = place_deposits(survey.deposits, evidence, config.sampling.window, survey.findings)
    return Job(config, run, Provenance(config, []), _untold, survey, evidence, places)


def rivals(job: Job) -> tuple[dict[str, Baseline], dict[str, str]]:
    """Every baseline by name, and those that cannot be had here with the reason."""
    stand_in = Cell("", _STAND_IN, SPATIAL, job.seed, "baseline")
    return replace(job, config=configured(job.config, stand_in)).rivals()


@cache
def read_job(folder: Path, key: str, survey: str) -> Job:
    """A survey of a comparison that is prepared: read once in a process, for one ``key``."""
    config = read(folder / survey / "run.toml")
    evidence = read_evidence(folder / survey / "evidence")
    return job_of(config, Run(folder, key), read_survey(config), evidence)


def _scored(job: Job, cell: Cell) -> dict[str, Any]:
    """The cell's row, how its folds were cut, and what the model declares."""
    if cell.role == "baseline":
        job = replace(job, config=job.config.model_copy(update={"seed": cell.seed}))
        rival = rivals(job)[0][cell.model.name]
        return _held_out(job, cell, rival.recipe, rival.evidence)
    config = configured(job.config, cell)
    recipe = model_recipe(config, job.evidence, job.survey.barren)
    said = {"declares": declared(config)}
    if cell.protocol == SPATIAL:
        return said | _held_out(replace(job, config=config), cell, recipe, job.evidence)
    # A job of its own: what is refitted for so many other folds is not kept.
    job = Job(
        *(config, job.run, job.provenance, _untold),
        *(job.survey, job.evidence, job.places),
    )
    row = row_beside(job, recipe)
    return said | {"sentence": row["sentence"], "row": row | {"name": cell.model.label}}


def _held_out(job: Job, cell: Cell, recipe: Recipe, evidence: Evidence) -> dict[str, Any]:
    """Under ``spatial``, as a run tests its model and its baselines."""
    answer = cross_predict(
        recipe,
        evidence,
        job.places.sampling,
        job.protocol("spatial"),
        seed=job.seed,
        inner=job.inner,
        refit=job.refit_kept if evidence is job.evidence else None,
    )
    row = held_out_row(cell.model.label, cell.role, "spatial", answer, job.places, seed=job.seed)
    return {"sentence": answer.protocol_words, "row": row}


def _untold(what: str, done: int, total: int) -> None:
    """Progress that nobody is told: whole cells are counted."""
