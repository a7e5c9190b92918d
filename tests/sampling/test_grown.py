from dataclasses import replace

import numpy as np
import pytest

from orecast.models.classical import Detector
from orecast.registry import load
from orecast.sampling import Scaling, Windows
from orecast.sampling.augmentation import (
    Copying,
    GaussianNoise,
    Grown,
    Smote,
    Step,
    Turning,
    Units,
    grow,
    turned,
)

RNG = np.random.default_rng(5)
STACK = RNG.normal(5, 2, size=(3, 20, 20)).astype(np.float32)
SCALING = Scaling(np.array([5, 4, 6], np.float32), np.array([2, 4, 0.5], np.float32))


def windows(size=5, scaling=SCALING):
    at = RNG.integers(3, 17, size=(12, 2))
    return Windows(STACK, ("Au", "As", "Cu"), at, size, None, scaling, ("element",) * 3)


def everything(X):
    """Twelve windows, with six of each kind behind them."""
    y, group = np.ones(len(X)), np.arange(len(X))
    plan = [Step(a, n=6, label=1) for a in (Copying, Turning, GaussianNoise, lambda: Smote(3))]
    return grow(X, y, group, plan, seed=0)


def test_of_windows_is_the_windows():
    X = windows()
    same = Grown.of(X)
    np.testing.assert_array_equal(same.batch(), X.batch())
    assert same.names == X.names
    assert same.origin[:, 0].tolist() == list(range(12))


def test_moved_windows_are_ungrown_ones():
    X = windows()
    moved = everything(X).X.at_cells(X.at[:2])
    assert type(moved) is Windows
    np.testing.assert_array_equal(moved.batch(), X.batch(slice(0, 2)))


def test_an_even_window_keeps_its_own_cell_when_turned_and_cut():
    X = windows(size=4)
    more = grow(X, np.ones(12), np.arange(12), [Step(Turning, times=8, label=1)], seed=0)
    own = X.centre()[more.origin[:, 0]]
    np.testing.assert_array_equal(more.X.centre(), own)


def test_some_layers_read_as_those_layers():
    more = everything(windows()).X
    some = replace(
        more,
        stack=more.stack[1:2],
        names=("As",),
        kinds=("element",),
        scaling=Scaling(SCALING.mean[1:2], SCALING.spread[1:2]),
    )
    np.testing.assert_array_equal(some.batch(), more.batch()[:, 1:2])


def test_without_scaling_the_rows_read_in_the_layers_own_units():
    more = everything(windows()).X
    raw = replace(more, scaling=None).batch()
    scaled = (raw - SCALING.mean[:, None, None]) / SCALING.spread[:, None, None]
    np.testing.assert_allclose(scaled, more.batch(), atol=1e-5)


def test_made_values_are_restated_in_another_scaling():
    X = windows(size=3)
    values = RNG.normal(size=(2, 3, 3, 3)).astype(np.float32)
    units = Units.of(X)
    np.testing.assert_array_equal(units.converted(values, X), values)
    raw = units.converted(values, replace(X, scaling=None))
    np.testing.assert_allclose(
        raw, values * SCALING.spread[:, None, None] + SCALING.mean[:, None, None], rtol=1e-6
    )


def test_growth_of_growth_names_the_windows_behind_it():
    X = windows()
    y, group = np.ones(12), np.arange(12)
    plan = [Step(lambda: Smote(3), n=8, label=1), Step(Turning, n=40, label=1)]
    more = grow(X, y, group, plan, seed=0)
    turns = more.X.parts[2]
    for row in range(20, 60):
        of = turns.origin[row - 20, 0]
        np.testing.assert_array_equal(more.origin[row], more.origin[of])
        expected = turned(more.X.batch(np.array([of])), int(turns.way[row - 20]))
        np.testing.assert_array_equal(more.X.batch(np.array([row])), expected)


@pytest.mark.parametrize("name", ["logistic-regression", "random-forest", "best-layer", "contrast"])
def test_detectors_learn_from_grown_windows(name):
    """Written out as plain windows on a stack of their own, they teach the same."""
    X = windows(size=1)
    y = (X.centre()[:, 0] > np.median(X.centre()[:, 0])).astype(float)
    more = grow(X, y, np.arange(12), [Step(GaussianNoise, times=4)], seed=0)
    raw = replace(more.X, scaling=None).batch()[:, :, 0, 0].T[:, None]  # (C, 1, n)
    at = np.column_stack([np.zeros(len(more.X), int), np.arange(len(more.X))])
    plain = replace(X, stack=np.ascontiguousarray(raw), at=at)
    models: list[Detector] = [
        load("orecast.models.classical", name, what="model")() for _ in range(2)
    ]
    for model, learned in zip(models, (more.X, plain), strict=True):
        model.fit(learned, more.y, more.group, seed=0)
    np.testing.assert_allclose(models[0].predict(X), models[1].predict(X), atol=1e-6)
