"""Names in a configuration; the recipe behind ``model.name = "auto"``. Imports nothing heavy."""

from __future__ import annotations

from typing import Any

from orecast import registry
from orecast.config import Config, ModelOptions
from orecast.errors import ConfigError
from orecast.training import model_names, unknown_model

AUTO = "auto"
SUMMARY = "The recipe with the best scores where the truth is known; needs no option."
# chosen by benchmarks/recipes.py on thirty simulated districts and Eskay Creek; the figures are in
# docs/validation.md
WITH_DEPOSITS = ModelOptions(
    name="ensemble",
    options={
        "members": ["random-forest", "logistic-regression", "weights-of-evidence"],
        "combine": "rank",
        "member_options": {
            "random-forest": {"leaf": 5},
            "logistic-regression": {"strength": 100.0},
        },
    },
)
SAMPLING: dict[str, Any] = {"shift": 0, "ratio": 5.0}
WITHOUT_DEPOSITS = ModelOptions(name="isolation-forest")


def require_known_names(config: Config) -> None:
    """Raise ConfigError for a name that is not registered; imports nothing."""
    registry.entry(
        "orecast.evidence.interpolate",
        config.evidence.interpolator,
        what="interpolator",
        where="evidence.interpolator",
    )
    protocol = config.validation.protocol
    registry.entry("orecast.splits", protocol, what="protocol", where="validation.protocol")
    require_known_model(config.model.name)


def require_known_model(name: str) -> None:
    """Raise ConfigError, with the nearest names, for a model that is not registered."""
    known = {AUTO: SUMMARY, **model_names()}
    if name not in known:
        raise unknown_model(name, known)


def resolve_auto(config: Config) -> Config:
    """Return the configuration with ``auto`` replaced by its model.

    ``sampling.shift`` and ``sampling.ratio`` are set too, if the configuration leaves them out. So
    the run's own ``run.toml`` names the model that was run, even if ``auto`` changes later. Raises
    ConfigError where options are given to ``auto``.
    """
    if config.model.name != AUTO:
        return config
    if config.model.options:
        raise ConfigError(
            "auto takes no options",
            where="model.options",
            remedy="leave them out, or name a model",
        )
    labelled = config.deposits is not None
    model = WITH_DEPOSITS if labelled else WITHOUT_DEPOSITS
    kept = {"channels": config.model.channels, "weight": config.model.weight}
    changes: dict[str, Any] = {"model": model.model_copy(update=kept)}
    if not labelled:
        return config.model_copy(update=changes)
    sampling = config.sampling
    missing = {key: value for key, value in SAMPLING.items() if getattr(sampling, key) is None}
    changes["sampling"] = sampling.model_copy(update=missing)
    return config.model_copy(update=changes)


def describe_auto(config: Config) -> str:
    """The model that ``auto`` selects for a survey, as a line for the user.

    >>> describe_auto(Config.model_validate({"samples": {"path": "samples.csv"}}))
    'auto: isolation-forest'
    """
    model = resolve_auto(config).model
    members = model.options.get("members", ())
    return f"{AUTO}: {model.name}" + " of " * bool(members) + ", ".join(members)
