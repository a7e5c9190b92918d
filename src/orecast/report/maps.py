"""Maps of the report."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from orecast.report.drawing import (
    FAINT,
    INK,
    add_key,
    colour_limits,
    families,
    lettering,
    new_figure,
    new_sheet,
    scaled_sheet,
    write_beside,
)
from orecast.report.reading import MapImage, RunReading, read_raster

if TYPE_CHECKING:
    import geopandas as gpd
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
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


# As in the colour table of classes.tif; ordered by lightness, for readers who see no colour.
CLASS_COLOURS = {"A": "#d7191c", "B": "#fd8d3c", "C": "#fed976", "none": "#f3f3f1"}
_LEFT_OUT = "#5f666c"
_OUTSIDE, _CROSSED = "#9aa0a5", "#b9bec2"
_Line = Literal["-"] | tuple[float, tuple[float, ...]]
_CLASS_LINES: dict[str, tuple[_Line, float]] = {
    "A": ("-", 1.5),
    "B": ((0, (4, 1.6)), 1.2),
    "C": ((0, (1, 1.4)), 1.2),
}


def prospectivity(run: RunReading) -> Figure:
    """Draw the model's map: prospectivity, targets outlined by class and ranked, deposits."""
    title = "Anomaly" if run.metrics.anomalies else "Prospectivity"
    sheet = scaled_sheet(run.raster("prospectivity"), title, "viridis")
    keys = [*_outline_targets(sheet.axes, run.targets), *_mark_deposits(sheet.axes, run)]
    _rank_targets(sheet.axes, run.targets, run.deposits)
    add_key(sheet, keys)
    return sheet.figure


def recommended(run: RunReading) -> Figure:
    """Draw the map of the baseline that is recommended instead of the model."""
    sheet = scaled_sheet(run.raster("recommended"), "Prospectivity", "viridis")
    add_key(sheet, _mark_deposits(sheet.axes, run))
    return sheet.figure


def out_of_fold(run: RunReading) -> Figure:
    """Draw the out-of-fold map, its folds' regions, deposits numbered by fold."""
    sheet = scaled_sheet(run.raster("out_of_fold"), "Prospectivity, out of fold", "viridis")
    keys = _mark_deposits(sheet.axes, run)
    if run.metrics.protocol.folds > 1:
        if run.has("folds.tif"):
            keys += _outline_folds(sheet.axes, run.raster("folds"))
        _number_folds(sheet.axes, run)
    add_key(sheet, keys)
    return sheet.figure


def uncertainty(run: RunReading) -> Figure:
    """Draw the spread of the folds' models, or of models that learned from different cells."""
    title = "Spread of the models" if run.metrics.anomalies else "Spread of the folds’ models"
    sheet = scaled_sheet(run.raster("uncertainty"), title, "magma")
    add_key(sheet, _mark_deposits(sheet.axes, run))
    return sheet.figure


def applicability(run: RunReading) -> Figure:
    """Draw how unlike the training places each cell is; beyond the limit, grey and crossed."""
    from matplotlib import colormaps
    from matplotlib.patches import Patch

    known = run.metrics.applicability
    assert known is not None
    raster = run.raster("applicability")
    colours = colormaps["magma"].with_extremes(over=_OUTSIDE)
    sheet = scaled_sheet(
        raster, "Dissimilarity from the training places", colours, (0.0, known.threshold)
    )
    outside = raster.values > known.threshold
    keys: list[Artist] = []
    if outside.any():
        _hatch(sheet.axes, outside, raster)
        keys.append(Patch(facecolor=_OUTSIDE, edgecolor=_CROSSED, hatch="xxxx", linewidth=0))
        keys[0].set_label("outside")
    add_key(sheet, keys + _mark_deposits(sheet.axes, run))
    return sheet.figure


def probability(run: RunReading) -> Figure:
    """Draw the calibrated probability, in per cent, that a cell holds a deposit."""
    raster = run.raster("probability")
    percent = replace(raster, values=100 * raster.values)
    sheet = scaled_sheet(percent, "Probability of a deposit in a cell (%)", "viridis")
    add_key(sheet, _mark_deposits(sheet.axes, run))
    return sheet.figure


def classes(run: RunReading) -> Figure:
    """Draw the potential classes A, B and C."""
    from matplotlib.colors import ListedColormap
    from matplotlib.patches import Patch

    raster = run.raster("classes")
    colours = ListedColormap([CLASS_COLOURS[k] for k in ("none", "A", "B", "C")])
    sheet = new_sheet(raster, colours, 0, 3)
    keys: list[Artist] = [
        Patch(facecolor=CLASS_COLOURS[k], edgecolor=FAINT, linewidth=0.5, label=label)
        for k, label in [("A", "class A"), ("B", "class B"), ("C", "class C"), ("none", "none")]
    ]
    add_key(sheet, keys + _mark_deposits(sheet.axes, run))
    return sheet.figure


def _outline_targets(axes: Axes, targets: gpd.GeoDataFrame) -> list[Artist]:
    from matplotlib.lines import Line2D
    from matplotlib.patheffects import withStroke

    keys: list[Artist] = []
    for name, (line, width) in _CLASS_LINES.items():
        these = targets[(targets["class"] == name) & (targets["ground"] == "new")]
        for ring in _rings(these.geometry):
            x, y = ring[:, 0] / 1000, ring[:, 1] / 1000
            # The halo is a line of its own: a dashed stroke would leave it dashed as well.
            axes.plot(x, y, color="white", linewidth=width + 1.3, alpha=0.85, zorder=3)
            axes.plot(x, y, color="black", linewidth=width, linestyle=line, zorder=4)
        if len(these):
            key = Line2D([], [], color="black", linewidth=width, linestyle=line)
            key.set_label(f"target, class {name}")
            key.set_path_effects([withStroke(linewidth=width + 1.3, foreground="white")])
            keys.append(key)
    near = targets[targets["ground"] != "new"]
    for ring in _rings(near.geometry):
        axes.plot(*(ring.T / 1000), color="white", linewidth=0.8, alpha=0.7, zorder=3)
        axes.plot(*(ring.T / 1000), color=FAINT, linewidth=0.6, linestyle=":", zorder=4)
    if len(near):
        label = "target near a deposit"
        keys.append(Line2D([], [], color=FAINT, linewidth=0.8, linestyle=":", label=label))
    return keys


def _rings(geometries: Iterable[object]) -> list[NDArray[np.float64]]:
    import shapely

    parts = shapely.get_parts(np.asarray(list(geometries), dtype=object))
    outer = parts[shapely.get_type_id(parts) == 3]
    return [shapely.get_coordinates(ring) for ring in shapely.get_exterior_ring(outer)]


def _mark_deposits(axes: Axes, run: RunReading) -> list[Artist]:
    """Mark the deposits; those without evidence are hollow and grey."""
    size = 22 if len(run.deposits) <= 100 else 9
    kinds = [
        (~run.left_out, "known deposit", "white", "black"),
        (run.left_out, "deposit, no evidence", "none", _LEFT_OUT),
    ]
    marks: list[Artist] = []
    for these, label, face, edge in kinds:
        if not these.any():
            continue
        points = run.deposits.geometry[these].representative_point()
        marks.append(
            axes.scatter(
                points.x / 1000,
                points.y / 1000,
                s=size,
                marker="D",
                facecolor=face,
                edgecolor=edge,
                linewidth=0.9,
                zorder=5,
                label=label,
            )
        )
    return marks


def _rank_targets(axes: Axes, targets: gpd.GeoDataFrame, deposits: gpd.GeoDataFrame) -> None:
    points = deposits.geometry.representative_point()
    targets = targets[targets["ground"] == "new"]
    centres = targets.geometry.representative_point()
    write_beside(
        axes,
        np.column_stack([centres.x, centres.y]) / 1000,
        [str(int(rank)) for rank in targets["rank"]],
        taken=np.column_stack([points.x, points.y]) / 1000,
        bold=True,
    )


def fold_edges(folds: MapImage) -> NDArray[np.float64]:
    """Edges between cells of different folds, ``(n, 2, 2)`` ends of ``(x, y)`` in kilometres."""
    west, east, south, north = folds.extent_km
    values = folds.values
    x = np.linspace(west, east, values.shape[1] + 1)
    y = np.linspace(north, south, values.shape[0] + 1)
    row, column = np.nonzero(_differ(values[:, :-1], values[:, 1:]))
    upright = [x[column + 1], y[row], x[column + 1], y[row + 1]]
    row, column = np.nonzero(_differ(values[:-1], values[1:]))
    level = [x[column], y[row + 1], x[column + 1], y[row + 1]]
    ends = np.concatenate([np.column_stack(upright), np.column_stack(level)])
    return ends.reshape(-1, 2, 2)


def _differ(a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.bool_]:
    return np.asarray((a != b) & np.isfinite(a) & np.isfinite(b))


def _outline_folds(axes: Axes, folds: MapImage) -> list[Artist]:
    from matplotlib.collections import LineCollection
    from matplotlib.lines import Line2D

    edges = list(fold_edges(folds))
    if not edges:
        return []
    axes.add_collection(LineCollection(edges, colors="white", linewidths=2.0, alpha=0.85, zorder=3))
    axes.add_collection(LineCollection(edges, colors="black", linewidths=0.8, zorder=4))
    return [Line2D([], [], color="black", linewidth=0.8, label="edge of a fold’s region")]


def _hatch(axes: Axes, mask: NDArray[np.bool_], raster: MapImage) -> None:
    """Cross the cells of the mask with thin, faint lines, as in the key."""
    drawn = axes.contourf(
        mask.astype(np.float32),
        levels=[0.5, 1.5],
        colors="none",
        hatches=["xxxx"],
        extent=raster.extent_km,
        origin="upper",
    )
    drawn.set(edgecolor=_CROSSED, linewidth=0)


def _number_folds(axes: Axes, run: RunReading) -> None:
    rows = run.metrics.fair
    placed = [d for d in (rows[0].per_deposit if rows else []) if math.isfinite(d.x + d.y)]
    at = np.array([(d.x, d.y) for d in placed]).reshape(-1, 2) / 1000
    write_beside(axes, at, [str(d.fold) for d in placed], taken=at)
