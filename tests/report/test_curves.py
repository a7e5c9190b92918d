import math

import numpy as np
import pytest
from matplotlib.colors import to_hex

from orecast.metrics import Metrics
from orecast.report import curves
from orecast.report.drawing import FAINT, MODEL, RECOMMENDED


@pytest.fixture
def content(fabricate):
    return fabricate(baselines=40, deposits=6).metrics


def read(content):
    return Metrics.model_validate(content)


def lines_of(figure):
    """Lines with their label in the legend."""
    return {
        line.get_label(): line
        for line in figure.axes[0].lines
        if not line.get_label().startswith("_")
    }


def test_fifteen_rows_at_most_and_the_rest_summed_up(content):
    metrics = read(content)
    shown, rest = curves.shown_and_rest(metrics)
    assert len(shown) == 15
    assert len(rest) == 26
    lowest = min(s.percentile.value for s in shown if not s.is_model)
    assert all(s.percentile.value <= lowest for s in rest)
    figure = curves.scores(metrics)
    labels = [t.get_text() for t in figure.axes[0].get_yticklabels()]
    assert labels[-1] == "26 more: range, median"
    bar = next(line for line in figure.axes[0].lines if line.get_linewidth() == 5)
    values = [100 * s.percentile.value for s in rest]
    assert list(bar.get_xdata()) == [min(values), max(values)]


def test_the_model_and_the_recommended_are_always_shown(content):
    content["scores"][0]["percentile"] = {"value": 0.01}
    content["verdict"]["recommended"] = content["scores"][-1]["name"]
    content["scores"][-1]["percentile"] = {"value": 0.02}
    shown, _ = curves.shown_and_rest(read(content))
    assert len(shown) == 15
    assert {"resnet18", content["scores"][-1]["name"]} <= {s.name for s in shown}


def test_dots_stand_at_the_percentiles_best_on_top(content):
    metrics = read(content)
    axes = curves.scores(metrics).axes[0]
    dots = [line for line in axes.lines if line.get_marker() == "o"]
    at = [float(np.ravel(d.get_xdata())[0]) for d in dots]
    shown, _ = curves.shown_and_rest(metrics)
    assert at == sorted((100 * s.percentile.value for s in shown), reverse=True)
    assert at[0] == pytest.approx(76)
    assert axes.get_ylim()[0] > axes.get_ylim()[1]
    assert to_hex(dots[0].get_color()) == RECOMMENDED
    assert [to_hex(d.get_color()) for d in dots].count(MODEL) == 1


def test_without_an_interval_there_is_a_dot_alone(content):
    content["scores"] = content["scores"][:2]
    content["scores"][0]["percentile"] = {"value": 0.5, "low": None, "high": None}
    axes = curves.scores(read(content)).axes[0]
    intervals = [line for line in axes.lines if line.get_linewidth() == 1.6]
    assert len(intervals) == 1
    assert list(intervals[0].get_xdata()) == pytest.approx([68, 84])


def test_a_score_that_is_unknown_is_not_drawn(content):
    content["scores"] = content["scores"][:3]
    content["scores"][2]["percentile"] = {"value": None}
    labels = [t.get_text() for t in curves.scores(read(content)).axes[0].get_yticklabels()]
    assert labels == ["layer Ba (recommended)", "resnet18 (the model)"]


def test_success_rates_are_drawn_as_they_are(content):
    metrics = read(content)
    lines = lines_of(curves.success_rate(metrics))
    given = metrics.fair[0].success_rate
    drawn = lines["resnet18 (the model)"]
    assert np.allclose(drawn.get_xdata(), 100 * np.array(given.area))
    assert np.allclose(drawn.get_ydata(), 100 * np.array(given.captured))
    assert drawn.get_linestyle() == "-"
    assert "layer Ba (recommended)" in lines
    assert list(lines["chance"].get_ydata()) == [0, 100]
    assert len(lines) == 2 + 3 + 2  # model and recommended, three baselines, fit and chance


def test_the_final_maps_own_curve_is_dashed_and_named_by_its_deposits(content):
    lines = lines_of(curves.success_rate(read(content)))
    fit = lines["success-rate curve of the final map (training deposits)"]
    assert fit.get_linestyle() == "--"
    assert np.allclose(fit.get_xdata(), 100 * np.array(content["training_fit"]["area"]))
    content["training_fit"] = None
    assert not any("final map" in label for label in lines_of(curves.success_rate(read(content))))


def test_scores_of_the_published_protocol_are_in_no_figure(content, new_score):
    entry = new_score("gan", "model", 0.99, protocol="paper")
    entry["success_rate"] = {"area": [0, 1], "captured": [1, 1]}
    content["scores"].insert(0, entry)
    metrics = read(content)
    labels = [t.get_text() for t in curves.scores(metrics).axes[0].get_yticklabels()]
    assert not any("gan" in label for label in labels)
    assert not any("gan" in label for label in lines_of(curves.success_rate(metrics)))
    assert len(metrics.fair) == 41


def test_each_deposit_stands_at_its_percentile_beside_the_recommended_map(content):
    figure = curves.deposits(read(content))
    beside, model = (np.asarray(c.get_offsets()) for c in figure.axes[0].collections[-2:])
    own = {d["deposit"]: 100 * d["percentile"] for d in content["scores"][0]["per_deposit"]}
    other = {d["deposit"]: 100 * d["percentile"] for d in content["scores"][1]["per_deposit"]}
    order = sorted(own, key=lambda d: -own[d])
    assert np.allclose(model[:, 0], [own[d] for d in order])
    assert np.allclose(beside[:, 0], [other[d] for d in order])
    labels = [t.get_text() for t in figure.axes[0].get_yticklabels()]
    assert labels[0] == f"Deposit {'ABCDEF'[order[0]]}, fold {order[0] % 5}"


def test_the_recommended_model_is_not_set_beside_itself(content):
    content["verdict"]["recommended"] = "resnet18"
    axes = curves.deposits(read(content)).axes[0]
    assert len(axes.collections) == 1
    labels = [t.get_text() for t in curves.scores(read(content)).axes[0].get_yticklabels()]
    assert "resnet18 (the model, recommended)" in labels


def test_names_no_font_can_letter_give_way_to_numbers(content):
    for d in content["scores"][0]["per_deposit"]:
        d["name"] = ["", "\U0001f980 mine", "Ör$ $"][d["deposit"] % 3]
        d["percentile"] = 0.9 - 0.1 * d["deposit"]
    labels = [t.get_text() for t in curves.deposits(read(content)).axes[0].get_yticklabels()]
    assert labels[:3] == ["No. 0, fold 0", "No. 1, fold 1", r"Ör\$ \$, fold 2"]


def test_many_deposits_are_drawn_without_names(fabricate):
    axes = curves.deposits(read(fabricate(deposits=50, baselines=1).metrics)).axes[0]
    assert len(np.asarray(axes.collections[-1].get_offsets())) == 50
    assert not axes.get_yticks().size


def test_deposits_without_a_percentile_are_not_drawn(content):
    content["scores"][0]["per_deposit"][0]["percentile"] = None
    axes = curves.deposits(read(content)).axes[0]
    offsets = np.asarray(axes.collections[-1].get_offsets())
    assert len(offsets) == 5
    assert not any(math.isnan(x) for x in offsets[:, 0])


def test_baselines_are_quiet(content):
    axes = curves.scores(read(content)).axes[0]
    quiet = [t for t in axes.get_yticklabels() if t.get_fontweight() == "normal"]
    assert len(quiet) == 13 + 1
    assert to_hex(axes.lines[0].get_color()) == FAINT
