"""What ``auto`` stands for, and what of it a configuration may say otherwise."""

import tomllib

import pytest

from orecast.config import parse, to_toml
from orecast.errors import ConfigError
from orecast.registry import entries
from orecast.training import build_model
from orecast.workflow.choosing import (
    AUTO,
    SAMPLING,
    WITH_DEPOSITS,
    WITHOUT_DEPOSITS,
    describe_auto,
    resolve_auto,
    usual,
)

SAMPLES = {"samples": {"path": "s.csv"}}
DEPOSITS = {"deposits": {"path": "d.csv"}}


def configured(**table):
    return parse(SAMPLES | table, where="run.toml")


def test_auto_sets_how_its_samples_are_grown_and_has_a_usual_model():
    found = resolve_auto(configured(**DEPOSITS))
    assert found.model.name == AUTO
    assert usual(found).model == WITH_DEPOSITS
    assert (found.sampling.shift, found.sampling.ratio) == (SAMPLING["shift"], SAMPLING["ratio"])


def test_the_configured_sampling_is_kept():
    found = resolve_auto(configured(**DEPOSITS, sampling={"shift": 1}))
    assert (found.sampling.shift, found.sampling.ratio) == (1, SAMPLING["ratio"])


def test_a_named_model_keeps_the_sections_own_values():
    asked = configured(**DEPOSITS, model={"name": "random-forest"})
    assert resolve_auto(asked) is asked


def test_what_was_set_is_set_no_more():
    found = resolve_auto(configured(**DEPOSITS))
    assert resolve_auto(found) == found
    assert parse(tomllib.loads(to_toml(found)), where="run.toml") == found


def test_without_deposits_it_is_a_model_that_needs_none():
    found = resolve_auto(configured(model={"channels": []}))
    assert found.model == WITHOUT_DEPOSITS
    assert not build_model(found.model.name, {}, found.training).needs.labels
    assert found.sampling == configured().sampling


def test_the_user_reads_what_auto_selects():
    told = describe_auto(configured(**DEPOSITS))
    assert told.startswith("auto: ensemble of random-forest, logistic-regression, weights-of-")
    assert told.endswith("one of these, a single layer or a detector")


def test_channels_go_with_it_and_options_do_not():
    found = resolve_auto(configured(**DEPOSITS, model={"channels": ["mahalanobis"]}))
    assert found.model.channels == ["mahalanobis"]
    with pytest.raises(ConfigError, match="takes no options") as caught:
        resolve_auto(configured(**DEPOSITS, model={"options": {"trees": 5}}))
    assert caught.value.where == "model.options"


def test_no_model_is_registered_by_that_name():
    packages = ("orecast.models.classical", "orecast.models.networks", "orecast.training")
    assert not any("auto" in entries(package) for package in packages)
