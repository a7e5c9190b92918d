import numpy as np
import pytest
from shapely.geometry import box

from orecast.grid import Bounds, Grid
from orecast.simulation.faults import (
    Fault,
    distance_to,
    fault_lines,
    fault_network,
    intersections,
    traces,
)
from orecast.simulation.preset import load_preset

BOUNDS = Bounds(400_000, 2_400_000, 430_000, 2_424_000)


@pytest.fixture(scope="module")
def network() -> tuple[Fault, ...]:
    return fault_network(load_preset("demo"), BOUNDS, np.random.default_rng(0))


def test_the_network_has_its_orders(network: tuple[Fault, ...]) -> None:
    preset = load_preset("demo")
    for order, kind in enumerate((preset.major, preset.secondary, preset.minor), start=1):
        own = [f for f in network if f.order == order]
        assert len(own) == kind.count
        assert sum(not f.fertile for f in own) == round(kind.barren * kind.count)
    lengths = [np.median([f.line.length for f in network if f.order == o]) for o in (1, 2, 3)]
    assert lengths[0] > lengths[1] > lengths[2]


def test_faults_stay_within_the_area(network: tuple[Fault, ...]) -> None:
    area = box(*BOUNDS).buffer(1e-6)
    assert all(area.contains(f.line) for f in network)


def test_major_faults_keep_to_the_strike_and_spread_across_it() -> None:
    preset = load_preset("demo")
    bearings, reach = [], []
    for seed in range(20):
        network = fault_network(preset, BOUNDS, np.random.default_rng(seed))
        majors = [f.trace for f in network if f.order == 1]
        for trace in majors:
            dx, dy = trace[-1] - trace[0]
            bearings.append(np.degrees(np.arctan2(dx, dy)) % 180)
        middles = np.array([t.mean(axis=0) for t in majors])
        reach.append(np.ptp(middles[:, 0] - middles[:, 1]))
    assert np.median(bearings) == pytest.approx(preset.system.strike, abs=6)
    assert np.median(reach) > 12_000


def test_secondary_faults_meet_others(network: tuple[Fault, ...]) -> None:
    meets = [any(f.line.intersects(o.line) for o in network if o is not f) for f in network]
    assert np.mean(meets) > 0.7
    assert len(intersections(network)) > 20


def test_intersections_and_distance_by_hand(grid: Grid) -> None:
    east = Fault(np.array([[0.0, 5125], [16_000, 5125]]), 1, True)
    north = Fault(np.array([[8125.0, 0], [8125, 12_000]]), 2, True)
    apart = Fault(np.array([[1000.0, 6000], [2000, 7000]]), 3, True)
    assert intersections((east, north, apart)).tolist() == [[8125, 5125]]
    distance = distance_to(intersections((east, north)), grid)
    at = grid.cell([[8125 + 3000, 5125 - 4000]])[0]
    assert distance[tuple(at)] == pytest.approx(5000)
    assert np.isinf(distance_to(np.empty((0, 2)), grid)).all()


def test_traces_know_the_nearest_strike() -> None:
    east = Fault(np.array([[0.0, 0], [1000, 0]]), 1, True)
    northeast = Fault(np.array([[5000.0, 5000], [6000, 6000]]), 2, True)
    points = traces((east, northeast), 50)
    assert np.hypot(*np.diff(points.xy[:20], axis=0).T).max() <= 50
    distance, strike = points.nearest(np.array([[500.0, 300], [5500, 5600]]))
    assert distance[0] == pytest.approx(300, abs=1)
    assert strike.tolist() == [90, 45]


def test_without_faults_all_is_far() -> None:
    distance, _ = traces((), 50).nearest(np.zeros((2, 2)))
    assert np.isinf(distance).all()


def test_the_map_does_not_tell_which_faults_bore_ore(
    network: tuple[Fault, ...], grid: Grid
) -> None:
    assert list(fault_lines(network, grid).columns) == ["name", "order", "geometry"]
    assert "fertile" in fault_lines(network, grid, with_truth=True)
