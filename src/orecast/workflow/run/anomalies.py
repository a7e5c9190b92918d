"""A survey without known deposits: an anomaly map, its targets, and the elements behind each."""

from __future__ import annotations

import os
import zipfile
import zlib
from pathlib import Path

import numpy as np

from orecast.arrays import Floats32, Ints
from orecast.errors import SamplingError
from orecast.explanation import anomalous_elements
from orecast.mapping import classify, predict_map
from orecast.metrics import Interval, Metrics, Score, bootstrap_mean, negative_draws, percentiles
from orecast.metrics.results import ClassCounts, Protocol, Verdict
from orecast.sampling import Sampling
from orecast.splits.negative_draws import NegativeDrawsProtocol, nearest_samples
from orecast.targets import delineate, number_tiles, write_targets, write_tiles
from orecast.validation import Fitted, Recipe
from orecast.workflow.places import NONE_MAPPED, NOWHERE, mapped_cells
from orecast.workflow.recipes import Baseline
from orecast.workflow.run.final_map import write_classes
from orecast.workflow.run.job import Job, Progress
from orecast.workflow.run.validating import score_each

NOBODY = NOWHERE.sampling
MEMBERS = 5  # models of other cells, whose spread is the map's uncertainty


def map_anomalies(job: Job) -> None:
    """Map anomalies with a model that uses no deposits; score it on deposits held back.

    The map is the mean of models fitted to different cells; their spread is its uncertainty.
    Deposits of ``[held_back]`` are only scored.
    """
    if job.run.done("map"):
        job.recall_metrics()
        return
    with job.provenance.timed("map"):
        recipe = job.recipe("final", lambda done, total, loss: None)
        fitted = _members(job, recipe)
        maps = np.stack([predict_map(one, job.evidence) for one in fitted])
        score = maps.mean(axis=0)
        spread = maps.std(axis=0, ddof=1)
        classes = classify(score, job.class_options(score))
        elements = fitted[0].elements

        def reasons(areas: list[Ints]) -> list[str]:
            found = anomalous_elements(job.evidence, areas, job.evidence.valid)
            return [", ".join(found.top(k)) for k in range(len(areas))]

        targets = delineate(
            score,
            classes.values,
            job.evidence.grid,
            deposits=None,
            options=job.config.targets,
            uncertainty=spread,
            top_elements=reasons if elements else None,
        )
        job.metrics = _metrics(job, score)
        job.metrics.classes = ClassCounts.model_validate(classes.as_dict())
        with job.run.stage("map") as folder:
            fitted[0].save(folder / "model")
            job.write(folder / "prospectivity.tif", score, "Anomaly, 0 to 1")
            words = "Standard deviation of the anomaly between models of different cells"
            job.write(folder / "uncertainty.tif", spread, words)
            write_classes(job, folder, classes)
            write_targets(targets, None, folder)
            if job.config.targets.tiles is not None:
                grid, nothing = job.evidence.grid, np.empty((0, 2), dtype=np.int64)
                down, across = job.config.targets.tiles
                tiles = number_tiles(score, classes.values, grid, down, across, nothing)
                write_tiles(tiles, folder)
            job.write_found(folder)


def _members(job: Job, recipe: Recipe) -> list[Fitted]:
    fitted = []
    for k in range(MEMBERS):
        job.progress("Mapping anomalies", k, MEMBERS)
        fitted.append(recipe.fit(job.evidence, NOBODY, hidden=None, seed=job.seed + k))
    job.progress("Mapping anomalies", MEMBERS, MEMBERS)
    return fitted


def _metrics(job: Job, score: Floats32) -> Metrics:
    name = job.config.model.name
    rows, left_out = _scored(job, score)
    if rows:
        value = 100 * rows[0].percentile.value
        tested = (
            f"It ranks the {len(rows[0].places)} test-only deposits above {value:.0f} % of the "
            "map on average."
        )
    elif left_out:
        tested = "Its score is not known: no test-only deposit lies where the map has a value."
    else:
        tested = "Its score is not known: no test-only deposits ([held_back]) are given."
    return Metrics(
        model=name,
        anomalies=True,
        protocol=Protocol(
            name="unseen",
            folds=0,
            sentence="no deposit was used in training; every cell is scored by one model",
            hidden_buffer_m=None,
        ),
        folds=[],
        scores=rows,
        left_out=left_out,
        training_fit=None,
        undiscovered=None,
        verdict=Verdict(
            recommended=name,
            sentence=f"A map of anomalies: no deposit was used in training. {tested}",
        ),
    )


def _scored(job: Job, score: Floats32) -> tuple[list[Score], dict[str, str]]:
    """Score the map, every detector and every layer on deposits that none of them saw.

    Returns the rows, and the reasons why others could not be scored, by name.
    """
    kept = job.survey.held_back
    if kept is None:
        return [], {}
    cells = np.unique(mapped_cells(kept, job.evidence), axis=0)
    if not len(cells):
        return [], {"held_back": NONE_MAPPED}
    baselines, _ = job.baselines()
    blind = {n: r for n, r in baselines.items() if not r.recipe.labels} if _asked(job) else {}

    def draw(name: str, baseline: Baseline, folder: Path, report: Progress) -> tuple[str, Floats32]:
        path = folder / "map.npz"
        drawn = _read_map(path)
        if drawn is None:
            fitted = baseline.recipe.fit(baseline.evidence, NOBODY, hidden=None, seed=job.seed)
            drawn = predict_map(fitted, baseline.evidence, progress=report)
            _keep_map(path, drawn)
        return name, drawn

    drawn, left_out = score_each(job, blind, "Scoring detectors", draw)
    maps = [(job.config.model.name, "model", score), *((n, "baseline", m) for n, m in drawn)]
    rows = [_unseen_row(job, *of, cells) for of in maps]
    try:
        rows += _drawn_rows(job, maps, cells)
    except SamplingError as error:
        left_out["negative-draws"] = str(error)
    return rows, left_out


def _asked(job: Job) -> bool:
    return job.config.validation.baselines


def _read_map(path: Path) -> Floats32 | None:
    """The map that an interrupted run wrote; None where it is missing or damaged."""
    try:
        with np.load(path, allow_pickle=False) as kept:
            drawn: Floats32 = kept["map"]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error):
        return None
    return drawn


def _keep_map(path: Path, drawn: Floats32) -> None:
    beside = path.with_suffix(".part.npz")
    np.savez(beside, map=drawn)
    os.replace(beside, path)


def _unseen_row(job: Job, name: str, role: str, score: Floats32, cells: Ints) -> Score:
    known = score[np.isfinite(score)]
    percentile = percentiles(score[tuple(cells.T)], known)
    return Score(
        name=name,
        role=role,
        protocol="unseen",
        percentile=bootstrap_mean(percentile, seed=job.seed),
        places=percentile.tolist(),
    )


def _drawn_rows(job: Job, maps: list[tuple[str, str, Floats32]], cells: Ints) -> list[Score]:
    """Score the same maps in the way of the public benchmark of detectors.

    Raises SamplingError where no sample lies far enough from every deposit.
    """
    nearest, sample = np.unique(nearest_samples(cells, job.geometry), axis=0, return_inverse=True)
    protocol = job.protocol("negative-draws")
    assert isinstance(protocol, NegativeDrawsProtocol)
    (fold,) = protocol.folds(Sampling.of(nearest, 1.0), job.evidence.reach)
    sample = sample.reshape(-1)
    rows = []
    for name, role, score in maps:
        found = negative_draws(
            score[tuple(nearest.T)][sample],
            score[fold.region],
            seed=job.seed,
            draws=protocol.draws,
            distinct=sample,
        )
        row = Score(
            name=name,
            role=role,
            protocol="negative-draws",
            auc=Interval(found.mean, found.low, found.high),
            sentence=protocol.words,
            extra=found.as_dict(),
        )
        rows.append(row)
    return rows
