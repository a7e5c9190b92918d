import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orecast.errors import SamplingError
from orecast.metrics import percentiles, prediction_area_of, success_rate
from orecast.metrics.results import Intersection, PredictionArea

shares = st.lists(st.integers(0, 40).map(lambda k: k / 40), min_size=1, max_size=12)


def test_a_crossing_at_72_per_cent():
    # 72 % of the deposits in 28 % of the area: density 2.57, weight 0.94
    plot = PredictionArea.at(Intersection(0.72, 0.28, 0.5))
    assert (round(plot.normalised_density, 2), round(plot.weight, 2)) == (2.57, 0.94)


@given(st.integers(0, 10_000))
def test_of_one_region_it_crosses_on_the_maps_success_rate_curve(seed):
    rng = np.random.default_rng(seed)
    score = rng.permutation(400).reshape(20, 20)
    places = rng.integers(0, 20, (rng.integers(1, 6), 2))
    cross = prediction_area_of(percentiles(score[tuple(places.T)], score)).intersection
    curve = success_rate(score, places)
    assert cross.captured + cross.area == pytest.approx(1)
    by_map = np.interp(1, curve.area + curve.captured, curve.area)
    assert cross.area == pytest.approx(by_map, abs=1 / 400)


def test_a_map_turned_round_misleads():
    ranks = np.array([0.99, 0.95])
    assert prediction_area_of(ranks).weight > 2
    assert prediction_area_of(1 - ranks).weight < -2


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


def test_the_ends():
    perfect, worst = prediction_area_of([1.0, 1.0]), prediction_area_of([0.0])
    assert (perfect.normalised_density, perfect.weight) == (math.inf, math.inf)
    assert (worst.normalised_density, worst.weight) == (0, -math.inf)


def test_nothing_to_plot_is_refused():
    with pytest.raises(SamplingError, match="no held-out place"):
        prediction_area_of([np.nan])
    with pytest.raises(ValueError, match="between 0 and 1"):
        prediction_area_of([1.2])
