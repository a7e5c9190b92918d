"""Occlusion: how much a score drops if a layer is replaced by its mean.

After Zeiler & Fergus (2014, ECCV), with layers instead of patches: one layer at a time is replaced
by its mean in the model's scaling.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from orecast.sampling import Scaling
from orecast.validation import Fitted


@dataclass(frozen=True)
class Attribution:
    """Mean drop of the score in each area when each layer is occluded, ``(n_areas, n_layers)``."""

    layers: tuple[str, ...]
    drop: NDArray[np.float64]

    def top(self, area: int, n: int = 3, among: Sequence[str] | None = None) -> list[str]:
        """Layers whose occlusion lowers an area's score, largest drop first."""
        order = np.argsort(-self.drop[area], kind="stable")
        names = [self.layers[i] for i in order if self.drop[area, i] > 0]
        return [name for name in names if among is None or name in among][:n]


def occlusion(
    fitted: Fitted, areas: Sequence[NDArray[np.int64]], *, most_cells: int = 24, seed: int = 0
) -> Attribution:
    """Attribute the mean score of each area's cells ``(n, 2)`` to the layers.

    For areas of more than ``most_cells`` cells, that many cells are drawn at random.
    """
    rng = np.random.default_rng([seed, 4])
    chosen = [
        cells if len(cells) <= most_cells else rng.choice(cells, most_cells, replace=False)
        for cells in areas
    ]
    if not chosen:
        return Attribution(fitted.names, np.zeros((0, len(fitted.names))))
    at = np.concatenate(chosen)
    area = np.repeat(np.arange(len(chosen)), [len(c) for c in chosen])
    count = np.bincount(area, minlength=len(chosen))

    def mean_score(layer: int | None) -> NDArray[np.float64]:
        score = _without(fitted, layer).predict(at)
        return np.asarray(np.bincount(area, weights=score, minlength=len(chosen)) / count)

    whole = mean_score(None)
    drop = np.column_stack([whole - mean_score(i) for i in range(len(fitted.names))])
    return Attribution(fitted.names, drop)


def _without(fitted: Fitted, layer: int | None) -> Fitted:
    """The same model, with one layer replaced by its mean everywhere."""
    scaling = fitted.windows.scaling
    assert scaling is not None
    if layer is None:
        return fitted
    spread = scaling.spread.copy()
    spread[layer] = np.inf  # (value - mean) / inf is 0, the mean; so the stack is not copied
    return replace(fitted, windows=replace(fitted.windows, scaling=Scaling(scaling.mean, spread)))
