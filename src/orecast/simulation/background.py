"""The ground before ore: concentrations that are closed, log-normal, and follow the rocks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from orecast.composition import closure
from orecast.grid import Grid
from orecast.simulation.elements import ASSOCIATIONS, ROCKS
from orecast.simulation.fields import gaussian_fields
from orecast.simulation.lithology import Codes
from orecast.simulation.preset import Preset

Floats = NDArray[np.float64]

WHOLE = 1e6
"""Sum of a composition with its unmeasured rest, in mg/kg."""


def background(preset: Preset, grid: Grid, codes: Codes, rng: np.random.Generator) -> Floats:
    """Amounts of the elements before ore and closure, in mg/kg, ``(n_elements, rows, columns)``.

    The logarithm of each is its median plus what its rock adds, plus the associations it loads on
    (which correlate elements), plus a field of its own; scaled so that its standard deviation is
    the preset's.
    """
    count = len(ASSOCIATIONS)
    loadings = _loadings(preset)
    rocks = np.array([ROCKS[unit.rock] for unit in preset.units])  # (n_units, 5)
    by_unit = preset.background.lithology * (
        rocks @ loadings.T + rng.normal(0, 0.15, (len(rocks), len(loadings)))
    )
    fields = gaussian_fields(grid, preset.background.length, count + len(loadings), rng)
    own = np.sqrt(1 - (loadings**2).sum(axis=1))
    logs = np.tensordot(loadings, fields[:count], axes=1) + own[:, None, None] * fields[count:]
    logs += by_unit.T[:, codes]
    logs -= np.median(logs, axis=(1, 2), keepdims=True)
    logs /= logs.std(axis=(1, 2), keepdims=True)
    medians = np.array([a.median * a.to_ppm for a in preset.elements.values()])
    spreads = np.array([a.spread for a in preset.elements.values()])
    return np.asarray(medians[:, None, None] * np.exp(spreads[:, None, None] * logs))


def _loadings(preset: Preset) -> Floats:
    """What each element loads on the associations, ``(n_elements, 5)``, the coherence in it."""
    loadings: Floats = np.array([a.loadings for a in preset.elements.values()])
    coherence = preset.background.coherence
    if coherence == 0:
        return loadings
    shared = (loadings**2).sum(axis=1, keepdims=True)
    wanted = shared + coherence * (1 - shared)
    nothing = np.zeros_like(shared)  # an element that loads on no association keeps its own field
    factor = np.divide(wanted, shared, out=nothing, where=shared > 0)
    return np.asarray(loadings * np.sqrt(factor))


def closed(amounts: Floats, preset: Preset) -> Floats:
    """Concentrations in mg/kg: the amounts and an unmeasured rest, brought to one million.

    The rest is what the medians leave; so enrichment in one element dilutes all others, and no
    concentrations sum to more than the whole. ``(n_elements, rows, columns)`` in and out.
    """
    medians = sum(a.median * a.to_ppm for a in preset.elements.values())
    rest = np.full(amounts.shape[1:], WHOLE - medians)[None]
    parts = np.concatenate([amounts, rest]).reshape(len(amounts) + 1, -1)
    whole = np.asarray(closure(parts.T, total=WHOLE))
    return np.ascontiguousarray(whole.T[:-1]).reshape(amounts.shape)
