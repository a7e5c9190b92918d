"""A weight of knowledge: what it follows from, kept with the model, and taken to other ground."""

import json
from dataclasses import replace

import numpy as np
import pytest

from orecast.errors import ModelError, SamplingError
from orecast.sampling import FaultControl
from orecast.training import build_model
from orecast.validation import Recipe
from orecast.validation.fitted import Guidance, read_fitted

ROW = np.array([[-2.0, 0.0, 2.0, 6.0]], dtype=np.float32)
SEEN = np.array([[True, True, True, False]])


def forest():
    return build_model("random-forest", {"trees": 10}, None)


def recipe(**options):
    return Recipe(forest, 5, faults="fault distance", guided=True, **options)


@pytest.fixture
def near_faults(places):
    """Two of three places lie at the fault in column 30, so that they thin out from it."""
    at = places.at.copy()
    moved = np.arange(len(at)) % 3 > 0
    at[moved, 1] = 30 + np.arange(moved.sum()) % 3
    return replace(places, at=at)


def test_a_layer_is_stretched_over_what_is_seen_and_cut_off_beyond():
    weight = Guidance.by_range("Au", ROW, SEEN)
    assert weight.limits == (-2, 2)
    assert weight.weight(ROW).tolist() == [[0, 0.5, 1, 1]]
    assert weight.weight(ROW).dtype == np.float32


def test_a_layer_between_0_and_1_stays_as_it_is():
    layer = np.array([[0.2, 0.7, np.nan]], dtype=np.float32)
    weight = Guidance.by_range("p", layer, np.isfinite(layer))
    np.testing.assert_array_equal(weight.weight(layer), layer)


@pytest.mark.parametrize("value", [0.5, -3.0, np.nan])
def test_a_constant_layer_cannot_be_a_weight(value):
    with pytest.raises(SamplingError, match=r"model\.weight: layer `Au` has one value"):
        Guidance.by_range("Au", np.full((2, 3), value, "f4"), np.ones((2, 3), bool))


@pytest.mark.parametrize(
    "guidance",
    [
        Guidance("Au", limits=(-1.5, 2.25)),
        Guidance("fault_distance", FaultControl(0.7, 0.01, (1000.0, 30_000.0))),
    ],
)
def test_it_survives_json(guidance):
    assert Guidance.from_dict(json.loads(json.dumps(guidance.as_dict()))) == guidance


@pytest.mark.parametrize("weight", [None, "Cu"])
def test_saved_guidance_gives_the_same_weights(weight, evidence, near_faults, tmp_path):
    fitted = recipe(weight=weight).fit(evidence, near_faults, hidden=None, seed=0)
    fitted.save(tmp_path)
    saved = read_fitted(tmp_path)
    assert saved.guidance == fitted.guidance
    own = replace(evidence, data=evidence.data[list(saved.reads)])
    again = saved.on(own)
    assert again.names == fitted.names
    assert again.names[-1] == "knowledge"
    assert ("Cu" in again.names) == (weight is None)
    np.testing.assert_array_equal(again.windows.stack, fitted.windows.stack)
    cells = np.argwhere(evidence.valid)
    np.testing.assert_array_equal(again.predict(cells), fitted.predict(cells))
    np.testing.assert_array_equal(saved.values[:, -1], fitted.windows.centre()[:, -1])


def test_the_influence_of_faults_applies_to_another_area(evidence, near_faults, tmp_path):
    fitted = recipe().fit(evidence, near_faults, hidden=None, seed=0)
    fitted.save(tmp_path)
    saved = read_fitted(tmp_path)
    farther = evidence.data.copy()
    farther["fault distance"] = farther["fault distance"] * 0 + 9000
    there = saved.on(replace(evidence, data=farther[list(saved.reads)]))
    expected = fitted.guidance.control(9000.0)
    assert 0 < expected < 1
    np.testing.assert_allclose(there.windows.stack[-1], expected, rtol=1e-6)


def test_other_layers_than_those_read_are_refused_with_both_lists(evidence, near_faults, tmp_path):
    recipe(weight="Cu").fit(evidence, near_faults, hidden=None, seed=0).save(tmp_path)
    saved = read_fitted(tmp_path)
    assert saved.reads == ("Au", "Zn", "fault distance", "Cu")
    without = replace(evidence, data=evidence.data[list(saved.reads[:3])])
    with pytest.raises(ModelError, match="Au, Zn, fault distance, Cu, but the evidence has Au, Zn"):
        saved.on(without)


def test_the_weight_is_not_scaled_under_another_areas_scaling(evidence, near_faults, tmp_path):
    recipe(weight="Cu").fit(evidence, near_faults, hidden=None, seed=0).save(tmp_path)
    saved = read_fitted(tmp_path)
    own = replace(evidence, data=evidence.data[list(saved.reads)])
    scaling = replace(saved.scaling, mean=np.full(4, 5, "f4"), spread=np.full(4, 2, "f4"))
    windows = saved.on(own, scaling).windows
    assert windows.scaling.mean.tolist() == [5, 5, 5, 0]
    assert windows.scaling.spread.tolist() == [2, 2, 2, 1]


def test_a_fold_without_decay_leaves_nothing_fitted(evidence, places):
    """An error about the deposits of a fold names the deposits."""
    with pytest.raises(SamplingError, match=r"faults: .*model\.weight"):
        recipe().fit(evidence, places.take(np.arange(2)), hidden=None, seed=0)
