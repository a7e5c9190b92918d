import numpy as np
import pytest
from scipy.interpolate import RBFInterpolator

from orecast.errors import ConfigError
from orecast.evidence.interpolate.spline import ThinPlateSpline


@pytest.mark.parametrize("neighbours", [4, 12])
def test_agrees_with_scipy(neighbours):
    rng = np.random.default_rng(3)
    xy, values = rng.uniform(0, 1e4, (60, 2)) + 5e5, rng.normal(size=(60, 2))
    targets = rng.uniform(0, 1e4, (100, 2)) + 5e5
    theirs = RBFInterpolator(xy, values, neighbors=neighbours, kernel="thin_plate_spline")
    ours = ThinPlateSpline(neighbours, 1e6).fit(xy, values).predict(targets)
    np.testing.assert_allclose(ours, theirs(targets), rtol=1e-6, atol=1e-6)


def test_three_samples_are_their_plane():
    xy = np.array([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0]])
    got = ThinPlateSpline(3, 100).fit(xy, np.array([[1.0], [2.0], [4.0]]))
    np.testing.assert_allclose(got.predict([[5.0, 5.0], [10.0, 10.0]])[:, 0], [3.0, 5.0])


def test_two_within_the_radius_are_too_few():
    xy = np.array([[0.0, 0.0], [10.0, 0.0], [0.0, 500.0]])
    got = ThinPlateSpline(3, 100).fit(xy, np.ones((3, 1))).predict([[1.0, 1.0]])
    assert np.isnan(got).all()


def test_needs_three_neighbours():
    with pytest.raises(ConfigError, match="needs 3 neighbours"):
        ThinPlateSpline(2, 100).fit(np.zeros((3, 2)), np.ones((3, 1)))
