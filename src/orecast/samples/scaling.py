"""Standardisation of layers, fitted on what a fold may see."""

from __future__ import annotations

import numpy as np

from orecast.samples.nouns import Bools, Floats, Scaling


def fit_scaling(stack: Floats, visible: Bools) -> Scaling:
    """Mean and standard deviation of each layer over the visible cells, NaN left out.

    ``stack`` is ``(n_layers, rows, columns)``, ``visible`` ``(rows, columns)``. A layer that is
    constant, or nowhere visible, keeps a spread of 1 and so becomes 0.
    """
    mean = np.zeros(len(stack), dtype=np.float32)
    spread = np.ones(len(stack), dtype=np.float32)
    for i, layer in enumerate(stack):
        values = layer[visible]
        values = values[~np.isnan(values)].astype(np.float64)
        if not values.size:
            continue
        mean[i] = values.mean()
        deviation = values.std()
        if deviation > 1e-6 * max(1.0, abs(values.mean())):
            spread[i] = deviation
    return Scaling(mean, spread)
