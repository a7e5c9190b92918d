"""A trained model on another area: its map, and the part of it where the model applies."""

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
from orecast.mapping import CLASS_COLOURS, Applicability, ClassMap, classify, predict_map
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
    trained_layers,
    values_in_words,
)
from orecast.workflow.predict.scores import UNSEEN, Trained, Unseen, read_trained, unseen_rows
from orecast.workflow.run.job import Progress, Provenance

if TYPE_CHECKING:
    import geopandas as gpd


_OF_LEARNING = ("no-deposits", "barren-unused")  # findings that matter to a run alone
_OF_MAP = ("not-used", "other-rocks")  # findings that matter to the map


@dataclass(frozen=True)
class Prediction:
    """A finished prediction: its folder, metrics, targets and warnings."""

    folder: Path
    metrics: dict[str, Any]
    targets: list[dict[str, str]]
    warnings: list[str]


@dataclass(frozen=True)
class _Area:
    """Another survey's area and the trained model."""

    trained: Trained
    config: Config
    survey: Survey
    evidence: Evidence
    fitted: Fitted
    progress: Progress


@dataclass(frozen=True)
class _Drawn:
    score: Floats32
    applicable: Applicability
    classes: ClassMap
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
    """Predict the survey of ``config`` with the model of a finished run, into a separate folder.

    The evidence is built as in the run; its values fill what [composition], [evidence], [faults]
    and [geology] leave out. Layers are standardised by the means and spreads of training, so that
    a value means the same in both areas. With ``rescale`` they are standardised by the other
    area's own means and spreads, so that a cell is compared with its own district. Classes use
    the run's thresholds. Deposits of ``config`` are scored, never used for training.

    The training settings ([model], [sampling], [training] and others) are the run's, and are
    written as such. Other values in the configuration file are reported as not used; other values
    in ``settings`` (``key=value`` from the command line) raise an error.

    Raises OrecastError with place and remedy; nothing is written before all is computed.
    """
    report = progress or (lambda what, done, total: None)
    _refuse_place(run, output, overwrite=overwrite)
    trained = read_trained(run)
    otherwise = learned_otherwise(config, trained.config)
    refuse_set(settings, otherwise)
    config = as_trained(config.model_copy(update={"output": output}), trained)
    provenance = Provenance.of(config)
    key = _key(provenance, trained, rescale=rescale)
    with Run.begin(output, key, resume=False, overwrite=overwrite, kind="prediction") as target:
        report("Reading the survey", 0, 1)
        with provenance.timed("survey"):
            survey = read_other(config, trained)
        if otherwise:
            survey.findings.info(
                "not-used",
                ", ".join(otherwise),
                f"not used: the model is already trained; in its run {values_in_words(otherwise)}",
                "to use these values, train another model with orecast run",
            )
        report("Reading the survey", 1, 1)
        report("Building evidence", 0, 1)
        with provenance.timed("evidence"):
            evidence = trained_layers(survey, config, trained)
            scaling = fit_scaling(evidence.stack, evidence.valid) if rescale else None
            fitted = trained.saved.on(evidence, scaling)
            area = _Area(trained, config, survey, evidence, fitted, report)
        report("Building evidence", 1, 1)
        with provenance.timed("map"):
            drawn = _drawn(area, rescale=rescale)
        source = {"folder": run.resolve().as_posix(), "files": trained.files, "rescale": rescale}
        with target.stage("prediction") as folder:
            _write_maps(area, drawn, folder)
            _write_notes(area, folder)
            written = provenance.as_dict(target.hashes(folder)) | {"run": source, "key": key}
            write_json(folder / "provenance.json", written)
        target.finish()
        return _prediction(output, drawn.metrics, area)


def _refuse_place(run: Path, output: Path, *, overwrite: bool) -> None:
    """Raise where a prediction would be written into a run, or over other files."""
    if run.resolve() in (output.resolve(), *output.resolve().parents):
        raise ConfigError(
            "is inside the run's folder", where=f"--output {output}", remedy="name another folder"
        )
    if not (output / ".orecast" / "journal.json").is_file():
        return
    if (output / "model").is_dir():
        remedy = "name another --output"
        raise RunError("this folder holds a run", where=str(output), remedy=remedy)
    if not overwrite:
        remedy = "use --overwrite to start again, or name another --output"
        raise RunError("this folder holds a prediction", where=str(output), remedy=remedy)


def _key(provenance: Provenance, trained: Trained, *, rescale: bool) -> str:
    parts = [provenance.key, str(rescale), *(file["sha256"] for file in trained.files)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _drawn(area: _Area, *, rescale: bool) -> _Drawn:
    score = predict_map(
        area.fitted,
        area.evidence,
        progress=lambda _, done, total: area.progress("Mapping the area", done, total),
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
    """Write the findings, and the configuration with the values filled from the run."""
    findings = area.survey.findings
    findings.items[:] = [f for f in findings if f.code not in _OF_LEARNING]
    write_json(folder / "checks.json", checks(area.survey))
    text = to_toml(area.config.model_copy(update={"output": Path(".")}))
    (folder / "run.toml").write_text(text, encoding="utf-8")


def _applicability(area: _Area) -> Applicability:
    """Dissimilarity from the run's training places, with the threshold from the run's folds."""
    trained = area.trained
    return map_dissimilarity(
        TrainingSpace.of(trained.saved.values, folds=trained.folds),
        area.fitted.windows,
        area.evidence,
        progress=lambda _, done, total: area.progress("Comparing cells", done, total),
    )


def _unseen(area: _Area) -> dict[str, Unseen]:
    """Deposits to score: the survey's [deposits] and its [held_back]."""
    groups = {"scores": area.survey.deposits, "undiscovered": area.survey.held_back}
    return {
        name: Unseen.of(deposits, area.evidence, area.trained)
        for name, deposits in groups.items()
        if deposits is not None
    }


def _classes(area: _Area, score: Floats32, unseen: Unseen | None) -> ClassMap:
    """Classes by the lowest scores of each class on the run's own map."""
    options = area.trained.config.classes.model_copy(
        update={"rule": "probability", "probability": area.trained.thresholds}
    )
    cells = np.empty((0, 2), dtype=np.int64) if unseen is None else unseen.cells
    found = classify(score, options, cells)
    drawn = found.sentence.removeprefix("Classes by fixed scores: ")
    return replace(found, rule="as trained", sentence=f"Classes as in training: {drawn}")


def _targets(
    area: _Area, score: Floats32, classes: ClassMap, applicable: Applicability
) -> gpd.GeoDataFrame:
    """Ranked polygons, each with its most important elements and its applicable share."""
    fitted = area.fitted
    elements = fitted.elements

    def reasons(areas: list[Ints]) -> list[str]:
        area.progress("Explaining targets", 0, 1)
        found = occlusion(fitted, areas, seed=area.trained.config.seed)
        area.progress("Explaining targets", 1, 1)
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
    classes: ClassMap,
    unseen: dict[str, Unseen],
    *,
    rescale: bool,
) -> dict[str, Any]:
    trained = area.trained
    rows = {
        name: unseen_rows(score, found, area.evidence, trained) for name, found in unseen.items()
    }
    sentences = {name: found.sentence for name, found in unseen.items()}
    own = "the mean and spread of this area" if rescale else "the mean and spread of training"
    return {
        "model": trained.metrics.model,
        "predicted_by": trained.config.title,
        "protocol": {
            "name": UNSEEN,
            "sentence": "the model was trained on another area, and on nothing here; "
            f"layers are standardised by {own}",
            "deposits": sentences.get("scores"),
            "held_back": sentences.get("undiscovered"),
        },
        "scores": rows.get("scores", []),
        "undiscovered": rows.get("undiscovered", []),
        "classes": classes.as_dict(),
        "applicability": applicable.as_dict(),
        "caveats": trained.metrics.caveats,
    }


def _prediction(output: Path, metrics: dict[str, Any], area: _Area) -> Prediction:
    with (output / "targets.csv").open(encoding="utf-8-sig", newline="") as stream:
        targets = list(csv.DictReader(stream))
    warnings = [f.what for code in _OF_MAP for f in area.survey.findings.of(code)]
    best, model = area.trained.metrics.verdict.recommended, metrics["model"]
    if best != model:
        warnings.append(f"this map is by {model}, the saved model; the run recommends {best}")
    return Prediction(output, metrics, targets, warnings)
