"""The final model on all deposits, its map, classes and targets."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from orecast.arrays import Ints
from orecast.errors import METHOD_ERRORS
from orecast.evidence import FAULT_DISTANCE, Evidence
from orecast.grid import Grid
from orecast.mapping import (
    CLASS_COLOURS,
    Applicability,
    ClassMap,
    classify,
    map_applicability,
    predict_map,
    read_raster,
    write_raster,
)
from orecast.metrics import bootstrap_mean, conformal_p, percentiles, prediction_rate, success_rate
from orecast.metrics.results import (
    AddedRows,
    Applicable,
    ClassCounts,
    GrownRows,
    LearnedFrom,
    Undiscovered,
)
from orecast.targets import number_tiles, over_cells, write_targets, write_tiles
from orecast.validation import Calibration, Fitted, examined
from orecast.validation.fitted import counted
from orecast.workflow.places import NONE_MAPPED, mapped_cells
from orecast.workflow.run.job import Job, Maps, Progress, named, reported
from orecast.workflow.run.validating import class_options, reason_of
from orecast.workflow.scoring import ranked, without_map
from orecast.workflow.targets import TargetDrawing, explain, sample_spacing, samples_behind

if TYPE_CHECKING:
    import geopandas as gpd


def draw_map(job: Job) -> None:
    """Fit the final model to all deposits; write its map, applicability, classes and targets."""
    what = "Training the final model"
    evidence, metrics = job.evidence, job.metrics
    with reported(job.progress, what):
        recipe, _ = job.fitting_with_progress(what, "final")
        fitted = recipe.fit(evidence, job.places.sampling, hidden=None, seed=job.seed)
    if metrics.chosen is not None:
        metrics.chosen.final = fitted.chosen
    mapping = named(job.progress, "Mapping the area")
    score = predict_map(fitted, evidence, progress=mapping)
    classes = _classes(job, score)
    area = _applicability(job, fitted)
    probability = _probability(job, score)
    recommended = _recommended(job)
    percentile = _held_out_percentiles(job)
    # cells at or above 1 - confidence contain a further deposit with that confidence
    places, groups = metrics.scores[0].places, job.places.sampling.group
    conformal = conformal_p(percentile, places, groups=groups).astype(np.float32)
    extra = {
        "held_out_percentile": over_cells(percentile, np.max),
        "conformal_p": over_cells(conformal, np.max),
        "applicable_share": over_cells(np.where(np.isfinite(score), area.inside, np.nan)),
    }
    if probability is not None:
        extra["expected_deposits"] = over_cells(probability, np.sum)
    drawing = TargetDrawing.of(job.survey, evidence, job.config)
    targets = drawing.targets(
        score,
        evidence,
        job.survey,
        class_options(job, score).model_copy(update={"rule": classes.rule}),
        applicable=area.inside,
        most=job.config.targets.most,
        uncertainty=read_raster(job.run.folder / "uncertainty.tif").values,
        reasons=explaining(fitted, evidence, job.seed, job.progress),
        extra=extra,
    )
    if metrics.target_test is not None:
        shares = [
            metrics.target_test.hit_share(rank) if ground == "new" else np.nan
            for rank, ground in zip(targets["rank"], targets["ground"], strict=True)
        ]
        targets.insert(targets.shape[1] - 1, "hit_share", np.array(shares, dtype=np.float64))
    metrics.target_rule = drawing.described(evidence)
    metrics.training_fit = success_rate(score, job.places.sampling.at).thinned()
    metrics.classes = _class_counts(job, classes)
    metrics.applicability = Applicable(**area.as_dict())
    metrics.undiscovered = _held_back(job, score)
    metrics.learned_from = _learned_from(fitted)
    if fitted.growth is not None:
        metrics.grown = [GrownRows(**step) for step in examined(fitted.growth)]
    trust = f"Dissimilarity from the training places; trust up to {area.threshold:.4g}"
    share = "Share of further deposits expected to rank as low as the cell or lower"
    chance = "Probability that a cell holds a deposit like the known ones"
    best = f"Prospectivity by {metrics.verdict.recommended}, recommended"
    maps = {
        "prospectivity": (score, "Prospectivity, 0 to 1"),
        "applicability": (area.di, trust),
        "conformal": (conformal, share),
        "probability": (probability, chance),
        "recommended": (recommended, best),
    }
    write_map(job, fitted, maps, classes, targets)


def write_map(
    job: Job,
    fitted: Fitted,
    maps: Maps,
    classes: ClassMap,
    targets: gpd.GeoDataFrame,
) -> None:
    """Write the stage of the map: the model, ``maps``, classes, targets, tiles and metrics."""
    grid, tiles = job.evidence.grid, None
    if job.config.targets.tiles is not None:
        down, across = job.config.targets.tiles
        score = maps["prospectivity"][0]
        assert score is not None
        tiles = number_tiles(score, classes.values, grid, down, across, job.places.cells)
    with job.run.stage("map") as folder:
        fitted.save(folder / "model")
        write_classes(folder, classes, grid)
        write_targets(targets, job.survey.deposits, folder)
        spacing = sample_spacing(job.survey, job.evidence, job.config)[0]
        samples = samples_behind(targets, job.survey, job.config, spacing)
        samples.to_csv(folder / "target_samples.csv", index=False, encoding="utf-8")
        if tiles is not None:
            write_tiles(tiles, folder)
        job.write(folder, maps)


def write_classes(folder: Path, classes: ClassMap, grid: Grid) -> None:
    """Write ``classes.tif`` with the colours of its classes."""
    write_raster(
        folder / "classes.tif",
        classes.values,
        grid,
        description="Potential classes: 1 A, 2 B, 3 C, 0 none",
        dtype="uint8",
        colours=CLASS_COLOURS,
    )


def _learned_from(fitted: Fitted) -> LearnedFrom:
    """Number of windows of each class, how negatives were chosen, and what growth added."""
    steps = () if fitted.growth is None else fitted.growth.made
    ore, barren = counted(fitted.rows.y)
    added = [AddedRows(method=m.method, label=int(m.label), rows=m.n) for m in steps]
    return LearnedFrom(ore=ore, barren=barren, rule=fitted.negatives_rule, added=added)


def _classes(job: Job, score: NDArray[np.float32]) -> ClassMap:
    """Classes of the final map by the rule of the held-out one, or by share of area."""
    options = class_options(job, score)
    held_out = job.metrics.held_out_classes
    if held_out is not None and held_out.rule == "area":
        options = options.model_copy(update={"rule": "area"})
    return classify(score, options, job.places.cells)


def _class_counts(job: Job, final: ClassMap) -> ClassCounts:
    """What each class captures out of fold, unknown for another rule, and on the final map."""
    counts = ClassCounts.model_validate(final.as_dict())
    counts.captured_training_fit = counts.captured
    held_out = job.metrics.held_out_classes
    if held_out is not None and held_out.rule == final.rule:
        counts.captured = held_out.captured
    else:
        unknown = {"deposits_share": float("nan")}
        counts.captured = [row.model_copy(update=unknown) for row in counts.captured]
    return counts


def _applicability(job: Job, fitted: Fitted) -> Applicability:
    """Area of applicability, with the threshold from the same folds as the scores."""
    fold = read_raster(job.run.folder / "folds.tif").values
    return map_applicability(
        fitted,
        job.evidence,
        folds=fold[tuple(fitted.rows.at.T)],
        progress=named(job.progress, "Comparing cells"),
    )


def _probability(job: Job, score: NDArray[np.float32]) -> NDArray[np.float32] | None:
    """The map as probabilities, whose sum is the number of known places.

    The curve fitted to held-out ranks is applied to the ranks of the cells within the map.
    """
    stored = job.metrics.calibration
    if stored is None:
        return None
    known = np.isfinite(score)
    ranks = percentiles(score[known], score[known])
    probability = np.full_like(score, np.nan)
    probability[known] = Calibration.from_dict(stored).curve(ranks, len(job.places.sampling))
    return probability


def _held_out_percentiles(job: Job) -> NDArray[np.float32]:
    """Percentile of each cell among those of its fold's region, ``(rows, columns)``."""
    held_out = read_raster(job.run.folder / "out_of_fold.tif").values
    fold = read_raster(job.run.folder / "folds.tif").values
    ranks = np.full(held_out.shape, np.nan, dtype=np.float32)
    for k in np.unique(fold[np.isfinite(fold)]):
        region = fold == k
        ranks[region] = percentiles(held_out[region], held_out[region])
    return ranks


def _recommended(job: Job) -> NDArray[np.float32] | None:
    """The map of the baseline that is recommended instead of the model, fitted to all deposits.

    Where it cannot be computed, the verdict gives the reason and recommends the model's map.
    """
    name, model = job.metrics.verdict.recommended, job.config.model.name
    if name == model:
        return None
    baseline = job.baselines()[0][name]
    try:
        fitted = baseline.recipe.fit(
            baseline.evidence, job.places.sampling, hidden=None, seed=job.seed
        )
        progress = named(job.progress, "Mapping the baseline")
        return predict_map(fitted, baseline.evidence, progress=progress)
    except METHOD_ERRORS as error:
        job.metrics.verdict = without_map(job.metrics.verdict, model, reason_of(error))
        return None


def explaining(
    fitted: Fitted, evidence: Evidence, seed: int, progress: Progress
) -> Callable[[list[Ints]], list[str]]:
    """A function that gives the reasons of targets, from their cells."""

    def reasons(areas: list[Ints]) -> list[str]:
        with reported(progress, "Explaining targets"):
            return explain(fitted, evidence, areas, seed)

    return reasons


def _held_back(job: Job, score: NDArray[np.float32]) -> Undiscovered | None:
    """How the final map, and the distance to faults alone, rank the test-only deposits.

    None without such deposits, or if the map has a value at none of them, which is then noted.
    """
    if job.survey.held_back is None:
        return None
    cells, seed = mapped_cells(job.survey.held_back, job.evidence), job.seed
    if not len(cells):
        job.metrics.left_out["held_back"] = NONE_MAPPED
        return None
    percentile = ranked(score, cells)
    fault = None
    if FAULT_DISTANCE in job.evidence.names:
        nearness = np.where(np.isfinite(score), -job.evidence.layer(FAULT_DISTANCE), np.nan)
        fault = bootstrap_mean(ranked(nearness, cells), seed=seed)
    return Undiscovered(
        n=len(cells),
        percentile=bootstrap_mean(percentile, seed=seed),
        fault_distance=fault,
        prediction_rate=prediction_rate(score, cells),
    )
