import numpy as np
import pytest
from affine import Affine
from pyproj import CRS

from orecast.config import parse
from orecast.errors import ConfigError, SamplingError
from orecast.evidence import Evidence
from orecast.grid import Grid
from orecast.sampling import Windows
from orecast.sampling.augmentation import grow
from orecast.workflow.recipes import caveats_of, model_recipe

FILES = {"samples": {"path": "s.csv"}, "deposits": {"path": "d.csv"}}


def recipe(tables):
    """The recipe of a configuration, on a grid without a layer."""
    grid = Grid(CRS("EPSG:32645"), Affine(1000, 0, 0, 0, -1000, 0), (9, 9))
    config = parse(FILES | tables, where="test")
    return model_recipe(config, Evidence.empty(grid), None)


def plan(*steps, window=9, model="random-forest"):
    """The plan of a configuration with such steps."""
    tables = {"sampling": {"window": window, "grow": list(steps)}, "model": {"name": model}}
    return recipe(tables).plan


def test_configured_steps_grow_in_their_order():
    steps = plan(
        {"method": "slide", "options": {"shift": 3, "step": 3}},
        {"method": "slide", "label": 1, "to": 24},
        {"method": "turns", "label": 0, "times": 2},
    )
    stack = np.random.default_rng(0).normal(size=(1, 60, 60)).astype(np.float32)
    X = Windows(stack, ("Au",), np.array([[20, 20], [40, 40], [20, 40]]), 9)
    more = grow(X, np.array([1.0, 1.0, 0.0]), np.arange(3), steps, seed=0)
    assert [(more.y == label).sum() for label in (1, 0)] == [24, 18]


def test_what_cannot_be_slid_is_refused_before_anything_is_learned():
    far = {"method": "slide", "options": {"shift": 5}}
    with pytest.raises(SamplingError, match=r"grow\.1\.options\.shift: a shift of 5 cells moves"):
        plan({"method": "turns", "times": 2}, far)
    assert len(plan(far, window=11)) == 1
    with pytest.raises(SamplingError, match="leave slide out, or widen"):
        plan({"method": "slide"}, window=1)
    with pytest.raises(ConfigError, match="only slide may have none"):
        plan({"method": "turns"})
    with pytest.raises(ConfigError, match="exactly one"):
        plan({"method": "slide", "to": 3, "times": 2})


@pytest.mark.parametrize(
    ("tables", "words"),
    [
        ({}, r"model\.weight: gk-dcn needs faults, and the survey has none"),
        (
            {"faults": {"path": "f.gpkg"}, "evidence": {"layers": ["Au"]}},
            r'evidence\.layers: .* to faults, which is left out.* add "fault_distance" there',
        ),
        ({"faults": {"path": "f.gpkg", "distance": False}}, r"faults\.distance: .* set it to true"),
    ],
)
def test_a_distance_to_faults_that_is_not_there_is_refused_with_its_reason(tables, words):
    with pytest.raises(ConfigError, match=words):
        recipe(tables | {"model": {"name": "gk-dcn"}})


def test_windows_of_a_cell_are_slid_by_nothing_unless_it_is_asked_for():
    forest = {"model": {"name": "random-forest"}}
    shifts = [recipe(forest | {"sampling": {"window": k}}).shift for k in (1, 2, 3, 9)]
    assert shifts == [0, 0, 1, 1]


def test_slid_windows_may_be_stacked():
    """They lie on the map, where a stack's folds can keep them apart."""
    assert len(plan({"method": "slide"}, model="stack")) == 1
    with pytest.raises(ConfigError, match="smote combines windows of different deposits"):
        plan({"method": "slide"}, {"method": "smote", "times": 2}, model="stack")


def test_a_weight_that_is_named_is_declared(configured):
    assert caveats_of(configured()) == []
    (said,) = caveats_of(configured("model={name='gk-dcn', weight='fault_rings'}"))
    assert "fault_rings, is used as given" in said
    assert caveats_of(configured("model={name='gk-dcn'}")) == []
