import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from orecast.grid import Grid
from orecast.simulation.fields import (
    carried,
    cover_thickness,
    elevation,
    flow_receivers,
    stream_sediment,
)

CHAIN = np.array([1, 2, 3, -1])  # four cells in a row, flowing east


def test_water_runs_to_the_lowest_neighbour() -> None:
    height = np.array([[9.0, 9, 9, 9], [9, 5, 4, 1], [9, 9, 9, 9]])
    receivers = flow_receivers(height).reshape(3, 4)
    assert receivers[1, 1] == 6
    assert receivers[1, 2] == 7
    assert receivers[1, 3] == -1


def test_a_pit_drains_over_its_lowest_outlet() -> None:
    height = np.full((5, 5), 9.0)
    height[2, 2] = 1.0  # the pit
    height[2, 3] = 4.0  # its outlet
    height[2, 4] = 2.0  # the edge behind
    receivers = flow_receivers(height)
    assert receivers[2 * 5 + 2] == 2 * 5 + 3
    assert receivers[2 * 5 + 3] == 2 * 5 + 4


@settings(max_examples=40, deadline=None)
@given(arrays(np.float64, (6, 7), elements=st.floats(0, 100)))
def test_every_cell_has_a_way_off_the_edge(height: np.ndarray) -> None:
    receivers = flow_receivers(height)
    at = np.arange(42)
    for _ in range(42):
        at = np.where(at >= 0, receivers[at], -1)
    assert (at == -1).all()


def test_carried_by_hand() -> None:
    out = carried(np.array([[1.0, 0, 0, 2]]), CHAIN, (1, 4), 100, 100)
    e = math.exp(-1)
    np.testing.assert_allclose(out, [[1, e, e**2, 2 + e**3]])


def test_without_decay_ones_become_the_catchment() -> None:
    assert carried(np.ones((1, 4)), CHAIN, (1, 4), 100, math.inf).tolist() == [[1, 2, 3, 4]]


def test_a_diagonal_step_is_longer() -> None:
    receivers = np.array([3, -1, -1, -1])  # 2 x 2: north-west drains to south-east
    out = carried(np.array([[1.0, 0, 0, 0]]), receivers, (2, 2), 100, 100)
    assert out[0, 3] == pytest.approx(math.exp(-math.sqrt(2)))


def test_sediment_is_the_weighted_mean_of_its_catchment() -> None:
    rock = np.array([[[8.0, 2.0, 2.0, 2.0]]])
    sediment, area = stream_sediment(rock, CHAIN, 100, 200)
    w = math.exp(-0.5)
    assert sediment[0, 0, 0] == pytest.approx(8)
    assert sediment[0, 0, 1] == pytest.approx((2 + 8 * w) / (1 + w))
    assert sediment[0, 0, 2] == pytest.approx((2 + 2 * w + 8 * w**2) / (1 + w + w**2))
    assert np.diff(sediment[0, 0]).max() < 0  # diluted on its way
    assert area.tolist() == [[1, 2, 3, 4]]


def test_an_anomaly_goes_downstream_and_not_up(grid: Grid) -> None:
    height = elevation(grid, 900, np.random.default_rng(0))
    receivers = flow_receivers(height)
    plain = np.ones((1, *grid.shape))
    _, area = stream_sediment(plain, receivers, 250, 1500)
    source = int(np.argsort(-area.ravel())[area.size // 4])  # on a small stream, not a ridge
    while receivers[receivers[source]] < 0:
        source -= 1
    rock = plain.copy()
    rock.flat[source] = 100
    sediment = stream_sediment(rock, receivers, 250, 1500)[0].ravel()
    below, at = [], source
    while at >= 0:
        below.append(at)
        at = int(receivers[at])
    raised = np.flatnonzero(sediment > 1 + 1e-9)
    assert set(raised) <= set(below)
    assert sediment[below[1]] > 1.5
    above = np.flatnonzero(receivers == source)
    np.testing.assert_allclose(sediment[above], 1)


def test_relief_is_drained_and_as_high_as_asked(grid: Grid) -> None:
    height = elevation(grid, 900, np.random.default_rng(4))
    assert height.min() == 0
    assert height.max() == pytest.approx(900)
    receivers = flow_receivers(height)
    inner = receivers >= 0
    down = height.ravel()[inner] - height.ravel()[receivers[inner]]
    assert (down >= 0).mean() > 0.97  # next to no pits
    area = carried(np.ones((1, receivers.size)), receivers, grid.shape, 250, math.inf)[0]
    assert np.corrcoef(np.log(area), height.ravel())[0, 1] < -0.3  # rivers lie low


def test_cover_lies_in_the_lowlands(grid: Grid) -> None:
    height = elevation(grid, 900, np.random.default_rng(5))
    cover = cover_thickness(grid, height, 1500, np.random.default_rng(6))
    assert np.corrcoef(cover.ravel(), height.ravel())[0, 1] < -0.3
