"""Grid geometry: cell centres, edges, windows and tiles; no other module computes them.

North is up, row 0 is the northernmost, values are at cell centres. A position is ``(x, y)`` in the
grid's CRS; a cell is ``(row, column)``. A window of ``size`` cells at ``(row, column)`` has rows
from ``row - size // 2`` to ``row - size // 2 + size``, excluded. It is centred for an odd size, and
shifted by half a cell to the north-west for an even size.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from affine import Affine
from numpy.typing import ArrayLike, NDArray
from pyproj import CRS

from orecast.arrays import Bools, Floats, Ints
from orecast.errors import AlignmentError, ConfigError


class Bounds(NamedTuple):
    """West, south, east, north of the outer edges, in the CRS's units."""

    west: float
    south: float
    east: float
    north: float

    def __str__(self) -> str:
        x, y = (_span(*pair) for pair in ((self.west, self.east), (self.south, self.north)))
        return f"x {x}, y {y}"

    def overlaps(self, other: Bounds) -> bool:
        """Whether both have a common area."""
        return (
            self.west < other.east
            and other.west < self.east
            and self.south < other.north
            and other.south < self.north
        )


def _span(low: float, high: float) -> str:
    """In whole units if that is precise enough: for metres, not for degrees."""
    whole = 1000 <= high - low < 1e12
    return f"{low:.0f} to {high:.0f}" if whole else f"{low:.6g} to {high:.6g}"


class Tile(NamedTuple):
    """A rectangle of cells, and the larger rectangle needed to compute it."""

    rows: slice
    columns: slice
    outer_rows: slice
    outer_columns: slice

    @property
    def inner(self) -> tuple[slice, slice]:
        """The tile's cells within an array cut to the outer rectangle."""
        top = self.rows.start - self.outer_rows.start
        left = self.columns.start - self.outer_columns.start
        return (
            slice(top, top + self.rows.stop - self.rows.start),
            slice(left, left + self.columns.stop - self.columns.start),
        )


@dataclass(frozen=True)
class Grid:
    """A north-up raster geometry: CRS, affine transform, shape (rows, columns).

    >>> g = Grid.covering(Bounds(0, 0, 40, 30), 10, CRS("EPSG:32645"))
    >>> g.shape, g.centres()[0].tolist()
    ((3, 4), [5.0, 25.0])
    >>> g.cell([[5.0, 25.0], [39.9, 0.1]]).tolist()
    [[0, 0], [2, 3]]
    """

    crs: CRS
    transform: Affine
    shape: tuple[int, int]

    def __post_init__(self) -> None:
        t = self.transform
        if not all(map(math.isfinite, (t.a, t.c, t.e, t.f))):
            raise AlignmentError(
                f"the raster has no valid position (pixel width {t.a:g}, height {t.e:g}, "
                f"corner {t.c:g}, {t.f:g})",
                remedy="export it again with its georeference",
            )
        if t.b != 0 or t.d != 0:
            raise AlignmentError(
                "the raster is rotated or sheared; it must be north-up",
                remedy="first warp it to a north-up grid (QGIS: Raster > Projections > Warp, or "
                "gdalwarp)",
            )
        if t.a <= 0 or t.e >= 0:
            raise AlignmentError(
                f"the raster is not north-up (pixel width {t.a:g}, height {t.e:g})",
                remedy="flip it so that row 0 is the northernmost",
            )
        if min(self.shape) < 1:
            raise AlignmentError(
                f"the grid has no cells (shape {self.shape})", remedy="export the raster again"
            )

    @classmethod
    def covering(cls, bounds: Bounds, cell_size: float, crs: CRS) -> Grid:
        """The grid around ``bounds`` with edges at multiples of ``cell_size``."""
        if not cell_size > 0:
            raise ConfigError(
                f"the cell size must be positive, not {cell_size!r}", where="evidence.cell_size"
            )
        west = math.floor(bounds.west / cell_size) * cell_size
        north = math.ceil(bounds.north / cell_size) * cell_size
        columns = max(1, math.ceil((bounds.east - west) / cell_size))
        rows = max(1, math.ceil((north - bounds.south) / cell_size))
        return cls(crs, Affine(cell_size, 0, west, 0, -cell_size, north), (rows, columns))

    @property
    def cell_size(self) -> tuple[float, float]:
        """Width and height of a cell, in the CRS's units."""
        return self.transform.a, -self.transform.e

    @property
    def cell_area(self) -> float:
        """Area of a cell, in the CRS's units squared."""
        return self.transform.a * -self.transform.e

    @property
    def bounds(self) -> Bounds:
        """Outer edges of the grid."""
        t, (rows, columns) = self.transform, self.shape
        return Bounds(t.c, t.f + rows * t.e, t.c + columns * t.a, t.f)

    @cached_property
    def x(self) -> Floats:
        """Centres of the columns, west to east, ``(columns,)``."""
        columns = np.arange(self.shape[1], dtype=np.float64) + 0.5
        return np.asarray(self.transform.c + columns * self.transform.a)

    @cached_property
    def y(self) -> Floats:
        """Centres of the rows, north to south, ``(rows,)``."""
        rows = np.arange(self.shape[0], dtype=np.float64) + 0.5
        return np.asarray(self.transform.f + rows * self.transform.e)

    def centres(self) -> Floats:
        """Cell centres in row-major order, ``(rows * columns, 2)``."""
        xx, yy = np.meshgrid(self.x, self.y)
        return np.column_stack([xx.ravel(), yy.ravel()])

    def cell(self, xy: ArrayLike) -> Ints:
        """Row and column of the cell of each position, ``(n, 2)``.

        Positions outside the grid give rows and columns outside its shape; see ``contains``.
        """
        xy = np.asarray(xy, dtype=np.float64).reshape(-1, 2)
        t = self.transform
        column = np.floor((xy[:, 0] - t.c) / t.a)
        row = np.floor((xy[:, 1] - t.f) / t.e)
        return np.column_stack([row, column]).astype(np.int64)

    def xy(self, at: ArrayLike) -> Floats:
        """Centre of each cell ``(row, column)``, ``(n, 2)``."""
        at = np.asarray(at).reshape(-1, 2)
        t = self.transform
        return np.column_stack([t.c + (at[:, 1] + 0.5) * t.a, t.f + (at[:, 0] + 0.5) * t.e])

    def inside(self, at: ArrayLike) -> Bools:
        """Whether each cell ``(row, column)`` lies within the grid, ``(n,)``."""
        at = np.asarray(at).reshape(-1, 2)
        return np.asarray(((at >= 0) & (at < np.array(self.shape))).all(axis=1))

    def contains(self, xy: ArrayLike) -> Bools:
        """Whether each position lies within the grid, ``(n,)``."""
        return self.inside(self.cell(xy))

    def tiles(self, size: int, halo: int = 0) -> Iterator[Tile]:
        """Cut the grid into tiles of at most ``size`` cells, each with a halo clipped to the grid.

        >>> g = Grid.covering(Bounds(0, 0, 5, 3), 1, CRS("EPSG:32645"))
        >>> [(t.rows.start, t.columns.start, t.outer_columns.stop) for t in g.tiles(3, halo=1)]
        [(0, 0, 4), (0, 3, 5)]
        """
        rows, columns = self.shape
        for top in range(0, rows, size):
            for left in range(0, columns, size):
                bottom, right = min(top + size, rows), min(left + size, columns)
                yield Tile(
                    slice(top, bottom),
                    slice(left, right),
                    slice(max(0, top - halo), min(rows, bottom + halo)),
                    slice(max(0, left - halo), min(columns, right + halo)),
                )

    def numbered_tiles(
        self, down: int, across: int, *, where: str | None = None
    ) -> NDArray[np.int32]:
        """Number ``down * across`` near-equal tiles from 1, row by row from the north-west.

        Returns the tile number of each cell, ``(rows, columns)``. Gao et al. (2022, Appl. Sci. 12,
        11433) number prospects in this way, with 12 x 12 tiles. Raises ConfigError, with the key
        ``where``, for more tiles than cells.

        >>> Grid.covering(Bounds(0, 0, 4, 2), 1, CRS("EPSG:32645")).numbered_tiles(2, 2).tolist()
        [[1, 1, 2, 2], [3, 3, 4, 4]]
        """
        rows, columns = self.shape
        if not (1 <= down <= rows and 1 <= across <= columns):
            raise ConfigError(
                f"{down} x {across} numbered tiles do not fit a grid of {rows} x {columns} cells",
                where=where,
                remedy="set fewer tiles or a smaller evidence.cell_size",
            )
        r = np.arange(rows) * down // rows
        c = np.arange(columns) * across // columns
        return (r[:, None] * across + c[None, :] + 1).astype(np.int32)

    def __str__(self) -> str:
        rows, columns = self.shape
        w, h = self.cell_size
        return f"{rows} x {columns} cells of {w:g} x {h:g}, {self.bounds}, {crs_name(self.crs)}"


def window_start(size: int) -> int:
    """How many cells a window of ``size`` cells begins before its own cell."""
    return size // 2


def window_rows(at: ArrayLike, size: int) -> tuple[Ints, Ints]:
    """Row and column numbers of each window's cells, two arrays ``(n, size)``."""
    at = np.asarray(at, dtype=np.int64).reshape(-1, 2)
    offsets = np.arange(size) - window_start(size)
    return at[:, :1] + offsets, at[:, 1:] + offsets


def windows_touching(mask: Bools, size: int) -> Bools:
    """Cells whose window shares a cell with ``mask``, ``(rows, columns)``.

    >>> windows_touching(np.array([[False, False, False, True, False]]), 3).tolist()
    [[False, False, True, True, True]]
    """
    from scipy.ndimage import maximum_filter

    return np.asarray(maximum_filter(mask, size=size, mode="constant", cval=False))


def windows_over(mask: Bools, size: int) -> Bools:
    """Cells covered by the windows of the cells of ``mask``, ``(rows, columns)``.

    >>> windows_over(np.array([[False, False, True, False]]), 2).tolist()
    [[False, True, True, False]]
    """
    turned = mask[::-1, ::-1]  # a window of even size has one more cell before than after its own
    return windows_touching(turned, size)[::-1, ::-1]


def widened(mask: Bools, cells: float) -> Bools:
    """``mask`` and all cells with centres within ``cells`` of one of its cells."""
    from scipy.ndimage import distance_transform_edt

    if cells <= 0 or not mask.any():
        return mask.copy()
    return np.asarray(distance_transform_edt(~mask) <= cells)


def nearest_place(at: ArrayLike, shape: tuple[int, int]) -> Ints:
    """Row of ``at`` that is nearest to each cell, ``(rows, columns)``."""
    from scipy.ndimage import distance_transform_edt

    at = np.asarray(at, dtype=np.int64).reshape(-1, 2)
    place = np.full(shape, -1)
    place[at[::-1, 0], at[::-1, 1]] = np.arange(len(at))[::-1]
    rows, columns = distance_transform_edt(place < 0, return_distances=False, return_indices=True)
    return np.asarray(place[rows, columns])


def crs_name(crs: CRS) -> str:
    """``EPSG:n`` if the CRS has a code, else its name."""
    code = crs.to_epsg()
    return f"EPSG:{code}" if code else crs.name
