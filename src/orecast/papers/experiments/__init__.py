"""The five published systems as data: what each paper prints, and what is run beside it.

``paper.toml`` holds the paper's tables and lists its figures. A ``[[table]]`` is of a kind:
"scores" (a row a model), "folds" (a row a fold), "confusion", "screening", "classes" or "counts".
A column has the paper's name of a score, and as ``standard`` the key of ours that means the same,
or "". A value is in per cent where ``percent`` says so; what the paper does not print is nan, and
``why_blank`` says why. A ``note`` tells where the paper contradicts itself and which digit stands.

``experiment.toml`` holds what is run. ``recipe`` are tables of the configuration, laid over the
survey's own. A ``[[model]]`` names the tables in which it stands, may lay further ones over the
recipe (``training``, ``evidence``) or grow in its own way, and with ``same_as`` shares another's
run. ``[[grow]]`` are steps of growth in order; a slide takes every ``step`` cells up to ``shift``
each way, or as many rows as make ``to`` in all. ``smoke`` and ``hour`` cap a run: ``samples``
counts training rows, grown ones among them; where ``window`` is capped, shifts and steps shrink
with it, rounded down, at least one. ``[[choice]]`` says what was taken where the paper is silent
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
