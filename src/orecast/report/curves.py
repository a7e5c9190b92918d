"""Figures of curves: success rate, prediction area, reliability."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from orecast.metrics.results import (
    Curve,
    DepositScore,
    Metrics,
    PredictionArea,
    PredictionRate,
    Reliability,
    Score,
)
from orecast.report.drawing import (
    FAINT,
    INK,
    MODEL,
    OTHERS,
    RECOMMENDED,
    RULE,
    add_legend,
    can_letter,
    colour_names,
    lettering,
    mark_chance,
    name_rows,
    new_figure,
    ruled,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_ROWS = 15
MOST_NAMES = 30
_WIDTH = 6.3


def shown_and_rest(metrics: Metrics, most: int = MOST_ROWS) -> tuple[list[Score], list[Score]]:
    """Split the fair scores: the model, the recommended and the best ones, and the rest."""
    known = [s for s in metrics.fair if s.percentile.known]
    wanted = [s for s in known if s.is_model or metrics.recommends(s)]
    wanted += [s for s in known if s not in wanted]
    shown = [s for s in known if s in wanted[:most]]
    return shown, [s for s in known if s not in shown]


def scores(metrics: Metrics) -> Figure:
    """Draw the mean percentile of unseen deposits with its interval, best on top."""
    shown, rest = shown_and_rest(metrics)
    shown.sort(key=lambda s: -s.percentile.value)
    rows = len(shown) + bool(rest)
    figure = new_figure(_WIDTH, 0.95 + 0.26 * rows)
    axes = figure.add_subplot()
    mark_chance(axes, 50)
    for row, score in enumerate(shown):
        _dot_and_interval(axes, row, score, _colour(score, metrics))
    labels = [_row_label(s, metrics) for s in shown]
    if rest:
        values = [100 * s.percentile.value for s in rest]
        axes.plot([min(values), max(values)], [len(shown)] * 2, color=RULE, linewidth=5, zorder=2)
        axes.plot(np.median(values), len(shown), "|", color=FAINT, markersize=9, zorder=3)
        labels.append(f"{len(rest)} more: range, median")
    low = min([0.0, *[100 * s.percentile.low for s in shown if s.percentile.has_ends]])
    axes.set_xlim(min(low, 0), 100)
    whose = "test-only deposits" if metrics.anomalies else "held-out deposits"
    axes.set_xlabel(f"Mean percentile of {whose} (50 is chance)", fontsize=8.5, color=INK)
    name_rows(axes, labels)
    colour_names(axes, [_colour(score, metrics) for score in shown])
    return figure


def success_rate(metrics: Metrics) -> Figure:
    """Draw deposits captured against area searched, out of fold; the final map's is dashed."""
    drawn = _curves(metrics)
    figure = new_figure(5.6, 4.2 + 0.1 * len(drawn))
    axes = figure.add_subplot()
    axes.plot([0, 100], [0, 100], color=FAINT, linewidth=0.9, linestyle=":", label="chance")
    for score, curve, colour in drawn:
        bold = score.is_model or metrics.recommends(score)
        axes.plot(
            np.multiply(curve.area, 100),
            np.multiply(curve.captured, 100),
            color=colour,
            linewidth=2.0 if bold else 1.1,
            zorder=4 if bold else 3,
            label=_row_label(score, metrics),
        )
    fit = metrics.training_fit
    if fit is not None:
        axes.plot(
            np.multiply(fit.area, 100),
            np.multiply(fit.captured, 100),
            color=INK,
            linewidth=1.0,
            linestyle=(0, (4, 2)),
            zorder=2,
            label="success-rate curve of the final map (training deposits)",
        )
    axes.set(xlim=(0, 100), ylim=(0, 101))
    axes.set_xlabel("Area searched, best first (%)", fontsize=8.5, color=INK)
    axes.set_ylabel("Known deposits captured (%)", fontsize=8.5, color=INK)
    ruled(axes)
    handles, labels = axes.get_legend_handles_labels()
    add_legend(
        figure,
        handles=handles[1:] + handles[:1],
        labels=labels[1:] + labels[:1],
        ncols=1 if max(map(len, labels)) > 34 and len(labels) < 5 else 2,
        columnspacing=1.5,
    )
    return figure


def deposits(metrics: Metrics) -> Figure:
    """Draw each held-out deposit's percentile, the model's filled, the recommended map's open."""
    model = metrics.fair[0]
    ordered = sorted(
        (d for d in model.per_deposit if math.isfinite(d.percentile)), key=lambda d: -d.percentile
    )
    beside = metrics.recommended
    other = {} if beside in (None, model) else {d.deposit: d.percentile for d in beside.per_deposit}
    named = len(ordered) <= MOST_NAMES
    figure = new_figure(_WIDTH, 1.15 + (0.2 * max(len(ordered), 3) if named else 5.0))
    axes = figure.add_subplot()
    rows = np.arange(len(ordered))
    values = [100 * d.percentile for d in ordered]
    mark_chance(axes, 50)
    others = [100 * other.get(d.deposit, math.nan) for d in ordered]
    if beside is not None and other:
        axes.hlines(rows, values, others, color=RULE, linewidth=0.9, zorder=2)
        axes.scatter(
            others,
            rows,
            s=20 if named else 9,
            facecolor="white",
            edgecolor=RECOMMENDED,
            linewidth=1.1,
            zorder=3,
            label=_row_label(beside, metrics),
        )
    size = 24 if named else 10
    axes.scatter(values, rows, s=size, color=MODEL, zorder=4, label=_row_label(model, metrics))
    axes.set_xlim(-1, 101)
    axes.set_xlabel("Percentile among the cells of its held-out region", fontsize=8.5, color=INK)
    if named:
        name_rows(axes, [_deposit_label(d) for d in ordered])
    else:
        ruled(axes, "x")
        axes.set_ylim(len(ordered) - 0.4, -0.6)
        axes.set_yticks([])
        axes.set_ylabel("Held-out deposits, best first", fontsize=8.5, color=INK)
    handles, labels = axes.get_legend_handles_labels()
    add_legend(figure, "upper left", handles=handles[::-1], labels=labels[::-1])
    return figure


def _curves(metrics: Metrics) -> list[tuple[Score, Curve, str]]:
    """The model, the recommended, and the best three other baselines that have a curve."""
    drawn = [(s, s.success_rate) for s in metrics.fair if s.success_rate]
    special = [(s, c, _colour(s, metrics)) for s, c in drawn if _colour(s, metrics) != FAINT]
    others = [(s, c) for s, c in drawn if _colour(s, metrics) == FAINT]
    return special + [(s, c, o) for (s, c), o in zip(others, OTHERS, strict=False)]


def _dot_and_interval(axes: Axes, row: int, score: Score, colour: str) -> None:
    p = score.percentile
    if p.has_ends:
        axes.plot([100 * p.low, 100 * p.high], [row, row], color=colour, linewidth=1.6, zorder=3)
    axes.plot(100 * p.value, row, "o", color=colour, markersize=5.5, zorder=4)


def _colour(score: Score, metrics: Metrics) -> str:
    if score.is_model:
        return MODEL
    return RECOMMENDED if metrics.recommends(score) else FAINT


def _row_label(score: Score, metrics: Metrics) -> str:
    roles = ["the model"] if score.is_model else []
    if metrics.recommends(score):
        roles.append("recommended")
    return lettering(score.name) + (f" ({', '.join(roles)})" if roles else "")


def _deposit_label(deposit: DepositScore) -> str:
    title = deposit.title if can_letter(deposit.title) else f"No. {deposit.deposit}"
    return f"{lettering(title, 26)}, fold {deposit.fold}"


_TRUST_WIDTH = 5.6
_AREA = "#b25d00"  # darker than the palette's orange, so that text in it can be read


def prediction_area(plot: PredictionArea) -> Figure:
    """Draw the prediction-area plot (Yousefi & Carranza 2015, Comput. Geosci. 79, 69).

    Captured deposits are read upwards on the left, area downwards on the right.
    """
    figure = new_figure(_TRUST_WIDTH, 4.0)
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
    ruled(axes)
    _area_axis(axes)
    words = f"{y:.0f} % of deposits in {100 * cross.area:.0f} % of area"
    if np.isfinite(plot.normalised_density):
        words += f"\nnormalised density {plot.normalised_density:.2f}"
    axes.text(
        min(max(x, 28), 72),  # between the two lines, where they are farthest apart
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
    figure = new_figure(_TRUST_WIDTH, 3.9)
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
        area,
        captured,
        "o-",
        color=MODEL,
        linewidth=1.8,
        markersize=3.5,
        label="final map, total",
    )
    axes.set(xlim=(0, 100), ylim=(0, 101))
    axes.set_xlabel("Area searched, best first (%)", fontsize=8.5, color=INK)
    axes.set_ylabel("Test-only deposits captured (%)", fontsize=8.5, color=INK)
    ruled(axes)
    handles, labels = axes.get_legend_handles_labels()
    order = sorted(range(len(labels)), key=lambda i: "final" not in labels[i])
    add_legend(
        figure,
        handles=[handles[i] for i in order],
        labels=[labels[i] for i in order],
        ncols=3,
        columnspacing=1.5,
    )
    return figure


def reliability(table: Reliability) -> Figure:
    """Draw the cells with a deposit, observed and predicted, in each bin of probability.

    Bins without a cell are left out; the bars are Wilson's intervals.
    """
    count = np.asarray(table.count, dtype=np.float64)
    filled = count > 0
    predicted, observed, low, high = (
        (np.asarray(values) * count)[filled]
        for values in (table.predicted, table.observed, table.low, table.high)
    )
    bins = np.arange(filled.sum())
    figure = new_figure(_TRUST_WIDTH, 3.7)
    axes = figure.add_subplot()
    axes.vlines(bins, low, high, color=MODEL, linewidth=1.6, zorder=3)
    axes.plot(bins, observed, "o", color=MODEL, markersize=5.5, zorder=4, label="observed")
    axes.hlines(
        predicted, bins - 0.3, bins + 0.3, color=_AREA, linewidth=2.2, zorder=5, label="predicted"
    )
    axes.set_xlim(-0.6, len(bins) - 0.4)
    axes.set_ylim(bottom=0)
    axes.locator_params(axis="y", integer=True)
    means = np.asarray(table.predicted)[filled]
    axes.set_xticks(bins, [f"{100 * mean:.2g}" for mean in means])
    axes.set_xlabel("Mean predicted probability of a bin’s cells (%)", fontsize=8.5, color=INK)
    axes.set_ylabel("Cells with a known deposit", fontsize=8.5, color=INK)
    ruled(axes, "y")
    add_legend(figure)
    return figure
