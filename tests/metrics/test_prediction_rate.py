import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orecast.errors import SamplingError
from orecast.metrics import (
    held_out_curve,
    percentiles,
    prediction_rate,
    success_rate,
)

RANKS = np.array([1, 2, 2, 5, 12])  # of twenty cells, the best being 1
MAP = np.arange(20.0, 0, -1)[None]
CELLS = np.column_stack([np.zeros(5, int), RANKS - 1])
shares = st.lists(st.integers(0, 40).map(lambda k: k / 40), min_size=1, max_size=12)


def test_table_by_hand():
    # five classes of four cells: ranks 1-4 hold three deposits, 5-8 and 9-12 one each
    table = prediction_rate(MAP, CELLS, classes=5)
    assert table.area.tolist() == [0.2, 0.4, 0.6, 0.8, 1]
    assert table.captured == pytest.approx([0.6, 0.8, 1, 1, 1])
    assert table.share == pytest.approx([0.6, 0.2, 0.2, 0, 0])
    assert table.density == pytest.approx([3, 1, 1, 0, 0])


def test_a_constant_map_has_a_flat_density():
    assert prediction_rate(np.ones((7, 9)), [[1, 1], [6, 8]]).density == pytest.approx(np.ones(20))


def test_classes_need_not_divide_the_cells():
    table = prediction_rate(np.arange(7.0)[None], [[0, 6]], classes=14)
    assert table.share[:2].tolist() == [0.5, 0.5]  # half a cell each, half the deposit each


@given(st.lists(st.integers(0, 19), min_size=1, max_size=12), st.integers(1, 30))
def test_shares_add_up_and_the_mean_density_is_one(columns, classes):
    table = prediction_rate(MAP, [[0, c] for c in columns], classes=classes)
    assert table.share.sum() == pytest.approx(1)
    assert table.density.mean() == pytest.approx(1)
    assert table.captured[-1] == pytest.approx(1)


def test_no_class_is_refused():
    with pytest.raises(ValueError, match="at least 1 class"):
        prediction_rate(MAP, CELLS, classes=0)


def test_held_out_curve_by_hand():
    curve = held_out_curve([0.5, 0.9, np.nan])
    assert curve.area == pytest.approx([0, 0.1, 0.1, 0.5, 0.5, 1])
    assert curve.captured.tolist() == [0, 0, 0.5, 0.5, 1, 1]


@given(shares)
def test_area_under_the_held_out_curve_is_the_mean_percentile(p):
    curve = held_out_curve(p)
    assert np.trapezoid(curve.captured, curve.area) == pytest.approx(np.mean(p))
    assert (np.diff(curve.area) >= 0).all()


@given(shares)
def test_held_out_curve_counts_the_places_within_an_area(p):
    curve = held_out_curve(p)
    for area in (0.0125, 0.3125, 0.7125):  # between the percentiles' steps
        assert np.interp(area, curve.area, curve.captured) == pytest.approx(
            np.mean(np.array(p) >= 1 - area)
        )


def test_one_region_gives_its_maps_own_curve_within_half_a_cell():
    rng = np.random.default_rng(0)
    score, cells = rng.random((40, 50)), np.column_stack([rng.integers(0, 40, 9), np.arange(9)])
    whole = success_rate(score, cells)
    held = held_out_curve(percentiles(score[tuple(cells.T)], score))
    area = np.linspace(0, 1, 97)
    nearby = np.interp(area + 1 / 2000, whole.area, whole.captured)
    assert (np.interp(area, held.area, held.captured) <= nearby + 1e-9).all()


def test_no_percentile_is_refused():
    with pytest.raises(SamplingError, match="no held-out place"):
        held_out_curve([np.nan])
    with pytest.raises(ValueError, match="between 0 and 1"):
        held_out_curve([-0.1])
