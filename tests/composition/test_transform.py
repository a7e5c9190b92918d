import numpy as np
import pytest

from orecast.composition import alr, clr, ilr, log_ratios
from orecast.config import Composition
from orecast.errors import ConfigError, InputError

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
    with pytest.raises(InputError, match=r"column 'Cu'.*row 2"):
        log_ratios(values, SYMBOLS, Composition(transform=transform, denominator="Al"))
