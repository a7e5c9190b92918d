"""Concentrations: the background of each rock, and the haloes around ore."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from orecast.arrays import Floats
from orecast.composition import closure
from orecast.grid import Grid
from orecast.simulation.fields import gaussian_fields, shuffled_normal
from orecast.simulation.geology import Codes, Traces
from orecast.simulation.laboratory import ASSOCIATIONS, ROCKS
from orecast.simulation.preset import Preset

if TYPE_CHECKING:
    import pandas as pd

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


class Zone(NamedTuple):
    """Size of a zone relative to the distal zone, and its strength relative to the ore's."""

    size: float
    contrast: float


ZONES = {"proximal": Zone(0.6, 1.0), "distal": Zone(1.0, 0.8), "front": Zone(1.6, 0.8)}
"""The zoning of hydrothermal haloes (Beus & Grigorian 1977), in plan."""
SUITES = {"whole": ("proximal", "distal", "front"), "ore": ("proximal",)} | {
    "base-metal": ("distal",),
    "front": ("front",),
    "leached": ("distal", "front"),
}
"""Zones that a barren anomaly may show; the whole suite among them."""


def enrichment(
    preset: Preset, grid: Grid, centres: pd.DataFrame, zones: list[tuple[str, ...]]
) -> Floats:
    """Amount added over the background's own, ``(n_elements, rows, columns)``, 0 where nothing is.

    ``centres`` has ``X``, ``Y``, ``strike`` in degrees and ``strength``, in standard deviations of
    the background's logarithm; ``zones`` the zones that each shows. Haloes add, as masses do.
    """
    spreads = np.array([a.spread for a in preset.elements.values()])
    added = np.zeros((len(preset.elements), *grid.shape))
    members = {
        zone: np.array([symbol in getattr(preset.haloes, zone) for symbol in preset.elements])
        for zone in ZONES
    }
    xx, yy = np.meshgrid(grid.x, grid.y)
    for (_, centre), shown in zip(centres.iterrows(), zones, strict=True):
        dx, dy, angle = xx - centre["X"], yy - centre["Y"], math.radians(centre["strike"])
        along = dx * math.sin(angle) + dy * math.cos(angle)
        across = dx * math.cos(angle) - dy * math.sin(angle)
        square = (along / preset.haloes.length) ** 2 + (across / preset.haloes.width) ** 2
        for zone in shown:
            who = members[zone]
            peak = np.expm1(ZONES[zone].contrast * centre["strength"] * spreads[who])
            added[who] += peak[:, None, None] * np.exp(-0.5 * square / ZONES[zone].size ** 2)
    return added


def shuffled_strengths(
    median: float, variation: float, size: Floats, rng: np.random.Generator
) -> Floats:
    """Log-normal strengths, ``(n,)``, half explained by ``size``, a standard normal of log-size."""
    own = shuffled_normal(len(size), rng)
    return np.asarray(median * np.exp(variation * math.sqrt(0.5) * (size + own)))


def barren_anomalies(
    preset: Preset, grid: Grid, faults: Traces, rng: np.random.Generator
) -> pd.DataFrame:
    """Anomalies without ore: ``X``, ``Y``, ``strike``, ``strength`` and ``suite``.

    Half lie on faults, fertile or not, half anywhere; none knows where the deposits are.
    """
    import pandas as pd

    count = preset.background.barren_anomalies
    bounds = grid.bounds
    xy = rng.uniform([bounds.west, bounds.south], [bounds.east, bounds.north], (count, 2))
    on_fault = np.arange(count) < (count // 2 if len(faults.xy) else 0)
    if on_fault.any():
        xy[on_fault] = faults.xy[rng.integers(len(faults.xy), size=int(on_fault.sum()))]
    median = preset.background.barren_strength
    return pd.DataFrame(
        {
            "X": xy[:, 0].round(1),
            "Y": xy[:, 1].round(1),
            "strike": faults.nearest(xy)[1].round(1),
            "strength": shuffled_strengths(
                median, preset.haloes.variation, rng.standard_normal(count), rng
            ).round(4),
            "suite": [list(SUITES)[k % len(SUITES)] for k in range(count)],
        }
    )
