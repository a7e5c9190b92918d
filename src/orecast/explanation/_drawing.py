"""What the figures of explanations share: canvas, colours, lettering."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from orecast.samples.nouns import Floats

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.patches import Rectangle

INK = "#22262a"
FAINT = "#8a9096"
RULE = "#d5d9dc"
BLUE = "#0072b2"  # Okabe & Ito (2008), as all figures
VERMILION = "#d55e00"

MOST_WINDOWS = 6
_LONGEST_NAME = 24


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure, in inches, drawn without any display."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), dpi=200, facecolor="white", layout="constrained")


def window_grid(rows: int, windows: int) -> tuple[Figure, list[list[Axes]]]:
    """Return a figure of so many rows, with a column for each of the first ``MOST_WINDOWS``."""
    columns = min(windows, MOST_WINDOWS)
    figure = new_figure(max(1.25 * columns, 2.4) + 0.6, 1.35 * rows + 0.5)
    grid = figure.subplots(rows, columns, squeeze=False)
    for axes in grid.flat:
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set(color=FAINT, linewidth=0.5)
    if windows > columns:
        note(figure, f"The first {columns} of {windows} windows")
    return figure, grid.tolist()


def grey_window(axes: Axes, windows: Floats, n: int) -> None:
    """Draw one of windows ``(n, size, size)`` in pale greys, dark high, on one scale for all."""
    low, high = float(np.nanmin(windows)), float(np.nanmax(windows))
    axes.imshow(windows[n], "Greys", vmin=low, vmax=high, interpolation="nearest", alpha=0.6)


def window_edge(size: int) -> Rectangle:
    """Outline of a window of ``size`` cells."""
    from matplotlib.patches import Rectangle

    return Rectangle((-0.5, -0.5), size, size, fill=False, edgecolor=FAINT, linewidth=0.5)


def row_title(axes: Axes, text: str) -> None:
    """Say before the first window of a row what the row shows."""
    axes.set_ylabel(text, fontsize=7, color=INK, parse_math=False)


def window_title(axes: Axes, text: str) -> None:
    """Write above a window."""
    axes.set_title(text, fontsize=7, pad=3, color=INK, parse_math=False)


def note(figure: Figure, text: str) -> None:
    """Write below a figure."""
    figure.supxlabel(text, fontsize=7, color=FAINT)


def shortened(name: str) -> str:
    """Return a layer's name as there is room for it.

    >>> shortened("distance_to_the_nearest_fault_zone")
    'distance_to_the_nearest…'
    """
    return name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1] + "…"


def plain_axes(axes: Axes) -> None:
    """Leave the axis that carries figures, drawn thin, and names without marks."""
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(FAINT)
    axes.tick_params(labelsize=8, color=FAINT, labelcolor=INK)
    axes.tick_params(axis="y", length=0)
    axes.set_axisbelow(True)


def write_figure(figure: Figure, path: Path) -> None:
    """Write a figure, in the form that the path's ending names."""
    figure.savefig(path)
