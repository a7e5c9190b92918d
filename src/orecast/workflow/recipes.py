"""The recipes of the configured model and of the baselines."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from orecast import registry
from orecast.config import Config, ModelOptions, ScreeningOptions
from orecast.errors import ConfigError, OrecastError, nearest
from orecast.evidence import FAULT_DISTANCE, Evidence
from orecast.models import NETWORKS
from orecast.models.checks import check_window
from orecast.sampling import NegativeRule
from orecast.sampling.augmentation import Slide, Step, naming_step
from orecast.survey.data import xy_of
from orecast.training import build_model, model_properties
from orecast.training.building import EpochProgress
from orecast.training.generators import build_step
from orecast.validation import GENERATED, Recipe
from orecast.workflow.choosing import AUTO, CANDIDATES, WITH_DEPOSITS, usual
from orecast.workflow.scoring import SAMPLING_DENSITY

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
SCREENED = ("random-forest", "gradient-boosting", "logistic-regression")  # as for the model
DENSITY_LAYER = "sampling density"
WITHOUT_GEOCHEMISTRY = ("deposit-distance", "fault-distance", "random")


def model_recipe(
    config: Config,
    evidence: Evidence,
    barren: gpd.GeoDataFrame | None,
    *,
    checkpoints: Path | None = None,
    generators: Path | None = None,
    progress: EpochProgress | None = None,
) -> Recipe:
    """The recipe of the configured model, of ``auto`` the usual one.

    The negatives' rule is checked against the evidence.

    ``checkpoints`` and ``generators`` are folders from which an interrupted fit continues: of this
    model, and of the generators of grown windows. Raises ConfigError where the target element is
    not a layer.
    """
    config = usual(config)
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
        at = evidence.grid.cell(xy_of(barren))
        cells = at[evidence.grid.inside(at)]
    needs = model_properties(config.model.name, config.model.options, config.training).needs
    return Recipe(
        _factory(config, with_uncertainty(config), checkpoints, progress),
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
    """Steps of growth, each made by ``build_step``, or by ``outline_step`` to check them only.

    Raises ConfigError or SamplingError, with the step's name, if a step is impossible or its rows
    would leak in a stack.
    """
    plan = []
    for number, grow in enumerate(config.sampling.grow):
        with naming_step(number):
            if grow.method in GENERATED and config.model.name == "stack":
                raise ConfigError(
                    f"{grow.method} combines windows of different deposits. With the model "
                    '"stack", a deposit would then be in training and in test',
                    where="sampling.grow",
                    remedy='choose the model "ensemble", or grow by copy, turns, noise or slide',
                )
            amount = grow.model_dump(exclude={"method", "options"}, exclude_none=True)
            step = build(grow.method, grow.options, **amount)
            augmenter = step.build()
            if isinstance(augmenter, Slide):
                augmenter.check_window(config.sampling.window)
            plan.append(step)
    return tuple(plan)


def _weight(config: Config, evidence: Evidence, *, guided: bool) -> str | None:
    """The layer that weighs knowledge; None if the weight is fitted to the fault distance."""
    name = config.model.weight
    if name is not None and name not in evidence.names:
        raise ConfigError(
            f"there is no layer {name!r}",
            where="model.weight",
            remedy=nearest(name, evidence.names),
        )
    if guided and name is None and FAULT_DISTANCE not in evidence.names:
        if config.faults is None:
            why, where, remedy = "faults, and the survey has none", "model.weight", "add [faults]"
        elif not config.faults.distance:
            why = "the layer of distance to faults, which is switched off"
            where, remedy = "faults.distance", "set it to true"
        else:
            why = "the layer of distance to faults, which is left out"
            where, remedy = "evidence.layers", f'add "{FAULT_DISTANCE}" there'
        raise ConfigError(
            f"{config.model.name} needs {why}",
            where=where,
            remedy=f"{remedy}, or name a layer as model.weight",
        )
    return name if guided else None


def with_uncertainty(config: Config) -> ModelOptions:
    """The configured model with its settings of uncertainty: several seeds, passes with dropout.

    Raises ConfigError where a model has no dropout.
    """
    model, uncertainty = usual(config).model, config.uncertainty
    options = dict(model.options)
    if uncertainty.dropout and model.name not in registry.entries(NETWORKS):
        raise ConfigError(
            f"{model.name} is not a network and has no dropout",
            where="uncertainty.dropout",
            remedy="leave it out, or raise uncertainty.seeds",
        )
    if uncertainty.dropout:
        options["passes"] = uncertainty.dropout
    if uncertainty.seeds == 1:
        return ModelOptions(name=model.name, options=options)
    members = {
        "members": [model.name],
        "seeds": uncertainty.seeds,
        "member_options": {model.name: options},
    }
    return ModelOptions(name="ensemble", options=members)


def caveats_of(config: Config) -> list[str]:
    """What the reader of the configured model's scores must know."""
    config = usual(config)
    model = model_properties(config.model.name, config.model.options, config.training)
    caveats = list(model.caveats)
    if config.model.weight is not None and model.needs.weight:
        caveats.append(
            f"its weight, the layer {config.model.weight}, is used as given: if it was fitted to "
            "deposits, it contains those that are held out"
        )
    return caveats


@dataclass(frozen=True)
class Baseline:
    """A map to compare the model's map with: its recipe, and the evidence that it reads."""

    recipe: Recipe
    evidence: Evidence


def baselines(
    config: Config,
    evidence: Evidence,
    recipe: Recipe,
    density: NDArray[np.float32] | None,
    *,
    every: bool = False,
) -> tuple[dict[str, Baseline], dict[str, str]]:
    """Baselines by name, with the model's folds, negatives and slides; and the reasons why others
    are not possible here.

    These are the classical methods; each single layer, with its sign chosen in the fold; the best
    layer chosen in the fold; the distances to training deposits and to faults, without
    geochemistry; the density of samples ``(rows, columns)``, which shows where samples were taken;
    and a random map. The configured model is left out unless ``every`` is true. Each learns from
    the deposits and their negatives, or from a fixed number of cells at most, and scores each cell
    once. Of ``auto``, the usual model is a baseline too.
    """
    possible: dict[str, Baseline] = {}
    left_out: dict[str, str] = {}
    if config.model.name == AUTO:
        possible[WITH_DEPOSITS.name] = Baseline(recipe, evidence)
    recipe = replace(recipe, channels={}, plan=(), guided=False)
    plain = replace(recipe, screening=ScreeningOptions(method="none"))
    for name in (*METHODS, *WITHOUT_GEOCHEMISTRY):
        if name == config.model.name and not every:
            continue
        needs = model_properties(name, {}, config.training).needs
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
        possible[name] = Baseline(replace(base, model=model, labels=needs.labels), evidence)
    if density is None:
        left_out[SAMPLING_DENSITY] = "a gridded survey has no samples"
    else:
        counted = evidence.adding(
            DENSITY_LAYER, density, kind="raster", origin="samples per area", reach=evidence.reach
        )
        possible[SAMPLING_DENSITY] = Baseline(_single(config, plain, DENSITY_LAYER), counted)
    for layer in evidence.names:
        possible[f"layer {layer}"] = Baseline(_single(config, plain, layer), evidence)
    return possible, left_out


def candidates(
    config: Config, evidence: Evidence, baselines: Mapping[str, Baseline]
) -> dict[str, Recipe]:
    """The recipes among which ``auto`` chooses, by name; the usual one first."""
    names = [WITH_DEPOSITS.name, *CANDIDATES]
    if config.commodity is not None and config.commodity in evidence.names:
        names.append(f"layer {config.commodity}")
    return {name: baselines[name].recipe for name in names if name in baselines}


def _single(config: Config, recipe: Recipe, layer: str) -> Recipe:
    """One layer, its sign chosen in the fold."""
    model = ModelOptions(name="single-layer", options={"layer": layer, "sign": "fold"})
    return replace(recipe, model=_factory(config, model), layers=(layer,), labels=True)


def _factory(
    config: Config,
    model: ModelOptions,
    checkpoints: Path | None = None,
    progress: EpochProgress | None = None,
) -> Callable[[], Any]:
    return partial(
        build_model,
        model.name,
        model.options,
        config.training,
        checkpoints=checkpoints,
        progress=progress,
    )
