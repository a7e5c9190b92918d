import numpy as np
import pytest
from scipy.stats import kstest

from orecast.sampling import Scaling, Windows
from orecast.sampling.augmentation import GaussianNoise, keyed_normal

STACK = np.random.default_rng(0).normal(100, 50, size=(2, 40, 40)).astype(np.float32)
SCALING = Scaling(np.full(2, 100, np.float32), np.full(2, 50, np.float32))


def test_noise_has_mean_zero_and_the_variance_asked_for_on_scaled_values():
    at = np.random.default_rng(1).integers(5, 35, size=(200, 2))
    X = Windows(STACK, ("Au", "Cu"), at, 9, None, SCALING)
    part = GaussianNoise().fit(X, seed=0).grow(200, seed=0)
    noise = part.batch(np.arange(200), X) - X.batch(part.origin[:, 0])
    assert noise.mean() == pytest.approx(0, abs=0.003)
    assert noise.var() == pytest.approx(0.01, rel=0.02)
    assert abs(np.corrcoef(noise[:, 0].ravel(), noise[:, 1].ravel())[0, 1]) < 0.03
    assert kstest(noise[:, :, 4, 4].ravel() / 0.1, "norm").pvalue > 0.01


def test_each_row_has_its_own_noise():
    X = Windows(STACK, ("Au", "Cu"), np.array([[9, 9]]), 3, None, SCALING)
    values = GaussianNoise(4.0).fit(X, seed=0).grow(50, seed=0).batch(np.arange(50), X)
    assert len(np.unique(values.reshape(50, -1)[:, 0])) == 50
    assert (values - X.batch()).std() == pytest.approx(2, rel=0.1)


def test_a_key_tells_its_numbers():
    a, b = (keyed_normal(np.uint64(2**64 - 1), (3, 4)) for _ in range(2))
    np.testing.assert_array_equal(a, b)
    assert not np.array_equal(a, keyed_normal(np.uint64(0), (3, 4)))
