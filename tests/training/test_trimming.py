from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from orecast.config import Training
from orecast.errors import SamplingError
from orecast.grid import windows_touching
from orecast.sampling.augmentation import grow
from orecast.sampling.windows import Scaling, Windows
from orecast.training import Network, build_model
from orecast.training.data import TrainingBatches, turned
from orecast.training.generators import build_step
from orecast.training.pretraining import MaskedBatches
from orecast.training.reading import Trims, fitting_trim, lies_on_map

ROWS, COLUMNS = 24, 31
SCALING = Scaling(np.zeros(1, np.float32), np.ones(1, np.float32))


def numbered(at, size, **given):
    """Windows on one layer that numbers the cells, so that a value tells where it was read."""
    stack = np.arange(ROWS * COLUMNS, dtype=np.float32).reshape(1, ROWS, COLUMNS)
    return Windows(stack, ("Au",), np.asarray(at).reshape(-1, 2), size, **given)


def drawn(X, trim, times=1, seed=0):
    """Places at which each window is read so many times, ``(times, n, 2)``."""
    trims, rng = Trims(X, trim), np.random.default_rng(seed)
    return np.stack([trims.drawn(np.arange(len(X)), rng).at for _ in range(times)])


def test_every_place_within_the_trim_is_as_likely():
    places = drawn(numbered(np.tile([12, 15], (7500, 1)), 5), 2)[0]
    moves, counts = np.unique(places - [12, 15], axis=0, return_counts=True)
    assert moves.tolist() == [[r, c] for r in range(-2, 3) for c in range(-2, 3)]
    assert abs(counts - 300).max() < 5 * 300**0.5


@pytest.mark.parametrize("size", [4, 5])
def test_a_window_moved_is_a_larger_one_trimmed(size):
    """256 trimmed to 224, in small: whichever trim, it lies in the larger window, bit for bit."""
    X = numbered([[10, 9], [14, 20]], size)
    larger = X.of_size(size + 2 * 1).batch()
    trims = {
        larger[n, :, r : r + size, c : c + size].tobytes(): (n, r - 1, c - 1)
        for n in range(2)
        for r in range(3)
        for c in range(3)
    }
    batches = TrainingBatches(X, np.array([0.0, 1.0]), 2, seed=0, flips=False, trim=1)
    read = set()
    for batches.epoch in range(120):
        ((x, y),) = batches
        found = [trims[window.tobytes()] for window in x.numpy()]
        assert [n for n, *_ in found] == y.tolist()
        read.update(found)
    assert read == set(trims.values())


@given(
    st.integers(2, 9),
    st.integers(0, 40),
    st.integers(0, ROWS - 1),
    st.integers(0, COLUMNS - 1),
    st.booleans(),
)
def test_no_window_meets_a_hidden_cell_or_more_of_the_edge(size, seed, row, column, scaled):
    rng = np.random.default_rng(seed)
    hidden = np.zeros((ROWS, COLUMNS), dtype=bool)
    hidden[tuple(rng.integers(0, 12, (3, 2)).T)] = True
    X = numbered([row, column], size, hidden=hidden, scaling=SCALING if scaled else None)
    gaps = rng.random((1, ROWS, COLUMNS)) < 0.01
    X = replace(X, stack=np.where(gaps, np.float32(np.nan), X.stack))
    place, trim = np.array([row, column]), (size - 1) // 2
    places = drawn(X, trim, 20)[:, 0]
    assert (abs(places - place) <= trim).all()
    others = places[(places != place).any(axis=1)]
    assert not windows_touching(hidden, size)[tuple(others.T)].any()
    first = others - size // 2
    assert (first >= np.minimum(place - size // 2, 0)).all()
    assert (first + size <= np.maximum(place - size // 2 + size, [ROWS, COLUMNS])).all()
    assert np.isfinite(X.stack[0][tuple(others.T)]).all()
    assert np.isfinite(X.at_cells(others).batch()).all()  # what a scaling does not fill is not read


def test_right_up_to_what_is_hidden_and_to_the_edge():
    hidden = np.zeros((ROWS, COLUMNS), dtype=bool)
    hidden[:, 20:] = True
    at = np.tile([[2, 16]], (400, 1))
    places = np.unique(drawn(numbered(at, 5, hidden=hidden), 2)[0], axis=0)
    # rows from 2, where the window of five is whole; columns to 17, where it ends at 19
    assert places.tolist() == [[r, c] for r in (2, 3, 4) for c in (14, 15, 16, 17)]
    near = numbered(np.tile([[1, 16]], (400, 1)), 5, scaling=SCALING)
    over = np.unique(drawn(near, 1)[0][:, 0])
    assert over.tolist() == [1, 2]  # one row beyond the edge already, and no more
    assert drawn(numbered([[3, 3]], 5, hidden=~hidden | True), 2, 9).tolist() == [[[3, 3]]] * 9


def test_cells_without_a_value_are_no_places(district):
    X, *_ = district
    X.stack[1, :, :15] = np.nan
    X = X.at_cells(np.tile([[15, 16]], (200, 1)))
    assert np.unique(drawn(X, 2)[0][:, 1]).tolist() == [15, 16, 17, 18]


def test_slid_and_copied_rows_are_moved_and_no_others(district):
    X, y, group = district
    plan = [
        build_step("slide", {"shift": 1}, label=1, n=10),
        build_step("copy", label=1, n=50),
        build_step("turns", label=1, n=10),
        build_step("noise", label=0, n=10),
        build_step("copy", label=0, n=40),
        build_step("smote", label=1, n=10),
        build_step("vae", {"epochs": 1, "width": 2}, label=0, n=10),
    ]
    Y = grow(X, y, group, plan, seed=0).X
    lies = lies_on_map(Y)
    slid, copied = slice(40, 50), slice(50, 100)
    assert lies[:40].all()
    assert lies[slid].all()
    assert lies[copied].all()
    assert not lies[100:120].any()  # turned, and with noise
    copies = slice(120, 160)
    own = (Y.batch(np.arange(120, 160)) == X.at_cells(Y.at[copies]).batch()).all(axis=(1, 2, 3))
    assert 0 < own.sum() < 40  # some of them are copies of windows with noise
    np.testing.assert_array_equal(lies[copies], own)
    assert not lies[160:].any()
    rows = np.random.default_rng(0).permutation(len(Y))
    read = Trims(Y, 2).drawn(rows, np.random.default_rng(1))
    np.testing.assert_array_equal(read.batch()[~lies[rows]], Y.batch(rows)[~lies[rows]])
    np.testing.assert_array_equal(read.at[~lies[rows]], Y.at[rows][~lies[rows]])
    moved = lies[rows]
    np.testing.assert_array_equal(read.batch()[moved], X.at_cells(read.at[moved]).batch())
    assert (read.at != Y.at[rows])[moved].any(axis=1).mean() > 0.7


def test_plain_windows_and_the_same_grown_by_nothing_are_read_alike(district):
    X, y, group = district
    grown = grow(X, y, group, (), seed=0).X
    batches = [TrainingBatches(Y, y, 8, seed=3, flips=True, trim=2) for Y in (X, grown)]
    for (a, _), (b, _) in zip(*batches, strict=True):
        assert torch.equal(a, b)


def test_places_follow_from_seed_and_epoch_and_order_and_flips_stay(district):
    X, y, _ = district

    def read(seed, epoch, trim=2, flips=True):
        batches = TrainingBatches(X, y, 8, seed=seed, flips=flips, trim=trim)
        batches.epoch = epoch
        return tuple(torch.cat(parts) for parts in zip(*batches, strict=True))

    assert torch.equal(read(0, 3)[0], read(0, 3)[0])
    assert not torch.equal(read(0, 3)[0], read(0, 4)[0])
    assert torch.equal(read(0, 3)[1], read(0, 3, trim=0)[1])
    rng = np.random.default_rng([0, 5, 3])
    order = rng.permutation(40)
    plain = X.batch()
    expected = [turned(torch.from_numpy(plain[order[k : k + 8]]), rng) for k in range(0, 40, 8)]
    assert torch.equal(torch.cat(expected), read(0, 3, trim=0)[0])
    whole = X.at_cells(np.clip(X.at, 4, 25))  # a middle that both trims show, flipped alike
    flat = replace(whole, stack=np.ones_like(X.stack) * np.arange(3, dtype="f4")[:, None, None])
    same = [TrainingBatches(flat, y, 8, seed=0, flips=True, trim=t) for t in (0, 2)]
    assert all(torch.equal(a, b) for (a, _), (b, _) in zip(*same, strict=True))


@pytest.mark.parametrize(
    ("trim", "size", "remedy"),
    [(112, 224, "set it to 111 or less"), (3, 5, "set it to 2 or less"), (1, 2, "set it to 0")],
)
def test_a_trim_that_moves_a_place_out_is_refused(trim, size, remedy):
    with pytest.raises(SamplingError, match=rf"training\.trim: a trim of {trim} .* {remedy}, or"):
        fitting_trim(trim, size)


def test_a_network_refuses_it_before_anything_is_trained(district):
    training = Training(epochs=1, trim=3)
    build_model("resnet18", {}, training, window=7)
    with pytest.raises(SamplingError, match=r"training\.trim"):
        build_model("resnet18", {}, training, window=5)
    model = Network("resnet18", {"width": 2}, training)
    for met in (model.check_fit, model.fit):
        with pytest.raises(SamplingError, match=r"training\.trim"):
            met(*district, seed=0)


def state(district, name, options, size, **settings):
    X, y, group = district
    X = replace(X.of_size(size), kinds=("element",) * 3)
    training = Training(epochs=2, batch=16, **settings)
    return Network(name, options, training).fit(X, y, group, seed=0).net_.state_dict()


@pytest.mark.parametrize(
    ("name", "options", "size", "moved"),
    [
        ("resnet18", {"width": 2}, 5, True),
        ("resgcn", {"alpha": 0.001}, 1, False),
        ("resgcn", {"alpha": 0.001}, 5, False),  # it reads one cell of the 25
    ],
)
def test_what_reads_a_place_alone_is_not_moved(district, name, options, size, moved):
    plain, trimmed, again = (state(district, name, options, size, trim=t) for t in (0, 2, 2))
    assert any(not torch.equal(value, plain[key]) for key, value in trimmed.items()) == moved
    assert all(torch.equal(value, trimmed[key]) for key, value in again.items())


def test_pretraining_is_trimmed_too(district):
    settings = {"pretrain": 1, "flips": False}
    windows = [
        next(iter(MaskedBatches(district[0], 40, seed=0, flips=False, trim=trim)))[0]
        for trim in (0, 1)
    ]
    assert not torch.equal(*windows)
    plain, trimmed = (
        state(district, "resnet18", {"width": 2}, 5, trim=t, **settings) for t in (0, 1)
    )
    assert any(not torch.equal(value, plain[key]) for key, value in trimmed.items())
