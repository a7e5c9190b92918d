"""Tables and figures of a published system beside ours, under its protocol and leak-free."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from orecast.papers.experiments import Experiment
from orecast.papers.report.figures import Material, figures_of
from orecast.papers.report.markdown import to_markdown
from orecast.papers.report.tables import Results, tables_of
from orecast.report.drawing import to_png
from orecast.report.html import write_page
from orecast.run import write_json


def write_reproduction(folder: Path, experiment: Experiment, content: Mapping[str, Any]) -> Path:
    """Write ``reproduction.md``, ``reproduction.json`` and ``figures/``; return the first's path.

    ``content`` is what was run: ``system``, ``command``, ``kind`` ("smoke", "hour" or "full"),
    ``capped``, ``seeds``, ``survey`` (name, sentence, deposits, cells, layers), ``versions``,
    ``cells``; ``facts`` are figures that are in no cell, ``weights`` those of narrowed networks.
    Maps, samples, Shapley values and evidence are read from ``folder``. For a smoke run nothing of
    the paper is written: no figures, no notes, no choices.

    Raises RunError where one of these files cannot be read, or a result cannot be written.
    """
    cells, kind = content["cells"], content["kind"]
    smoke, results = kind == "smoke", Results(experiment, cells)
    tables = tables_of(experiment, cells, kind, content.get("facts"), content.get("weights", ()))
    capped = experiment.caps[kind].cell_size if kind in experiment.caps else None
    cell = capped or experiment.recipe.get("evidence", {}).get("cell_size")
    material = Material(results, {table["id"]: table for table in tables}, cell, folder)
    figures, drawn = figures_of(material, smoke=smoke)
    result = {
        **content,
        "ranking": results.ranking(),
        "one_layer": results.one_layer(),
        "tables": tables,
        "figures": figures,
        "choices": [] if smoke else [asdict(choice) for choice in experiment.choices],
    }
    beside = {name: to_png(figure) for name, figure in drawn.items()}
    page = write_page(folder, "reproduction.md", to_markdown(result, experiment.paper), beside)
    write_json(folder / "reproduction.json", result)
    return page
