"""What all figures share: canvas, colours, lettering, map sheets."""

from __future__ import annotations

import io
import logging
import math
import unicodedata
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

    from orecast.report.reading import MapImage

DPI = 200
INK = "#22262a"
FAINT = "#8a9096"
RULE = "#d5d9dc"
# Without a home it lists its fonts in a temporary folder, and warns that this takes longer.
logging.getLogger("matplotlib").addFilter(
    lambda record: record.funcName != "_get_config_or_cache_dir"
)
# Okabe & Ito (2008), told apart under every common colour blindness.
MODEL = "#0072b2"
RECOMMENDED = "#d55e00"
OTHERS = ("#009e73", "#cc79a7", "#e69f00")
# Families with Chinese, Japanese and Korean letters, for what DejaVu lacks.
_WIDE = (
    "Noto Sans CJK SC",
    "Source Han Sans SC",
    "Microsoft YaHei",
    "PingFang SC",
    "Hiragino Sans GB",
    "WenQuanYi Micro Hei",
    "SimHei",
)


def new_figure(width: float, height: float, *, constrained: bool = True) -> Figure:
    """Return an empty figure, in inches, drawn without any display."""
    from matplotlib.figure import Figure

    return Figure(
        figsize=(width, height),
        dpi=DPI,
        facecolor="white",
        layout="constrained" if constrained else None,
    )


def to_png(figure: Figure) -> bytes:
    """Draw a figure as PNG of 256 colours, the same bytes for the same figure.

    A palette makes the file of a map less than half as large. It covers all colours that occur,
    rare ones too, so that a scale keeps its ends. A colour changes by some 10 levels in 256 at
    most, by about one on average.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL import Image  # matplotlib's own way to PNG

    canvas: Any = FigureCanvasAgg(figure)  # matplotlib leaves its methods untyped
    canvas.draw()
    drawn = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
    palette = drawn.quantize(256, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    stream = io.BytesIO()
    palette.save(stream, format="png", optimize=True, dpi=(DPI, DPI))
    return stream.getvalue()


def plain_axes(axes: Axes) -> None:
    """Keep only the two axes with figures, drawn thin."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(FAINT)
    axes.tick_params(labelsize=8, color=FAINT, labelcolor=INK)


def ruled(axes: Axes, along: Literal["both", "x", "y"] = "both") -> None:
    """Keep only the two axes with figures, and rule thin lines behind what is drawn."""
    plain_axes(axes)
    axes.grid(axis=along, color=RULE, linewidth=0.5)
    axes.set_axisbelow(True)


def name_rows(axes: Axes, labels: Sequence[str]) -> None:
    """Name the rows of a figure from the top down, without an axis at the left."""
    axes.set_yticks(range(len(labels)), labels)
    axes.set_ylim(len(labels) - 0.4, -0.6)
    ruled(axes, "x")
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", length=0)
    for label in axes.get_yticklabels():
        label.set_fontfamily(families())


def colour_names(axes: Axes, colours: Sequence[str]) -> None:
    """Letter the names of the first rows in their colours; faint ones are plain."""
    for label, colour in zip(axes.get_yticklabels(), colours, strict=False):
        label.set(color=INK if colour == FAINT else colour)
        label.set_fontweight("normal" if colour == FAINT else "bold")


def mark_chance(axes: Axes, at: float) -> None:
    """Draw a dashed line at chance."""
    axes.axvline(at, color=FAINT, linewidth=0.9, linestyle=(0, (4, 3)), zorder=1)


def add_legend(figure: Figure, place: str = "lower left", **options: Any) -> None:
    """Set a legend outside the axes."""
    given: dict[str, Any] = {"loc": f"outside {place}", "ncols": 2, "frameon": False} | options
    figure.legend(**given, prop={"family": families(), "size": 8})


def lettering(text: str, most: int = 30) -> str:
    """Return a text as matplotlib can set it: one line, shortened, no formula, no leading mark.

    A letter that no installed font has becomes an empty square.

    >>> lettering("A$1$ and a great deal more", most=12)
    'A\\\\$1\\\\$ and a…'
    """
    line = "".join(c if can_letter(c) else "□" for c in " ".join(text.split()))
    if len(line) > most:
        line = line[: most - 1].rstrip() + "…"
    line = line.replace("$", r"\$")
    return f" {line}" if line.startswith("_") else line  # a legend drops labels that begin so


def can_letter(text: str) -> bool:
    """Whether the installed fonts have every letter of a text."""
    return all(ord(c) in _letters() or unicodedata.category(c).startswith("Z") for c in text)


@cache
def families() -> list[str]:
    """Font families for texts: matplotlib's own, then those with wide letters."""
    from matplotlib import font_manager

    installed = {font.name for font in font_manager.fontManager.ttflist}
    return ["DejaVu Sans", *[name for name in _WIDE if name in installed]]


@cache
def _letters() -> frozenset[int]:
    from matplotlib import font_manager
    from matplotlib.ft2font import FT2Font

    found: set[int] = set()
    for family in families():
        found.update(FT2Font(font_manager.findfont(family)).get_charmap())
    return frozenset(found)


_BLANK = "#e3e5e6"
_WIDTH = 6.9  # inches
_LEFT, _RIGHT, _TOP, _BELOW = 0.72, 0.24, 0.24, 1.12
_NARROW = 3.9  # a map below this width has its key at its side
_SIDE, _UNDER = 2.0, 0.58  # the key's column, and what then remains below
_OFFSETS = [  # from a place to the middle of its text, in points, nearest first
    (7, 7),
    (-7, 7),
    (7, -7),
    (-7, -7),
    (0, 11),
    (0, -11),
    (12, 0),
    (-12, 0),
    (14, 14),
    (-14, 14),
    (14, -14),
    (-14, -14),
    (0, 20),
    (0, -20),
    (21, 0),
    (-21, 0),
]
_MARK_ROOM = (6.5, 6.5)  # between the middles of a text and a mark, in points
_EDGE = 5  # from the frame to the middle of a text at least, in points
_ALWAYS = 10  # ranks that are written even over a mark


class Sheet(NamedTuple):
    """A map being drawn."""

    figure: Figure
    axes: Axes
    image: AxesImage
    gaps: bool  # whether some cells have no data
    narrow: bool  # whether the key is at the side


def scaled_sheet(
    raster: MapImage, title: str, colours: object, limits: tuple[float, float] | None = None
) -> Sheet:
    """Draw a raster with a colour scale, by default from its 2nd to its 98th percentile."""
    low, high = limits or colour_limits(raster.values)
    sheet = new_sheet(raster, colours, low, high)
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


def new_sheet(raster: MapImage, colours: object, low: float, high: float) -> Sheet:
    """Draw the raster on axes in kilometres, with the scale bar and north below it."""
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
    # A turned label would overlap the easting's at the corner.
    least = 0.22 / tall * (north - south)
    axes.set_yticks([y for y in axes.get_yticks() if south + least <= y <= north])
    for label in axes.get_yticklabels():
        label.set_verticalalignment("center")
    for spine in axes.spines.values():
        spine.set_color(FAINT)
    axes.set_ylabel("Northing (km)", fontsize=8, color=INK)
    axes.set_xlabel(f"Easting (km), {raster.crs}", fontsize=8, color=INK, loc="left", labelpad=2)
    _scale_bar(axes, across, tall)
    return Sheet(figure, axes, image, bool(np.isnan(raster.values).any()), narrow)


def write_beside(
    axes: Axes,
    at: NDArray[np.float64],
    texts: list[str],
    *,
    taken: NDArray[np.float64],
    bold: bool = False,
) -> None:
    """Write each text beside its place, in order; one without a free place is left out.

    ``at`` ``(n, 2)`` and ``taken`` ``(m, 2)``, the positions of marks, in the axes' kilometres.
    """
    points = 72 / axes.figure.dpi
    frame = axes.get_window_extent().padded(-_EDGE / points)
    spacing = (13.0, 10.5) if bold else (9.0, 9.0)  # between the middles of two texts, in points
    marks = axes.transData.transform(taken.reshape(-1, 2)) * points
    written: list[tuple[float, float]] = []
    for number, ((x, y), text) in enumerate(zip(at, texts, strict=True)):
        px, py = axes.transData.transform((x, y)) * points
        places = [(px + dx, py + dy) for dx, dy in _OFFSETS]
        inside = [p for p in places if frame.contains(p[0] / points, p[1] / points)]
        free = [p for p in inside if all(_apart(p, other, spacing) for other in written)]
        clear = [p for p in free if all(_apart(p, mark, _MARK_ROOM) for mark in marks)]
        # The best ranks may cover a mark; the table lists those that are not written.
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


def _apart(a: Sequence[float], b: Sequence[float], spacing: tuple[float, float]) -> bool:
    return abs(a[0] - b[0]) > spacing[0] or abs(a[1] - b[1]) > spacing[1]


def add_key(sheet: Sheet, keys: list[Artist]) -> None:
    """Set the legend below the map, at its right, with the meaning of grey and hatched."""
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


def scale_length(width_km: float) -> float:
    """Return a round length for a scale bar: 1, 2 or 5 times a power of ten, at most a quarter.

    >>> scale_length(117), scale_length(26), scale_length(0.9)
    (20.0, 5.0, 0.2)
    """
    most = width_km / 4
    power = 10.0 ** math.floor(math.log10(most))
    return max(step * power for step in (1, 2, 5) if step * power <= most * (1 + 1e-9))


def colour_limits(values: NDArray[np.float32]) -> tuple[float, float]:
    """2nd and 98th percentile of the finite values; different even if all values are equal."""
    known = values[np.isfinite(values)]
    if known.size == 0:
        return 0.0, 1.0
    low, high = (float(v) for v in np.percentile(known, [2, 98]))
    if high > low:
        return low, high
    low, high = float(known.min()), float(known.max())
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def _beyond(raster: MapImage, low: float, high: float) -> Literal["neither", "min", "max", "both"]:
    """Which ends of the scale have values beyond them and get an arrow."""
    below, above = (raster.values < low).any(), (raster.values > high).any()
    if below and above:
        return "both"
    return "min" if below else "max" if above else "neither"


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
