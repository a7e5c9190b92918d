"""What ``model.name = "auto"`` stands for: the recipe that was measured to do best."""

from __future__ import annotations

from typing import Any

from orecast.config import Config, ModelOptions
from orecast.errors import ConfigError
from orecast.training import model_names, unknown_model

AUTO = "auto"


SUMMARY = "The recipe that did best where the truth is known; needs no option."


# benchmarks/recipes.py, thirty simulated districts and Eskay Creek; docs/validation.md has the
# figures
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


def require_known(name: str) -> None:
    """Raise ConfigError, with the nearest names, for a model that nothing is registered under."""
    known = {AUTO: SUMMARY, **model_names()}
    if name not in known:
        raise unknown_model(name, known)


def chosen(config: Config) -> Config:
    """Return the configuration with what ``auto`` stands for, written out.

    The model, and how its samples are grown: ``sampling.shift`` and ``sampling.ratio``, where the
    configuration leaves them out. So a run's own ``run.toml`` names what was run, whatever
    ``auto`` means by then. Raises ConfigError where options are given to it.
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
    found = {"model": model.model_copy(update=kept)}
    if not labelled:
        return config.model_copy(update=found)
    own = {key: value for key, value in SAMPLING.items() if getattr(config.sampling, key) is None}
    return config.model_copy(update=found | {"sampling": config.sampling.model_copy(update=own)})


def stands_for(config: Config) -> str:
    """What ``auto`` is on a survey, as a line for a user.

    >>> stands_for(Config.model_validate({"samples": {"path": "samples.csv"}}))
    'auto: isolation-forest'
    """
    model = chosen(config).model
    members = model.options.get("members", ())
    return f"{AUTO}: {model.name}" + " of " * bool(members) + ", ".join(members)
