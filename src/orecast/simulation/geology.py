"""Geological units and faults.

Strata across the strike, intrusions that cut them, cover in the valleys; major faults along the
strike, secondary faults from them, minor faults.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from orecast.arrays import Floats
from orecast.evidence.proximity import point_distance
from orecast.grid import Bounds, Grid
from orecast.simulation.fields import gaussian_fields, standardised
from orecast.simulation.preset import FaultSet, Preset, Unit

if TYPE_CHECKING:
    import geopandas as gpd
    from shapely.geometry import LineString

Codes = NDArray[np.int16]


@dataclass(frozen=True)
class Fault:
    """A fault's trace ``(n_vertices, 2)``, its order, and whether it carried ore fluid."""

    trace: Floats
    order: int
    fertile: bool

    @property
    def line(self) -> LineString:
        """The trace as a line."""
        from shapely.geometry import LineString

        return LineString(self.trace)


@dataclass(frozen=True)
class Traces:
    """Points set densely along faults, ``(n, 2)``, with the strike there in degrees, ``(n,)``."""

    xy: Floats
    strike: Floats

    def nearest(self, xy: Floats) -> tuple[Floats, Floats]:
        """Distance in metres to the nearest fault, and the strike there; each ``(n,)``."""
        from scipy.spatial import cKDTree

        if not len(self.xy):
            return np.full(len(xy), np.inf), np.zeros(len(xy))
        distance, number = cKDTree(self.xy).query(xy)
        return distance, self.strike[number]


def fault_network(preset: Preset, bounds: Bounds, rng: np.random.Generator) -> tuple[Fault, ...]:
    """Draw the network; the same share of each order is fertile, whatever the seed."""
    major = _faults(preset.major, 1, preset, bounds, rng, start_on=())
    secondary = _faults(preset.secondary, 2, preset, bounds, rng, start_on=major)
    minor = _faults(preset.minor, 3, preset, bounds, rng, start_on=(*major, *secondary))
    return (*major, *secondary, *minor)


def traces(faults: tuple[Fault, ...], spacing: float) -> Traces:
    """Points along the faults, at most ``spacing`` metres apart."""
    points, strikes = [np.empty((0, 2))], [np.empty(0)]
    for fault in faults:
        step = np.diff(fault.trace, axis=0)
        length = np.hypot(*step.T)
        for start, move, metres in zip(fault.trace, step, length, strict=False):
            n = max(1, math.ceil(metres / spacing))
            points.append(start + move * (np.arange(n + 1) / n)[:, None])
            strikes.append(np.full(n + 1, math.degrees(math.atan2(move[0], move[1])) % 180))
    return Traces(np.vstack(points), np.concatenate(strikes))


def intersections(faults: tuple[Fault, ...]) -> Floats:
    """Where two faults cross or meet, ``(n, 2)``."""
    import shapely

    lines = np.array([fault.line for fault in faults], dtype=object)
    tree = shapely.STRtree(lines)
    first, second = tree.query(lines, predicate="intersects")
    pairs = first < second
    crossings = shapely.intersection(lines[first[pairs]], lines[second[pairs]])
    points = shapely.get_parts(crossings)
    points = points[shapely.get_type_id(points) == shapely.GeometryType.POINT]
    return np.asarray(shapely.get_coordinates(points), dtype=np.float64)


def distance_to(points: Floats, grid: Grid) -> Floats:
    """Distance in metres from each cell's centre to the nearest point, ``(rows, columns)``."""
    return point_distance(points, grid) if len(points) else np.full(grid.shape, np.inf)


def fault_lines(
    faults: tuple[Fault, ...], grid: Grid, *, with_truth: bool = False
) -> gpd.GeoDataFrame:
    """Lines with ``name`` and ``order`` (1 major, 2 secondary, 3 minor); optionally ``fertile``."""
    import geopandas as gpd

    columns: dict[str, list[object]] = {
        "name": [f"F{number}" for number in range(1, len(faults) + 1)],
        "order": [fault.order for fault in faults],
    }
    if with_truth:
        columns["fertile"] = [fault.fertile for fault in faults]
    return gpd.GeoDataFrame(columns, geometry=[fault.line for fault in faults], crs=grid.crs)


def _faults(
    kind: FaultSet,
    order: int,
    preset: Preset,
    bounds: Bounds,
    rng: np.random.Generator,
    *,
    start_on: tuple[Fault, ...],
) -> tuple[Fault, ...]:
    barren = np.zeros(kind.count, dtype=bool)
    barren[: round(kind.barren * kind.count)] = True
    rng.shuffle(barren)
    found = []
    for number in range(kind.count):
        for _ in range(100):  # a trace with too little length in the area is drawn again
            side = rng.choice([-1.0, 1.0])
            bearing = preset.system.strike + side * kind.turn + rng.normal(0, 8)
            length = kind.length * math.exp(rng.normal(0, 0.35))
            middle = _start(start_on, number / kind.count, preset.system.strike, bounds, rng)
            trace = _clipped(_wander(middle, bearing, length, rng), bounds)
            if trace is not None:
                found.append(Fault(trace, order, not barren[number]))
                break
    return tuple(found)


def _start(
    start_on: tuple[Fault, ...],
    place: float,
    strike: float,
    bounds: Bounds,
    rng: np.random.Generator,
) -> Floats:
    """Where a fault begins: on a parent, so that they meet, in three of four cases; or anywhere.

    Without parents it is the share ``place`` of the way across the strike, so that major faults
    spread over the district.
    """
    centre = np.array([bounds.west + bounds.east, bounds.south + bounds.north]) / 2
    half = np.array([bounds.east - bounds.west, bounds.north - bounds.south]) / 2
    if not start_on:
        angle = math.radians(strike)
        across = np.array([math.cos(angle), -math.sin(angle)])
        along = np.array([math.sin(angle), math.cos(angle)])
        width = np.abs(across) @ half
        shift = (2 * place - 1) * width + rng.uniform(0, 0.5) * width
        return np.asarray(centre + shift * across + rng.uniform(-0.4, 0.4) * half.min() * along)
    if rng.random() < 0.75:
        parent = start_on[rng.integers(len(start_on))].trace
        return np.asarray(parent[rng.integers(len(parent))])
    return np.asarray(centre + rng.uniform(-1, 1, 2) * half)


def _wander(middle: Floats, bearing: float, length: float, rng: np.random.Generator) -> Floats:
    """A trace through ``middle``, whose bearing varies by a few degrees."""
    steps = max(4, round(length / 1500))
    drift = np.zeros(steps)
    for k in range(1, steps):
        drift[k] = 0.8 * drift[k - 1] + rng.normal(0, 6)
    angle = np.radians(bearing + drift)
    moves = np.column_stack([np.sin(angle), np.cos(angle)]) * (length / steps)
    trace = np.vstack([[0.0, 0.0], moves.cumsum(axis=0)])
    return np.asarray(middle + trace - trace[steps // 2])


def _clipped(trace: Floats, bounds: Bounds) -> Floats | None:
    """The longest part within the area, or None if it is shorter than two kilometres."""
    import shapely

    parts = shapely.get_parts(shapely.clip_by_rect(shapely.LineString(trace), *bounds))
    lengths = shapely.length(parts)
    if not len(parts) or lengths.max() < 2000:
        return None
    return np.asarray(shapely.get_coordinates(parts[lengths.argmax()]), dtype=np.float64)


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
