import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import cKDTree

from orecast.config import EvidenceOptions
from orecast.errors import ConfigError
from orecast.evidence.interpolate.idw import InverseDistance


def by_tree(xy, values, targets, neighbours, radius, power):
    """The same by SciPy's tree: no target at a sample, every target with a neighbour."""
    distance, index = cKDTree(xy).query(targets, k=neighbours, distance_upper_bound=radius)
    weight = np.where(np.isfinite(distance), distance, np.inf) ** -power
    values = np.vstack([values, np.zeros((1, values.shape[1]))])
    return np.einsum("mk,mkl->ml", weight, values[index]) / weight.sum(axis=1, keepdims=True)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    n=st.integers(2, 120),
    neighbours=st.integers(2, 15),
    power=st.sampled_from([0.5, 1.0, 2.0, 3.0]),
    stretch=st.sampled_from([1.0, 100.0, 0.001]),
    clustered=st.booleans(),
)
def test_agrees_with_a_tree(seed, n, neighbours, power, stretch, clustered):
    rng = np.random.default_rng(seed)
    xy = rng.uniform(0, 1000, (n, 2)) * [1.0, stretch]
    if clustered:
        xy[: n // 2] = xy[0] + rng.normal(size=(n // 2, 2))
        xy[-1] += 1e6  # an outlier, which would put all others into one bucket
    values = rng.normal(size=(n, 2))
    targets = rng.uniform(-200, 1200, (50, 2)) * [1.0, stretch]
    radius = 3000.0 * max(1.0, stretch)
    got = InverseDistance(neighbours, radius, power).fit(xy, values).predict(targets)
    expected = by_tree(xy, values, targets, neighbours, radius, power)
    np.testing.assert_allclose(got, expected, rtol=1e-9, atol=1e-12)


def test_hand_worked():
    xy = np.array([[0.0, 0.0], [3.0, 0.0], [0.0, 4.0]])
    values = np.array([[10.0], [20.0], [40.0]])
    target = np.array([[0.0, 2.0]])  # squared distances 4, 13, 4
    expected = (10 / 4 + 20 / 13 + 40 / 4) / (1 / 4 + 1 / 13 + 1 / 4)
    got = InverseDistance(3, 100).fit(xy, values).predict(target)
    assert got[0, 0] == pytest.approx(expected, rel=1e-14)
    assert InverseDistance(3, 3.0).fit(xy, values).predict(target)[0, 0] == pytest.approx(25.0)


def test_at_the_radius_is_within_it():
    got = InverseDistance(1, 300.0).fit(np.array([[0.1, 0.2]]), np.array([[1.0]]))
    assert got.predict(np.array([[300.1, 0.2]]))[0, 0] == 1.0


def test_a_power_near_endless_is_the_nearest_sample():
    xy = np.array([[0.0, 0.0], [100.0, 0.0]])
    got = InverseDistance(2, 1e4, power=500).fit(xy, np.array([[1.0], [2.0]]))
    np.testing.assert_allclose(got.predict(np.array([[40.0, 0], [60.0, 0]]))[:, 0], [1.0, 2.0])


def test_takes_its_power_from_the_configuration():
    assert InverseDistance.configured(EvidenceOptions(power=3.5, neighbours=4), 70.0).power == 3.5


@pytest.mark.parametrize("power", [0.0, -1.0, np.inf, np.nan])
def test_refuses_a_power(power):
    with pytest.raises(ConfigError, match=r"evidence\.power"):
        InverseDistance(3, 10.0, power).fit(np.zeros((1, 2)), np.ones((1, 1)))
