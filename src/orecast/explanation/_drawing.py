"""Files and figures of all explanations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from orecast.arrays import Floats, Floats32
from orecast.errors import InputError, SamplingError
from orecast.run import BROKEN_ARRAYS, why_broken
from orecast.sampling.windows import WEIGHT, Windows

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_AT_ONCE = 256


def require_windows(X: Windows) -> None:
    """Raise SamplingError if there are no windows."""
    if not len(X):
        raise SamplingError("there are no windows to explain", remedy="give at least one window")


def shown_layer(X: Windows) -> tuple[str, Floats32]:
    """Name and values ``(n, size, size)`` of the layer to draw in the background.

    The weight of geological knowledge if there is one, else the first layer. Values are those that
    a model reads.
    """
    layer = X.kinds.index(WEIGHT) if WEIGHT in X.kinds else 0
    return X.names[layer], np.concatenate([values[:, layer] for values in X.batches(_AT_ONCE)])


class Saved:
    """Base of the explanations: dataclasses whose fields are arrays, texts and numbers."""

    def save(self, path: Path) -> None:
        """Write the fields as ``.npz``."""
        np.savez_compressed(path, **{f.name: getattr(self, f.name) for f in fields(self)})  # type: ignore[arg-type]

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what was saved; raises InputError if the file is missing or broken."""
        try:
            with np.load(path, allow_pickle=False) as stored:
                arrays = [stored[f.name] for f in fields(cls)]  # type: ignore[arg-type]
        except BROKEN_ARRAYS as error:
            raise InputError(
                f"not a saved explanation of this kind: {why_broken(error)}",
                where=str(path),
                remedy="compute and save the explanation again",
            ) from error
        return cls(*map(_read, arrays))


def _read(array: NDArray[Any]) -> Any:
    """A field as it was saved: a number or a text, a tuple of texts, or an array."""
    if array.ndim == 0:
        return array.item()
    return tuple(array.tolist()) if array.dtype.kind == "U" else array


INK = "#22262a"
FAINT = "#8a9096"
RULE = "#d5d9dc"
BLUE = "#0072b2"  # Okabe & Ito (2008), as in all figures
VERMILION = "#d55e00"
MOST_WINDOWS = 6
_LONGEST_NAME = 24


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure, in inches, drawn without any display."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), dpi=200, facecolor="white", layout="constrained")


def window_grid(rows: int, windows: int) -> tuple[Figure, list[list[Axes]]]:
    """Return a figure with ``rows`` rows, and a column for each of the first ``MOST_WINDOWS``."""
    columns = min(windows, MOST_WINDOWS)
    figure = new_figure(max(1.25 * columns, 2.4) + 0.6, 1.35 * rows + 0.5)
    grid = figure.subplots(rows, columns, squeeze=False)
    for axes in grid.flat:
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set(color=FAINT, linewidth=0.5)
    if windows > columns:
        note(figure, f"The first {columns} of {windows} windows")
    return figure, grid.tolist()


def grey_window(axes: Axes, windows: Floats32, n: int) -> None:
    """Draw one of windows ``(n, size, size)`` in pale greys, dark high, on one scale for all."""
    low, high = float(np.nanmin(windows)), float(np.nanmax(windows))
    axes.imshow(windows[n], "Greys", vmin=low, vmax=high, interpolation="nearest", alpha=0.6)


def row_title(axes: Axes, text: str) -> None:
    """Write the title of a row, left of its first window."""
    axes.set_ylabel(text, fontsize=7, color=INK, parse_math=False)


def window_title(axes: Axes, text: str) -> None:
    """Write above a window."""
    axes.set_title(text, fontsize=7, pad=3, color=INK, parse_math=False)


def note(figure: Figure, text: str) -> None:
    """Write below a figure."""
    figure.supxlabel(text, fontsize=7, color=FAINT)


def shortened(name: str) -> str:
    """Return a layer's name, cut to 24 characters.

    >>> shortened("distance_to_the_nearest_fault_zone")
    'distance_to_the_nearest…'
    """
    return name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1] + "…"


MOST_LAYERS = 20
_WIDTH = 6.0
_ROW = 0.27  # inches
_LOWEST = 2.2  # inches, for the text of the colour bar
_BINS = 120
_HALF_ROW = 0.42


def swarm_figure(names: Sequence[str], values: Floats, features: Floats32) -> Figure:
    """Draw values ``(n, C)``, one row for each layer in the given order, up to ``MOST_LAYERS``."""
    from matplotlib import colormaps
    from matplotlib.cm import ScalarMappable

    colours = colormaps["coolwarm"].with_extremes(bad=FAINT)  # colour of missing values
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


def means_figure(names: Sequence[str], means: Floats) -> Figure:
    """Draw mean |values| ``(C,)``, one bar a layer in the given order, up to ``MOST_LAYERS``."""
    shown = min(len(names), MOST_LAYERS)
    figure, axes = _rows(names)
    bars = axes.barh(range(shown), means[:shown], height=0.62, color=BLUE)
    axes.bar_label(bars, fmt="%.3f", padding=3, fontsize=7, color=INK)
    axes.set_xlabel("Mean |Shapley value|", fontsize=8.5, color=INK)
    axes.margins(x=0.12)
    axes.set_xlim(left=0)
    return figure


def swarm_offsets(values: Floats, width: float) -> Floats:
    """Distance of each point from its row's middle, ``(n,)``, so that near points do not overlap.

    Points in one bin of ``width`` are placed above and below in turn. The fullest bin fills the
    row; a row of few points stays near its middle.

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


def unit_colours(values: Floats32) -> Floats:
    """Scale values from their 5th to 95th percentile to 0 to 1, ``(n,)``; equal ones are 0.5."""
    low, high = np.nanpercentile(values, [5, 95])
    if high <= low:
        return np.full(len(values), 0.5)
    return np.asarray(np.clip((values - low) / (high - low), 0, 1), dtype=np.float64)


def _rows(names: Sequence[str]) -> tuple[Figure, Axes]:
    """A figure with a row for each layer, the first at the top."""
    shown = min(len(names), MOST_LAYERS)
    figure = new_figure(_WIDTH, max(_LOWEST, 0.8 + _ROW * shown))
    axes = figure.add_subplot()
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(FAINT)
    axes.tick_params(labelsize=8, color=FAINT, labelcolor=INK)
    axes.tick_params(axis="y", length=0)
    axes.set_axisbelow(True)
    axes.set_yticks(range(shown), [shortened(n) for n in names[:shown]], parse_math=False)
    axes.set_ylim(shown - 0.4, -0.6)
    if shown < len(names):
        note(figure, f"The strongest {shown} of {len(names)} layers")
    return figure, axes
