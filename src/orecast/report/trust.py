"""Figures of trust by threshold and by chance: prediction-area, prediction rate, reliability."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from orecast.report.drawing import FAINT, INK, MODEL, RULE, families, new_figure, plain_axes
from orecast.report.metrics import PredictionArea, PredictionRate, Reliability

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_WIDTH = 5.6
_AREA = "#b25d00"  # darker than the palette's orange, so that its letters can be read


def prediction_area(plot: PredictionArea) -> Figure:
    """Draw the prediction-area plot (Yousefi & Carranza 2015, Comput. Geosci. 79, 69).

    Captured deposits are read upwards on the left, area downwards on the right.
    """
    figure = new_figure(_WIDTH, 4.0)
    axes = figure.add_subplot()
    threshold = np.multiply(plot.threshold, 100)
    axes.plot(threshold, np.multiply(plot.captured, 100), color=MODEL, linewidth=2.0)
    axes.plot(
        threshold, 100 - np.multiply(plot.area, 100), color=_AREA, linewidth=2.0, linestyle="--"
    )
    cross = plot.intersection
    x, y = 100 * cross.threshold, 100 * cross.captured
    axes.plot([x, x], [0, y], color=FAINT, linewidth=0.9, linestyle=":", zorder=2)
    axes.plot([0, 100], [y, y], color=FAINT, linewidth=0.9, linestyle=":", zorder=2)
    axes.plot(x, y, "o", color=INK, markersize=6, zorder=5, label="crossing")
    axes.set(xlim=(0, 100), ylim=(0, 101))
    axes.set_xlabel("Threshold: percentile within the held-out region", fontsize=8.5, color=INK)
    axes.set_ylabel("Deposits captured (%), solid", fontsize=8.5, color=MODEL)
    _plain(axes)
    _area_axis(axes)
    words = f"{y:.0f} % of deposits in {100 * cross.area:.0f} % of area"
    if np.isfinite(plot.normalised_density):
        words += f"\nnormalised density {plot.normalised_density:.2f}"
    axes.text(
        min(max(x, 28), 72),  # between the two lines, where they stand widest apart
        4,
        words,
        ha="center",
        va="bottom",
        fontsize=8,
        color=INK,
        bbox={"boxstyle": "round,pad=0.2", "facecolor": "white", "linewidth": 0},
    )
    return figure


def _area_axis(axes: Axes) -> None:
    """A second scale at the right, of area, read downwards."""
    beside = axes.twinx()
    beside.set_ylim(100, -1)
    beside.set_ylabel("Area (%), dashed, read downwards", fontsize=8.5, color=_AREA)
    beside.tick_params(labelsize=8, color=FAINT, labelcolor=INK)
    beside.spines[["top", "left", "right", "bottom"]].set_visible(False)


def prediction_rate(rate: PredictionRate) -> Figure:
    """Draw the prediction rate of deposits the final map never saw, over classes of equal area."""
    figure = new_figure(_WIDTH, 3.9)
    axes = figure.add_subplot()
    area = np.multiply([0.0, *rate.area], 100)
    captured = np.multiply([0.0, *rate.captured], 100)
    share = np.diff(captured)
    axes.bar(
        area[:-1],
        share,
        width=np.diff(area),
        align="edge",
        color="#c6dbe9",
        edgecolor="white",
        linewidth=0.5,
        label="within each class of equal area",
    )
    axes.plot([0, 100], [0, 100], color=FAINT, linewidth=0.9, linestyle=":", label="chance")
    axes.plot(
        area, captured, "o-", color=MODEL, linewidth=1.8, markersize=3.5, label="final map, in all"
    )
    axes.set(xlim=(0, 100), ylim=(0, 101))
    axes.set_xlabel("Area searched, best first (%)", fontsize=8.5, color=INK)
    axes.set_ylabel("Deposits held back, captured (%)", fontsize=8.5, color=INK)
    _plain(axes)
    handles, labels = axes.get_legend_handles_labels()
    order = sorted(range(len(labels)), key=lambda i: "final" not in labels[i])
    figure.legend(
        [handles[i] for i in order],
        [labels[i] for i in order],
        loc="outside lower left",
        ncols=3,
        frameon=False,
        prop={"family": families(), "size": 8},
        columnspacing=1.5,
    )
    return figure


def reliability(table: Reliability) -> Figure:
    """Draw the number of cells with a deposit in each bin of told chance beside the number told.

    Bins without a cell are left out; the bars are Wilson's intervals.
    """
    count = np.asarray(table.count, dtype=np.float64)
    held = count > 0
    told, seen, low, high = (
        (np.asarray(values) * count)[held]
        for values in (table.predicted, table.observed, table.low, table.high)
    )
    bins = np.arange(held.sum())
    figure = new_figure(_WIDTH, 3.7)
    axes = figure.add_subplot()
    axes.vlines(bins, low, high, color=MODEL, linewidth=1.6, zorder=3)
    axes.plot(bins, seen, "o", color=MODEL, markersize=5.5, zorder=4, label="observed")
    axes.hlines(
        told, bins - 0.3, bins + 0.3, color=_AREA, linewidth=2.2, zorder=5, label="predicted"
    )
    axes.set_xlim(-0.6, len(bins) - 0.4)
    axes.set_ylim(bottom=0)
    axes.locator_params(axis="y", integer=True)
    chances = np.asarray(table.predicted)[held]
    axes.set_xticks(bins, [f"{100 * chance:.2g}" for chance in chances])
    axes.set_xlabel("Mean chance told to the cells of a bin (%)", fontsize=8.5, color=INK)
    axes.set_ylabel("Cells with a known deposit", fontsize=8.5, color=INK)
    plain_axes(axes)
    axes.grid(axis="y", color=RULE, linewidth=0.5)
    axes.set_axisbelow(True)
    figure.legend(
        loc="outside lower left", ncols=2, frameon=False, prop={"family": families(), "size": 8}
    )
    return figure


def _plain(axes: Axes) -> None:
    plain_axes(axes)
    axes.grid(color=RULE, linewidth=0.5)
    axes.set_axisbelow(True)
