"""A survey without known deposits: an anomaly map, its targets, and the elements behind each."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from orecast.evaluation import bootstrap_mean, negative_draws, percentiles
from orecast.explanation import elements_behind
from orecast.mapping import classify, predict_map
from orecast.run import write_json
from orecast.samples import Sampling
from orecast.samples.protocols.negative_draws import NegativeDraws, nearest_samples
from orecast.targets import delineate, number_tiles, write_targets, write_tiles
from orecast.validation import Fitted, Recipe
from orecast.workflow.final_map import write_classes
from orecast.workflow.job import Job
from orecast.workflow.places import NOWHERE

Ints = NDArray[np.int64]
Row = dict[str, Any]

NOBODY = NOWHERE.sampling
MEMBERS = 5  # models of other cells, whose spread is the map's uncertainty


def map_anomalies(job: Job) -> None:
    """Map what stands out, by a model that is told no deposit; score it on deposits held back.

    The map is the mean of models that learned from different cells, and their spread its
    uncertainty. Deposits of ``[held_back]`` are only scored.
    """
    if job.run.done("map"):
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
            found = elements_behind(job.evidence, areas, job.evidence.valid)
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
        job.metrics = _metrics(job, score) | {"classes": classes.as_dict()}
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
            write_json(folder / "metrics.json", job.metrics)


def _members(job: Job, recipe: Recipe) -> list[Fitted]:
    fitted = []
    for k in range(MEMBERS):
        job.progress("Mapping anomalies", k, MEMBERS)
        fitted.append(recipe.fit(job.evidence, NOBODY, hidden=None, seed=job.seed + k))
    job.progress("Mapping anomalies", MEMBERS, MEMBERS)
    return fitted


def _metrics(job: Job, score: NDArray[np.float32]) -> dict[str, Any]:
    name = job.config.model.name
    rows = _scored(job, score)
    if rows:
        value = 100 * rows[0]["percentile"]["value"]
        tested = (
            f"It never saw the {len(rows[0]['places'])} deposits that were kept back, and ranks "
            f"them above {value:.0f} % of the map on average."
        )
    else:
        tested = "Nothing tells how well it finds ore."
    return {
        "model": name,
        "anomalies": True,
        "protocol": {
            "name": "unseen",
            "folds": 0,
            "sentence": "no deposit was learned from; every cell is scored by one model",
            "hidden_buffer_m": None,
        },
        "folds": [],
        "scores": rows,
        "training_fit": None,
        "undiscovered": None,
        "verdict": {
            "recommended": name,
            "sentence": f"A map of anomalies: no deposit was learned from. {tested}",
        },
    }


def _scored(job: Job, score: NDArray[np.float32]) -> list[Row]:
    """The map, and every detector and layer beside it, on deposits that none of them saw."""
    kept = job.survey.held_back
    if kept is None:
        return []
    grid = job.evidence.grid
    cells = grid.cell(np.column_stack([kept.geometry.x, kept.geometry.y]))
    cells = cells[grid.inside(cells)]
    cells = np.unique(cells[job.evidence.valid[tuple(cells.T)]], axis=0)
    if not len(cells):
        return []
    rows = [_unseen_row(job, job.config.model.name, "model", score, cells)]
    rivals, _ = job.rivals()
    blind = {n: r for n, r in rivals.items() if not r.recipe.labels} if _asked(job) else {}
    for k, (name, rival) in enumerate(blind.items()):
        job.progress("Scoring detectors", k, len(blind))
        fitted = rival.recipe.fit(rival.evidence, NOBODY, hidden=None, seed=job.seed)
        rows.append(_unseen_row(job, name, "baseline", predict_map(fitted, rival.evidence), cells))
    job.progress("Scoring detectors", len(blind), len(blind))
    return rows + [_drawn_row(job, row, cells) for row in rows]


def _asked(job: Job) -> bool:
    return job.config.validation.baselines


def _unseen_row(job: Job, name: str, role: str, score: NDArray[np.float32], cells: Ints) -> Row:
    known = score[np.isfinite(score)]
    percentile = percentiles(score[tuple(cells.T)], known)
    return {
        "name": name,
        "role": role,
        "protocol": "unseen",
        "percentile": bootstrap_mean(percentile, seed=job.seed).as_dict(),
        "places": percentile.tolist(),
        "map": score,
    }


def _drawn_row(job: Job, row: Row, cells: Ints) -> Row:
    """The same map, as the public benchmark of detectors scores it."""
    score: NDArray[np.float32] = row.pop("map")
    nearest, sample = np.unique(nearest_samples(cells, job.ground), axis=0, return_inverse=True)
    protocol = NegativeDraws(job.ground)
    (fold,) = protocol.folds(Sampling.of(nearest, 1.0), job.evidence.reach)
    sample = sample.reshape(-1)
    found = negative_draws(
        score[tuple(nearest.T)][sample],
        score[fold.region],
        seed=job.seed,
        draws=protocol.draws,
        distinct=sample,
    )
    return {
        "name": row["name"],
        "role": row["role"],
        "protocol": "negative-draws",
        "auc": {"value": found.mean, "low": found.low, "high": found.high},
        "sentence": protocol.words,
        "extra": found.as_dict(),
    }
