"""A trained model on another area: its map there, and where the model may speak at all."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from orecast.arrays import Floats32, Ints
from orecast.config import Config, to_toml
from orecast.errors import ConfigError, RunError
from orecast.evidence import Evidence
from orecast.explanation import occlusion
from orecast.mapping import CLASS_COLOURS, Applicability, Classes, classify, predict_map
from orecast.mapping.applicability import TrainingSpace, map_dissimilarity
from orecast.mapping.rasters import write_raster
from orecast.run import Run, write_json
from orecast.sampling import fit_scaling
from orecast.survey import Survey, checks
from orecast.targets import delineate, over_cells, write_targets
from orecast.validation import Fitted
from orecast.workflow.predict.layers import (
    as_trained,
    learned_otherwise,
    read_other,
    refuse_set,
    told,
    trained_layers,
)
from orecast.workflow.predict.scores import UNSEEN, Trained, Unseen, read_trained, unseen_rows
from orecast.workflow.run.job import Progress, Provenance

if TYPE_CHECKING:
    import geopandas as gpd


_OF_LEARNING = ("no-deposits", "barren-unused")  # findings that matter to a run alone
_SAID = ("not-used", "other-rocks")  # findings that matter to the map


@dataclass(frozen=True)
class Prediction:
    """What a prediction says: where it stands, its metrics, its targets, what to beware of."""

    folder: Path
    metrics: dict[str, Any]
    targets: list[dict[str, str]]
    warnings: list[str]


@dataclass(frozen=True)
class _Area:
    """Another survey's ground under a trained model."""

    trained: Trained
    config: Config
    survey: Survey
    evidence: Evidence
    fitted: Fitted
    tell: Progress


@dataclass(frozen=True)
class _Drawn:
    score: Floats32
    applicable: Applicability
    classes: Classes
    targets: gpd.GeoDataFrame
    metrics: dict[str, Any]


def run_prediction(
    run: Path,
    config: Config,
    output: Path,
    *,
    rescale: bool = False,
    overwrite: bool = False,
    settings: Sequence[str] = (),
    progress: Progress | None = None,
) -> Prediction:
    """Predict the survey of ``config`` by the model of a finished run, into a folder of its own.

    The evidence is built as the run built its own; what [composition], [evidence], [faults] and
    [geology] leave out is the run's. Layers are standardised by the means and spreads that were
    learned in training, so that a value means the same in both areas; with ``rescale`` by the other
    area's own, each layer there having mean 0 and variance 1, so that what counts is how a cell
    stands out from its own district. Classes are drawn by the run's thresholds. Deposits of
    ``config`` are scored, never learned from.

    What the model learned by ([model], [sampling], [training] and the like) stays the run's, and is
    written so: what a file shared by both areas says otherwise is told as not used; ``settings``,
    those of ``config`` that were given beside its file as ``key=value``, are refused there.

    Raises OrecastError with place and remedy; nothing is written before all is computed.
    """
    tell = progress or (lambda what, done, total: None)
    _refuse_place(run, output, overwrite=overwrite)
    trained = read_trained(run)
    otherwise = learned_otherwise(config, trained.config)
    refuse_set(settings, otherwise)
    config = as_trained(config.model_copy(update={"output": output}), trained)
    provenance = Provenance.of(config)
    key = _key(provenance, trained, rescale=rescale)
    with Run.begin(output, key, resume=False, overwrite=overwrite, kind="prediction") as target:
        tell("Reading the survey", 0, 1)
        with provenance.timed("survey"):
            survey = read_other(config, trained)
        _note_unused(survey, otherwise)
        tell("Reading the survey", 1, 1)
        tell("Building evidence", 0, 1)
        with provenance.timed("evidence"):
            evidence = trained_layers(survey, config, trained)
            scaling = fit_scaling(evidence.stack, evidence.valid) if rescale else None
            fitted = trained.saved.on(evidence, scaling)
            area = _Area(trained, config, survey, evidence, fitted, tell)
        tell("Building evidence", 1, 1)
        with provenance.timed("map"):
            drawn = _drawn(area, rescale=rescale)
        source = {"folder": run.resolve().as_posix(), "files": trained.files, "rescale": rescale}
        with target.stage("prediction") as folder:
            _write_maps(area, drawn, folder)
            _write_notes(area, folder)
            written = provenance.as_dict(target.hashes(folder)) | {"run": source, "key": key}
            write_json(folder / "provenance.json", written)
        target.finish()
        return _told(output, drawn.metrics, area)


def _refuse_place(run: Path, output: Path, *, overwrite: bool) -> None:
    """Raise where a prediction would be written into a run, or over something else."""
    if run.resolve() in (output.resolve(), *output.resolve().parents):
        raise ConfigError(
            "lies in the run's own folder", where=f"--output {output}", remedy="name another folder"
        )
    if not (output / ".orecast" / "journal.json").is_file():
        return
    if (output / "model").is_dir():
        remedy = "name another --output"
        raise RunError("a run stands here, with its model", where=str(output), remedy=remedy)
    if not overwrite:
        remedy = "--overwrite begins again, or name another --output"
        raise RunError("a prediction stands here already", where=str(output), remedy=remedy)


def _note_unused(survey: Survey, otherwise: dict[str, Any]) -> None:
    """Tell which keys are not used, where they would have had the model learn otherwise."""
    if otherwise:
        survey.findings.info(
            "not-used",
            ", ".join(otherwise),
            f"not used, since the model is trained already: there {told(otherwise)}",
            "train another model by orecast run where that is meant",
        )


def _key(provenance: Provenance, trained: Trained, *, rescale: bool) -> str:
    parts = [provenance.key, str(rescale), *(file["sha256"] for file in trained.files)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _drawn(area: _Area, *, rescale: bool) -> _Drawn:
    score = predict_map(
        area.fitted,
        area.evidence,
        progress=lambda _, done, total: area.tell("Mapping the area", done, total),
    )
    applicable = _applicability(area)
    unseen = _unseen(area)
    classes = _classes(area, score, unseen.get("scores"))
    targets = _targets(area, score, classes, applicable)
    metrics = _metrics(area, score, applicable, classes, unseen, rescale=rescale)
    return _Drawn(score, applicable, classes, targets, metrics)


def _write_maps(area: _Area, drawn: _Drawn, folder: Path) -> None:
    grid, applicable = area.evidence.grid, drawn.applicable
    words = f"Prospectivity by a model of {area.trained.config.title}, 0 to 1"
    write_raster(folder / "prospectivity.tif", drawn.score, grid, description=words)
    words = f"Dissimilarity from the training places; trust up to {applicable.threshold:.4g}"
    write_raster(folder / "applicability.tif", applicable.di, grid, description=words)
    write_raster(
        folder / "classes.tif",
        drawn.classes.values,
        grid,
        description="Potential classes: 1 A, 2 B, 3 C, 0 none",
        dtype="uint8",
        colours=CLASS_COLOURS,
    )
    write_targets(drawn.targets, area.survey.deposits, folder)
    write_json(folder / "metrics.json", drawn.metrics)


def _write_notes(area: _Area, folder: Path) -> None:
    """What was read, and the configuration with what the run filled in."""
    findings = area.survey.findings
    findings.items[:] = [f for f in findings if f.code not in _OF_LEARNING]
    write_json(folder / "checks.json", checks(area.survey))
    text = to_toml(area.config.model_copy(update={"output": Path(".")}))
    (folder / "run.toml").write_text(text, encoding="utf-8")


def _applicability(area: _Area) -> Applicability:
    """Dissimilarity from the run's places of training, its threshold that of the run's folds."""
    trained = area.trained
    return map_dissimilarity(
        TrainingSpace.of(trained.saved.values, folds=trained.folds),
        area.fitted.windows,
        area.evidence,
        progress=lambda _, done, total: area.tell("Comparing cells", done, total),
    )


def _unseen(area: _Area) -> dict[str, Unseen]:
    """Deposits to score: those that the survey names, and those that it holds back."""
    groups = {"scores": area.survey.deposits, "undiscovered": area.survey.held_back}
    return {
        name: Unseen.of(deposits, area.evidence, area.trained)
        for name, deposits in groups.items()
        if deposits is not None
    }


def _classes(area: _Area, score: Floats32, unseen: Unseen | None) -> Classes:
    """Classes by the scores from which they began on the run's own map."""
    options = area.trained.config.classes.model_copy(
        update={"rule": "probability", "probability": area.trained.thresholds}
    )
    cells = np.empty((0, 2), dtype=np.int64) if unseen is None else unseen.cells
    found = classify(score, options, cells)
    drawn = found.sentence.removeprefix("Classes by fixed scores: ")
    return replace(found, rule="as trained", sentence=f"Classes as in training: {drawn}")


def _targets(
    area: _Area, score: Floats32, classes: Classes, applicable: Applicability
) -> gpd.GeoDataFrame:
    """Ranked polygons, each with the elements behind it and its share that may be trusted."""
    fitted = area.fitted
    elements = fitted.elements

    def reasons(areas: list[Ints]) -> list[str]:
        area.tell("Explaining targets", 0, 1)
        found = occlusion(fitted, areas, seed=area.trained.config.seed)
        area.tell("Explaining targets", 1, 1)
        return [", ".join(found.top(k, 3, elements)) for k in range(len(areas))]

    inside = np.where(np.isfinite(score), applicable.inside, np.nan)
    return delineate(
        score,
        classes.values,
        area.evidence.grid,
        deposits=area.survey.deposits,
        options=area.config.targets,
        top_elements=reasons,
        extra={"applicable_share": over_cells(inside)},
    )


def _metrics(
    area: _Area,
    score: Floats32,
    applicable: Applicability,
    classes: Classes,
    unseen: dict[str, Unseen],
    *,
    rescale: bool,
) -> dict[str, Any]:
    trained = area.trained
    rows = {
        name: unseen_rows(score, found, area.evidence, trained) for name, found in unseen.items()
    }
    said = {name: found.sentence for name, found in unseen.items()}
    own = "the mean and spread of this area" if rescale else "the mean and spread of training"
    return {
        "model": trained.metrics["model"],
        "predicted_by": trained.config.title,
        "protocol": {
            "name": UNSEEN,
            "sentence": "the model learned from another area and was fitted to nothing here; "
            f"layers are standardised by {own}",
            "deposits": said.get("scores"),
            "held_back": said.get("undiscovered"),
        },
        "scores": rows.get("scores", []),
        "undiscovered": rows.get("undiscovered", []),
        "classes": classes.as_dict(),
        "applicability": applicable.as_dict(),
        "declares": trained.metrics.get("declares", []),
    }


def _told(output: Path, metrics: dict[str, Any], area: _Area) -> Prediction:
    with (output / "targets.csv").open(encoding="utf-8-sig", newline="") as stream:
        targets = list(csv.DictReader(stream))
    warnings = [f.what for code in _SAID for f in area.survey.findings.of(code)]
    best, model = area.trained.metrics["verdict"]["recommended"], metrics["model"]
    if best != model:
        warnings.append(f"the run recommends {best} in place of {model}, which is saved and speaks")
    return Prediction(output, metrics, targets, warnings)
