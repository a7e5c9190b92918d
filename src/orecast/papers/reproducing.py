"""Run a published system in its paper's way and without leaks, and write both results."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from orecast.papers.cells import (
    CELLS,
    compute,
    count_facts,
    count_weights,
    examine_generators,
    read_reproduced,
    train_whole,
)
from orecast.papers.experiments import ONE_LAYER, read_experiment
from orecast.papers.maps import MAPS, explain, explained_entries, make_maps, mapped_entries
from orecast.papers.plan import PROTOCOLS, Reproduction, fingerprint, is_network
from orecast.papers.report import write_reproduction
from orecast.papers.study import FACTS, Study, prepare_study, survey_file, survey_table
from orecast.run import Run, versions
from orecast.workflow.recipes import caveats_of
from orecast.workflow.run.job import Progress, Provenance
from orecast.workflow.workers import work_off


@dataclass(frozen=True)
class Reproduced:
    """A finished reproduction: folder, content of ``reproduction.json``, number of computed cells.

    ``sound`` if both protocols have scores.
    """

    folder: Path
    content: dict[str, Any]
    computed: int
    sound: bool


def reproduce(
    system: str,
    output: Path,
    *,
    kind: str = "full",
    survey: str | None = None,
    seeds: int | None = None,
    tables: tuple[str, ...] = (),
    jobs: int | None = None,
    resume: bool = False,
    overwrite: bool = False,
    command: str = "",
    progress: Progress | None = None,
) -> Reproduced:
    """Run a system's ``experiment.toml`` and write the paper's tables beside ours.

    Every entry is scored under the papers' protocol and under ``spatial``, with ``seeds``. A cell
    is one file, whole or absent. In a cell, each fold and each tenth of a training is kept:
    ``resume`` continues from there. ``jobs`` is the number of processes, by default one for each
    core. Raises OrecastError with place and remedy.
    """
    report = progress or (lambda what, done, total: None)
    plan = Reproduction.of(read_experiment(system), kind, survey=survey, seeds=seeds, tables=tables)
    named = plan.survey  # a preset's name, or the hash of a run's configuration and files
    if not plan.simulated:
        path = survey_file(plan, Path())
        named = Provenance.of(plan.config(survey_table(path), path.parent)).key
    key, folder = fingerprint(plan, named), output.resolve()
    with Run.begin(folder, key, resume=resume, overwrite=overwrite, kind="reproduction") as run:
        if not run.done("survey"):
            report("Building evidence", 0, 1)
            with run.stage("survey") as part:
                prepare_study(plan, part)
                run.carry(CELLS, part)
            report("Building evidence", 1, 1)
        missing = [cell for cell in plan.cells if read_reproduced(folder, cell) is None]
        seeds = _content(folder).get("seeds")
        if missing or not run.done("results") or seeds != list(range(plan.seeds)):
            cells = [partial(compute, plan, folder, key, cell) for cell in missing]
            mapped = (*mapped_entries(plan), *explained_entries(plan))
            networks = dict.fromkeys(e.stem for e in mapped if is_network(e.model))
            whole = [partial(train_whole, plan, folder, key, stem) for stem in networks]
            work_off(
                [*cells, *whole],
                folder / CELLS,
                jobs=jobs or os.cpu_count() or 1,
                what=f"Reproducing {system}",
                progress=report,
            )
            with run.stage("results") as part:
                _write_results(Study(plan, run), part, command, report)
        run.finish()
        content = _content(folder)
        runs = [cell for cell in content["cells"] if cell["run"] != ONE_LAYER.name]
        scored = {cell["protocol"] for cell in runs if "error" not in cell}
        return Reproduced(output, content, len(missing), scored == set(PROTOCOLS))


def _content(folder: Path) -> dict[str, Any]:
    """The results in a folder; empty where they are missing or damaged."""
    try:
        return dict(json.loads((folder / "reproduction.json").read_text("utf-8")))
    except (OSError, ValueError):
        return {}


def _write_results(study: Study, part: Path, command: str, report: Progress) -> None:
    """Write maps, explanations, tables and figures of the run's cells into ``part``."""
    report("Drawing maps", 0, 1)
    plan, folder, cells = study.plan, study.run.folder, []
    for cell in plan.cells:
        found = read_reproduced(folder, cell)
        if found is not None and "error" not in found and cell.protocol == "spatial":
            found["caveats"] = caveats_of(study.config(plan.entry(cell.entry), cell.seed))
        cells.append(found)
    (part / MAPS).mkdir()
    facts = make_maps(study, part / MAPS)
    if not any((part / MAPS).iterdir()):
        (part / MAPS).rmdir()
    for table, rows in count_facts(study, [cell for cell in cells if cell]).items():
        for row, figures in rows.items():
            facts.setdefault(table, {}).setdefault(row, {}).update(figures)
    explain(study, part)
    report("Drawing maps", 1, 1)
    survey = json.loads((folder / FACTS).read_text(encoding="utf-8"))
    content = {
        "system": plan.experiment.system,
        "command": command,
        "kind": plan.kind,
        "capped": plan.capped,
        "seeds": list(range(plan.seeds)),
        "survey": survey,
        "versions": versions(),
        "cells": cells,
        "facts": facts,
        "weights": count_weights(plan, survey["layers"]),
        "generated": examine_generators(study),
    }
    write_reproduction(part, plan.shown, content)
