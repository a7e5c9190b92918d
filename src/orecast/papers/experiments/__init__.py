"""The five published systems as data: what each paper prints, and what we run.

``paper.toml`` holds the paper's tables and lists its figures. A ``[[table]]`` has a kind: "scores"
(one row for each model), "folds" (one row for each fold), "confusion", "screening", "classes" or
"counts". A column has the paper's name of a score; ``standard`` is the key of our score with the
same meaning, or "". Values are in per cent if ``percent`` is true. A value that the paper does not
print is nan; ``why_blank`` gives the reason. A ``note`` names contradictions in the paper, and the
digit that we use.

``experiment.toml`` holds what is run. ``recipe`` are tables of the configuration that replace the
survey's own. A ``[[model]]`` names the tables that show it; it may replace further tables of the
recipe (``training``, ``evidence``), may grow in its own way, and with ``same_as`` shares another's
run. ``[[grow]]`` are steps of growth in order; a slide takes every ``step`` cells up to ``shift``
in each direction, or as many rows as make ``to`` in all. ``smoke`` and ``hour`` cap a run:
``samples`` counts training rows with grown ones; if ``window`` is capped, shifts and steps shrink
with it, rounded down, to at least one. ``[[choice]]`` is what we chose where the paper is silent
or contradicts itself, and why.
"""

from __future__ import annotations

from orecast.papers.experiments.reading import (
    ONE_LAYER,
    Caps,
    Choice,
    Column,
    Entry,
    Experiment,
    Paper,
    PaperFigure,
    PaperTable,
    Places,
    Row,
    SecondArea,
    Weight,
    Windows,
    read_experiment,
    systems,
)

__all__ = [
    "ONE_LAYER",
    "Caps",
    "Choice",
    "Column",
    "Entry",
    "Experiment",
    "Paper",
    "PaperFigure",
    "PaperTable",
    "Places",
    "Row",
    "SecondArea",
    "Weight",
    "Windows",
    "read_experiment",
    "systems",
]
