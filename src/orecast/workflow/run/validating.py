"""Score the model and the baselines on held-out folds."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from orecast.errors import METHOD_ERRORS, OrecastError, SamplingError
from orecast.mapping import classify_held_out, write_raster
from orecast.mapping.rasters import CLASS_NODATA
from orecast.metrics import (
    Interval,
    Metrics,
    Score,
    conformal_area,
    negative_draws,
    paired_difference,
    toroidal_null,
)
from orecast.metrics.results import ClassCounts, FoldCount, LayerNull, Protocol
from orecast.run import write_json
from orecast.sampling import Sampling
from orecast.splits.negative_draws import NegativeDrawsProtocol, nearest_samples
from orecast.splits.paper import Paper
from orecast.validation import Calibration, OutOfFold, Recipe, cross_predict
from orecast.workflow.recipes import Baseline, caveats_of
from orecast.workflow.run.job import Job, Progress
from orecast.workflow.scoring import held_out_row, paper_row, verdict

Found = TypeVar("Found")


def score_each(
    job: Job,
    baselines: Mapping[str, Baseline],
    stage: str,
    score: Callable[[str, Baseline, Path, Progress], Found],
) -> tuple[list[Found], dict[str, str]]:
    """Score the baselines; return the scores, and the reasons why others could not be computed.

    ``score`` gets the name, the baseline, its folder and a function for progress. The folder keeps
    what was computed for a resumed run. Progress within a baseline is reported as
    ``stage: name``.
    """

    def reporting(part: str) -> Progress:
        return lambda _, done, total: job.progress(part, done, total)

    scores: list[Found] = []
    refused: dict[str, str] = {}
    for k, (name, baseline) in enumerate(baselines.items()):
        part = f"{stage}: {name}"
        job.progress(stage, k, len(baselines))
        job.progress(part, 0, 1)
        # a hash as folder name, since a layer may have any name
        folder = job.run.scratch(f"baselines/{hashlib.sha256(name.encode()).hexdigest()[:16]}")
        kept = folder / "refused.json"
        reason = _read_reason(kept)
        if reason is None:
            try:
                scores.append(score(name, baseline, folder, reporting(part)))
            except METHOD_ERRORS as error:
                reason = reason_of(error)
                write_json(kept, {"reason": reason})
        if reason is not None:
            refused[name] = reason
        job.progress(part, 1, 1)
    job.progress(stage, len(baselines), len(baselines))
    return scores, refused


def reason_of(error: OrecastError) -> str:
    """Why a baseline cannot be computed; without its options, which a run does not set.

    >>> reason_of(OrecastError("is constant", where="layer La", remedy="leave it out"))
    'layer La: is constant'
    >>> reason_of(OrecastError("is too wide", where="model.options.gamma"))
    'is too wide'
    """
    where = error.where or ""
    return f"{where}: {error.what}" if where.startswith("layer ") else error.what


def _read_reason(path: Path) -> str | None:
    """The reason that an interrupted run kept; None where the file is missing or damaged."""
    try:
        return str(json.loads(path.read_text(encoding="utf-8"))["reason"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def validate(job: Job) -> None:
    """Score the model and the baselines; write scores, out-of-fold map and uncertainty."""
    if job.run.done("validation"):
        job.recall_metrics()
        return
    with job.provenance.timed("validation"):
        out_of_fold = _test_model(job)
        name, places = job.config.model.name, job.places
        _warn_fewer_folds(job, len(out_of_fold.folds))
        groups = places.sampling.group
        model = held_out_row(name, "model", "spatial", out_of_fold, places, seed=job.seed)
        baselines, left_out = _test_baselines(job)
        for row in baselines:
            row.paired = paired_difference(model.places, row.places, seed=job.seed, groups=groups)
        null = layer_null(job)
        confidence = job.config.uncertainty.confidence
        job.metrics = Metrics(
            model=name,
            protocol=_protocol_facts(job, out_of_fold),
            folds=[_fold_facts(job, out_of_fold, k) for k in range(len(out_of_fold.folds))],
            scores=[model, *_beside(job), *baselines],
            left_out=left_out,
            layer_null=null,
            conformal=conformal_area(model.places, confidence, groups=groups),
            calibration=_final_calibration(job, out_of_fold),
            held_out_classes=_held_out_classes(job, out_of_fold),
            verdict=verdict([model, *baselines], null),
            caveats=caveats_of(job.config),
        )
        with job.run.stage("validation") as folder:
            assert out_of_fold.spread is not None
            words = "Prospectivity, each cell by a model that did not use its surroundings"
            job.write(folder / "out_of_fold.tif", out_of_fold.map, words)
            write_raster(
                folder / "folds.tif",
                np.where(out_of_fold.fold >= 0, out_of_fold.fold, CLASS_NODATA),
                job.evidence.grid,
                description="Fold whose model scored the cell in out_of_fold.tif",
                dtype="uint8",
            )
            words = "Standard deviation of the prospectivity between the folds' models"
            job.write(folder / "uncertainty.tif", out_of_fold.spread, words)
            job.write_found(folder)


def _warn_fewer_folds(job: Job, folds: int) -> None:
    asked = job.config.validation.folds
    if folds < asked:
        job.survey.findings.warning(
            "fewer-folds",
            "validation.folds",
            f"the deposits allow only {folds} folds; {asked} were asked for",
            f"set validation.folds to {folds}, and this message does not appear",
        )


def _test_model(job: Job) -> OutOfFold:
    what, fits = f"Testing {job.config.model.name}", 1 + job.config.validation.inner_folds
    recipe, report = job.recipe_with_progress(what, "testing", fits)
    return cross_predict(
        recipe,
        job.evidence,
        job.places.sampling,
        job.protocol("spatial"),
        seed=job.seed,
        inner=job.inner,
        refit=job.refit_kept,
        spread=True,
        store=job.run.scratch("folds/spatial"),
        progress=report,
    )


def _beside(job: Job) -> list[Score]:
    """Score the configured model under the configured protocol, if it is not ``spatial``."""
    name = job.config.validation.protocol
    if name == "spatial":
        return []
    recipe, report = job.recipe_with_progress(f"Protocol {name}", name)
    store = job.run.scratch(f"folds/{name}")
    return [row_beside(job, recipe, store=store, progress=report)]


def row_beside(
    job: Job,
    recipe: Recipe,
    *,
    store: Path | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> Score:
    """Score the configured model under the configured protocol, which is not ``spatial``."""
    name = job.config.validation.protocol
    protocol = job.protocol(name)
    if isinstance(protocol, NegativeDrawsProtocol):
        return _drawn_row(job, recipe, protocol)
    out_of_fold = cross_predict(
        recipe,
        job.evidence,
        job.places.sampling,
        protocol,
        seed=job.seed,
        refit=None if protocol.grow_first else job.refit,
        store=store,
        progress=progress,
    )
    if isinstance(protocol, Paper):
        return paper_row(job.config.model.name, out_of_fold, protocol.scores, seed=job.seed)
    row = held_out_row(job.config.model.name, "model", name, out_of_fold, job.places, seed=job.seed)
    row.sentence = out_of_fold.protocol_words
    return row


def _test_baselines(job: Job) -> tuple[list[Score], dict[str, str]]:
    if not job.config.validation.baselines:
        return [], {}
    others, left_out = job.baselines()

    def test(name: str, other: Baseline, store: Path, report: Progress) -> Score:
        out_of_fold = cross_predict(
            other.recipe,
            other.evidence,
            job.places.sampling,
            job.protocol("spatial"),
            seed=job.seed,
            inner=job.inner,
            refit=job.refit_kept if other.evidence is job.evidence else None,
            store=store,
            progress=report,
        )
        return held_out_row(name, "baseline", "spatial", out_of_fold, job.places, seed=job.seed)

    rows, refused = score_each(job, others, "Testing baselines", test)
    return rows, left_out | refused


def _drawn_row(job: Job, recipe: Recipe, protocol: NegativeDrawsProtocol) -> Score:
    """Score a detector that uses no deposits against repeatedly drawn negatives."""
    places, seed = job.places, job.seed
    nearest = nearest_samples(places.cells, job.geometry)
    cells, sample = np.unique(nearest, axis=0, return_inverse=True)
    sampling = Sampling.of(cells, 1.0)
    out_of_fold = cross_predict(recipe, job.evidence, sampling, protocol, seed=seed)
    scores = np.empty(len(cells))
    scores[out_of_fold.rows] = out_of_fold.scores
    sample = sample.reshape(-1)
    found = negative_draws(
        scores[sample],
        out_of_fold.folds[0].cell_scores,
        seed=seed,
        draws=protocol.draws,
        distinct=sample,
    )
    return Score(
        name=job.config.model.name,
        role="model",
        protocol="negative-draws",
        auc=Interval(found.mean, found.low, found.high),
        sentence=out_of_fold.protocol_words,
        extra=found.as_dict(),
    )


def layer_null(job: Job) -> LayerNull:
    """The score of the best single layer, known only afterwards, on randomly shifted deposits."""
    e, at = job.evidence, job.places.sampling.at
    try:
        return toroidal_null(e.stack, e.names, e.valid, at, seed=job.seed)
    except SamplingError as error:
        return LayerNull(why_not=error.what)


def _final_calibration(job: Job, out_of_fold: OutOfFold) -> dict[str, Any] | None:
    """Threshold and calibration for the final map, from the ranks of all held-out places.

    Each place is ranked among the cells of its own region: scores of two models are not compared.
    """
    if not job.config.validation.inner_folds:
        return None
    return Calibration.of(out_of_fold.ranks[tuple(job.places.sampling.at.T)]).as_dict()


def _held_out_classes(job: Job, out_of_fold: OutOfFold) -> ClassCounts:
    """What the classes capture if each fold draws them by the cells that it may use."""
    seen = [a.visible_scores for a in out_of_fold.folds]
    options, cells = job.class_options(out_of_fold.map, *seen), job.places.cells
    found = classify_held_out(out_of_fold.map, out_of_fold.fold, seen, options, cells)
    return ClassCounts.model_validate(found.as_dict())


def _protocol_facts(job: Job, out_of_fold: OutOfFold) -> Protocol:
    return Protocol(
        name="spatial",
        folds=len(out_of_fold.folds),
        sentence=f"{out_of_fold.protocol_words}. Negatives: {out_of_fold.negatives_rule}.",
        hidden_buffer_m=job.geometry.buffer(job.evidence.reach),
    )


def _fold_facts(job: Job, out_of_fold: OutOfFold, k: int) -> FoldCount:
    fold, places = out_of_fold.folds[k], job.places
    return FoldCount(
        fold=k,
        deposits=places.deposit[np.isin(places.row, fold.test)].tolist(),
        training_deposits=int(np.isin(places.row, fold.train).sum()),
        hidden_cells=fold.hidden_cells,
        region_cells=len(fold.cells),
    )
