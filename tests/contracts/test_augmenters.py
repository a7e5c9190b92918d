"""Every registered augmenter keeps the same contract."""

import inspect
from dataclasses import replace

import numpy as np
import pytest
import torch

from orecast.errors import ConfigError, SamplingError
from orecast.registry import entries
from orecast.sampling import Scaling, Windows
from orecast.sampling.augmentation import Step, grow
from orecast.training.generators import augmenter_names, build_augmenter, build_step

NAMES = sorted(augmenter_names())
GENERATORS = {"vae", "gan"}
SMALL = {"epochs": 2, "width": 8}


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def build(name):
    known = inspect.signature(type(build_augmenter(name))).parameters
    return build_augmenter(name, {k: v for k, v in SMALL.items() if k in known})


def step(name, **amount):
    return Step(lambda: build(name), **amount)


def windows(layers=3, size=5, n=30, hidden=None, stack=None, scaled=True):
    """Windows of the left half of a map, and their labels; every third is ore."""
    if stack is None:
        stack = np.random.default_rng(2).normal(2, 3, size=(layers, 30, 40)).astype(np.float32)
    rng = np.random.default_rng(3)
    at = np.column_stack([rng.permutation(30)[:n], rng.integers(2, 16, n)])
    names = tuple(f"E{i}" for i in range(len(stack)))
    scaling = Scaling(*(np.full(len(stack), v, np.float32) for v in (2, 3))) if scaled else None
    X = Windows(stack, names, at, size, hidden, scaling, ("element",) * len(stack))
    return X, np.where(np.arange(n) % 3 == 0, 1.0, 0.0), np.arange(n)


def grown(name, X, y, group, seed=0, n=24):
    return grow(X, y, group, [step(name, n=n, label=1)], seed=seed)


def test_all_methods_are_registered():
    assert set(NAMES) == {"copy", "turns", "noise", "slide", "smote", "vae", "gan"}


@pytest.mark.parametrize("name", NAMES)
def test_says_in_a_line_what_it_is(name):
    assert augmenter_names()[name].endswith(".")


def test_the_room_without_torch_holds_the_rest():
    assert set(entries("orecast.training.generators")) == GENERATORS


def sized(*sizes):
    """Names and sizes; a window of one cell cannot be slid off its place."""
    return [(n, size) for n in NAMES for size in sizes if (n, size) != ("slide", 1)]


@pytest.mark.parametrize("layers", [1, 40])
@pytest.mark.parametrize(("name", "size"), sized(1, 4, 5))
def test_rows_come_behind_the_windows_with_their_label(name, layers, size):
    X, y, group = windows(layers, size)
    more = grown(name, X, y, group)
    assert more.X.shape == (54, layers, size, size)
    values = more.X.batch()
    assert values.shape == more.X.shape
    assert values.dtype == np.float32
    assert np.isfinite(values).all()
    np.testing.assert_array_equal(values[:30], X.batch())
    np.testing.assert_array_equal(more.y, np.append(y, np.ones(24)))
    np.testing.assert_array_equal(more.group[:30], group)
    assert len(np.unique(values[30:].reshape(24, -1), axis=0)) >= 9  # not one row again and again


@pytest.mark.parametrize("name", NAMES)
def test_origins_are_true(name):
    X, y, group = windows()
    more = grown(name, X, y, group)
    np.testing.assert_array_equal(more.origin[:30, 0], np.arange(30))
    origin = more.origin[30:]
    known = origin >= 0
    assert (y[origin[known]] == 1).all()
    assert known.sum() == {"smote": 48, "vae": 0, "gan": 0}.get(name, 24)
    if name in GENERATORS:
        assert (more.group[30:] == -1).all()
    else:
        np.testing.assert_array_equal(more.group[30:], group[origin[:, 0]])
        apart = np.abs(more.X.at[30:] - X.at[origin[:, 0]]).max(axis=1)
        np.testing.assert_array_equal(apart, 1 if name == "slide" else 0)
    ore = {tuple(at) for at in X.at[y == 1].tolist()}
    assert {tuple(at) for at in more.X.at[30:].tolist()} <= ore or name == "slide"


@pytest.mark.parametrize("seed", [0, 7, 2**40])
@pytest.mark.parametrize("name", NAMES)
def test_a_seed_repeats_bit_for_bit_and_another_does_not(name, seed):
    X, y, group = windows()
    first, again = (grown(name, X, y, group, seed) for _ in range(2))
    np.testing.assert_array_equal(first.X.batch(), again.X.batch())
    np.testing.assert_array_equal(first.origin, again.origin)
    other = grown(name, X, y, group, seed + 1)
    assert not np.array_equal(first.X.batch(), other.X.batch())


@pytest.mark.parametrize("name", NAMES)
def test_nothing_but_the_windows_of_the_class_is_read(name):
    """Hidden cells, the rest of the map and the other class may be anything; a slid window begins
    a cell beside its own.
    """
    reach = 3 if name == "slide" else 2
    hidden = np.zeros((30, 40), dtype=bool)
    hidden[:, 14:] = True
    X, y, group = windows(hidden=hidden)
    ore = grow(X.take(y == 1), y[y == 1], group[y == 1], [step(name, n=24, label=1)], seed=0)
    for filling in (np.nan, 1e9):
        stack = X.stack.copy()
        stack[:, hidden] = filling
        for row, column in X.at[y == 0]:
            if np.abs(X.at[y == 1] - (row, column)).max(axis=1).min() > reach:
                stack[:, row, column] = filling
        other = windows(hidden=hidden, stack=stack)[0]
        more = grown(name, other, y, group)
        np.testing.assert_array_equal(more.X.batch(slice(30, None)), ore.X.batch(slice(10, None)))


@pytest.mark.parametrize(("name", "size"), sized(1, 5))
def test_a_row_is_the_same_in_whatever_batch(name, size):
    X, y, group = windows(size=size)
    more = grown(name, X, y, group)
    whole = more.X.batch()
    np.testing.assert_array_equal(more.X.batch(), whole)
    order = np.random.default_rng(0).permutation(54)
    np.testing.assert_array_equal(more.X.batch(order), whole[order])
    np.testing.assert_array_equal(more.X.take(order).batch(slice(7, 20)), whole[order][7:20])
    np.testing.assert_array_equal(np.concatenate(list(more.X.batches(5))), whole)
    for row in (0, 31, 53):
        np.testing.assert_array_equal(more.X.batch(np.array([row]))[0], whole[row])


@pytest.mark.parametrize("name", NAMES)
def test_the_middle_of_a_row_is_its_own_cell(name):
    X, y, group = windows()
    more = grown(name, X, y, group)
    whole = more.X.batch()
    np.testing.assert_array_equal(more.X.centre(), whole[:, :, 2, 2])
    np.testing.assert_array_equal(more.X.of_size(3).batch(), whole[:, :, 1:4, 1:4])
    with pytest.raises(SamplingError, match="cannot be read at 7"):
        more.X.of_size(7)


@pytest.mark.parametrize("name", NAMES)
def test_a_weight_of_knowledge_stays_one(name):
    X, y, group = windows()
    X.stack[2] = np.random.default_rng(0).random((30, 40)) < 0.5
    scaling = Scaling(np.array([2, 2, 0], np.float32), np.array([3, 3, 1], np.float32))
    X = replace(X, kinds=("element", "element", "weight"), scaling=scaling)
    weight = grown(name, X, y, group).X.batch()[:, 2]
    assert weight.min() >= 0
    assert weight.max() <= 1


@pytest.mark.parametrize("name", NAMES)
def test_too_few_windows_are_refused_in_words(name):
    X, y, group = windows()
    fewest = build(name).fewest
    assert fewest == {"smote": 6, "vae": 10, "gan": 10}.get(name, 1)
    few = np.append(np.flatnonzero(y == 1)[: fewest - 1], np.flatnonzero(y == 0))
    match = "no ore window to augment" if fewest == 1 else f"{name} needs at least {fewest} windows"
    with pytest.raises(SamplingError, match=match):
        grown(name, X.take(few), y[few], group[few])


@pytest.mark.parametrize("name", NAMES)
def test_an_unknown_option_is_refused_with_the_nearest(name):
    with pytest.raises(ConfigError, match=f"{name} has no option 'epoch'"):
        build_augmenter(name, {"epoch": 3})


@pytest.mark.parametrize(
    ("name", "option", "value"),
    [
        ("turns", "flips", 1),
        ("slide", "shift", 0),
        ("slide", "step", 1.5),
        ("noise", "variance", 0),
        ("smote", "neighbours", 0),
        ("smote", "neighbours", 2.5),
        ("vae", "epochs", 0),
        ("vae", "latent", True),
        ("vae", "rate", -1),
        ("gan", "batch", 1),
        ("gan", "penalty", -0.1),
        ("gan", "width", "wide"),
        ("noise", "variance", 1e300),
        ("vae", "rate", 1e300),
        ("vae", "latent", 10**9),
        ("gan", "width", 10**9),
    ],
)
def test_impossible_options_are_refused_before_anything_is_fitted(name, option, value):
    with pytest.raises(ConfigError, match=rf"sampling.grow.options.{option}: must be"):
        build_step(name, {option: value}, balance=True)
