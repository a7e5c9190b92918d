import gstools as gs
import numpy as np
import pytest

from orecast.evidence.interpolate.kriging import OrdinaryKriging, Variogram

THEIRS = {
    "spherical": (gs.Spherical, 1.0),
    "exponential": (gs.Exponential, 3.0),
    "gaussian": (gs.Gaussian, np.sqrt(3.0)),
}


@pytest.mark.parametrize("nugget", [0.0, 0.4])
@pytest.mark.parametrize("model", sorted(THEIRS))
def test_agrees_with_gstools(model, nugget):
    rng = np.random.default_rng(3)
    xy, values = rng.uniform(0, 1e4, (30, 2)), rng.normal(size=30)
    targets = rng.uniform(0, 1e4, (60, 2))
    covariance, rescale = THEIRS[model]
    theirs = gs.krige.Ordinary(
        covariance(dim=2, var=1.3, len_scale=4000, nugget=nugget, rescale=rescale), xy.T, values
    )
    ours = OrdinaryKriging(30, 1e6, Variogram(model, nugget, 1.3, 4000.0)).fit(xy, values[:, None])
    expected = theirs(targets.T, return_var=False)
    np.testing.assert_allclose(ours.predict(targets)[:, 0], expected, atol=1e-8)


def test_hand_solved_three_samples():
    """Samples at 0, 10 and 20 on a line, target at 5; exponential covariance 0.5 ** (h / 10)."""
    variogram = Variogram("exponential", 0.0, 1.0, 30.0 / np.log(2.0))
    xy = np.array([[0.0, 0.0], [10.0, 0.0], [20.0, 0.0]])
    a, b, c = 0.5, 0.25, 0.5**0.5
    matrix = np.array([[1, a, b, 1], [a, 1, a, 1], [b, a, 1, 1], [1, 1, 1, 0.0]])
    weights = np.linalg.solve(matrix, [c, c, c * a, 1.0])[:3]
    ours = OrdinaryKriging(3, 1e3, variogram).fit(xy, np.eye(3)).predict([[5.0, 0.0]])
    np.testing.assert_allclose(ours[0], weights, atol=1e-12)


def test_two_samples_share_evenly_midway():
    v = Variogram("spherical", 0.2, 1.0, 100.0)
    kriging = OrdinaryKriging(2, 1e3, v).fit(np.array([[0.0, 0], [50, 0]]), np.eye(2))
    np.testing.assert_allclose(kriging.predict([[25.0, 0.0]])[0], [0.5, 0.5])


def test_pure_nugget_is_the_local_mean():
    rng = np.random.default_rng(0)
    xy, values = rng.uniform(0, 10, (6, 2)), rng.normal(size=(6, 1))
    kriging = OrdinaryKriging(6, 100, Variogram("spherical", 2.0, 0.0, 5.0)).fit(xy, values)
    np.testing.assert_allclose(kriging.predict(xy + 1.0), values.mean())


def test_a_nugget_smooths_at_the_samples():
    rng = np.random.default_rng(0)
    xy, values = rng.uniform(0, 100, (40, 2)), rng.normal(size=(40, 1))
    kriging = OrdinaryKriging(12, 100, Variogram("spherical", 0.5, 0.5, 50.0)).fit(xy, values)
    assert 0 < kriging.predict(xy).std() < 0.9 * values.std()


def test_near_coincident_samples_do_not_break_a_gaussian_model():
    """Singular to rounding: others fail here, or fill memory (PyKrige#166, GSTools#50)."""
    rng = np.random.default_rng(0)
    xy = rng.uniform(0, 100, (20, 2))
    xy = np.concatenate([xy, xy + 0.002])
    values = np.sin(xy[:, :1] / 30)
    targets = rng.uniform(20, 80, (300, 2))
    gaussian = Variogram("gaussian", 0.0, 1.0, 80.0)
    twins = OrdinaryKriging(12, 1e3, gaussian).fit(xy, values).predict(targets)
    assert np.abs(twins - np.sin(targets[:, :1] / 30)).max() < 0.1


def test_fits_a_variogram_to_each_layer():
    xy = np.random.default_rng(1).uniform(0, 20_000, (1500, 2))
    short, long = (
        gs.SRF(gs.Exponential(dim=2, var=2, len_scale=s, rescale=3), seed=5)(xy.T)
        for s in (3000, 9000)
    )
    noise = np.random.default_rng(2).normal(size=1500)
    values = np.column_stack([short, long, long + noise])
    values[::7, 1] = np.nan
    first, second, third = OrdinaryKriging(12, 3000.0).fit(xy, values).variograms_
    assert first.range < second.range
    assert first.nugget < 0.3
    assert second.nugget < 0.3
    assert third.nugget == pytest.approx(1.0, abs=0.35)


def test_the_variogram_is_that_of_the_samples_it_is_fitted_on():
    rng = np.random.default_rng(3)
    xy, values = rng.uniform(0, 5000, (200, 2)), rng.normal(size=(200, 2))
    seen = xy[:, 0] < 3000
    some = OrdinaryKriging(12, 900.0).fit(xy, values, seen)
    alone = OrdinaryKriging(12, 900.0).fit(xy[seen], values[seen])
    assert some.variograms_ == alone.variograms_


def test_kriging_beats_the_mean_on_a_field_it_fits():
    rng = np.random.default_rng(1)
    xy = rng.uniform(0, 10_000, (600, 2))
    z = gs.SRF(gs.Exponential(dim=2, var=1, len_scale=4000, rescale=3), seed=2)(xy.T)
    kriging = OrdinaryKriging(12, 3000.0).fit(xy[:500], z[:500, None])
    error = kriging.predict(xy[500:])[:, 0] - z[500:]
    assert np.mean(error**2) < 0.35 * np.var(z)
