"""Figures of a comparison: each map's percentile, and what each protocol claims."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from orecast.report.drawing import (
    FAINT,
    INK,
    MODEL,
    OTHERS,
    RECOMMENDED,
    RULE,
    families,
    lettering,
    new_figure,
    plain_axes,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_MAPS = 25
_WIDTH = 6.3
_LETTERS = 34

Row = Mapping[str, Any]


def percentiles(rows: Sequence[Row], reference: str) -> Figure:
    """Draw each map's mean percentile with its interval, the best on top.

    Compared models are filled, baselines grey; ``reference`` is the model others are held against.
    """
    drawn = rows[:MOST_MAPS]
    figure = new_figure(_WIDTH, 0.95 + 0.26 * len(drawn))
    axes = figure.add_subplot()
    axes.axvline(50, color=FAINT, linewidth=0.9, linestyle=(0, (4, 3)), zorder=1)
    ends = [0.0]
    for k, row in enumerate(drawn):
        colour = _colour(row, reference)
        p = row["percentile"]
        if p["low"] is not None and p["high"] is not None:
            ends.append(100 * p["low"])
            axes.plot([100 * p["low"], 100 * p["high"]], [k, k], color=colour, linewidth=1.6)
        axes.plot(100 * p["value"], k, "o", color=colour, markersize=5.5, zorder=4)
    axes.set_xlim(min(ends), 100)
    axes.set_xlabel("Mean percentile of held-out places (50 is chance)", fontsize=8.5, color=INK)
    labels = [
        lettering(row["name"], _LETTERS) + (" (reference)" if row["name"] == reference else "")
        for row in drawn
    ]
    _name_rows(axes, labels)
    for label, row in zip(axes.get_yticklabels(), drawn, strict=True):
        colour = _colour(row, reference)
        label.set(color=INK if colour == FAINT else colour)
        label.set_fontweight("normal" if colour == FAINT else "bold")
    return figure


def claims(auc: Mapping[str, Mapping[str, float]], protocols: Sequence[str]) -> Figure:
    """Draw the AUC that each protocol claims for a model, ``{model: {protocol: AUC}}``.

    ``spatial`` comes first among ``protocols``; the papers' are the colour of a warning.
    """
    figure = new_figure(_WIDTH, 1.25 + 0.3 * len(auc) + 0.1 * len(protocols))
    axes = figure.add_subplot()
    axes.axvline(0.5, color=FAINT, linewidth=0.9, linestyle=(0, (4, 3)), zorder=1)
    for k, values in enumerate(auc.values()):
        axes.plot([min(values.values()), max(values.values())], [k, k], color=RULE, linewidth=2)
    colours = claim_colours(protocols)
    for protocol in protocols:
        rows = [k for k, values in enumerate(auc.values()) if protocol in values]
        if rows:
            axes.scatter(
                [list(auc.values())[k][protocol] for k in rows],
                rows,
                s=42 if protocol == protocols[0] else 30,
                color=colours[protocol],
                marker="D" if colours[protocol] == RECOMMENDED else "o",
                label=lettering(protocol, _LETTERS),
                zorder=3,
            )
    lowest = min((v for values in auc.values() for v in values.values()), default=0.5)
    axes.set_xlim(min(0.4, math.floor(10 * lowest) / 10), 1.01)
    axes.set_xlabel("AUC (0.5 is chance)", fontsize=8.5, color=INK)
    _name_rows(axes, [lettering(name, _LETTERS) for name in auc])
    figure.legend(
        loc="outside upper left",
        ncols=min(len(protocols), 3),
        frameon=False,
        prop={"family": families(), "size": 8},
    )
    return figure


def claim_colours(protocols: Sequence[str]) -> dict[str, str]:
    """A colour for each protocol: the first one's is the model's, the papers' that of a warning."""
    others = [p for p in protocols[1:] if p.partition(":")[0] != "paper"]
    found = {p: (*OTHERS, INK)[k % (len(OTHERS) + 1)] for k, p in enumerate(others)}
    return {protocols[0]: MODEL} | found | {p: RECOMMENDED for p in protocols[1:] if p not in found}


def _colour(row: Row, reference: str) -> str:
    if row["name"] == reference:
        return RECOMMENDED
    return MODEL if row["role"] == "model" else FAINT


def _name_rows(axes: Axes, labels: list[str]) -> None:
    axes.set_yticks(range(len(labels)), labels)
    axes.set_ylim(len(labels) - 0.4, -0.6)
    plain_axes(axes)
    axes.grid(axis="x", color=RULE, linewidth=0.5)
    axes.set_axisbelow(True)
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", length=0)
    for label in axes.get_yticklabels():
        label.set_fontfamily(families())
