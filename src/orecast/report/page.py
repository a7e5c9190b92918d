"""The page: figures drawn, tables set, everything in one file that opens offline."""

from __future__ import annotations

import base64
import os
import struct
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orecast.errors import RunError
from orecast.report import curves, layers, maps, tables
from orecast.report.drawing import DPI, to_png
from orecast.report.facts import (
    area_sentence,
    baselines,
    chance,
    counts,
    findings,
    gaps,
    home,
    made,
    when,
)
from orecast.report.reading import RunReading

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_PIXELS_AN_INCH = 120


@dataclass(frozen=True)
class Picture:
    """A figure's file as a data URI, its size on the page, and what it shows in words."""

    uri: str
    alt: str
    width: int  # CSS pixels, so that letters have one size in all figures
    height: int


def write_report(folder: Path, into: Path | None = None) -> Path:
    """Draw a finished run's figures and write its ``report.html``; return the page's path.

    Writes ``report.html`` and ``figures/`` into ``into``, the run's folder when left out. A file
    of the run that stands in ``into`` already, as in a stage that is being written, is read from
    there, every other from ``folder``. The page holds its pictures and style, and asks nothing of
    the network.
    Raises RunError naming the file that is missing, broken or cannot be written, and ConfigError
    where ``run.toml`` does not hold.
    """
    into = folder if into is None else into
    run = RunReading.of(folder, newer=into)
    pngs = {name: to_png(draw()) for name, draw in _figures(run).items()}
    page = render(run, pngs)
    try:
        (into / "figures").mkdir(parents=True, exist_ok=True)
        for name, png in pngs.items():
            _write(into / "figures" / f"{name}.png", png)
        _write(into / "report.html", page.encode("utf-8"))
    except OSError as error:
        raise RunError(
            f"cannot write ({error.strerror or error})",
            where=str(error.filename or into),
            remedy="free space or name a writable folder",
        ) from error
    return into / "report.html"


def render(run: RunReading, pngs: dict[str, bytes]) -> str:
    """Set the page from a run and its figures, PNG by name."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    template = environment.from_string(_resource("page.html"))
    alts = _alternatives(run)
    pictures = {name: _picture(png, alts[name]) for name, png in pngs.items()}
    return template.render(style=_resource("page.css"), pictures=pictures, run=run, **_content(run))


def _figures(run: RunReading) -> dict[str, Callable[[], Figure]]:
    """Every figure that this run has something for, by name, not yet drawn."""
    metrics = run.metrics
    drawn: dict[str, Callable[[], Figure]] = {
        "prospectivity": lambda: maps.prospectivity(run),
        "out_of_fold": lambda: maps.out_of_fold(run),
        "uncertainty": lambda: maps.uncertainty(run),
        "classes": lambda: maps.classes(run),
    }
    if any(s.percentile.known for s in metrics.spatial):
        drawn["scores"] = lambda: curves.scores(metrics)
    if any(s.success_rate and s.success_rate.area for s in metrics.spatial):
        drawn["success_rate"] = lambda: curves.success_rate(metrics)
    if metrics.spatial and metrics.spatial[0].per_deposit:
        drawn["deposits"] = lambda: curves.deposits(metrics)
    if run.layers:
        drawn["layers"] = lambda: layers.layers(run)
    return drawn


def _content(run: RunReading) -> dict[str, Any]:
    """What the template sets beside the pictures."""
    metrics = run.metrics
    survey = run.checks.get("survey", {})
    folder = home(run.provenance)
    return {
        "title": run.config.title,
        "begun": when(run.provenance.get("started")),
        "area": area_sentence(run),
        "metrics": metrics,
        "scores": tables.scores(metrics),
        "scores_shown": curves.MOST_ROWS,
        "rest": curves.shown_and_rest(metrics)[1],
        "paper": tables.paper_scores(metrics),
        "most_names": curves.MOST_NAMES,
        "deposits": tables.deposits(metrics) if metrics.spatial else None,
        "undiscovered": metrics.undiscovered,
        "classes": tables.classes(metrics),
        "targets": tables.targets(run),
        "findings": findings(run.checks, folder),
        "counts": counts(run.checks),
        "chance": chance(metrics),
        "gaps": gaps(run),
        "baselines": baselines(metrics),
        "has_drawn_layers": any(layer.reach == 0 for layer in run.layers),
        "elements": tables.elements(survey),
        "other_inputs": tables.other_inputs(survey, folder),
        "layers": tables.layers(run),
        "most_layers": layers.MOST_LAYERS,
        "folds": tables.folds(metrics),
        "made": made(run),
        "inputs": tables.inputs(run.provenance, folder),
        "estimate": tables.estimate,
        "configuration": run.path("run.toml").read_text(encoding="utf-8-sig"),
    }


def _alternatives(run: RunReading) -> dict[str, str]:
    m, n = run.metrics, len(run.deposits)
    targets = len(run.targets)
    return {
        "prospectivity": f"Map of prospectivity with {targets} ranked targets and {n} known "
        "deposits; the targets are listed with their places under Targets.",
        "out_of_fold": "Map of prospectivity in which every cell was scored by a model that had "
        f"not seen its surroundings, with {n} known deposits.",
        "uncertainty": "Map of the spread of the folds' models.",
        "classes": "Map of the potential classes A, B and C.",
        "scores": "Mean percentile with interval of the model and the best baselines; "
        "the table below has the same figures.",
        "success_rate": "Curves of the share of known deposits captured against the share of the "
        f"area searched, for {m.model} and the best baselines.",
        "deposits": "Percentile of each held-out deposit; the table below has the same figures.",
        "layers": f"Small maps of {min(len(run.layers), layers.MOST_LAYERS)} evidence layers.",
    }


def _picture(png: bytes, alt: str) -> Picture:
    width, height = struct.unpack(">II", png[16:24])  # of the header chunk, PNG 3rd ed., 11.2.1
    uri = "data:image/png;base64," + base64.b64encode(png).decode("ascii")
    return Picture(uri, alt, *(round(n / DPI * _PIXELS_AN_INCH) for n in (width, height)))


def _resource(name: str) -> str:
    return files("orecast.report").joinpath(name).read_text(encoding="utf-8")


def _write(path: Path, content: bytes) -> None:
    beside = path.with_name(path.name + ".part")
    beside.write_bytes(content)
    os.replace(beside, path)
