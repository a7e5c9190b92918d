"""Boxes and arrows on a canvas in inches, for the pictures of structures.py."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import cos, pi, sin
from typing import TYPE_CHECKING, Any

from orecast.report.drawing import FAINT, INK, MODEL, RECOMMENDED, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH = 7.4  # inches
NAME, SMALL = 8.0, 7.2  # points
# Fill and edge; the key below each picture names them.
LOOKS = {
    "data": ("#f0f0ee", FAINT),
    "layer": ("#d9eaf6", MODEL),
    "own": ("#fbe3cf", RECOMMENDED),
    "score": ("white", INK),
}
KEY = {
    "data": "data",
    "layer": "ordinary layers",
    "own": "what makes the system",
    "score": "scores and losses",
}

Point = tuple[float, float]


@dataclass(frozen=True)
class Box:
    """A drawn box; its sides' middles are where arrows begin and end."""

    x: float
    y: float
    width: float
    height: float

    def side(self, name: str, shift: float = 0.0) -> Point:
        """Middle of the "left", "right", "top" or "bottom" side, shifted along it."""
        across, up = self.width / 2, self.height / 2
        return {
            "left": (self.x - across, self.y + shift),
            "right": (self.x + across, self.y + shift),
            "top": (self.x + shift, self.y + up),
            "bottom": (self.x + shift, self.y - up),
        }[name]


class Sheet:
    """A canvas measured in inches from the lower left, with its key at the foot."""

    def __init__(self, height: float) -> None:
        self.figure: Figure = new_figure(WIDTH, height, constrained=False)
        self.axes: Axes = self.figure.add_axes((0, 0, 1, 1))
        self.axes.set_xlim(0, WIDTH)
        self.axes.set_ylim(0, height)
        self.axes.set_axis_off()
        for x, (kind, words) in zip((0.22, 0.95, 2.3, 4.1), KEY.items(), strict=True):
            self.box((x, 0.17), (0.22, 0.14), kind)
            self.words((x + 0.18, 0.17), words, ha="left")

    def box(self, at: Point, size: Point, kind: str, name: str = "", *details: str) -> Box:
        """Draw a box around ``at``: its name in bold above the lines of details."""
        from matplotlib.patches import FancyBboxPatch

        fill, edge = LOOKS[kind]
        corner = (at[0] - size[0] / 2, at[1] - size[1] / 2)
        rounded = "round,pad=0,rounding_size=0.05"
        patch = FancyBboxPatch(
            corner, *size, boxstyle=rounded, facecolor=fill, edgecolor=edge, linewidth=0.9, zorder=2
        )
        self.axes.add_patch(patch)
        lines = [line for line in (name, *details) if line]
        top = at[1] + 0.062 * (len(lines) - 1)
        for k, line in enumerate(lines):
            bold = bool(name) and k == 0
            self.words((at[0], top - 0.124 * k), line, bold=bold, size=NAME if bold else SMALL)
        return Box(*at, *size)

    def words(
        self, at: Point, text: str, *, ha: str = "center", bold: bool = False, size: float = SMALL
    ) -> None:
        """Write a line around ``at``."""
        weight = "bold" if bold else "normal"
        self.axes.text(
            *at, text, ha=ha, va="center", fontsize=size, fontweight=weight, color=INK, zorder=4
        )

    def arrow(self, *path: Point, label: str = "", at: Point | None = None) -> None:
        """Draw an arrow along ``path``; its label is above the first stretch, or at ``at``."""
        line: dict[str, Any] = {
            "color": INK,
            "linewidth": 0.9,
            "zorder": 1,
            "solid_capstyle": "round",
        }
        if len(path) > 2:
            self.axes.plot(*zip(*path[:-1], strict=True), **line)
        style = {"arrowstyle": "-|>", "color": INK, "linewidth": 0.9, "shrinkA": 0, "shrinkB": 0}
        head = style | {"mutation_scale": 7}
        self.axes.annotate("", path[-1], path[-2], arrowprops=head, zorder=1)
        if label:
            (x, y), (x_next, _) = path[0], path[1]
            self.words(at or ((x + x_next) / 2, y + 0.085), label)

    def chain(self, boxes: Sequence[Box], labels: Sequence[str]) -> None:
        """Join boxes that stand side by side, left to right or right to left."""
        for (before, after), label in zip(pairwise(boxes), labels, strict=True):
            out, into = ("right", "left") if after.x > before.x else ("left", "right")
            self.arrow(before.side(out), after.side(into), label=label)

    def sum(self, at: Point, sign: str = "+", radius: float = 0.09, size: float = NAME) -> Box:
        """Draw a small circle in which things meet."""
        from matplotlib.patches import Circle

        self.axes.add_patch(Circle(at, radius, facecolor="white", edgecolor=INK, lw=0.9, zorder=3))
        self.words(at, sign, size=size)
        return Box(*at, 2 * radius, 2 * radius)

    def line(self, start: Point, end: Point) -> None:
        """Draw a thin line."""
        self.axes.plot(*zip(start, end, strict=True), color=FAINT, linewidth=0.8, zorder=2)

    def ring(
        self, middle: Point, radius: float, names: Sequence[str], edges: Mapping[str, Sequence[str]]
    ) -> None:
        """Draw a graph whose nodes stand on a circle, the first on top."""
        turn = 2 * pi / len(names)
        at = {
            name: (middle[0] + radius * sin(k * turn), middle[1] + radius * cos(k * turn))
            for k, name in enumerate(names)
        }
        for name, others in edges.items():
            for other in others:
                self.line(at[name], at[other])
        for name, place in at.items():
            self.sum(place, name, radius=0.105, size=SMALL)

    def lattice(self, corner: Point, side: float, count: int) -> None:
        """Draw ``count * count`` tiles, numbered at their corners, from the lower left one."""
        left, low = corner
        for k in range(count + 1):
            step = side * k / count
            self.line((left, low + step), (left + side, low + step))
            self.line((left + step, low), (left + step, low + side))
        half = side / count / 2
        first = count * (count - 1) + 1
        for x, above, below in (
            (left + half, 1, first),
            (left + side - half, count, count * count),
        ):
            self.words((x, low + side + 0.08), str(above))
            self.words((x, low - 0.09), str(below))

    def frame(self, left: float, right: float, low: float, high: float, title: str) -> None:
        """Outline a detail that a box of the structure represents."""
        from matplotlib.patches import Rectangle

        self.axes.add_patch(
            Rectangle(
                (left, low),
                right - left,
                high - low,
                facecolor="none",
                edgecolor=FAINT,
                linewidth=0.7,
                linestyle=(0, (4, 3)),
                zorder=0,
            )
        )
        self.words((left + 0.1, high - 0.13), title, ha="left", bold=True)
