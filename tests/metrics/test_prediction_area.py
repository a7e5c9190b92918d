import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orecast.errors import SamplingError
from orecast.metrics import (
    Intersection,
    PredictionArea,
    percentiles,
    prediction_area,
    prediction_area_of,
    success_rate,
)

shares = st.lists(st.integers(0, 40).map(lambda k: k / 40), min_size=1, max_size=12)


def test_crossing_by_hand():
    # ranks 1, 2, 4 and 9 of ten cells. Area 0.3 holds 0.5, area 0.4 holds 0.75: their sums are 0.8
    # and 1.15, so that the lines cross 4/7 of the way: area 5/14, captured 9/14, in the fourth cell
    plot = prediction_area([np.arange(10.0, 0, -1)], [[0, 0], [0, 1], [0, 3], [0, 8]])
    assert plot.intersection.area == pytest.approx(5 / 14)
    assert plot.intersection.captured == pytest.approx(9 / 14)
    assert plot.intersection.threshold == 7
    assert plot.normalised_density == pytest.approx(1.8)
    assert plot.weight == pytest.approx(math.log(1.8))


def test_lines_by_hand():
    plot = prediction_area([[0.0, 0.25, 0.5, 1.0]], [[0, 3], [0, 1]])
    at = {round(float(t), 2): i for i, t in enumerate(plot.threshold)}
    for threshold, area, captured in [(0, 1, 1), (0.25, 0.75, 1), (0.26, 0.5, 0.5), (1, 0.25, 0.5)]:
        i = at[threshold]
        assert (plot.area[i], plot.captured[i]) == (area, captured)


def test_a_crossing_at_72_per_cent():
    # 72 % of the deposits in 28 % of the area: density 2.57, weight 0.94
    nothing = np.zeros(0)
    plot = PredictionArea(nothing, nothing, nothing, Intersection(0.72, 0.28, 0.5))
    assert (round(plot.normalised_density, 2), round(plot.weight, 2)) == (2.57, 0.94)


@pytest.mark.parametrize("places", [[[0, 0]], [[0, 0], [4, 7], [9, 9]]])
def test_a_constant_map_weighs_nothing(places):
    plot = prediction_area(np.full((10, 10), 0.3), places)
    assert plot.intersection == Intersection(0.5, 0.5, 0.3)
    assert plot.weight == 0


def test_a_map_turned_round_misleads():
    score = np.arange(100.0).reshape(10, 10)
    good, bad = (prediction_area(s, [[9, 9], [9, 5]]) for s in (score, -score))
    assert good.weight > 2
    assert bad.weight < -2


def test_cells_without_data_do_not_matter():
    score = np.random.default_rng(0).random((8, 8)).astype(np.float32)
    padded = np.pad(score, 3, constant_values=np.nan)
    plain, wide = (
        prediction_area(score, [[1, 1], [5, 6]]),
        prediction_area(padded, [[4, 4], [8, 9]]),
    )
    assert plain.as_dict() == wide.as_dict()


@given(st.integers(0, 10_000))
def test_the_crossing_lies_on_the_success_rate_curve(seed):
    rng = np.random.default_rng(seed)
    score = rng.integers(0, 12, (6, 6)).astype(np.float32)
    places = rng.integers(0, 6, (rng.integers(1, 6), 2))
    cross, curve = prediction_area(score, places).intersection, success_rate(score, places)
    assert cross.captured + cross.area == pytest.approx(1)
    assert cross.captured == pytest.approx(np.interp(cross.area, curve.area, curve.captured))
    assert np.mean(score > cross.threshold) <= cross.area + 1e-9
    assert np.mean(score >= cross.threshold) >= cross.area - 1e-9


def test_out_of_fold_by_hand():
    # three of four within the best 0.15 of their regions, 0.25 of them nowhere near
    plot = prediction_area_of([0.95, 0.9, 0.85, 0.2, np.nan])
    assert plot.intersection == Intersection(0.75, 0.25, 0.75)
    assert plot.normalised_density == 3
    assert plot.captured[85] == 0.75
    assert plot.area[85] == pytest.approx(0.15)


@given(shares)
def test_out_of_fold_lines_cross_where_they_should(p):
    cross = prediction_area_of(p).intersection
    assert cross.captured == pytest.approx(1 - cross.area)
    p = np.array(p)
    assert np.mean(p > cross.threshold + 1e-9) <= cross.captured + 1e-9
    assert np.mean(p >= cross.threshold - 1e-9) >= cross.captured - 1e-9


def test_one_region_gives_nearly_the_plot_of_its_map():
    rng = np.random.default_rng(1)
    score, places = rng.random((100, 100)), rng.integers(0, 100, (30, 2))
    by_map = prediction_area(score, places).intersection
    by_place = prediction_area_of(percentiles(score[tuple(places.T)], score)).intersection
    assert by_place.area == pytest.approx(by_map.area, abs=1e-4)


def test_the_ends():
    perfect, worst = prediction_area_of([1.0, 1.0]), prediction_area_of([0.0])
    assert (perfect.normalised_density, perfect.weight) == (math.inf, math.inf)
    assert (worst.normalised_density, worst.weight) == (0, -math.inf)


def test_nothing_to_plot_is_refused():
    with pytest.raises(SamplingError, match="no held-out place"):
        prediction_area_of([np.nan])
    with pytest.raises(SamplingError, match="lies on a cell of the map"):
        prediction_area([[1.0, np.nan]], [[0, 1]])
    with pytest.raises(ValueError, match="between 0 and 1"):
        prediction_area_of([1.2])
