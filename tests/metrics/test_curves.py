import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from orecast.errors import SamplingError
from orecast.metrics import percentiles, success_rate

maps = arrays(np.float64, (5, 6), elements=st.sampled_from([0.0, 0.1, 0.2, 0.5, 1.0, np.nan]))
places = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 5)), min_size=1, max_size=6)


def captured_at(curve, area):
    return np.interp(area, curve.area, curve.captured)


def test_curve_by_hand():
    # scores by rank: 9 | 7 7 | 5 4; the deposits stand on 9 and on one of the two 7
    score = np.array([[9.0, 7.0, 5.0], [np.nan, 7.0, 4.0]])
    curve = success_rate(score, [[0, 0], [1, 1]])
    assert curve.area.tolist() == [0, 0.2, 0.6, 1]
    assert curve.captured.tolist() == [0, 0.5, 1, 1]
    assert captured_at(curve, 0.4) == pytest.approx(0.75)  # half of the tie, half of its deposit


def test_a_constant_map_gives_the_diagonal():
    curve = success_rate(np.full((10, 10), 0.3), [[0, 0], [4, 4], [9, 9]])
    assert curve.as_dict() == {"area": [0.0, 1.0], "captured": [0.0, 1.0]}


def test_cells_without_data_count_in_no_area():
    score = np.full((10, 10), np.nan)
    score[0] = np.arange(10)
    curve = success_rate(score, [[0, 9], [0, 4]])
    assert captured_at(curve, 0.1) == 0.5  # one cell of the ten, not of the hundred
    assert captured_at(curve, 0.6) == 1


def test_deposits_without_a_score_count_in_no_share():
    score = np.array([[1.0, 0.5, np.nan]])
    with_lost = success_rate(score, [[0, 0], [0, 2], [5, 5], [-1, 0]])
    assert with_lost.as_dict() == success_rate(score, [[0, 0]]).as_dict()


def test_two_deposits_in_one_cell_count_twice():
    curve = success_rate(np.array([[4.0, 3.0, 2.0, 1.0]]), [[0, 0], [0, 0], [0, 3]])
    assert captured_at(curve, 0.25) == pytest.approx(2 / 3)


@pytest.mark.parametrize("cells", [[[0, 1]], [[7, 7]], []])
def test_no_deposit_on_the_map_is_refused(cells):
    with pytest.raises(SamplingError, match="lies on a cell of the map"):
        success_rate(np.array([[1.0, np.nan]]), cells)


@given(maps, places)
def test_curve_equals_the_count_over_every_threshold(score, cells):
    rows, columns = np.array(cells).T
    found = score[rows, columns]
    found = found[~np.isnan(found)]
    assume(found.size)
    curve = success_rate(score, cells)
    known = score[~np.isnan(score)]
    for threshold in np.unique(known):
        area, captured = np.mean(known >= threshold), np.mean(found >= threshold)
        assert captured_at(curve, area) == pytest.approx(captured)
    assert (np.diff(curve.area) >= 0).all()
    assert (np.diff(curve.captured) >= 0).all()
    assert (curve.area[-1], curve.captured[-1]) == (1, 1)


@given(maps, places)
def test_area_under_the_curve_is_the_mean_percentile(score, cells):
    rows, columns = np.array(cells).T
    found = score[rows, columns]
    assume(not np.isnan(found).all())
    curve = success_rate(score, cells)
    under = np.trapezoid(curve.captured, curve.area)
    assert under == pytest.approx(np.nanmean(percentiles(found, score)))


def test_thinning_keeps_ends_and_points_of_the_curve():
    rng = np.random.default_rng(0)
    curve = success_rate(rng.random((50, 50)), rng.integers(0, 50, (300, 2)))
    thin = curve.thinned(200)
    assert curve.area.size > 200
    assert thin.area.size == 200
    assert (thin.area[0], thin.area[-1]) == (0, 1)
    assert set(zip(thin.area, thin.captured, strict=True)) <= set(
        zip(curve.area, curve.captured, strict=True)
    )
    assert thin.thinned(200) is thin
    with pytest.raises(ValueError, match="at least 2 points"):
        curve.thinned(1)


def test_the_map_is_left_as_it_was():
    score = np.array([[3.0, 1.0, 2.0]])
    success_rate(score, [[0, 0]])
    assert score.tolist() == [[3.0, 1.0, 2.0]]
