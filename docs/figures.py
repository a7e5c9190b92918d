"""Draw the pictures of validation.md from simulated districts, and print their figures.

    python docs/figures.py          about two minutes on one core

``images/folds.png`` is one fold of the default protocol. ``images/claims.png`` is the AUC of one
random forest by three protocols, beside the truth: that of the undiscovered deposits.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from orecast.arrays import Bools, Ints
from orecast.config import read
from orecast.evidence import Evidence, build_evidence
from orecast.grid import crs_name, windows_over
from orecast.mapping import predict_map
from orecast.metrics import auc, bootstrap_mean
from orecast.report.drawing import (
    FAINT,
    INK,
    MODEL,
    RECOMMENDED,
    add_key,
    new_figure,
    new_sheet,
    plain_axes,
    to_png,
)
from orecast.report.maps import fold_edges
from orecast.report.reading import MapImage
from orecast.sampling import Fold, MapGeometry
from orecast.simulation import simulate, write_district
from orecast.splits import build_protocol
from orecast.survey import Survey, read_survey
from orecast.validation import Recipe, cross_predict
from orecast.workflow.places import Places, place_deposits
from orecast.workflow.recipes import model_recipe
from orecast.workflow.run.job import geometry_of
from orecast.workflow.scoring import held_out_row

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


IMAGES = Path(__file__).parent / "images"
SHOWN = 4  # the fold of folds.png
DISTRICTS = 16
PRESETS = {
    "demo": "The geochemistry depends on ore\n(preset demo)",
    "null": "No measurement depends on ore\n(preset null)",
}
CLAIMS = {
    "paper": "random split of windows\n(paper)",
    "spatial": "whole regions held out\n(spatial, the default)",
    "leave-deposit-out": "one group of deposits held out\n(leave-deposit-out)",
    "truth": "truth: undiscovered deposits\non the final map",
}
AREA, BAND, REGION, WINDOW = "#f6f6f4", "#f9dcc0", "#ee9a55", "#bcdcf0"


@dataclass(frozen=True)
class MappedDistrict:
    """A simulated district as ``orecast run`` has it before it validates."""

    survey: Survey
    evidence: Evidence
    places: Places
    geometry: MapGeometry
    recipe: Recipe


def mapped(preset: str, seed: int) -> MappedDistrict:
    """Simulate a district, write its files, and read them as a survey of your own."""
    with tempfile.TemporaryDirectory() as folder:
        path = write_district(simulate(preset, seed), Path(folder) / "district")
        config = read(path, ["model={name='random-forest', options={trees=100}}"])
        survey = read_survey(config)
        evidence = build_evidence(survey, config)
    size = config.sampling.window
    places = place_deposits(survey.deposits, evidence, size, survey.findings)
    recipe = model_recipe(config, evidence, survey.barren)
    return MappedDistrict(survey, evidence, places, geometry_of(survey, evidence, config), recipe)


def draw_folds(found: MappedDistrict) -> Figure:
    """Draw what one fold of ``spatial`` hides, and its test and training deposits."""
    from matplotlib.colors import ListedColormap
    from matplotlib.patches import Patch

    protocol = build_protocol("spatial", {}, found.geometry, n_folds=5, seed=0)
    folds = list(protocol.folds(found.places.sampling, found.evidence.reach))
    fold, at = folds[SHOWN], found.places.sampling.at
    trained = windows_over(_marked(at[fold.train], found), found.geometry.size)
    shade = np.select([fold.region, fold.hidden, trained], [2, 1, 3], 0)
    sheet = new_sheet(_raster(shade, found), ListedColormap([AREA, BAND, REGION, WINDOW]), 0, 3)
    _outline_regions(sheet.axes, folds, found)
    _frame_windows(sheet.axes, fold.test, found)
    _name_folds(sheet.axes, folds, np.isin(shade, (1, 3)), found)
    _measure_band(sheet.axes, fold, found)
    keys = _mark_deposits(sheet.axes, fold, found)
    for colour, label in (
        (REGION, f"region held out in fold {SHOWN}"),
        (BAND, "guard band, hidden with it"),
        (WINDOW, "training windows of ore"),
    ):
        keys.append(Patch(facecolor=colour, edgecolor=FAINT, linewidth=0.5, label=label))
    add_key(sheet, keys)
    print(f"folds.png: {protocol.words}")
    return sheet.figure


def _marked(cells: Ints, found: MappedDistrict) -> Bools:
    mask = np.zeros(found.evidence.grid.shape, dtype=bool)
    mask[tuple(cells.T)] = True
    return mask


def _raster(values: NDArray[np.generic], found: MappedDistrict) -> MapImage:
    grid = found.evidence.grid
    return MapImage(values.astype(np.float32), grid.bounds, crs_name(grid.crs))


def _km(cells: Ints, found: MappedDistrict) -> NDArray[np.float64]:
    return found.evidence.grid.xy(cells) / 1000


def _outline_regions(axes: Axes, folds: list[Fold], found: MappedDistrict) -> None:
    from matplotlib.collections import LineCollection

    owner = np.select([f.region for f in folds], list(range(len(folds))), -1)
    edges = list(fold_edges(_raster(owner, found)))
    axes.add_collection(LineCollection(edges, colors=INK, linewidths=0.9, zorder=3))


def _frame_windows(axes: Axes, rows: Ints, found: MappedDistrict) -> None:
    """Outline the windows of test deposits, and label those that overlap as one group."""
    from matplotlib.patches import Rectangle

    ore = found.places.sampling
    side = found.geometry.size * found.geometry.cell_size / 1000
    for x, y in _km(ore.at[rows], found):
        corner = (x - side / 2, y - side / 2)
        axes.add_patch(Rectangle(corner, side, side, fill=False, edgecolor=INK, linewidth=0.6))
    largest = np.bincount(ore.group[rows]).argmax()
    members = _km(ore.at[rows[ore.group[rows] == largest]], found)
    above = (members[:, 0].mean(), members[:, 1].max() + side / 2 + 0.15)
    words = "windows overlap:\none group"
    axes.text(*above, words, ha="center", va="bottom", fontsize=7.5, color=INK, linespacing=1.1)


def _name_folds(axes: Axes, folds: list[Fold], taken: Bools, found: MappedDistrict) -> None:
    """Write each fold's name where its region is widest."""
    from scipy.ndimage import distance_transform_edt

    ore = windows_over(_marked(found.places.sampling.at, found), found.geometry.size)
    for k, fold in enumerate(folds):
        clearance = distance_transform_edt(np.pad(fold.region & ~taken & ~ore, 1))[1:-1, 1:-1]
        x, y = _km(np.argwhere(clearance == clearance.max())[:1], found)[0]
        axes.text(x, y, f"fold {k}", ha="center", va="center", fontsize=8.5, color=INK)


def _measure_band(axes: Axes, fold: Fold, found: MappedDistrict) -> None:
    """Draw the width of the guard band west of the region's westernmost cell."""
    west = np.argwhere(fold.region)
    edge = _km(west[np.argmin(west[:, 1])][None], found)[0]
    width = (found.geometry.buffer(found.evidence.reach) - found.geometry.cell_size) / 1000
    width -= (found.geometry.size - 1) / 2 * found.geometry.cell_size / 1000
    end = (edge[0] - width, edge[1])
    arrow = {"arrowstyle": "<->", "color": INK, "linewidth": 0.9, "shrinkA": 0, "shrinkB": 0}
    axes.annotate("", end, tuple(edge), arrowprops=arrow)
    middle = (edge[0] - width / 2, edge[1] + 0.45)
    axes.text(*middle, f"{width:.1f} km", ha="center", va="center", fontsize=8, color=INK)


def _mark_deposits(axes: Axes, fold: Fold, found: MappedDistrict) -> list[Artist]:
    ore = found.places.sampling
    rest = np.setdiff1d(np.arange(len(ore)), np.concatenate([fold.train, fold.test]))
    marks: list[Artist] = []
    for rows, label, colour in (
        (fold.test, "test deposit", RECOMMENDED),
        (fold.train, "training deposit", MODEL),
        (rest, "too near: not used", "white"),
    ):
        x, y = _km(ore.at[rows], found).T
        marks.append(
            axes.scatter(
                x, y, s=26, marker="D", c=colour, ec="black", lw=0.9, zorder=5, label=label
            )
        )
    return marks


def claims(found: MappedDistrict) -> Iterator[tuple[str, float]]:
    """AUC by each protocol, and that of the undiscovered deposits on the final map."""
    evidence, sampling = found.evidence, found.places.sampling
    for name in ("paper", "spatial", "leave-deposit-out"):
        protocol = build_protocol(name, {}, found.geometry, n_folds=5, seed=0)
        oof = cross_predict(found.recipe, evidence, sampling, protocol, seed=0)
        if name == "paper":
            y = oof.sampling.y[oof.rows]
            yield name, auc(oof.scores[y == 1], oof.scores[y == 0])
        else:
            row = held_out_row("forest", "model", name, oof, found.places, seed=0)
            yield name, row.auc.value
    score = predict_map(found.recipe.fit(evidence, sampling, hidden=None, seed=0), evidence)
    undiscovered = found.survey.held_back
    assert undiscovered is not None
    points = undiscovered.geometry
    at = evidence.grid.cell(np.column_stack([points.x, points.y]))
    negative = ~_marked(np.concatenate([at, sampling.at]), found)
    yield "truth", auc(score[tuple(at.T)], score[negative & evidence.valid])


def draw_claims(by_preset: dict[str, dict[str, list[float]]]) -> Figure:
    """Draw each district's AUC by each protocol, their mean, and its 95 % interval."""
    figure = new_figure(7.2, 3.1)
    panels = figure.subplots(1, len(by_preset), sharey=True)
    for axes, (preset, by_name) in zip(panels, by_preset.items(), strict=True):
        _draw_panel(axes, by_name)
        axes.set_title(PRESETS[preset], fontsize=9, color=INK, loc="left")
    panels[0].set_yticks(range(len(CLAIMS)), list(CLAIMS.values()))
    panels[0].set_ylim(len(CLAIMS) - 0.5, -0.6)
    words = (
        "Share of the cells without ore that a deposit outranks, on average (AUC; 0.5 is chance)"
    )
    figure.supxlabel(words, fontsize=8.5, color=INK)
    return figure


def _draw_panel(axes: Axes, by_name: dict[str, list[float]]) -> None:
    from matplotlib.patheffects import withStroke

    axes.axvline(0.5, color=FAINT, linewidth=0.9, linestyle=(0, (4, 3)), zorder=1)
    truth = bootstrap_mean(by_name["truth"], seed=0)
    axes.axvspan(truth.low, truth.high, color="#e7eaec", linewidth=0, zorder=0)
    colours = (RECOMMENDED, MODEL, MODEL, INK)
    for row, (values, colour) in enumerate(zip(by_name.values(), colours, strict=True)):
        mean = bootstrap_mean(values, seed=0)
        axes.scatter(values, [row] * len(values), s=10, color=colour, alpha=0.35, linewidth=0)
        axes.plot([mean.low, mean.high], [row, row], color=colour, linewidth=1.6)
        axes.plot(mean.value, row, "o", color=colour, markersize=6)
        axes.text(
            mean.value,
            row - 0.2,
            f"{mean.value:.2f}",
            fontsize=8.5,
            color=colour,
            ha="center",
            va="bottom",
            fontweight="bold",
            path_effects=[withStroke(linewidth=2.5, foreground="white")],
        )
    axes.set_xlim(0.36, 1.04)
    plain_axes(axes)
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", length=0)


def main() -> None:
    """Draw both pictures."""
    first = mapped("demo", 1)
    (IMAGES / "folds.png").write_bytes(to_png(draw_folds(first)))
    by_preset: dict[str, dict[str, list[float]]] = {}
    for preset in PRESETS:
        by_preset[preset] = {name: [] for name in CLAIMS}
        for seed in range(1, DISTRICTS + 1):
            for name, value in claims(mapped(preset, seed)):
                by_preset[preset][name].append(value)
        for name, values in by_preset[preset].items():
            mean = bootstrap_mean(values, seed=0)
            print(f"{preset} {name}: {mean.value:.3f} ({mean.low:.3f} to {mean.high:.3f})")
    (IMAGES / "claims.png").write_bytes(to_png(draw_claims(by_preset)))


if __name__ == "__main__":
    main()
