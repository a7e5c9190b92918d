"""Which runs the leak-free protocol leaves standing, and the one layer they are held against."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from orecast.experiments import ONE_LAYER, Entry, Experiment
from orecast.report.reproduction.tables import Cell, Results


def standing(experiment: Experiment, cells: Sequence[Cell]) -> list[dict[str, Any]]:
    """Return each run's percentile of held-out deposits, best first; those without are left out.

    ``stands`` tells whether the intervals of all its seeds lie above 50, which is chance.
    """
    results = Results(experiment, cells)
    found = [{"run": run_label(experiment, e), **results.percentile(e)} for e in experiment.runs]
    known = sorted((f for f in found if f["value"] is not None), key=lambda f: -f["value"])
    return [f | {"stands": _above_chance(f)} for f in known]


def one_layer(experiment: Experiment, cells: Sequence[Cell]) -> dict[str, Any] | None:
    """Return the percentile of the layer that each fold chose; None where it is not scored."""
    found = Results(experiment, cells).percentile(ONE_LAYER)
    if found["value"] is None:
        return None
    return {"run": ONE_LAYER.name, **found, "stands": _above_chance(found)}


def _above_chance(figure: Mapping[str, Any]) -> bool:
    return figure["low"] is not None and figure["low"] > 50


def run_label(experiment: Experiment, entry: Entry) -> str:
    """Name a run where its table does not: "0.4" becomes "beta 0.4", "GAN" "… grown by GAN"."""
    axes = {figure.against for figure in experiment.paper.figures}
    if entry.tables[0] in axes:
        return f"{entry.tables[0]} {entry.key}"
    if entry.grow is not None:
        plain = next(e.name for e in experiment.runs if e.model == entry.model)
        way = entry.name if entry.name.isupper() else entry.name.lower()
        return f"{plain} grown by {way}"
    return entry.key
