from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pyproj import CRS
from scipy.spatial.distance import cdist, pdist

from orecast.errors import SamplingError
from orecast.evidence import Evidence
from orecast.grid import Bounds, Grid
from orecast.mapping.applicability import (
    Applicability,
    TrainingSpace,
    map_applicability,
    upper_whisker,
)
from orecast.sampling import Sampling, Scaling, Windows
from orecast.validation import Fitted

# The training points of the authors' own test of their package (CAST, trainDI).
PUBLISHED = [
    *(0.09043580, 0.14046341, 0.16584582, 0.57617177, 0.26840303, 0.14353894, 0.19768329),
    *(0.24022059, 0.06832037, 0.29150668, 0.18471625, 0.57617177, 0.12344463, 0.09043580),
    *(0.14353894, 0.26896008, 0.22713731, 0.24022059, 0.20388725, 0.06832037, 0.23604264),
    *(0.20388725, 0.91513568, 0.09558666, 0.14046341, 0.16214832, 0.37107762, 0.16214832),
    *(0.18471625, 0.12344463),
]


def applicability(training, cells, **options):
    space = TrainingSpace.of(training, **options)
    return Applicability(space.dissimilarity(cells), space.threshold)


def test_by_hand():
    """Spreads 10 and 1, so points (0,0), (1,2), (2,1): distances root 5, root 5 and root 2."""
    training = np.array([[0.0, 0.0], [10.0, 2.0], [20.0, 1.0]])
    area = applicability(training, [[10.0, 2.0], [30.0, 1.0], [20.0, -1.5]])
    unit = (2 * np.sqrt(5) + np.sqrt(2)) / 3
    np.testing.assert_allclose(area.di, [0, 1 / unit, 2.5 / unit], rtol=1e-6)
    assert area.threshold == pytest.approx(np.sqrt(5) / unit)
    assert area.inside.tolist() == [True, True, False]
    assert area.share == pytest.approx(2 / 3)
    assert area.as_dict() == {
        "threshold": area.threshold,
        "share_inside": area.share,
        "median_dissimilarity": pytest.approx(1 / unit),
    }


def test_against_the_definition_spelled_out():
    rng = np.random.default_rng(0)
    training, cells = rng.normal(3, [1, 5, 0.1], (60, 3)), rng.normal(3, [2, 5, 0.2], (200, 3))
    weights, folds = np.array([1.0, 0.2, 3.0]), rng.integers(0, 5, 60)
    mean, spread = training.mean(axis=0), training.std(axis=0, ddof=1)
    points, asked = (weights * (v - mean) / spread for v in (training, cells))
    unit = pdist(points).mean()
    di = cdist(asked, points).min(axis=1) / unit
    between = cdist(points, points)
    own = [min(between[i, folds != folds[i]]) / unit for i in range(60)]
    area = applicability(training, cells, weights=weights, folds=folds)
    np.testing.assert_allclose(area.di, di, rtol=1e-6)
    assert area.threshold == pytest.approx(upper_whisker(own))
    np.testing.assert_array_equal(area.inside, di <= area.threshold)


def test_the_whisker_of_the_published_indices():
    """0.38986 is the published fence of these; the largest index within is the whisker."""
    low, high = np.quantile(PUBLISHED, [0.25, 0.75])
    assert round(high + 1.5 * (high - low), 5) == 0.38986
    assert upper_whisker(PUBLISHED) == 0.37107762


@given(st.lists(st.floats(0, 10), min_size=1, max_size=40))
def test_the_whisker_is_that_of_a_box_plot(values):
    from matplotlib.cbook import boxplot_stats

    low, high = np.quantile(values, [0.25, 0.75])
    assume(
        any(high <= value <= high + 1.5 * (high - low) for value in values)
    )  # else it draws none
    assert upper_whisker(values) == boxplot_stats(values)[0]["whishi"]


@settings(deadline=None)
@given(
    seed=st.integers(0, 1000),
    scale=st.floats(0.01, 100),
    shift=st.floats(-100, 100),
    weight=st.floats(0.01, 100),
)
def test_neither_units_nor_the_size_of_all_weights_matter(seed, scale, shift, weight):
    rng = np.random.default_rng(seed)
    training, cells = rng.normal(size=(20, 2)), rng.normal(size=(30, 2)) * 2
    plain = applicability(training, cells)
    other = applicability(training * scale + shift, cells * scale + shift, weights=[weight] * 2)
    np.testing.assert_allclose(other.di, plain.di, rtol=1e-4, atol=1e-5)
    assert other.threshold == pytest.approx(plain.threshold, rel=1e-6)


def test_training_points_have_no_dissimilarity_and_far_cells_are_outside():
    training = np.random.default_rng(1).normal(size=(50, 4))
    assert (applicability(training, training).di == 0).all()
    far = applicability(training, training + 50)
    assert not far.inside.any()
    assert far.share == 0


def test_copies_of_one_place_are_not_each_others_nearest():
    """Without folds, copies make the threshold 0 and the map an area of nothing."""
    rng = np.random.default_rng(2)
    places = rng.normal(size=(30, 3))
    copies, origin = np.repeat(places, 9, axis=0), np.repeat(np.arange(30), 9)
    assert TrainingSpace.of(copies).threshold == 0
    kept = TrainingSpace.of(copies, folds=origin)
    alone = TrainingSpace.of(places)
    apart, alike = (s.di * s.unit / s.factor[0] for s in (kept, alone))
    np.testing.assert_allclose(apart[::9], alike, rtol=1e-9)
    assert kept.threshold > 0


def test_a_predictor_without_spread_or_weight_adds_nothing():
    rng = np.random.default_rng(3)
    training, cells = rng.normal(size=(20, 2)), rng.normal(size=(30, 2))
    plain = applicability(training, cells)
    still = applicability(np.column_stack([training, np.full(20, 0.1)]),
                          np.column_stack([cells, rng.normal(size=30)]))  # fmt: skip
    np.testing.assert_array_equal(still.di, plain.di)
    assert still.threshold == plain.threshold
    noise = [np.column_stack([v, rng.normal(size=len(v))]) for v in (training, cells)]
    for weight in (0.0, -0.3):  # an importance below 0 is chance
        unweighted = applicability(*noise, weights=[1, 1, weight])
        np.testing.assert_array_equal(unweighted.di, plain.di)


def test_a_cell_without_a_value_has_no_index_and_is_not_inside():
    area = applicability([[0.0], [1.0], [2.0]], [[1.0], [np.nan]])
    assert np.isnan(area.di[1])
    assert area.inside.tolist() == [True, False]
    assert area.share == 1
    nowhere = Applicability(np.full((2, 2), np.nan, np.float32), 1.0)
    assert np.isnan(nowhere.share)
    assert np.isnan(nowhere.as_dict()["median_dissimilarity"])


@pytest.mark.parametrize("rows", [1, 7, 10**6])
def test_distances_are_the_same_whatever_is_held_at_once(rows, monkeypatch):
    training = np.random.default_rng(4).normal(size=(40, 3))
    whole = TrainingSpace.of(training)
    monkeypatch.setattr("orecast.mapping.applicability._DISTANCES_AT_ONCE", rows * 40)
    parts = TrainingSpace.of(training)
    assert parts.unit == pytest.approx(whole.unit, rel=1e-14)
    np.testing.assert_allclose(parts.di, whole.di, rtol=1e-14)


@pytest.mark.parametrize(
    ("training", "options", "words"),
    [
        ([[1.0]], {}, "at least 2 training points"),
        ([1.0, 2.0], {}, "at least 2 training points"),
        ([[1.0], [np.nan]], {}, "1 of 2 training points have missing values"),
        ([[1.0, 2.0]] * 3, {}, "same values"),
        ([[1.0], [2.0]], {"folds": [3, 3]}, "have 1 folds"),
        ([[1.0], [2.0]], {"folds": [1, 2, 3]}, "each point needs a fold"),
        ([[1.0], [2.0]], {"weights": [1.0, 2.0]}, "1 predictors need 1 finite weights"),
        ([[1.0], [2.0]], {"weights": [np.nan]}, "1 predictors need 1 finite weights"),
        ([[1.0], [2.0]], {"weights": [0.0]}, "one above 0"),
    ],
)
def test_refused(training, options, words):
    with pytest.raises(SamplingError, match=words):
        applicability(training, [[0.0]], **options)


@pytest.fixture
def ground():
    """A map whose east is unlike the west, where all training windows lie; a gap in one layer."""
    rng = np.random.default_rng(5)
    grid = Grid.covering(Bounds(0, 0, 3000, 2000), 100, CRS("EPSG:32645"))
    values = rng.normal(size=(2, *grid.shape)).astype(np.float32)
    values[0, :, 20:] += 12
    values[1, 3, 4] = np.nan
    evidence = Evidence.empty(grid)
    for name, layer in zip(("Au", "As"), values, strict=True):
        evidence = evidence.adding(name, layer, kind="element", origin="drawn", reach=0.0)
    at = rng.permutation(np.argwhere(evidence.valid[:, :18]))[:60]
    rows = replace(Sampling.of(at, np.arange(60) % 2), origin=np.arange(60) // 3)
    scaling = Scaling(np.array([2, 0], np.float32), np.array([6, 1], np.float32))
    windows = Windows(evidence.stack, ("Au", "As"), at, 5, None, scaling)
    return Fitted(SimpleNamespace(), windows, rows, ""), evidence


@pytest.mark.parametrize("tile", [7, 256])
def test_the_map_is_that_of_its_cells(ground, tile):
    fitted, evidence = ground
    reports = []
    area = map_applicability(fitted, evidence, tile=tile, progress=lambda *p: reports.append(p))
    cells = evidence.stack[:, evidence.valid].T
    at = fitted.rows.at
    expected = applicability(
        evidence.stack[:, at[:, 0], at[:, 1]].T, cells, folds=np.arange(60) // 3
    )
    np.testing.assert_allclose(area.di[evidence.valid], expected.di, rtol=1e-4, atol=1e-5)
    assert area.threshold == pytest.approx(expected.threshold, rel=1e-5)
    assert np.isnan(area.di[~evidence.valid]).all()
    assert area.di.shape == evidence.grid.shape
    assert area.di.dtype == np.float32
    assert reports[-1][1] == reports[-1][2] == len(reports)
    assert area.inside[:, :18].mean() > 0.8
    assert not area.inside[:, 20:].any()


def test_folds_and_weights_may_be_given(ground):
    fitted, evidence = ground
    plain = map_applicability(fitted, evidence)
    halves = map_applicability(fitted, evidence, folds=fitted.rows.at[:, 1] // 9)
    assert halves.threshold > plain.threshold
    np.testing.assert_array_equal(halves.di, plain.di)
    second = map_applicability(fitted, evidence, weights=[0.0, 1.0])
    assert second.inside[:, 20:].mean() > 0.8  # the layer that tells the east is not asked


def test_what_was_hidden_in_training_is_mapped(ground):
    fitted, evidence = ground
    hidden = np.zeros(evidence.grid.shape, dtype=bool)
    hidden[:, 20:] = True
    folded = replace(fitted, windows=replace(fitted.windows, hidden=hidden))
    np.testing.assert_array_equal(
        map_applicability(folded, evidence).di, map_applicability(fitted, evidence).di
    )
