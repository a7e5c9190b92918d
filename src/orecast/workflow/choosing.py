"""What ``model.name = "auto"`` stands for: the recipe that was measured to do best."""

from __future__ import annotations

from orecast.config import Config, ModelOptions
from orecast.errors import ConfigError

AUTO = "auto"
SUMMARY = "The recipe that did best where the truth is known; needs no option."

# benchmarks/recipes.py, ten simulated districts and Eskay Creek; docs/validation.md has the figures
WITH_DEPOSITS = ModelOptions(
    name="ensemble",
    options={
        "members": ["random-forest", "logistic-regression", "weights-of-evidence"],
        "combine": "rank",
        "member_options": {"random-forest": {"leaf": 5}},
    },
)
WITHOUT_DEPOSITS = ModelOptions(name="mahalanobis")


def chosen(config: Config) -> Config:
    """Return the configuration with the model that ``auto`` stands for, written out.

    So that a run's own ``run.toml`` names what was run, whatever ``auto`` means by then. Raises
    ConfigError where options are given to it.
    """
    if config.model.name != AUTO:
        return config
    if config.model.options:
        raise ConfigError(
            "auto takes no options",
            where="model.options",
            remedy="leave them out, or name a model",
        )
    found = WITH_DEPOSITS if config.deposits is not None else WITHOUT_DEPOSITS
    return config.model_copy(
        update={"model": found.model_copy(update={"channels": config.model.channels})}
    )
