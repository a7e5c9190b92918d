import gstools as gs
import numpy as np
import pytest
from scipy.spatial.distance import pdist

from orecast.errors import ConfigError
from orecast.evidence.interpolate.kriging import (
    MODELS,
    Variogram,
    empirical_variogram,
    fit_variogram,
)


@pytest.mark.parametrize("model", MODELS)
def test_models_rise_from_the_nugget_to_the_sill(model):
    v = Variogram(model, 0.5, 2.0, 100.0)
    got = v.at(np.array([0.0, 1e-9, 50.0, 100.0, 1e6]))
    assert got[0] == 0
    assert got[1] == pytest.approx(0.5)
    assert 0.5 < got[2] < got[3]
    assert got[3] == pytest.approx(2.5 if model == "spherical" else 0.5 + 2 * 0.9502, abs=1e-3)
    assert got[4] == pytest.approx(2.5)


def test_empirical_is_half_the_mean_squared_difference_of_all_pairs_of_a_lag():
    rng = np.random.default_rng(0)
    xy, z = rng.uniform(0, 100, (70, 2)), rng.normal(size=(70, 2))
    seen = empirical_variogram(xy, z)
    apart = pdist(xy)
    width = min(20 * np.median(np.sort(_square(xy), axis=1)[:, 1]), _half(xy)) / 20
    lag = (apart / width).astype(int)
    for k, layer in enumerate(z.T):
        squared = pdist(layer[:, None]) ** 2
        expected = [squared[lag == j].mean() / 2 for j in range(20) if (lag == j).any()]
        np.testing.assert_allclose(seen.semivariance[:, k], expected)
    np.testing.assert_array_equal(seen.pairs, [n for n in np.bincount(lag)[:20] if n])


def _square(xy):
    return np.hypot(*(xy[:, None] - xy[None]).transpose(2, 0, 1))


def _half(xy):
    return np.hypot(*np.ptp(xy, axis=0)) / 2


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("nugget", [0.0, 0.7])
def test_fit_finds_the_model_a_curve_came_from(model, nugget):
    h = np.linspace(100, 2000, 20)
    truth = Variogram(model, nugget, 3.0, 1200.0)
    got = fit_variogram(h, truth.at(h), np.full(20, 50.0))
    assert got.model == model
    assert got.range == pytest.approx(1200, rel=0.06)
    assert got.nugget == pytest.approx(nugget, abs=0.12)
    assert got.sill == pytest.approx(3.0, rel=0.1)


def test_fit_is_close_to_the_field_that_was_simulated():
    xy = np.random.default_rng(1).uniform(0, 60_000, (2500, 2))
    field = gs.SRF(gs.Exponential(dim=2, var=2, len_scale=9000, rescale=3, nugget=0.5), seed=11)
    seen = empirical_variogram(xy, field(xy.T)[:, None])
    got = fit_variogram(seen.distance, seen.semivariance[:, 0], seen.pairs)
    assert got.nugget == pytest.approx(0.5, abs=0.3)
    assert got.sill + got.nugget == pytest.approx(2.5, rel=0.25)
    assert 4000 < got.range < 14_000


def test_short_lags_count_most():
    h = np.array([1.0, 2.0, 3.0, 100.0])
    got = fit_variogram(h, np.array([1.0, 2.0, 3.0, 50.0]), np.full(4, 10.0))
    np.testing.assert_allclose(got.at(h[:3]), h[:3], rtol=0.35)


def test_nugget_and_sill_are_never_negative():
    h = np.linspace(10, 100, 10)
    falling = fit_variogram(h, np.linspace(2, 1, 10), np.full(10, 5.0))
    assert falling.sill == 0
    assert falling.nugget > 0
    convex = fit_variogram(h, (h / 100) ** 4, np.full(10, 5.0))
    assert convex.nugget >= 0
    assert convex.sill > 0


def test_a_gaussian_fit_has_a_nugget():
    h = np.linspace(100, 2000, 20)
    got = fit_variogram(h, Variogram("gaussian", 0.0, 1.0, 1500.0).at(h), np.full(20, 50.0))
    assert got.model == "gaussian"
    assert got.nugget >= 1e-3 * got.sill


def test_no_variation_and_no_pairs_have_a_variogram_too():
    assert fit_variogram(np.array([1.0, 2]), np.zeros(2), np.ones(2)).sill > 0
    assert fit_variogram(np.empty(0), np.empty(0), np.empty(0)).sill > 0


def test_many_places_are_thinned(monkeypatch):
    from orecast.evidence.interpolate import kriging as variogram

    rng = np.random.default_rng(0)
    xy, z = rng.uniform(0, 100, (200, 2)), rng.normal(size=(200, 1))
    monkeypatch.setattr(variogram, "_MOST_PLACES", 50)
    assert empirical_variogram(xy, z).pairs.sum() <= 50 * 49 / 2


@pytest.mark.parametrize(
    "arguments",
    [("cubic", 0, 1, 1), ("spherical", -1, 1, 1), ("spherical", 0, 1, 0), ("gaussian", 0, -1, 1)],
)
def test_refuses(arguments):
    with pytest.raises(ConfigError):
        Variogram(*arguments)
