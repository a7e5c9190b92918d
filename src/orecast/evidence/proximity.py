"""Distance and density layers of faults, deposits and samples."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from affine import Affine
from numpy.typing import NDArray

from orecast.arrays import Floats
from orecast.capacity import require_memory
from orecast.config import Faults
from orecast.errors import ConfigError, InputError
from orecast.evidence.elements import sample_places
from orecast.evidence.layers import FAULT_DISTANCE, Evidence
from orecast.evidence.spacing import round_down, round_up
from orecast.grid import Bounds, Grid

if TYPE_CHECKING:
    from orecast.survey.data import Survey


def sampling_density(survey: Survey, grid: Grid, radius: float) -> NDArray[np.float32]:
    """Samples per km² around each cell's centre, ``(rows, columns)``; 0 beyond ``radius`` of all.

    Epanechnikov's kernel in the plane, ``2 / (π r²) (1 - d² / r²)`` within ``radius`` metres
    (Silverman 1986, Density Estimation for Statistics and Data Analysis, eq. 4.4), computed from
    the samples' exact positions; a plain count would give ties. Samples outside the grid count
    too; those averaged at one place count once. There is no edge correction: the density decreases
    within one radius of the edge of the sampled area. The layer's reach is ``radius``.

    Raises InputError for a gridded survey, ConfigError unless the radius is positive.
    """
    if survey.gridded is not None:
        raise InputError(
            "a gridded survey has no samples; the sampling density is unknown",
            where="gridded",
            remedy="leave out the map of sampling density, or use the samples as [samples]",
        )
    if not (math.isfinite(radius) and radius > 0):
        raise ConfigError(f"the radius of a density must be positive, not {radius!r}")
    x, y = sample_places(survey).T
    order = np.argsort(y, kind="stable")
    x, y = x[order], y[order]
    density = np.empty(grid.shape, dtype=np.float32)
    first = np.searchsorted(y, grid.y - radius)
    last = np.searchsorted(y, grid.y + radius, side="right")
    for row, north in enumerate(grid.y):
        near = slice(first[row], last[row])
        density[row] = _row_sum(x[near], y[near] - north, grid.x, radius)
    return density * np.float32(2e6 / (math.pi * radius**2))


def _row_sum(x: Floats, dy: Floats, at: Floats, radius: float) -> Floats:
    """Sum of ``1 - d² / r²`` over the samples within the radius, at the centres ``at`` of a row.

    ``x`` and ``dy`` are the samples' easting and distance north of the row, ``(n,)``. Along a row
    a sample adds one parabola to one run of cells, ``a + 2 u t - t²`` at t in radii. The sums of
    the three coefficients change only where runs begin and end.
    """
    half = np.sqrt(np.maximum(radius**2 - dy**2, 0))
    begin = np.searchsorted(at, x - half)
    end = np.searchsorted(at, x + half, side="right")
    middle = at.mean()  # small numbers reduce rounding errors when they cancel
    u, t = (x - middle) / radius, (at - middle) / radius

    def sums(coefficient: Floats) -> Floats:
        begun = np.bincount(begin, coefficient, len(at) + 1)
        ended = np.bincount(end, coefficient, len(at) + 1)
        return np.asarray(np.cumsum(begun - ended)[:-1], dtype=np.float64)

    count = sums(np.ones(len(x)))
    total = sums(1 - (dy / radius) ** 2 - u**2) + t * (2 * sums(u) - count * t)
    return np.where(count > 0, np.maximum(total, 0), 0)


Lines = NDArray[np.object_]
MOST_EXACT_CELLS = 250_000  # up to here distances to the lines are exact
_SNAP = 0.1  # metres: an end drawn on another line differs from it by rounding
_PIECES = 4  # pieces of a line are at most a cell divided by this
_A_SUMMED_CELL = 40  # bytes: lengths, their sum and the disc, with their transforms


def with_faults(evidence: Evidence, survey: Survey, options: Faults) -> Evidence:
    """Add the configured layers of the survey's faults."""
    grid, findings = evidence.grid, survey.findings
    if survey.faults is None:
        raise InputError("there are no fault lines", where="faults", remedy="set faults.path")
    lines = fault_lines(survey.faults.geometry)
    if options.distance or options.rings:
        distance, how = fault_distance(lines, grid), "from the cell's centre"
        if not _is_small(grid):
            how += f", to within {_half_diagonal(grid):.3g} m"
        if options.distance:
            origin = f"distance to the nearest mapped fault, {how}"
            evidence = evidence.adding(
                FAULT_DISTANCE, distance, kind="fault", origin=origin, reach=0, unit="m"
            )
        if options.rings:
            radii = ", ".join(f"{r:g}" for r in options.rings)
            origin = f"rings of {radii} m around faults, highest at the fault, 0 outside; {how}"
            rings = fault_rings(distance, options.rings)
            evidence = evidence.adding(
                "fault_rings", rings, kind="fault", origin=origin, reach=0, unit="ring"
            )
    if options.density is not None:
        origin = f"length of mapped faults per area within {options.density:g} m"
        evidence = evidence.adding(
            "fault_density",
            fault_density(lines, grid, options.density),
            kind="fault",
            origin=origin,
            reach=options.density,
            unit="km/km2",
        )
    if options.intersections:
        places = fault_intersections(lines)
        if not len(places):
            findings.warning(
                "no-fault-intersections",
                "faults",
                "no two faults cross or meet; there is no layer of intersections",
                "snap the ends of faults that should meet, or set faults.intersections = false",
            )
            return evidence
        evidence = evidence.adding(
            "fault_intersection_distance",
            point_distance(places, grid),
            kind="fault",
            origin=f"distance to the nearest of {len(places)} fault crossings and junctions",
            reach=0,
            unit="m",
        )
    return evidence


def fault_lines(geometries: Iterable[Any]) -> Lines:
    """The single lines of a collection of shapely geometries, ``(n_lines,)``.

    Empty lines are dropped. Raises InputError for other geometries, or if no line is left.
    """
    import shapely

    given = np.array([g for g in geometries if g is not None and not g.is_empty], dtype=object)
    parts: Lines = shapely.get_parts(given)
    other = {g.geom_type for g in parts} - {"LineString", "LinearRing"}
    if other:
        raise InputError(
            f"faults must be lines, not {', '.join(sorted(other))}",
            where="faults",
            remedy="give the layer of fault traces",
        )
    lines: Lines = shapely.force_2d(parts[shapely.length(parts) > 0])
    if not len(lines):
        raise InputError("there is no fault line", where="faults", remedy="remove [faults]")
    return lines


def fault_distance(lines: Sequence[Any] | Lines, grid: Grid) -> Floats:
    """Distance in metres from each cell's centre to the nearest line, ``(rows, columns)``.

    On grids of up to ``MOST_EXACT_CELLS`` cells the distance is exact. On larger grids it is
    between cell centres, from a Euclidean distance transform of the cells that the lines touch:
    the error is at most half a cell's diagonal. Lines outside the grid count too.
    """
    lines = fault_lines(lines)
    return (_distance_to_lines if _is_small(grid) else _distance_to_touched_cells)(lines, grid)


def _is_small(grid: Grid) -> bool:
    return grid.shape[0] * grid.shape[1] <= MOST_EXACT_CELLS


def _half_diagonal(grid: Grid) -> float:
    return 0.5 * float(np.hypot(*grid.cell_size))


def _distance_to_lines(lines: Lines, grid: Grid) -> Floats:
    import shapely

    centres = shapely.points(grid.centres())
    _, distance = shapely.STRtree(lines).query_nearest(
        centres, return_distance=True, all_matches=False
    )
    return np.asarray(distance, dtype=np.float64).reshape(grid.shape)


def _distance_to_touched_cells(lines: Lines, grid: Grid) -> Floats:
    """Use a grid so wide that no line outside it is nearer to a cell than one inside."""
    import shapely

    t, (rows, columns) = grid.transform, grid.shape
    tenfold = Affine(10 * t.a, 0, t.c, 0, 10 * t.e, t.f)
    coarse = Grid(grid.crs, tenfold, (-(-rows // 10), -(-columns // 10)))
    touched = _touched(lines, coarse)
    if not touched.any():
        return _distance_to_lines(lines, grid)
    farthest = float(_transform(touched, coarse).max()) + 2 * _half_diagonal(coarse)
    west, south, east, north = grid.bounds
    frame = (west - farthest, south - farthest, east + farthest, north + farthest)
    nearest = Bounds(*shapely.total_bounds(shapely.clip_by_rect(lines, *frame)))
    wider = _widened(grid, nearest)
    row, column = _offset(wider, grid)
    distance = _transform(_touched(lines, wider), wider)
    return distance[row : row + rows, column : column + columns]


def _transform(touched: NDArray[np.bool_], grid: Grid) -> Floats:
    from scipy.ndimage import distance_transform_edt

    width, height = grid.cell_size
    # The nearest touched cell of each cell; computing the distance here is faster than in SciPy.
    row, column = distance_transform_edt(
        ~touched, sampling=(height, width), return_distances=False, return_indices=True
    )
    rows, columns = grid.shape
    row -= np.arange(rows, dtype=row.dtype)[:, None]
    column -= np.arange(columns, dtype=column.dtype)
    north = row * height
    east = column * width
    north *= north
    east *= east
    north += east
    return np.asarray(np.sqrt(north, out=north), dtype=np.float64)


def _touched(lines: Lines, grid: Grid) -> NDArray[np.bool_]:
    from rasterio.features import rasterize

    touched = rasterize(
        lines, out_shape=grid.shape, transform=grid.transform, all_touched=True, dtype="uint8"
    )
    return np.asarray(touched, dtype=np.bool_)


def _widened(grid: Grid, bounds: Bounds) -> Grid:
    """Widen the grid by whole cells until it holds ``bounds`` too."""
    width, height = grid.cell_size
    rows, columns = grid.shape
    own = grid.bounds
    left = int(np.ceil(max(0.0, own.west - bounds.west) / width))
    right = int(np.ceil(max(0.0, bounds.east - own.east) / width))
    top = int(np.ceil(max(0.0, bounds.north - own.north) / height))
    bottom = int(np.ceil(max(0.0, own.south - bounds.south) / height))
    if not (left or right or top or bottom):
        return grid
    t = grid.transform
    moved = Affine(t.a, 0, t.c - left * width, 0, t.e, t.f + top * height)
    return Grid(grid.crs, moved, (rows + top + bottom, columns + left + right))


def _offset(wider: Grid, grid: Grid) -> tuple[int, int]:
    """Row and column of the grid's first cell in a wider one."""
    row, column = wider.cell([[grid.x[0], grid.y[0]]])[0]
    return int(row), int(column)


def fault_rings(distance: Floats, radii: Sequence[float]) -> Floats:
    """Code buffers around faults to one layer of ``distance``'s shape.

    With n rising radii in metres: n up to the first, n - 1 up to the second, …, 0 beyond the last.
    A higher code is nearer (six rings of 500 to 3000 m reclassified to one layer: Earth Science
    51(3), 2026). Raises ConfigError if the radii do not rise.

    >>> fault_rings(np.array([0.0, 500, 501, 9999]), [500, 1000]).tolist()
    [2.0, 2.0, 1.0, 0.0]
    """
    edges = np.asarray(radii, dtype=np.float64)
    if not len(edges) or not (edges > 0).all() or not (np.diff(edges) > 0).all():
        raise ConfigError(
            f"the radii of the rings must be positive and rising, not {list(radii)}",
            where="faults.rings",
            remedy="sort them, such as [500, 1000, 1500]",
        )
    return (len(edges) - np.searchsorted(edges, distance, side="left")).astype(np.float64)


def fault_density(lines: Sequence[Any] | Lines, grid: Grid, radius: float) -> Floats:
    """Length of lines per area within ``radius`` metres, km/km², ``(rows, columns)``.

    Lines are cut into pieces of a quarter cell and summed by cell; these sums are added over the
    cells with centres within the radius. Lines outside the grid count too. Raises ConfigError if
    the radius is larger than the map, CapacityError if there is too little memory.
    """
    import shapely
    from scipy.signal import oaconvolve

    _check_radius(radius, grid)
    width, height = grid.cell_size
    across, down = int(radius / width), int(radius / height)
    x = np.arange(-across, across + 1) * width
    y = np.arange(-down, down + 1) * height
    kernel = np.asarray(np.hypot(y[:, None], x[None, :]) <= radius, dtype=np.float64)
    west, south, east, north = grid.bounds
    needed = Bounds(
        west - across * width, south - down * height, east + across * width, north + down * height
    )
    wider = _widened(grid, needed)
    pieces = shapely.segmentize(fault_lines(lines), min(width, height) / _PIECES)
    length = _length_by_cell(pieces, wider)
    total = np.asarray(oaconvolve(length, kernel, mode="same"), dtype=np.float64)
    total[total < 1e-9 * length.max(initial=0.0)] = 0.0  # rounding errors of the transform
    row, column = _offset(wider, grid)
    inner = total[row : row + grid.shape[0], column : column + grid.shape[1]]
    return np.asarray(inner / (kernel.sum() * grid.cell_area) * 1000.0)  # m/m² to km/km²


def _check_radius(radius: float, grid: Grid) -> None:
    west, south, east, north = grid.bounds
    sides = np.array([east - west, north - south])
    if radius > np.hypot(*sides):
        raise ConfigError(
            f"a radius of {radius:g} m is larger than the map ({sides[0]:g} m by {sides[1]:g} m): "
            "all cells would have nearly the same density",
            where="faults.density",
            remedy=f"set it to a small part of the map, such as {round_up(min(sides) / 10):g}",
        )

    def taken(radius: float) -> float:
        wider = (sides + 2 * radius) / grid.cell_size
        return float(wider.prod() * _A_SUMMED_CELL)

    def remedy(fits: float) -> str:
        smaller = next((r for r in radius * 0.9 ** np.arange(100) if taken(r) <= fits), None)
        return (
            "set a larger evidence.cell_size"
            if smaller is None
            else f"set it to {round_down(smaller):g} or less"
        )

    require_memory(
        taken(radius), f"a radius of {radius:g} m", where="faults.density", remedy=remedy
    )


def _length_by_cell(pieces: Lines, grid: Grid) -> Floats:
    """Sum the lengths of line pieces by the cell of their middle."""
    import shapely

    xy, owner = shapely.get_coordinates(pieces, return_index=True)
    same = owner[1:] == owner[:-1]
    start, end = xy[:-1][same], xy[1:][same]
    at = grid.cell((start + end) / 2)
    inside = grid.inside(at)
    rows, columns = grid.shape
    cell = at[inside, 0] * columns + at[inside, 1]
    length = np.hypot(*(end - start)[inside].T)
    total = np.bincount(cell, weights=length, minlength=rows * columns).reshape(grid.shape)
    return np.asarray(total, dtype=np.float64)


def fault_intersections(lines: Sequence[Any] | Lines) -> Floats:
    """Places where three or more branches of faults meet, ``(n, 2)``.

    Crossing and abutting faults count, to a decimetre. Two traces that meet end to end are one
    fault and do not count; nor do ends that do not reach another fault.

    >>> from shapely import LineString
    >>> cross = [LineString([(0, 0), (2, 2)]), LineString([(0, 2), (2, 0)])]
    >>> fault_intersections(cross).tolist()
    [[1.0, 1.0]]
    """
    import shapely

    # The union cuts lines where they meet; merging joins them again where only two ends meet.
    noded = shapely.union_all(fault_lines(lines), grid_size=_SNAP)
    branches = shapely.get_parts(shapely.line_merge(noded))
    ends = np.concatenate(
        [
            shapely.get_coordinates(shapely.get_point(branches, 0)),
            shapely.get_coordinates(shapely.get_point(branches, -1)),
        ]
    )
    places, branches_there = np.unique(ends, axis=0, return_counts=True)
    return np.asarray(places[branches_there >= 3], dtype=np.float64)


def point_distance(places: Floats, grid: Grid) -> Floats:
    """Distance in metres from each cell's centre to the nearest place, ``(rows, columns)``."""
    from scipy.spatial import cKDTree

    distance, _ = cKDTree(places).query(grid.centres(), workers=-1)
    return np.asarray(distance, dtype=np.float64).reshape(grid.shape)
