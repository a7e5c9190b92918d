"""From the samples on: what a fold hides moves nothing that is fitted, and no value far from it."""

from dataclasses import replace

import geopandas as gpd
import numpy as np
import pytest
from scipy.ndimage import distance_transform_edt
from shapely import LineString, box

from orecast.composition import censored, clr, impute
from orecast.errors import InputError
from orecast.evidence import build_evidence, elements, refitted
from orecast.evidence.building import seen_rows
from orecast.evidence.interpolate import kriging
from orecast.evidence.interpolate.kriging import OrdinaryKriging
from orecast.grid import Bounds, Grid
from orecast.survey.concentrations import lowest_seen

CELL, RADIUS = 100.0, 400.0
CORNER = np.array([500_000.0, 4_000_000.0])
SYMBOLS = ("Au", "Cu", "As")
ZEROS, LIMITS = slice(0, None, 7), 2.0  # of As, of Au

# What is fitted, by the interpolator, the treatment of censored values, and zeros or none.
CASES = [
    ("kriging", "multiplicative", False),
    ("idw", "lognormal", False),
    ("spline", "multiplicative", True),
    ("kriging", "lognormal", True),
]


@pytest.fixture
def xy():
    return np.random.default_rng(2).uniform(0, 1, (400, 2)) * [6000, 4000] + CORNER


def analysed(survey_of, raw, with_zeros, **place):
    """A survey of concentrations, as it is read: Au has a limit, every seventh As is a zero."""
    below, zeros = np.zeros(raw.shape, dtype=bool), np.zeros(raw.shape, dtype=bool)
    below[:, 0] = raw[:, 0] < LIMITS
    zeros[ZEROS, 2] = with_zeros
    values = np.where(below, LIMITS, raw)
    values = np.where(zeros, lowest_seen(values, zeros), values)
    marked = zeros if with_zeros else None
    return survey_of(values=values, censored=below | zeros, zeros=marked, **place)


def concentrations(n, rough):
    """Log-normal concentrations; the lowest As lies among the rows that are rough."""
    raw = np.random.default_rng(0).lognormal([1, 3, 2], [1, 0.5, 0.6], (n, 3))
    raw[np.flatnonzero(rough)[1:3], 2] = 0.01, 0.02
    return raw


def randomised(raw, rough):
    other = raw.copy()
    other[rough] *= np.random.default_rng(5).lognormal(0.5, 2, other[rough].shape)
    return other


def corner(shape):
    """Cells of the south-west, a third by a half of the grid."""
    hidden = np.zeros(shape, dtype=bool)
    hidden[shape[0] // 2 :, : shape[1] // 3] = True
    return hidden


def nowhere(shape):
    return np.zeros(shape, dtype=bool)


def beyond(hidden, reach):
    """Cells that no sample within ``hidden`` reaches, wherever in its cell it lies."""
    return distance_transform_edt(~hidden, sampling=CELL) > reach + CELL


@pytest.fixture
def learned(monkeypatch):
    """Everything that is fitted, in order, as the functions that fit it return it."""
    told = []

    def remember(module, name):
        fit = getattr(module, name)

        def remembering(*arguments):
            found = fit(*arguments)
            told.append((name, found.tolist() if isinstance(found, np.ndarray) else found))
            return found

        monkeypatch.setattr(module, name, remembering)

    remember(kriging, "fit_variogram")
    remember(censored, "censored_normal")
    remember(elements, "limits_of_zeros")
    return told


def taken(learned):
    found = list(learned)
    learned.clear()
    return found


def options(interpolator, treatment):
    return {
        "evidence": {"cell_size": CELL, "radius": RADIUS, "interpolator": interpolator},
        "composition": {"censored": treatment},
    }


@pytest.mark.parametrize(("interpolator", "treatment", "with_zeros"), CASES)
def test_randomised_hidden_samples_leave_all_that_is_fitted_the_same(
    xy, survey_of, config_of, learned, interpolator, treatment, with_zeros
):
    config = config_of(**options(interpolator, treatment))
    grid = build_evidence(survey_of(xy), config).grid
    hidden = corner(grid.shape)
    rough = ~seen_rows(survey_of(xy), grid, hidden)
    assert 40 < rough.sum() < 100
    raw = concentrations(len(xy), rough)
    assert_blind(
        [
            analysed(survey_of, r, with_zeros, xy=xy, symbols=SYMBOLS)
            for r in (raw, randomised(raw, rough))
        ],
        config,
        hidden,
        learned,
    )


@pytest.mark.parametrize(
    ("treatment", "with_zeros"), [("multiplicative", True), ("lognormal", True), ("lognormal", 0)]
)
def test_randomised_hidden_cells_of_a_gridded_survey_do_so_too(
    xy, survey_of, config_of, learned, treatment, with_zeros
):
    config = config_of(gridded={"path": "*.tif"}, composition={"censored": treatment})
    grid = Grid.covering(Bounds(0, 0, 3000, 2000), CELL, survey_of(xy).crs)
    hidden = corner(grid.shape)
    raw = concentrations(hidden.size, hidden.ravel())
    assert_blind(
        [
            analysed(survey_of, r, with_zeros, gridded=grid, symbols=SYMBOLS)
            for r in (raw, randomised(raw, hidden.ravel()))
        ],
        config,
        hidden,
        learned,
    )


def assert_blind(surveys, config, hidden, learned):
    """Two surveys that differ within ``hidden`` give the same fits, and one map beyond it."""
    built = [build_evidence(survey, config) for survey in surveys]
    far = beyond(hidden, built[0].reach)
    assert far.sum() > 300
    taken(learned)
    blind, fits = [], []
    for evidence, survey in zip(built, surveys, strict=True):
        blind.append(refitted(evidence, survey, config, hidden))
        fits.append(taken(learned))
    assert fits[0]
    assert fits[0] == fits[1]
    np.testing.assert_array_equal(blind[0].stack[:, far], blind[1].stack[:, far])
    # It can fail: all samples being seen, they do leave a trace, in every layer and far away.
    for a, b in zip(built[0].stack[:, far], built[1].stack[:, far], strict=True):
        assert not np.array_equal(a, b, equal_nan=True)


def test_zeros_are_read_as_had_their_limit_been_found_outside(xy, survey_of, config_of):
    config = config_of(**options("idw", "multiplicative"))
    hidden = corner(build_evidence(survey_of(xy), config).grid.shape)
    rough = xy[:, 0] < CORNER[0] + 500
    survey = analysed(survey_of, concentrations(400, rough), True, xy=xy, symbols=SYMBOLS)
    evidence = build_evidence(survey, config)
    seen = seen_rows(survey, evidence.grid, hidden)
    limits = lowest_seen(survey.values, survey.zeros, seen)
    assert limits[2] > 1.1 * survey.values[survey.zeros].max()
    other = replace(survey, values=np.where(survey.zeros, limits, survey.values))
    np.testing.assert_array_equal(
        refitted(evidence, survey, config, hidden).stack, build_evidence(other, config).stack
    )


def test_kriging_by_variograms_of_the_others_still_passes_through_all_samples(
    xy, survey_of, config_of
):
    config = config_of(**options("kriging", "multiplicative"))
    survey = survey_of(xy)
    evidence = build_evidence(survey, config)
    hidden = corner(evidence.grid.shape)
    seen = seen_rows(survey, evidence.grid, hidden)
    ratios = clr(survey.values)
    centres = evidence.grid.centres()
    variograms = OrdinaryKriging(12, RADIUS).fit(xy[seen], ratios[seen]).variograms_
    found = refitted(evidence, survey, config, hidden)
    for k, variogram in enumerate(variograms):
        alone = OrdinaryKriging(12, RADIUS, variogram).fit(xy, ratios[:, k : k + 1])
        np.testing.assert_allclose(
            found.stack[k].ravel(), alone.predict(centres)[:, 0], rtol=1e-5, atol=1e-6
        )


def test_log_normals_are_those_of_the_others(xy, survey_of, config_of):
    config = config_of(**options("idw", "lognormal"))
    survey = analysed(survey_of, concentrations(400, xy[:, 0] > 0), False, xy=xy, symbols=SYMBOLS)
    evidence = build_evidence(survey, config)
    hidden = corner(evidence.grid.shape)
    seen = seen_rows(survey, evidence.grid, hidden)
    below = survey.censored[:, 0]
    own = impute(survey.values[seen], survey.censored[seen], method="lognormal")
    values = survey.values.copy()
    values[below, 0] = own[below[seen], 0][0] / 0.65  # of which the multiplicative makes the same
    expected = build_evidence(
        replace(survey, values=values), config_of(**options("idw", "multiplicative"))
    )
    found = refitted(evidence, survey, config, hidden)
    np.testing.assert_allclose(found.stack, expected.stack, rtol=1e-4, atol=1e-5)


def test_nothing_fitted_is_nothing_done(xy, survey_of, config_of):
    def same(survey, hidden, **tables):
        config = config_of(**{**options("idw", "multiplicative"), **tables})
        evidence = build_evidence(survey, config)
        return refitted(evidence, survey, config, hidden(evidence.grid.shape)) is evidence

    seen = xy[:, 0] > CORNER[0] + 2500
    clean = survey_of(xy)
    marked = analysed(survey_of, concentrations(400, seen), True, xy=xy, symbols=SYMBOLS)
    assert same(clean, corner)
    assert same(clean, corner, evidence={**options("spline", "")["evidence"]})
    assert same(marked, corner)  # the lowest value lies outside, so that the limit is the same
    assert same(marked, nowhere, **options("kriging", "lognormal"))
    assert same(clean, corner, composition={"censored": "lognormal"})  # nothing is censored
    assert not same(marked, corner, composition={"censored": "lognormal"})
    assert same(
        marked, corner, composition={"censored": "lognormal", "parts": ["Cu"], "transform": "log"}
    )
    fault = gpd.GeoDataFrame(geometry=[LineString([CORNER, CORNER + 3000])], crs=clean.crs)
    assert same(
        replace(clean, faults=fault),
        corner,
        faults={"path": "f.gpkg"},
        evidence={**options("kriging", "")["evidence"], "layers": ["fault_distance"]},
    )


@pytest.fixture
def mapped(xy, survey_of, config_of):
    """Kriged layers in an order of their own beside a fault's, within an area with a hole."""
    x, y = CORNER
    hole = box(x + 3000, y + 3000, x + 3600, y + 3400)
    whole = box(x + 300, y + 300, x + 5500, y + 3900)
    area = gpd.GeoDataFrame(geometry=[whole.difference(hole)], crs=32645)
    fault = gpd.GeoDataFrame(geometry=[LineString([CORNER, CORNER + 4000])], crs=32645)
    tables = options("kriging", "multiplicative")
    tables["evidence"]["layers"] = ["Cu", "fault_distance", "Au"]
    values = np.random.default_rng(1).lognormal(size=(400, 3))
    values[xy[:, 0] > CORNER[0] + 4800, 1] = np.nan
    survey = survey_of(xy, values=values, area=area, faults=fault)
    config = config_of(**tables, faults={"path": "f.gpkg"})
    return survey, config, build_evidence(survey, config)


def test_only_the_values_of_element_layers_are_new(mapped):
    survey, config, evidence = mapped
    before = {name: evidence.layer(name).copy() for name in evidence.names}
    said = len(survey.findings)
    found = refitted(evidence, survey, config, corner(evidence.grid.shape))
    assert found.names == evidence.names == ("Cu", "fault_distance", "Au")
    assert found.grid is evidence.grid
    assert all(found.data[name].attrs == evidence.data[name].attrs for name in found.names)
    assert np.shares_memory(found.layer("fault_distance"), evidence.layer("fault_distance"))
    for name in ("Cu", "Au"):
        assert not np.array_equal(found.layer(name), before[name], equal_nan=True)
    assert found.stack.dtype == np.float32
    for name in evidence.names:
        np.testing.assert_array_equal(evidence.layer(name), before[name])
    assert len(survey.findings) == said


def test_the_same_cells_have_a_value(mapped):
    survey, config, evidence = mapped
    found = refitted(evidence, survey, config, corner(evidence.grid.shape))
    for name in evidence.names:
        np.testing.assert_array_equal(np.isnan(found.layer(name)), np.isnan(evidence.layer(name)))
    assert 0 < found.valid.sum() < found.valid.size
    np.testing.assert_array_equal(found.valid, evidence.valid)


def test_refitting_a_stack_that_is_held_gives_the_same(mapped):
    survey, config, evidence = mapped
    hidden = corner(evidence.grid.shape)
    first = refitted(evidence, survey, config, hidden).stack
    held = evidence.stack
    second = refitted(evidence, survey, config, hidden).stack
    np.testing.assert_array_equal(first, second)
    assert np.shares_memory(evidence.layer("Au"), held)  # the new stack has not taken it over


def test_hiding_everything_raises_nothing_for_kriging(mapped):
    survey, config, evidence = mapped
    found = refitted(evidence, survey, config, np.ones(evidence.grid.shape, dtype=bool))
    np.testing.assert_array_equal(found.valid, evidence.valid)


def test_an_element_measured_within_the_hidden_cells_alone_is_refused(xy, survey_of, config_of):
    survey = analysed(survey_of, concentrations(400, xy[:, 0] > 0), True, xy=xy, symbols=SYMBOLS)
    config = config_of(**options("idw", "multiplicative"))
    grid = build_evidence(survey, config).grid
    hidden = corner(grid.shape)
    seen = seen_rows(survey, grid, hidden)
    values, zeros = survey.values.copy(), survey.zeros.copy()
    zeros[seen, 2] = True
    values[zeros] = lowest_seen(values, zeros)[2]
    survey = replace(survey, values=values, zeros=zeros, censored=survey.censored | zeros)
    evidence = build_evidence(survey, config)
    with pytest.raises(InputError, match=r"element As: .* a fold hides all samples"):
        refitted(evidence, survey, config, hidden)
    without = config_of(**{**options("idw", ""), "composition": {"parts": ["Au", "Cu"]}})
    evidence = build_evidence(survey, without)
    assert refitted(evidence, survey, without, hidden) is evidence


def test_a_sample_off_the_grid_goes_with_the_nearest_cell(survey_of):
    grid = Grid.covering(Bounds(0, 0, 400, 300), CELL, survey_of(np.zeros((1, 2))).crs)
    hidden = np.zeros(grid.shape, dtype=bool)
    hidden[0, 1:3] = True  # the northernmost row
    places = [(150, 250), (50, 250), (150, 900), (50, 900), (250, 301), (350, 301), (-9, 250)]
    seen = seen_rows(survey_of(np.array(places, dtype=float)), grid, hidden)
    assert seen.tolist() == [False, True, False, True, False, True, True]


def test_no_sample_within_a_buffer_is_seen_on_the_grid_or_off(survey_of):
    grid = Grid.covering(Bounds(0, 0, 4000, 3000), CELL, survey_of(np.zeros((1, 2))).crs)
    xy = np.random.default_rng(0).uniform(-1500, 5500, (3000, 2))
    region = np.zeros(grid.shape, dtype=bool)
    region[:5, 12:20] = region[8:11, -3:] = True
    hidden = distance_transform_edt(~region, sampling=CELL) <= 1000
    seen = seen_rows(survey_of(xy), grid, hidden)
    apart = np.hypot(*(xy[:, None] - grid.xy(np.argwhere(region))).transpose(2, 0, 1)).min(axis=1)
    margin = CELL  # a sample need not lie at its cell's centre
    near = apart < 1000 - margin
    assert (near & ~grid.contains(xy)).sum() > 50
    assert not seen[near].any()
    assert seen[apart > 3000].any()
