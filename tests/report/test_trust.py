import numpy as np
import pytest

from orecast.metrics import Score, prediction_area_of, prediction_rate, reliability
from orecast.metrics.results import PredictionArea
from orecast.report import curves as trust

PERCENTILES = [0.95, 0.9, 0.85, 0.2]


def drawn(axes):
    return [np.column_stack(line.get_data()) for line in axes.lines]


def test_lines_of_the_prediction_area_plot_cross_where_it_is_marked():
    plot = prediction_area_of(PERCENTILES)
    figure = trust.prediction_area(plot)
    axes, beside = figure.axes
    captured, spared, *_, mark = drawn(axes)
    assert mark.tolist() == [[75.0, 75.0]]  # three of four places, a quarter of the area
    gap = captured[:, 1] - spared[:, 1]
    threshold = captured[:, 0]
    assert gap[threshold < 75].min() > 0
    assert gap[threshold > 75.5].max() < 0
    words = next(t.get_text() for t in axes.texts)
    assert words == "75 % of deposits in 25 % of area\nnormalised density 3.00"
    low, high = axes.get_ylim()
    assert beside.get_ylim() == (100 - low, 100 - high)  # one height means both


def test_a_density_that_is_not_known_is_not_written():
    content = prediction_area_of(PERCENTILES).as_dict() | {"normalised_density": None}
    figure = trust.prediction_area(PredictionArea.model_validate(content))
    assert figure.axes[0].texts[0].get_text() == "75 % of deposits in 25 % of area"


def test_words_of_the_prediction_area_plot_stay_on_the_sheet():
    for percentiles in ([0.99, 0.98], [0.03, 0.02]):
        plot = prediction_area_of(percentiles)
        figure = trust.prediction_area(plot)
        figure.canvas.draw()
        inside = figure.axes[0].get_window_extent()
        box = figure.axes[0].texts[0].get_window_extent()
        assert inside.x0 <= box.x0 < box.x1 <= inside.x1


def test_the_prediction_rate_rises_by_what_its_bars_hold():
    rate = prediction_rate([[4, 3, 2, 1]], [[0, 0], [0, 0], [0, 0], [0, 3]], classes=4)
    figure = trust.prediction_rate(rate)
    axes = figure.axes[0]
    curve = next(c for c in drawn(axes) if len(c) == 5)
    assert curve.tolist() == [[0, 0], [25, 75], [50, 75], [75, 75], [100, 100]]
    assert [p.get_height() for p in axes.patches] == [75, 0, 0, 25]
    assert [p.get_x() for p in axes.patches] == [0, 25, 50, 75]


def test_reliability_counts_cells_with_ore_bin_by_bin():
    y, p = np.repeat([1, 0, 1, 0], [2, 48, 9, 41]), np.repeat([0.05, 0.3], 50)
    table = reliability(y, p, bins=5, by="width")  # three bins hold no cell
    figure = trust.reliability(table)
    axes = figure.axes[0]
    observed = next(line for line in axes.lines if line.get_marker() == "o")
    assert observed.get_ydata() == pytest.approx([2, 9])


def test_reliability_by_hand():
    table = {
        "predicted": [0.01, None, 0.1],
        "observed": [0.02, None, 0.08],
        "low": [0.005, None, 0.05],
        "high": [0.04, None, 0.12],
        "count": [200, 0, 100],
        "ore": [4, 0, 8],
        "edges": [0, 0.02, 0.05, 0.2],
        "share": [0.67, 0, 0.33],
    }
    content = {"name": "m", "role": "model", "protocol": "spatial", "reliability": table}
    axes = trust.reliability(Score.model_validate(content).reliability).axes[0]
    observed = next(line for line in axes.lines if line.get_marker() == "o")
    assert observed.get_ydata() == pytest.approx([4, 8])
    intervals, predicted = axes.collections
    ends = [segment[:, 1].tolist() for segment in intervals.get_segments()]
    assert np.allclose(ends, [[1, 8], [5, 12]])
    assert [segment[0, 1] for segment in predicted.get_segments()] == pytest.approx([2, 10])
    assert [t.get_text() for t in axes.get_xticklabels()] == ["1", "10"]
