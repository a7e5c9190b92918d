"""Maps of a run: prospectivity with its targets, out of fold, uncertainty, potential classes.

Axes are the survey's CRS in kilometres. What has no data is grey and hatched, never a colour of
the scale. Colour maps are perceptually uniform; classes of targets differ by line as well.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from orecast.report.drawing import FAINT, INK, families, new_figure
from orecast.report.reading import Raster, RunReading

if TYPE_CHECKING:
    import geopandas as gpd
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

# As in the colour table of classes.tif: ordered by lightness, so that colour is not all that tells.
CLASS_COLOURS = {"A": "#d7191c", "B": "#fd8d3c", "C": "#fed976", "none": "#f3f3f1"}
_BLANK = "#e3e5e6"
_LEFT_OUT = "#5f666c"
_Line = Literal["-"] | tuple[float, tuple[float, ...]]
_CLASS_LINES: dict[str, tuple[_Line, float]] = {
    "A": ("-", 1.5),
    "B": ((0, (4, 1.6)), 1.2),
    "C": ((0, (1, 1.4)), 1.2),
}
_WIDTH = 6.9  # inches
_LEFT, _RIGHT, _TOP, _BELOW = 0.72, 0.24, 0.24, 1.12
_NARROW = 3.9  # a map below this width has its key at its side
_SIDE, _UNDER = 2.0, 0.58  # the key's column, and what then remains below
_OFFSETS = [  # from a place to the middle of its text, in points, nearest first
    *((7, 7), (-7, 7), (7, -7), (-7, -7), (0, 11), (0, -11), (12, 0), (-12, 0)),
    *((14, 14), (-14, 14), (14, -14), (-14, -14), (0, 20), (0, -20), (21, 0), (-21, 0)),
]
_MARK_ROOM = (6.5, 6.5)  # between the middles of a text and a mark, in points
_ALWAYS = 10  # ranks that are written even over a mark


class _Sheet(NamedTuple):
    figure: Figure
    axes: Axes
    image: AxesImage
    gaps: bool  # whether some cells have no data
    narrow: bool  # whether the key stands at the side


def prospectivity(run: RunReading) -> Figure:
    """Draw the headline map: prospectivity, targets outlined by class and ranked, deposits."""
    sheet = _scaled_map(run.raster("prospectivity"), "Prospectivity", "viridis")
    keys = [*_outline_targets(sheet.axes, run.targets), *_mark_deposits(sheet.axes, run)]
    _rank_targets(sheet.axes, run.targets, run.deposits)
    _key(sheet, keys)
    return sheet.figure


def out_of_fold(run: RunReading) -> Figure:
    """Draw the map in which no cell was seen, each deposit numbered by the fold that hid it."""
    sheet = _scaled_map(run.raster("out_of_fold"), "Prospectivity, out of fold", "viridis")
    keys = _mark_deposits(sheet.axes, run)
    if run.metrics.protocol.folds > 1:
        _number_folds(sheet.axes, run)
    _key(sheet, keys)
    return sheet.figure


def uncertainty(run: RunReading) -> Figure:
    """Draw the spread of the folds' models."""
    sheet = _scaled_map(run.raster("uncertainty"), "Spread of the folds' models", "magma")
    _key(sheet, _mark_deposits(sheet.axes, run))
    return sheet.figure


def classes(run: RunReading) -> Figure:
    """Draw the potential classes A, B and C."""
    from matplotlib.colors import ListedColormap
    from matplotlib.patches import Patch

    raster = run.raster("classes")
    sheet = _map(raster, ListedColormap([CLASS_COLOURS[k] for k in ("none", "A", "B", "C")]), 0, 3)
    keys: list[Artist] = [
        Patch(facecolor=CLASS_COLOURS[k], edgecolor=FAINT, linewidth=0.5, label=label)
        for k, label in [("A", "class A"), ("B", "class B"), ("C", "class C"), ("none", "none")]
    ]
    _key(sheet, keys + _mark_deposits(sheet.axes, run))
    return sheet.figure


def scale_length(width_km: float) -> float:
    """Return a round length for a scale bar: 1, 2 or 5 times a power of ten, a quarter at most.

    >>> scale_length(117), scale_length(26), scale_length(0.9)
    (20.0, 5.0, 0.2)
    """
    most = width_km / 4
    power = 10.0 ** math.floor(math.log10(most))
    return max(step * power for step in (1, 2, 5) if step * power <= most * (1 + 1e-9))


def colour_limits(values: NDArray[np.float32]) -> tuple[float, float]:
    """2nd and 98th percentile of the finite values, apart even where all are alike."""
    known = values[np.isfinite(values)]
    if known.size == 0:
        return 0.0, 1.0
    low, high = (float(v) for v in np.percentile(known, [2, 98]))
    if high > low:
        return low, high
    low, high = float(known.min()), float(known.max())
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def _scaled_map(raster: Raster, title: str, colours: str) -> _Sheet:
    low, high = colour_limits(raster.values)
    sheet = _map(raster, colours, low, high)
    figure = sheet.figure
    width, height = figure.get_size_inches()
    left, bottom = (width - _SIDE + 0.1, _UNDER + 0.36) if sheet.narrow else (_LEFT, 0.40)
    across = 1.6 if sheet.narrow else 2.3
    bar = figure.add_axes((left / width, bottom / height, across / width, 0.11 / height))
    scale = figure.colorbar(
        sheet.image, cax=bar, orientation="horizontal", extend=_beyond(raster, low, high)
    )
    scale.outline.set_visible(False)
    scale.ax.tick_params(labelsize=7.5, length=2, color=FAINT, labelcolor=INK)
    scale.ax.locator_params(nbins=5)
    scale.set_label(title, fontsize=8.5, color=INK)
    return sheet


def _beyond(raster: Raster, low: float, high: float) -> Literal["neither", "min", "max", "both"]:
    """Which ends of the scale have values beyond them, and so an arrow."""
    below, above = (raster.values < low).any(), (raster.values > high).any()
    if below and above:
        return "both"
    return "min" if below else "max" if above else "neither"


def _map(raster: Raster, colours: object, low: float, high: float) -> _Sheet:
    """Axes in kilometres with the raster, the scale bar and north below it, out of its way."""
    west, east, south, north = raster.extent_km
    ratio = (north - south) / (east - west)
    wide = _WIDTH - _LEFT - _RIGHT
    tall = min(max(wide * ratio, 0.9), 7.4)
    across = min(tall / ratio, wide)
    narrow = across < _NARROW
    below = _UNDER if narrow else _BELOW
    width = _LEFT + across + _SIDE if narrow else _WIDTH
    height = tall + _TOP + below
    figure = new_figure(width, height, constrained=False)
    left = _LEFT if narrow else _LEFT + (wide - across) / 2
    axes = figure.add_axes(
        (left / width, below / height, across / width, tall / height), facecolor=_BLANK
    )
    axes.patch.set(hatch="/////", edgecolor="#c3c7ca", linewidth=0)
    image = axes.imshow(
        raster.values,
        extent=raster.extent_km,
        cmap=colours,  # type: ignore[arg-type]
        vmin=low,
        vmax=high,
        interpolation="nearest",
        aspect="equal",
    )
    axes.set_xlim(west, east)
    axes.set_ylim(south, north)
    axes.ticklabel_format(useOffset=False, style="plain")
    axes.locator_params(axis="x", nbins=max(2, int(across / 0.9)))
    axes.locator_params(axis="y", nbins=max(2, int(tall / 0.6)))
    axes.tick_params(labelsize=7.5, length=3, color=FAINT, labelcolor=INK)
    axes.tick_params(axis="y", labelrotation=90)
    for label in axes.get_yticklabels():
        label.set_verticalalignment("center")
    for spine in axes.spines.values():
        spine.set_color(FAINT)
    axes.set_ylabel("Northing (km)", fontsize=8, color=INK)
    axes.set_xlabel(f"Easting (km), {raster.crs}", fontsize=8, color=INK, loc="left", labelpad=2)
    _scale_bar(axes, across, tall)
    return _Sheet(figure, axes, image, bool(np.isnan(raster.values).any()), narrow)


def _scale_bar(axes: Axes, map_width: float, tall: float) -> None:
    west, east = axes.get_xlim()
    length = scale_length(east - west)
    across, down = axes.transAxes, -0.36 / tall
    end = 1 - 0.26 / map_width
    start = end - length / (east - west)
    axes.plot(
        [start, start, end, end],
        [down + 0.05 / tall, down, down, down + 0.05 / tall],
        transform=across,
        color=INK,
        linewidth=1.3,
        clip_on=False,
        solid_capstyle="butt",
        solid_joinstyle="miter",
    )
    axes.text(
        start - 0.06 / map_width,
        down,
        f"{length:g} km",
        transform=across,
        fontsize=8,
        color=INK,
        ha="right",
        va="center",
    )
    axes.annotate(
        "N",
        xy=(1 - 0.07 / map_width, down + 0.16 / tall),
        xytext=(1 - 0.07 / map_width, down - 0.12 / tall),
        xycoords=across,
        textcoords=across,
        fontsize=8,
        color=INK,
        ha="center",
        va="center",
        annotation_clip=False,
        arrowprops={"arrowstyle": "-|>", "color": INK, "linewidth": 1, "shrinkA": 0, "shrinkB": 0},
    )


def _outline_targets(axes: Axes, targets: gpd.GeoDataFrame) -> list[Artist]:
    from matplotlib.lines import Line2D
    from matplotlib.patheffects import withStroke

    keys: list[Artist] = []
    for name, (line, width) in _CLASS_LINES.items():
        these = targets[targets["class"] == name]
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
    return keys


def _rings(geometries: Iterable[object]) -> list[NDArray[np.float64]]:
    import shapely

    parts = shapely.get_parts(np.asarray(list(geometries), dtype=object))
    outer = parts[shapely.get_type_id(parts) == 3]
    return [shapely.get_coordinates(ring) for ring in shapely.get_exterior_ring(outer)]


def _mark_deposits(axes: Axes, run: RunReading) -> list[Artist]:
    """Mark the deposits; those without evidence hollow and grey, the ground showing through."""
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
    centres = targets.geometry.representative_point()
    _write_beside(
        axes,
        np.column_stack([centres.x, centres.y]) / 1000,
        [str(int(rank)) for rank in targets["rank"]],
        taken=np.column_stack([points.x, points.y]) / 1000,
        bold=True,
    )


def _number_folds(axes: Axes, run: RunReading) -> None:
    spatial = run.metrics.spatial
    placed = [d for d in (spatial[0].per_deposit if spatial else []) if math.isfinite(d.x + d.y)]
    at = np.array([(d.x, d.y) for d in placed]).reshape(-1, 2) / 1000
    _write_beside(axes, at, [str(d.fold) for d in placed], taken=at)


def _write_beside(
    axes: Axes,
    at: NDArray[np.float64],
    texts: list[str],
    *,
    taken: NDArray[np.float64],
    bold: bool = False,
) -> None:
    """Write each text beside its place, the first first; one without a free place is left out.

    ``at`` ``(n, 2)`` and ``taken`` ``(m, 2)``, where marks stand, in the axes' kilometres.
    """
    points = 72 / axes.figure.dpi
    frame = axes.get_window_extent()
    room = (13.0, 10.5) if bold else (9.0, 9.0)  # between the middles of two texts, in points
    marks = axes.transData.transform(taken.reshape(-1, 2)) * points
    written: list[tuple[float, float]] = []
    for number, ((x, y), text) in enumerate(zip(at, texts, strict=True)):
        px, py = axes.transData.transform((x, y)) * points
        places = [(px + dx, py + dy) for dx, dy in _OFFSETS]
        inside = [p for p in places if frame.contains(p[0] / points, p[1] / points)]
        free = [p for p in inside if all(_apart(p, other, room) for other in written)]
        clear = [p for p in free if all(_apart(p, mark, _MARK_ROOM) for mark in marks)]
        # The best ranks are worth a covered mark; the table lists what is not written.
        best = (clear or (free if number < _ALWAYS else []))[:1]
        for place in best:
            written.append(place)
            axes.annotate(
                text,
                (x, y),
                (place[0] - px, place[1] - py),
                textcoords="offset points",
                fontsize=7.5 if bold else 6.5,
                fontweight="bold" if bold else "normal",
                ha="center",
                va="center",
                zorder=6,
                bbox={"boxstyle": "round,pad=0.15", "facecolor": "white", "linewidth": 0},
            )


def _apart(a: Sequence[float], b: Sequence[float], room: tuple[float, float]) -> bool:
    return abs(a[0] - b[0]) > room[0] or abs(a[1] - b[1]) > room[1]


def _key(sheet: _Sheet, keys: list[Artist]) -> None:
    """Legend below the map, at its right, with what grey and hatched means."""
    from matplotlib.patches import Patch

    blank = Patch(facecolor=_BLANK, edgecolor="#b3b7ba", hatch="/////", linewidth=0)
    blank.set_label("no data")
    handles = [*keys, *([blank] if sheet.gaps else [])]
    if not handles:
        return
    width, height = sheet.figure.get_size_inches()
    at: dict[str, Any]
    if sheet.narrow:
        at = {"loc": "upper left", "ncols": 1}
        anchor = ((width - _SIDE + 0.1) / width, (height - _TOP) / height)
    else:
        rows = 2 if len(handles) < 6 else 3  # a third column would reach the colour bar
        at = {"loc": "center right", "ncols": max(2, math.ceil(len(handles) / rows))}
        anchor = ((width - _RIGHT + 0.05) / width, 0.34 / height)
    sheet.figure.legend(
        handles=handles,
        bbox_to_anchor=anchor,
        **at,
        frameon=False,
        handlelength=1.7,
        columnspacing=1.4,
        labelspacing=0.35,
        borderpad=0,
        prop={"family": families(), "size": 8},
    )
