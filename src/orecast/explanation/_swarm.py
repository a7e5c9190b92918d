"""The figures of Shapley values: a swarm of points a layer, and a bar a layer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from orecast.explanation._drawing import (
    BLUE,
    FAINT,
    INK,
    RULE,
    new_figure,
    note,
    plain_axes,
    shortened,
)
from orecast.samples.nouns import Floats

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Reals = NDArray[np.float64]

MOST_LAYERS = 20
_WIDTH = 6.0
_ROW = 0.27  # inches
_LOWEST = 2.2  # inches, as the lettering of the colours needs
_BINS = 120
_HALF_ROW = 0.42


def swarm_figure(names: Sequence[str], values: Reals, features: Floats) -> Figure:
    """Draw values ``(n, C)``, a row a layer in the order given, the first ``MOST_LAYERS``."""
    from matplotlib import colormaps
    from matplotlib.cm import ScalarMappable

    colours = colormaps["coolwarm"].with_extremes(bad=FAINT)  # where a layer has no value
    shown = min(len(names), MOST_LAYERS)
    figure, axes = _rows(names)
    axes.axvline(0, color=FAINT, linewidth=0.8, zorder=1)
    span = float(np.ptp(values[:, :shown])) or 1.0
    for row in range(shown):
        spread = swarm_offsets(values[:, row], span / _BINS)
        axes.scatter(
            values[:, row],
            row + spread,
            c=unit_colours(features[:, row]),
            cmap=colours,
            plotnonfinite=True,
            vmin=0,
            vmax=1,
            s=7,
            linewidth=0,
            zorder=2,
        )
    axes.set_xlabel("Shapley value: what the layer adds to the score", fontsize=8.5, color=INK)
    axes.grid(axis="y", color=RULE, linewidth=0.5, linestyle=(0, (1, 3)))
    scale = ScalarMappable(cmap=colours)
    bar = figure.colorbar(scale, ax=axes, ticks=[0, 1], aspect=40, pad=0.02)
    bar.ax.set_yticklabels(["low", "high"], fontsize=8, color=INK)
    bar.set_label("Mean over the window", fontsize=8, color=INK, labelpad=-12)
    bar.outline.set_visible(False)
    return figure


def means_figure(names: Sequence[str], means: Reals) -> Figure:
    """Draw mean |values| ``(C,)``, a bar a layer in the order given, the first ``MOST_LAYERS``."""
    shown = min(len(names), MOST_LAYERS)
    figure, axes = _rows(names)
    bars = axes.barh(range(shown), means[:shown], height=0.62, color=BLUE)
    axes.bar_label(bars, fmt="%.3f", padding=3, fontsize=7, color=INK)
    axes.set_xlabel("Mean |Shapley value|", fontsize=8.5, color=INK)
    axes.margins(x=0.12)
    axes.set_xlim(left=0)
    return figure


def swarm_offsets(values: Reals, width: float) -> Reals:
    """How far from its row's middle each point stands, ``(n,)``, near ones side by side.

    Points whose values fall into one bin of ``width`` go above and below in turn. The fullest bin
    fills the row, and a row of few points keeps to its middle.

    >>> swarm_offsets(np.array([0.0, 0.01, 0.02, 5.0]), 1.0).round(2).tolist()
    [0.0, 0.08, -0.08, 0.0]
    """
    bins = np.floor((values - values.min()) / width).astype(np.int64)
    order = np.argsort(bins, kind="stable")
    _, first, counts = np.unique(bins[order], return_index=True, return_counts=True)
    turn = np.arange(len(values)) - np.repeat(first, counts)  # 0, 1, 2 … within each bin
    layer = (turn + 1) // 2 * np.where(turn % 2, 1, -1)  # 0, 1, -1, 2, -2 …
    offsets = np.empty(len(values))
    offsets[order] = layer * min(0.08, _HALF_ROW / max(1, int(np.abs(layer).max())))
    return offsets


def unit_colours(values: Floats) -> Reals:
    """Values from their 5th to their 95th percentile as 0 to 1, ``(n,)``; alike ones are 0.5."""
    low, high = np.nanpercentile(values, [5, 95])
    if high <= low:
        return np.full(len(values), 0.5)
    return np.asarray(np.clip((values - low) / (high - low), 0, 1), dtype=np.float64)


def _rows(names: Sequence[str]) -> tuple[Figure, Axes]:
    """A figure with a row for each layer, the first on top."""
    shown = min(len(names), MOST_LAYERS)
    figure = new_figure(_WIDTH, max(_LOWEST, 0.8 + _ROW * shown))
    axes = figure.add_subplot()
    plain_axes(axes)
    axes.set_yticks(range(shown), [shortened(n) for n in names[:shown]], parse_math=False)
    axes.set_ylim(shown - 0.4, -0.6)
    if shown < len(names):
        note(figure, f"The strongest {shown} of {len(names)} layers")
    return figure, axes
