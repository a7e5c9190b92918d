"""The final model on all deposits, its map, classes and targets."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from orecast.errors import METHOD_ERRORS
from orecast.evidence import FAULT_DISTANCE
from orecast.explanation import occlusion
from orecast.mapping import (
    CLASS_COLOURS,
    Applicability,
    Classes,
    classify,
    map_applicability,
    predict_map,
    read_raster,
    write_raster,
)
from orecast.mapping.rasters import CLASS_NODATA
from orecast.metrics import bootstrap_mean, conformal_p, percentiles, prediction_rate, success_rate
from orecast.survey.extrapolation import on_grid
from orecast.targets import (
    delineate,
    number_tiles,
    over_cells,
    write_targets,
    write_tiles,
)
from orecast.validation import Calibration, Fitted, examined
from orecast.validation.fitted import counted
from orecast.workflow.places import NONE_MAPPED, mapped_cells
from orecast.workflow.run.job import Job
from orecast.workflow.run.validating import reason_of
from orecast.workflow.scoring import ranked, without_map

if TYPE_CHECKING:
    import geopandas as gpd


def draw_map(job: Job) -> None:
    """Fit the final model to all deposits; write its map, applicability, classes and targets."""
    if job.run.done("map"):
        return
    with job.provenance.timed("map"):
        fitted, score = _final_map(job)
        final = _classes(job, score)
        area = _applicability(job, fitted)
        probability = _probability(job, score)
        recommended = _recommended(job)
        ordinary = _conformal(job)
        targets = _targets(job, fitted, score, final, area, probability, ordinary)
        tiles = _tiles(job, score, final)
        job.metrics["training_fit"] = (
            success_rate(score, job.places.sampling.at).thinned().as_dict()
        )
        job.metrics["classes"] = final.as_dict() | {
            "captured": _captured_held_out(job, final),
            "captured_training_fit": final.captured,
        }
        job.metrics["applicability"] = area.as_dict()
        job.metrics["undiscovered"] = _held_back(job, score)
        job.metrics["learned_from"] = _learned_from(fitted)
        if fitted.growth is not None:
            job.metrics["grown"] = examined(fitted.growth)
        with job.run.stage("map") as folder:
            fitted.save(folder / "model")
            job.write(folder / "prospectivity.tif", score, "Prospectivity, 0 to 1")
            words = f"Dissimilarity from the training places; trust up to {area.threshold:.4g}"
            job.write(folder / "applicability.tif", area.di, words)
            words = "Share of further deposits expected to rank as low as the cell or lower"
            job.write(folder / "conformal.tif", ordinary, words)
            if probability is not None:
                words = "Probability that a cell holds a deposit like the known ones"
                job.write(folder / "probability.tif", probability, words)
            if recommended is not None:
                words = f"Prospectivity by {job.metrics['verdict']['recommended']}, recommended"
                job.write(folder / "recommended.tif", recommended, words)
            write_classes(job, folder, final)
            write_targets(targets, job.survey.deposits, folder)
            if tiles is not None:
                write_tiles(tiles, folder)
            job.write_found(folder)


def write_classes(job: Job, folder: Path, classes: Classes) -> None:
    """Write ``classes.tif`` with the colours of its classes."""
    write_raster(
        folder / "classes.tif",
        classes.values,
        job.evidence.grid,
        description="Potential classes: 1 A, 2 B, 3 C, 0 none",
        dtype="uint8",
        colours=CLASS_COLOURS,
    )


def _learned_from(fitted: Fitted) -> dict[str, Any]:
    """Number of windows of each class, how negatives were chosen, and what growth added."""
    made = () if fitted.growth is None else fitted.growth.made
    ore, barren = counted(fitted.rows.y)
    return {
        "ore": ore,
        "barren": barren,
        "rule": fitted.words,
        "added": [{"method": m.method, "label": int(m.label), "rows": m.n} for m in made],
    }


def _final_map(job: Job) -> tuple[Fitted, NDArray[np.float32]]:
    what = "Training the final model"
    job.progress(what, 0, 1)
    recipe, _ = job.recipe_with_progress(what, "final")
    fitted = recipe.fit(job.evidence, job.places.sampling, hidden=None, seed=job.seed)
    job.progress(what, 1, 1)
    score = predict_map(
        fitted,
        job.evidence,
        progress=lambda what, done, total: job.progress("Mapping the area", done, total),
    )
    return fitted, score


def _classes(job: Job, score: NDArray[np.float32]) -> Classes:
    """Classes of the final map by the rule of the held-out one, or by share of area."""
    options = job.class_options(score)
    if job.metrics["held_out_classes"]["rule"] == "area":
        options = options.model_copy(update={"rule": "area"})
    return classify(score, options, job.places.cells)


def _captured_held_out(job: Job, final: Classes) -> list[dict[str, Any]]:
    """What each class captures out of fold; unknown where the final map uses another rule."""
    held_out = job.metrics["held_out_classes"]
    if held_out["rule"] == final.rule:
        return list(held_out["captured"])
    return [row | {"deposits_share": float("nan")} for row in final.captured]


def _applicability(job: Job, fitted: Fitted) -> Applicability:
    """Area of applicability, with the threshold from the same folds as the scores."""
    fold = read_raster(job.run.folder / "folds.tif").values
    return map_applicability(
        fitted,
        job.evidence,
        folds=fold[tuple(fitted.rows.at.T)],
        progress=lambda what, done, total: job.progress("Comparing cells", done, total),
    )


def _probability(job: Job, score: NDArray[np.float32]) -> NDArray[np.float32] | None:
    """The map as probabilities, whose sum is the number of known places.

    The curve fitted to held-out ranks is applied to the ranks of the cells within the map.
    """
    stored = job.metrics["calibration"]
    if stored is None:
        return None
    known = np.isfinite(score)
    ranks = percentiles(score[known], score[known])
    probability = np.full_like(score, np.nan)
    probability[known] = Calibration.from_dict(stored).curve(ranks, len(job.places.sampling))
    return probability


def _conformal(job: Job) -> NDArray[np.float32]:
    """Conformal p-value of each cell, ``(rows, columns)``, from held-out ranks.

    The cells at or above ``1 - confidence`` contain a further deposit with that confidence.
    """
    ranks = job.held_out_percentiles()
    places = job.metrics["scores"][0]["places"]
    found = conformal_p(ranks, places, groups=job.places.sampling.group)
    return found.astype(np.float32)


def _recommended(job: Job) -> NDArray[np.float32] | None:
    """The map of the baseline that is recommended instead of the model, fitted to all deposits.

    Where it cannot be computed, the verdict gives the reason and recommends the model's map.
    """
    name, model = job.metrics["verdict"]["recommended"], job.config.model.name
    if name == model:
        return None
    baseline = job.baselines()[0][name]
    try:
        fitted = baseline.recipe.fit(
            baseline.evidence, job.places.sampling, hidden=None, seed=job.seed
        )
        return predict_map(
            fitted,
            baseline.evidence,
            progress=lambda what, done, total: job.progress("Mapping the baseline", done, total),
        )
    except METHOD_ERRORS as error:
        found = job.metrics["verdict"]
        job.metrics["verdict"] = without_map(found, model, reason_of(error))
        return None


def _targets(
    job: Job,
    fitted: Fitted,
    score: NDArray[np.float32],
    classes: Classes,
    area: Applicability,
    probability: NDArray[np.float32] | None,
    ordinary: NDArray[np.float32],
) -> gpd.GeoDataFrame:
    """Ranked polygons, each with the elements whose removal would lower its score most."""
    elements = fitted.elements

    def reasons(areas: list[NDArray[np.int64]]) -> list[str]:
        job.progress("Explaining targets", 0, 1)
        found = occlusion(fitted, areas, seed=job.seed)
        job.progress("Explaining targets", 1, 1)
        return [", ".join(found.top(k, 3, elements)) for k in range(len(areas))]

    applicable = np.where(np.isfinite(score), area.inside, np.nan)
    extra = {
        "held_out_percentile": over_cells(job.held_out_percentiles(), np.max),
        "conformal_p": over_cells(ordinary, np.max),
        "applicable_share": over_cells(applicable),
    }
    if probability is not None:
        extra["expected_deposits"] = over_cells(probability, np.sum)
    return delineate(
        score,
        _classes_of_targets(job, classes),
        job.evidence.grid,
        deposits=job.survey.deposits,
        options=job.config.targets,
        uncertainty=read_raster(job.run.folder / "uncertainty.tif").values,
        top_elements=reasons,
        extra=extra,
    )


def _classes_of_targets(job: Job, classes: Classes) -> NDArray[np.uint8]:
    """Classes without those of cells extrapolated beyond the samples, unless they are asked for."""
    cells, survey_grid = job.survey.extrapolated, job.survey.gridded
    if cells is None or survey_grid is None or job.config.targets.extrapolated:
        return classes.values
    left_out = on_grid(cells, survey_grid, job.evidence.grid)
    return np.where(left_out, CLASS_NODATA, classes.values).astype(np.uint8)


def _tiles(job: Job, score: NDArray[np.float32], classes: Classes) -> gpd.GeoDataFrame | None:
    if job.config.targets.tiles is None:
        return None
    down, across = job.config.targets.tiles
    grid, cells = job.evidence.grid, job.places.cells
    return number_tiles(score, classes.values, grid, down, across, cells)


def _held_back(job: Job, score: NDArray[np.float32]) -> dict[str, Any] | None:
    """How the final map, and the distance to faults alone, rank the deposits held back.

    None without such deposits, or if the map has a value at none of them, which is then noted.
    """
    kept = job.survey.held_back
    if kept is None:
        return None
    cells, seed = mapped_cells(kept, job.evidence), job.seed
    if not len(cells):
        job.metrics["left_out"]["held_back"] = NONE_MAPPED
        return None
    percentile = ranked(score, cells)
    fault = None
    if FAULT_DISTANCE in job.evidence.names:
        nearness = np.where(np.isfinite(score), -job.evidence.layer(FAULT_DISTANCE), np.nan)
        fault = bootstrap_mean(ranked(nearness, cells), seed=seed).as_dict()
    return {
        "n": len(cells),
        "percentile": bootstrap_mean(percentile, seed=seed).as_dict(),
        "fault_distance": fault,
        "prediction_rate": prediction_rate(score, cells).as_dict(),
    }
