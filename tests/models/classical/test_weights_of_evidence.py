from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2_contingency, norm

from orecast.errors import ConfigError, ModelError
from orecast.models.classical.weights_of_evidence import (
    Weights,
    WeightsOfEvidence,
    best_cut,
    conditional_independence,
    posterior_probability,
    weights,
)
from orecast.sampling import Scaling, Windows

CELLS = np.argwhere(np.ones((20, 30), dtype=bool))
GROUP = np.full(600, -1)


def windows(seed=0):
    """Au is high at ore, the distance low, Cu noise."""
    rng = np.random.default_rng(seed)
    y = (np.arange(600) % 10 == 0).astype(float)
    stack = rng.normal(size=(3, 600))
    stack[0] += 2 * y
    stack[1] -= 2 * y
    names = ("Au", "distance", "Cu")
    return Windows(stack.reshape(3, 20, 30).astype("f4"), names, CELLS, 1), y


def test_weights_by_hand():
    """10 of 15 ore cells lie within a pattern of 110 of 1015 cells: 10, 5, 100 and 900 cells.

    P(B|D) = 2/3 and P(B|not D) = 1/10, so W+ = ln(20/3) and W- = ln((1/3) / (9/10)) = ln(10/27).
    """
    found = weights(10, 15, 110, 1015)
    assert found.plus == pytest.approx(np.log(20 / 3))
    assert found.minus == pytest.approx(np.log(10 / 27))
    assert found.contrast == pytest.approx(np.log(18))  # the odds ratio 10 * 900 / (5 * 100)
    assert found.s_plus**2 == pytest.approx(1 / 10 + 1 / 100)
    assert found.s_minus**2 == pytest.approx(1 / 5 + 1 / 900)
    assert found.studentised == pytest.approx(np.log(18) / np.sqrt(0.11 + 0.2 + 1 / 900))


def test_a_pattern_unrelated_to_ore_weighs_nothing():
    found = weights(3, 10, 303, 1010)
    assert (found.plus, found.minus, found.studentised) == pytest.approx((0, 0, 0), abs=1e-12)


def test_a_pattern_that_holds_all_ore_has_finite_weights():
    """A half is added to the counts 10, 0, 90 and 900."""
    found = weights(10, 10, 100, 1000)
    assert found.minus == pytest.approx(np.log((0.5 / 11) / (900.5 / 991)))
    assert found.s_minus == pytest.approx(np.sqrt(1 / 0.5 + 1 / 900.5))


@pytest.mark.parametrize("counts", [(11, 10, 100, 1000), (5, 10, 4, 1000), (5, 10, 999, 1000)])
def test_impossible_counts_are_refused(counts):
    with pytest.raises(ModelError, match="has more cells"):
        weights(*counts)


counts = st.integers(1, 200)


@settings(max_examples=50, deadline=None)
@given(counts, counts, counts, counts)
def test_one_pattern_gives_back_the_observed_share_of_ore(a, b, c, d):
    """Bayes' rule with one pattern is exact: P = n(B, D) / n(B), and T = n."""
    n, total = a + b, a + b + c + d
    found = Weights(*(np.atleast_1d(v) for v in vars(weights(a, n, a + c, total)).values()))
    present = np.array([[1.0], [0.0]])
    posterior = posterior_probability(present, found, n / total)
    assert posterior == pytest.approx([a / (a + c), b / (b + d)])
    rows = np.repeat([1.0, 0.0, 1.0, 0.0], [a, b, c, d])[:, None]
    ore = np.arange(total) < n
    assert conditional_independence(rows, ore, found, n / total).expected == pytest.approx(n)


def test_the_omnibus_test_by_hand():
    """Two copies of one pattern count its evidence twice; T is above n.

    Each has 10, 5, 100 and 900 cells. Squared odds ratios on the prior odds 15/1000 give the odds
    inside 0.015 (20/3)² = 2/3 and outside 0.015 (10/27)² = 0.0020576.
    """
    one = weights(10, 15, 110, 1015)
    found = Weights(*(np.repeat(v, 2) for v in vars(one).values()))
    inside = np.repeat([1.0, 0.0, 1.0, 0.0], [10, 5, 100, 900])
    ore = np.arange(1015) < 15
    tests = conditional_independence(np.column_stack([inside] * 2), ore, found, 15 / 1015)
    p_in, p_out = (2 / 3) / (5 / 3), 0.015 * (10 / 27) ** 2 / (1 + 0.015 * (10 / 27) ** 2)
    expected = 110 * p_in + 905 * p_out
    s_in = p_in * np.sqrt(1 / 15 + 2 * (1 / 10 + 1 / 100))
    s_out = p_out * np.sqrt(1 / 15 + 2 * (1 / 5 + 1 / 900))
    s = np.hypot(110 * s_in, 905 * s_out)
    assert tests.observed == 15
    assert tests.expected == pytest.approx(expected)
    assert tests.deviation == pytest.approx(s)
    assert tests.p == pytest.approx(norm.sf((expected - 15) / s))
    assert tests.chi_squared[0, 1] == pytest.approx(15)  # 15 rows in perfect agreement


def test_rows_may_stand_for_many_cells():
    """Barren rows thinned tenfold, each standing for ten cells, leave the test as it was."""
    rng = np.random.default_rng(0)
    patterns = rng.integers(0, 2, (100, 2)).astype(float)
    ore = np.arange(100) < 20
    found = Weights(*(np.repeat(v, 2) for v in vars(weights(10, 15, 110, 1015)).values()))
    repeat = np.where(ore, 1, 10)
    once = conditional_independence(patterns, ore, found, 0.02, repeat)
    every = conditional_independence(
        patterns.repeat(repeat, axis=0), ore.repeat(repeat), found, 0.02
    )
    assert (once.expected, once.deviation) == pytest.approx((every.expected, every.deviation))


def test_pairs_equal_scipys_chi_square_and_leave_unknown_rows_out():
    rng = np.random.default_rng(3)
    patterns = rng.integers(0, 2, (60, 3)).astype(float)
    patterns[:10, 2] = np.nan
    found = Weights(*(np.zeros(3) + v for v in vars(weights(10, 15, 110, 1015)).values()))
    tests = conditional_independence(patterns, np.ones(60, dtype=bool), found, 0.1)
    for i, j, rows in ((0, 1, slice(None)), (0, 2, slice(10, None))):
        a, b = patterns[rows, i], patterns[rows, j]
        table = [[((a == u) & (b == v)).sum() for v in (1, 0)] for u in (1, 0)]
        theirs = chi2_contingency(table, correction=False)
        assert tests.chi_squared[i, j] == pytest.approx(theirs.statistic)
        assert tests.pairwise[i, j] == pytest.approx(theirs.pvalue)


@pytest.mark.parametrize("sign", [1, -1])
def test_the_cut_is_the_best_of_all_on_the_side_of_the_ore(sign):
    rng = np.random.default_rng(5)
    ore = np.arange(80) < 20
    values = np.round(sign * (rng.normal(size=80) + 1.5 * ore), 1)
    threshold, high, found = best_cut(values, ore)
    assert high == (sign == 1)
    best = -np.inf
    for t in values:
        for inside in (values >= t, values < t):
            if 0 < inside.sum() < 80:
                w = weights((inside & ore).sum(), 20, inside.sum(), 80)
                best = max(best, w.studentised)
    assert found.studentised == pytest.approx(best)
    inside = (values >= threshold) == high
    again = weights((inside & ore).sum(), 20, inside.sum(), 80)
    for one, other in zip(vars(again).values(), vars(found).values(), strict=True):
        assert float(one) == pytest.approx(float(other))


def test_signs_follow_the_truth_and_noise_is_left_out():
    X, y = windows()
    detector = WeightsOfEvidence(studentised=3).fit(X, y, GROUP, seed=0)
    assert detector.kept_.tolist() == [True, True, False]
    assert detector.high_[:2].tolist() == [True, False]
    assert (detector.plus_[:2] > 0).all()
    assert (detector.minus_[:2] < 0).all()
    assert detector.chi_squared_.shape == (2, 2)
    assert detector.prior_ == pytest.approx(0.1)
    # Independent given ore by construction.
    assert detector.omnibus_p_ > 0.01
    assert detector.expected_ == pytest.approx(60, rel=0.2)


def test_dependent_layers_are_found_out():
    X, y = windows()
    X.stack[1:] = X.stack[0]
    detector = WeightsOfEvidence(studentised=3, prior=0.001).fit(X, y, GROUP, seed=0)
    assert detector.expected_ > 10 * 60
    assert detector.omnibus_p_ < 0.05
    assert detector.pairwise_[0, 1] < 1e-6


def test_without_a_layer_that_tells_the_prior_is_left():
    X, y = windows()
    detector = WeightsOfEvidence(studentised=1e3, prior=0.01).fit(X, y, GROUP, seed=0)
    assert detector.predict(X) == pytest.approx(np.full(600, 0.01))


def test_the_prior_moves_the_odds_and_not_the_order():
    X, y = windows()
    low, high = (
        WeightsOfEvidence(prior=p).fit(X, y, GROUP, seed=0).predict(X) for p in (0.001, 0.5)
    )
    odds = (high / (1 - high)) / (low / (1 - low))
    np.testing.assert_allclose(odds, 999, rtol=1e-9)


def test_missing_values_weigh_nothing():
    X, y = windows()
    flat = X.stack.reshape(3, -1)
    X = replace(X, scaling=Scaling(flat.mean(axis=1), flat.std(axis=1)))
    detector = WeightsOfEvidence(studentised=3).fit(X, y, GROUP, seed=0)
    X.stack[:, 0, 0] = np.nan
    assert detector.predict(X)[0] == pytest.approx(detector.prior_)


def test_a_constant_layer_is_left_out():
    X, y = windows()
    X.stack[2] = 7
    detector = WeightsOfEvidence(studentised=0.1).fit(X, y, GROUP, seed=0)
    assert detector.kept_.tolist() == [True, True, False]


@pytest.mark.parametrize(
    "options", [{"prior": 0}, {"prior": 1.0}, {"prior": "rare"}, {"studentised": -1}]
)
def test_impossible_options_are_refused(options):
    X, y = windows()
    with pytest.raises(ConfigError, match=rf"model\.options\.{next(iter(options))}"):
        WeightsOfEvidence(**options).fit(X, y, GROUP, seed=0)
