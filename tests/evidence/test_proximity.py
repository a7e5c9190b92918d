import geopandas as gpd
import numpy as np
import pytest
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import CRS
from scipy.ndimage import distance_transform_edt
from shapely import LineString, MultiLineString, Point, Polygon, affinity

from orecast.config import Faults
from orecast.errors import CapacityError, ConfigError, InputError
from orecast.evidence import Evidence, proximity
from orecast.evidence.proximity import (
    fault_density,
    fault_distance,
    fault_intersections,
    fault_lines,
    fault_rings,
    point_distance,
    with_faults,
)
from orecast.grid import Bounds, Grid

UTM = CRS("EPSG:32645")


@pytest.fixture
def grid() -> Grid:
    return Grid.covering(Bounds(0, 0, 2000, 1500), 100, UTM)


@pytest.fixture
def large(monkeypatch):
    """Let every grid be too large for exact distances."""
    monkeypatch.setattr(proximity, "MOST_EXACT_CELLS", 0)


def by_hand(lines, grid):
    return np.array(
        [[min(line.distance(Point(x, y)) for line in lines) for x in grid.x] for y in grid.y]
    )


def random_lines(seed, n=4):
    rng = np.random.default_rng(seed)
    return [LineString(rng.uniform(-500, 2500, (3, 2))) for _ in range(n)]


def test_distance_is_that_to_the_line_from_the_cells_centre(grid):
    lines = [LineString([(0, 740), (2000, 740)])]
    expected = np.abs(grid.y - 740)[:, None] + np.zeros(20)
    np.testing.assert_allclose(fault_distance(lines, grid), expected)


def test_distance_is_north_up(grid):
    distance = fault_distance([LineString([(0, 1450), (2000, 1450)])], grid)
    assert (distance[0] == 0).all()
    assert (distance[-1] == 1400).all()


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000))
def test_distances_of_either_kind_keep_what_they_say(seed):
    grid = Grid(UTM, Affine(100, 0, 0, 0, -60, 1500), (25, 20))  # cells that are no squares
    lines = random_lines(seed)
    truth = by_hand(lines, grid)
    np.testing.assert_allclose(fault_distance(lines, grid), truth, atol=1e-9)
    transformed = proximity._distance_to_touched_cells(fault_lines(lines), grid)
    assert np.abs(transformed - truth).max() <= np.hypot(100, 60) / 2 + 1e-6


def test_a_large_grid_sees_faults_beyond_its_edge(grid, large):
    inside = LineString([(0, 100), (100, 100)])
    beyond = LineString([(2300, 1800), (2400, 1900)])
    got = fault_distance([inside, beyond], grid)
    assert np.abs(got - by_hand([inside, beyond], grid)).max() <= 0.71 * 100
    far = LineString([(1e7, 1e7), (1e7, 1.1e7)])  # must not widen the grid
    np.testing.assert_array_equal(fault_distance([inside, beyond, far], grid), got)


def test_a_large_grid_with_all_faults_outside_is_exact(grid, large):
    lines = [LineString([(2300, 1800), (2400, 1900)])]
    np.testing.assert_allclose(fault_distance(lines, grid), by_hand(lines, grid))


def test_a_large_grid_is_scipys_transform_where_all_faults_lie_inside(grid, large):
    lines = [LineString([(0, 750), (2000, 750)])]
    touched = np.ones(grid.shape)
    touched[7] = 0
    expected = distance_transform_edt(touched, sampling=100)
    np.testing.assert_allclose(fault_distance(lines, grid), expected)


def test_rings_are_highest_at_the_fault():
    distance = np.array([[0.0, 499.9, 500.0, 500.1, 2999.0, 3000.0, 3000.1, 1e6]])
    got = fault_rings(distance, [500, 1000, 1500, 2000, 2500, 3000])
    assert got.tolist() == [[6, 6, 6, 5, 1, 1, 0, 0]]


@pytest.mark.parametrize("radii", [[], [0, 10], [-5, 10], [10, 10], [20, 10]])
def test_rings_that_do_not_rise_are_refused(radii):
    with pytest.raises(ConfigError, match=r"faults\.rings"):
        fault_rings(np.zeros((1, 1)), radii)


def test_density_of_one_line_across_the_circle(grid):
    lines = [LineString([(-5000, 750), (7000, 750)])]
    density = fault_density(lines, grid, 500)
    # The chord through the centre is 1 km, the circle 0.785 km²: discs of cells are within 8 %.
    assert density[7, 10] == pytest.approx(1.0 / (np.pi * 0.25), rel=0.08)
    assert (density[:2] == 0).all()  # 600 m away and more
    assert density[7, 0] == pytest.approx(density[7, 10])  # the line goes on beyond the edge


def test_density_of_an_even_mesh_is_its_length_per_area():
    grid = Grid.covering(Bounds(0, 0, 6000, 6000), 100, UTM)
    lines = [LineString([(-3000, y), (9000, y)]) for y in np.arange(-3000, 9000, 200) + 50.0]
    np.testing.assert_allclose(fault_density(lines, grid, 1000), 5.0, rtol=0.05)  # 1 km / 0.2 km


def test_density_adds_up_to_the_lines_length(grid):
    lines = [LineString([(700, 600), (1100, 720)]), LineString([(900, 500), (900, 900)])]
    total = sum(line.length for line in lines)
    density = fault_density(lines, grid, 300)  # every circle that meets them lies on the grid
    assert density.sum() * grid.cell_area / 1000 == pytest.approx(total, rel=1e-9)


@pytest.mark.parametrize("radius", [2501.0, 1e12, 1e300])
def test_a_radius_of_density_wider_than_the_map_is_refused(radius, grid):
    lines = [LineString([(0, 0), (900, 900)])]
    with pytest.raises(ConfigError, match="larger than the map") as caught:
        fault_density(lines, grid, radius)
    assert caught.value.where == "faults.density"
    proposed = float(caught.value.remedy.split()[-1])
    assert fault_density(lines, grid, proposed).any()
    assert fault_density(lines, grid, 2499.0).all()


def test_a_radius_of_density_that_memory_does_not_hold_is_refused(grid, monkeypatch):
    lines = [LineString([(0, 0), (900, 900)])]
    monkeypatch.setattr("orecast.capacity.available_memory", lambda: 1e5)
    with pytest.raises(CapacityError, match="for a radius of 2400 m") as caught:
        fault_density(lines, grid, 2400.0)
    fitting = float(caught.value.remedy.split()[3])
    assert 100 < fitting < 2400
    assert fault_density(lines, grid, fitting).any()
    monkeypatch.setattr("orecast.capacity.available_memory", lambda: 1e3)
    with pytest.raises(CapacityError, match=r"larger evidence\.cell_size"):
        fault_density(lines, grid, 200.0)


def test_density_within_less_than_a_cell_is_the_cells_own(grid):
    density = fault_density([LineString([(110, 110), (190, 110)])], grid, 30)
    assert density[13, 1] == pytest.approx(80 / 100**2 * 1000)
    assert np.count_nonzero(density) == 1


def test_crossings_and_junctions_are_intersections():
    a = LineString([(0, 0), (100, 0)])
    cross = LineString([(50, -50), (50, 50)])
    abuts = LineString([(20, 0), (20, 80)])  # its end on the other's middle
    slanting = LineString([(70, 30), (70.0, 0.04)])  # short of it by less than a decimetre
    got = fault_intersections([a, cross, abuts, slanting])
    assert sorted(got.round(6).tolist()) == [[20, 0], [50, 0], [70, 0]]


def test_a_fault_drawn_in_pieces_does_not_cross_itself():
    pieces = [LineString([(0, 0), (50, 10)]), LineString([(50, 10), (100, 0)])]
    assert len(fault_intersections(pieces)) == 0
    third = LineString([(50, 10), (50, 90)])
    assert fault_intersections([*pieces, third]).tolist() == [[50, 10]]


def test_ends_that_stop_short_do_not_meet():
    assert (
        len(fault_intersections([LineString([(0, 0), (9, 0)]), LineString([(5, 1), (5, 9)])])) == 0
    )


def test_point_distance(grid):
    got = point_distance(np.array([[50.0, 50.0], [1e5, 1e5]]), grid)
    assert got[-1, 0] == 0
    assert got[-1, 3] == 300
    assert got[-5, 3] == 500


def test_lines_are_taken_apart_and_what_is_none_refused():
    both = MultiLineString([[(0, 0), (1, 1)], [(2, 2), (3, 3)]])
    assert len(fault_lines([both, None, LineString(), LineString([(0, 0, 5), (1, 1, 9)])])) == 3
    with pytest.raises(InputError, match="not Polygon"):
        fault_lines([Polygon([(0, 0), (1, 0), (1, 1)])])
    with pytest.raises(InputError, match="no fault line"):
        fault_lines([None])


def faulted(survey_of, lines, n=5):
    xy = np.random.default_rng(0).uniform(0, 1000, (n, 2))
    return survey_of(xy, faults=gpd.GeoDataFrame(geometry=lines, crs=UTM))


def test_every_layer_asked_for_is_there_with_its_reach(grid, survey_of):
    lines = random_lines(1)
    options = Faults(path="f", rings=[200, 400], density=350.0, intersections=True)
    evidence = with_faults(Evidence.empty(grid), faulted(survey_of, lines), options)
    assert evidence.names == (
        "fault_distance",
        "fault_rings",
        "fault_density",
        "fault_intersection_distance",
    )
    assert [evidence.data[n].attrs["reach"] for n in evidence.names] == [0, 0, 350, 0]
    assert {evidence.kind(n) for n in evidence.names} == {"fault"}
    assert evidence.data["fault_distance"].attrs["unit"] == "m"
    assert set(np.unique(evidence.layer("fault_rings"))) <= {0, 1, 2}
    only_rings = Faults(path="f", distance=False, rings=[200])
    assert with_faults(Evidence.empty(grid), faulted(survey_of, lines), only_rings).names == (
        "fault_rings",
    )


def test_a_distance_that_is_not_exact_says_how_far_off(grid, survey_of, large):
    survey = faulted(survey_of, random_lines(1))
    evidence = with_faults(Evidence.empty(grid), survey, Faults(path="f"))
    assert "within 70.7 m" in evidence.data["fault_distance"].attrs["origin"]


def test_faults_that_never_meet_leave_a_warning(grid, survey_of):
    survey = faulted(survey_of, [LineString([(0, 0), (100, 0)])])
    evidence = with_faults(Evidence.empty(grid), survey, Faults(path="f", intersections=True))
    assert evidence.names == ("fault_distance",)
    assert survey.findings.of("no-fault-intersections")


def test_no_faults_read_is_refused(grid, survey_of):
    with pytest.raises(InputError, match=r"faults\.path"):
        with_faults(Evidence.empty(grid), survey_of(np.zeros((3, 2))), Faults(path="f"))


def test_a_map_moves_with_its_faults():
    here = Grid.covering(Bounds(0, 0, 1000, 1000), 100, UTM)
    there = Grid.covering(Bounds(500_000, 4e6, 501_000, 4_001_000), 100, UTM)
    lines = random_lines(3)
    moved = [affinity.translate(line, 500_000, 4e6) for line in lines]
    for layer in (fault_distance, lambda given, grid: fault_density(given, grid, 250)):
        np.testing.assert_allclose(layer(lines, here), layer(moved, there), atol=1e-5)
