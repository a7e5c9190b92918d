"""What holds for every registered interpolator."""

import re

import geopandas as gpd
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import CRS

from orecast import registry
from orecast.config import EvidenceOptions, parse
from orecast.errors import ConfigError, InputError
from orecast.evidence import build_evidence
from orecast.evidence.interpolate import Interpolator
from orecast.evidence.interpolate.kriging import Variogram
from orecast.survey.data import Element, Findings, Survey

PACKAGE = "orecast.evidence.interpolate"
NAMES = sorted(registry.entries(PACKAGE))
RADIUS = 400.0
CORNER = np.array([500_000.0, 4_000_000.0])


def create(name: str, neighbours: int = 8, radius: float = RADIUS) -> Interpolator:
    """Return the interpolator with which a map is exact at the samples."""
    interpolator = registry.load(PACKAGE, name, what="interpolator").configured(
        EvidenceOptions(neighbours=neighbours), radius
    )
    if name == "kriging":
        interpolator.variogram = Variogram("exponential", nugget=0.0, sill=2.0, range=500.0)
    return interpolator


@pytest.fixture(params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def samples() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(4)
    xy = rng.uniform(0, 1000, (80, 2)) + CORNER
    return xy, rng.normal(size=(80, 3))


def test_the_three_methods_are_registered():
    assert set(NAMES) >= {"idw", "kriging", "spline"}


def test_returns_the_values_at_the_samples(name, samples):
    xy, values = samples
    np.testing.assert_allclose(create(name).fit(xy, values).predict(xy), values, atol=1e-9)


def test_is_close_to_the_value_close_to_a_sample(name, samples):
    xy, values = samples
    near = create(name).fit(xy, values).predict(xy + 1e-4)
    np.testing.assert_allclose(near, values, atol=1e-3)


def test_one_row_a_target_one_column_a_layer(name, samples):
    xy, values = samples
    fitted = create(name).fit(xy, values)
    assert fitted.predict(xy[:7]).shape == (7, 3)
    assert fitted.predict(np.empty((0, 2))).shape == (0, 3)
    assert fitted.predict(xy).dtype == np.float64


def test_nothing_beyond_the_radius(name, samples):
    xy, values = samples
    fitted = create(name).fit(xy, values)
    assert fitted.reach == RADIUS
    east = np.array([xy[:, 0].max(), xy[xy[:, 0].argmax(), 1]])
    outside = east + np.array([[RADIUS + 0.01, 0], [1e6, 0], [-1e7, 1e7]])
    assert np.isnan(fitted.predict(outside)).all()
    if fitted.fewest == 1:
        assert np.isfinite(fitted.predict(east + np.array([[RADIUS - 0.01, 0]]))).all()


def test_a_sample_beyond_the_reach_moves_nothing(name, samples):
    xy, values = samples
    target = np.array([[500_300.0, 4_000_300.0]])
    far = np.hypot(*(xy - target).T) > RADIUS
    changed = values.copy()
    changed[far] += 1e6
    assert far.sum() > 10
    with_, without = (create(name, 60).fit(xy, v).predict(target) for v in (values, changed))
    np.testing.assert_array_equal(with_, without)


def test_a_constant_field_stays_constant(name, samples):
    xy, _ = samples
    targets = np.random.default_rng(1).uniform(0, 1000, (200, 2)) + CORNER
    fitted = registry.load(PACKAGE, name, what="interpolator").configured(EvidenceOptions(), 400.0)
    got = fitted.fit(xy, np.full((80, 1), 7.25)).predict(targets)
    np.testing.assert_allclose(got, 7.25, rtol=1e-9)


def test_each_layer_is_interpolated_as_if_alone(name, samples):
    xy, values = samples
    targets = xy[:20] + 13.0
    together = create(name).fit(xy, values).predict(targets)
    for k in range(3):
        alone = create(name).fit(xy, values[:, k : k + 1]).predict(targets)
        np.testing.assert_allclose(together[:, k : k + 1], alone, rtol=1e-12)


def test_a_missing_value_is_skipped_in_its_layer_only(name, samples):
    xy, values = samples
    holed = values.copy()
    holed[10:25, 1] = np.nan
    kept = np.ones(80, dtype=bool)
    kept[10:25] = False
    targets = xy[:30] + 7.0
    got = create(name).fit(xy, holed).predict(targets)
    whole = create(name).fit(xy, values).predict(targets)
    without = create(name).fit(xy[kept], values[kept]).predict(targets)
    np.testing.assert_array_equal(got[:, [0, 2]], whole[:, [0, 2]])
    np.testing.assert_array_equal(got[:, 1], without[:, 1])


def test_coincident_samples_are_one_with_their_mean(name, samples):
    xy, values = samples
    twice_xy = np.concatenate([xy, xy[:5], xy[:5] + 1e-7])
    twice = np.concatenate([values, values[:5] + 3.0, values[:5] - 6.0])
    got = create(name).fit(twice_xy, twice).predict(xy)
    expected = values.copy()
    expected[:5] -= 1.0
    np.testing.assert_allclose(got, expected, atol=1e-6)


@settings(max_examples=15, deadline=None)
@given(
    name=st.sampled_from(NAMES),
    dx=st.floats(-500_000, 500_000),
    dy=st.floats(-500_000, 500_000),
    seed=st.integers(0, 100),
)
def test_a_map_moves_with_its_samples(name, dx, dy, seed):
    rng = np.random.default_rng(seed)
    xy, values = rng.uniform(0, 1000, (40, 2)), rng.normal(size=(40, 2))
    targets = rng.uniform(100, 900, (30, 2))
    step = np.array([dx, dy])
    here = create(name).fit(xy, values).predict(targets)
    there = create(name).fit(xy + step, values).predict(targets + step)
    np.testing.assert_allclose(here, there, atol=1e-4)


def test_samples_on_a_regular_grid_are_taken_the_same_way_everywhere(name):
    """Ties at the last neighbour: the choice must not hang on where the grid lies."""
    x, y = np.meshgrid(np.arange(12) * 100.0, np.arange(12) * 100.0)
    xy = np.column_stack([x.ravel(), y.ravel()])
    values = np.sin(np.arange(144.0))[:, None]
    targets = xy + 50.0
    here = create(name, 6).fit(xy, values).predict(targets)
    there = create(name, 6).fit(xy + 500_000, values).predict(targets + 500_000)
    np.testing.assert_allclose(here, there, atol=1e-9)


def plain(name: str) -> Interpolator:
    """Return the interpolator with all that it learns left to it."""
    made = registry.load(PACKAGE, name, what="interpolator").configured(EvidenceOptions(), RADIUS)
    assert isinstance(made, Interpolator)
    return made


def test_what_is_learned_is_learned_from_the_samples_it_is_fitted_on_alone(name, samples):
    xy, values = samples
    values[3:9, 1] = np.nan
    seen = np.hypot(*(xy - CORNER - 700).T) > 300
    assert 20 < seen.sum() < 75
    other = values.copy()
    other[~seen] = np.random.default_rng(3).normal(5, 9, other[~seen].shape)
    other[np.isnan(values)] = np.nan
    first, second = plain(name).fit(xy, values, seen), plain(name).fit(xy, other, seen)
    assert [part.learned for part in first.parts_] == [part.learned for part in second.parts_]
    far = xy[np.hypot(*(xy[:, None] - xy[~seen]).transpose(2, 0, 1)).min(axis=1) > RADIUS]
    assert len(far) > 5
    np.testing.assert_array_equal(first.predict(far), second.predict(far))
    assert not np.array_equal(first.predict(xy), second.predict(xy))  # all are data
    learned = [part.learned for part in plain(name).fit(xy, values).parts_]
    assert plain(name).learns == (learned != [part.learned for part in first.parts_])


def test_fitted_on_every_sample_is_fitted_on_all(name, samples):
    xy, values = samples
    first, second = plain(name).fit(xy, values), plain(name).fit(xy, values, np.ones(80, bool))
    assert [part.learned for part in first.parts_] == [part.learned for part in second.parts_]
    np.testing.assert_array_equal(first.predict(xy), second.predict(xy))


def test_samples_it_is_not_fitted_on_are_interpolated_still(name, samples):
    xy, values = samples
    for seen in (np.zeros(80, bool), np.arange(80) < 1):
        got = plain(name).fit(xy, values, seen).predict(xy)
        np.testing.assert_allclose(got, values, atol=1e-9)


def test_samples_along_one_line(name):
    xy = np.column_stack([np.arange(10) * 90.0, np.arange(10) * 30.0])
    got = create(name).fit(xy, np.arange(10.0)[:, None]).predict(xy + np.array([20.0, 0]))
    if name == "spline":  # no plane passes through one line
        assert np.isnan(got).all()
    else:
        assert np.isfinite(got).all()


def test_a_single_sample_speaks_for_its_circle(name):
    fitted = create(name).fit(np.array([[0.0, 0.0]]), np.array([[5.0]]))
    got = fitted.predict(np.array([[0.0, 0.0], [100.0, 0.0], [401.0, 0.0]]))[:, 0]
    expected = [np.nan] * 3 if fitted.fewest > 1 else [5.0, 5.0, np.nan]
    np.testing.assert_array_equal(got, expected)


def test_repeats_bit_for_bit(name, samples):
    xy, values = samples
    targets = np.random.default_rng(2).uniform(0, 1000, (5000, 2)) + CORNER
    plain = registry.load(PACKAGE, name, what="interpolator").configured(EvidenceOptions(), 400.0)
    first = plain.fit(xy, values).predict(targets)
    np.testing.assert_array_equal(first, plain.fit(xy, values).predict(targets))


def test_is_the_same_in_blocks(name, samples):
    xy, values = samples
    fitted = create(name).fit(xy, values)
    targets = np.random.default_rng(2).uniform(0, 1000, (5000, 2)) + CORNER
    blocks = np.concatenate([fitted.predict(part) for part in np.array_split(targets, 7)])
    np.testing.assert_array_equal(fitted.predict(targets), blocks)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"neighbours": 0}, ConfigError),
        ({"radius": 0.0}, ConfigError),
        ({"radius": np.inf}, ConfigError),
        ({"xy": np.zeros((79, 2))}, InputError),
        ({"xy": np.full((80, 2), np.nan)}, InputError),
        ({"values": np.full((80, 2), np.nan)}, InputError),
        ({"values": np.full((80, 2), np.inf)}, InputError),
        ({"xy": np.zeros((0, 2)), "values": np.zeros((0, 1))}, InputError),
    ],
)
def test_refuses(name, samples, change, error):
    xy, values = samples
    interpolator = create(name)
    for key in ("neighbours", "radius"):
        setattr(interpolator, key, change.get(key, getattr(interpolator, key)))
    with pytest.raises(error):
        interpolator.fit(change.get("xy", xy), change.get("values", values))


def plane_survey(cell: float = 100.0) -> tuple[Survey, np.ndarray]:
    """A survey of z = x + 2 y, sampled at the centres of some of the cells of 100 m."""
    rng = np.random.default_rng(8)
    at = np.unique(rng.integers(0, [14, 23], (150, 2)), axis=0)
    xy = 500_000 + (at[:, ::-1] + 0.5) * cell
    z = xy[:, 0] + 2 * xy[:, 1]
    survey = Survey(
        crs=CRS("EPSG:32645"),
        elements=(Element("Au", "Au_ppm", "ppm", 1.0),),
        values=z[:, None],
        censored=np.zeros((len(z), 1), dtype=bool),
        findings=Findings(),
        samples=gpd.GeoDataFrame(geometry=gpd.points_from_xy(*xy.T), crs="EPSG:32645"),
    )
    return survey, xy


def test_a_plane_comes_out_north_up_and_at_cell_centres(name):
    """Values taken at cell edges, and rasters upside down, are the known faults of others."""
    survey, xy = plane_survey()
    config = parse(
        {
            "samples": {"path": "s.csv"},
            "deposits": {"path": "d.csv"},
            "composition": {"transform": "none"},
            "evidence": {"cell_size": 100.0, "interpolator": name, "radius": 500.0},
        },
        where="test",
    )
    evidence = build_evidence(survey, config)
    grid, got = evidence.grid, evidence.layer("Au")
    xx, yy = np.meshgrid(grid.x, grid.y)
    truth = xx + 2 * yy
    inner = (slice(2, -2), slice(2, -2))
    assert np.nanmax(np.abs(got - truth)[inner]) < 400  # upside down it is off by up to 2,600
    row, column = grid.cell(xy).T
    np.testing.assert_allclose(grid.xy(np.column_stack([row, column])), xy)  # each at a centre
    at_samples = got[row, column] - (xy[:, 0] + 2 * xy[:, 1])
    tolerance = 60 if name == "kriging" else 0.2  # float32 of 1.5 million; a fitted nugget smooths
    assert np.abs(at_samples).max() < tolerance
    if name == "spline":
        assert np.nanmax(np.abs(got - truth)) < 0.5


@pytest.mark.parametrize("neighbours", [81, 10**9, 10**30])
def test_more_neighbours_than_samples_are_all_samples(name, neighbours, samples):
    xy, values = samples
    targets = xy[:20] + 3.0
    asked, all_of_them = (create(name, n, 5000.0).fit(xy, values) for n in (neighbours, 80))
    np.testing.assert_array_equal(asked.predict(targets), all_of_them.predict(targets))


@pytest.mark.parametrize("name", ["kriging", "spline"])
def test_a_system_of_very_many_neighbours_is_refused_before_it_is_solved(name):
    xy = np.random.default_rng(0).uniform(0, 1e4, (400, 2))
    with pytest.raises(ConfigError, match="400 equations per cell") as caught:
        create(name, 10**9).fit(xy, xy)
    assert caught.value.where == "evidence.neighbours"
    most = int(re.match(r"set it to (\d+) or less", caught.value.remedy)[1])
    create(name, most).fit(xy, xy)
    create("idw", 10**9).fit(xy, xy)
