"""Simulate a whole district: geology, deposits, survey, and the truth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from pyproj import CRS

from orecast.arrays import Floats
from orecast.errors import ConfigError
from orecast.grid import Grid
from orecast.simulation import deposits as ore
from orecast.simulation import fields, geochemistry
from orecast.simulation.fields import gaussian_fields, uniform
from orecast.simulation.geochemistry import background, closed
from orecast.simulation.geology import (
    Codes,
    Traces,
    contact_distance,
    fault_lines,
    fault_network,
    traces,
    unit_codes,
    unit_polygons,
)
from orecast.simulation.laboratory import survey_table
from orecast.simulation.preset import Preset, load_preset

if TYPE_CHECKING:
    import geopandas as gpd
    import pandas as pd


# Each process has its own stream of random numbers, so that presets that differ in one process are
# equal in all others at the same seed.
_STREAMS = ("terrain", "geology", "faults", "ore", "discovery", "background", "barren", "survey")


@dataclass(frozen=True)
class Truth:
    """The truth, which is not in the survey; fields ``(rows, columns)`` on the district's grid."""

    potential: Floats
    """Probability of a deposit in the cell, sum 1."""
    rock: Floats
    """Concentrations at the place itself in mg/kg, ``(n_elements, rows, columns)``."""
    sediment: Floats
    """Concentrations in the stream sediment there in mg/kg, ``(n_elements, rows, columns)``."""
    enrichment: Floats
    """Enrichment by haloes above the background, ``(n_elements, rows, columns)``."""
    elevation: Floats
    """Height in metres above the lowest point."""
    drainage: Floats
    """Catchment in cells."""
    receivers: NDArray[np.int64]
    """The cell that each drains to, ``(rows * columns,)``, -1 off the edge."""
    exposure: Floats
    """From 0, thickest cover, to 1, bare rock."""
    access: Floats
    """From 0, most remote, to 1."""
    units: Codes
    """Number of the geological unit, by its place in the preset."""
    deposits: pd.DataFrame
    """All deposits with their properties; ``known`` marks those that are known."""
    barren: pd.DataFrame
    """Anomalies without ore."""
    faults: gpd.GeoDataFrame
    """The faults with ``fertile``, which is not in the survey."""
    rule: str
    """The rule for placing deposits, as text."""


@dataclass(frozen=True)
class District:
    """A simulated district: the survey's data and the truth."""

    preset: Preset
    seed: int
    grid: Grid
    samples: pd.DataFrame  # as the laboratory delivered it, censored values as text
    deposits: pd.DataFrame  # known: name, commodity, X, Y
    undiscovered: pd.DataFrame  # the others, the same columns
    faults: gpd.GeoDataFrame  # lines: name, order
    geology: gpd.GeoDataFrame  # polygons: unit, rock
    area: gpd.GeoDataFrame
    truth: Truth

    @property
    def elements(self) -> tuple[str, ...]:
        """The analysed elements, in column order."""
        return self.preset.symbols


def simulate(preset: str | Preset, seed: int) -> District:
    """Simulate a district; the same preset and seed give the same district bit for bit.

    Each seed has a place of its own, ``Extent.bounds``. Raises ConfigError for an unknown preset or
    a negative seed.
    """
    import geopandas as gpd
    from shapely.geometry import box

    if seed < 0:
        raise ConfigError(f"the seed must be zero or more, not {seed}")
    if isinstance(preset, str):
        preset = load_preset(preset)
    rng = {name: np.random.default_rng([seed, k]) for k, name in enumerate(_STREAMS)}
    grid = Grid.covering(preset.extent.bounds(seed), preset.extent.cell, CRS(preset.extent.crs))
    length = preset.background.length

    height = fields.elevation(grid, preset.terrain.relief, rng["terrain"])
    receivers = fields.flow_receivers(height)
    cover = fields.cover_thickness(grid, height, length, rng["terrain"])
    access = 1 - uniform(fields.remoteness(grid, height, 2 * length, rng["terrain"]))
    codes = unit_codes(grid, preset.units, preset.system.strike, cover, rng["geology"])
    faults = fault_network(preset, grid.bounds, rng["faults"])
    along = traces(faults, grid.cell_size[0] / 4)

    hidden = gaussian_fields(grid, 2 * length, 1, rng["ore"], smoothness=1.5)[0]
    potential = ore.potential(
        preset, grid, faults, contact_distance(grid, codes, preset.units), hidden
    )
    found = ore.draw_deposits(preset, grid, potential, rng["ore"])
    everything = _described(found, preset, along, 1 - uniform(cover), access, rng)

    exposed = 1 - preset.haloes.masking * uniform(cover)
    added = geochemistry.enrichment(
        preset, grid, everything, [tuple(geochemistry.ZONES)] * len(everything)
    )
    barren = geochemistry.barren_anomalies(preset, grid, along, rng["barren"])
    false = geochemistry.enrichment(
        preset, grid, barren, [geochemistry.SUITES[s] for s in barren["suite"]]
    )
    ground = background(preset, grid, codes, rng["background"])
    rock = closed(ground * (1 + exposed * (added + false)), preset)
    sediment, drainage = fields.stream_sediment(
        rock, receivers, grid.cell_size[0], preset.terrain.transport
    )
    listed = everything[["name", "commodity", "X", "Y"]]
    area = gpd.GeoDataFrame({"name": ["study area"]}, geometry=[box(*grid.bounds)], crs=grid.crs)
    return District(
        preset=preset,
        seed=seed,
        grid=grid,
        samples=survey_table(preset, grid, sediment, drainage, rng["survey"]),
        deposits=listed[everything["known"]].reset_index(drop=True),
        undiscovered=listed[~everything["known"]].reset_index(drop=True),
        faults=fault_lines(faults, grid),
        geology=unit_polygons(grid, codes, preset.units),
        area=area,
        truth=Truth(
            potential=potential,
            rock=rock,
            sediment=sediment,
            enrichment=added,
            elevation=height,
            drainage=drainage,
            receivers=receivers,
            exposure=1 - uniform(cover),
            access=access,
            units=codes,
            deposits=everything,
            barren=barren,
            faults=fault_lines(faults, grid, with_truth=True),
            rule=ore.rule_in_words(preset),
        ),
    )


def _described(
    found: pd.DataFrame,
    preset: Preset,
    along: Traces,
    exposure: Floats,
    access: Floats,
    rng: dict[str, np.random.Generator],
) -> pd.DataFrame:
    """Deposits with a name, strike, halo, exposure and access, and whether each is known."""
    row, column = found["row"].to_numpy(), found["column"].to_numpy()
    distance, strike = along.nearest(found[["X", "Y"]].to_numpy())
    strength = geochemistry.shuffled_strengths(
        preset.haloes.strength, preset.haloes.variation, found["size"].to_numpy(), rng["ore"]
    )
    commodity = preset.system.commodity
    table = found.assign(
        name=[f"{commodity}-{n + 1:02d}" for n in range(len(found))],
        commodity=commodity,
        strike=strike.round(1),
        fault_distance=np.round(distance, 1),
        strength=strength.round(4),
        exposure=exposure[row, column].round(4),
        access=access[row, column].round(4),
    )
    known = ore.discovered(table, preset.system, preset.discovery, rng["discovery"])
    return table.assign(known=known)
