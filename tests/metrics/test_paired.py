import itertools
import math

import numpy as np
import pytest
from scipy import stats

from orecast.metrics import bootstrap_mean, paired_difference


def test_three_deposits_by_hand():
    # sums of ±3 ±1 ±2 as far out as 6: two of eight patterns
    found = paired_difference([0.3, 0.1, 0.2], [0.0, 0.0, 0.0], seed=0)
    assert (found.value, found.p) == (pytest.approx(0.2), 0.25)
    # 2 + 2 - 1 = 3: of the eight sums 5 3 1 1 -1 -1 -3 -5 four lie as far
    assert paired_difference([2, 2, 0], [0, 0, 1], seed=0).p == 0.5


@pytest.mark.parametrize("n", [3, 7, 12])
def test_exact_p_is_scipys(n):
    rng = np.random.default_rng(n)
    a, b = rng.random(n), rng.random(n) - 0.2
    theirs = stats.permutation_test(
        (a, b), lambda x, y: np.mean(x - y), permutation_type="samples", n_resamples=np.inf
    )
    assert paired_difference(a, b, seed=0).p == pytest.approx(theirs.pvalue, abs=1e-12)


def test_drawn_p_is_near_the_exact_one():
    rng = np.random.default_rng(1)
    a, b = rng.normal(0.3, 1, 14), rng.normal(0, 1, 14)
    sums = np.array(list(itertools.product([-1, 1], repeat=14))) @ (a - b)
    exact = np.mean(np.abs(sums) >= abs(np.sum(a - b)) - 1e-9)
    ours = paired_difference(a, b, seed=0).p
    assert 0.02 < exact < 0.98
    assert abs(ours - exact) < 4 * math.sqrt(exact * (1 - exact) / 9999)
    assert paired_difference(a, b, seed=0).p == ours


def test_p_of_draws_is_never_zero():
    assert paired_difference(np.ones(40), np.zeros(40), seed=0).p == pytest.approx(1e-4)


def test_groups_flip_and_are_drawn_together():
    rng = np.random.default_rng(2)
    difference, groups = rng.normal(0.2, 1, 15), np.repeat([7, 3, 9, 1, 5], [5, 1, 4, 2, 3])
    sums = [difference[groups == g].sum() for g in (1, 3, 5, 7, 9)]
    patterns = itertools.product([-1, 1], repeat=5)
    as_far = [abs(np.dot(s, sums)) >= abs(sum(sums)) - 1e-9 for s in patterns]
    found = paired_difference(difference, np.zeros(15), seed=4, groups=groups)
    assert found.p == np.mean(as_far)
    assert (found.n, found.groups) == (15, 5)
    interval = bootstrap_mean(difference, seed=4, groups=groups)
    assert (found.value, found.low, found.high) == tuple(interval.as_dict().values())


def test_a_model_against_itself_is_no_better():
    scores = np.random.default_rng(0).random(9)
    found = paired_difference(scores, scores, seed=0)
    assert (found.value, found.low, found.high, found.p) == (0, 0, 0, 1)


def test_turned_round_the_difference_turns_and_p_stays():
    rng = np.random.default_rng(3)
    a, b = rng.random(8), rng.random(8)
    there, back = paired_difference(a, b, seed=0), paired_difference(b, a, seed=0)
    assert there.value == pytest.approx(-back.value)
    assert there.p == back.p


def test_pairs_with_a_nan_are_left_out():
    a, b = [0.5, np.nan, 0.9, 0.8, 0.7], [0.4, 0.1, np.nan, 0.5, 0.2]
    kept = paired_difference([0.5, 0.8, 0.7], [0.4, 0.5, 0.2], seed=0, groups=[0, 3, 4])
    assert paired_difference(a, b, seed=0) == kept
    assert kept.n == 3


@pytest.mark.parametrize("groups", [[0, 0, 0, 1, 1], [0, 0, 0, 0, 0]])
def test_fewer_than_three_groups_have_no_p(groups):
    found = paired_difference(np.arange(5), np.zeros(5), seed=0, groups=groups)
    assert found.value == 2
    assert all(math.isnan(v) for v in (found.low, found.high, found.p))


def test_nothing_known_and_lengths_that_differ():
    found = paired_difference([np.nan], [1.0], seed=0)
    assert (found.n, found.groups) == (0, 0)
    assert math.isnan(found.value)
    with pytest.raises(ValueError, match="3 scores of one model but 2"):
        paired_difference([1, 2, 3], [1, 2], seed=0)


def test_alike_models_give_a_p_below_a_tenth_once_in_ten():
    rng = np.random.default_rng(0)
    p = [paired_difference(*rng.random((2, 8)), seed=0).p for _ in range(400)]
    assert abs(np.mean(np.array(p) <= 0.1) - 0.1) < 3 * math.sqrt(0.09 / 400) + 1 / 128
