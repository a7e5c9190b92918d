"""Layers behind the areas of a map: occluded ones for a model, anomalous ones without labels.

Occlusion: how much a score drops if a layer is replaced by its mean, after Zeiler & Fergus (2014,
ECCV), with layers instead of patches. Anomalous elements: how far the element layers of an area lie
above the rest of the map, for models without labels. The model marks an area as anomalous. The
robust z-score shows which elements are; it does not use the model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from orecast.evidence import Evidence
from orecast.sampling import Scaling
from orecast.validation import Fitted

_NORMAL = 1.482602218505602  # standard deviations in a median absolute deviation, 1 / Φ⁻¹(3/4)


@dataclass(frozen=True)
class Attribution:
    """What each layer contributes to each area, ``(n_areas, n_layers)``.

    The mean drop of the score when the layer is occluded, or the layer's mean robust z-score.
    """

    layers: tuple[str, ...]
    values: NDArray[np.float64]

    def top(self, area: int, n: int = 3, among: Sequence[str] | None = None) -> list[str]:
        """Layers with a value above 0 in an area, highest first."""
        order = np.argsort(-self.values[area], kind="stable")
        names = [self.layers[i] for i in order if self.values[area, i] > 0]
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


def anomalous_elements(
    evidence: Evidence, areas: Sequence[NDArray[np.int64]], valid: NDArray[np.bool_]
) -> Attribution:
    """Compare the element layers in each area's cells ``(n, 2)`` with those of the whole map.

    ``z = (value - median) / (1.4826 MAD)``, with median and median absolute deviation over the
    cells of ``valid`` ``(rows, columns)``: the background of Reimann, Filzmoser & Garrett (2005,
    Science of the Total Environment 346, 1-16), which anomalies hardly change. An area's z is the
    mean over its valid cells. NaN for an area without valid cells, and for a layer with one value
    in more than half of the map, since its MAD is 0.
    """
    names = tuple(name for name in evidence.names if evidence.kind(name) == "element")
    z = np.full((len(areas), len(names)), np.nan)
    inside = [cells[valid[cells[:, 0], cells[:, 1]]] for cells in areas]
    for column, name in enumerate(names):
        values = evidence.layer(name)
        background = values[valid].astype(np.float64)
        median = np.median(background) if background.size else np.nan
        spread = _NORMAL * np.median(np.abs(background - median)) if background.size else 0.0
        if spread > 0:
            for row, cells in enumerate(inside):
                if len(cells):
                    mean = values[cells[:, 0], cells[:, 1]].mean(dtype=np.float64)
                    z[row, column] = (mean - median) / spread
    return Attribution(names, z)
