"""Figures of a reproduction."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from orecast.explanation import GradCam, SamplingOffsets, Shapley
from orecast.papers.experiments import PaperEntry, PaperFigure
from orecast.papers.maps import (
    GRAD_CAM,
    LAYERS,
    MAPS,
    OFFSETS,
    SAMPLES,
    SECOND,
    SHAPLEY,
    ScoredMap,
    read_arrays,
)
from orecast.papers.report import maps
from orecast.papers.report.tables import (
    OURS,
    PAPER,
    PUBLISHED,
    SPATIAL,
    Results,
    is_renamed,
    ranked_columns,
    score_words,
)
from orecast.report import comparison
from orecast.report.drawing import (
    FAINT,
    INK,
    MODEL,
    OTHERS,
    RECOMMENDED,
    RULE,
    families,
    lettering,
    new_figure,
    plain_axes,
)
from orecast.report.tables import number

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_WIDTH = 6.6
_WHOSE = {PUBLISHED: "paper", PAPER: "ours", OURS: "ours"}
_LABEL: dict[str, Any] = {"fontsize": 8.5, "color": INK}
_TITLE: dict[str, Any] = {"fontsize": 9, "color": INK, "loc": "left"}
Row = Mapping[str, Any]


def confusion(table: Row) -> Figure:
    """Draw a matrix of counts and shares for each row, the paper's above ours if it has one."""
    sides = [side for side in (PUBLISHED, PAPER) if side in table["sides"]]
    across = len(table["rows"])
    figure = new_figure(max(1.6 * across + 0.5, 3.0), 1.75 * len(sides) + 0.35)
    axes = figure.subplots(len(sides), across, squeeze=False)
    keys = [column["name"].lower() for column in table["columns"]]
    for i, side in enumerate(sides):
        for j, row in enumerate(table["rows"]):
            counts = dict(zip(keys, (f["value"] for f in row["figures"][side]), strict=True))
            _matrix(axes[i, j], counts)
            axes[i, j].set_title(f"{lettering(row['name'])}, {_WHOSE[side]}", **_LABEL)
            axes[i, j].tick_params(labelleft=j == 0, labelbottom=i == len(sides) - 1)
        axes[i, 0].set_ylabel("true", **_LABEL)
    for panel in axes[-1]:
        panel.set_xlabel("predicted", **_LABEL)
    return figure


def _matrix(axes: Axes, counts: Mapping[str, float | None]) -> None:
    """Rows are true classes, columns predicted ones; shaded by the share of the row."""
    rows = [[counts["tp"], counts["fn"]], [counts["fp"], counts["tn"]]]
    table = np.array(rows, dtype=np.float64)
    sums = table.sum(axis=1, keepdims=True)
    shares = np.divide(table, sums, out=np.zeros_like(table), where=sums > 0)
    axes.imshow(np.nan_to_num(shares), cmap="Blues", vmin=0, vmax=1.15, aspect="auto")
    for (i, j), count in np.ndenumerate(table):
        text = f"{number(count, 0)}\n{100 * shares[i, j]:.0f}\u00a0%" if np.isfinite(count) else "–"
        ink = "white" if shares[i, j] > 0.6 else INK
        axes.text(j, i, text, ha="center", va="center", fontsize=8, color=ink)
    axes.set_xticks([0, 1], ["ore", "negative"])
    axes.set_yticks([0, 1], ["ore", "negative"], rotation=90, va="center")
    axes.tick_params(length=0, labelsize=8, labelcolor=INK)
    axes.spines[:].set_visible(False)


def distributions(names: Sequence[str], values: ArrayLike, *, log: bool) -> Figure:
    """Draw each element as a violin with its box inside; ``log`` for concentrations in mg/kg.

    ``values`` ``(n, n_elements)``; missing ones, and with ``log`` those not above 0, are left out.
    Boxes end at the quartiles, whiskers at the 2.5th and 97.5th percentile.
    """
    X = np.asarray(values, dtype=np.float64)
    X = np.log10(np.where(X > 0, X, np.nan)) if log else X
    columns = [x[np.isfinite(x)] for x in X.T]
    shown = [(name, x) for name, x in zip(names, columns, strict=True) if np.ptp(x, axis=0) > 0]
    figure = new_figure(_WIDTH, 3.2)
    axes = figure.add_subplot()
    data, at = [x for _, x in shown], list(range(len(shown)))
    violins: Any = axes.violinplot(data, at, widths=0.85, showextrema=False)
    for body in violins["bodies"]:
        body.set(facecolor=MODEL, alpha=0.35, edgecolor=MODEL, linewidth=0.6)
    line = {"color": INK, "linewidth": 0.8}
    axes.boxplot(
        data,
        positions=at,
        widths=0.22,
        whis=(2.5, 97.5),
        showfliers=False,
        patch_artist=True,
        boxprops={"facecolor": "white", "edgecolor": INK, "linewidth": 0.8},
        medianprops={"color": RECOMMENDED, "linewidth": 1.4},
        whiskerprops=line,
        capprops=line,
    )
    _dress(axes, 8)
    axes.set_xticks(at, [lettering(name) for name, _ in shown])
    if log:
        _powers_of_ten(axes)
    axes.set_ylabel("Concentration (mg/kg)" if log else "Centred log-ratio", **_LABEL)
    return figure


def _powers_of_ten(axes: Axes) -> None:
    low, high = axes.get_ylim()
    powers = list(range(math.ceil(low), math.floor(high) + 1))
    axes.set_yticks(powers, [f"{10.0**k:g}" for k in powers])
    minor = [k + math.log10(m) for k in range(powers[0] - 1, powers[-1] + 1) for m in range(2, 10)]
    axes.set_yticks([m for m in minor if low < m < high], minor=True)
    axes.tick_params(axis="y", which="minor", length=2, color=FAINT)


_COLOURS = (MODEL, RECOMMENDED, *OTHERS, INK, FAINT)
_LINES: tuple[Any, ...] = ("-", (0, (5, 1.5)), (0, (1, 1)), (0, (4, 1.2, 1, 1.2)))
_SIDES: dict[str, dict[str, Any]] = {
    PAPER: {"color": RECOMMENDED, "marker": "o", "label": "ours, the paper's split"},
    SPATIAL: {"color": MODEL, "marker": "s", "label": "ours, leak-free"},
    PUBLISHED: {"color": INK, "marker": "D", "label": "paper"},
}
_OURS = {"linewidth": 1.3, "markersize": 3.5, "capsize": 2, "elinewidth": 0.9}
_MARKS = {"markerfacecolor": "white", "linestyle": "none", "markersize": 4.5}
_CUTS = {PAPER: "the paper's split", SPATIAL: "leak-free"}
_STEPS = 201  # points at which curves of several seeds are averaged
Curves = Mapping[str, Sequence[tuple[Sequence[float], Sequence[float]]]]  # by label, a seed each


def against(table: Row, axis: str) -> Figure:
    """Draw each score of a table along its rows, with ± one standard deviation over seeds.

    A last panel has the percentile of held-out deposits with its interval. ``axis`` names the rows.
    """
    panels = [*range(len(table["columns"])), None]
    across = min(len(panels), 3)
    down = math.ceil(len(panels) / across)
    figure = new_figure(_WIDTH, 0.55 + 2.15 * down)
    axes = figure.subplots(down, across, squeeze=False).ravel()
    names = [fill(lettering(row["name"]), 9) for row in table["rows"]]
    for spare in axes[len(panels) :]:
        spare.set_visible(False)
    for panel, k in zip(axes, panels, strict=False):
        if k is None:
            _percentiles(panel, table)
        else:
            _scores(panel, table, k)
        panel.set_xticks(range(len(names)), names)
        panel.set_xlim(-0.4, len(names) - 0.6)
        _dress(panel)
        panel.tick_params(axis="x", labelsize=7)
        panel.set_xlabel(axis, fontsize=8, color=INK)
    _legend(figure, list(axes[: len(panels)]))
    return figure


def _scores(axes: Axes, table: Row, k: int) -> None:
    column = table["columns"][k]
    unit = f" ({column['unit']})" if column["unit"] else ""
    score = f", {score_words(column['standard'])}" if is_renamed(column) else ""
    axes.set_title(f"{lettering(column['name'])}{score}{unit}", **_TITLE)
    for side in table["sides"]:
        figures = [row["figures"][side][k] for row in table["rows"]]
        values, spreads = ([f[key] for f in figures] for key in ("value", "spread"))
        style = _MARKS if side == PUBLISHED else _OURS
        _bars(axes, values, [spreads, spreads], _SIDES[side] | style)


def _percentiles(axes: Axes, table: Row) -> None:
    axes.set_title("Percentile, leak-free", **_TITLE)
    axes.axhline(50, color=FAINT, linewidth=0.9, linestyle=(0, (4, 3)))
    for n, name in enumerate(ranked_columns(table)):
        found: list[Row] = [
            next((p for p in r["percentile"] if p["column"] == name), {}) for r in table["rows"]
        ]
        value, low, high = (
            np.array([p.get(k) for p in found], dtype=np.float64) for k in ("value", "low", "high")
        )
        style = {
            "color": MODEL if n == 0 else OTHERS[n - 1],
            "marker": "s^v"[n % 3],
            "label": f"percentile, {name}" if name else "_",
        }
        _bars(axes, value, [value - low, high - value], style | _OURS, shift=0.12 * n)


def _bars(axes: Axes, values: Any, ends: Any, style: dict[str, Any], shift: float = 0.0) -> None:
    """Points with bars; only points where no interval is known."""
    y = np.asarray(values, dtype=np.float64)
    known = np.isfinite(y)
    bars = np.nan_to_num(np.asarray(ends, dtype=np.float64)[:, known])
    if known.any():
        at = np.flatnonzero(known) + shift
        axes.errorbar(at, y[known], yerr=bars if bars.any() else None, **style)


def curves(
    panels: Mapping[str, Curves],
    across: str,
    up: str,
    *,
    size: float = 2.9,
    chance: bool = False,
    whole: bool = False,
) -> Figure:
    """Draw curves by panel's title and model: the mean over seeds, their range as a band.

    ``across`` and ``up`` name the axes; ``chance`` draws the diagonal; ``whole`` is an axis of
    whole numbers.
    """
    labels = list(dict.fromkeys(name for models in panels.values() for name in models))
    height = size + 0.1 + 0.2 * math.ceil(len(labels) / 3)
    figure = new_figure(_WIDTH if len(panels) > 1 else 4.6, height)
    axes = list(figure.subplots(1, len(panels), sharey=True, squeeze=False).ravel())
    for panel, (title, models) in zip(axes, panels.items(), strict=True):
        panel.set_title(title, **_TITLE)
        for name, seeds in models.items():
            k = labels.index(name)
            style = {"color": _COLOURS[k % 7], "linestyle": _LINES[k % 4], "linewidth": 1.5}
            _line(panel, seeds, lettering(name, 34), style)
        _dress(panel)
        if chance:
            style = {"color": FAINT, "linewidth": 0.9, "linestyle": ":"}
            panel.plot([0, 1], [0, 1], label="chance", zorder=1, **style)
            panel.set(xlim=(0, 1), ylim=(0, 1.01))
        if whole:
            panel.locator_params(axis="x", integer=True)
        panel.set_xlabel(across, **_LABEL)
    axes[0].set_ylabel(up, **_LABEL)
    _legend(figure, axes)
    return figure


def _line(axes: Axes, seeds: Sequence[Any], label: str, style: dict[str, Any]) -> None:
    """One seed as a line; several seeds as their mean, with a band from lowest to highest."""
    if len(seeds[0][0]) == 1:
        style = style | {"marker": "o", "markersize": 4}  # one epoch gives a point
    if len(seeds) == 1:
        axes.plot(*seeds[0], label=label, **style)
        return
    ends = [end for x, _ in seeds for end in (min(x), max(x))]
    at = np.linspace(min(ends), max(ends), _STEPS)
    values = np.array([np.interp(at, x, y, right=np.nan) for x, y in seeds])
    low, high = np.nanmin(values, axis=0), np.nanmax(values, axis=0)
    axes.fill_between(at, low, high, color=style["color"], alpha=0.16, linewidth=0)
    axes.plot(at, np.nanmean(values, axis=0), label=label, **style)


def _dress(axes: Axes, size: float = 7.5) -> None:
    plain_axes(axes)
    axes.grid(axis="y", color=RULE, linewidth=0.5)
    axes.set_axisbelow(True)
    axes.tick_params(labelsize=size)


def _legend(figure: Figure, axes: Sequence[Axes]) -> None:
    """Name each line once below all panels."""
    found: dict[str, Any] = {}
    for panel in axes:
        for handle, label in zip(*panel.get_legend_handles_labels(), strict=True):
            found.setdefault(label, handle)
    figure.legend(
        found.values(),
        found.keys(),
        loc="outside lower left",
        ncols=min(len(found), 3),
        frameon=False,
        prop={"family": families(), "size": 8},
        columnspacing=1.5,
    )


_ABSENT = "not run"


class Drawing(NamedTuple):
    """Figures, by the suffix of their file's name, with a caption; or why they are missing."""

    figures: Mapping[str, Figure]
    caption: str = ""
    blank: str = ""  # why it is not drawn, or incomplete


@dataclass(frozen=True)
class Material:
    """The data of the figures. Reading raises RunError or InputError naming a broken file."""

    results: Results
    tables: Mapping[str, Row]  # by their id
    cell: float | None  # side of a cell, metres
    folder: Path

    @cached_property
    def maps(self) -> dict[str, ScoredMap]:
        """The maps that were written, by the stem of their file."""
        return {p.stem: ScoredMap.load(p) for p in sorted((self.folder / MAPS).glob("*.npz"))}

    def read(self, name: str, load: Callable[[Path], Any]) -> Any:
        """Return what a file holds; None where it was not written."""
        return load(self.folder / name) if (self.folder / name).is_file() else None

    @property
    def several_seeds(self) -> bool:
        """Whether the cells are of more than one seed."""
        return len({cell["seed"] for cell in self.results.cells}) > 1

    @property
    def band(self) -> str:
        """A sentence on line and band, after a space; empty for one seed."""
        several = " The line is the mean over seeds, the band their range."
        return several if self.several_seeds else ""

    def entries(self, *tables: str) -> tuple[PaperEntry, ...]:
        """The entries of the first of these tables that shows any."""
        found = (self.results.experiment.entries_in(table) for table in tables)
        return next((entries for entries in found if entries), ())


def figures_of(
    material: Material, *, smoke: bool
) -> tuple[list[dict[str, Any]], dict[str, Figure]]:
    """Our percentiles, each of the paper's figures or why it is blank, and the network's views.

    Their entries in ``reproduction.json``, and all drawings by the name of their file.
    """
    title = "Percentile of held-out deposits, run by run"
    drawn = [("ranking", title, "", _ranking(material))]
    for figure in material.results.experiment.paper.figures:
        found = _KINDS[figure.kind](material, figure)
        if figure.note and not smoke:
            caption = f"{found.caption} The paper’s figure: {figure.note}".strip()
            found = found._replace(caption=caption)
        drawn.append((figure.id, figure.title, "" if smoke else figure.source, found))
    # Views of a guided network, if they were written; not in the paper.
    if (heat := material.read(GRAD_CAM, GradCam.load)) is not None:
        caption = "Windows of known deposits, and below each the cells that raised its score."
        found = Drawing({"": heat.figure()}, caption)
        drawn.append(("grad-cam", "Where the network looks", "", found))
    if (offsets := material.read(OFFSETS, SamplingOffsets.load)) is not None:
        caption = "Where its deformable convolutions read, from the middle of each window."
        found = Drawing({"": offsets.figure()}, caption)
        drawn.append(("offsets", "Learned sampling offsets", "", found))
    entries: list[dict[str, Any]] = []
    files: dict[str, Figure] = {}
    for id_, title, source, found in drawn:
        named = {f"figures/{id_}{suffix}.png": one for suffix, one in found.figures.items()}
        entry = {"id": id_, "title": title, "source": source, "files": list(named)}
        entries.append(entry | {"caption": found.caption, "blank": found.blank})
        files |= named
    return entries, files


def _ranking(material: Material) -> Drawing:
    ranked, layer = material.results.ranking(), material.results.one_layer()
    if not ranked:
        return Drawing({}, blank="no run has a leak-free score")
    words = ""
    if layer is not None:
        ranked = sorted([*ranked, layer], key=lambda row: -row["value"])
        words = " One layer alone, without a model, is among them."
    rows = []
    for row in ranked:  # in per cent, as rows of shares for the figure of a comparison
        ends = ("value", "low", "high")
        shares = {k: None if row[k] is None else row[k] / 100 for k in ends}
        role = "model" if row["above_chance"] else "baseline"
        rows.append({"name": row["run"], "role": role, "percentile": shares})
    most = comparison.MOST_MAPS
    more = f" The best {most} of {len(rows)}." if len(rows) > most else ""
    return Drawing(
        {"": comparison.percentiles(rows, "")},
        "Leak-free: the mean over seeds, with the 95\u00a0% intervals over deposits, of "
        f"all seeds. Blue is above chance, which is dashed.{words}{more}",
    )


def _along(material: Material, figure: PaperFigure) -> Drawing:
    """Scores against what is varied, or by epoch."""
    if figure.against is None:
        return _by_epoch(material, figure)
    table = material.tables.get(figure.against)
    if table is None or not any(
        f["value"] is not None
        for row in table["rows"]
        for side in table["sides"]
        if side != PUBLISHED
        for f in row["figures"][side]
    ):
        return Drawing({}, blank=_ABSENT)
    bars = "Bars of the percentile are its interval."
    if material.several_seeds:
        bars = "Bars are one standard deviation over seeds; those of the percentile its interval."
    names = {"alpha": "Threshold of |r|", "beta": "β", "dilations": "Set of dilations"}
    return Drawing({"": against(table, names.get(figure.against, figure.against))}, bars)


def _by_epoch(material: Material, figure: PaperFigure) -> Drawing:
    key = "loss" if figure.kind == "loss-curve" else "accuracy"
    found = _curves(
        material,
        (PAPER, SPATIAL),
        material.entries("training", "comparison"),
        "history",
        lambda epochs: ([h["epoch"] for h in epochs], [h[key] for h in epochs]),
    )
    if not found:
        return Drawing({}, blank="no cell keeps a history of its training")
    return Drawing(
        {"": curves(found, "Epoch", f"Training {key}", whole=True)},
        f"Training {key}: it shows how well a network fits its training data, not how well it "
        f"predicts.{material.band}",
    )


def _roc(material: Material, _: PaperFigure) -> Drawing:
    found = _curves(
        material,
        (PAPER, SPATIAL),
        material.entries("comparison"),
        "roc",
        lambda curve: (curve["false_alarm"], curve["hit"]),
    )
    if not found:
        return Drawing({}, blank="no cell has an ROC curve")
    drawn = curves(found, "False-positive rate", "True-positive rate", size=3.3, chance=True)
    return Drawing({"": drawn}, f"{material.band} Dotted is chance.".strip())


def _success(material: Material, _: PaperFigure) -> Drawing:
    found = _curves(
        material,
        (SPATIAL,),
        material.entries("comparison"),
        "success_rate",
        lambda curve: (curve["area"], curve["captured"]),
    )
    if not found:
        return Drawing({}, blank="no cell has a success rate")
    across, up = "Area searched, best first (share)", "Held-out deposits captured (share)"
    drawn = curves(found, across, up, size=3.9, chance=True)
    caption = "Leak-free: each deposit is ranked by a network that did not use it."
    return Drawing({"": drawn}, f"{caption}{material.band} Dotted is chance.")


def _curves(
    material: Material,
    protocols: Sequence[str],
    entries: Sequence[PaperEntry],
    name: str,
    pair: Callable[[Any], tuple[list[float], list[float]]],
) -> dict[str, dict[str, list[Any]]]:
    """What cells keep under ``name`` as curves, by protocol and model: a ``pair`` for each seed."""
    found: dict[str, dict[str, list[Any]]] = {}
    for protocol in protocols:
        for entry in entries:
            cells = material.results.done(entry, protocol)
            seeds = [pair(cell[name]) for cell in cells if cell.get(name)]
            if seeds:
                found.setdefault(_CUTS[protocol], {})[entry.key] = seeds
    return found


def _confusion(material: Material, figure: PaperFigure) -> Drawing:
    table = material.tables.get(figure.id)
    rows = [] if table is None else table["rows"]
    known = [[f["value"] is not None for f in row["figures"][PAPER]] for row in rows]
    if table is None or not any(map(any, known)):
        return Drawing({}, blank=_ABSENT)
    missing = [row["name"] for row, figures in zip(rows, known, strict=True) if not all(figures)]
    return Drawing(
        {"": confusion(table)},
        "Counts under the paper's split, as the mean over seeds, and shares of the true class. "
        "Not defined leak-free: there are no confirmed negatives.",
        f"{', '.join(missing)}: {_ABSENT}" if missing else "",
    )


def _distributions(material: Material, figure: PaperFigure) -> Drawing:
    samples, log = material.read(SAMPLES, read_arrays), figure.id == "raw"
    if samples is None:
        return Drawing({}, blank="no samples were written")
    names = [str(name) for name in samples["names"]]
    drawn = distributions(names, samples["raw" if log else "clr"], log=log)
    ends = "Boxes end at the quartiles, whiskers at the 2.5th and 97.5th percentile."
    return Drawing({"": drawn}, f"{'On a logarithmic axis. ' if log else ''}{ends}")


def _maps(material: Material, figure: PaperFigure) -> Drawing:
    if figure.id == "elements":
        layers = material.read(LAYERS, read_arrays)
        if layers is None:
            return Drawing({}, blank="no evidence was written")
        caption = "Evidence layers, each on its own scale: dark is low, bright is high; "
        return Drawing({"": maps.layers(layers)}, f"{caption}north is up.")
    stems = _shown_maps(material, figure)
    drawn = {
        name: maps.scored(material.maps[stem], name, material.cell)
        for name, stem in stems.items()
        if stem in material.maps
    }
    if not drawn:
        return Drawing({}, blank="none of its networks was run")
    missing = [name for name in stems if name not in drawn]
    return Drawing(
        {f"-{k + 1}" if len(drawn) > 1 else "": one for k, one in enumerate(drawn.values())},
        "Probability of ore by the network that learned from all places; north is up. "
        "Areas are numbered; those predicted as ore are outlined, the rest is paler.",
        f"{', '.join(missing)}: {_ABSENT}" if missing else "",
    )


def _shown_maps(material: Material, figure: PaperFigure) -> dict[str, str]:
    """The maps of a figure: the stem of each one's file by its label."""
    experiment = material.results.experiment
    if figure.id == SECOND:
        return {figure.title: SECOND}
    if figure.id == "comparators":
        entries = material.entries("comparison")
        wanted = {e.name: e for e in entries if "map" not in e.tables}
    else:
        mapped = material.entries("map") if "map" in material.tables else ()
        if not mapped:
            return {}
        # A table of maps has one row: several networks give one map together.
        name = material.tables["map"]["rows"][0]["name"]
        shown = [t.id for t in experiment.paper.tables if t.source == figure.source]
        beside = [e for t in shown for e in material.entries(t) if not e.same_as]
        wanted = {name: mapped[0]} | {e.name: e for e in beside}
    return {name: experiment.source(entry).stem for name, entry in wanted.items()}


def _shap(material: Material, figure: PaperFigure) -> Drawing:
    shapley = material.read(SHAPLEY, Shapley.load)
    if shapley is None:
        return Drawing({}, blank="no Shapley values were written")
    if figure.id == "shap-means":
        return Drawing({"": shapley.means()}, "The largest is on top.")
    caption = "Each dot is a window, coloured by the layer’s value there."
    return Drawing({"": shapley.swarm()}, caption)


_KINDS: dict[str, Callable[[Material, PaperFigure], Drawing]] = {
    "accuracy-curve": _along,
    "loss-curve": _by_epoch,
    "confusion": _confusion,
    "roc": _roc,
    "success-rate": _success,
    "boxplot": _distributions,
    "map": _maps,
    "shap": _shap,
}
