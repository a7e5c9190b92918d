"""Score the model and the baselines on held-out folds."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from orecast.arrays import Ints
from orecast.config import ClassOptions
from orecast.errors import METHOD_ERRORS, ConfigError, OrecastError, SamplingError
from orecast.evidence import Evidence
from orecast.mapping import classify, classify_held_out, write_raster
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
from orecast.metrics.results import (
    Chosen,
    ClassCounts,
    DepositCount,
    FoldCount,
    LayerNull,
    Protocol,
)
from orecast.run import write_json
from orecast.sampling import Sampling
from orecast.splits.negative_draws import NegativeDrawsProtocol, nearest_samples
from orecast.splits.paper import Paper
from orecast.validation import Calibration, OutOfFold, Recipe, RecipeChoice, cross_predict
from orecast.workflow.recipes import Baseline, caveats_of
from orecast.workflow.run.job import Job, Progress, named, reported
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
    scores: list[Found] = []
    left_out: dict[str, str] = {}
    for k, (name, baseline) in enumerate(baselines.items()):
        job.progress(stage, k, len(baselines))
        # a hash as folder name, since a layer may have any name
        folder = job.run.scratch(f"baselines/{hashlib.sha256(name.encode()).hexdigest()[:16]}")
        reason_file = folder / "refused.json"
        reason = _read_reason(reason_file)
        part = f"{stage}: {name}"
        with reported(job.progress, part):
            if reason is None:
                try:
                    scores.append(score(name, baseline, folder, named(job.progress, part)))
                except METHOD_ERRORS as error:
                    reason = reason_of(error)
                    write_json(reason_file, {"reason": reason})
            if reason is not None:
                left_out[name] = reason
    job.progress(stage, len(baselines), len(baselines))
    return scores, left_out


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
    config, places = job.config, job.places
    name, settings = config.model.name, config.validation
    recipe, report = job.fitting_with_progress(
        f"Testing {name}", "testing", fits=1 + settings.inner_folds
    )
    store = job.run.scratch("folds/spatial")
    out_of_fold = predict_spatial(
        job, recipe, job.evidence, store=store, progress=report, spread=True
    )
    folds = len(out_of_fold.folds)
    if folds < settings.folds:
        job.survey.findings.warning(
            "fewer-folds",
            "validation.folds",
            f"the deposits allow only {folds} folds; {settings.folds} were asked for",
            "no action is needed. For more folds, add deposits that lie farther apart, or set a "
            "smaller sampling.window",
        )
    groups = places.sampling.group
    model = held_out_row(name, "model", "spatial", out_of_fold, places, seed=job.seed)
    rows = [model]
    baselines, left_out = _test_baselines(job) if settings.baselines else ([], {})
    for row in baselines:
        row.paired = paired_difference(model.places, row.places, seed=job.seed, groups=groups)
    null = layer_null(job)
    chosen = [fold.chosen for fold in out_of_fold.folds if fold.chosen]
    if settings.protocol != "spatial":
        protocol = settings.protocol
        recipe, report = job.fitting_with_progress(f"Protocol {protocol}", protocol)
        store = job.run.scratch(f"folds/{protocol}")
        rows.append(row_beside(job, recipe, store=store, progress=report))
    job.metrics = Metrics(
        model=name,
        protocol=Protocol(
            name="spatial",
            folds=folds,
            sentence=f"{out_of_fold.protocol_words}. Negatives: {out_of_fold.negatives_rule}.",
            hidden_buffer_m=job.geometry.buffer(job.evidence.reach),
        ),
        deposits=DepositCount(
            given=0 if job.survey.deposits is None else len(job.survey.deposits),
            with_evidence=len(places.deposit),
        ),
        folds=[
            FoldCount(
                fold=k,
                deposits=places.deposit[np.isin(places.row, fold.test)].tolist(),
                training_deposits=int(np.isin(places.row, fold.train).sum()),
                hidden_cells=fold.hidden_cells,
                region_cells=len(fold.cells),
            )
            for k, fold in enumerate(out_of_fold.folds)
        ],
        scores=[*rows, *baselines],
        left_out=left_out,
        layer_null=null,
        conformal=conformal_area(model.places, config.uncertainty.confidence, groups=groups),
        calibration=_final_calibration(job, out_of_fold),
        held_out_classes=_held_out_classes(job, out_of_fold),
        verdict=verdict([model, *baselines], null),
        caveats=caveats_of(config),
        chosen=Chosen(folds=chosen) if chosen else None,
    )
    with job.run.stage("validation") as folder:
        write_raster(
            folder / "folds.tif",
            np.where(out_of_fold.fold >= 0, out_of_fold.fold, CLASS_NODATA),
            job.evidence.grid,
            description="Fold whose model scored the cell in out_of_fold.tif",
            dtype="uint8",
        )
        words = "Prospectivity, each cell by a model that did not use its surroundings"
        spread = "Standard deviation of the prospectivity between the folds' models"
        maps = {
            "out_of_fold": (out_of_fold.map, words),
            "uncertainty": (out_of_fold.spread, spread),
        }
        job.write(folder, maps)


def predict_spatial(
    job: Job,
    recipe: Recipe | RecipeChoice,
    evidence: Evidence,
    *,
    store: Path | None = None,
    progress: Progress | None = None,
    spread: bool = False,
) -> OutOfFold:
    """Predict the folds of ``spatial``; other evidence than the job's is not fitted to samples."""
    return cross_predict(
        recipe,
        evidence,
        job.places.sampling,
        job.protocol("spatial"),
        seed=job.seed,
        inner=job.inner,
        refit=job.refit_kept if evidence is job.evidence else None,
        spread=spread,
        store=store,
        progress=progress,
    )


def row_beside(
    job: Job,
    recipe: Recipe | RecipeChoice,
    *,
    store: Path | None = None,
    progress: Progress | None = None,
) -> Score:
    """Score the configured model under the configured protocol, which is not ``spatial``.

    Under ``paper``, which splits windows of one recipe, it is the usual recipe of ``auto``.
    """
    model, name = job.config.model.name, job.config.validation.protocol
    protocol = job.protocol(name)
    if isinstance(protocol, Paper) and isinstance(recipe, RecipeChoice):
        model, recipe = recipe.usual, recipe.candidates[recipe.usual]
    if isinstance(protocol, NegativeDrawsProtocol):  # of a detector that uses no deposits
        cells, sample = nearest_sample_cells(job, job.places.cells)
        sampling = Sampling.of(cells, 1.0)
        out_of_fold = cross_predict(recipe, job.evidence, sampling, protocol, seed=job.seed)
        scores = np.empty(len(cells))
        scores[out_of_fold.rows] = out_of_fold.scores
        others = out_of_fold.folds[0].cell_scores
        words = out_of_fold.protocol_words
        return draws_row(model, "model", protocol, scores[sample], others, sample, words, job.seed)
    out_of_fold = cross_predict(
        recipe,
        job.evidence,
        job.places.sampling,
        protocol,
        seed=job.seed,
        refit=job.refit,
        store=store,
        progress=progress,
    )
    if isinstance(protocol, Paper):
        return paper_row(model, out_of_fold, protocol.scores, seed=job.seed)
    row = held_out_row(model, "model", name, out_of_fold, job.places, seed=job.seed)
    row.sentence = out_of_fold.protocol_words
    return row


def _test_baselines(job: Job) -> tuple[list[Score], dict[str, str]]:
    baselines, left_out = job.baselines()

    def test(name: str, baseline: Baseline, store: Path, report: Progress) -> Score:
        out_of_fold = predict_spatial(
            job, baseline.recipe, baseline.evidence, store=store, progress=report
        )
        return held_out_row(name, "baseline", "spatial", out_of_fold, job.places, seed=job.seed)

    rows, impossible = score_each(job, baselines, "Testing baselines", test)
    return rows, left_out | impossible


def nearest_sample_cells(job: Job, cells: Ints) -> tuple[Ints, Ints]:
    """Cells of the samples nearest to ``cells`` ``(n, 2)``, and which of them each has."""
    at, sample = np.unique(nearest_samples(cells, job.geometry), axis=0, return_inverse=True)
    return at, sample.reshape(-1)


def draws_row(
    name: str,
    role: str,
    protocol: NegativeDrawsProtocol,
    ore: NDArray[np.floating],
    others: NDArray[np.floating],
    sample: Ints,
    sentence: str,
    seed: int,
) -> Score:
    """Score ``ore`` of the samples numbered ``sample`` against negatives drawn from ``others``."""
    draws = negative_draws(ore, others, seed=seed, draws=protocol.draws, distinct=sample)
    return Score(
        name=name,
        role=role,
        protocol="negative-draws",
        auc=Interval(draws.mean, draws.low, draws.high),
        sentence=sentence,
        extra=draws.as_dict(),
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
    options, cells = class_options(job, out_of_fold.map, *seen), job.places.cells
    classes = classify_held_out(out_of_fold.map, out_of_fold.fold, seen, options, cells)
    return ClassCounts.model_validate(classes.as_dict())


def class_options(job: Job, *scores: NDArray[np.floating]) -> ClassOptions:
    """Return the options of classes: by share of area if a histogram gives no classes."""
    options = job.config.classes
    try:
        for score in scores:
            classify(np.atleast_2d(score), options)
    except ConfigError as error:
        if options.rule != "histogram":
            raise
        job.survey.findings.refusal(
            "classes-by-histogram",
            "classes.rule",
            f"{error.what}; classes are drawn by share of area instead",
            error.remedy or "",
        )
        return options.model_copy(update={"rule": "area"})
    return options
