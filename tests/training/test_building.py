import subprocess
import sys
import warnings

import numpy as np
import pytest

from orecast import registry
from orecast.config import Training
from orecast.errors import ConfigError, ModelError
from orecast.training import Network, build_model, load_model, model_names, model_properties


def test_every_model_is_named_with_a_summary():
    names = model_names()
    packages = ("orecast.models.networks", "orecast.models.classical", "orecast.training")
    assert set(names) == {name for package in packages for name in registry.entries(package)}
    assert names["resnet18"] == "Residual network of 18 layers (He et al. 2016)."


def test_names_are_listed_and_a_stack_is_built_without_torch():
    script = (
        "import sys, orecast.training as t; t.model_names(); "
        "from orecast.config import Training; t.build_model('stack', {}, Training()); "
        "print([m for m in ('torch', 'lightning_fabric', 'sklearn') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr


@pytest.mark.parametrize("name", sorted(registry.entries("orecast.models.networks")))
def test_no_network_is_built_with_a_warning(name):
    """Options are judged by building the smallest form, which is never one without weights."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        network = build_model(name, {}, Training())
    assert isinstance(network, Network)
    assert said == []


@pytest.mark.parametrize("name", sorted(model_names()))
def test_what_a_model_needs_is_known_before_it_is_built(name):
    model = build_model(name, {}, Training())
    asked = model_properties(name, {}, Training())
    assert asked.needs == model.needs
    assert (asked.epochs > 0) == isinstance(model, Network)


def test_properties_of_members_add_up():
    training = Training(epochs=7, pretrain=2, pretrain_on="all")
    members = {"members": ["resnet18", "fault-distance"], "seeds": 3}
    asked = model_properties("ensemble", members, training)
    assert asked.epochs == 3 * (7 + 2)
    assert asked.needs.layers == ("fault",)
    assert asked.needs.smallest_window == 3
    assert len(asked.caveats) == 1
    alone = {"members": ["resnet18"], "inner_folds": 4}
    assert model_properties("stack", alone, training).epochs == 5 * (7 + 2)
    with pytest.raises(ConfigError, match=r"model\.name: unknown model 'resnet81'"):
        model_properties("resnet81", {}, training)


@pytest.mark.parametrize("name", sorted(model_names()))
def test_every_fit_begins_with_its_checks(name, monkeypatch):
    model = build_model(name, {}, Training())

    def refuse(*_, **__):
        raise ModelError("checked")

    monkeypatch.setattr(type(model), "check_fit", refuse)
    with pytest.raises(ModelError, match="checked"):
        model.fit(None, None, None, seed=0)


def test_builds_networks_and_detectors():
    network = build_model("resnet18", {"width": 16, "precision": "float32"}, Training(), window=9)
    assert isinstance(network, Network)
    forest = build_model("random-forest", {}, Training())
    assert type(forest).__name__ == "RandomForest"


@pytest.mark.parametrize(
    ("name", "near"), [("resnet81", "resnet18"), ("randomforest", "random-forest")]
)
def test_unknown_names_are_refused_with_the_nearest_of_both_rooms(name, near):
    with pytest.raises(ConfigError, match=rf"model\.name: unknown model '{name}'.*{near}"):
        build_model(name, {}, Training())


@pytest.mark.parametrize(
    ("name", "option", "near"),
    [
        ("resnet18", "widht", "width"),
        ("resnet18", "percision", "precision"),
        ("random-forest", "treees", "trees"),
    ],
)
def test_unknown_options_are_refused_with_the_nearest(name, option, near):
    with pytest.raises(ConfigError, match=rf"{name} has no option '{option}'.*did you mean {near}"):
        build_model(name, {option: 1}, Training())


@pytest.mark.parametrize("option", ["channels", "size"])
def test_what_the_survey_decides_is_no_option(option):
    with pytest.raises(ConfigError, match=f"no option '{option}'"):
        build_model("resnet18", {option: 3}, Training())


def test_impossible_values_are_refused_before_anything_is_read():
    with pytest.raises(ConfigError, match=r"model\.options\.width"):
        build_model("resnet34", {"width": -1}, Training())
    with pytest.raises(ConfigError, match=r"model\.options\.trees: must be a whole number"):
        build_model("random-forest", {"trees": "[[[["}, Training())


def test_a_window_that_does_not_suit_is_refused():
    with pytest.raises(ModelError, match="at least 3 cells, not 1"):
        build_model("resnet18", {}, Training(), window=1)


def test_a_saved_detector_is_loaded_by_its_kind(district, tmp_path):
    X, y, group = district
    model = build_model("logistic-regression", {}, Training()).fit(X, y, group, seed=0)
    model.save(tmp_path)
    loaded = load_model(tmp_path)
    assert type(loaded) is type(model)
    np.testing.assert_array_equal(loaded.predict(X), model.predict(X))


@pytest.mark.parametrize(
    ("file", "content", "words"),
    [
        ("detector.json", None, "saved model cannot be read"),
        ("detector.json", "{}", "saved model cannot be read: it lacks 'detector'"),
        ("detector.json", "{", "saved model cannot be read: it is no JSON"),
        ("detector.json", "[]", "saved model cannot be read"),
        ("detector.json", '{"detector": "Oracle"}', "'Oracle'"),
        ("ensemble.json", "[]", "saved model cannot be read"),
        ("ensemble.json", '{"model": "choir"}', "'choir'"),
        ("ensemble.json", '{"model": ["stack"]}', "unknown kind"),
    ],
)
def test_what_is_no_model_is_refused(tmp_path, file, content, words):
    if content is not None:
        (tmp_path / file).write_text(content)
    with pytest.raises(ModelError, match=words):
        load_model(tmp_path)
