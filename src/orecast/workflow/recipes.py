"""The configured model and the baselines beside it, each as a recipe."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from orecast.config import Config
from orecast.errors import ConfigError, nearest
from orecast.evidence import FAULT_DISTANCE, Evidence
from orecast.samples import NegativeRule
from orecast.training import build_model
from orecast.validation import Recipe

if TYPE_CHECKING:
    import geopandas as gpd

EpochProgress = Callable[[int, int, float], None]


def model_recipe(
    config: Config,
    evidence: Evidence,
    barren: gpd.GeoDataFrame | None,
    *,
    checkpoints: Path | None = None,
    progress: EpochProgress | None = None,
) -> Recipe:
    """The configured model's recipe; the negatives' rule is checked against the evidence.

    Raises ConfigError where the target element is no layer.
    """
    options = config.sampling
    cell = min(evidence.grid.cell_size)
    rule = NegativeRule(
        options.negatives,
        options.window if options.distance is None else options.distance / cell,
        options.clusters,
        0.0 if options.fault_distance is None else options.fault_distance / cell,
    )
    if options.target is not None and options.target not in evidence.names:
        raise ConfigError(
            f"there is no layer {options.target!r}",
            where="sampling.target",
            remedy=nearest(options.target, evidence.names),
        )
    cells = None
    if barren is not None:
        at = evidence.grid.cell(np.column_stack([barren.geometry.x, barren.geometry.y]))
        cells = at[evidence.grid.inside(at)]
    return Recipe(
        _factory(config, config.model.name, config.model.options, checkpoints, progress),
        options.window,
        shift=options.shift,
        ratio=options.ratio,
        negatives=rule,
        screening=config.screening,
        target=options.target,
        faults=FAULT_DISTANCE if FAULT_DISTANCE in evidence.names else None,
        barren=cells,
    )


def baselines(config: Config, evidence: Evidence, recipe: Recipe) -> dict[str, Recipe]:
    """Baselines under the very folds, negatives and windows of the model, by name.

    Forest and logistic regression, each single layer with its sign chosen in the fold, the best
    of them chosen in the fold, distance to the training deposits and to faults with no
    geochemistry at all, and a random map.
    """
    found: dict[str, Recipe] = {}
    for name in ("random-forest", "logistic-regression"):
        if name != config.model.name:
            found[name] = replace(recipe, model=_factory(config, name, {}))
    plain = replace(recipe, screening=type(config.screening)())
    without_geochemistry = ["deposit-distance", "random"]
    if recipe.faults is not None:
        without_geochemistry.insert(1, "fault-distance")
    for name in ("best-layer", *without_geochemistry):
        found[name] = replace(plain, model=_factory(config, name, {}))
    for layer in evidence.names:
        options = {"layer": layer, "sign": "fold"}
        found[f"layer {layer}"] = replace(plain, model=_factory(config, "single-layer", options))
    return found


def _factory(
    config: Config,
    name: str,
    options: dict[str, Any],
    checkpoints: Path | None = None,
    progress: EpochProgress | None = None,
) -> Callable[[], Any]:
    def build() -> Any:
        return build_model(
            name, options, config.training, checkpoints=checkpoints, progress=progress
        )

    return build
