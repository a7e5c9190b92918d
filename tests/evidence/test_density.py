import numpy as np
import pytest
from affine import Affine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyproj import CRS
from scipy.spatial import cKDTree

from orecast.errors import ConfigError, InputError
from orecast.evidence import sampling_density
from orecast.grid import Grid

UTM = CRS("EPSG:32645")
CORNER = np.array([500_000, 4_000_000])  # north-west


def grid_of(shape=(30, 40), size=(100, 50), west=500_000, north=4_000_000):
    return Grid(UTM, Affine(size[0], 0, west, 0, -size[1], north), shape)


def by_hand(xy, grid, radius):
    """Every sample against every cell."""
    d2 = ((grid.centres()[:, None] - np.asarray(xy, dtype=float)) ** 2).sum(axis=2)
    kernel = np.maximum(1 - d2 / radius**2, 0).sum(axis=1)
    return (2e6 / np.pi / radius**2 * kernel).reshape(grid.shape)


def test_one_sample_by_hand(survey_of):
    grid = grid_of((1, 4), size=(100, 100))
    survey = survey_of([(500_050, 3_999_950), (500_050, 3_999_950)])
    found = sampling_density(survey, grid, radius=200)
    peak = 2 * 2 / (np.pi * 0.2**2)  # two samples in one place, km
    np.testing.assert_allclose(found, [[peak, peak * 3 / 4, 0, 0]], rtol=1e-6)
    assert found.dtype == np.float32
    assert (found[0, 2:] == 0).all()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])  # a plain function
@given(
    st.lists(st.tuples(st.floats(-500, 4500), st.floats(-2000, 500)), min_size=1, max_size=30),
    st.floats(1, 5000),
)
def test_it_is_the_sum_over_all_pairs(survey_of, at, radius):
    xy = np.array(at) + CORNER
    grid = grid_of()
    found, hand = sampling_density(survey_of(xy), grid, radius), by_hand(xy, grid, radius)
    np.testing.assert_allclose(found, hand, rtol=1e-5, atol=1e-6 * 2e6 / np.pi / radius**2)


def test_every_sample_has_a_mass_of_one(survey_of):
    xy = np.random.default_rng(0).uniform(1000, 2000, (50, 2)) * [1, -1] + CORNER
    grid = grid_of((600, 600), size=(5, 5))
    found = sampling_density(survey_of(xy), grid, radius=400)
    assert found.sum(dtype=float) * grid.cell_area / 1e6 == pytest.approx(50, rel=1e-3)


def test_density_on_a_lattice_is_the_lattices_and_half_or_a_quarter_at_its_edges(survey_of):
    east, north = np.meshgrid(np.arange(40) * 100.0 + 50, -np.arange(40) * 100.0 - 50)
    survey = survey_of(np.column_stack([east.ravel(), north.ravel()]) + CORNER)  # 100 a km²
    grid = grid_of((81, 41), west=499_950, north=4_000_025)  # centres from corner to corner
    found = sampling_density(survey, grid, radius=1000)
    np.testing.assert_allclose(found[30:50, 15:25], 100, rtol=0.01)
    assert found[0, 20] == pytest.approx(50, rel=0.01)
    assert found[0, 0] == pytest.approx(25, rel=0.01)
    assert found[80, 40] == pytest.approx(25, rel=0.01)


def test_zero_exactly_where_no_sample_is_near(survey_of):
    xy = np.random.default_rng(1).uniform(0, 1, (400, 2)) * [100_000, -100_000] + CORNER
    grid = grid_of((500, 500), size=(200, 200))
    found = sampling_density(survey_of(xy), grid, radius=900)
    distance, _ = cKDTree(xy).query(grid.centres())
    far = (distance > 900).reshape(grid.shape)
    assert far.any()
    assert (found[far] == 0).all()
    assert (found[(distance < 890).reshape(grid.shape)] > 0).all()


def test_samples_beyond_the_grid_count(survey_of):
    found = sampling_density(survey_of([(499_900, 3_999_975)]), grid_of(), radius=300)
    assert found[0, 0] > 0


def test_a_gridded_survey_is_refused(survey_of):
    grid = grid_of()
    with pytest.raises(InputError, match="sampling density is unknown") as error:
        sampling_density(survey_of(gridded=grid), grid, radius=300)
    assert error.value.remedy


@pytest.mark.parametrize("radius", [0, -1, float("nan"), float("inf")])
def test_a_radius_is_positive(survey_of, radius):
    with pytest.raises(ConfigError, match="positive"):
        sampling_density(survey_of([(0, 0)]), grid_of(), radius)
