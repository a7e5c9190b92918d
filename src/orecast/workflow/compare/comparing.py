"""Compare models, protocols and seeds on surveys, on all cores, with resume and one page."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from orecast.config import Config, read, to_toml
from orecast.errors import ConfigError, RunError
from orecast.evidence import build_evidence, write_evidence
from orecast.report.comparison import write_comparison
from orecast.run import Run, versions, write_json
from orecast.survey import read_survey
from orecast.workflow.compare.cells import CELLS, baselines_of, compute, read_cell, read_job
from orecast.workflow.compare.plan import Cell, Plan, Refused, judge, refusals
from orecast.workflow.compare.summary import summarise
from orecast.workflow.places import require_window_fits
from orecast.workflow.run.job import Job, Progress, Provenance, job_of
from orecast.workflow.run.validating import layer_null
from orecast.workflow.workers import work_off


@dataclass(frozen=True)
class Compared:
    """A finished comparison: folder, content of ``comparison.json``, number of computed cells.

    ``sound`` if every model has its scores under ``spatial`` on every survey.
    """

    folder: Path
    content: dict[str, Any]
    computed: int
    sound: bool


def run_comparison(
    plan: Plan,
    output: Path,
    *,
    jobs: int | None = None,
    resume: bool = False,
    overwrite: bool = False,
    progress: Progress | None = None,
    warn: Callable[[str], None] | None = None,
) -> Compared:
    """Compute every cell of a plan into ``output`` and write the results.

    Names and options are checked before anything is read; nothing is written before every survey
    has been read and its evidence built. A cell is one file, whole or absent. ``resume`` computes
    the absent ones; a plan with more models, protocols or seeds can reuse the cells of another. A
    model that fits the layers of no survey is refused before the first cell; ``warn`` gets a
    sentence on a model that fits only some. A cell that the data make impossible is a result, with
    its reason. ``jobs`` is the number of processes, by default one for each core. Raises
    OrecastError with place and remedy.
    """
    report = progress or (lambda what, done, total: None)
    configs = {name: read(path, list(plan.settings)) for name, path in named(plan.runs).items()}
    for config in configs.values():
        plan.check(config)
    folder, key = output.resolve(), _key(configs)
    with Run.begin(folder, key, resume=resume, overwrite=overwrite, kind="comparison") as run:
        resumed = run.done("surveys")
        refused = [] if resumed else _prepare(plan, configs, run, report)
        facts = {name: _read(folder / name / "survey.json") for name in configs}
        cells = {name: plan.cells(name, c, facts[name]["baselines"]) for name, c in configs.items()}
        everything = [cell for of_survey in cells.values() for cell in of_survey]
        missing = [cell for cell in everything if read_cell(folder, cell) is None]
        if resumed:
            refused = _judge_missing(plan, configs, folder, key, missing)
        for sentence in refused:
            (warn or (lambda what: None))(sentence)
        work_off(
            [partial(compute, folder, key, cell) for cell in missing],
            folder / CELLS,
            jobs=jobs or os.cpu_count() or 1,
            what="Comparing",
            progress=report,
        )
        with run.stage("results") as part:
            content = _content(plan, configs, facts, cells, folder)
            write_json(part / "comparison.json", content)
            write_comparison(part)
        run.finish()
        content = _read(folder / "comparison.json")
        return Compared(output, content, len(missing), not _failed(content))


def named(runs: tuple[Path, ...]) -> dict[str, Path]:
    """Each run's file by a short name: the file's, or its folder's if the file is run.toml.

    Raises ConfigError where a file is named twice.

    >>> list(named((Path("examples/eskay/run.toml"), Path("mine.toml"), Path("b/mine.toml"))))
    ['eskay', 'mine', 'mine-2']
    """
    found: dict[str, Path] = {}
    for path in runs:
        if path.resolve() in (other.resolve() for other in found.values()):
            raise ConfigError("the run is named twice", where=str(path), remedy="name it once")
        stem = path.resolve().parent.name if path.stem == "run" else path.stem
        stem = stem if stem not in (CELLS, "figures", "") else f"{stem}-survey"
        name, k = stem, 1
        while name in found:
            k += 1
            name = f"{stem}-{k}"
        found[name] = path
    return found


def _key(configs: dict[str, Config]) -> str:
    """Hash of the surveys and their configurations."""
    parts = [f"{name} {Provenance.of(config).key}" for name, config in configs.items()]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _judge_missing(
    plan: Plan, configs: dict[str, Config], folder: Path, key: str, missing: list[Cell]
) -> list[str]:
    """Sentences on models with missing cells that surveys prepared earlier cannot use."""
    models = {cell.model.label for cell in missing if cell.role == "model"}
    compared = {
        name: [model for model in plan.models_of(config) if model.label in models]
        for name, config in configs.items()
    }
    refused = {
        name: refusals(read_job(folder, key, name), asked) if asked else {}
        for name, asked in compared.items()
    }
    return judge(refused, compared)


def _prepare(plan: Plan, configs: dict[str, Config], run: Run, report: Progress) -> list[str]:
    """Read every survey and build its evidence once, for every process and every cell.

    Returns sentences on models that some surveys cannot use; see ``judge``.
    """
    compared = {name: plan.models_of(config) for name, config in configs.items()}
    built: dict[str, Job] = {}
    refused: dict[str, Refused] = {}
    with run.stage("surveys") as folder:
        for k, (name, config) in enumerate(configs.items()):
            report("Building evidence", k, len(configs))
            built[name] = _built(name, config, run)
            refused[name] = refusals(built[name], compared[name])
        sentences = judge(refused, compared)
        for name, job in built.items():
            write_evidence(job.evidence, folder / name / "evidence")
            (folder / name / "run.toml").write_text(to_toml(job.config), encoding="utf-8")
            write_json(folder / name / "survey.json", _facts(name, job))
        report("Building evidence", len(configs), len(configs))
        run.carry(CELLS, folder)
    return sentences


def _built(name: str, config: Config, run: Run) -> Job:
    """A survey with its evidence; nothing is written."""
    survey = read_survey(config)
    if survey.deposits is None:
        raise ConfigError(
            "the survey names no deposits, so none can be held out",
            where=name,
            remedy="add [deposits] to its run.toml, or leave this run out",
        )
    evidence = build_evidence(survey, config)
    require_window_fits(evidence.grid, config.sampling.window)
    return job_of(config, run, survey, evidence)


def _facts(name: str, job: Job) -> dict[str, Any]:
    """The content of ``survey.json``."""
    others, left_out = baselines_of(job)
    return {
        "name": name,
        "title": job.config.title,
        "deposits": len(job.places.deposit),
        "groups": job.places.sampling.group.tolist(),
        "cells": int(job.evidence.valid.sum()),
        "layers": len(job.evidence.names),
        "baselines": list(others),
        "left_out": left_out,
        "layer_null": layer_null(job).as_dict(),
    }


def _content(
    plan: Plan,
    configs: dict[str, Config],
    facts: dict[str, dict[str, Any]],
    cells: dict[str, list[Cell]],
    folder: Path,
) -> dict[str, Any]:
    """The content of ``comparison.json``, always in the plan's order."""
    surveys, every = [], []
    for name, config in configs.items():
        found = [content for cell in cells[name] if (content := read_cell(folder, cell))]
        every += found
        reference = plan.reference_of(config)
        surveys.append(summarise(facts[name], found, reference=reference, seed=config.seed))
    return {
        "command": plan.command(),
        "versions": versions(),
        "seeds": plan.seeds,
        "protocols": [protocol.label for protocol in plan.all_protocols],
        "surveys": surveys,
        "cells": every,
    }


def _failed(content: dict[str, Any]) -> bool:
    """Whether a model (not a baseline) has no score under ``spatial``."""
    return any(
        "error" in cell
        for cell in content["cells"]
        if cell["protocol"] == "spatial" and cell["role"] == "model"
    )


def _read(path: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise RunError(
            "cannot be read, so the comparison cannot continue",
            where=str(path),
            remedy="start again with --overwrite",
        ) from None
    return content
