"""The report's page."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orecast.report import curves, maps, sentences, tables
from orecast.report.drawing import to_png
from orecast.report.html import Picture, render_template, write_page
from orecast.report.reading import RunReading, open_run
from orecast.report.sentences import (
    area_sentence,
    captions,
    chance,
    counts,
    findings,
    home,
    made,
    meanings,
    when,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def write_report(folder: Path, into: Path | None = None) -> Path:
    """Draw a finished run's figures and write its ``report.html``; return the page's path.

    Writes ``report.html`` and ``figures/`` into ``into``, the run's folder when left out. A file
    of the run that is already in ``into``, as in a stage that is being written, is read from
    there, every other from ``folder``. The page holds its pictures and style, and loads nothing
    from the network.
    Raises RunError naming the file that is missing, broken or cannot be written, and ConfigError
    where ``run.toml`` is not valid.
    """
    into = folder if into is None else into
    run = open_run(folder, newer=into)
    pngs = {name: to_png(draw()) for name, draw in _figures(run).items()}
    figures = {f"figures/{name}.png": png for name, png in pngs.items()}
    return write_page(into, "report.html", render(run, pngs), figures)


def render(run: RunReading, pngs: dict[str, bytes]) -> str:
    """Set the page from a run and its figures, PNG by name."""
    words = captions(run)
    pictures = {name: Picture.of(png, words[name]) for name, png in pngs.items()}
    return render_template("page.html", pictures, {"run": run, **_content(run)})


def _figures(run: RunReading) -> dict[str, Callable[[], Figure]]:
    """Every figure that this run has data for, by name, not yet drawn."""
    metrics, model = run.metrics, run.metrics.own
    drawn: dict[str, Callable[[], Figure]] = {}

    def add(name: str, draw: Callable[[Any], Figure], of: Any, there: object = True) -> None:
        if there:
            drawn[name] = partial(draw, of)

    add("recommended", maps.recommended, run, run.has_recommended)
    add("prospectivity", maps.prospectivity, run)
    add("out_of_fold", maps.out_of_fold, run, not metrics.anomalies)
    add("uncertainty", maps.uncertainty, run)
    add("applicability", maps.applicability, run, metrics.applicability)
    add("probability", maps.probability, run, metrics.calibration is not None)
    add("classes", maps.classes, run)
    add("layers", maps.layers, run, run.layers)
    add("scores", curves.scores, metrics, any(s.percentile.known for s in metrics.fair))
    add("success_rate", curves.success_rate, metrics, any(s.success_rate for s in metrics.fair))
    if model:
        plot = model.prediction_area
        add("deposits", curves.deposits, metrics, model.per_deposit)
        add("prediction_area", curves.prediction_area, plot, plot and plot.threshold.size)
        add("reliability", curves.reliability, model.reliability, model.reliability)
    rate = metrics.undiscovered and metrics.undiscovered.prediction_rate
    add("prediction_rate", curves.prediction_rate, rate, rate)
    return drawn


def _content(run: RunReading) -> dict[str, Any]:
    """Return what the template sets beside the pictures."""
    metrics = run.metrics
    survey = run.checks.get("survey", {})
    folder = home(run.provenance)
    rule = metrics.target_rule
    return {
        "title": run.config.title,
        "begun": when(run.provenance.get("started")),
        "area": area_sentence(run),
        "metrics": metrics,
        "opening": sentences.opening(run),
        "left_out_words": sentences.left_out_words(metrics),
        "scores": tables.scores(metrics),
        "scores_shown": curves.MOST_ROWS,
        "at_threshold": tables.at_threshold(metrics),
        "crossings": tables.crossings(metrics),
        "other": tables.other_protocols(metrics),
        "sentences": {s.protocol: s.sentence for s, _ in metrics.other if s.sentence},
        "paper": tables.paper_scores(metrics),
        "deposits": tables.deposits(metrics) if metrics.fair else None,
        "undiscovered": metrics.undiscovered,
        "layer_null": sentences.layer_null(metrics),
        "applicability": sentences.applicability(metrics),
        "calibration": sentences.calibration(metrics),
        "classes": tables.classes(metrics),
        "targets": tables.targets(run, "new"),
        "target_scores": tables.target_scores(metrics),
        "target_test": metrics.target_test,
        "chosen": sentences.chosen(metrics),
        "near_deposits": tables.targets(run, "extension", "known"),
        "near": "" if rule is None else f"{rule.near_m / 1000:.3g} km",
        "spacing": "" if rule is None else f"{rule.spacing_m / 1000:.3g} km",
        "findings": findings(run.checks, folder),
        "counts": counts(run.checks),
        "chance": chance(metrics),
        "meanings": meanings(score.name for score in metrics.fair),
        "has_drawn_layers": any(layer.reach == 0 for layer in run.layers),
        "elements": tables.elements(survey),
        "other_inputs": tables.other_inputs(survey, folder),
        "layers": tables.layers(run),
        "folds": tables.folds(metrics),
        "made": made(run),
        "inputs": tables.inputs(run.provenance, folder),
        "estimate": tables.estimate,
        "configuration": run.path("run.toml").read_text(encoding="utf-8-sig"),
    }
