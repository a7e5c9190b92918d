"""Write a reproduction: tables and choices as JSON and Markdown, and figures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from orecast.papers.experiments import Experiment
from orecast.papers.report.figures import Drawn, Material, figures_of
from orecast.papers.report.markdown import to_markdown
from orecast.papers.report.tables import Beside, Results, one_layer, ranking, tables_of
from orecast.report.drawing import to_png
from orecast.report.html import write_page
from orecast.run import write_json

_FIGURES = "figures"


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
    smoke = kind == "smoke"
    tables = tables_of(experiment, cells, kind, content.get("facts"), content.get("weights", ()))
    ranked, layer = ranking(experiment, cells), one_layer(experiment, cells)
    material = Material(
        Results(experiment, cells),
        {table["id"]: table for table in tables},
        ranked,
        layer,
        Beside.of(folder),
        _cell_size(experiment, kind),
    )
    drawn = figures_of(material, smoke=smoke)
    result = {
        **content,
        "standing": ranked,
        "one_layer": layer,
        "tables": tables,
        "figures": [_listed(figure, smoke=smoke) for figure in drawn],
        "choices": [] if smoke else [asdict(choice) for choice in experiment.choices],
    }
    beside = {
        f"{_FIGURES}/{name}.png": to_png(figure)
        for d in drawn
        for name, figure in (d.figures or {}).items()
    }
    page = write_page(folder, "reproduction.md", to_markdown(result, experiment.paper), beside)
    write_json(folder / "reproduction.json", result)
    return page


def _listed(drawn: Drawn, *, smoke: bool) -> dict[str, Any]:
    return {
        "id": drawn.id,
        "title": drawn.title,
        "source": "" if smoke else drawn.source,
        "files": [f"{_FIGURES}/{name}.png" for name in drawn.figures or {}],
        "caption": drawn.caption,
        "blank": drawn.blank,
    }


def _cell_size(experiment: Experiment, kind: str) -> float | None:
    """The side of a cell in metres: the capped one, or the recipe's."""
    capped = experiment.caps[kind].cell_size if kind in experiment.caps else None
    return capped or experiment.recipe.get("evidence", {}).get("cell_size")
