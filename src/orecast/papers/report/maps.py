"""Maps of a reproduction, north up: scores with numbered tiles and deposits, and layers."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from orecast.arrays import Floats, Ints
from orecast.papers.maps import Arrays, ScoredMap
from orecast.report.drawing import (
    FAINT,
    INK,
    RECOMMENDED,
    colour_limits,
    families,
    lettering,
    new_figure,
    scale_length,
)

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

_WIDTH = 6.6
_GAP, _ABOVE, _BELOW, _KEY = 0.15, 0.3, 0.56, 0.32  # inches
_BLANK = "#e3e5e6"
_VEIL = 0.5  # of white over areas not predicted as ore
_SMALLEST = 4.2  # points of a tile's number; below, only tiles predicted as ore are numbered
_DOT, _RIM = 20, 0.9  # area of a deposit's mark and width of its rim, in points
_MOST_LAYERS = 20


def scored(map_: ScoredMap, label: str, cell: float | None) -> Figure:
    """Draw a map of scores with numbered areas and deposits.

    ``cell`` is the side of a cell in metres, for the scale bar; None where it is not known.
    """
    rows, columns = map_.score.shape
    wide = (_WIDTH - _GAP) - _GAP
    tall = min(wide * (rows / columns), 8.0)
    height = (_ABOVE + tall + _BELOW) + _KEY
    figure = new_figure(_WIDTH, height, constrained=False)
    bottom = height - (_ABOVE + tall + _BELOW) + _BELOW

    def below(y: float, across: float, up: float) -> Axes:
        """Add axes ``y`` inches from the map's panel, at its left edge."""
        return figure.add_axes((_GAP / _WIDTH, (bottom + y) / height, across / _WIDTH, up / height))

    shrink = min(wide / columns, tall / rows)  # a narrow map is at the left
    axes = below(tall - rows * shrink, columns * shrink, rows * shrink)
    image = _image(axes, map_.score)
    axes.set_title(lettering(label, int(14 * wide)), fontsize=9, color=INK, loc="left")
    handles = [_tiles(axes, map_, points=72 * wide / columns)]
    if len(map_.deposits):
        y, x = map_.deposits.T
        rim: dict[str, Any] = {"edgecolor": "black", "linewidth": _RIM}
        size = _DOT if len(x) <= 100 else 8
        handles.append(
            axes.scatter(x, y, s=size, facecolor="white", **rim, zorder=7, label="known deposit")
        )
    bar = below(-0.2, 0.5 * wide, 0.1)
    figure.colorbar(image, cax=bar, orientation="horizontal").outline.set_visible(False)
    bar.tick_params(labelsize=7.5, length=2, color=FAINT, labelcolor=INK)
    bar.locator_params(nbins=5)
    bar.set_xlabel("Probability of ore", fontsize=8, color=INK, labelpad=2)
    across_km = None if cell is None else cell * map_.step / 1000 * columns
    _north(below(-0.5, wide, 0.5), wide, across_km)
    figure.legend(
        handles=handles,
        loc="lower left",
        bbox_to_anchor=((_GAP - 0.1) / _WIDTH, 0.02 / height),
        ncols=3,
        frameon=False,
        prop={"family": families(), "size": 8},
    )
    return figure


def layers(evidence: Arrays) -> Figure:
    """Draw the evidence layers, each on its own scale from its 2nd to its 98th percentile."""
    names, values = evidence["names"][:_MOST_LAYERS], evidence["values"][:_MOST_LAYERS]
    across = min(len(names), 4)
    down = math.ceil(len(names) / across)
    wide = _WIDTH / across - 0.1
    figure = new_figure(_WIDTH, down * (wide * values.shape[1] / values.shape[2] + 0.3))
    panels = figure.subplots(down, across, squeeze=False).ravel()
    for panel, name, layer in zip(panels, names, values, strict=False):
        _image(panel, layer)
        panel.set_title(lettering(str(name), 24), fontsize=8.5, color=INK, loc="left", pad=3)
    for spare in panels[len(names) :]:
        spare.set_visible(False)
    return figure


def _image(axes: Axes, values: Floats) -> AxesImage:
    low, high = colour_limits(values.astype(np.float32))
    axes.patch.set(facecolor=_BLANK, hatch="/////", edgecolor="#c3c7ca", linewidth=0)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_color(FAINT)
    return axes.imshow(values, cmap="viridis", vmin=low, vmax=high, interpolation="nearest")


def _tiles(axes: Axes, map_: ScoredMap, *, points: float) -> Artist:
    """The grid of tiles with numbers; those predicted as ore have a thick line, the rest is paler.

    ``points`` is the width of a lattice point on the page.
    """
    from matplotlib.collections import LineCollection
    from matplotlib.lines import Line2D

    tiles = map_.tiles
    axes.add_collection(
        LineCollection(list(_edges(tiles)), colors="white", linewidths=0.4, alpha=0.8)
    )
    predicted = np.isin(tiles, map_.predicted)
    veil = np.ones((*predicted.shape, 4))
    veil[..., 3] = np.where(predicted, 0.0, _VEIL)
    axes.imshow(veil, interpolation="nearest", zorder=2.5)
    outline = list(_edges(predicted.astype(np.int64)))
    axes.add_collection(LineCollection(outline, colors="white", linewidths=2.6, zorder=3))
    axes.add_collection(LineCollection(outline, colors=RECOMMENDED, linewidths=1.5, zorder=4))
    _numbers(axes, map_, points)
    return Line2D([], [], color=RECOMMENDED, linewidth=1.5, label="predicted as ore")


def _numbers(axes: Axes, map_: ScoredMap, points: float) -> None:
    from matplotlib.patheffects import withStroke

    numbers, count = np.unique(map_.tiles, return_counts=True)
    side = points * math.sqrt(float(np.median(count[numbers > 0])))
    size = min(8.0, side / (0.7 * len(str(numbers.max()))), 0.8 * side)
    tiled = bool((map_.tiles[np.isfinite(map_.score)] > 0).all())  # else areas, some of one point
    shown, mark = max(size, 5.0), (math.sqrt(_DOT) + _RIM) / 2
    for number in numbers:
        predicted = number in map_.predicted
        if number < 1 or not (predicted or (tiled and size >= _SMALLEST)):
            continue
        reach = (np.array([0.4, 0.35 * len(str(number))]) * shown + mark) / points
        y, x = _off_deposits(np.argwhere(map_.tiles == number), map_.deposits, reach)
        axes.text(
            x,
            y,
            str(number),
            fontsize=shown,
            fontweight="bold" if predicted else "normal",
            ha="center",
            va="center",
            color=INK,
            zorder=6 if predicted else 5,
            path_effects=[withStroke(linewidth=1.4, foreground="white", alpha=0.85)],
        )


def _off_deposits(at: Ints, deposits: Floats, reach: Floats) -> Floats:
    """The cell of an area nearest its middle whose number hides no deposit; else the middle.

    ``at`` ``(n, 2)`` are its cells; a number hides what is within ``reach`` ``(2,)`` of it.
    """
    middle = _middle(at)
    spots = np.concatenate([middle[None], at])
    spots = spots[np.argsort(np.abs(spots - middle).sum(axis=1), kind="stable")]
    hides = np.any(np.all(np.abs(spots[:, None] - deposits) < reach, axis=2), axis=1)
    best: Floats = spots[np.argmin(hides)]
    return best


def _middle(at: Ints) -> Floats:
    """The position of an area's number: its middle, or its innermost cell if that is outside.

    ``at`` ``(n, 2)`` are its cells.
    """
    from scipy.ndimage import distance_transform_edt

    middle: Floats = at.mean(axis=0)
    if np.abs(at - middle).max(axis=1).min() <= 0.5:
        return middle
    corner = at.min(axis=0)
    area = np.zeros(at.max(axis=0) - corner + 3, dtype=bool)
    area[tuple((at - corner + 1).T)] = True
    depth = distance_transform_edt(area)
    inside: Floats = corner + np.array(np.unravel_index(depth.argmax(), area.shape)) - 1.0
    return inside


def _edges(areas: Ints) -> Floats:
    """Lines between lattice points of different areas, and round the frame, ``(n, 2, 2)``."""
    padded = np.pad(areas, 1)
    row, column = np.nonzero(padded[:, 1:] != padded[:, :-1])
    upright = np.stack([column - 0.5, row - 1.5, column - 0.5, row - 0.5], axis=1)
    row, column = np.nonzero(padded[1:] != padded[:-1])
    level = np.stack([column - 1.5, row - 0.5, column - 0.5, row - 0.5], axis=1)
    return np.concatenate([upright, level]).reshape(-1, 2, 2)


def _north(strip: Axes, wide: float, across_km: float | None) -> None:
    """Draw the north arrow below a map, and a scale bar if the map's width is known."""
    strip.set(xlim=(0, wide), ylim=(0, 0.5))
    strip.set_axis_off()
    strip.annotate(
        "N",
        xy=(wide - 0.08, 0.44),
        xytext=(wide - 0.08, 0.12),
        fontsize=8,
        color=INK,
        ha="center",
        va="center",
        arrowprops={"arrowstyle": "-|>", "color": INK, "shrinkA": 3, "shrinkB": 0},
    )
    if across_km is not None:
        length = scale_length(0.7 * across_km)
        end = wide - 0.3
        start = end - length / across_km * wide
        strip.plot([start, end], [0.4, 0.4], color=INK, linewidth=1.5, solid_capstyle="butt")
        middle = (start + end) / 2
        strip.text(middle, 0.33, f"{length:g} km", fontsize=8, color=INK, ha="center", va="top")
