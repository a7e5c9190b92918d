"""The evidence at a glance: one small map a layer."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from orecast.report.drawing import FAINT, INK, families, lettering, new_figure
from orecast.report.reading import RunReading, read_raster
from orecast.report.sheet import colour_limits

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_LAYERS = 40
_MOST_PIXELS = 180  # on the longer side of a thumbnail
_WIDTH = 6.9


def layers(run: RunReading) -> Figure:
    """Draw the first ``MOST_LAYERS`` layers, each on its own scale, dark low and bright high."""
    drawn = run.layers[:MOST_LAYERS]
    rasters = [read_raster(layer.path, _MOST_PIXELS) for layer in drawn]
    west, south, east, north = rasters[0].bounds
    ratio = (north - south) / (east - west)
    columns = min(len(drawn), 6 if ratio >= 0.7 else 5 if ratio >= 0.4 else 4)
    rows = math.ceil(len(drawn) / columns)
    across = min(_WIDTH / columns, 2.0)
    tall = min(max(across * ratio, 0.35), 2.2)
    figure = new_figure(across * columns, rows * (tall + 0.26) + 0.05)
    grid = figure.subplots(rows, columns, squeeze=False)
    for axes in grid.flat:
        axes.set_axis_off()
    for axes, layer, raster in zip(grid.flat, drawn, rasters, strict=False):
        low, high = colour_limits(raster.values)
        axes.set_axis_on()
        axes.set_facecolor("#e3e5e6")
        axes.imshow(
            raster.values,
            extent=raster.extent_km,
            cmap="cividis",
            vmin=low,
            vmax=high,
            interpolation="nearest",
        )
        axes.set(xticks=[], yticks=[])
        for spine in axes.spines.values():
            spine.set(color=FAINT, linewidth=0.5)
        axes.set_title(
            lettering(layer.name, int(across * 15)),
            fontsize=7,
            pad=2.5,
            color=INK,
            fontfamily=families(),
        )
    return figure
