"""Pictures of a reproduction: confusion matrices, violins with their boxes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from orecast.report.drawing import (
    FAINT,
    INK,
    MODEL,
    RECOMMENDED,
    RULE,
    lettering,
    new_figure,
    plain_axes,
)
from orecast.report.reproduction.tables import OURS, PAPER, PUBLISHED
from orecast.report.tables import number

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_WIDTH = 6.6
_WHOSE = {PUBLISHED: "paper", PAPER: "ours, as the paper cut", OURS: "ours"}

Floats = NDArray[np.float64]
Row = Mapping[str, Any]


def confusion(table: Row) -> Figure:
    """Draw a matrix a row of the table, the paper's above ours where it has one: counts, shares."""
    sides = [side for side in (PUBLISHED, PAPER) if side in table["sides"]]
    across = len(table["rows"])
    figure = new_figure(max(1.6 * across + 0.5, 3.0), 1.75 * len(sides) + 0.35)
    axes = figure.subplots(len(sides), across, squeeze=False)
    keys = [column["name"].lower() for column in table["columns"]]
    for i, side in enumerate(sides):
        for j, row in enumerate(table["rows"]):
            counts = dict(zip(keys, (f["value"] for f in row["figures"][side]), strict=True))
            _matrix(axes[i, j], counts)
            axes[i, j].set_title(
                f"{lettering(row['name'])}, {_WHOSE[side].split(',')[0]}", fontsize=8.5, color=INK
            )
            axes[i, j].tick_params(labelleft=j == 0, labelbottom=i == len(sides) - 1)
        axes[i, 0].set_ylabel("is", fontsize=8.5, color=INK)
    for panel in axes[-1]:
        panel.set_xlabel("called", fontsize=8.5, color=INK)
    return figure


def distributions(names: Sequence[str], values: ArrayLike, *, log: bool) -> Figure:
    """Draw each element as a violin with its box inside; ``log`` for concentrations in mg/kg.

    ``values`` ``(n, n_elements)``; what is missing, or not above zero where ``log``, is left out.
    Boxes end at the quartiles, whiskers at the 2.5th and 97.5th percentile.
    """
    X = np.asarray(values, dtype=np.float64)
    X = np.log10(np.where(X > 0, X, np.nan)) if log else X
    columns = [x[np.isfinite(x)] for x in X.T]
    shown = [(name, x) for name, x in zip(names, columns, strict=True) if np.ptp(x, axis=0) > 0]
    figure = new_figure(_WIDTH, 3.2)
    axes = figure.add_subplot()
    data, at = [x for _, x in shown], list(range(len(shown)))
    for body in _bodies(axes.violinplot(data, at, widths=0.85, showextrema=False)):
        body.set(facecolor=MODEL, alpha=0.35, edgecolor=MODEL, linewidth=0.6)
    axes.boxplot(
        data,
        positions=at,
        widths=0.22,
        whis=(2.5, 97.5),
        showfliers=False,
        patch_artist=True,
        boxprops={"facecolor": "white", "edgecolor": INK, "linewidth": 0.8},
        medianprops={"color": RECOMMENDED, "linewidth": 1.4},
        whiskerprops={"color": INK, "linewidth": 0.8},
        capprops={"color": INK, "linewidth": 0.8},
    )
    plain_axes(axes)
    axes.set_xticks(at, [lettering(name) for name, _ in shown])
    axes.grid(axis="y", color=RULE, linewidth=0.5)
    axes.set_axisbelow(True)
    if log:
        _powers_of_ten(axes)
    axes.set_ylabel(
        "Concentration (mg/kg)" if log else "Centred log-ratio", fontsize=8.5, color=INK
    )
    return figure


def _matrix(axes: Axes, counts: Mapping[str, float | None]) -> None:
    """Rows are what a place is, columns what it is called; shaded by the share of its row."""
    told = [[counts["tp"], counts["fn"]], [counts["fp"], counts["tn"]]]
    table = np.array(told, dtype=np.float64)
    sums = table.sum(axis=1, keepdims=True)
    shares = np.divide(table, sums, out=np.zeros_like(table), where=sums > 0)
    axes.imshow(np.nan_to_num(shares), cmap="Blues", vmin=0, vmax=1.15, aspect="auto")
    for (i, j), count in np.ndenumerate(table):
        text = f"{number(count, 0)}\n{100 * shares[i, j]:.0f}\u00a0%" if np.isfinite(count) else "–"
        ink = "white" if shares[i, j] > 0.6 else INK
        axes.text(j, i, text, ha="center", va="center", fontsize=8, color=ink)
    axes.set_xticks([0, 1], ["ore", "barren"])
    axes.set_yticks([0, 1], ["ore", "barren"], rotation=90, va="center")
    axes.tick_params(length=0, labelsize=8, labelcolor=INK)
    axes.spines[:].set_visible(False)


def _bodies(parts: Mapping[str, Any]) -> Sequence[Any]:
    bodies: Sequence[Any] = parts["bodies"]
    return bodies


def _powers_of_ten(axes: Axes) -> None:
    low, high = axes.get_ylim()
    powers = list(range(math.ceil(low), math.floor(high) + 1))
    axes.set_yticks(powers, [f"{10.0**k:g}" for k in powers])
    minor = [k + math.log10(m) for k in range(powers[0] - 1, powers[-1] + 1) for m in range(2, 10)]
    axes.set_yticks([m for m in minor if low < m < high], minor=True)
    axes.tick_params(axis="y", which="minor", length=2, color=FAINT)
