from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from orecast.errors import ModelError
from orecast.sampling.windows import Windows
from orecast.training.data import TrainingBatches, batch_bounds, gather, turned, windows_at_once


@given(st.integers(1, 500), st.integers(2, 64))
def test_batches_cover_every_row_once_and_none_holds_one_alone(n, batch):
    bounds = batch_bounds(n, batch)
    assert [row for start, stop in bounds for row in range(start, stop)] == list(range(n))
    sizes = [stop - start for start, stop in bounds]
    assert min(sizes) > 1 or n == 1
    assert max(sizes) <= batch + 1
    assert all(size == batch for size in sizes[:-1])


def test_an_epoch_holds_every_window_once_with_its_label(district):
    X, y, _ = district
    batches = TrainingBatches(X, y, 13, seed=0, flips=False)
    assert len(batches) == 3  # 13, 13, 14
    x, labels = (torch.cat(parts).numpy() for parts in zip(*batches, strict=True))
    assert x.dtype == labels.dtype == np.float32
    order = np.random.default_rng([0, 5, 0]).permutation(40)
    np.testing.assert_array_equal(x, X.batch()[order])
    np.testing.assert_array_equal(labels, y[order])


def order_of(X, y, seed, epoch):
    batches = TrainingBatches(X, y, 64, seed=seed, flips=False)
    batches.epoch = epoch
    return next(iter(batches))[0]


def test_the_order_follows_from_seed_and_epoch(district):
    X, y, _ = district
    assert torch.equal(order_of(X, y, 0, 3), order_of(X, y, 0, 3))
    assert not torch.equal(order_of(X, y, 0, 3), order_of(X, y, 0, 4))
    assert not torch.equal(order_of(X, y, 0, 3), order_of(X, y, 1, 3))


def test_windows_are_not_written_out(district, monkeypatch):
    """Never more than one batch is materialised."""
    X, y, _ = district
    asked = []
    batch = Windows.batch
    monkeypatch.setattr(
        Windows, "batch", lambda self, rows: asked.append(len(rows)) or batch(self, rows)
    )
    assert sum(len(labels) for _, labels in TrainingBatches(X, y, 8, seed=0, flips=True)) == 40
    assert asked == [8] * 5


def test_turned_windows_are_the_eight_flips_and_turns_alike():
    square = torch.arange(9.0).view(1, 3, 3)
    eight = {
        tuple(torch.rot90(form, k, (1, 2)).flatten().tolist())
        for form in (square, square.flip(-1))
        for k in range(4)
    }
    assert len(eight) == 8
    many = turned(square.expand(8000, 1, 3, 3), np.random.default_rng(0))
    forms, counts = np.unique(many.flatten(1).numpy(), axis=0, return_counts=True)
    assert {tuple(form) for form in forms.tolist()} == eight
    assert abs(counts - 1000).max() < 150  # five standard deviations


def test_flips_alone_are_four_ways_alike_and_no_quarter_turn():
    square = torch.arange(6.0).view(1, 2, 3)  # no square: a quarter turn has another shape
    four = [square, square.flip(-1), square.flip(-2), square.flip(-1, -2)]
    many = turned(square.expand(8000, 1, 2, 3), np.random.default_rng(0), quarters=False)
    forms, counts = np.unique(many.flatten(1).numpy(), axis=0, return_counts=True)
    assert {tuple(form) for form in forms.tolist()} == {tuple(f.flatten().tolist()) for f in four}
    assert abs(counts - 2000).max() < 200  # five standard deviations


def test_flips_are_all_eight_ways_or_four_or_none(district):
    X, y, _ = district

    def ways(flips):
        batches = TrainingBatches(X, y, 40, seed=0, flips=flips)
        found = set()
        for batches.epoch in range(12):
            ((x, _),) = batches
            order = np.random.default_rng([0, 5, batches.epoch]).permutation(40)
            plain = torch.from_numpy(X.batch()[order])
            for window, own in zip(x, plain, strict=True):
                both = (own, own.transpose(-1, -2))
                eight = [w.flip(d) for w in both for d in ([], [-1], [-2], [-1, -2])]
                found |= {n for n, way in enumerate(eight) if torch.equal(window, way)}
        return found

    assert ways(True) == set(range(8))
    assert ways("alone") == set(range(4))
    assert ways(False) == {0}


def test_layers_of_a_window_turn_together():
    x = torch.arange(16.0).view(1, 1, 4, 4).repeat(50, 3, 1, 1)
    out = turned(x, np.random.default_rng(1))
    assert torch.equal(out[:, 0], out[:, 1])
    assert torch.equal(out[:, 0], out[:, 2])


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_refused_with_its_layer(district, value):
    X, *_ = district
    X = replace(X, scaling=None)
    X.stack[1, X.at[3, 0], X.at[3, 1]] = value
    inside = ((X.at >= 2) & (X.at < 28)).all(axis=1)
    X = X.take(inside | (np.arange(40) == 3))
    X = replace(X, at=np.clip(X.at, 2, 27))
    with pytest.raises(ModelError, match=r"^layer As: .* Remedy: pass windows with a scaling"):
        gather(X, slice(None))


def test_infinities_that_cancel_are_seen(district):
    X, *_ = district
    X.stack[0, :, 0], X.stack[2, :, 1] = np.inf, -np.inf
    with pytest.raises(ModelError, match="layer Au, fault"):
        gather(X.at_cells([[10, 1]]), slice(None))


def test_values_that_sum_beyond_float32_are_no_missing_ones():
    stack = np.full((1, 3, 3), 3e38, dtype=np.float32)
    assert gather(Windows(stack, ("Au",), np.array([[1, 1]]), 3), slice(None)).shape == (1, 1, 3, 3)


def test_larger_windows_are_read_fewer_at_once():
    sizes = [windows_at_once(size) for size in (1, 3, 9, 33, 200)]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] == 2048
    assert sizes[-1] == 16
