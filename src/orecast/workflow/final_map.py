"""The final model on all deposits, its map, classes and targets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from orecast.errors import ConfigError
from orecast.evaluation import bootstrap_mean, success_rate
from orecast.evidence import FAULT_DISTANCE
from orecast.explanation import occlusion
from orecast.mapping import (
    CLASS_COLOURS,
    Classes,
    classify,
    predict_map,
    read_raster,
    write_raster,
)
from orecast.run import write_json
from orecast.targets import delineate, number_tiles, write_targets, write_tiles
from orecast.validation import Fitted
from orecast.workflow.job import Job
from orecast.workflow.scoring import ranked

if TYPE_CHECKING:
    import geopandas as gpd


def draw_map(job: Job) -> None:
    """The final model on all deposits, its map, classes and targets."""
    if job.run.done("map"):
        return
    with job.provenance.timed("map"):
        fitted, score = _final_map(job)
        final, held_out = _classes(job, score)
        targets = _targets(job, fitted, score, final)
        tiles = _tiles(job, score, final)
        job.metrics["training_fit"] = (
            success_rate(score, job.places.sampling.at).thinned().as_dict()
        )
        job.metrics["classes"] = final.as_dict() | {
            "captured": held_out.captured,
            "captured_training_fit": final.captured,
        }
        job.metrics["undiscovered"] = _held_back(job, score)
        with job.run.stage("map") as folder:
            fitted.save(folder / "model")
            job.write(folder / "prospectivity.tif", score, "Prospectivity, 0 to 1")
            write_raster(
                folder / "classes.tif",
                final.values,
                job.evidence.grid,
                description="Potential classes: 1 A, 2 B, 3 C, 0 none",
                dtype="uint8",
                colours=CLASS_COLOURS,
            )
            write_targets(targets, job.survey.deposits, folder)
            if tiles is not None:
                write_tiles(tiles, folder)
            write_json(folder / "metrics.json", job.metrics)


def _final_map(job: Job) -> tuple[Fitted, NDArray[np.float32]]:
    what = "Training the final model"
    job.progress(what, 0, 1)
    recipe = job.recipe("final", lambda done, total, loss: job.progress(what, done, total))
    fitted = recipe.fit(job.evidence, job.places.sampling, hidden=None, seed=job.seed)
    job.progress(what, 1, 1)
    score = predict_map(
        fitted,
        job.evidence,
        progress=lambda what, done, total: job.progress("Mapping the area", done, total),
    )
    return fitted, score


def _classes(job: Job, score: NDArray[np.float32]) -> tuple[Classes, Classes]:
    """Classes of the final map and, by the same rule, of the out-of-fold map."""
    options, cells = job.config.classes, job.places.cells
    held_out = read_raster(job.run.folder / "out_of_fold.tif").values
    try:
        return classify(score, options, cells), classify(held_out, options, cells)
    except ConfigError as error:
        if options.rule != "histogram":
            raise
        job.survey.findings.refusal(
            "classes-by-histogram",
            "classes.rule",
            f"{error.what}; classes are drawn by share of area instead",
            error.remedy or "",
        )
        by_area = options.model_copy(update={"rule": "area"})
        return classify(score, by_area, cells), classify(held_out, by_area, cells)


def _targets(
    job: Job, fitted: Fitted, score: NDArray[np.float32], classes: Classes
) -> gpd.GeoDataFrame:
    """Ranked polygons, each with the elements whose loss would lower its score most."""
    elements = [n for n in fitted.names if job.evidence.kind(n) == "element"]

    def reasons(areas: list[NDArray[np.int64]]) -> list[str]:
        job.progress("Explaining targets", 0, 1)
        found = occlusion(fitted, areas, seed=job.seed)
        job.progress("Explaining targets", 1, 1)
        return [", ".join(found.top(k, 3, elements)) for k in range(len(areas))]

    return delineate(
        score,
        classes.values,
        job.evidence.grid,
        deposits=job.survey.deposits,
        options=job.config.targets,
        uncertainty=read_raster(job.run.folder / "uncertainty.tif").values,
        top_elements=reasons,
    )


def _tiles(job: Job, score: NDArray[np.float32], classes: Classes) -> gpd.GeoDataFrame | None:
    if job.config.targets.tiles is None:
        return None
    down, across = job.config.targets.tiles
    grid, cells = job.evidence.grid, job.places.cells
    return number_tiles(score, classes.values, grid, down, across, cells)


def _held_back(job: Job, score: NDArray[np.float32]) -> dict[str, Any] | None:
    """How the final map ranks deposits kept aside, beside distance to faults alone."""
    kept = job.survey.held_back
    if kept is None:
        return None
    grid, seed = job.evidence.grid, job.seed
    cells = grid.cell(np.column_stack([kept.geometry.x, kept.geometry.y]))
    cells = cells[grid.inside(cells)]
    percentile = ranked(score, cells)
    fault = None
    if FAULT_DISTANCE in job.evidence.names:
        nearness = np.where(np.isfinite(score), -job.evidence.layer(FAULT_DISTANCE), np.nan)
        fault = bootstrap_mean(ranked(nearness, cells), seed=seed).as_dict()
    return {
        "n": int(np.isfinite(percentile).sum()),
        "percentile": bootstrap_mean(percentile, seed=seed).as_dict(),
        "fault_distance": fault,
    }
