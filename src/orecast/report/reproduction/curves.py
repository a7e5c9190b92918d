"""Curves of a reproduction: scores along an axis, by epoch, ROC and success rate."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from textwrap import fill
from typing import TYPE_CHECKING, Any

import numpy as np

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
from orecast.report.reproduction.tables import PAPER, PUBLISHED, SPATIAL, is_renamed, score_words

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_WIDTH = 6.6
_COLOURS = (MODEL, RECOMMENDED, *OTHERS, INK, FAINT)
_LINES: tuple[Any, ...] = ("-", (0, (5, 1.5)), (0, (1, 1)), (0, (4, 1.2, 1, 1.2)))
_SIDES: dict[str, dict[str, Any]] = {
    PAPER: {"color": RECOMMENDED, "marker": "o", "label": "ours, as the paper cut"},
    SPATIAL: {"color": MODEL, "marker": "s", "label": "ours, leak-free"},
    PUBLISHED: {"color": INK, "marker": "D", "label": "paper"},
}
_CUTS = {PAPER: "as the paper cut", SPATIAL: "leak-free"}
_STEPS = 201  # points at which curves of several seeds are averaged

Row = Mapping[str, Any]
Curves = Mapping[str, Sequence[tuple[Sequence[float], Sequence[float]]]]  # by label, a seed each


def against(table: Row, axis: str) -> Figure:
    """Draw each score of a table along its rows, with ± one standard deviation over seeds.

    A last panel has the percentile of held-out deposits with its interval. ``axis`` names the rows.
    """
    panels = [*range(len(table["columns"])), None]
    across = min(len(panels), 3)
    down = math.ceil(len(panels) / across)
    figure = new_figure(_WIDTH, 0.55 + 2.15 * down)
    axes = figure.subplots(down, across, squeeze=False).ravel()
    names = [fill(lettering(row["name"]), 9) for row in table["rows"]]
    for spare in axes[len(panels) :]:
        spare.set_visible(False)
    for panel, k in zip(axes, panels, strict=False):
        if k is None:
            _percentiles(panel, table)
        else:
            _scores(panel, table, k)
        panel.set_xticks(range(len(names)), names)
        panel.set_xlim(-0.4, len(names) - 0.6)
        _dress(panel)
        panel.tick_params(axis="x", labelsize=7)
        panel.set_xlabel(axis, fontsize=8, color=INK)
    _legend(figure, list(axes[: len(panels)]))
    return figure


def epochs(histories: Mapping[str, Mapping[str, Sequence[Sequence[Row]]]], key: str) -> Figure:
    """Draw a figure of the training by epoch: the mean over seeds, their range as a band.

    ``histories`` by protocol and model, a list of epochs a seed; ``key`` is "loss" or "accuracy".
    """
    drawn = {
        protocol: {
            name: [([h["epoch"] for h in s], [h[key] for h in s]) for s in seeds]
            for name, seeds in models.items()
        }
        for protocol, models in histories.items()
    }
    figure, axes = _panels(drawn)
    for panel in axes:
        panel.set_xlabel("Epoch", fontsize=8.5, color=INK)
        panel.locator_params(axis="x", integer=True)
    axes[0].set_ylabel(f"Training {key}", fontsize=8.5, color=INK)
    _legend(figure, axes)
    return figure


def roc(curves: Mapping[str, Curves]) -> Figure:
    """Draw ROC curves by protocol and model: mean over seeds, their range as a band."""
    figure, axes = _panels(curves, size=3.3)
    for panel in axes:
        _diagonal(panel)
        panel.set_xlabel("False alarms (share of barren)", fontsize=8.5, color=INK)
    axes[0].set_ylabel("Hits (share of ore)", fontsize=8.5, color=INK)
    _legend(figure, axes)
    return figure


def success_rate(curves: Curves) -> Figure:
    """Draw held-out deposits captured against the area searched, leak-free, and chance."""
    figure, (panel,) = _panels({SPATIAL: curves}, size=3.9)
    _diagonal(panel)
    panel.set_title("")
    panel.set_xlabel("Area searched, best first (share)", fontsize=8.5, color=INK)
    panel.set_ylabel("Held-out deposits captured (share)", fontsize=8.5, color=INK)
    _legend(figure, [panel])
    return figure


def _scores(axes: Axes, table: Row, k: int) -> None:
    column = table["columns"][k]
    unit = f" ({column['unit']})" if column["unit"] else ""
    score = f", {score_words(column['standard'])}" if is_renamed(column) else ""
    axes.set_title(f"{lettering(column['name'])}{score}{unit}", fontsize=9, color=INK, loc="left")
    for side in table["sides"]:
        values = [_value(row["figures"][side][k]["value"]) for row in table["rows"]]
        spreads = [_value(row["figures"][side][k]["spread"]) for row in table["rows"]]
        if side == PUBLISHED:
            style = {"markerfacecolor": "white", "linestyle": "none", "markersize": 4.5}
        else:
            style = {"linewidth": 1.3, "markersize": 3.5, "capsize": 2, "elinewidth": 0.9}
        _bars(axes, values, [spreads, spreads], _SIDES[side] | style)


def _percentiles(axes: Axes, table: Row) -> None:
    axes.set_title("Percentile, leak-free", fontsize=9, color=INK, loc="left")
    axes.axhline(50, color=FAINT, linewidth=0.9, linestyle=(0, (4, 3)))
    columns = list(dict.fromkeys(p["column"] for r in table["rows"] for p in r["percentile"]))
    for n, name in enumerate(columns):
        found: list[Row] = [
            next((p for p in r["percentile"] if p["column"] == name), {}) for r in table["rows"]
        ]
        value, low, high = (
            np.array([_value(p.get(k)) for p in found]) for k in ("value", "low", "high")
        )
        style = {
            "color": MODEL if n == 0 else OTHERS[n - 1],
            "marker": "s^v"[n % 3],
            "label": f"percentile, {name}" if name else "_",
            "linewidth": 1.3,
            "markersize": 3.5,
            "capsize": 2,
            "elinewidth": 0.9,
        }
        _bars(axes, value, [value - low, high - value], style, shift=0.12 * n)


def _bars(axes: Axes, values: Any, ends: Any, style: dict[str, Any], shift: float = 0.0) -> None:
    """Points with bars; where no end is known, points alone."""
    at = np.arange(len(values)) + shift
    known = np.isfinite(values)
    bars = np.nan_to_num(np.asarray(ends, dtype=np.float64)[:, known])
    if known.any():
        shown = bars if bars.any() else None
        axes.errorbar(at[known], np.asarray(values)[known], yerr=shown, **style)


def _panels(curves: Mapping[str, Curves], size: float = 2.9) -> tuple[Figure, list[Axes]]:
    """A panel a protocol, in it a line a model."""
    labels = list(dict.fromkeys(name for models in curves.values() for name in models))
    rows = math.ceil(len(labels) / 3)
    width = _WIDTH if len(curves) > 1 else 4.6
    figure = new_figure(width, size + 0.1 + 0.2 * rows)
    axes = list(figure.subplots(1, len(curves), sharey=True, squeeze=False).ravel())
    for panel, (protocol, models) in zip(axes, curves.items(), strict=True):
        panel.set_title(_CUTS[protocol], fontsize=9, color=INK, loc="left")
        for name, seeds in models.items():
            k = labels.index(name)
            style = {"color": _COLOURS[k % 7], "linestyle": _LINES[k % 4], "linewidth": 1.5}
            _line(panel, seeds, lettering(name, 34), style)
        _dress(panel)
    return figure, axes


def _line(axes: Axes, seeds: Sequence[Any], label: str, style: dict[str, Any]) -> None:
    """One seed as it is; of several the mean, between the lowest and the highest."""
    if len(seeds[0][0]) == 1:
        style = style | {"marker": "o", "markersize": 4}  # one epoch is no line
    if len(seeds) == 1:
        axes.plot(*seeds[0], label=label, **style)
        return
    ends = [end for x, _ in seeds for end in (min(x), max(x))]
    at = np.linspace(min(ends), max(ends), _STEPS)
    values = np.array([np.interp(at, x, y, right=np.nan) for x, y in seeds])
    axes.fill_between(
        at, np.nanmin(values, axis=0), np.nanmax(values, axis=0), color=style["color"], alpha=0.16,
        linewidth=0,
    )  # fmt: skip
    axes.plot(at, np.nanmean(values, axis=0), label=label, **style)


def _diagonal(axes: Axes) -> None:
    axes.plot([0, 1], [0, 1], color=FAINT, linewidth=0.9, linestyle=":", label="chance", zorder=1)
    axes.set(xlim=(0, 1), ylim=(0, 1.01))


def _dress(axes: Axes) -> None:
    plain_axes(axes)
    axes.grid(axis="y", color=RULE, linewidth=0.5)
    axes.set_axisbelow(True)
    axes.tick_params(labelsize=7.5)


def _legend(figure: Figure, axes: Sequence[Axes]) -> None:
    """Name each line once below all panels."""
    found: dict[str, Any] = {}
    for panel in axes:
        for handle, label in zip(*panel.get_legend_handles_labels(), strict=True):
            found.setdefault(label, handle)
    figure.legend(
        found.values(),
        found.keys(),
        loc="outside lower left",
        ncols=min(len(found), 3),
        frameon=False,
        prop={"family": families(), "size": 8},
        columnspacing=1.5,
    )


def _value(value: float | None) -> float:
    return math.nan if value is None else value
