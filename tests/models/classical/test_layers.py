from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orecast.errors import ConfigError, ModelError
from orecast.models.classical.layers import BestLayer, FaultDistance, SingleLayer
from orecast.sampling import Windows

CELLS = np.argwhere(np.ones((6, 10), dtype=bool))
GROUP = np.full(60, -1)
Y = (np.arange(60) >= 40).astype(float)


def windows():
    """Au somewhat high at ore, Mn much lower there, Cu noise."""
    rng = np.random.default_rng(0)
    stack = rng.normal(size=(3, 60))
    stack[0] += Y
    stack[2] -= 5 * Y
    return Windows(stack.reshape(3, 6, 10).astype("f4"), ("Au", "Cu", "Mn"), CELLS, 1)


def ranks(values):
    return np.argsort(np.argsort(values))


@pytest.mark.parametrize(("sign", "direction"), [("+", 1), ("-", -1), ("fold", -1)])
def test_scores_rank_as_the_layer_does(sign, direction):
    X = windows()
    scores = SingleLayer("Mn", sign).fit(X, Y, GROUP, seed=0).predict(X)
    assert np.array_equal(ranks(scores), ranks(direction * X.centre()[:, 2]))


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(-1e6, 1e6, width=32), min_size=2, max_size=30, unique=True))
def test_scores_rise_far_beyond_what_was_learned_from(values):
    values = np.unique(np.round(np.array(values), 2)).astype(np.float32)
    detector = SingleLayer("Au", "+").fit(windows(), Y, GROUP, seed=0)
    stack = values[None, None, :]
    cells = np.stack([np.zeros(len(values), dtype=int), np.arange(len(values))], axis=1)
    X = Windows(np.repeat(stack, 3, axis=0), ("Au", "Cu", "Mn"), cells, 1)
    assert (np.diff(detector.predict(X)) > 0).all()


def test_a_value_at_the_training_mean_scores_one_half():
    X = windows()
    detector = SingleLayer("Cu", "+").fit(X, Y, GROUP, seed=0)
    X.stack[1] = detector.mean_
    assert detector.predict(X) == pytest.approx(np.full(60, 0.5), abs=1e-6)


def test_a_layer_constant_in_training_still_ranks_elsewhere():
    X = windows()
    X.stack[1] = 3
    detector = SingleLayer("Cu", "+").fit(X, Y, GROUP, seed=0)
    assert set(detector.predict(X)) == {0.5}
    X.stack[1, 0, 0] = 4
    assert detector.predict(X)[0] > 0.5


def test_only_its_own_layer_is_read():
    X = windows()
    X.stack[[0, 1]] = np.nan
    SingleLayer("Mn").fit(X, Y, GROUP, seed=0).predict(X)
    with pytest.raises(ModelError, match="layer Au"):
        SingleLayer("Au").fit(X, Y, GROUP, seed=0)


def test_the_best_layer_is_chosen_with_its_sign():
    detector = BestLayer().fit(windows(), Y, GROUP, seed=0)
    assert (detector.layer_, detector.sign_) == ("Mn", -1.0)


def test_the_best_of_another_training_part_may_be_another():
    X = windows()
    flipped = replace(X, stack=X.stack[::-1].copy(), names=X.names)
    assert BestLayer().fit(flipped, Y, GROUP, seed=0).layer_ == "Au"


def test_a_layer_must_be_named_and_known():
    X = windows()
    with pytest.raises(ConfigError, match="name one of Au, Cu, Mn"):
        SingleLayer().fit(X, Y, GROUP, seed=0)
    with pytest.raises(ConfigError, match="did you mean Au"):
        SingleLayer("Aux").fit(X, Y, GROUP, seed=0)
    with pytest.raises(ConfigError, match=r"model\.options\.sign"):
        SingleLayer("Au", "up").fit(X, Y, GROUP, seed=0)


def faulted(names=("Au", "fault_intersection_distance", "fault_distance")):
    return replace(windows(), names=names, kinds=("element", "fault", "fault"))


def test_nearness_to_faults_is_ore_by_whatever_labels():
    X = faulted()
    scores = FaultDistance().fit(X, 1 - Y, GROUP, seed=0).predict(X)
    assert np.array_equal(ranks(scores), ranks(-X.centre()[:, 2]))


def test_a_named_fault_layer_is_taken():
    X = faulted()
    detector = FaultDistance("fault_intersection_distance").fit(X, Y, GROUP, seed=0)
    assert detector.layer_ == "fault_intersection_distance"
    with pytest.raises(ConfigError, match="did you mean fault_distance"):
        FaultDistance("fault_distanc").fit(X, Y, GROUP, seed=0)


def test_without_fault_layers_it_is_refused():
    with pytest.raises(ModelError, match="fault-distance needs layers of the kind fault"):
        FaultDistance().fit(replace(windows(), kinds=("element",) * 3), Y, GROUP, seed=0)
    with pytest.raises(ModelError, match="is a distance to faults"):
        FaultDistance().fit(faulted(("Au", "rings", "fault_density")), Y, GROUP, seed=0)
