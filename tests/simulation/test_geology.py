import numpy as np
import pytest
from shapely.geometry import box

from orecast.grid import Bounds, Grid
from orecast.simulation.fields import gaussian_fields
from orecast.simulation.geology import (
    Fault,
    contact_distance,
    distance_to,
    fault_lines,
    fault_network,
    intersections,
    traces,
    unit_codes,
    unit_polygons,
)
from orecast.simulation.preset import Unit, load_preset

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


UNITS = (
    Unit("Alluvium", "alluvium", 0.1, "cover"),
    Unit("Granite", "granite", 0.2, "intrusion", favourable=True),
    Unit("Lower", "schist", 0.4),
    Unit("Upper", "sandstone", 0.3),
)


@pytest.fixture(scope="module")
def codes(grid: Grid) -> np.ndarray:
    rng = np.random.default_rng(0)
    return unit_codes(grid, UNITS, 40, gaussian_fields(grid, 2000, 1, rng)[0], rng)


def test_each_unit_has_its_share(codes: np.ndarray) -> None:
    shares = np.bincount(codes.ravel(), minlength=4) / codes.size
    np.testing.assert_allclose(shares, [u.share for u in UNITS], atol=1e-3)


def test_cover_lies_where_it_is_thickest(grid: Grid) -> None:
    cover = gaussian_fields(grid, 2000, 1, np.random.default_rng(3))[0]
    codes = unit_codes(grid, UNITS, 40, cover, np.random.default_rng(4))
    assert cover[codes == 0].min() >= cover[codes != 0].max()


def test_strata_follow_the_strike() -> None:
    """Neighbours along the strike share a unit more often than neighbours across it."""
    from pyproj import CRS

    from orecast.grid import Bounds

    grid = Grid.covering(Bounds(0, 0, 20_000, 20_000), 250, CRS("EPSG:32649"))
    along = across = 0.0
    strata = tuple(Unit(str(n), "schist", 0.2) for n in range(5))
    for seed in range(6):
        flat = np.zeros(grid.shape)
        codes = unit_codes(grid, strata, 90, flat, np.random.default_rng(seed))  # striking east
        along += (codes[:, 8:] == codes[:, :-8]).mean()
        across += (codes[8:] == codes[:-8]).mean()
    assert along > across + 0.6


def test_contact_distance_by_hand(grid: Grid) -> None:
    codes = np.full(grid.shape, 2, dtype=np.int16)
    codes[:, :10] = 1  # granite in the west: its last column is the contact
    distance = contact_distance(grid, codes, UNITS)
    assert distance[5, 9] == 0
    assert distance[5, 13] == pytest.approx(4 * 250)
    assert distance[5, 4] == pytest.approx(5 * 250)


def test_without_a_favourable_unit_there_is_no_contact(grid: Grid) -> None:
    codes = np.full(grid.shape, 2, dtype=np.int16)
    assert np.isinf(contact_distance(grid, codes, UNITS)).all()


def test_polygons_cover_the_area_once_and_tell_the_unit(grid: Grid, codes: np.ndarray) -> None:
    polygons = unit_polygons(grid, codes, UNITS)
    assert polygons.crs == grid.crs
    assert polygons.area.sum() == pytest.approx(codes.size * grid.cell_area)
    by_unit = polygons.dissolve("unit").area / polygons.area.sum()
    assert by_unit["Granite"] == pytest.approx(0.2, abs=1e-3)
    at = polygons[polygons.contains(_point(grid, 7, 9))]
    assert at["unit"].tolist() == [UNITS[codes[7, 9]].name]


def _point(grid: Grid, row: int, column: int) -> object:
    from shapely.geometry import Point

    return Point(*grid.xy([[row, column]])[0])
