"""Build the evidence on one grid, and place the deposits on its cells."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from orecast import registry
from orecast.capacity import require_memory
from orecast.config import Config, to_toml
from orecast.errors import ConfigError, OrecastError, RunError, ThresholdError
from orecast.evidence import Evidence, build_evidence, read_evidence, write_evidence
from orecast.run import Run, write_json
from orecast.sampling import Sampling
from orecast.sampling.augmentation import Growth
from orecast.splits.negative_draws import NegativeDrawsProtocol, nearest_samples
from orecast.splits.paper import Paper
from orecast.survey import Finding, Findings, Level, Survey, checks
from orecast.validation import Recipe
from orecast.workflow.places import place_deposits, report_gaps, require_window_fits
from orecast.workflow.recipes import model_recipe
from orecast.workflow.run.job import Job, Progress, Provenance

_A_DRAWN_SCORE = 12  # bytes of one score: 8 when computed, 4 when stored


def prepare(
    config: Config, run: Run, provenance: Provenance, progress: Progress, survey: Survey
) -> Job:
    """Build the evidence, or read that of a resumed run, and place the deposits."""
    done = run.done("evidence")
    progress("Building evidence", 0, 1)
    with provenance.timed("evidence"):
        evidence = _recall_evidence(run) if done else build_evidence(survey, config)
        window = config.sampling.window
        require_window_fits(evidence.grid, window)
        places = place_deposits(survey.deposits, evidence, window, survey.findings)
        report_gaps(evidence, window, survey.findings)
        job = Job(config, run, provenance, progress, survey, evidence, places)
        _check_first_fits(job)
        if done:
            _recall_findings(run, survey)
        else:
            with run.stage("evidence") as folder:
                write_evidence(evidence, folder / "evidence")
                write_json(folder / "checks.json", checks(survey))
                (folder / "run.toml").write_text(_movable(config), encoding="utf-8")
    progress("Building evidence", 1, 1)
    return job


def _movable(config: Config) -> str:
    """The configuration for the run's folder, whose output is that folder itself."""
    return to_toml(config.model_copy(update={"output": Path(".")}))


def _recall_evidence(run: Run) -> Evidence:
    try:
        return read_evidence(run.folder / "evidence")
    except OrecastError as error:
        remedy = "the finished evidence is broken: run with --overwrite"
        raise RunError(error.what, where=error.where, remedy=remedy) from None


def _check_first_fits(job: Job) -> None:
    """Raise every error of the settings before anything is written or trained."""
    if job.config.targets.tiles is not None:
        job.evidence.grid.numbered_tiles(*job.config.targets.tiles, where="targets.tiles")
    recipe = model_recipe(job.config, job.evidence, job.survey.barren)
    places, evidence = job.places.sampling, job.evidence
    _require_used(job.config, recipe)
    _require_draws(job)
    if job.survey.deposits is None:
        require_unlabelled(job.config, recipe)
        job.protocol("negative-draws")
        return
    folds = job.protocol("spatial").folds(places, evidence.reach)
    learned = [*((places.take(fold.train), fold.hidden) for fold in folds), (places, None)]
    refused = []
    for ore, hidden in learned:
        try:
            windows, rows, growth = recipe.check_fit(evidence, ore, hidden=hidden, seed=job.seed)
        except ThresholdError as error:  # the remedy must work for all folds
            refused.append(error)
    if refused:
        raise min(refused, key=lambda error: error.largest)
    if growth is not None:
        _warn_idle(growth, job.survey.findings)
    if recipe.weight is not None:
        _warn_reversed(job, recipe.weight)
    if job.config.model.name in registry.entries(
        "orecast.models.classical"
    ):  # these fit in a moment
        recipe.model().fit(windows, rows.y, rows.group, seed=job.seed)
    if job.config.validation.protocol != "spatial":
        _check_protocol(job, recipe)


def _require_draws(job: Job) -> None:
    """Raise CapacityError where the scores of all seeds and passes do not fit into memory."""
    asked, cells = job.config.uncertainty, int(job.evidence.valid.sum())
    seeds, passes = asked.seeds, asked.dropout or job.config.model.options.get("passes") or 1
    size = seeds * passes * cells * _A_DRAWN_SCORE
    more = max(seeds, passes)
    require_memory(
        size,
        f"{seeds * passes:,} scores of each of {cells:,} cells",
        where="uncertainty.seeds" if seeds > passes else "uncertainty.dropout",
        remedy=lambda fits: f"set it to {max(1, int(more * fits / size))} or less",
    )


def _warn_idle(growth: Growth, findings: Findings) -> None:
    """Warn about steps of growth that would add nothing."""
    for made in growth.made:
        if made.n == 0:
            kind = "ore" if made.label else "barren"
            findings.warning(
                "idle-growth",
                "sampling.grow",
                f"a step adds no {kind} window: there are already as many",
                remedy="ask for more by times or n, or leave the step out",
            )


def _warn_reversed(job: Job, name: str) -> None:
    """Warn if the layer that weighs knowledge is lower at the deposits than elsewhere."""
    layer = job.evidence.layer(name)
    there = float(np.nanmean(layer[tuple(job.places.sampling.at.T)]))
    over_all = float(np.nanmean(layer[job.evidence.valid]))
    if there < over_all:
        job.survey.findings.warning(
            "weight-reversed",
            "model.weight",
            f"{name!r} is lower at the known deposits ({there:.4g}) than over the map "
            f"({over_all:.4g}): as a weight it works against the deposits",
            remedy="name a layer that is high where ore is likelier",
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


def _recall_findings(run: Run, survey: Survey) -> None:
    """Read the findings of the interrupted run from its ``checks.json``."""
    path = run.folder / "checks.json"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        found = [Finding(**(f | {"level": Level(f["level"])})) for f in content["findings"]]
    except (OSError, ValueError, KeyError, TypeError):
        raise RunError(
            "cannot be read, so the run cannot be resumed",
            where=str(path),
            remedy="run with --overwrite",
        ) from None
    survey.findings.items[:] = found


def _require_used(config: Config, recipe: Recipe) -> None:
    """Raise ConfigError for settings that have no effect on the configured model."""
    if config.model.weight is not None and not recipe.guided:
        raise ConfigError(
            f"{config.model.name} uses no weight layer",
            where="model.weight",
            remedy="leave it out, or choose a model that uses one, such as gk-dcn",
        )
    if config.model.name in registry.entries("orecast.models.classical"):
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


def require_unlabelled(config: Config, recipe: Recipe) -> None:
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
