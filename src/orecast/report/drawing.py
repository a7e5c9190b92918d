"""What all figures share: canvas, colours, lettering. No global state of matplotlib is touched."""

from __future__ import annotations

import io
import logging
import unicodedata
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

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

# Families that hold Chinese, Japanese and Korean letters, tried where DejaVu has none.
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

    A palette makes the file of a map less than half as large. It is laid over the colours that
    occur, however seldom, so that a scale keeps its ends: a colour moves by some 10 levels in 256
    at most, by about one on average.
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
    """Leave the two axes that carry figures, drawn thin."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(FAINT)
    axes.tick_params(labelsize=8, color=FAINT, labelcolor=INK)


def lettering(text: str, most: int = 30) -> str:
    """Return a text as matplotlib can set it: one line, shortened, no formula, no leading mark.

    A letter that no installed font holds becomes an empty square.

    >>> lettering("A$1$ and a great deal more", most=12)
    'A\\\\$1\\\\$ and a…'
    """
    line = "".join(c if can_letter(c) else "□" for c in " ".join(text.split()))
    if len(line) > most:
        line = line[: most - 1].rstrip() + "…"
    line = line.replace("$", r"\$")
    return f" {line}" if line.startswith("_") else line  # a legend drops labels that begin so


def can_letter(text: str) -> bool:
    """Whether an installed font holds every letter of a text."""
    return all(ord(c) in _letters() or unicodedata.category(c).startswith("Z") for c in text)


@cache
def families() -> list[str]:
    """Font families to set texts in, those with wide letters behind matplotlib's own."""
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
