"""Marks and lines of a reproduction's figures are at their values."""

from __future__ import annotations

import numpy as np
import pytest

from orecast.papers.experiments import read_experiment
from orecast.papers.maps import ScoredMap
from orecast.papers.report import figures, maps
from orecast.papers.report.tables import tables_of
from orecast.report.drawing import MODEL, RECOMMENDED

NONE = np.array([], int)


def table(system, name, cells, kind="hour"):
    return next(t for t in tables_of(read_experiment(system), cells, kind) if t["id"] == name)


def points(axes):
    """The markers of a panel by label: x and y."""
    handles, labels = axes.get_legend_handles_labels()
    return {
        label: np.column_stack(bars.lines[0].get_data())
        for label, bars in zip(labels, handles, strict=True)
    }


def test_scores_along_an_axis_are_at_their_figures(hand):
    cells = hand.every_cell("mfaf", level=0.6) + [
        hand.cell(e, "paper", 1, 0.8) for e in read_experiment("mfaf").runs
    ]
    figure = figures.against(table("mfaf", "dilations", cells), "Set")
    accuracy, _, _, macro, standard, percentile = [a for a in figure.axes if a.get_visible()]
    titles = [a.get_title(loc="left") for a in (macro, standard)]
    assert titles == ["F1-Score, macro F1 (%)", "F1-Score, standard (%)"]
    assert "paper" in points(macro)
    assert "paper" not in points(standard)
    drawn = points(accuracy)
    assert drawn["paper"][:, 1].tolist() == [63.45, 67.34, 72.66, 70.22]
    assert drawn["ours, the paper's split"][:, 1].tolist() == pytest.approx([70] * 4)
    assert drawn["ours, leak-free"][:, 1].tolist() == pytest.approx([60] * 4)
    (bars,) = [c for c in accuracy.collections if c.get_color()[0][0] > 0.5]
    low, high = bars.get_segments()[0][:, 1]
    assert high - low == pytest.approx(2 * 100 * np.sqrt(0.02))
    assert [t.get_text() for t in accuracy.get_xticklabels()][-1] == "rate 4"
    ends = percentile.collections[0].get_segments()[0][:, 1]
    assert ends.tolist() == pytest.approx([50, 70])


def test_a_smoke_runs_scores_have_no_published_marks(hand):
    smoke = table("mfaf", "dilations", hand.every_cell("mfaf"), "smoke")
    figure = figures.against(smoke, "Set")
    assert all("paper" not in points(a) for a in figure.axes[:5])
    assert [t.get_text() for t in figure.legends[0].texts] == [
        "ours, the paper's split",
        "ours, leak-free",
    ]


def test_epochs_are_the_mean_over_seeds_within_their_range():
    def seed(*losses):
        return [k + 1 for k in range(len(losses))], losses

    def drawn(*seeds):
        return figures.curves({"paper": {"a": seeds}}, "Epoch", "Training loss", whole=True)

    figure = drawn(seed(0.9, 0.5, 0.1), seed(0.7, 0.3, 0.3))
    (line,) = figure.axes[0].lines
    x, y = line.get_data()
    assert (x[0], x[-1]) == (1, 3)
    assert np.interp([1, 2, 3], x, y).tolist() == pytest.approx([0.8, 0.4, 0.2])
    band = figure.axes[0].collections[0].get_paths()[0].vertices
    assert (band[:, 1].min(), band[:, 1].max()) == pytest.approx((0.1, 0.9))
    alone = drawn(seed(0.9)).axes[0].lines[0]
    assert alone.get_marker() == "o"


def test_curves_of_one_seed_are_drawn_as_they_are_beside_chance():
    curve = ([0, 0.1, 1], [0, 0.6, 1])
    axes = figures.curves({"": {"a": [curve]}}, "x", "y", chance=True).axes[0]
    chance, line = sorted(axes.lines, key=lambda n: n.get_label() != "chance")
    assert [list(d) for d in line.get_data()] == [list(d) for d in curve]
    assert [list(d) for d in chance.get_data()] == [[0, 1], [0, 1]]
    panels = {"the paper's split": {"a": [curve]}, "leak-free": {"a": [curve], "b": [curve]}}
    both = figures.curves(panels, "x", "y", chance=True)
    assert [a.get_title(loc="left") for a in both.axes] == list(panels)
    colours = [{n.get_label(): n.get_color() for n in a.lines} for a in both.axes]
    assert colours[0]["a"] == colours[1]["a"] != colours[1]["b"]


def test_a_confusion_has_ore_first_and_shares_of_what_a_place_is(hand):
    figure = figures.confusion(table("resnet50", "confusion", hand.every_cell("resnet50")))
    paper, ours = figure.axes
    shown = [
        {t.get_position(): t.get_text().replace("\u00a0", " ") for t in a.texts}
        for a in (paper, ours)
    ]
    assert shown[0] == {
        (0, 0): "16\n55 %", (1, 0): "13\n45 %", (0, 1): "7\n6 %", (1, 1): "108\n94 %",
    }  # fmt: skip
    assert shown[1] == {
        (0, 0): "1\n33 %", (1, 0): "2\n67 %", (0, 1): "3\n43 %", (1, 1): "4\n57 %",
    }  # fmt: skip
    assert [t.get_text() for t in ours.get_xticklabels()] == ["ore", "negative"]
    smoke = table("resnet50", "confusion", hand.every_cell("resnet50"), "smoke")
    assert len(figures.confusion(smoke).axes) == 1


def test_boxes_are_at_the_logarithms_of_concentrations():
    values = np.array([[1.0, 100, 5], [10, 1000, 5], [100, 10000, 5], [np.nan, 0, 5]])
    axes = figures.distributions(["Au", "Ag", "constant"], values, log=True).axes[0]
    medians = [n for n in axes.lines if n.get_color() == RECOMMENDED]
    assert [float(n.get_ydata()[0]) for n in medians] == pytest.approx([1, 3])
    assert [t.get_text() for t in axes.get_xticklabels()] == ["Au", "Ag"]
    labels = {round(t.get_position()[1]): t.get_text() for t in axes.get_yticklabels()}
    assert (labels[0], labels[3]) == ("1", "1000")
    plain = figures.distributions(["Au"], [[-1.0], [0.5], [1.0]], log=False).axes[0]
    assert plain.get_ylabel() == "Centred log-ratio"


def test_a_numbered_map_has_north_up_and_its_tiles_where_they_lie():
    score = np.arange(24.0).reshape(4, 6)
    score[3, 5] = np.nan
    tiles = np.add.outer(np.arange(4) // 2 * 3, np.arange(6) // 2) + 1
    map_ = ScoredMap(score, 1, np.array([[3.0, 1.0]]), tiles, np.array([2]), np.array([4]))
    figure = maps.scored(map_, "a", 500.0)
    axes = figure.axes[0]
    assert axes.get_ylim()[0] > axes.get_ylim()[1]  # row 0 on top
    assert np.array_equal(axes.images[0].get_array().filled(np.nan), score, equal_nan=True)
    numbers = {t.get_text(): t.get_position() for t in axes.texts}
    assert numbers == {
        "1": (0.5, 0.5), "2": (2.5, 0.5), "3": (4.5, 0.5),
        "4": (0.5, 2.5), "5": (2.5, 2.5), "6": (4.5, 2.5),
    }  # fmt: skip
    assert [t.get_text() for t in axes.texts if t.get_fontweight() == "bold"] == ["2"]
    outline = axes.collections[2].get_segments()
    corners = np.concatenate(outline)
    assert corners.min(axis=0).tolist() == [1.5, -0.5]
    assert corners.max(axis=0).tolist() == [3.5, 1.5]
    assert len(outline) == 8
    assert axes.collections[-1].get_offsets().tolist() == [[1, 3]]
    below = [t.get_text() for a in figure.axes for t in a.texts]
    assert "0.5 km" in below  # of three kilometres
    assert [t.get_text() for t in figure.legends[0].texts] == ["predicted as ore", "known deposit"]


def test_the_number_of_a_bent_area_is_inside_it():
    tiles = np.ones((7, 7), int)
    tiles[:5, 1:6] = 0
    map_ = ScoredMap(
        np.random.default_rng(0).random((7, 7)), 1, np.empty((0, 2)), tiles, np.array([1]), NONE
    )
    (text,) = maps.scored(map_, "a", None).axes[0].texts
    x, y = text.get_position()
    assert tiles[int(y), int(x)] == 1


def test_a_number_is_beside_a_deposit_in_the_middle():
    map_ = ScoredMap(
        np.ones((41, 61)), 1, np.array([[20.0, 30.0]]), np.ones((41, 61), int), np.array([1]), NONE
    )
    (text,) = maps.scored(map_, "a", None).axes[0].texts
    x, y = text.get_position()
    assert 1 <= abs(x - 30) + abs(y - 20) < 4


def test_a_number_keeps_to_the_middle_where_deposits_are_everywhere():
    tiles = np.ones((3, 3), int)
    map_ = ScoredMap(
        np.ones((3, 3)), 1, np.argwhere(tiles).astype(float), tiles, np.array([1]), NONE
    )
    (text,) = maps.scored(map_, "a", None).axes[0].texts
    assert text.get_position() == (1, 1)


def test_what_is_not_predicted_as_ore_is_paler():
    tiles = np.array([[1, 1, 0], [1, 0, 0]])
    map_ = ScoredMap(np.ones((2, 3)), 1, np.empty((0, 2)), tiles, np.array([1]), NONE)
    _, veil = maps.scored(map_, "a", None).axes[0].images
    white = np.asarray(veil.get_array())
    assert (white[..., :3] == 1).all()
    assert ((white[..., 3] == 0) == (tiles == 1)).all()


def test_a_large_area_with_a_hole_in_its_middle_is_numbered_where_it_is_widest():
    tiles = np.ones((9, 12), int)
    tiles[2:7, 4:7] = 0
    map_ = ScoredMap(np.ones((9, 12)), 1, np.empty((0, 2)), tiles, np.array([1]), NONE)
    (text,) = maps.scored(map_, "a", None).axes[0].texts
    x, y = text.get_position()
    assert x == 9  # half-way between the hole and the edge
    assert 2 <= y <= 6


def test_too_many_tiles_are_numbered_only_where_predicted():
    tiles = np.arange(1, 10_001).reshape(100, 100)
    map_ = ScoredMap(np.ones((100, 100)), 1, np.empty((0, 2)), tiles, np.array([7]), NONE)
    assert [t.get_text() for t in maps.scored(map_, "a", None).axes[0].texts] == ["7"]


def test_areas_that_are_not_predicted_have_no_number():
    areas = np.zeros((6, 6), int)
    areas[1, 1], areas[3:, 3:] = 1, 2
    map_ = ScoredMap(np.ones((6, 6)), 1, np.empty((0, 2)), areas, np.array([2]), NONE)
    assert [t.get_text() for t in maps.scored(map_, "a", None).axes[0].texts] == ["2"]


def test_layers_are_drawn_each_on_its_scale():
    values = np.stack([np.arange(6.0).reshape(2, 3), np.full((2, 3), 7.0)])
    figure = maps.layers({"names": np.array(["Au", "flat"]), "values": values})
    first, second = figure.axes
    assert first.get_title(loc="left") == "Au"
    assert first.images[0].get_clim() == pytest.approx((0.1, 4.9))
    assert second.images[0].get_clim() == (6.5, 7.5)


def test_colours_of_the_sides_are_those_of_the_report(hand):
    figure = figures.against(table("mfaf", "beta", hand.every_cell("mfaf")), "β")
    handles, labels = figure.axes[0].get_legend_handles_labels()
    shown = {n: h.lines[0].get_color() for n, h in zip(labels, handles, strict=True)}
    assert shown["ours, leak-free"] == MODEL
    assert shown["ours, the paper's split"] == RECOMMENDED
    lines = {n: h.lines[0].get_linestyle() for n, h in zip(labels, handles, strict=True)}
    assert lines == {"paper": "None", "ours, leak-free": "-", "ours, the paper's split": "-"}
