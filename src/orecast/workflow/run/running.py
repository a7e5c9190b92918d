"""The command run: survey, evidence, validation, map, targets, report."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from orecast import registry
from orecast.capacity import require_memory
from orecast.config import Config, read, to_toml
from orecast.errors import ConfigError, OrecastError, RunError, ThresholdError
from orecast.evidence import Evidence, read_evidence, write_evidence
from orecast.report import write_report
from orecast.run import Run, write_json
from orecast.sampling import Sampling
from orecast.sampling.augmentation import Growth
from orecast.splits.negative_draws import NegativeDrawsProtocol, nearest_samples
from orecast.splits.paper import Paper
from orecast.survey import Finding, Findings, Level, Survey, checks, read_survey
from orecast.training import build_model
from orecast.validation import Recipe
from orecast.workflow.choosing import require_known_names, resolve_auto, usual
from orecast.workflow.places import place_deposits, report_gaps
from orecast.workflow.recipes import model_recipe, with_uncertainty
from orecast.workflow.run.anomalies import map_anomalies
from orecast.workflow.run.final_map import draw_map
from orecast.workflow.run.job import Job, Progress, Provenance, no_progress, reported
from orecast.workflow.run.target_test import score_targets
from orecast.workflow.run.validating import validate
from orecast.workflow.separation import build_separable

_SCORE_BYTES = 12  # of one score: 8 when computed, 4 when stored
_IMPORTANT = (  # findings that the summary repeats
    "no-deposits",
    "barren-unused",
    "few-deposits",
    "deposits-without-evidence",
    "layer-covers-little",
    "classes-by-histogram",
    "fewer-folds",
    "shorter-buffer",
    "idle-growth",
    "weight-reversed",
)


@dataclass(frozen=True)
class Summary:
    """A finished run: its folder, metrics, targets, warnings and duration."""

    folder: Path
    metrics: dict[str, Any]
    targets: list[dict[str, str]]
    warnings: list[str]
    seconds: float


def run_survey(
    config: Config,
    *,
    resume: bool = False,
    overwrite: bool = False,
    progress: Progress = no_progress,
) -> Summary:
    """Run a survey into ``config.output`` and return a summary.

    ``progress(what, done, total)`` is called as the work advances. Nothing is written before the
    data have been read and checked. Raises OrecastError with place and remedy.
    """
    require_known_names(config)
    config = resolve_auto(config)
    model = with_uncertainty(config)
    build_model(model.name, model.options, config.training, window=config.sampling.window)
    progress("Reading the survey", 0, 1)
    provenance = Provenance.of(config)
    with provenance.timed("survey"):
        survey = read_survey(config)
    with Run.begin(config.output, provenance.key, resume=resume, overwrite=overwrite) as run:
        progress("Reading the survey", 1, 1)
        with reported(progress, "Building evidence"), provenance.timed("evidence"):
            job = prepare(config, run, survey, progress)
        stages: dict[str, Callable[[Job], None]] = {
            "validation": validate,
            "targets": score_targets,
            "map": draw_map,
        }
        if survey.deposits is None:
            stages = {"map": map_anomalies}
        for stage, compute in stages.items():
            if run.done(stage):
                job.read_metrics()
                continue
            with provenance.timed(stage):
                compute(job)
        with reported(progress, "Writing the report"):
            if not run.done("report"):
                with run.stage("report") as folder:
                    write_json(folder / "checks.json", checks(survey))
                    outputs = run.hashes() | run.hashes(folder)
                    write_json(folder / "provenance.json", provenance.as_dict(outputs))
                    write_report(run.folder, into=folder)
        run.finish()
    with (run.folder / "targets.csv").open(encoding="utf-8-sig", newline="") as stream:
        targets = list(csv.DictReader(stream))
    warnings = [f.what for f in survey.findings if f.code in _IMPORTANT]
    seconds = sum(provenance.seconds.values())
    return Summary(run.folder, job.metrics.as_dict(), targets, warnings, seconds)


def prepare(config: Config, run: Run, survey: Survey, progress: Progress = no_progress) -> Job:
    """Build the evidence, or read that of a resumed run, and place the deposits."""
    done = run.done("evidence")
    if done:
        evidence, config = _evidence_of(run), _begun_with(run, config)
        window = config.sampling.window
        places = place_deposits(survey.deposits, evidence, window, survey.findings)
    else:
        built = build_separable(survey, config)
        config, evidence, places = built.config, built.evidence, built.places
    report_gaps(evidence, config.sampling.window, survey.findings)
    job = Job(config, run, survey, evidence, places, progress)
    _check_first_fits(job)
    if done:
        survey.findings.items[:] = _findings_of(run)
    else:
        with run.stage("evidence") as folder:
            write_evidence(evidence, folder / "evidence")
            write_json(folder / "checks.json", checks(survey))
            text = to_toml(config.model_copy(update={"output": Path(".")}))
            (folder / "run.toml").write_text(text, encoding="utf-8")
    return job


def _evidence_of(run: Run) -> Evidence:
    """The evidence of an interrupted run."""
    try:
        return read_evidence(run.folder / "evidence")
    except OrecastError as error:
        remedy = "the finished evidence is broken: run with --overwrite"
        raise RunError(error.what, where=error.where, remedy=remedy) from None


def _begun_with(run: Run, config: Config) -> Config:
    """The configuration with the window and the radius that an interrupted run has chosen."""
    begun = read(run.folder / "run.toml")
    kept = {key: getattr(begun.sampling, key) for key in ("window", "shift")}
    sampling = config.sampling.model_copy(update=kept)
    evidence = config.evidence.model_copy(update={"radius": begun.evidence.radius})
    return config.model_copy(update={"sampling": sampling, "evidence": evidence})


def _findings_of(run: Run) -> list[Finding]:
    """The findings of an interrupted run, from its ``checks.json``."""
    path = run.folder / "checks.json"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return [Finding(**(f | {"level": Level(f["level"])})) for f in content["findings"]]
    except (OSError, ValueError, KeyError, TypeError):
        raise RunError(
            "cannot be read, so the run cannot be resumed",
            where=str(path),
            remedy="run with --overwrite",
        ) from None


def _check_first_fits(job: Job) -> None:
    """Raise every error of the settings before anything is written or trained."""
    if job.config.targets.tiles is not None:
        job.evidence.grid.numbered_tiles(*job.config.targets.tiles, where="targets.tiles")
    recipe = model_recipe(job.config, job.evidence, job.survey.barren)
    places, evidence, model = job.places.sampling, job.evidence, usual(job.config).model.name
    classical = model in registry.entries("orecast.models.classical")
    _require_used(job.config, recipe, classical=classical)
    _require_memory(job)
    if job.survey.deposits is None:
        _require_unlabelled(job.config, recipe)
        job.protocol("negative-draws")
        return
    folds = job.protocol("spatial").folds(places, evidence.reach)
    fits = [*((places.take(fold.train), fold.hidden) for fold in folds), (places, None)]
    errors = []
    for ore, hidden in fits:
        try:
            windows, rows, growth = recipe.check_fit(evidence, ore, hidden=hidden, seed=job.seed)
        except ThresholdError as error:  # the remedy must work for all folds
            errors.append(error)
    if errors:
        raise min(errors, key=lambda error: error.largest)
    if growth is not None:
        _warn_idle(growth, job.survey.findings)
    if recipe.weight is not None:
        _warn_reversed(job, recipe.weight)
    if classical:  # these fit in a moment
        recipe.model().fit(windows, rows.y, rows.group, seed=job.seed)
    if job.config.validation.protocol != "spatial":
        _check_protocol(job, recipe)


def _require_memory(job: Job) -> None:
    """Raise CapacityError where the scores of all seeds and passes do not fit into memory."""
    uncertainty, cells = job.config.uncertainty, int(job.evidence.valid.sum())
    seeds = uncertainty.seeds
    passes = uncertainty.dropout or job.config.model.options.get("passes") or 1
    where = "uncertainty.dropout" if uncertainty.dropout else "model.options.passes"
    size = seeds * passes * cells * _SCORE_BYTES
    more = max(seeds, passes)
    require_memory(
        size,
        f"{seeds * passes:,} scores of each of {cells:,} cells",
        where="uncertainty.seeds" if seeds > passes else where,
        remedy=lambda fits: f"set it to {max(1, int(more * fits / size))} or less",
    )


def _warn_idle(growth: Growth, findings: Findings) -> None:
    """Warn about steps of growth that would add nothing."""
    for made in growth.made:
        if made.n == 0:
            kind = "ore" if made.label else "negative"
            there = int((growth.y[: made.start] == made.label).sum())
            why = f"there are already {there}" if made.enough else "no position is free"
            remedy = "ask for more by times or n" if made.enough else "set a larger shift"
            findings.warning(
                "idle-growth",
                f"sampling.grow.{made.step}",
                f"this step adds no {kind} windows: {why}",
                remedy=f"{remedy}, or leave the step out",
            )


def _warn_reversed(job: Job, name: str) -> None:
    """Warn if the layer that weighs knowledge is lower at the deposits than elsewhere."""
    layer = job.evidence.layer(name)
    at_deposits = float(np.nanmean(layer[tuple(job.places.sampling.at.T)]))
    overall = float(np.nanmean(layer[job.evidence.valid]))
    if at_deposits < overall:
        job.survey.findings.warning(
            "weight-reversed",
            "model.weight",
            f"{name!r} is lower at the known deposits ({at_deposits:.4g}) than over the map "
            f"({overall:.4g}): a weight must be high near ore",
            remedy="set model.weight to a layer that is high where ore is likelier",
        )


def _check_protocol(job: Job, recipe: Recipe) -> None:
    """Cut the folds of another protocol than ``spatial``; raises where that is impossible."""
    places, evidence = job.places.sampling, job.evidence
    protocol = job.protocol(job.config.validation.protocol)
    if isinstance(protocol, NegativeDrawsProtocol):
        if recipe.labels:
            raise ConfigError(
                f"negative-draws is for models that use no deposits; {job.config.model.name} "
                "learns from deposits",
                where="validation.protocol",
                remedy='choose another protocol, or a detector such as "isolation-forest"',
            )
        nearest = np.unique(nearest_samples(places.at, job.geometry), axis=0)
        protocol.folds(Sampling.of(nearest, 1.0), evidence.reach)
        return
    if isinstance(protocol, Paper):
        grown, _ = recipe.labelled_rows(evidence, places, evidence.valid, job.seed)
        places = protocol.rows(grown)
    protocol.folds(places, evidence.reach)[0]


def _require_used(config: Config, recipe: Recipe, *, classical: bool) -> None:
    """Raise ConfigError for settings that have no effect on the configured model."""
    if config.model.weight is not None and not recipe.guided:
        raise ConfigError(
            f"{config.model.name} uses no weight layer",
            where="model.weight",
            remedy="leave it out, or choose a model that uses one, such as gk-dcn",
        )
    if classical:
        for key in ("pretrain", "trim"):
            if getattr(config.training, key):
                raise ConfigError(
                    f"{config.model.name} is not a network and is not trained in epochs",
                    where=f"training.{key}",
                    remedy="leave it out, or choose a network, such as resnet18",
                )
    if recipe.labels:
        return
    if config.sampling.grow:
        raise ConfigError(
            f"windows are grown by their labels, and {config.model.name} uses no labels",
            where="sampling.grow",
            remedy="leave it out, or choose a model that learns from deposits",
        )
    if config.screening.method != "none":
        raise ConfigError(
            f"screening by {config.screening.method} learns from deposits, and "
            f"{config.model.name} uses no deposits",
            where="screening.method",
            remedy='set it to "none", or choose a model that learns from deposits',
        )


def _require_unlabelled(config: Config, recipe: Recipe) -> None:
    """Raise ConfigError where the survey has no deposits but the model or protocol needs them."""
    if recipe.labels:
        raise ConfigError(
            f"{config.model.name} learns from deposits, and the survey names none",
            where="model.name",
            remedy='add [deposits], or choose a detector such as "isolation-forest"',
        )
    if config.validation.protocol not in ("spatial", "negative-draws"):
        raise ConfigError(
            "the survey names no deposits, so none can be held out",
            where="validation.protocol",
            remedy="leave it out; deposits named as [held_back] are scored anyway",
        )
