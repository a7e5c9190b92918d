"""What generators made of what a recipe learned from."""

from __future__ import annotations

import numpy as np

from orecast.sampling import Windows
from orecast.sampling.augmentation import grow
from orecast.training.generators import build_step
from orecast.validation.predictions import examined


def windows(n=80, layers=3, seed=0):
    rng = np.random.default_rng(seed)
    stack = rng.normal(size=(layers, n, 1)).astype(np.float32)
    at = np.column_stack([np.arange(n), np.zeros(n, dtype=np.int64)])
    return Windows(stack, tuple(f"L{k}" for k in range(layers)), at, 1)


def grown(*steps, n=80, ore=30):
    y = (np.arange(n) < ore).astype(float)
    return grow(windows(n), y, np.full(n, -1), steps, seed=0)


def test_each_generator_is_held_against_what_it_learned_from():
    found = examined(grown(build_step("smote", {}, balance=True)))
    (smote,) = found
    assert (smote["method"], smote["label"]) == ("smote", 1)
    assert (smote["rows"], smote["learned_from"]) == (20, 30)
    assert set(smote["ks"]) == {"L0", "L1", "L2"}
    assert "rows are very close to a real row" in smote["sentence"]


def test_the_second_step_is_held_against_rows_that_the_first_one_made_too():
    first = build_step("copy", {}, times=2, label=1)
    found = examined(grown(first, build_step("smote", {}, n=10, label=1)))
    assert [(one["rows"], one["learned_from"]) for one in found] == [(10, 60)]


def test_copies_turned_and_noisy_windows_are_not_examined():
    assert examined(grown(build_step("copy", {}, times=3))) == []
    assert examined(grown(build_step("noise", {"variance": 0.1}, share=0.5))) == []


def test_a_class_of_few_rows_is_left_out():
    steps = build_step("smote", {"neighbours": 2}, n=3, label=1)
    assert examined(grown(steps, n=20, ore=3)) == []
