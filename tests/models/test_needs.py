from dataclasses import replace

import numpy as np
import pytest

from orecast.errors import ModelError, SamplingError
from orecast.models.needs import check_layers, check_needs, check_window
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
