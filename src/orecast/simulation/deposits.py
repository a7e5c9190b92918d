"""Place deposits, and choose those that are known."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from orecast.arrays import Floats, Ints
from orecast.errors import ConfigError
from orecast.grid import Grid
from orecast.simulation.fields import shuffled_normal
from orecast.simulation.geology import Fault, distance_to, intersections, traces
from orecast.simulation.preset import Discovery, Preset, System

if TYPE_CHECKING:
    import pandas as pd


def potential(
    preset: Preset, grid: Grid, faults: tuple[Fault, ...], contact: Floats, hidden: Floats
) -> Floats:
    """Probability that a deposit of the district lies in a cell, ``(rows, columns)``, sum 1.

    A log-linear intensity, as of a Poisson process: each control adds its weight, falling with
    distance to 1/e over its reach; a share of ore keeps to no rule. Only fertile faults count.
    """
    system = preset.system
    fertile = tuple(fault for fault in faults if fault.fertile)
    score = system.hidden * hidden + system.contact * np.exp(-contact / system.contact_reach)
    for order, kind in enumerate((preset.major, preset.secondary, preset.minor), start=1):
        own = traces(tuple(f for f in fertile if f.order == order), grid.cell_size[0] / 4)
        score += kind.weight * np.exp(-distance_to(own.xy, grid) / kind.reach)
    crossing = distance_to(intersections(fertile), grid)
    score += system.intersection * np.exp(-crossing / system.intersection_reach)
    by_rule = np.exp(score - score.max())
    even = np.full(grid.shape, 1 / score.size)
    by_both: Floats = (1 - system.elsewhere) * by_rule / by_rule.sum() + system.elsewhere * even
    return by_both


def rule_in_words(preset: Preset) -> str:
    """The mineral-system rule as a sentence."""
    system, parts = preset.system, []
    for name, kind in (
        ("major", preset.major),
        ("secondary", preset.secondary),
        ("minor", preset.minor),
    ):
        if kind.weight:
            parts.append(f"{kind.weight:g}·exp(-d/{kind.reach:g} m) to fertile {name} faults")
    if system.contact:
        parts.append(
            f"{system.contact:g}·exp(-d/{system.contact_reach:g} m) to contacts of favourable units"
        )
    if system.intersection:
        parts.append(
            f"{system.intersection:g}·exp(-d/{system.intersection_reach:g} m) to intersections"
        )
    if system.hidden:
        parts.append(f"{system.hidden:g} times a hidden random field")
    if not parts:
        return "deposits lie anywhere with equal probability"
    return (
        "log-intensity of deposits = "
        + " + ".join(parts)
        + f"; a share of {system.elsewhere:g} keeps to no rule"
    )


def draw_deposits(
    preset: Preset, grid: Grid, probability: Floats, rng: np.random.Generator
) -> pd.DataFrame:
    """Draw deposits without replacement: ``X``, ``Y``, ``row``, ``column``, ``size`` and ``twin``.

    ``size`` is a standard normal of log-size; its quantiles are in random order, so that each seed
    has small and large deposits. ``twin`` is the number of the neighbouring deposit, -1 for none.
    Raises ConfigError if they do not fit at the configured separation.
    """
    import pandas as pd

    system = preset.system
    wanted = system.deposits - system.twins
    cells = _separated(probability, grid, wanted, system.separation, rng)
    if len(cells) < wanted:
        raise ConfigError(
            f"only {len(cells)} of {wanted} deposits fit at {system.separation:g} m apart",
            where=f"preset {preset.name}",
            remedy="lower system.separation or system.deposits",
        )
    twin = np.full(system.deposits, -1)
    twin[wanted:] = np.arange(system.twins)
    for row, column in cells[: system.twins].tolist():  # a twin lies to the east or west
        beside = column + int(rng.choice([-1, 1]))
        if not 0 <= beside < grid.shape[1]:
            beside = 2 * column - beside
        cells = np.vstack([cells, [row, beside]])
    offset = rng.uniform(-0.5, 0.5, (len(cells), 2)) * grid.cell_size
    xy = np.round(grid.xy(cells) + 0.98 * offset, 1)
    size = shuffled_normal(len(cells), rng)
    return pd.DataFrame(
        {
            "X": xy[:, 0],
            "Y": xy[:, 1],
            "row": cells[:, 0],
            "column": cells[:, 1],
            "size": size.round(4),
            "twin": twin,
        }
    )


def discovered(
    table: pd.DataFrame, system: System, discovery: Discovery, rng: np.random.Generator
) -> NDArray[np.bool_]:
    """Choose the known deposits, ``(n,)``; ``table`` has ``exposure``, ``access`` and ``size``.

    Sampled without replacement with odds that rise with exposure, access and size (the keys of
    Efraimidis & Spirakis 2006, Information Processing Letters 97, 181). Twins and their neighbours
    are always known.
    """
    odds = (
        discovery.exposure * table["exposure"].to_numpy()
        + discovery.access * table["access"].to_numpy()
        + discovery.size * table["size"].to_numpy()
    )
    key = odds + rng.gumbel(size=len(table))
    neighbour = table["twin"].to_numpy()
    twins = np.flatnonzero(neighbour >= 0)
    key[twins] = np.inf
    key[neighbour[twins]] = np.inf
    known = np.zeros(len(table), dtype=bool)
    known[np.argsort(-key, kind="stable")[: system.known]] = True
    return known


def _separated(
    probability: Floats, grid: Grid, count: int, separation: float, rng: np.random.Generator
) -> Ints:
    """Cells in the order of a weighted draw without replacement, without those too near another."""
    with np.errstate(divide="ignore"):
        key = np.log(probability.ravel()) + rng.gumbel(size=probability.size)
    order = np.argsort(-key, kind="stable")
    chosen: list[tuple[int, int]] = []
    for cell in order:
        row, column = divmod(int(cell), grid.shape[1])
        near = any(
            math.hypot((row - r) * grid.cell_size[1], (column - c) * grid.cell_size[0]) < separation
            for r, c in chosen
        )
        if not near:
            chosen.append((row, column))
        if len(chosen) == count:
            break
    return np.array(chosen, dtype=np.int64).reshape(-1, 2)
