"""Names in a configuration; what ``model.name = "auto"`` stands for. Imports nothing heavy."""

from __future__ import annotations

from typing import Any

from orecast import registry
from orecast.config import Config, ModelOptions
from orecast.errors import ConfigError
from orecast.training import model_names, unknown_model

AUTO = "auto"
SUMMARY = "The ensemble, or a simpler map where it is clearly better in training; no options."
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
CANDIDATES = (
    "random-forest",
    "logistic-regression",
    "weights-of-evidence",
    "best-layer",
    "mahalanobis",
    "isolation-forest",
)
"""What ``auto`` may choose in place of the ensemble, beside the layer of the commodity."""
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
    """Return the configuration with what ``auto`` sets.

    ``sampling.shift`` and ``sampling.ratio`` are set, if the configuration leaves them out. Without
    deposits, ``auto`` is replaced by its detector. Raises ConfigError where options are given to
    ``auto``.
    """
    if config.model.name != AUTO:
        return config
    if config.model.options:
        raise ConfigError(
            "auto takes no options",
            where="model.options",
            remedy="leave them out, or name a model",
        )
    if config.deposits is None:
        return _with_model(config, WITHOUT_DEPOSITS)
    sampling = config.sampling
    missing = {key: value for key, value in SAMPLING.items() if getattr(sampling, key) is None}
    return config.model_copy(update={"sampling": sampling.model_copy(update=missing)})


def usual(config: Config) -> Config:
    """The configuration with the model that ``auto`` takes where no other is clearly better."""
    return _with_model(config, WITH_DEPOSITS) if config.model.name == AUTO else config


def _with_model(config: Config, model: ModelOptions) -> Config:
    kept = {"channels": config.model.channels, "weight": config.model.weight}
    return config.model_copy(update={"model": model.model_copy(update=kept)})


def describe_auto(config: Config) -> str:
    """What ``auto`` does on a survey, as a line for the user.

    >>> describe_auto(Config.model_validate({"samples": {"path": "samples.csv"}}))
    'auto: isolation-forest, because no deposits are given'
    """
    if config.deposits is None:
        return f"{AUTO}: {WITHOUT_DEPOSITS.name}, because no deposits are given"
    members = ", ".join(WITH_DEPOSITS.options["members"])
    return (
        f"{AUTO}: {WITH_DEPOSITS.name} of {members}; or, where it is clearly better in training, "
        "one of these, a single layer or a detector"
    )
