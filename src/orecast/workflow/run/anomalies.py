"""A survey without known deposits: an anomaly map, its targets, and the elements behind each."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import numpy as np

from orecast.arrays import Floats32, Ints
from orecast.errors import SamplingError
from orecast.explanation import anomalous_elements
from orecast.mapping import classify, predict_map
from orecast.metrics import Metrics, Score, bootstrap_mean, percentiles
from orecast.metrics.results import ClassCounts, Protocol, Verdict
from orecast.run import BROKEN_ARRAYS, written_whole
from orecast.sampling import Sampling
from orecast.splits.negative_draws import NegativeDrawsProtocol
from orecast.workflow.places import NONE_MAPPED, NOWHERE, mapped_cells
from orecast.workflow.recipes import Baseline
from orecast.workflow.run.final_map import write_map
from orecast.workflow.run.job import Job, Progress
from orecast.workflow.run.validating import (
    class_options,
    draws_row,
    nearest_sample_cells,
    score_each,
)
from orecast.workflow.targets import TargetDrawing

MEMBERS = 5  # models of other cells, whose spread is the map's uncertainty


def map_anomalies(job: Job) -> None:
    """Map anomalies with a model that uses no deposits; score it on test-only deposits.

    The map is the mean of models fitted to different cells; their spread is its uncertainty.
    Deposits of ``[held_back]`` are only scored.
    """
    recipe, evidence = job.recipe("final"), job.evidence
    fitted = []
    for k in range(MEMBERS):
        job.progress("Mapping anomalies", k, MEMBERS)
        fitted.append(recipe.fit(evidence, NOWHERE.sampling, hidden=None, seed=job.seed + k))
    job.progress("Mapping anomalies", MEMBERS, MEMBERS)
    members = np.stack([predict_map(member, evidence) for member in fitted])
    score = members.mean(axis=0)
    spread = members.std(axis=0, ddof=1)
    classes = classify(score, class_options(job, score))

    def reasons(areas: list[Ints]) -> list[str]:
        elements = anomalous_elements(evidence, areas, evidence.valid)
        return [", ".join(f"{name} high" for name in elements.top(k)) for k in range(len(areas))]

    drawing = TargetDrawing.of(job.survey, evidence, job.config)
    targets = drawing.targets(
        score,
        evidence,
        job.survey,
        class_options(job, score),
        most=job.config.targets.most,
        uncertainty=spread,
        reasons=reasons if fitted[0].elements else None,
    )
    job.metrics = _metrics(job, score)
    job.metrics.target_rule = drawing.described(evidence)
    job.metrics.classes = ClassCounts.model_validate(classes.as_dict())
    words = "Standard deviation of the anomaly between models of different cells"
    maps = {"prospectivity": (score, "Anomaly, 0 to 1"), "uncertainty": (spread, words)}
    write_map(job, fitted[0], maps, classes, targets)


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
    held_back = job.survey.held_back
    if held_back is None:
        return [], {}
    cells = np.unique(mapped_cells(held_back, job.evidence), axis=0)
    if not len(cells):
        return [], {"held_back": NONE_MAPPED}
    baselines = job.baselines()[0] if job.config.validation.baselines else {}
    unsupervised = {name: one for name, one in baselines.items() if not one.recipe.labels}

    def compute(
        name: str, baseline: Baseline, folder: Path, report: Progress
    ) -> tuple[str, str, Floats32]:
        path = folder / "map.npz"
        with suppress(*BROKEN_ARRAYS), np.load(path, allow_pickle=False) as stored:
            return name, "baseline", stored["map"]
        fitted = baseline.recipe.fit(
            baseline.evidence, NOWHERE.sampling, hidden=None, seed=job.seed
        )
        anomaly = predict_map(fitted, baseline.evidence, progress=report)
        with written_whole(path) as stream:
            np.savez(stream, map=anomaly)
        return name, "baseline", anomaly

    scored, left_out = score_each(job, unsupervised, "Scoring detectors", compute)
    maps = [(job.config.model.name, "model", score), *scored]
    rows = [_unseen_row(job, *one, cells) for one in maps]
    try:
        rows += _drawn_rows(job, maps, cells)
    except SamplingError as error:
        left_out["negative-draws"] = str(error)
    return rows, left_out


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
    nearest, sample = nearest_sample_cells(job, cells)
    protocol = job.protocol("negative-draws")
    assert isinstance(protocol, NegativeDrawsProtocol)
    (fold,) = protocol.folds(Sampling.of(nearest, 1.0), job.evidence.reach)
    return [
        draws_row(
            name,
            role,
            protocol,
            score[tuple(nearest.T)][sample],
            score[fold.region],
            sample,
            protocol.words,
            job.seed,
        )
        for name, role, score in maps
    ]
