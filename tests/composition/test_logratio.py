import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from orecast.composition import (
    alr,
    closure,
    clr,
    ilr,
    ilr_basis,
    inverse_alr,
    inverse_clr,
    inverse_ilr,
    log,
    log_ratios,
)
from orecast.config import Composition
from orecast.errors import ConfigError, InputError

compositions = arrays(
    np.float64,
    st.tuples(st.integers(1, 5), st.integers(2, 6)),
    elements=st.floats(1e-3, 1e6),
)
quick = settings(max_examples=50, deadline=None)


@quick
@given(compositions, st.sampled_from([1.0, 100.0, 1e6]))
def test_closure_sums_to_the_total_and_keeps_ratios(x, total):
    closed = closure(x, total)
    np.testing.assert_allclose(closed.sum(axis=1), total, rtol=1e-12)
    np.testing.assert_allclose(closed[:, 0] / closed[:, -1], x[:, 0] / x[:, -1], rtol=1e-9)


@quick
@given(compositions)
def test_each_transform_has_its_inverse(x):
    closed = closure(x)
    np.testing.assert_allclose(inverse_clr(clr(x)), closed, rtol=1e-9)
    np.testing.assert_allclose(inverse_ilr(ilr(x)), closed, rtol=1e-9)
    for denominator in range(-1, x.shape[1]):
        np.testing.assert_allclose(inverse_alr(alr(x, denominator), denominator), closed, rtol=1e-9)


@quick
@given(compositions, st.floats(1e-3, 1e3))
def test_log_ratios_do_not_depend_on_the_scale_of_a_row(x, factor):
    for transform in (clr, ilr, alr):
        np.testing.assert_allclose(transform(x * factor), transform(x), atol=1e-9)


@quick
@given(compositions)
def test_rows_of_clr_sum_to_zero(x):
    np.testing.assert_allclose(clr(x).sum(axis=1), 0, atol=1e-9)


@quick
@given(compositions)
def test_ilr_keeps_the_distances_of_clr(x):
    """An isometry (Egozcue et al. 2003)."""
    one, other = clr(x), ilr(x)
    np.testing.assert_allclose(
        np.linalg.norm(one - one[0], axis=1), np.linalg.norm(other - other[0], axis=1), atol=1e-9
    )


def test_clr_by_hand():
    # geometric mean of 1, 10, 100 is 10
    np.testing.assert_allclose(
        clr([[1.0, 10.0, 100.0]]), [[-np.log(10), 0, np.log(10)]], atol=1e-12
    )


def test_alr_by_hand():
    np.testing.assert_allclose(alr([[1.0, 2.0, 8.0]]), np.log([[1 / 8, 2 / 8]]))
    np.testing.assert_allclose(alr([[1.0, 2.0, 8.0]], 1), np.log([[1 / 2, 8 / 2]]))
    named = alr([[1.0, 2.0, 8.0]], "Cu", names=["Au", "Cu", "Al"])
    np.testing.assert_allclose(named, np.log([[1 / 2, 8 / 2]]))


def test_ilr_by_hand():
    # Egozcue et al. (2003): ln(x1/x2)/sqrt 2 and ln(x1 x2 / x3^2)/sqrt 6
    a, b, c = 0.2, 0.3, 0.5
    expected = [[np.log(a / b) / np.sqrt(2), np.log(a * b / c**2) / np.sqrt(6)]]
    np.testing.assert_allclose(ilr([[a, b, c]]), expected)


@pytest.mark.parametrize("n_parts", [2, 3, 17, 39])
def test_the_basis_is_orthonormal_and_of_the_clr_plane(n_parts):
    basis = ilr_basis(n_parts)
    assert basis.shape == (n_parts, n_parts - 1)
    np.testing.assert_allclose(basis.T @ basis, np.eye(n_parts - 1), atol=1e-12)
    np.testing.assert_allclose(basis.sum(axis=0), 0, atol=1e-12)


def test_any_sub_composition_is_accepted():
    """Traces that sum to nothing in particular, of which other tools refuse."""
    x = np.array([[3.0, 20.0, 45.0], [5.0, 33.0, 80.0]])
    np.testing.assert_allclose(clr(x[:, [2, 0]]), clr(closure(x)[:, [2, 0]]), atol=1e-12)


def test_a_missing_part_stays_missing_and_the_others_centre_without_it():
    x = np.array([[1.0, np.nan, 100.0], [1.0, 10.0, 100.0]])
    values = clr(x)
    np.testing.assert_allclose(values[0, [0, 2]], [-np.log(10), np.log(10)])
    assert np.isnan(values[0, 1])
    np.testing.assert_allclose(values[1], [-np.log(10), 0, np.log(10)], atol=1e-12)
    np.testing.assert_allclose(inverse_clr(values)[0], [1 / 101, np.nan, 100 / 101])


def test_fewer_than_two_parts_are_no_composition():
    assert np.isnan(clr([[1.0, np.nan], [np.nan, np.nan]])).all()
    assert np.isnan(clr([[5.0]])).all()


def test_ilr_of_a_row_with_a_gap_is_missing_alone():
    values = ilr([[1.0, np.nan, 2.0], [1.0, 2.0, 3.0]])
    assert np.isnan(values[0]).all()
    assert np.isfinite(values[1]).all()


def test_alr_misses_a_part_in_its_own_column_and_all_without_denominator():
    values = alr([[1.0, np.nan, 2.0], [1.0, 2.0, np.nan]])
    assert np.isnan(values).tolist() == [[False, True], [True, True]]
    back = inverse_alr(values)
    np.testing.assert_allclose(back[0], [1 / 3, np.nan, 2 / 3])
    assert np.isnan(back[1]).all()


def test_closure_leaves_missing_out_and_keeps_zeros():
    closed = closure([[1.0, np.nan, 3.0], [0.0, 2.0, 2.0], [np.nan] * 3], 100)
    np.testing.assert_allclose(closed, [[25, np.nan, 75], [0, 50, 50], [np.nan] * 3])


@pytest.mark.parametrize("transform", [clr, ilr, alr, log])
@pytest.mark.parametrize("bad", [0.0, -1.0, np.inf])
def test_what_has_no_logarithm_is_refused_with_its_column(transform, bad):
    x = np.array([[1.0, 2.0, 3.0], [4.0, bad, 6.0]])
    with pytest.raises(InputError, match=r"column 'Cu': 1 of 2 values .* in sample 2 of 2"):
        transform(x, names=["Au", "Cu", "Al"])
    with pytest.raises(InputError, match="column 1"):
        transform(x)


def test_closure_refuses_negatives_and_rows_of_zeros():
    with pytest.raises(InputError, match="column 'Cu'"):
        closure([[1.0, -2.0]], names=["Au", "Cu"])
    with pytest.raises(InputError, match=r"sample 2 of .*: all parts are zero"):
        closure([[1.0, 2.0], [0.0, 0.0]])


def test_an_unknown_denominator_is_refused_with_the_nearest():
    with pytest.raises(ConfigError, match="did you mean Al"):
        alr([[1.0, 2.0]], "Alu", names=["Cu", "Al"])
    with pytest.raises(ConfigError, match="column 5 of 2"):
        alr([[1.0, 2.0]], 5)


def test_a_row_is_not_a_table():
    with pytest.raises(InputError, match="table"):
        clr([1.0, 2.0])


def test_large_clr_values_come_back_without_overflow():
    y = np.array([[800.0, -800.0], [-2000.0, 2000.0]])
    np.testing.assert_allclose(inverse_clr(y), [[1, 0], [0, 1]])


def test_input_is_left_as_it_was():
    x = np.array([[1.0, np.nan, 3.0], [2.0, 4.0, 6.0]])
    before = x.copy()
    for transform in (closure, clr, alr, ilr, log):
        transform(x)
        np.testing.assert_array_equal(x, before)


SYMBOLS = ("Au", "Cu", "Al", "Zn")
VALUES = np.random.default_rng(0).lognormal(size=(6, 4))


def test_clr_is_named_by_its_parts():
    names, values = log_ratios(VALUES, SYMBOLS, Composition())
    assert names == SYMBOLS
    np.testing.assert_array_equal(values, clr(VALUES))


def test_a_fixed_list_of_parts_sets_columns_order_and_centre():
    names, values = log_ratios(VALUES, SYMBOLS, Composition(parts=["Zn", "Au"]))
    assert names == ("Zn", "Au")
    np.testing.assert_array_equal(values, clr(VALUES[:, [3, 0]]))


def test_ilr_is_numbered():
    names, values = log_ratios(VALUES, SYMBOLS, Composition(transform="ilr"))
    assert names == ("ilr1", "ilr2", "ilr3")
    np.testing.assert_array_equal(values, ilr(VALUES))


def test_alr_is_named_by_the_ratio():
    names, values = log_ratios(VALUES, SYMBOLS, Composition(transform="alr", denominator="Al"))
    assert names == ("Au/Al", "Cu/Al", "Zn/Al")
    np.testing.assert_array_equal(values, alr(VALUES, 2))


def test_log_and_none_are_not_closed():
    _, values = log_ratios(VALUES, SYMBOLS, Composition(transform="log"))
    np.testing.assert_array_equal(values, np.log(VALUES))
    _, values = log_ratios(VALUES, SYMBOLS, Composition(transform="none", parts=["Cu"]))
    np.testing.assert_array_equal(values, VALUES[:, [1]])


@pytest.mark.parametrize("transform", ["clr", "ilr"])
def test_the_unit_of_a_whole_sample_does_not_matter(transform):
    options = Composition(transform=transform)
    np.testing.assert_allclose(
        log_ratios(VALUES * 1e4, SYMBOLS, options)[1],
        log_ratios(VALUES, SYMBOLS, options)[1],
        atol=1e-12,
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"parts": ["Au", "Cuu"]}, "did you mean Cu"),
        ({"parts": ["Au", "Cu", "Au"]}, "'Au' occurs 2 times"),
        ({"parts": ["Au"]}, "needs two parts"),
        ({"transform": "alr", "denominator": "Fe"}, "composition.denominator"),
        ({"transform": "alr", "denominator": "Zn", "parts": ["Au", "Cu"]}, "is not a part"),
    ],
)
def test_what_cannot_be_is_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        log_ratios(VALUES, SYMBOLS, Composition(**options))


@pytest.mark.parametrize("transform", ["clr", "ilr", "alr", "log"])
def test_zeros_are_refused_with_the_elements_name(transform):
    values = VALUES.copy()
    values[2, 1] = 0
    with pytest.raises(InputError, match=r"column 'Cu'.*sample 3"):
        log_ratios(values, SYMBOLS, Composition(transform=transform, denominator="Al"))
