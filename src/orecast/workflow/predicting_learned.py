"""What a trained model has learned by, which another survey's configuration cannot change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from orecast.config import Config, Section
from orecast.errors import ConfigError
from orecast.workflow.choosing import chosen

LEARNED = (
    *("seed", "screening", "sampling", "validation"),
    *("uncertainty", "model", "training", "classes"),
)
"""Tables and keys of a configuration that speak of learning: a prediction's are the run's."""


def as_learned(config: Config, mine: Config) -> Config:
    """The other survey's configuration with all that its model learned by, as the run had it."""
    return config.model_copy(update={name: getattr(mine, name) for name in LEARNED})


def learned_otherwise(config: Config, mine: Config) -> dict[str, Any]:
    """Keys of learning that are given and differ from the run's, each with the run's value.

    What ``auto`` stands for is held against what the run learned by.
    """
    asked = chosen(config.model_copy(update={"deposits": mine.deposits}))
    found: dict[str, Any] = {}
    for name in LEARNED:
        table, then = getattr(config, name), getattr(mine, name)
        if not isinstance(table, Section):
            if name in config.model_fields_set and table != then:
                found[name] = then
            continue
        for key in type(table).model_fields:
            value = getattr(then, key)
            if key in table.model_fields_set and getattr(getattr(asked, name), key) != value:
                found[f"{name}.{key}"] = value
    return found


def refuse_set(settings: Sequence[str], otherwise: Mapping[str, Any]) -> None:
    """Raise ConfigError where one of the settings, ``key=value``, asks for other learning."""
    asked = [setting.partition("=")[0].strip().split(".")[:2] for setting in settings]
    refused = {
        key: value
        for key, value in otherwise.items()
        if any(key.split(".")[: len(words)] == words for words in asked)
    }
    if refused:
        raise ConfigError(
            f"the model is trained already, and there {told(refused)}",
            where=f"--set {', '.join(refused)}",
            remedy=f"leave {'it' if len(refused) == 1 else 'them'} out, or train another model by "
            "orecast run",
        )


def told(otherwise: Mapping[str, Any]) -> str:
    """Keys with the run's values, in words.

    >>> told({"model.name": "cnn", "model.options": {"width": 8}, "model.weight": None})
    'model.name is cnn, model.options differs, model.weight is left out'
    """
    return ", ".join(f"{key} {_value(value)}" for key, value in otherwise.items())


def _value(value: Any) -> str:
    if value is None:
        return "is left out"
    return f"is {value}" if isinstance(value, str | int | float) else "differs"
