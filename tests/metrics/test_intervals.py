import math

import numpy as np
import pytest
from scipy import stats

from orecast.metrics import bootstrap_mean, percentiles, share_interval


def test_the_value_is_the_mean_and_lies_within():
    interval = bootstrap_mean([0.1, 0.5, 0.6, 0.9], seed=1)
    assert interval.value == pytest.approx(0.525)
    assert 0.1 <= interval.low < interval.value < interval.high <= 0.9


@pytest.mark.parametrize("seed", [0, 7])
def test_seeds_repeat_and_differ(seed):
    values = np.random.default_rng(3).random(12)
    assert bootstrap_mean(values, seed=seed) == bootstrap_mean(values, seed=seed)
    assert bootstrap_mean(values, seed=seed) != bootstrap_mean(values, seed=seed + 1)


def test_agrees_with_students_t_where_values_are_many_and_normal():
    values = np.random.default_rng(0).normal(0.6, 0.1, 200)
    ours = bootstrap_mean(values, seed=0)
    low, high = stats.t.interval(0.95, 199, values.mean(), stats.sem(values))
    assert (ours.low, ours.high) == pytest.approx((low, high), abs=0.002)


def test_a_higher_level_is_wider():
    values = np.random.default_rng(0).random(20)
    narrow, wide = (bootstrap_mean(values, seed=0, level=level) for level in (0.5, 0.99))
    assert wide.low < narrow.low < narrow.high < wide.high


@pytest.mark.parametrize("values", [[0.2], [0.2, 0.8], [0.2, 0.8, np.nan]])
def test_fewer_than_three_values_have_no_interval(values):
    interval = bootstrap_mean(values, seed=0)
    assert interval.value == pytest.approx(np.nanmean(values))
    assert math.isnan(interval.low)
    assert math.isnan(interval.high)


def test_no_values_have_no_mean():
    assert all(math.isnan(v) for v in bootstrap_mean([np.nan], seed=0).as_dict().values())


def test_deposits_of_one_group_are_drawn_together():
    values = np.repeat([0.1, 0.4, 0.6, 0.9], 5)
    alone = bootstrap_mean(values, seed=0)
    together = bootstrap_mean(values, seed=0, groups=np.repeat([4, 2, 9, 7], 5))
    assert together.value == alone.value
    assert together.high - together.low > 1.5 * (alone.high - alone.low)


def test_a_group_of_one_each_is_no_group():
    values = np.random.default_rng(1).random(10)
    singly = bootstrap_mean(values, seed=0, groups=np.arange(10))
    assert singly == bootstrap_mean(values, seed=0)


def test_two_groups_of_many_deposits_have_no_interval():
    interval = bootstrap_mean(np.linspace(0, 1, 20), seed=0, groups=np.repeat([0, 1], 10))
    assert math.isnan(interval.low)


def test_groups_must_match_values():
    with pytest.raises(ValueError, match="3 values but 2 groups"):
        bootstrap_mean([1, 2, 3], seed=0, groups=[1, 2])


def test_a_random_map_scores_a_half_within_its_interval():
    rng = np.random.default_rng(5)
    covered = 0
    for seed in range(200):
        region = rng.random(400)
        interval = bootstrap_mean(percentiles(region[:9], region), seed=seed)
        covered += interval.low <= 0.5 <= interval.high
    # nominal 95 %; three standard errors of 200 trials and the small-sample shortfall
    assert 0.88 <= covered / 200 <= 0.99


def test_wilson_by_the_literature():
    # Newcombe (1998, Stat. Med. 17, 857), table I, method 3: 81 of 263, 15 of 148, 0 of 20, 1 of 29
    table = {(81, 263): (0.2553, 0.3662), (15, 148): (0.0624, 0.1605)}
    table |= {(0, 20): (0.0, 0.1611), (1, 29): (0.0061, 0.1718)}
    for (k, n), ends in table.items():
        ours = share_interval(k, n)
        assert (round(ours.low, 4), round(ours.high, 4)) == ends


@pytest.mark.parametrize(("k", "n"), [(0, 9), (3, 9), (9, 9), (1, 2)])
def test_wilson_is_scipys(k, n):
    theirs = stats.binomtest(k, n).proportion_ci(0.9, method="wilson")
    ours = share_interval(k, n, level=0.9)
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=1e-12)
    assert ours.value == k / n


def test_none_captured_of_nine_still_has_a_width():
    assert share_interval(0, 9).low == 0
    assert share_interval(0, 9).high > 0.2
    assert share_interval(9, 9).high == 1


def test_share_of_nothing():
    assert math.isnan(share_interval(0, 0).value)
    with pytest.raises(ValueError, match="not a share"):
        share_interval(10, 9)
