import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import cKDTree

from orecast.evidence.interpolate.neighbours import buffer_length, fill_buckets, nearest_places
from orecast.evidence.interpolate.spline import solve


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    n=st.integers(1, 90),
    count=st.integers(1, 12),
    radius=st.floats(0.5, 60),
    whole=st.booleans(),
    guess=st.sampled_from([1e-6, 1.0, 50.0, 1e6]),
)
def test_finds_what_a_tree_finds(seed, n, count, radius, whole, guess):
    rng = np.random.default_rng(seed)
    xy = rng.uniform(-20, 20, (n, 2))
    if whole:
        xy = np.unique(np.round(xy), axis=0)  # many ties
    buckets, order = fill_buckets(xy)
    found, squared = np.empty(buffer_length(count), dtype=np.int64), np.empty(buffer_length(count))
    for target in rng.uniform(-50, 50, (20, 2)):
        x, y = target - [buckets.west, buckets.south]
        k = nearest_places(buckets, x, y, count, radius**2, guess, found, squared)
        expected, _ = cKDTree(xy).query(target, k=list(range(1, count + 1)))
        expected = expected[expected <= radius]
        np.testing.assert_allclose(np.sort(np.sqrt(squared[:k])), expected, atol=1e-9)
        places = xy[order[found[:k]]]
        np.testing.assert_allclose(np.hypot(*(places - target).T) ** 2, squared[:k], atol=1e-9)
        assert (np.diff(found[:k]) > 0).all()  # the buckets' order, whatever the guess
        assert len(np.unique(found[:k])) == k


def test_an_outlier_does_not_put_all_others_into_one_bucket():
    rng = np.random.default_rng(0)
    xy = np.concatenate([rng.uniform(0, 1000, (500, 2)), [[1e4, 1e4]]])
    buckets, _ = fill_buckets(xy)
    assert np.diff(buckets.start).max() < 60
    assert buckets.rows * buckets.columns <= 20 * len(xy)


def test_buckets_hold_every_place_once():
    xy = np.random.default_rng(0).normal(size=(300, 2))
    buckets, order = fill_buckets(xy)
    assert sorted(order) == list(range(300))
    np.testing.assert_allclose(buckets.places, xy[order] - xy.min(axis=0))


def test_places_along_one_line():
    buckets, _ = fill_buckets(np.column_stack([np.arange(100.0), np.zeros(100)]))
    assert buckets.rows == 1
    assert buckets.columns > 30


def test_solve_agrees_with_lapack_and_sees_singular_systems():
    rng = np.random.default_rng(0)
    for n in (1, 2, 7):
        a, b = rng.normal(size=(n, n)), rng.normal(size=n)
        x = b.copy()
        assert solve(a.copy(), x, n)
        np.testing.assert_allclose(x, np.linalg.solve(a, b))
    assert solve(np.array([[0.0, 1.0], [1.0, 0.0]]), np.ones(2), 2)  # needs a pivot
    assert not solve(np.ones((3, 3)), np.ones(3), 3)
    assert not solve(np.zeros((2, 2)), np.ones(2), 2)
