"""Draw targets with deposits hidden, and count how many lie near one of these."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from orecast.arrays import Bools, Floats, Ints
from orecast.config import read
from orecast.errors import METHOD_ERRORS, SamplingError
from orecast.evidence import Evidence, read_evidence
from orecast.mapping.applicability import TrainingSpace
from orecast.metrics import percentiles
from orecast.metrics.drawn_targets import (
    NUMBERS,
    FoldTargets,
    allotted,
    bands,
    sentence,
    target_scores,
)
from orecast.metrics.results import TargetTest
from orecast.run import Run, read_sealed, write_sealed
from orecast.sampling import Fold, Sampling
from orecast.splits.spatial import Spatial
from orecast.survey import read_survey
from orecast.targets import APART, Peaks, nearest_metres
from orecast.training import model_properties
from orecast.validation import Fitted, Recipe, RecipeChoice
from orecast.workflow.choosing import AUTO, WITH_DEPOSITS, usual
from orecast.workflow.recipes import candidates
from orecast.workflow.run.job import Job, job_of
from orecast.workflow.run.validating import reason_of
from orecast.workflow.targets import TargetDrawing, sample_spacing
from orecast.workflow.workers import work_off

WHAT = "Testing targets"
_DRAWS = 1000  # of random targets
_TURN = 90.0  # degrees, within which the repetitions turn the folds
_QUICK = 1.0  # seconds of a fold; slower ones are shared among processes
_CORES = os.cpu_count() or 1
COMPARED = ("random-forest", "best-layer", "mahalanobis")
"""Maps whose targets are drawn beside those of a named model, and the commodity's layer."""


def score_targets(job: Job) -> None:
    """Draw the targets of each map in repeated spatial folds, and score them.

    Of N targets, a fold draws its share by its eligible ground: the region less the surroundings
    of the deposits that it does not hide, and less cells unlike the training places. Where a fold
    cannot be fitted, targets have no scores; the reason is among what was left out.
    """
    repetitions = repetitions_of(job)
    with job.run.stage("targets") as folder:
        if repetitions:
            try:
                job.metrics.target_test = _tested(job, repetitions)
            except METHOD_ERRORS as error:  # a turned fold may leave too little to train on
                job.metrics.left_out["targets"] = reason_of(error)
        job.write(folder, {})


def repetitions_of(job: Job) -> int:
    """How often the folds are cut; once for models that train in epochs."""
    model = usual(job.config).model
    epochs = model_properties(model.name, model.options, job.config.training).epochs
    asked = job.config.validation.repetitions
    return min(asked, 1) if epochs > 1 else asked


def _tested(job: Job, repetitions: int) -> TargetTest:
    """Compute the folds that no earlier run has; once one is slow, share the rest."""
    folder = job.run.scratch("targets")
    tasks = [(r, k) for r in range(repetitions) for k in range(len(_folds(job, r, repetitions)))]
    left = [task for task in tasks if not (folder / _file(*task)).is_file()]
    job.progress(WHAT, len(tasks) - len(left), len(tasks))
    slow = False
    while left and not slow:
        begun = time.perf_counter()
        r, k = left.pop(0)
        write_sealed(folder / _file(r, k), compute(job, r, k, repetitions))
        job.progress(WHAT, len(tasks) - len(left), len(tasks))
        slow = time.perf_counter() - begun > _QUICK and _CORES > 1
    work = [partial(compute_one, job.run.folder, job.run.key, r, k, repetitions) for r, k in left]
    work_off(work, folder, jobs=_CORES, what=WHAT, progress=job.progress)
    found = []
    for task in tasks:
        fold = read_sealed(folder / _file(*task))
        assert fold is not None  # it was written above
        found.append(fold)
    return _scored(job, found, repetitions)


def _file(repetition: int, fold: int) -> str:
    return f"{repetition}-{fold}.json"


def _scored(job: Job, found: list[dict[str, Any]], repetitions: int) -> TargetTest:
    """The scores of all folds' targets."""
    groups = np.unique(job.places.sampling.group)
    names = [name for name in found[0]["maps"] if all(name in fold["maps"] for fold in found)]
    maps = {
        name: [
            FoldTargets(
                fold["repetition"],
                fold["cells"],
                np.array(fold["maps"][name]["area"], dtype=np.float64),
                fold["maps"][name]["hits"],
            )
            for fold in found
        ]
        for name in names
    }
    model = job.config.model.name
    by_repetition = [[f for f in found if f["repetition"] == r] for r in range(repetitions)]
    random = {
        n: sum(
            fold["random"][count]
            for folds in by_repetition
            for fold, count in zip(folds, allotted(n, [f["cells"] for f in folds]), strict=True)
        )
        / repetitions
        for n in NUMBERS
    }
    hit_m, _ = sample_spacing(job.survey, job.evidence, job.config)
    scores = target_scores(maps, model, groups, seed=job.seed)
    return TargetTest(
        hit_m=hit_m,
        repetitions=repetitions,
        groups=len(groups),
        scores=scores,
        random=random,
        bands=bands(maps[model]),
        sentence=sentence(scores, random, hit_m),
    )


def compute_one(folder: Path, key: str, repetition: int, fold: int, repetitions: int) -> None:
    """Compute a fold in a worker process, and write it."""
    job = read_job(folder, key)
    content = compute(job, repetition, fold, repetitions)
    write_sealed(job.run.scratch("targets") / _file(repetition, fold), content)


@cache
def read_job(folder: Path, key: str) -> Job:
    """The job of a run whose evidence is written, read once in each process."""
    config = read(folder / "run.toml")
    evidence = read_evidence(folder / "evidence")
    return job_of(config, Run(folder, key), read_survey(config), evidence)


def _folds(job: Job, repetition: int, repetitions: int) -> list[Fold]:
    turn = _TURN * repetition / repetitions
    folds = job.config.validation.folds
    try:
        protocol = Spatial(job.geometry, folds, job.seed, turn=turn)
        return list(protocol.folds(job.places.sampling, job.evidence.reach))
    except SamplingError:  # turned, the deposits cannot be cut; the first cut was possible
        return list(job.protocol("spatial").folds(job.places.sampling, job.evidence.reach))


@dataclass(frozen=True)
class _Ground:
    """Where a fold draws targets: the cells with a score, the eligible ones, hidden deposits."""

    region: Ints  # (n, 2)
    eligible: Bools  # (n,)
    hidden: Floats  # positions (m, 2) of the deposits that the fold hides
    group: Ints  # (m,)


def compute(job: Job, repetition: int, number: int, repetitions: int) -> dict[str, Any]:
    """Draw the targets of each map in one fold."""
    folds = _folds(job, repetition, repetitions)
    fold = folds[number]
    here, sampling = job.refit(fold.hidden), job.places.sampling
    ore = sampling.take(fold.train)
    fitted = _fitted(job, fold, here, ore)
    drawing = TargetDrawing.of(job.survey, here, job.config)
    ground = _ground(job, folds, number, drawing, fitted[job.config.model.name])
    most = max(NUMBERS)
    maps: dict[str, Any] = {}
    for name, one in fitted.items():
        score = np.full(here.grid.shape, np.nan)
        scores = one.predict(ground.region)
        # ranks, so that the same share of the height means the same for every map
        score[tuple(ground.region.T)] = percentiles(scores, scores)
        peaks = Peaks(score, here.grid, drawing.rule)
        may = np.zeros(here.grid.shape, dtype=np.bool_)
        may[tuple(ground.region[ground.eligible].T)] = True
        drawn = peaks.drawn(may[tuple(peaks.at.T)], most)
        xy = here.grid.xy(np.array([peak.at for peak in drawn]).reshape(-1, 2))
        maps[name] = {
            "area": [len(peak.cells) * here.grid.cell_area / 1e6 for peak in drawn],
            "hits": _hits(xy, ground, drawing.rule.spacing),
        }
    return {
        "repetition": repetition,
        "fold": number,
        "cells": int(ground.eligible.sum()),
        "maps": maps,
        "random": _random(job, ground, drawing.rule.spacing, [repetition, number]),
    }


def _fitted(job: Job, fold: Fold, here: Evidence, ore: Sampling) -> dict[str, Fitted]:
    """The fitted maps by name: the configured model and those it is compared with."""
    model = job.config.model.name
    baselines, _ = job.baselines(every=True)
    recipes: dict[str, Recipe] = candidates(job.config, here, baselines)
    if model != AUTO:
        recipes = {n: r for n, r in recipes.items() if n in COMPARED or n.startswith("layer ")}
        recipes[model] = job.recipe(f"targets/{fold.test[0]}")
    found: dict[str, Fitted] = {}
    for name, recipe in recipes.items():
        try:
            found[name] = recipe.fit(here, ore, hidden=fold.hidden, seed=job.seed)
        except METHOD_ERRORS:
            if name in (model, WITH_DEPOSITS.name):
                raise
    if model == AUTO:
        choice = job.fitting(job.recipe("targets"))
        assert isinstance(choice, RecipeChoice)
        ranks = choice.ranks(here, ore, hidden=fold.hidden, seed=job.seed, whole=found)
        found = {AUTO: found[choice.chosen(ranks, ore.group)], **found}
    return found


def _ground(
    job: Job, folds: list[Fold], number: int, drawing: TargetDrawing, fitted: Fitted
) -> _Ground:
    """The region of a fold, its eligible cells, and the deposits that it hides.

    A training place is compared with those of the other folds' regions, as for the final map.
    """
    grid, places, fold = job.evidence.grid, job.places, folds[number]
    owner = np.full(grid.shape, -1)
    for k, other in enumerate(folds):
        owner[other.region] = k
    region = np.argwhere(fold.region & job.evidence.valid)
    hidden = np.isin(places.row, fold.test)
    known, xy = places.xy[~hidden], grid.xy(region)
    eligible = drawing.allowed[tuple(region.T)] & (nearest_metres(xy, known) > drawing.near)
    try:
        own = owner[tuple(fitted.rows.at.T)]
        space = TrainingSpace.of(fitted.windows.centre(), folds=own)
        at = fitted.windows.at_cells(region)
        index = space.dissimilarity(replace(at, hidden=None).centre())
        eligible &= ~(index > space.threshold)
    except SamplingError:
        pass  # too few training places to tell what is unlike them
    group = places.sampling.group[places.row[hidden]]
    return _Ground(region, eligible, places.xy[hidden], group)


def _hits(xy: Floats, ground: _Ground, distance: float) -> list[list[int]]:
    """Groups of the hidden deposits within ``distance`` of each peak ``(n, 2)``."""
    gaps = np.hypot(*(xy[:, None] - ground.hidden[None]).transpose(2, 0, 1))
    near = gaps <= distance
    return [sorted({int(g) for g in ground.group[row]}) for row in near]


def _random(job: Job, ground: _Ground, distance: float, seed: list[int]) -> list[float]:
    """Mean hits among the first 0, 1, 2, … random targets, as far apart as others."""
    rng = np.random.default_rng([job.seed, 21, *seed])
    most = max(NUMBERS)
    hits = np.zeros(most + 1)
    xy = job.evidence.grid.xy(ground.region[ground.eligible])
    for _ in range(_DRAWS if len(xy) else 0):
        chosen = np.empty((0, 2))
        for k in rng.integers(len(xy), size=5 * most):
            if len(chosen) == most:
                break
            if not len(chosen) or np.hypot(*(chosen - xy[k]).T).min() >= APART * distance:
                chosen = np.vstack([chosen, xy[k]])
        near = [bool(found) for found in _hits(chosen, ground, distance)]
        near += [False] * (most - len(near))
        hits[1:] += np.cumsum(near)
    return [round(float(v), 6) for v in hits / _DRAWS]
