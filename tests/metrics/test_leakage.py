import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter
from scipy.sparse.csgraph import connected_components
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import StandardScaler

from orecast.metrics.leakage import (
    assign_folds,
    canonical,
    cells_apart,
    marking,
    near_copies,
    number_pixels,
    one_cell,
    scaled_together,
    sharing_groups,
    split_claims,
    window_keys,
)


def ground(seed, channels, smooth, side=160):
    rng = np.random.default_rng(seed)
    field = np.stack(
        [gaussian_filter(rng.normal(size=(side, side)), smooth) for _ in range(channels)], axis=-1
    )
    return (field / field.std(axis=(0, 1))).astype(np.float32)


def cut(field, at, size):
    return np.stack([field[r : r + size, c : c + size] for r, c in at])


def tiled(side, size):
    steps = range(0, side - size + 1, size)
    return [(r, c) for r in steps for c in steps]


@given(st.integers(0, 1000), st.sampled_from([np.float32, np.float64, np.int16, np.uint8]))
@settings(deadline=None, max_examples=30)
def test_pixels_are_numbered_as_their_vectors_are_equal(seed, dtype):
    rng = np.random.default_rng(seed)
    a, b = (rng.integers(0, 3, (n, 3, 3, 2)).astype(dtype) for n in (4, 2))
    numbers = np.concatenate([n.ravel() for n in number_pixels(a, b)])
    vectors = np.concatenate([a.reshape(-1, 2), b.reshape(-1, 2)])
    _, oracle = np.unique(vectors, axis=0, return_inverse=True)
    same = numbers[:, None] == numbers
    assert np.array_equal(same, oracle.reshape(-1)[:, None] == oracle.reshape(-1))


def test_the_order_of_channels_counts():
    a = np.array([1.0, 2.0]).reshape(1, 1, 1, 2)
    first, turned = number_pixels(a, a[..., ::-1])
    assert first.item() != turned.item()


def test_a_pixel_that_repeats_in_one_window_marks_no_place_in_any():
    number = np.array([[[7, 7], [1, 2]], [[7, 3], [4, 5]]])
    assert marking(number).tolist() == [
        [[False, False], [True, True]],
        [[False, True], [True, True]],
    ]


def test_the_eight_flips_and_turns_are_one_window_and_no_other_is():
    window = np.arange(9).reshape(3, 3)
    turned = [np.rot90(w, k) for w in (window, window.T) for k in range(4)]
    other = window.copy()
    other[0, 0], other[0, 1] = 1, 0
    keys = canonical(np.stack([*turned, other]))
    assert len(set(keys[:8].tolist())) == 1
    assert keys[8] != keys[0]
    assert len(set(window_keys(np.stack(turned)).tolist())) == 8


@given(st.integers(0, 1000))
@settings(deadline=None, max_examples=30)
def test_groups_are_the_connected_components_of_sharing(seed):
    rng = np.random.default_rng(seed)
    at = rng.integers(0, 30, (12, 2))
    field = np.arange(40 * 40, dtype=np.float64).reshape(40, 40, 1)
    (number,) = number_pixels(cut(field, at, 4))
    gap = np.abs(at[:, None] - at).max(axis=2)
    oracle = connected_components(gap < 4, directed=False)[1]
    group = sharing_groups(number, marking(number))
    assert np.array_equal(group[:, None] == group, oracle[:, None] == oracle)


def test_links_join_groups():
    number = np.arange(12).reshape(3, 2, 2)
    group = sharing_groups(number, marking(number), np.array([[0, 2]]))
    assert group.tolist() == [0, 1, 0]


@pytest.mark.parametrize("turned", [lambda w: w, lambda w: w[:, ::-1], lambda w: np.rot90(w, 3)])
@pytest.mark.parametrize(
    ("shift", "apart"), [((0, 0), 0), ((1, 0), 1), ((-1, 1), 1), ((2, -3), 3), ((5, 0), np.inf)]
)
def test_a_slid_window_is_found_at_its_distance(shift, apart, turned):
    field = ground(0, 3, 2)
    train = cut(field, [(40, 40), (90, 90)], 5)
    test = turned(cut(field, [(40 + shift[0], 40 + shift[1])], 5)[0])[None]
    a, b = number_pixels(train, np.ascontiguousarray(test))
    assert cells_apart(a, b, marking(a), marking(b)).tolist() == [apart]


def test_pixels_that_agree_on_no_shift_are_no_patch():
    field = ground(0, 3, 2)
    train = cut(field, [(40, 40)], 5)
    test = cut(field, [(90, 90)], 5)
    test[0, 0, 0] = train[0, 2, 2]  # one stray pixel of nine that this shift would share
    a, b = number_pixels(train, test)
    assert cells_apart(a, b, marking(a), marking(b)).tolist() == [np.inf]


@pytest.mark.parametrize("noise", [0.01, 0.05])
@pytest.mark.parametrize("every", [1, 10])
def test_noise_grown_copies_are_found_with_their_originals(noise, every):
    places = cut(ground(1, 6, 2), tiled(160, 8), 8)
    grown = places[::every] + np.random.default_rng(2).normal(0, noise, places[::every].shape)
    windows = np.concatenate([places, grown])
    near = near_copies(windows, np.arange(len(windows)))
    n = len(places)
    assert near[n:].tolist() == list(range(0, n, every))
    others = np.setdiff1d(np.arange(n), np.arange(0, n, every))
    assert (near[others] == -1).all()


@pytest.mark.parametrize("channels", [1, 2, 5, 20])
@pytest.mark.parametrize("smooth", [1, 3, 6])
def test_neighbours_on_a_smooth_map_are_no_copies(channels, smooth):
    windows = cut(ground(3, channels, smooth), tiled(160, 8), 8)
    assert (near_copies(windows, np.arange(len(windows))) == -1).all()


def test_windows_of_one_group_are_not_held_against_each_other():
    windows = np.repeat(cut(ground(1, 6, 2), tiled(160, 8), 8), 2, axis=0)
    assert (near_copies(windows, np.arange(len(windows)) // 2) == -1).all()


def test_a_scaling_of_both_parts_is_told_from_one_of_training_alone():
    rng = np.random.default_rng(0)
    a, b = rng.lognormal(0, 1, (60, 3, 3, 4)), rng.lognormal(0.3, 1, (20, 3, 3, 4))
    both = np.concatenate([a, b])
    for fitted, ranged, standardised in ((both, "ranged", "standardised"), (a, None, None)):
        low, high = fitted.min(axis=(0, 1, 2)), fitted.max(axis=(0, 1, 2))
        mean, spread = fitted.mean(axis=(0, 1, 2)), fitted.std(axis=(0, 1, 2))
        scaled = [((w - mean) / spread).astype(np.float32) for w in (a, b)]
        assert scaled_together(*scaled) == standardised
        if fitted is both:
            b_max = [((w - low) / (high - low)).astype(np.float32) for w in (b, a)]
            assert scaled_together(*b_max) == ranged
    assert scaled_together(a, b) is None


def test_classes_of_0_and_1_tell_nothing():
    a, b = np.zeros((9, 3, 3, 2)), np.ones((3, 3, 3, 2))
    b[0] = 0
    assert scaled_together(a, b) is None


def test_one_cell_scores_what_scikit_learn_does():
    rng = np.random.default_rng(0)
    y, y_test = rng.integers(0, 2, 80), rng.integers(0, 2, 40)
    x, x_test = (rng.normal(size=(len(t), 3)) + t[:, None] for t in (y, y_test))
    scaler = StandardScaler().fit(x)
    model = LogisticRegression().fit(scaler.transform(x), y)
    score = model.predict_proba(scaler.transform(x_test))[:, 1]
    found = one_cell(x, y, x_test, y_test)
    assert found.accuracy == pytest.approx(model.score(scaler.transform(x_test), y_test))
    assert found.auc == pytest.approx(roc_auc_score(y_test, score))


@given(st.integers(0, 1000))
@settings(deadline=None, max_examples=30)
def test_groups_are_dealt_whole_and_evenly(seed):
    rng = np.random.default_rng(seed)
    group = rng.integers(0, 25, 120)
    y = group % 2
    fold = assign_folds(y, group, 5, seed=seed)
    assert all(len(set(fold[group == g])) == 1 for g in group)
    largest = np.bincount(group).max()
    for label in (0, 1):
        assert np.ptp(np.bincount(fold[y == label], minlength=5)) <= largest
    alone = assign_folds(y, np.arange(120), 5, seed=seed)
    for label in (0, 1):
        assert np.ptp(np.bincount(alone[y == label], minlength=5)) <= 1
    assert np.ptp(np.bincount(alone)) <= 1


def test_a_random_split_of_copies_claims_what_whole_groups_do_not():
    rng = np.random.default_rng(0)
    group = np.repeat(np.arange(20), 10)
    y = (group % 2).astype(np.int64)
    values = rng.normal(size=(20, 30))[group] + rng.normal(0, 1e-6, (200, 30))
    found = split_claims(values, y, group)
    assert found.folds == 5
    assert found.random.min() > 0.99
    assert found.grouped.mean() < 0.75
    alone = split_claims(values, y, np.where(y == 1, 0, group + 1))
    assert alone.folds == 0
    assert alone.random.size == alone.grouped.size == 0
