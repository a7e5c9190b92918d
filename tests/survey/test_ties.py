"""Values that too many samples share, at any level."""

import numpy as np
import pytest

from orecast.survey.ties import heavy_ties


def ties_of(*parts):
    column = np.concatenate([np.atleast_1d(part) for part in parts]).astype(float)
    (found,) = heavy_ties(column[:, None], np.zeros((len(column), 1), dtype=bool))
    return found


def measured(n=300, digits=4, seed=0, scale=1.0):
    return np.round(np.random.default_rng(seed).lognormal(1, 0.8, n) * scale, digits)


@pytest.mark.parametrize(
    ("levels", "times"),
    [
        ((0.25,), 40),  # a half of 0.5, below all others
        ((1.25,), 40),  # a half of 2.5, among the others
        ((0.25, 1.25), 30),  # both
        ((1 / 3,), 25),  # a third of 1
        ((1.6667,), 30),  # a third of 5
        ((0.05, 2.5), 20),
    ],
)
def test_limits_divided_before_publication_are_found(levels, times):
    found = ties_of(measured(), *(np.full(times, level) for level in levels))

    assert found == dict.fromkeys(levels, times)


@pytest.mark.parametrize("digits", [0, 1, 2])
@pytest.mark.parametrize("scale", [1, 3, 10, 50])
def test_rounded_values_are_no_limits(digits, scale):
    values = measured(500, digits, scale=scale)

    found = ties_of(values[values > np.percentile(values, 5)])

    assert set(found) <= {min(found, default=0)}  # the lowest, where rounding piles it up


def test_steps_of_a_semi_quantitative_analysis_are_no_limits():
    steps = np.array([1, 1.5, 2, 3, 5, 7, 10, 15, 20, 30])
    rng = np.random.default_rng(1)

    found = ties_of(measured(300), rng.choice(steps[2:8], 200), 0.01)

    assert not found


def test_one_frequent_step_is_no_limit():
    steps = [0.5, 0.7, 1, 1.5, 2, 3, 5, 7, 10, 15, 20]
    counts = [1, 1, 5, 6, 25, 29, 45, 5, 9, 8, 2]

    assert ties_of(np.repeat(steps, counts)) == {}
    others = np.random.default_rng(2).lognormal(1.2, 0.5, 40).round(3)
    assert 5.0 not in ties_of(np.repeat(steps, counts), others)


def test_a_half_of_the_step_of_rounded_values_is_found():
    rounded = np.round(measured(400, scale=6))
    found = ties_of(rounded[rounded >= 2], measured(20, scale=10), np.full(30, 0.5), 0.1, 0.2)

    assert 0.5 in found


def test_few_equal_values_and_an_upper_limit_are_no_limits():
    assert ties_of(measured(), np.full(4, 0.01)) == {}
    assert ties_of(measured(), np.full(40, 1000.0)) == {}
    assert ties_of(np.full(9, 5.0)) == {}
