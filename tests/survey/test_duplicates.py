import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import gmean

from orecast.survey.duplicates import average, places, precision


def none(values):
    return np.zeros_like(values, dtype=bool)


def test_places_are_numbered_in_the_order_of_the_file():
    at = places(np.array([[5.0, 5], [1, 1], [5, 5], [1, 1.001]]))

    assert at.number.tolist() == [0, 1, 0, 1]
    assert at.first.tolist() == [0, 1]
    assert at.shared == 2


def test_the_average_is_the_geometric_mean():
    at = places(np.array([[0.0, 0], [0, 0], [0, 0], [9, 9]]))
    values = np.array([[2.0], [4.0], [8.0], [5.0]])

    means, censored, _ = average(values, none(values), none(values), at)

    assert means.ravel() == pytest.approx([4, 5])
    assert not censored.any()


def test_an_average_is_censored_only_where_all_of_its_members_are():
    at = places(np.array([[0.0, 0], [0, 0], [1, 1], [1, 1]]))
    values = np.array([[1.0], [4.0], [1.0], [4.0]])
    below = np.array([[True], [True], [True], [False]])

    means, censored, _ = average(values, below, none(values), at)

    assert censored.ravel().tolist() == [True, False]
    assert means.ravel() == pytest.approx([2.0, np.sqrt(0.65 * 4.0)])


@given(
    arrays(np.float64, (12, 2), elements=st.floats(0.01, 1e4)),
    arrays(np.bool_, (12, 2)),
    arrays(np.int64, 12, elements=st.integers(0, 5)),
)
def test_no_average_is_measured_below_a_limit_it_is_made_of(values, below, place):
    at = places(np.column_stack([place, place]).astype(float))

    means, censored, _ = average(values, below, none(values), at)

    for k, column in zip(*np.nonzero(~censored), strict=True):
        member = at.number == k
        assert (means[k, column] >= values[member & below[:, column], column]).all()


def test_an_average_below_the_limit_is_censored_at_it():
    at = places(np.array([[0.0, 0], [0, 0]]))

    values = np.array([[1.0], [1.2]])
    means, censored, _ = average(values, np.array([[True], [False]]), none(values), at)

    assert (means[0, 0], censored[0, 0]) == (1.0, True)  # sqrt(0.65 · 1.2) = 0.88


def test_a_zero_beside_others_is_below_the_lowest_of_them_and_zeros_alone_stay_zeros():
    at = places(np.repeat(np.arange(5.0), 2)[:, None] * [1, 1])
    lowest = 0.25  # of the whole survey, at which zeros stand
    values = np.array([4, lowest, 4, lowest, lowest, lowest, np.nan, lowest, 4, 9])[:, None]
    zeros = np.array([0, 1, 0, 1, 1, 1, 0, 1, 0, 0], dtype=bool)[:, None]
    below = zeros.copy()
    below[2] = True  # the second place: below 4, and a zero

    means, censored, only_zeros = average(values, below, zeros, at)

    assert means.ravel() == pytest.approx([4 * np.sqrt(0.65), 4, lowest, lowest, 6])
    assert censored.ravel().tolist() == [False, True, True, True, False]
    assert only_zeros.ravel().tolist() == [False, False, True, True, False]


@given(
    arrays(np.float64, (12, 2), elements=st.floats(0.5, 1e4)),
    arrays(np.int64, (12, 2), elements=st.integers(0, 2)),
    arrays(np.int64, 12, elements=st.integers(0, 5)),
    st.floats(1e-3, 0.5),
)
def test_the_limit_of_zeros_moves_the_average_of_zeros_alone(values, kind, place, lowest):
    at = places(np.column_stack([place, place]).astype(float))
    zeros, below = kind == 0, kind <= 1
    first, second = np.where(zeros, 0.5, values), np.where(zeros, lowest, values)

    means, censored, only_zeros = average(first, below, zeros, at)
    others, marked, same = average(second, below, zeros, at)

    np.testing.assert_array_equal(means[~only_zeros], others[~only_zeros])
    np.testing.assert_array_equal(censored, marked)
    np.testing.assert_array_equal(only_zeros, same)
    if at.shared:
        np.testing.assert_allclose(others[only_zeros], lowest)
    assert censored[only_zeros].all()


def test_missing_members_are_passed_over():
    at = places(np.array([[0.0, 0], [0, 0], [1, 1], [1, 1]]))
    values = np.array([[np.nan], [3.0], [np.nan], [np.nan]])

    means, censored, _ = average(values, none(values), none(values), at)

    assert means[0, 0] == pytest.approx(3)
    assert np.isnan(means[1, 0])
    assert not censored.any()


@given(
    arrays(np.float64, (12, 2), elements=st.floats(0.01, 1e4)),
    arrays(np.int64, 12, elements=st.integers(0, 5)),
)
def test_it_agrees_with_scipys_geometric_mean(values, place):
    at = places(np.column_stack([place, place]).astype(float))

    means, _, _ = average(values, none(values), none(values), at)

    expected = [gmean(values[at.number == k], axis=0) for k in range(len(at.first))]
    np.testing.assert_allclose(means, expected, rtol=1e-9)


def test_nothing_changes_without_duplicates():
    xy = np.arange(10.0).reshape(5, 2)
    values = np.random.default_rng(0).lognormal(size=(5, 3))

    means, _, _ = average(values, none(values), none(values), places(xy))

    np.testing.assert_array_equal(means, values)


def test_precision_recovers_a_known_relative_error():
    """Two thousand pairs with a relative error of 5 %: the estimate's own error is about 2 %."""
    rng = np.random.default_rng(7)
    truth = rng.lognormal(2, 1, 2000)
    values = np.concatenate([truth, truth])[:, None] * (1 + 0.05 * rng.standard_normal((4000, 1)))
    xy = np.tile(np.arange(2000.0), 2)

    found = precision(values, np.zeros_like(values, dtype=bool), places(np.column_stack([xy, xy])))

    assert found[0][0] == 2000
    assert found[0][1] == pytest.approx(0.05, rel=0.08)


def test_precision_of_one_pair_in_ten_is_not_moved_by_blunders():
    rng = np.random.default_rng(8)
    truth = rng.lognormal(2, 1, 500)
    second = truth * (1 + 0.05 * rng.standard_normal(500))
    second[::20] *= 10
    values = np.concatenate([truth, second])[:, None]
    xy = np.tile(np.arange(500.0), 2)

    found = precision(values, np.zeros_like(values, dtype=bool), places(np.column_stack([xy, xy])))

    assert found[0][1] < 0.06


def test_precision_takes_the_first_two_detected_samples_of_each_place():
    number = np.repeat(np.arange(5.0), 3)
    values = np.tile([1.0, 1.1, 50.0], 5)[:, None]
    below = np.zeros_like(values, dtype=bool)
    at = places(np.column_stack([number, number]))

    assert precision(values, below, at)[0] == (5, pytest.approx(0.1 / 1.05 / 0.954))
    below[0] = True  # the first place then pairs 1.1 with 50
    assert precision(values, below, at)[0][0] == 5
    below[:9:3] = below[1:9:3] = True
    assert precision(values, below, at) == {}
