from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orecast.errors import ConfigError, ModelError, SamplingError
from orecast.models.checks import (
    MOST_FEATURES,
    MOST_LAYERS,
    check_layers,
    check_needs,
    check_window,
    require_count,
    require_number,
    require_one_of,
    require_switch,
)
from orecast.sampling.windows import WEIGHT, Needs, Windows


def windows(layers=1):
    kinds = ("element", "element", "fault")[:layers]
    return Windows(
        np.zeros((layers, 9, 9), np.float32),
        ("Au", "As", "fault")[:layers],
        np.full((3, 2), 4),
        1,
        kinds=kinds,
    )


def test_a_small_window_is_refused():
    check_window("net", Needs(smallest_window=5), 5)
    with pytest.raises(ModelError, match=r"sampling\.window: net needs .* at least 5 cells, not 4"):
        check_window("net", Needs(smallest_window=5), 4)


@pytest.mark.parametrize(("parity", "good", "bad"), [("odd", 9, 8), ("even", 8, 9)])
def test_parity(parity, good, bad):
    check_window("net", Needs(parity=parity), good)
    check_window("net", Needs(parity="any"), bad)
    with pytest.raises(ModelError, match=f"an {parity} number of cells, not {bad}.* to {bad + 1}"):
        check_window("net", Needs(parity=parity), bad)


def test_absent_kinds_of_layer():
    X = windows(3)
    check_layers("net", Needs(layers=("fault", "element")), X)
    with pytest.raises(ModelError, match="of the kind lithology"):
        check_layers("net", Needs(layers=("fault", "lithology")), X)


@pytest.mark.parametrize(
    ("y", "words"),
    [
        ([1, 1, 1], "no negative training windows"),
        ([0, 0, 0], "no positive training windows"),
        ([0, 1, np.nan], "must be 0 or 1, not nan"),
        ([0, 1, 2], "must be 0 or 1, not 2"),
        ([0, 1], "3 windows need 3 labels"),
    ],
)
def test_labels_that_nothing_can_be_learned_from(y, words):
    check_needs("net", Needs(), windows(), np.array([0.0, 1.0, 1.0]))
    with pytest.raises(SamplingError, match=words):
        check_needs("net", Needs(), windows(), np.array(y, dtype=float))


def test_a_guided_model_reads_more_than_its_weight():
    X = windows(3)
    guided = Needs(weight=True)
    weighed = replace(X, kinds=("element", "element", WEIGHT))
    check_layers("net", guided, weighed)
    alone = replace(X, stack=X.stack[2:], names=("knowledge",), kinds=(WEIGHT,))
    with pytest.raises(ModelError, match=r"evidence\.layers: net needs at least one layer besides"):
        check_layers("net", guided, alone)


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
