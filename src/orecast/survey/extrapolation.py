"""Find the cells of a gridded survey that were extrapolated beyond its samples."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from orecast.arrays import Bools, Floats, Ints
from orecast.errors import AlignmentError
from orecast.grid import Grid
from orecast.survey.data import Findings

T = TypeVar("T", bound=np.generic)

# Steps (rows, columns) in the directions in which values are compared.
_DIRECTIONS = ((0, 1), (1, 0), (1, 1), (1, -1), (1, 2), (2, 1), (1, -2), (2, -1))
_RUN = 8  # steps on a line, on which values are equal or linear
_TOLERANCE = 1e-4  # of half the range from the 16th to the 84th percentile of a raster
_SHARE_OF_RASTERS, _SHARE_OF_CELLS = 0.5, 0.02
_MOST_RASTERS = 12  # evenly chosen, as all rasters of a survey come from the same samples


def extrapolated_cells(values: Floats, shape: tuple[int, int]) -> Bools:
    """Cells ``(rows, columns)`` on streaks, by the values of the rasters ``(n_cells, n_rasters)``.

    A streak is a line of at least eight steps that begins at the edge of the data, and on which
    values are equal or change linearly. A measured surface has none; a program that continues the
    values of the outermost samples draws them. A cell is extrapolated if it is on a streak in at
    least half of the rasters, of which twelve are compared. Cells at a raster's lowest value, such
    as those below detection, are not counted in it.
    """
    votes = np.zeros(shape, dtype=np.int64)
    chosen = np.unique(np.linspace(0, values.shape[1] - 1, _MOST_RASTERS).round().astype(int))
    for column in values.T[chosen]:
        raster = column.reshape(shape)
        if np.isnan(raster).all():
            continue
        low, high = np.nanquantile(raster, [0.16, 0.84])
        spread = float(high - low) / 2  # of a heavy-tailed quantity, smaller than the deviation
        streaks = np.zeros(shape, dtype=bool)
        for down, across in _DIRECTIONS:
            streaks |= _streaks(raster, down, across, _TOLERANCE * spread)
        votes += streaks & (raster > np.nanmin(raster))
    extrapolated = votes >= max(1.0, _SHARE_OF_RASTERS * len(chosen))
    return np.asarray(extrapolated & np.isfinite(values).any(axis=1).reshape(shape))


def report_extrapolated(values: Floats, grid: Grid, where: str, findings: Findings) -> Bools | None:
    """Report streaks, with the bounds of the other cells; None if they cover under 2 % of the data.

    ``values`` are ``(n_cells, n_rasters)``. Returns the cells ``(rows, columns)``.
    """
    cells = extrapolated_cells(values, grid.shape)
    known = np.isfinite(values).any(axis=1).reshape(grid.shape)
    share = cells.sum() / max(1, known.sum())
    measured = np.argwhere(known & ~cells)
    if share < _SHARE_OF_CELLS or not len(measured):
        return None
    xy, half = grid.xy(measured), np.array(grid.cell_size) / 2
    west, south = xy.min(axis=0) - half
    east, north = xy.max(axis=0) + half
    findings.warning(
        "extrapolated-grid",
        where,
        f"in {100 * share:.0f} % of the cells ({cells.sum():,}), at the edge, values are constant "
        "or change linearly: probably they are extrapolated beyond the samples. By default, no "
        f"target is drawn there. The other cells lie within x {west:.0f} to {east:.0f}, y "
        f"{south:.0f} to {north:.0f}",
        'draw the sampled area as a polygon, and set area = {path = "area.gpkg"}; or, to get '
        "targets there, set targets.extrapolated = true",
        n=int(cells.sum()),
        share=float(share),
        bounds=[float(west), float(south), float(east), float(north)],
    )
    return cells


def on_grid(cells: Bools, source: Grid, grid: Grid) -> Bools:
    """Which cells of another grid of the same CRS have their centre in marked ``cells``.

    Raises AlignmentError if the CRS differ.
    """
    if source.crs != grid.crs:
        raise AlignmentError("the grids have different CRS", where="extrapolated cells")
    rows, columns = np.indices(grid.shape)
    at = source.cell(grid.xy(np.column_stack([rows.ravel(), columns.ravel()])))
    inside = source.inside(at)
    marked = np.zeros(len(at), dtype=bool)
    marked[inside] = cells[tuple(at[inside].T)]
    return marked.reshape(grid.shape)


def _streaks(raster: Floats, down: int, across: int, tolerance: float) -> Bools:
    """Cells on straight runs that begin at the edge and go in one direction, or against it."""
    finite = np.isfinite(raster)
    before, after = _shifted(raster, down, across, np.nan), _shifted(raster, -down, -across, np.nan)
    with np.errstate(invalid="ignore"):
        straight = np.abs(before - 2 * raster + after) <= tolerance
    if down == 0:  # along rows: the same along columns of the transposed raster
        finite, straight, down, across = finite.T, straight.T, across, 0
        return (
            _runs(finite, straight, down, 0) | _runs(finite[::-1], straight[::-1], down, 0)[::-1]
        ).T
    backwards = _runs(finite[::-1, ::-1], straight[::-1, ::-1], down, across)[::-1, ::-1]
    return _runs(finite, straight, down, across) | backwards


def _runs(finite: Bools, straight: Bools, down: int, across: int) -> Bools:
    """Cells on runs of eight steps from the edge or more, by ``down`` (at least 1), ``across``."""
    steps = np.where(finite & ~_shifted(finite, down, across, 0), 0, -1)  # -1 off a run
    rows = len(steps)
    for row in range(down, rows):
        reached = _beside(steps[row - down], across)
        grown = straight[row] & (steps[row] < 0) & (reached >= 0)
        steps[row][grown] = reached[grown] + 1
    longest = steps.copy()  # the steps of the whole run
    for row in range(rows - down - 1, -1, -1):
        goes_on = (steps[row] >= 0) & (_beside(steps[row + down], -across) == steps[row] + 1)
        longest[row][goes_on] = _beside(longest[row + down], -across)[goes_on]
    return np.asarray(longest >= _RUN)


def _beside(row: Ints, across: int) -> Ints:
    """The value that lies ``across`` cells before each; -1 beyond the end."""
    return np.asarray(_shifted(row[None], 0, across, -1)[0])


def _shifted(cells: NDArray[T], down: int, across: int, fill: float) -> NDArray[T]:
    """The value of the cell that lies ``down`` and ``across`` before each; ``fill`` beyond."""
    shifted = np.full(cells.shape, fill, dtype=cells.dtype)
    rows, columns = cells.shape
    into = slice(max(0, down), rows + min(0, down)), slice(max(0, across), columns + min(0, across))
    source = (
        slice(max(0, -down), rows + min(0, -down)),
        slice(max(0, -across), columns + min(0, -across)),
    )
    shifted[into] = cells[source]
    return shifted
