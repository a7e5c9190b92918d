"""The configured model and the baselines beside it, each as a recipe."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from orecast import registry
from orecast.config import Config, ModelOptions
from orecast.config.method import Grow
from orecast.errors import ConfigError, OrecastError, nearest
from orecast.evidence import FAULT_DISTANCE, Evidence
from orecast.sampling import Needs, NegativeRule
from orecast.sampling.augmentation import Slide, Step, naming_step
from orecast.training import build_model
from orecast.training.generators import build_step
from orecast.training.needs import check_window
from orecast.validation import GENERATED, Recipe

if TYPE_CHECKING:
    import geopandas as gpd

METHODS = (
    "random-forest",
    "gradient-boosting",
    "logistic-regression",
    "weights-of-evidence",
    "best-layer",
    "mahalanobis",
    "isolation-forest",
    "one-class-svm",
    "pca-reconstruction",
    "concentration-area",
    "singularity",
    "spectrum-area",
    "cumulative-index",
    "contrast",
    "mean-2sd",
)
SCREENED = ("random-forest", "gradient-boosting", "logistic-regression")  # as the model is
DENSITY = "sampling density"
WITHOUT_GEOCHEMISTRY = ("deposit-distance", "fault-distance", "random")

EpochProgress = Callable[[int, int, float], None]


def model_recipe(
    config: Config,
    evidence: Evidence,
    barren: gpd.GeoDataFrame | None,
    *,
    checkpoints: Path | None = None,
    generators: Path | None = None,
    progress: EpochProgress | None = None,
) -> Recipe:
    """The configured model's recipe; the negatives' rule is checked against the evidence.

    ``checkpoints`` and ``generators`` are folders of what an interrupted fit goes on from, of one
    model and of whatever model learns from grown windows. Raises ConfigError where the target
    element is no layer.
    """
    options = config.sampling
    shift, ratio = options.growth
    cell = min(evidence.grid.cell_size)
    if options.target is not None and options.target not in evidence.names:
        raise ConfigError(
            f"there is no layer {options.target!r}",
            where="sampling.target",
            remedy=nearest(options.target, evidence.names),
        )
    concentration = (
        options.target is not None
        and evidence.kind(options.target) == "element"
        and config.composition.transform == "none"
    )
    rule = NegativeRule(
        options.negatives,
        options.window if options.distance is None else options.distance / cell,
        options.clusters,
        0.0 if options.fault_distance is None else options.fault_distance / cell,
        options.barren_clusters,
        logarithm=concentration,
    )
    cells = None
    if barren is not None:
        at = evidence.grid.cell(np.column_stack([barren.geometry.x, barren.geometry.y]))
        cells = at[evidence.grid.inside(at)]
    needs = _needs(config, config.model.name, config.model.options)
    return Recipe(
        _factory(config, trusted(config), checkpoints, progress),
        options.window,
        shift=shift,
        ratio=ratio,
        negatives=rule,
        screening=config.screening,
        target=options.target,
        faults=FAULT_DISTANCE if FAULT_DISTANCE in evidence.names else None,
        barren=cells,
        labels=needs.labels,
        guided=needs.weight,
        weight=_weight(config, evidence, guided=needs.weight),
        plan=growth_plan(config, partial(build_step, checkpoints=generators)),
        channels={
            f"{name} score": _factory(config, ModelOptions(name=name))
            for name in config.model.channels
        },
    )


def growth_plan(config: Config, build: Callable[..., Step]) -> tuple[Step, ...]:
    """Steps of growth, each by ``build_step``, or ``outline_step`` where none will be taken.

    Raises ConfigError or SamplingError that names the step where one is impossible, or its rows
    would leak in a stack.
    """
    plan = []
    for number, asked in enumerate(config.sampling.grow):
        with naming_step(number):
            plan.append(_step(config, asked, build))
    return tuple(plan)


def _step(config: Config, asked: Grow, build: Callable[..., Step]) -> Step:
    if asked.method in GENERATED and config.model.name == "stack":
        raise ConfigError(
            f"a stack weighs its members by windows that {asked.method} mixes from several "
            "deposits",
            where="sampling.grow",
            remedy='choose the model "ensemble", or copy, turns, noise and slide',
        )
    amount = asked.model_dump(exclude={"method", "options"}, exclude_none=True)
    step = build(asked.method, asked.options, **amount)
    augmenter = step.build()
    if isinstance(augmenter, Slide):
        augmenter.check_window(config.sampling.window)
    return step


def _weight(config: Config, evidence: Evidence, *, guided: bool) -> str | None:
    """The layer that weighs knowledge; None where it is fitted to the distance to faults."""
    name = config.model.weight
    if guided and name is None:
        _require_fault_distance(config, evidence)
    if name is not None and name not in evidence.names:
        raise ConfigError(
            f"there is no layer {name!r}",
            where="model.weight",
            remedy=nearest(name, evidence.names),
        )
    return name if guided else None


def _require_fault_distance(config: Config, evidence: Evidence) -> None:
    """Raise ConfigError where there is no layer of distance to faults, and say why."""
    if FAULT_DISTANCE in evidence.names:
        return
    if config.faults is None:
        raise ConfigError(
            f"{config.model.name} is guided by faults, and the survey has none",
            where="model.weight",
            remedy="give [faults], or name a layer there",
        )
    if not config.faults.distance:
        raise ConfigError(
            f"{config.model.name} is guided by the distance to faults, which is not made a layer",
            where="faults.distance",
            remedy="set it to true, or name a layer as model.weight",
        )
    raise ConfigError(
        f"{config.model.name} is guided by the distance to faults, which is left out",
        where="evidence.layers",
        remedy=f'add "{FAULT_DISTANCE}" there, or name a layer as model.weight',
    )


def trusted(config: Config) -> ModelOptions:
    """The configured model as it is asked how sure it is: of several seeds, with dropout on.

    Raises ConfigError where dropout is asked of a model that has none.
    """
    model, asked = config.model, config.uncertainty
    options = dict(model.options)
    if asked.dropout and model.name not in registry.entries("orecast.models.networks"):
        raise ConfigError(
            f"{model.name} is no network and has no dropout to leave on",
            where="uncertainty.dropout",
            remedy="leave it out, or raise uncertainty.seeds",
        )
    if asked.dropout:
        options["passes"] = asked.dropout
    if asked.seeds == 1:
        return ModelOptions(name=model.name, options=options)
    members = {
        "members": [model.name],
        "seeds": asked.seeds,
        "member_options": {model.name: options},
    }
    return ModelOptions(name="ensemble", options=members)


def declared(config: Config) -> list[str]:
    """What must be said with the configured model's scores."""
    model = build_model(config.model.name, config.model.options, config.training)
    found = list(getattr(model, "declares", ()))
    if config.model.weight is not None and model.needs.weight:
        found.append(
            f"its weight, the layer {config.model.weight}, is taken as it is given: if it was "
            "fitted to deposits, it has seen those that are held out"
        )
    return found


@dataclass(frozen=True)
class Baseline:
    """A map that stands beside the model's: its recipe, and the evidence that it reads."""

    recipe: Recipe
    evidence: Evidence


def baselines(
    config: Config, evidence: Evidence, recipe: Recipe, density: NDArray[np.float32] | None
) -> tuple[dict[str, Baseline], dict[str, str]]:
    """Baselines under the very folds, negatives and slides of the model, by name; and which of
    them cannot be had here, with the reason.

    The classical methods, each single layer with its sign chosen in the fold, the best of them
    chosen in the fold, distance to the training deposits and to faults with no geochemistry at
    all, the density of samples ``(rows, columns)``, which says where people looked, and a random
    map. The work of each has a bound: it learns from the deposits and their negatives, or from a
    fixed number of cells at the most, and scores each cell once.
    """
    found: dict[str, Baseline] = {}
    left_out: dict[str, str] = {}
    recipe = replace(recipe, channels={}, plan=(), guided=False)
    plain = replace(recipe, screening=type(config.screening)())
    for name in (*METHODS, *WITHOUT_GEOCHEMISTRY):
        if name == config.model.name:
            continue
        needs = _needs(config, name, {})
        try:
            check_window(name, needs, recipe.size)
        except OrecastError as error:
            left_out[name] = error.what
            continue
        if name == "fault-distance" and recipe.faults is None:
            left_out[name] = "there is no layer of distance to faults"
            continue
        base = recipe if name in SCREENED else plain
        model = _factory(config, ModelOptions(name=name))
        found[name] = Baseline(replace(base, model=model, labels=needs.labels), evidence)
    if density is None:
        left_out["sampling-density"] = "a gridded survey has no samples to count"
    else:
        counted = evidence.adding(
            DENSITY, density, kind="raster", origin="samples per area", reach=evidence.reach
        )
        found["sampling-density"] = Baseline(_single(config, plain, DENSITY), counted)
    for layer in evidence.names:
        found[f"layer {layer}"] = Baseline(_single(config, plain, layer), evidence)
    return found, left_out


def _single(config: Config, recipe: Recipe, layer: str) -> Recipe:
    """One layer, its sign chosen in the fold."""
    model = ModelOptions(name="single-layer", options={"layer": layer, "sign": "fold"})
    return replace(recipe, model=_factory(config, model), layers=(layer,), labels=True)


def _needs(config: Config, name: str, options: dict[str, Any]) -> Needs:
    return build_model(name, options, config.training).needs


def _factory(
    config: Config,
    model: ModelOptions,
    checkpoints: Path | None = None,
    progress: EpochProgress | None = None,
) -> Callable[[], Any]:
    def build() -> Any:
        return build_model(
            model.name, model.options, config.training, checkpoints=checkpoints, progress=progress
        )

    return build
