import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from orecast.composition import impute
from orecast.composition.censored import censored_normal
from orecast.errors import ConfigError, InputError

METHODS = ["multiplicative", "lognormal", "log-ratio-em"]


def survey(n=60, seed=0, limit=2.0):
    """Log-normal traces in mg/kg, the first of which has a limit of detection."""
    rng = np.random.default_rng(seed)
    truth = rng.lognormal([1.0, 3.0, 4.0], [1.0, 0.5, 0.7], (n, 3))
    censored = np.zeros(truth.shape, dtype=bool)
    censored[:, 0] = truth[:, 0] < limit
    return np.where(censored, limit, truth), censored


@given(seed=st.integers(0, 1000), method=st.sampled_from(METHODS))
@settings(max_examples=30, deadline=None)
def test_replacements_lie_below_the_limit_and_measured_ratios_stay(seed, method):
    values, censored = survey(seed=seed)
    imputed = impute(values, censored, method=method)
    assert (imputed[censored] > 0).all()
    assert (imputed[censored] < 2.0).all()
    np.testing.assert_allclose(
        imputed[:, 1] / imputed[:, 2], values[:, 1] / values[:, 2], rtol=1e-12
    )
    whole = ~censored.any(axis=1)
    np.testing.assert_array_equal(imputed[whole], values[whole])


@given(seed=st.integers(0, 1000), method=st.sampled_from(METHODS))
@settings(max_examples=30, deadline=None)
def test_a_closed_composition_stays_closed(seed, method):
    """Measured parts that add up to the total (the censored counted as zero) still do."""
    values, censored = survey(seed=seed)
    measured = np.where(censored, 0, values)
    closed = np.where(censored, 2.0, measured / measured.sum(axis=1, keepdims=True) * 1e6)
    imputed = impute(closed, censored, method=method)
    np.testing.assert_allclose(imputed.sum(axis=1), 1e6, rtol=1e-12)


def test_with_traces_alone_the_unmeasured_rest_closes_the_whole():
    """The rest, 999 000 of 1e6 beside 1000 measured, is scaled like a measured part."""
    imputed = impute(
        [[1000.0, 200.0], [1.0, 900.0]], [[False, True], [False, False]], limits=[1, 200]
    )
    factor = 1 - 0.65 * 200 / 1e6
    np.testing.assert_allclose(imputed[0], [1000 * factor, 130.0])
    rest = (1e6 - 1000.0) * factor
    assert imputed[0].sum() + rest == pytest.approx(1e6, rel=1e-15)


@pytest.mark.parametrize("limit", [4.7, 20.0, 99.0, 1e5])
def test_a_value_below_a_high_limit_is_no_anomaly(limit):
    """0.65 of the limit would exceed the median of the measured values, 3: it is 3."""
    values = np.array([[limit], [1.0], [2.0], [3.0], [4.0], [50.0]])
    censored = values == limit
    assert impute(values, censored)[0, 0] == 3.0
    seen = np.array([True, True, False, False, False, True])  # median of 1 and 50
    assert impute(values, censored, fitted_on=seen)[0, 0] == min(0.65 * limit, 25.5)


def test_multiplicative_by_hand():
    # Martín-Fernández et al. (2003), eq. 4: x_j (1 - sum of replacements / c)
    values = [[0.1, 0.3, 0.7], [0.2, 0.3, 0.5]]
    censored = [[True, False, False], [False, False, False]]
    imputed = impute(values, censored, total=1.0)
    np.testing.assert_allclose(imputed[0], [0.065, 0.3 * 0.935, 0.7 * 0.935])
    np.testing.assert_array_equal(imputed[1], values[1])


def test_the_smallest_limit_of_a_row_may_differ_from_the_columns():
    values, censored = [[9.0, 5.0], [4.0, 5.0], [20.0, 5.0]], [[1, 0], [1, 0], [0, 0]]
    imputed = impute(values, censored)
    np.testing.assert_allclose(imputed[:2, 0], [5.85, 2.6])


def test_limits_take_the_place_of_what_the_values_hold():
    values, censored = [[7.0, 5.0], [20.0, 5.0]], [[1, 0], [0, 0]]
    np.testing.assert_allclose(impute(values, censored, limits=[2.0, 1.0])[0, 0], 1.3)
    row_by_row = impute(values, censored, limits=[[4.0, 1.0], [1.0, 1.0]])
    np.testing.assert_allclose(row_by_row[0, 0], 2.6)


def test_lognormal_agrees_with_scipys_censored_fit():
    values, censored = survey(400)
    below = censored[:, 0]
    data = stats.CensoredData(uncensored=np.log(values[~below, 0]), left=np.log(values[below, 0]))
    mean, spread = stats.norm.fit(data)
    z = (np.log(2.0) - mean) / spread
    expected = np.exp(mean - spread * stats.norm.pdf(z) / stats.norm.cdf(z))
    imputed = impute(values, censored, method="lognormal")
    np.testing.assert_allclose(imputed[below, 0], expected, rtol=1e-3)


def test_lognormal_recovers_the_mean_below_the_limit():
    rng = np.random.default_rng(0)
    truth = np.column_stack([rng.lognormal(0, 1, 20_000), np.ones(20_000)])
    censored = np.zeros(truth.shape, dtype=bool)
    censored[:, 0] = truth[:, 0] < 0.8
    imputed = impute(np.where(censored, 0.8, truth), censored, method="lognormal")
    below = censored[:, 0]
    assert np.log(imputed[below, 0]).mean() == pytest.approx(
        np.log(truth[below, 0]).mean(), abs=0.03
    )


@pytest.mark.parametrize(("n", "share"), [(50, 0.3), (500, 0.9), (2000, 0.02), (20, 0.85)])
def test_censored_normal_is_the_maximum_of_the_likelihood(n, share):
    x = np.random.default_rng(n).normal(3, 2, n)
    bound = np.quantile(x, share)
    seen, below = x[x >= bound], np.full((x < bound).sum(), bound)

    def likelihood(mean, spread):
        return (
            stats.norm.logpdf(seen, mean, spread).sum()
            + stats.norm.logcdf(below, mean, spread).sum()
        )

    mean, spread = censored_normal(seen, below)
    best = likelihood(mean, spread)
    for step in (0.99, 1.01):
        assert likelihood(mean * step, spread) < best
        assert likelihood(mean, spread * step) < best


def test_without_censoring_the_estimates_are_the_ordinary_ones():
    x = np.random.default_rng(0).normal(5, 2, 100)
    np.testing.assert_allclose(censored_normal(x, np.empty(0)), (x.mean(), x.std()), rtol=1e-5)


@pytest.mark.parametrize("method", METHODS)
def test_far_below_and_hardly_measured_still_gives_positive_values(method):
    values = np.array([[1.0], [1.1], *[[0.99]] * 1000])
    censored = np.array([[False], [False], *[[True]] * 1000])
    imputed = impute(values, censored, method=method)
    assert ((imputed[censored] > 0) & (imputed[censored] < 0.99)).all()


@pytest.mark.parametrize("method", METHODS)
def test_missing_stays_missing_even_where_marked_censored(method):
    values, censored = survey()
    values[3, 0], censored[3, 0] = np.nan, True
    values[4, 1] = np.nan
    imputed = impute(values, censored, method=method)
    assert np.isnan(imputed).sum() == 2
    assert np.isnan(imputed[3, 0])
    assert np.isnan(imputed[4, 1])


def test_multiplicative_sees_its_own_row_alone():
    values, censored = survey()
    other, marked = values.copy(), censored.copy()
    other[1:] *= 7
    marked[1:] = False
    np.testing.assert_array_equal(impute(values, censored)[0], impute(other, marked)[0])


@pytest.mark.parametrize("method", METHODS)
def test_what_is_not_fitted_on_moves_no_other_row(method):
    values, censored = survey(200)
    seen = np.arange(200) % 3 > 0
    other = values.copy()
    other[~seen] *= np.random.default_rng(1).lognormal(0, 2, (int((~seen).sum()), 3))
    whole, moved = (impute(v, censored, method=method, fitted_on=seen) for v in (values, other))
    np.testing.assert_array_equal(whole[seen], moved[seen])
    if method != "multiplicative":  # on all rows it would
        assert not np.array_equal(impute(other, censored, method=method)[seen], whole[seen])


def test_lognormal_learned_from_some_rows_holds_for_all():
    values, censored = survey(200)
    seen = np.arange(200) < 120
    imputed = impute(values, censored, method="lognormal", fitted_on=seen)
    alone = impute(values[seen], censored[seen], method="lognormal")
    np.testing.assert_array_equal(imputed[seen], alone)
    assert len(np.unique(imputed[censored[:, 0], 0])) == 1  # one limit, one replacement
    everything = np.ones(200, dtype=bool)
    np.testing.assert_array_equal(
        impute(values, censored, method="lognormal", fitted_on=everything),
        impute(values, censored, method="lognormal"),
    )


def test_one_measured_value_among_the_rows_seen_is_too_few():
    values, censored = [[1.0], [3.0], [4.0]], [[True], [False], [False]]
    with pytest.raises(InputError, match=r"column 'Au': fewer than two .* that a fold hides"):
        impute(values, censored, method="lognormal", names=["Au"], fitted_on=np.arange(3) < 2)


@pytest.mark.parametrize("method", METHODS)
def test_a_column_without_a_measured_value_is_refused_by_name(method):
    with pytest.raises(InputError, match=r"column 'Au': all 2 values are below detection"):
        impute(
            [[1.0, 2.0], [1.0, 3.0]],
            [[True, False], [True, False]],
            method=method,
            names=["Au", "Cu"],
        )


@pytest.mark.parametrize("bad", [0.0, -5.0, np.inf])
def test_values_and_limits_that_are_not_positive_are_refused_by_name(bad):
    with pytest.raises(InputError, match="column 'Cu': the value in sample 2 of"):
        impute([[1.0, 2.0], [1.0, bad]], np.zeros((2, 2), bool), names=["Au", "Cu"])
    with pytest.raises(InputError, match="column 'Au': the detection limit in sample 1 of"):
        impute([[bad, 2.0], [1.0, 3.0]], [[True, False], [False] * 2], names=["Au", "Cu"])


def test_a_missing_limit_is_refused():
    with pytest.raises(InputError, match=r"column 'Au': the detection limit in sample 1 .* is nan"):
        impute(
            [[1.0, 2.0], [2.0, 3.0]],
            [[True, False], [False] * 2],
            limits=[np.nan, 1.0],
            names=["Au", "Cu"],
        )


def test_no_spread_can_be_had_from_one_measured_value():
    with pytest.raises(InputError, match="column 'Au': fewer than two distinct"):
        impute([[1.0], [3.0], [3.0]], [[True], [False], [False]], method="lognormal", names=["Au"])


def test_limits_beyond_the_whole_are_refused():
    with pytest.raises(InputError, match=r"sample 1 of .*: the detection limits sum"):
        impute([[2e6, 1.0], [2e6, 1.0]], [[True, False], [False, False]])


def test_unknown_methods_and_shapes_are_refused():
    with pytest.raises(ConfigError, match="did you mean lognormal"):
        impute([[1.0], [2.0]], [[True], [False]], method="log-normal")
    with pytest.raises(InputError, match="do not match"):
        impute([[1.0, 2.0]], [[True]])


@pytest.mark.parametrize("method", METHODS)
def test_input_is_left_as_it_was(method):
    values, censored = survey()
    before = values.copy()
    impute(values, censored, method=method)
    np.testing.assert_array_equal(values, before)


# The example of the R package zCompositions (parts in per cent, one limit of 1), and what an
# implementation of its lrEM in R gives when the steps become smaller than 1e-10.
EXAMPLE = np.array(
    [
        [26.91, 8.08, 12.59, 31.58, 6.45, 14.39],
        [39.73, 26.20, 0.00, 15.22, 6.80, 12.05],
        [10.76, 31.36, 7.10, 12.74, 31.34, 6.70],
        [10.85, 46.40, 31.89, 10.86, 0.00, 0.00],
        [7.57, 11.35, 30.24, 6.39, 13.65, 30.80],
        [38.09, 7.62, 23.68, 9.70, 20.91, 0.00],
        [27.67, 7.15, 13.05, 32.04, 6.54, 13.55],
        [44.41, 15.04, 7.95, 0.00, 10.82, 21.78],
        [11.50, 30.33, 6.85, 13.92, 30.82, 6.58],
        [19.04, 42.59, 0.00, 38.37, 0.00, 0.00],
    ]
)
BY_R = {
    1: [39.5842, 26.1039, 0.3669, 15.1642, 6.7751, 12.0058],
    3: [10.7786, 46.0949, 31.6803, 10.7886, 0.4179, 0.2397],
    5: [37.9196, 7.5859, 23.5741, 9.6566, 20.8165, 0.4473],
    7: [44.1458, 14.9505, 7.9027, 0.5949, 10.7556, 21.6504],
    9: [18.8667, 42.2023, 0.3178, 38.0207, 0.3614, 0.2312],
}


def test_log_ratio_em_gives_what_zcompositions_gives():
    censored = EXAMPLE == 0
    values = np.where(censored, 1.0, EXAMPLE)
    found = impute(values, censored, method="log-ratio-em", total=100.0)
    for row, expected in BY_R.items():
        np.testing.assert_allclose(found[row], expected, atol=2e-3)
    whole = ~censored.any(axis=1)
    np.testing.assert_array_equal(found[whole], EXAMPLE[whole])


def test_each_value_keeps_its_own_limit_in_log_ratio_em():
    censored = EXAMPLE == 0
    limits = np.full(EXAMPLE.shape, 1.0)
    limits[3], limits[5], limits[7] = 0.75, 0.5, 0.5
    values = np.where(censored, limits, EXAMPLE)
    found = impute(values, censored, method="log-ratio-em", total=100.0)
    assert (found[censored] < limits[censored]).all()
    assert (found[censored] > 0).all()


def test_log_ratio_em_recovers_what_other_elements_tell():
    """An element that follows another is imputed near its value, not at a share of the limit."""
    rng = np.random.default_rng(3)
    first = rng.normal(2, 1, 2000)
    truth = np.exp(np.column_stack([first + rng.normal(0, 0.1, 2000), first, np.full(2000, 6.0)]))
    truth *= np.exp(rng.normal(0, 0.01, truth.shape))
    censored = np.zeros(truth.shape, dtype=bool)
    censored[:, 0] = truth[:, 0] < np.exp(1.5)
    values = np.where(censored, np.exp(1.5), truth)
    error = {}
    for method in METHODS:
        found = impute(values, censored, method=method)
        error[method] = np.abs(np.log(found[censored] / truth[censored])).mean()
    assert error["log-ratio-em"] < 0.12
    assert error["log-ratio-em"] < 0.3 * min(error["multiplicative"], error["lognormal"])


def test_log_ratio_em_needs_more_rows_than_parts():
    values, censored = survey(3)
    censored[0] = True
    with pytest.raises(InputError, match=r"3 samples are too few .* \"multiplicative\""):
        impute(values, censored, method="log-ratio-em")
