"""Geological units: strata across the strike, intrusions that cut them, cover in the valleys."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from orecast.arrays import Floats
from orecast.grid import Grid
from orecast.simulation.fields import gaussian_fields, standardised
from orecast.simulation.preset import Unit

if TYPE_CHECKING:
    import geopandas as gpd

Codes = NDArray[np.int16]


def unit_codes(
    grid: Grid, units: tuple[Unit, ...], strike: float, cover: Floats, rng: np.random.Generator
) -> Codes:
    """Number of the unit at each cell, ``(rows, columns)``, by its place in ``units``.

    Each unit has its share of the area: cover where ``cover`` is thickest, intrusions where a
    smooth field is highest, strata in their order across a folded, warped section.
    """
    extent = math.sqrt(grid.cell_area * grid.shape[0] * grid.shape[1])
    codes = np.full(grid.shape, -1, dtype=np.int16)
    fields = {
        "cover": cover,
        "intrusion": gaussian_fields(grid, extent / 8, 1, rng, smoothness=2.0)[0],
        "strata": _section(grid, strike, extent, rng),
    }
    for kind in ("cover", "intrusion"):
        for number, unit in enumerate(units):
            if unit.kind == kind:
                _fill(codes, fields[kind], number, unit.share)
    strata = [n for n, unit in enumerate(units) if unit.kind == "strata"]
    rest = sum(units[n].share for n in strata)
    order = np.argsort(np.where(codes < 0, fields["strata"], np.inf).ravel(), kind="stable")
    order = order[: int((codes < 0).sum())]
    ends = np.round(np.cumsum([units[n].share / rest for n in strata]) * len(order)).astype(int)
    for number, piece in zip(strata, np.split(order, ends[:-1]), strict=True):
        codes.flat[piece] = number
    return codes


def contact_distance(grid: Grid, codes: Codes, units: tuple[Unit, ...]) -> Floats:
    """Distance in metres to the nearest contact of a favourable unit, infinite without one."""
    favourable = np.isin(codes, [n for n, unit in enumerate(units) if unit.favourable])
    if favourable.all() or not favourable.any():
        return np.full(grid.shape, np.inf)
    contact = favourable & ~ndimage.binary_erosion(favourable, border_value=1)
    distance = ndimage.distance_transform_edt(~contact, sampling=grid.cell_size[::-1])
    return np.asarray(distance, dtype=np.float64)


def unit_polygons(grid: Grid, codes: Codes, units: tuple[Unit, ...]) -> gpd.GeoDataFrame:
    """The map: a polygon for each connected piece, columns ``unit`` and ``rock``."""
    import geopandas as gpd
    from rasterio.features import shapes
    from shapely.geometry import shape

    pieces = [(shape(s), int(v)) for s, v in shapes(codes, transform=grid.transform)]
    return gpd.GeoDataFrame(
        {
            "unit": [units[n].name for _, n in pieces],
            "rock": [units[n].rock for _, n in pieces],
        },
        geometry=[geometry for geometry, _ in pieces],
        crs=grid.crs,
    )


def _section(grid: Grid, strike: float, extent: float, rng: np.random.Generator) -> Floats:
    """Stratigraphic height: a ramp across the strike, folded and warped."""
    xx, yy = np.meshgrid(grid.x - grid.x.mean(), grid.y - grid.y.mean())
    across = xx * math.cos(math.radians(strike)) - yy * math.sin(math.radians(strike))
    fold = np.sin(2 * math.pi * across / (0.6 * extent) + rng.uniform(0, 2 * math.pi))
    warp = gaussian_fields(grid, extent / 6, 1, rng, smoothness=1.5)[0]
    section: Floats = standardised(across) + 0.6 * fold + 0.7 * warp
    return section


def _fill(codes: Codes, field: Floats, number: int, share: float) -> None:
    """Give the highest free cells of a field to a unit, until it has its share of all cells."""
    free = np.flatnonzero(codes.ravel() < 0)
    wanted = round(share * codes.size)
    order = np.argsort(-field.ravel()[free], kind="stable")
    codes.flat[free[order[:wanted]]] = number
