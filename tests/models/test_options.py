import pytest
from hypothesis import given
from hypothesis import strategies as st

from orecast.errors import ConfigError
from orecast.models.options import (
    MOST_FEATURES,
    MOST_LAYERS,
    require_count,
    require_number,
    require_one_of,
    require_switch,
)


@given(st.integers(1, 10**6))
def test_counts_are_kept(value):
    assert require_count("width", value) == value


@pytest.mark.parametrize("value", [10**9, 10**30])
def test_counts_beyond_all_sense(value):
    with pytest.raises(ConfigError, match=r"model\.options\.width: .* from 1 to 1,048,576"):
        require_count("width", value, MOST_FEATURES)
    with pytest.raises(ConfigError, match=r"model\.options\.layers: .* from 1 to 1,000"):
        require_count("layers", 1001, MOST_LAYERS)


@pytest.mark.parametrize("value", [0, -1, 1.5, "16", None, True])
def test_no_count(value):
    with pytest.raises(ConfigError, match=r"model\.options\.width: must be a whole number"):
        require_count("width", value)


@pytest.mark.parametrize("value", [-0.1, 1, 1.0, float("nan"), "0.5", None, False])
def test_no_share(value):
    with pytest.raises(
        ConfigError,
        match=r"model\.options\.dropout: must be a number of at least 0 and below 1, not",
    ):
        require_number("dropout", value, 0, 1)


def test_shares_are_kept():
    assert require_number("dropout", 0, 0, 1) == 0.0
    assert require_number("dropout", 0.25, 0, 1) == 0.25


@pytest.mark.parametrize("value", [0, -1, 1.5, float("inf"), True])
def test_limits_may_be_left_out_or_included(value):
    words = "must be a number above 0 and at most 1, not"
    with pytest.raises(ConfigError, match=words):
        require_number("share", value, 0, 1, with_low=False, with_high=True)
    assert require_number("share", 1, 0, 1, with_low=False, with_high=True) == 1.0


@pytest.mark.parametrize("value", [0, float("inf"), float("nan"), None])
def test_without_an_upper_limit_numbers_are_finite(value):
    with pytest.raises(ConfigError, match="must be a number above 0, not"):
        require_number("rate", value, 0, with_low=False)


def test_switches_and_words():
    assert require_switch("robust", False) is False
    with pytest.raises(ConfigError, match=r"model\.options\.robust: must be true or false, not 1"):
        require_switch("robust", 1)
    require_one_of("over", "max", ("max", "mean"))
    with pytest.raises(ConfigError, match=r"model\.options\.over: unknown value 'maks'.*max"):
        require_one_of("over", "maks", ("max", "mean"))
