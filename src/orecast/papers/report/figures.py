"""Figures of a reproduction."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from textwrap import fill
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from orecast.papers.experiments import Entry, Experiment, PaperFigure
from orecast.papers.report import maps
from orecast.papers.report.tables import (
    OURS,
    PAPER,
    PUBLISHED,
    SPATIAL,
    Beside,
    Cell,
    Results,
    ScoredMap,
    is_renamed,
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
_WHOSE = {PUBLISHED: "paper", PAPER: "ours, as the paper cut", OURS: "ours"}
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
            axes[i, j].set_title(
                f"{lettering(row['name'])}, {_WHOSE[side].split(',')[0]}", fontsize=8.5, color=INK
            )
            axes[i, j].tick_params(labelleft=j == 0, labelbottom=i == len(sides) - 1)
        axes[i, 0].set_ylabel("true", fontsize=8.5, color=INK)
    for panel in axes[-1]:
        panel.set_xlabel("predicted", fontsize=8.5, color=INK)
    return figure


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
    for body in _bodies(axes.violinplot(data, at, widths=0.85, showextrema=False)):
        body.set(facecolor=MODEL, alpha=0.35, edgecolor=MODEL, linewidth=0.6)
    axes.boxplot(
        data,
        positions=at,
        widths=0.22,
        whis=(2.5, 97.5),
        showfliers=False,
        patch_artist=True,
        boxprops={"facecolor": "white", "edgecolor": INK, "linewidth": 0.8},
        medianprops={"color": RECOMMENDED, "linewidth": 1.4},
        whiskerprops={"color": INK, "linewidth": 0.8},
        capprops={"color": INK, "linewidth": 0.8},
    )
    plain_axes(axes)
    axes.set_xticks(at, [lettering(name) for name, _ in shown])
    axes.grid(axis="y", color=RULE, linewidth=0.5)
    axes.set_axisbelow(True)
    if log:
        _powers_of_ten(axes)
    axes.set_ylabel(
        "Concentration (mg/kg)" if log else "Centred log-ratio", fontsize=8.5, color=INK
    )
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


def _bodies(parts: Mapping[str, Any]) -> Sequence[Any]:
    bodies: Sequence[Any] = parts["bodies"]
    return bodies


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


def epochs(histories: Mapping[str, Mapping[str, Sequence[Sequence[Row]]]], key: str) -> Figure:
    """Draw a figure of the training by epoch: the mean over seeds, their range as a band.

    ``histories`` by protocol and model, a list of epochs a seed; ``key`` is "loss" or "accuracy".
    """
    drawn = {
        protocol: {
            name: [([h["epoch"] for h in s], [h[key] for h in s]) for s in seeds]
            for name, seeds in models.items()
        }
        for protocol, models in histories.items()
    }
    figure, axes = _panels(drawn)
    for panel in axes:
        panel.set_xlabel("Epoch", fontsize=8.5, color=INK)
        panel.locator_params(axis="x", integer=True)
    axes[0].set_ylabel(f"Training {key}", fontsize=8.5, color=INK)
    _legend(figure, axes)
    return figure


def roc(curves: Mapping[str, Curves]) -> Figure:
    """Draw ROC curves by protocol and model: mean over seeds, their range as a band."""
    figure, axes = _panels(curves, size=3.3)
    for panel in axes:
        _diagonal(panel)
        panel.set_xlabel("False-positive rate", fontsize=8.5, color=INK)
    axes[0].set_ylabel("True-positive rate", fontsize=8.5, color=INK)
    _legend(figure, axes)
    return figure


def success_rate(curves: Curves) -> Figure:
    """Draw held-out deposits captured against the area searched, leak-free, and chance."""
    figure, (panel,) = _panels({SPATIAL: curves}, size=3.9)
    _diagonal(panel)
    panel.set_title("")
    panel.set_xlabel("Area searched, best first (share)", fontsize=8.5, color=INK)
    panel.set_ylabel("Held-out deposits captured (share)", fontsize=8.5, color=INK)
    _legend(figure, [panel])
    return figure


def _scores(axes: Axes, table: Row, k: int) -> None:
    column = table["columns"][k]
    unit = f" ({column['unit']})" if column["unit"] else ""
    score = f", {score_words(column['standard'])}" if is_renamed(column) else ""
    axes.set_title(f"{lettering(column['name'])}{score}{unit}", fontsize=9, color=INK, loc="left")
    for side in table["sides"]:
        values = [_value(row["figures"][side][k]["value"]) for row in table["rows"]]
        spreads = [_value(row["figures"][side][k]["spread"]) for row in table["rows"]]
        if side == PUBLISHED:
            style = {"markerfacecolor": "white", "linestyle": "none", "markersize": 4.5}
        else:
            style = {"linewidth": 1.3, "markersize": 3.5, "capsize": 2, "elinewidth": 0.9}
        _bars(axes, values, [spreads, spreads], _SIDES[side] | style)


def _percentiles(axes: Axes, table: Row) -> None:
    axes.set_title("Percentile, leak-free", fontsize=9, color=INK, loc="left")
    axes.axhline(50, color=FAINT, linewidth=0.9, linestyle=(0, (4, 3)))
    columns = list(dict.fromkeys(p["column"] for r in table["rows"] for p in r["percentile"]))
    for n, name in enumerate(columns):
        found: list[Row] = [
            next((p for p in r["percentile"] if p["column"] == name), {}) for r in table["rows"]
        ]
        value, low, high = (
            np.array([_value(p.get(k)) for p in found]) for k in ("value", "low", "high")
        )
        style = {
            "color": MODEL if n == 0 else OTHERS[n - 1],
            "marker": "s^v"[n % 3],
            "label": f"percentile, {name}" if name else "_",
            "linewidth": 1.3,
            "markersize": 3.5,
            "capsize": 2,
            "elinewidth": 0.9,
        }
        _bars(axes, value, [value - low, high - value], style, shift=0.12 * n)


def _bars(axes: Axes, values: Any, ends: Any, style: dict[str, Any], shift: float = 0.0) -> None:
    """Points with bars; only points where no interval is known."""
    at = np.arange(len(values)) + shift
    known = np.isfinite(values)
    bars = np.nan_to_num(np.asarray(ends, dtype=np.float64)[:, known])
    if known.any():
        shown = bars if bars.any() else None
        axes.errorbar(at[known], np.asarray(values)[known], yerr=shown, **style)


def _panels(curves: Mapping[str, Curves], size: float = 2.9) -> tuple[Figure, list[Axes]]:
    """One panel for each protocol, with one line for each model."""
    labels = list(dict.fromkeys(name for models in curves.values() for name in models))
    rows = math.ceil(len(labels) / 3)
    width = _WIDTH if len(curves) > 1 else 4.6
    figure = new_figure(width, size + 0.1 + 0.2 * rows)
    axes = list(figure.subplots(1, len(curves), sharey=True, squeeze=False).ravel())
    for panel, (protocol, models) in zip(axes, curves.items(), strict=True):
        panel.set_title(_CUTS[protocol], fontsize=9, color=INK, loc="left")
        for name, seeds in models.items():
            k = labels.index(name)
            style = {"color": _COLOURS[k % 7], "linestyle": _LINES[k % 4], "linewidth": 1.5}
            _line(panel, seeds, lettering(name, 34), style)
        _dress(panel)
    return figure, axes


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
    axes.fill_between(
        at, np.nanmin(values, axis=0), np.nanmax(values, axis=0), color=style["color"], alpha=0.16,
        linewidth=0,
    )  # fmt: skip
    axes.plot(at, np.nanmean(values, axis=0), label=label, **style)


def _diagonal(axes: Axes) -> None:
    axes.plot([0, 1], [0, 1], color=FAINT, linewidth=0.9, linestyle=":", label="chance", zorder=1)
    axes.set(xlim=(0, 1), ylim=(0, 1.01))


def _dress(axes: Axes) -> None:
    plain_axes(axes)
    axes.grid(axis="y", color=RULE, linewidth=0.5)
    axes.set_axisbelow(True)
    axes.tick_params(labelsize=7.5)


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


def _value(value: float | None) -> float:
    return math.nan if value is None else value


_SECOND_AREA = "second-area"
_ABSENT = "not run"


@dataclass(frozen=True)
class Drawn:
    """A figure of the paper, or of ours: its drawings by name, and what is missing."""

    id: str
    title: str
    source: str = ""  # in the paper
    caption: str = ""
    figures: Mapping[str, Figure] | None = None
    blank: str = ""  # why it is not drawn, or incomplete


@dataclass(frozen=True)
class Material:
    """The data of the figures."""

    results: Results
    tables: Mapping[str, Row]
    ranking: Sequence[Row]
    one_layer: Row | None
    beside: Beside
    cell: float | None  # side of a cell, metres

    @property
    def experiment(self) -> Experiment:
        """What was run."""
        return self.results.experiment


def figures_of(material: Material, *, smoke: bool) -> list[Drawn]:
    """Our percentiles, each of the paper's figures or why it is blank, and the network's views."""
    found = [_ranking(material)]
    for figure in material.experiment.paper.figures:
        drawn = _KINDS[figure.kind](material, figure)
        if smoke or not figure.note:
            found.append(drawn)
        else:
            note = f"{drawn.caption} The paper’s figure: {figure.note}".strip()
            found.append(Drawn(**(vars(drawn) | {"caption": note})))
    return found + _looks(material.beside)


def _looks(beside: Beside) -> list[Drawn]:
    """Heat maps and offsets of a guided network, if they were written; not in the paper."""
    found = []
    if beside.heat is not None:
        caption = "Windows of known deposits, and below each the cells that raised its score."
        figures = {"grad-cam": beside.heat.figure()}
        found.append(Drawn("grad-cam", "Where the network looks", "", caption, figures))
    if beside.offsets is not None:
        caption = "Where its deformable convolutions read, from the middle of each window."
        figures = {"offsets": beside.offsets.figure()}
        found.append(Drawn("offsets", "Learned sampling offsets", "", caption, figures))
    return found


def _ranking(material: Material) -> Drawn:
    title, ranked = "Percentile of held-out deposits, run by run", [*material.ranking]
    if not ranked:
        return Drawn("standing", title, blank="no run has a leak-free score")
    layer = ""
    if material.one_layer is not None:
        ranked = sorted([*ranked, material.one_layer], key=lambda row: -row["value"])
        layer = " One layer alone, without a model, is among them."
    rows = [_share(row) for row in ranked]
    most = comparison.MOST_MAPS
    more = f" The best {most} of {len(rows)}." if len(rows) > most else ""
    return Drawn(
        "standing",
        title,
        caption="Leak-free: the mean over seeds, with the 95\u00a0% intervals over deposits, of "
        f"all seeds. Blue is above chance, which is dashed.{layer}{more}",
        figures={"standing": comparison.percentiles(rows, "")},
    )


def _share(row: Row) -> dict[str, Any]:
    """A percentile in per cent as a row of shares for the figure of a comparison."""
    shares = {k: None if row[k] is None else row[k] / 100 for k in ("value", "low", "high")}
    return {
        "name": row["run"],
        "role": "model" if row["stands"] else "baseline",
        "percentile": shares,
    }


def _along(material: Material, figure: PaperFigure) -> Drawn:
    """Scores against what is varied, or by epoch."""
    if figure.against is None:
        return _by_epoch(material, figure)
    table = material.tables.get(figure.against)
    if table is None:
        return _blank(figure, _ABSENT)
    sides = [s for s in table["sides"] if s != PUBLISHED]
    if not any(
        f["value"] is not None for r in table["rows"] for s in sides for f in r["figures"][s]
    ):
        return _blank(figure, _ABSENT)
    bars = "Bars of the percentile are its interval."
    if _several_seeds(material):
        bars = "Bars are one standard deviation over seeds; those of the percentile its interval."
    names = {"alpha": "Threshold of |r|", "beta": "β", "dilations": "Set of dilations"}
    drawn = against(table, names.get(figure.against, figure.against))
    return _one(figure, drawn, bars)


def _by_epoch(material: Material, figure: PaperFigure) -> Drawn:
    key = "loss" if figure.kind == "loss-curve" else "accuracy"
    entries = _entries(material, "training", "comparison")
    histories: dict[str, dict[str, list[Any]]] = {}
    for protocol in (PAPER, SPATIAL):
        for entry in entries:
            cells = material.results.done(entry, protocol)
            kept = [cell["history"] for cell in cells if cell.get("history")]
            if kept:
                histories.setdefault(protocol, {})[entry.key] = kept
    if not histories:
        return _blank(figure, "no cell keeps a history of its training")
    return _one(
        figure,
        epochs(histories, key),
        f"Training {key}: it shows how well a network fits its training data, not how well it "
        f"predicts.{_band(material)}",
    )


def _roc(material: Material, figure: PaperFigure) -> Drawn:
    found = {
        protocol: one
        for protocol in (PAPER, SPATIAL)
        if (one := _curves(material, protocol, "roc", "false_alarm", "hit"))
    }
    if not found:
        return _blank(figure, "no cell has an ROC curve")
    return _one(figure, roc(found), f"{_band(material)} Dotted is chance.".strip())


def _success(material: Material, figure: PaperFigure) -> Drawn:
    found = _curves(material, SPATIAL, "success_rate", "area", "captured")
    if not found:
        return _blank(figure, "no cell has a success rate")
    caption = "Leak-free: each deposit is ranked by a network that did not use it."
    return _one(figure, success_rate(found), f"{caption}{_band(material)} Dotted is chance.")


def _curves(material: Material, protocol: str, name: str, x: str, y: str) -> dict[str, list[Any]]:
    """Curves of the compared models under one protocol, a pair (x, y) for each seed."""
    found = {}
    for entry in _entries(material, "comparison"):
        cells: Sequence[Cell] = material.results.done(entry, protocol)
        curves = [(cell[name][x], cell[name][y]) for cell in cells if cell.get(name)]
        if curves:
            found[entry.key] = curves
    return found


def _confusion(material: Material, figure: PaperFigure) -> Drawn:
    table = material.tables.get(figure.id)
    if table is None or not any(
        f["value"] is not None for row in table["rows"] for f in row["figures"][PAPER]
    ):
        return _blank(figure, _ABSENT)
    missing = [
        row["name"]
        for row in table["rows"]
        if any(f["value"] is None for f in row["figures"][PAPER])
    ]
    return _one(
        figure,
        confusion(table),
        "Counts under the paper's split, as the mean over seeds, and shares of the true class. "
        "Not defined leak-free: there are no confirmed negatives.",
        blank=f"{', '.join(missing)}: {_ABSENT}" if missing else "",
    )


def _distributions(material: Material, figure: PaperFigure) -> Drawn:
    samples = material.beside.samples
    if samples is None:
        return _blank(figure, "no samples were written")
    log = figure.id == "raw"
    names = [str(name) for name in samples["names"]]
    drawn = distributions(names, samples["raw" if log else "clr"], log=log)
    ends = "Boxes end at the quartiles, whiskers at the 2.5th and 97.5th percentile."
    return _one(figure, drawn, f"{'On a logarithmic axis. ' if log else ''}{ends}")


def _maps(material: Material, figure: PaperFigure) -> Drawn:
    if figure.id == "elements":
        return _layers(material, figure)
    there, missing = _maps_of(material, figure)
    if not there:
        return _blank(figure, "none of its networks was run")
    tiled = {name: m for name, m in there.items() if m.tiles is not None}
    caption = "Probability of ore by the network that learned from all places; north is up."
    if tiled:
        caption += " Areas are numbered; those predicted as ore are outlined, the rest is paler."
    # Numbers of tiles need the whole width.
    shown = [{name: m} for name, m in there.items()] if tiled else [there]
    drawn = {
        f"{figure.id}-{k + 1}" if len(shown) > 1 else figure.id: maps.scored(these, material.cell)
        for k, these in enumerate(shown)
    }
    blank = f"{', '.join(missing)}: {_ABSENT}" if missing else ""
    return _drawn(figure, drawn, caption, blank)


def _maps_of(material: Material, figure: PaperFigure) -> tuple[dict[str, ScoredMap], list[str]]:
    """The maps of a figure by label, and the names of those that were not written."""
    there = material.beside.maps
    if figure.id == _SECOND_AREA:
        found = there.get(_SECOND_AREA)
        return ({figure.title: found} if found else {}), []
    if figure.id == "comparators":
        wanted = {e.name: e for e in _entries(material, "comparison") if "map" not in e.tables}
    else:
        mapped = _entries(material, "map") if "map" in material.tables else []
        if not mapped:
            return {}, []
        # A table of maps has one row: several networks give one map together.
        name = material.tables["map"]["rows"][0]["name"]
        shown = [t.id for t in material.experiment.paper.tables if t.source == figure.source]
        beside = [e for t in shown for e in _entries(material, t) if not e.same_as]
        wanted = {name: mapped[0]} | {e.name: e for e in beside}
    stems = {name: material.experiment.source(entry).stem for name, entry in wanted.items()}
    drawn = {name: there[stem] for name, stem in stems.items() if stem in there}
    return drawn, [name for name in stems if name not in drawn]


def _layers(material: Material, figure: PaperFigure) -> Drawn:
    evidence = material.beside.evidence
    if evidence is None:
        return _blank(figure, "no evidence was written")
    caption = "Evidence layers, each on its own scale: dark is low, bright is high; north is up."
    return _one(figure, maps.layers(evidence), caption)


def _shap(material: Material, figure: PaperFigure) -> Drawn:
    shapley = material.beside.shapley
    if shapley is None:
        return _blank(figure, "no Shapley values were written")
    if figure.id == "shap-means":
        return _one(figure, shapley.means(), "The largest is on top.")
    caption = "Each dot is a window, coloured by the layer’s value there."
    return _one(figure, shapley.swarm(), caption)


def _several_seeds(material: Material) -> bool:
    return len({cell["seed"] for cell in material.results.cells}) > 1


def _band(material: Material) -> str:
    """A sentence on line and band, after a space; empty for one seed."""
    several = " The line is the mean over seeds, the band their range."
    return several if _several_seeds(material) else ""


def _entries(material: Material, *tables: str) -> list[Entry]:
    """The entries of the first of these tables that shows any."""
    found = (material.experiment.entries_in(table) for table in tables)
    return list(next((entries for entries in found if entries), ()))


def _one(figure: PaperFigure, drawn: Figure, caption: str, blank: str = "") -> Drawn:
    return _drawn(figure, {figure.id: drawn}, caption, blank)


def _drawn(figure: PaperFigure, drawn: Mapping[str, Figure], caption: str, blank: str) -> Drawn:
    return Drawn(figure.id, figure.title, figure.source, caption, drawn, blank)


def _blank(figure: PaperFigure, why: str) -> Drawn:
    return Drawn(figure.id, figure.title, figure.source, blank=why)


_KINDS = {
    "accuracy-curve": _along,
    "loss-curve": _by_epoch,
    "confusion": _confusion,
    "roc": _roc,
    "success-rate": _success,
    "boxplot": _distributions,
    "map": _maps,
    "shap": _shap,
}
