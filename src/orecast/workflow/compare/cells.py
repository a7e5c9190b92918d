"""One cell of a comparison, computed in a worker process, which reads each survey once."""

from __future__ import annotations

import time
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from orecast.config import read
from orecast.errors import METHOD_ERRORS
from orecast.evidence import Evidence, read_evidence
from orecast.run import Run, read_sealed, write_sealed
from orecast.survey import read_survey
from orecast.validation import Recipe, RecipeChoice, cross_predict
from orecast.workflow.compare.plan import SPATIAL, Cell, Choice, configured
from orecast.workflow.recipes import Baseline, caveats_of, model_recipe
from orecast.workflow.run.job import Job, job_of
from orecast.workflow.run.validating import row_beside
from orecast.workflow.scoring import held_out_row

CELLS = "cells"

Row = dict[str, Any]


def compute(folder: Path, key: str, cell: Cell) -> None:
    """Compute a cell and write it; an error caused by the data or settings is a result too.

    Its seconds exclude reading the survey, which all cells of a process share. Raises RunError or
    OSError where a file cannot be written or read; the cell's file is then absent.
    """
    job = read_job(folder, key, cell.survey)
    begun = time.perf_counter()
    result: dict[str, Any]
    try:
        result = _scored(job, cell)
    except METHOD_ERRORS as error:
        result = {"error": error.as_dict()}
    content = {
        "survey": cell.survey,
        "model": cell.model.label,
        "role": cell.role,
        "protocol": cell.protocol.label,
        "seed": cell.seed,
        "seconds": round(time.perf_counter() - begun, 3),
        **result,
    }
    write_sealed(folder / CELLS / cell.file, content)


def read_cell(folder: Path, cell: Cell) -> dict[str, Any] | None:
    """Content of a finished cell, None if it is not finished. Raises RunError if it is damaged."""
    return read_sealed(folder / CELLS / cell.file)


def baselines_of(job: Job) -> tuple[dict[str, Baseline], dict[str, str]]:
    """Every baseline by name, and the reasons why others are not possible here."""
    needs_least = Cell("", Choice("random"), SPATIAL, job.seed, "baseline")
    return replace(job, config=configured(job.config, needs_least)).baselines(every=True)


@cache
def read_job(folder: Path, key: str, survey: str) -> Job:
    """A prepared survey of a comparison, read once in each process for one ``key``."""
    config = read(folder / survey / "run.toml")
    evidence = read_evidence(folder / survey / "evidence")
    return job_of(config, Run(folder, key), read_survey(config), evidence)


def _scored(job: Job, cell: Cell) -> dict[str, Any]:
    """The cell's row, how its folds were cut, and what the model caveats."""
    if cell.role == "baseline":
        job = replace(job, config=job.config.model_copy(update={"seed": cell.seed}))
        baseline = baselines_of(job)[0][cell.model.name]
        return _held_out(job, cell, baseline.recipe, baseline.evidence)
    config = configured(job.config, cell)
    recipe = replace(job, config=config).fitting(
        model_recipe(config, job.evidence, job.survey.barren)
    )
    caveats = {"caveats": caveats_of(config)}
    if cell.protocol == SPATIAL:
        return caveats | _held_out(replace(job, config=config), cell, recipe, job.evidence)
    # A new job, so that the evidence refitted for these many folds is not kept in memory.
    job = Job(config, job.run, job.survey, job.evidence, job.places)
    row = row_beside(job, recipe)
    row.name = cell.model.label
    return caveats | {"sentence": row.sentence, "row": row.as_dict()}


def _held_out(
    job: Job, cell: Cell, recipe: Recipe | RecipeChoice, evidence: Evidence
) -> dict[str, Any]:
    """Score under ``spatial``, in the same way as a run scores its model and baselines."""
    out_of_fold = cross_predict(
        recipe,
        evidence,
        job.places.sampling,
        job.protocol("spatial"),
        seed=job.seed,
        inner=job.inner,
        refit=job.refit_kept if evidence is job.evidence else None,
    )
    row = held_out_row(
        cell.model.label, cell.role, "spatial", out_of_fold, job.places, seed=job.seed
    )
    return {"sentence": out_of_fold.protocol_words, "row": row.as_dict()}
