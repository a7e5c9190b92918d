import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orecast.sampling import Sampling, Scaling, Windows, fit_scaling

STACK = np.arange(2 * 6 * 7, dtype=np.float32).reshape(2, 6, 7)


def windows(at, size, **options):
    return Windows(STACK, ("Au", "Cu"), np.array(at).reshape(-1, 2), size, **options)


@given(st.integers(0, 5), st.integers(0, 6), st.integers(1, 7))
def test_a_window_is_the_padded_stack_cut_out(row, column, size):
    pad = 8
    padded = np.pad(STACK, ((0, 0), (pad, pad), (pad, pad)), constant_values=np.nan)
    top, left = row + pad - size // 2, column + pad - size // 2
    expected = padded[:, top : top + size, left : left + size]
    np.testing.assert_array_equal(windows([row, column], size).batch()[0], expected)


def test_batches_are_the_whole_in_order():
    at = np.argwhere(np.ones((6, 7), dtype=bool))
    w = windows(at, 3)
    whole = w.batch()
    assert whole.shape == w.shape == (42, 2, 3, 3)
    np.testing.assert_array_equal(np.concatenate(list(w.batches(5))), whole)
    np.testing.assert_array_equal(w.centre(), STACK[:, at[:, 0], at[:, 1]].T)
    np.testing.assert_array_equal(w.take(slice(3, 5)).batch(), whole[3:5])


def test_windows_hold_no_copy_of_the_stack():
    w = windows([[2, 2]], 3)
    assert w.stack is STACK
    assert w.at_cells([[1, 1]]).of_size(5).take(slice(0, 1)).stack is STACK


def test_hidden_cells_read_as_nan_and_scaled_as_the_mean():
    hidden = np.zeros((6, 7), dtype=bool)
    hidden[2, 3] = True
    raw = windows([2, 2], 3, hidden=hidden).batch()[0]
    assert np.isnan(raw[:, 1, 2]).all()
    assert np.isnan(raw).sum() == 2
    scaling = Scaling(np.array([10, 50], np.float32), np.array([2, 4], np.float32))
    scaled = windows([2, 2], 3, hidden=hidden, scaling=scaling).batch()[0]
    assert scaled[:, 1, 2].tolist() == [0, 0]
    assert scaled[0, 1, 1] == (STACK[0, 2, 2] - 10) / 2


def test_whatever_stands_in_hidden_cells_cannot_be_read():
    hidden = np.zeros((6, 7), dtype=bool)
    hidden[:, 4:] = True
    other = STACK.copy()
    other[:, hidden] = np.random.default_rng(0).normal(size=other[:, hidden].shape)
    at = np.argwhere(~hidden)
    for size in (1, 3, 5):
        a = Windows(STACK, ("Au", "Cu"), at, size, hidden=hidden).batch()
        b = Windows(other, ("Au", "Cu"), at, size, hidden=hidden).batch()
        np.testing.assert_array_equal(a, b)
    a, b = fit_scaling(STACK, ~hidden), fit_scaling(other, ~hidden)
    np.testing.assert_array_equal(a.mean, b.mean)
    np.testing.assert_array_equal(a.spread, b.spread)


def test_scaling_of_constant_and_absent_layers():
    stack = np.stack([np.full((3, 3), 7.0), np.full((3, 3), np.nan), np.arange(9.0).reshape(3, 3)])
    scaling = fit_scaling(stack.astype(np.float32), np.ones((3, 3), dtype=bool))
    assert scaling.mean.tolist() == [7, 0, 4]
    assert scaling.spread.tolist() == [1, 1, pytest.approx(np.std(np.arange(9)))]


def test_a_layer_in_small_units_is_scaled():
    stack = np.random.default_rng(0).normal(5e-5, 3e-7, size=(1, 9, 9)).astype(np.float32)
    visible = np.ones((9, 9), dtype=bool)
    assert fit_scaling(stack, visible).spread[0] == pytest.approx(3e-7, rel=0.2)
    assert fit_scaling(np.zeros_like(stack), visible).spread[0] == 1


def test_samplings_keep_their_origins_when_taken_and_joined():
    a = Sampling.of(np.array([[0, 0], [1, 1]]), 1.0, np.array([0, 1]))
    b = Sampling.of(np.array([[2, 2]]), 0.0)
    both = a.joined(b)
    assert both.origin.tolist() == [0, 1, 2]
    assert both.y.tolist() == [1, 1, 0]
    assert both.take(np.array([2, 0])).origin.tolist() == [2, 0]
    assert b.group.tolist() == [-1]


def test_a_layer_in_small_units_is_not_constant():
    """A magnetic field in tesla: a mean of 5e-5 and a spread of 3e-7."""
    rng = np.random.default_rng(0)
    layer = (5e-5 + 3e-7 * rng.normal(size=(1, 30, 30))).astype(np.float32)
    found = fit_scaling(layer, np.ones((30, 30), dtype=bool))
    assert found.spread[0] == pytest.approx(3e-7, rel=0.1)
    constant = np.full((1, 30, 30), 5e-5, dtype=np.float32)
    assert fit_scaling(constant, np.ones((30, 30), dtype=bool)).spread[0] == 1
