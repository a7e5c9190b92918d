"""A trained model on another area: its map, and the part of it where the model applies."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from orecast.arrays import Floats, Ints
from orecast.config import Config, to_toml
from orecast.errors import ConfigError, RunError
from orecast.evidence import FAULT_DISTANCE, Evidence
from orecast.mapping import classify, predict_map
from orecast.mapping.applicability import TrainingSpace, map_dissimilarity
from orecast.metrics import bootstrap_mean, percentiles, prediction_rate, top_share
from orecast.run import Run, holds_run, write_json
from orecast.sampling import deposit_sampling, fit_scaling
from orecast.survey import Survey, checks
from orecast.survey.data import xy_of
from orecast.survey.vectors import read_frame
from orecast.targets import nearest_metres, over_cells, write_targets
from orecast.workflow.places import deposit_names
from orecast.workflow.run.final_map import explaining, write_classes
from orecast.workflow.run.job import (
    Progress,
    Provenance,
    named,
    no_progress,
    reported,
    write_maps,
)
from orecast.workflow.scoring import TOP_AREAS
from orecast.workflow.targets import TargetDrawing
from orecast.workflow.trained import (
    Trained,
    as_trained,
    learned_otherwise,
    read_other,
    read_trained,
    refuse_set,
    trained_layers,
    values_in_words,
)

if TYPE_CHECKING:
    import geopandas as gpd

Row = dict[str, Any]
UNSEEN = "unseen"
_RUN_ONLY = ("no-deposits", "barren-unused")  # findings that matter to a run alone
_MAP_FINDINGS = ("not-used", "other-rocks")  # findings that matter to the map


@dataclass(frozen=True)
class Prediction:
    """A finished prediction: its folder, metrics, targets and warnings."""

    folder: Path
    metrics: dict[str, Any]
    targets: list[dict[str, str]]
    warnings: list[str]


def run_prediction(
    run: Path,
    config: Config,
    output: Path,
    *,
    rescale: bool = False,
    overwrite: bool = False,
    settings: Sequence[str] = (),
    progress: Progress = no_progress,
) -> Prediction:
    """Predict the survey of ``config`` with the model of a finished run, into a separate folder.

    The evidence is built as in the run; its values fill what [composition], [evidence], [faults]
    and [geology] leave out. Layers are standardised by the means and spreads of training, so that
    a value means the same in both areas. With ``rescale`` they are standardised by the other
    area's own means and spreads, so that a cell is compared with its own district. Classes use
    the run's thresholds. Deposits of ``config`` are scored, never used for training. Targets at
    them, or at deposits of the run that lie on the map, are known ground.

    The training settings ([model], [sampling], [training] and others) are the run's, and are
    written as such. Other values in the configuration file are reported as not used; other values
    in ``settings`` (``key=value`` from the command line) raise an error.

    Raises OrecastError with place and remedy; nothing is written before all is computed.
    """
    _refuse_place(run, output, overwrite=overwrite)
    trained = read_trained(run)
    otherwise = learned_otherwise(config, trained.config)
    refuse_set(settings, otherwise)
    config = as_trained(config.model_copy(update={"output": output}), trained)
    provenance = Provenance.of(config)
    parts = [provenance.key, str(rescale), *(file["sha256"] for file in trained.files)]
    key = hashlib.sha256("\n".join(parts).encode()).hexdigest()
    with Run.begin(output, key, resume=False, overwrite=overwrite, kind="prediction") as target:
        with reported(progress, "Reading the survey"):
            with provenance.timed("survey"):
                survey = read_other(config, trained)
            if otherwise:
                survey.findings.info(
                    "not-used",
                    ", ".join(otherwise),
                    "these settings are not used: the model was trained with "
                    f"{values_in_words(otherwise)}",
                    "to use these values, train another model with orecast run",
                )
        with reported(progress, "Building evidence"), provenance.timed("evidence"):
            evidence = trained_layers(survey, config, trained)
            scaling = fit_scaling(evidence.stack, evidence.valid) if rescale else None
            fitted = trained.saved.on(evidence, scaling)
        with provenance.timed("map"):
            score = predict_map(fitted, evidence, progress=named(progress, "Mapping the area"))
            area = map_dissimilarity(
                TrainingSpace.of(trained.saved.values, folds=trained.folds),
                fitted.windows,
                evidence,
                progress=named(progress, "Comparing cells"),
            )
            groups = {"scores": survey.deposits, "undiscovered": survey.held_back}
            unseen = {
                name: Unseen.of(deposits, evidence, trained)
                for name, deposits in groups.items()
                if deposits is not None
            }
            # classes by the lowest scores of each class on the run's own map
            rule = {"rule": "probability", "probability": trained.thresholds}
            cells = unseen["scores"].cells if "scores" in unseen else np.empty((0, 2), np.int64)
            classes = classify(score, trained.config.classes.model_copy(update=rule), cells)
            words = classes.sentence.removeprefix("Classes by fixed scores: ")
            words = f"Classes as in training: {words}"
            classes = replace(classes, rule="as trained", sentence=words)
            inside = np.where(np.isfinite(score), area.inside, np.nan)
            known = replace(survey, deposits=_known_deposits(survey, run, evidence))
            targets = TargetDrawing.of(known, evidence, config).targets(
                score,
                evidence,
                known,
                trained.config.classes,
                thresholds=trained.thresholds,
                applicable=area.inside,
                most=config.targets.most,
                reasons=explaining(fitted, evidence, trained.config.seed, progress),
                extra={"applicable_share": over_cells(inside)},
            )
            metrics = _metrics(trained, score, evidence, unseen, rescale=rescale) | {
                "classes": classes.as_dict(),
                "applicability": area.as_dict(),
                "caveats": trained.metrics.caveats,
            }
        source = {"folder": run.resolve().as_posix(), "files": trained.files, "rescale": rescale}
        findings = survey.findings
        findings.items[:] = [f for f in findings if f.code not in _RUN_ONLY]
        with target.stage("prediction") as folder:
            words = f"Prospectivity by a model of {trained.config.title}, 0 to 1"
            limit = f"Dissimilarity from the training places; trust up to {area.threshold:.4g}"
            maps = {"prospectivity": (score, words), "applicability": (area.di, limit)}
            write_maps(folder, maps, evidence.grid)
            write_classes(folder, classes, evidence.grid)
            write_targets(targets, known.deposits, folder)
            write_json(folder / "metrics.json", metrics)
            write_json(folder / "checks.json", checks(survey))
            text = to_toml(config.model_copy(update={"output": Path(".")}))
            (folder / "run.toml").write_text(text, encoding="utf-8")
            written = provenance.as_dict(target.hashes(folder)) | {"run": source, "key": key}
            write_json(folder / "provenance.json", written)
        target.finish()
    with (output / "targets.csv").open(encoding="utf-8-sig", newline="") as stream:
        rows = list(csv.DictReader(stream))
    warnings = [f.what for code in _MAP_FINDINGS for f in findings.of(code)]
    best, model = trained.metrics.verdict.recommended, metrics["model"]
    if best != model:
        warnings.append(f"this map is by {model}, the saved model; the run recommends {best}")
    return Prediction(output, metrics, rows, warnings)


def _known_deposits(survey: Survey, run: Path, evidence: Evidence) -> gpd.GeoDataFrame | None:
    """The survey's deposits, and those that the model was trained with and that lie on its map.

    A target at one of these is no new ground.
    """
    import geopandas as gpd

    trained = read_frame(run / "targets.gpkg", "deposits").to_crs(survey.crs)
    trained = trained[evidence.grid.inside(evidence.grid.cell(xy_of(trained)))]
    if survey.deposits is not None:
        apart = nearest_metres(xy_of(trained), xy_of(survey.deposits)) > 1
        trained = trained[apart]
    if trained.empty:
        return survey.deposits
    frames = [trained] if survey.deposits is None else [survey.deposits, trained]
    names = [name for one in frames for name in deposit_names(one)]
    geometry = gpd.points_from_xy(*np.vstack([xy_of(one) for one in frames]).T)
    return gpd.GeoDataFrame({"name": names}, geometry=geometry, crs=survey.crs)


def _refuse_place(run: Path, output: Path, *, overwrite: bool) -> None:
    """Raise where a prediction would be written into a run, or over other files."""
    if run.resolve() in (output.resolve(), *output.resolve().parents):
        raise ConfigError(
            "is inside the run's folder", where=f"--output {output}", remedy="name another folder"
        )
    if not holds_run(output):
        return
    if (output / "model").is_dir():
        remedy = "name another --output"
        raise RunError("this folder holds a run", where=str(output), remedy=remedy)
    if not overwrite:
        remedy = "use --overwrite to start again, or name another --output"
        raise RunError("this folder holds a prediction", where=str(output), remedy=remedy)


def _metrics(
    trained: Trained,
    score: NDArray[np.float32],
    evidence: Evidence,
    unseen: dict[str, Unseen],
    *,
    rescale: bool,
) -> dict[str, Any]:
    """The head of ``metrics.json``, and the scores of deposits that the model never saw."""
    rows = {name: unseen_rows(score, one, evidence, trained) for name, one in unseen.items()}
    sentences = {name: one.sentence for name, one in unseen.items()}
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
    }


@dataclass(frozen=True)
class Unseen:
    """Cells with deposits that the model never saw ``(n, 2)`` and their groups ``(n,)``.

    Not scored: ``seen`` deposits lie in the training area, ``beyond`` where the map has no value.
    """

    cells: Ints
    group: Ints
    seen: int
    beyond: int

    @classmethod
    def of(cls, deposits: gpd.GeoDataFrame, evidence: Evidence, trained: Trained) -> Unseen:
        """Place deposits on the map; two in a cell are one place.

        A deposit counts as seen if its window may share a cell or a sample with that of a training
        place.
        """
        xy = xy_of(deposits)
        seen = _near_training(xy, evidence, trained)
        at = evidence.grid.cell(xy)
        mapped = evidence.grid.inside(at)
        mapped[mapped] = evidence.valid[tuple(at[mapped].T)]
        cells = at[mapped & ~seen]
        group = np.empty(0, np.int64)
        if len(cells):
            places, _ = deposit_sampling(cells, trained.saved.size)
            cells, group = places.at, places.group
        return cls(cells, group, int((mapped & seen).sum()), int((~mapped).sum()))

    @property
    def sentence(self) -> str:
        """What is scored, and what is left out and why."""
        n = len(self.cells)
        words = f"{n} place{'s' * (n != 1)} with deposits that the model never saw"
        if self.seen:
            words += f"; left out: {self.seen} in or near the training area"
        if self.beyond:
            words += f"; left out: {self.beyond} where the map has no value"
        return words


def _near_training(xy: Floats, evidence: Evidence, trained: Trained) -> NDArray[np.bool_]:
    """Whether positions lie within a window and both surveys' reach of a training place."""
    from pyproj import Transformer
    from scipy.spatial import cKDTree

    then, now = trained.evidence, evidence
    known = then.grid.xy(trained.saved.rows.at)
    if then.grid.crs != now.grid.crs:
        to_now = Transformer.from_crs(then.grid.crs, now.grid.crs, always_xy=True)
        known = np.column_stack(to_now.transform(known[:, 0], known[:, 1]))
    cell = max(*then.grid.cell_size, *now.grid.cell_size)
    within = trained.saved.size * cell + then.reach + now.reach
    known = known[np.isfinite(known).all(axis=1)]
    if not len(known):
        return np.zeros(len(xy), dtype=bool)
    distance, _ = cKDTree(known).query(xy, p=np.inf, distance_upper_bound=within)
    return np.asarray(np.isfinite(distance))


def unseen_rows(
    score: NDArray[np.float32], unseen: Unseen, evidence: Evidence, trained: Trained
) -> list[Row]:
    """The map's row of ``metrics.json``, and the row of distance to faults.

    No rows where no place is left to score.
    """
    if not len(unseen.cells):
        return []
    seed = trained.config.seed
    rows = [_row(trained.metrics.model, "model", score, unseen, seed)]
    if FAULT_DISTANCE in evidence.names:
        nearness = np.where(np.isfinite(score), -evidence.layer(FAULT_DISTANCE), np.nan)
        rows.append(_row("fault-distance", "baseline", nearness, unseen, seed))
    return rows


def _row(name: str, role: str, score: NDArray[np.float32], unseen: Unseen, seed: int) -> Row:
    """Percentile of each place among the map's cells, and the scores derived from it.

    Intervals draw whole groups of places: places whose windows share cells are not independent.
    """
    at = tuple(unseen.cells.T)
    percentile = percentiles(score[at], score[np.isfinite(score)])
    background = np.isfinite(score)
    background[at] = False
    outranked = percentiles(score[at], score[background])
    return {
        "name": name,
        "role": role,
        "protocol": UNSEEN,
        "sentence": unseen.sentence,
        "percentile": bootstrap_mean(percentile, seed=seed, groups=unseen.group).as_dict(),
        "auc": bootstrap_mean(outranked, seed=seed, groups=unseen.group).as_dict(),
        "top_area": {
            str(a): top_share(percentile, a, groups=unseen.group).as_dict() for a in TOP_AREAS
        },
        "places": percentile.tolist(),
        "prediction_rate": prediction_rate(score, unseen.cells).as_dict(),
    }
