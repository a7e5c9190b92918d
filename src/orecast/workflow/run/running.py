"""The command run: survey, evidence, validation, map, targets, report."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orecast.config import Config
from orecast.report import write_report
from orecast.run import Run, write_json
from orecast.survey import checks, read_survey
from orecast.training import build_model
from orecast.workflow.checking import require_known_names
from orecast.workflow.recipes import trusted
from orecast.workflow.run.anomalies import map_anomalies
from orecast.workflow.run.choosing import chosen
from orecast.workflow.run.final_map import draw_map
from orecast.workflow.run.job import Job, Progress, Provenance
from orecast.workflow.run.preparing import prepare
from orecast.workflow.run.validating import validate

_WEIGHTY = (
    "no-deposits",
    "barren-unused",
    "few-deposits",
    "deposits-without-evidence",
    "layer-covers-little",
    "classes-by-histogram",
    "fewer-folds",
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
    progress: Progress | None = None,
) -> Summary:
    """Run a survey into ``config.output`` and return a summary.

    ``progress(what, done, total)`` is called as the work advances. Nothing is written before the
    data have been read and checked. Raises OrecastError with place and remedy.
    """
    report = progress or (lambda what, done, total: None)
    require_known_names(config)
    config = chosen(config)
    window = config.sampling.window
    asked = trusted(config)
    build_model(asked.name, asked.options, config.training, window=window)
    report("Reading the survey", 0, 1)
    provenance = Provenance.of(config)
    with provenance.timed("survey"):
        survey = read_survey(config)
    with Run.begin(config.output, provenance.key, resume=resume, overwrite=overwrite) as run:
        report("Reading the survey", 1, 1)
        job = prepare(config, run, provenance, report, survey)
        if survey.deposits is None:
            map_anomalies(job)
        else:
            validate(job)
            draw_map(job)
        _report(job)
        run.finish()
        return _summary(job)


def _report(job: Job) -> None:
    job.progress("Writing the report", 0, 1)
    if not job.run.done("report"):
        with job.run.stage("report") as folder:
            write_json(folder / "checks.json", checks(job.survey))
            outputs = job.run.hashes() | job.run.hashes(folder)
            write_json(folder / "provenance.json", job.provenance.as_dict(outputs))
            write_report(job.run.folder, into=folder)
    job.progress("Writing the report", 1, 1)


def _summary(job: Job) -> Summary:
    with (job.run.folder / "targets.csv").open(encoding="utf-8-sig", newline="") as stream:
        targets = list(csv.DictReader(stream))
    seconds = sum(job.provenance.seconds.values())
    said = [f.what for f in job.survey.findings if f.code in _WEIGHTY]
    return Summary(job.run.folder, job.metrics.as_dict(), targets, said, seconds)
