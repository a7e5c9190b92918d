"""The figures of a paper drawn from our run, each with its caption, or why it is blank."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from orecast.experiments import Entry, Experiment, PaperFigure
from orecast.report import comparison_figures
from orecast.report.reproduction import curves, maps, pictures
from orecast.report.reproduction.reading import Beside, ScoredMap
from orecast.report.reproduction.tables import PAPER, PUBLISHED, SPATIAL, Cell, Results

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SECOND_AREA = "second-area"
_ABSENT = "not run"

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Drawn:
    """A figure of the paper, or of ours: what was drawn of it by name, and what was not."""

    id: str
    title: str
    source: str = ""  # in the paper
    caption: str = ""
    figures: Mapping[str, Figure] | None = None
    blank: str = ""  # why it is not drawn, or not in full


@dataclass(frozen=True)
class Material:
    """What figures are drawn from."""

    results: Results
    tables: Mapping[str, Row]
    standing: Sequence[Row]
    one_layer: Row | None
    beside: Beside
    cell: float | None  # side of a cell, metres

    @property
    def experiment(self) -> Experiment:
        """What was run."""
        return self.results.experiment


def figures_of(material: Material, *, smoke: bool) -> list[Drawn]:
    """Draw our percentiles, each of the paper's figures or why it is blank, and where it looks."""
    found = [_standing(material)]
    for figure in material.experiment.paper.figures:
        drawn = _KINDS[figure.kind](material, figure)
        if smoke or not figure.note:
            found.append(drawn)
        else:
            note = f"{drawn.caption} The paper’s: {figure.note}".strip()
            found.append(Drawn(**(vars(drawn) | {"caption": note})))
    return found + _looks(material.beside)


def _looks(beside: Beside) -> list[Drawn]:
    """Where a guided network looks, where that was written; no figure of a paper."""
    found = []
    if beside.heat is not None:
        caption = "Windows of known deposits, and below each what spoke for ore in it."
        figures = {"grad-cam": beside.heat.figure()}
        found.append(Drawn("grad-cam", "Where the network looks", "", caption, figures))
    if beside.offsets is not None:
        caption = "Where its deformable convolutions read, from the middle of each window."
        figures = {"offsets": beside.offsets.figure()}
        found.append(Drawn("offsets", "Learned sampling offsets", "", caption, figures))
    return found


def _standing(material: Material) -> Drawn:
    title, ranked = "Percentile of held-out deposits, run by run", [*material.standing]
    if not ranked:
        return Drawn("standing", title, blank="no run was scored leak-free")
    layer = ""
    if material.one_layer is not None:
        ranked = sorted([*ranked, material.one_layer], key=lambda row: -row["value"])
        layer = " One layer, as it is, stands among them."
    rows = [_share(row) for row in ranked]
    most = comparison_figures.MOST_MAPS
    more = f" The best {most} of {len(rows)}." if len(rows) > most else ""
    return Drawn(
        "standing",
        title,
        caption="Leak-free: the mean over seeds, between the ends of the 95\u00a0% intervals over "
        f"deposits of all seeds. Blue lies above chance, which is dashed.{layer}{more}",
        figures={"standing": comparison_figures.percentiles(rows, "")},
    )


def _share(row: Row) -> dict[str, Any]:
    """A percentile told in per cent as the shares that a comparison's figure is drawn from."""
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
    drawn = curves.against(table, names.get(figure.against, figure.against))
    return _one(figure, drawn, bars)


def _by_epoch(material: Material, figure: PaperFigure) -> Drawn:
    key = "loss" if figure.kind == "loss-curve" else "accuracy"
    entries = _entries(material, "training", "comparison")
    histories: dict[str, dict[str, list[Any]]] = {}
    for protocol in (PAPER, SPATIAL):
        for entry in entries:
            cells = material.results.done(entry, protocol)
            told = [cell["history"] for cell in cells if cell.get("history")]
            if told:
                histories.setdefault(protocol, {})[entry.key] = told
    if not histories:
        return _blank(figure, "no cell keeps a history of its training")
    return _one(
        figure,
        curves.epochs(histories, key),
        f"Training {key}, of what is learned from: it says how well a network fits, and nothing "
        f"of what it has not seen.{_band(material)}",
    )


def _roc(material: Material, figure: PaperFigure) -> Drawn:
    found = {
        protocol: one
        for protocol in (PAPER, SPATIAL)
        if (one := _curves(material, protocol, "roc", "false_alarm", "hit"))
    }
    if not found:
        return _blank(figure, "no cell has an ROC curve")
    return _one(figure, curves.roc(found), f"{_band(material)} Dotted is chance.".strip())


def _success(material: Material, figure: PaperFigure) -> Drawn:
    found = _curves(material, SPATIAL, "success_rate", "area", "captured")
    if not found:
        return _blank(figure, "no cell has a success rate")
    caption = "Leak-free: each deposit is ranked by a network that has not seen it."
    return _one(figure, curves.success_rate(found), f"{caption}{_band(material)} Dotted is chance.")


def _curves(material: Material, protocol: str, name: str, x: str, y: str) -> dict[str, list[Any]]:
    """Curves of the compared models under one protocol, a pair of axes a seed."""
    found = {}
    for entry in _entries(material, "comparison"):
        cells: Sequence[Cell] = material.results.done(entry, protocol)
        told = [(cell[name][x], cell[name][y]) for cell in cells if cell.get(name)]
        if told:
            found[entry.key] = told
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
        pictures.confusion(table),
        "Counts as the paper cut, the mean over seeds, and shares of what a place is. Leak-free "
        "there is nothing to count: nobody knows the ground beside held-out places to be barren.",
        blank=f"{', '.join(missing)}: {_ABSENT}" if missing else "",
    )


def _distributions(material: Material, figure: PaperFigure) -> Drawn:
    samples = material.beside.samples
    if samples is None:
        return _blank(figure, "no samples were written")
    log = figure.id == "raw"
    names = [str(name) for name in samples["names"]]
    drawn = pictures.distributions(names, samples["raw" if log else "clr"], log=log)
    ends = "Boxes end at the quartiles, whiskers at the 2.5th and 97.5th percentile."
    return _one(figure, drawn, f"{'On a logarithmic axis. ' if log else ''}{ends}")


def _maps(material: Material, figure: PaperFigure) -> Drawn:
    if figure.id == "elements":
        return _layers(material, figure)
    there, missing = _maps_of(material, figure)
    if not there:
        return _blank(figure, "no network that it shows was among those run")
    tiled = {name: m for name, m in there.items() if m.tiles is not None}
    caption = "Probability of ore by the network that learned from all places; north is up."
    if tiled:
        caption += " Areas are numbered; those called ore are outlined, all else is paler."
    # Numbers of tiles need the whole width.
    shown = [{name: m} for name, m in there.items()] if tiled else [there]
    drawn = {
        f"{figure.id}-{k + 1}" if len(shown) > 1 else figure.id: maps.scored(these, material.cell)
        for k, these in enumerate(shown)
    }
    blank = f"{', '.join(missing)}: not among what was run" if missing else ""
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
        # A table of maps has one row: what several networks say together is one map.
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
    caption = "Evidence layers, each on its own scale, dark low and bright high; north is up."
    return _one(figure, maps.layers(evidence), caption)


def _shap(material: Material, figure: PaperFigure) -> Drawn:
    shapley = material.beside.shapley
    if shapley is None:
        return _blank(figure, "no Shapley values were written")
    if figure.id == "shap-means":
        return _one(figure, shapley.means(), "The largest on top.")
    caption = "A dot a window, coloured by the layer’s value there."
    return _one(figure, shapley.swarm(), caption)


def _several_seeds(material: Material) -> bool:
    return len({cell["seed"] for cell in material.results.cells}) > 1


def _band(material: Material) -> str:
    """What line and band are, behind a space; nothing of one seed, which has a line alone."""
    several = " The line is the mean over seeds, the band their range."
    return several if _several_seeds(material) else ""


def _entries(material: Material, *tables: str) -> list[Entry]:
    """The entries of the first of these tables that any stands in."""
    found = (material.experiment.standing_in(table) for table in tables)
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
