from dataclasses import replace

import numpy as np
import pytest

from orecast.errors import ConfigError, SamplingError
from orecast.grid import windows_touching
from orecast.sampling import Sampling, Windows, shifted_copies
from orecast.sampling.augmentation import GaussianNoise, Slide, Smote, Step, Turning, grow
from orecast.training.generators import build_step

STACK = np.random.default_rng(0).normal(size=(2, 500, 500)).astype(np.float32)


def windows(at, size, stack=STACK, hidden=None):
    return Windows(stack, ("Au", "Cu"), np.asarray(at), size, hidden)


def slid(at, size, **options):
    """All windows of one class, slid everywhere."""
    X = windows(at, size)
    n = np.arange(len(X))
    return grow(X, np.ones(len(X)), n, [build_step("slide", options, label=1)], seed=0)


def test_positions_of_one_place():
    more = slid([[20, 30]], 9, shift=2, step=2)
    found = {tuple(c) for c in more.X.at.tolist()}
    assert found == {(r, c) for r in (18, 20, 22) for c in (28, 30, 32)}
    assert more.X.at[0].tolist() == [20, 30]
    assert len(more.X) == 9
    assert (more.origin == 0).all()
    np.testing.assert_array_equal(more.X.batch(), windows(more.X.at, 9).batch())


def test_sixty_four_positions_of_ssgsnet_with_the_place_for_the_nearest():
    more = slid([[200, 300]], 32, shift=14, step=4)
    moves = [tuple(c) for c in (more.X.at - [200, 300]).tolist()]
    steps = (-14, -10, -6, -2, 2, 6, 10, 14)
    lattice = {(r, c) for r in steps for c in steps}
    assert len(moves) == len(set(moves)) == 64
    assert set(moves) == lattice - {(-2, -2)} | {(0, 0)}


def test_the_counts_of_ssgsnet():
    """11 places x 64 shifts x 4 turns = 2,816 of either class, noise on half of them."""
    at = np.array([[30 + 40 * i, 30 + 40 * j] for i in range(11) for j in range(2)])
    y = np.tile([1.0, 0.0], 11)
    plan = [
        build_step("slide", {"shift": 14, "step": 4}),
        build_step("turns", {"flips": False}, times=4),
        build_step("noise", share=0.5),
    ]
    X = windows(at, 32)
    turned = grow(X, y, np.arange(22), plan[:2], seed=0)
    more = grow(X, y, np.arange(22), plan, seed=0)
    assert [(more.y == label).sum() for label in (1, 0)] == [2816, 2816]
    assert set(np.bincount(more.origin[:, 0])) == {256}
    np.testing.assert_array_equal(y[more.origin[:, 0]], more.y)
    some = np.arange(0, 5632, 16)
    noisy = (more.X.batch(some) != turned.X.batch(some)).any(axis=(1, 2, 3))
    assert 0.4 < noisy.mean() < 0.6


def test_ten_deposits_of_which_two_touch_make_84_windows():
    at = [[20 * (k + 1), 15] for k in range(9)]
    more = slid([*at, [20, 16]], 9, shift=1)
    assert len(more.X) == 8 * 9 + 12 == 84
    assert len(np.unique(more.X.at, axis=0)) == 84


def test_slides_as_the_sampling_does():
    rng = np.random.default_rng(1)
    at = np.unique(rng.integers(0, 40, (20, 2)), axis=0)
    stack = STACK[:, :40, :40]
    X = windows(at, 7, stack)
    more = grow(X, np.ones(len(X)), np.arange(len(X)), [Step(lambda: Slide(2), label=1)], seed=0)
    expected = shifted_copies(Sampling.of(at, 1.0), 2, size=7, shape=(40, 40))
    cells = {tuple(c) for c in expected.at.tolist()}
    assert sorted(cells) == sorted(tuple(c) for c in more.X.at.tolist())  # each once
    assert len(cells) < 25 * len(at)


def test_cells_off_the_grid_or_without_a_value_are_left_out():
    stack = STACK[:, :40, :40].copy()
    stack[1, 20, 21] = np.nan
    X = windows([[0, 0], [20, 20]], 5, stack)
    more = grow(X, np.ones(2), np.arange(2), [Step(Slide, label=1)], seed=0)
    assert len(more.X) == 4 + 8
    assert [20, 21] not in more.X.at.tolist()


def test_no_slid_window_touches_a_hidden_cell():
    hidden = np.zeros((500, 500), dtype=bool)
    hidden[:, 26:] = True
    X = windows([[20, 22], [40, 10]], 6, hidden=hidden)
    more = grow(X, np.ones(2), np.arange(2), [Step(lambda: Slide(2), label=1)], seed=0)
    touching = windows_touching(hidden, 6)
    assert not touching[22, 22:24].any()
    assert touching[22, 24]  # 24 - 3 up to 26
    assert not touching[tuple(more.X.at.T)].any()
    assert len(more.X) == 20 + 25
    assert np.isfinite(more.X.batch()).all()


def test_so_many_in_all_are_drawn_by_the_seed():
    """212 windows slid over the ore places of Gao et al. (2022)."""
    X = windows([[200, 200], [300, 210]], 224)
    y = np.array([1.0, 0.0])
    plan = [build_step("slide", {"shift": 111}, label=1, to=212)]
    a, b, c = (grow(X, y, np.arange(2), plan, seed=s) for s in (0, 0, 1))
    assert [(a.y == label).sum() for label in (1, 0)] == [212, 1]
    assert len(np.unique(a.X.at, axis=0)) == 213
    np.testing.assert_array_equal(a.X.at, b.X.at)
    assert not np.array_equal(a.X.at, c.X.at)
    moved = a.X.at[2:] - [200, 200]
    assert 90 < np.abs(moved).max() <= 111
    np.testing.assert_allclose(moved.mean(axis=0), 0, atol=15)  # 64 / sqrt(211), three times


def test_groups_and_origins_follow_the_place_through_further_steps():
    at = np.array([[50 * k + 30, 40] for k in range(8)])
    y, group = np.repeat([1.0, 0.0], 4), np.arange(8) + 100
    plan = [
        Step(Slide),
        Step(Slide, n=5, label=1),
        Step(Turning, times=2),
        Step(lambda: Smote(2), n=3, label=0),
    ]
    more = grow(windows(at, 9), y, group, plan, seed=0)
    assert (more.y == 1).sum() == (4 * 9 + 5) * 2
    np.testing.assert_array_equal(more.group, group[more.origin[:, 0]])
    near = np.abs(more.X.at - at[more.origin[:, 0]]).max(axis=1)
    assert near.max() == 2  # twice by one cell


def test_a_view_of_other_size_and_layers_reads_the_slid_cells():
    more = slid([[50, 60]], 9, shift=2)
    np.testing.assert_array_equal(more.X.centre(), STACK[:, *more.X.at.T].T)
    some = replace(more.X, stack=STACK[:1], names=("Au",))
    np.testing.assert_array_equal(some.batch(), more.X.batch()[:, :1])
    assert type(more.X.at_cells(more.X.at)) is Windows


@pytest.mark.parametrize("method", [Turning, GaussianNoise, lambda: Smote(2)])
def test_what_lies_nowhere_cannot_be_slid(method):
    at = [[30, 30], [60, 30], [90, 30]]
    plan = [Step(method, times=2, label=1), Step(Slide, label=1)]
    with pytest.raises(SamplingError, match="put slide before"):
        grow(windows(at, 9), np.ones(3), np.arange(3), plan, seed=0)
    grow(windows(at, 9), np.ones(3), np.arange(3), plan[::-1], seed=0)


def test_the_place_stays_in_its_window():
    with pytest.raises(SamplingError, match=r"a shift of 4 cells moves the place out.* 8.* 3 or"):
        slid([[30, 30]], 8, shift=4)
    slid([[30, 30]], 9, shift=4)


def test_more_than_there_are_positions_cannot_be_drawn():
    plan = [Step(Slide, label=1, to=10)]
    with pytest.raises(
        SamplingError, match="1 windows can be slid to 8 positions, fewer than the 9"
    ):
        grow(windows([[30, 30]], 9), np.ones(1), np.arange(1), plan, seed=0)


def test_impossible_steps_are_refused():
    with pytest.raises(ConfigError, match="wider than the range from -1 to 1"):
        Slide(1, 3)
    with pytest.raises(ConfigError, match="choose turns or noise"):
        grow(
            windows([[9, 9]], 5), np.ones(1), np.arange(1), [Step(Slide, share=1, label=1)], seed=0
        )


def test_slid_copies_keep_the_deposit_in_the_window():
    grown = shifted_copies(
        Sampling.of(np.array([[20, 20]]), 1.0, np.array([7])), 4, size=9, shape=(50, 50)
    )
    assert len(grown) == 81
    assert np.abs(grown.at - 20).max() == 4
    assert set(grown.origin) == {0}
    assert set(grown.group) == {7}
    assert grown.at[0].tolist() == [20, 20]
    with pytest.raises(SamplingError, match="out of its window"):
        shifted_copies(Sampling.of(np.array([[20, 20]]), 1.0), 5, size=9, shape=(50, 50))


def test_copies_off_the_grid_or_twice_at_a_cell_are_left_out():
    grown = shifted_copies(Sampling.of(np.array([[0, 0], [0, 1]]), 1.0), 1, size=3, shape=(9, 9))
    assert sorted(map(tuple, grown.at.tolist())) == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)]
