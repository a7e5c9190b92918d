"""What models need of a survey's layers, held against its evidence before the first cell."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from orecast.errors import CapacityError, ConfigError, ModelError, SamplingError
from orecast.training.needs import check_layers
from orecast.workflow.comparison_plan import SPATIAL, Cell, Choice, configured, told_of
from orecast.workflow.job import Job
from orecast.workflow.recipes import model_recipe

Refused = dict[str, CapacityError | ConfigError | ModelError]


def refusals(bench: Job, models: Iterable[Choice]) -> Refused:
    """Why models cannot be had on a survey, by their labels; nothing is trained."""
    found: Refused = {}
    for model in models:
        try:
            with told_of(f"model {model.label}"):
                _rehearse(bench, model)
        except (CapacityError, ConfigError, ModelError) as error:
            found[model.label] = error
    return found


def judge(refused: Mapping[str, Refused], compared: Mapping[str, Iterable[Choice]]) -> list[str]:
    """Sentences of what some surveys refuse; both arguments are by the survey's name.

    Raises the first refusal of a model that no survey can have on which it is compared.
    """
    for model in {choice.label: choice for of in compared.values() for choice in of}:
        errors = [
            refused[name].get(model)
            for name, of in compared.items()
            if model in (choice.label for choice in of)
        ]
        if errors[0] is not None and None not in errors:
            raise errors[0]
    return [
        f"{model} will have no scores on {name}: {error.what}"
        + (f". Remedy: {error.remedy}" if error.remedy else "")
        for name, found in refused.items()
        for model, error in found.items()
    ]


def _rehearse(bench: Job, model: Choice) -> None:
    """Raise ConfigError or ModelError where the survey's layers do not meet a model's needs.

    Too few places to learn from are no such matter, and for its cells to tell.
    """
    config = configured(bench.config, Cell("", model, SPATIAL, bench.seed, "model"))
    recipe = model_recipe(config, bench.evidence, bench.survey.barren)
    ore = bench.places.sampling
    try:
        windows, *_ = recipe.rehearse(bench.evidence, ore, hidden=None, seed=bench.seed)
    except SamplingError:
        return
    check_layers(config.model.name, recipe.model().needs, windows)
