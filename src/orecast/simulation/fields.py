"""Random fields, and the terrain made from them."""

from __future__ import annotations

import heapq
import math
from typing import TYPE_CHECKING

import numpy as np
from scipy import fft
from scipy.special import kv, loggamma, ndtr, ndtri

from orecast.arrays import Floats, Ints
from orecast.grid import Bounds, Grid

if TYPE_CHECKING:
    from scipy.sparse import csc_matrix


def gaussian_fields(
    grid: Grid, length: float, count: int, rng: np.random.Generator, *, smoothness: float = 0.5
) -> Floats:
    """Independent stationary fields of mean 0 and variance 1, ``(count, rows, columns)``.

    Matérn covariance of the given ``smoothness`` (0.5 is the exponential), ``length`` its length
    scale in metres. Drawn exactly on a torus of twice the grid's sides, whose few negative
    eigenvalues are cut (Dietrich & Newsam 1997, SIAM J. Sci. Comput. 18, 1088).
    """
    rows, columns = (fft.next_fast_len(2 * n) for n in grid.shape)
    width, height = grid.cell_size
    dy = np.minimum(np.arange(rows), rows - np.arange(rows)) * height
    dx = np.minimum(np.arange(columns), columns - np.arange(columns)) * width
    h = np.sqrt(smoothness) * (np.hypot(dy[:, None], dx[None, :]) / (length / math.sqrt(2)))
    covariance = np.ones_like(h)
    apart = h[h > 0]
    # in logarithms, so that large factors do not overflow
    rise = (1 - smoothness) * np.log(2) - loggamma(smoothness) + smoothness * np.log(apart)
    covariance[h > 0] = np.exp(rise) * kv(smoothness, apart)
    eigenvalues = np.clip(fft.fft2(covariance).real, 0, None)
    amplitude = np.sqrt(eigenvalues / eigenvalues.mean())
    noise = rng.standard_normal((count, rows, columns))
    fields = fft.ifft2(amplitude * fft.fft2(noise)).real
    return np.ascontiguousarray(fields[:, : grid.shape[0], : grid.shape[1]])


def standardised(field: Floats) -> Floats:
    """Shift and scale to mean 0 and standard deviation 1; a constant becomes 0."""
    spread = float(field.std())
    return (field - field.mean()) / spread if spread > 0 else np.zeros_like(field)


def uniform(field: Floats) -> Floats:
    """Transform a field to values between 0 and 1 by the normal distribution function."""
    return np.asarray(ndtr(standardised(field)))


def shuffled_normal(count: int, rng: np.random.Generator) -> Floats:
    """The quantiles of a standard normal in random order: its spread does not vary by seed."""
    return np.asarray(rng.permutation(ndtri((np.arange(count) + 0.5) / max(count, 1))))


_NEIGHBOURS = [(-1, 0), (0, -1), (0, 1), (1, 0), (-1, -1), (-1, 1), (1, -1), (1, 1)]


def elevation(grid: Grid, relief: float, rng: np.random.Generator) -> Floats:
    """Heights in metres above the lowest point, ``(rows, columns)``: an eroded, drained relief.

    Rivers find their way over a random surface; the heights are then those of rivers in balance
    with uplift, whose slope falls with the root of their catchment (the stream-power law; Whipple
    & Tucker 1999, Journal of Geophysical Research 104, 17661).
    """
    wide = _widened(grid)
    extent = max(wide.shape[0] * wide.cell_size[1], wide.shape[1] * wide.cell_size[0])
    ranges = gaussian_fields(wide, extent / 4, 1, rng, smoothness=1.5)[0]
    ridges = gaussian_fields(wide, extent / 20, 1, rng, smoothness=0.5)[0]
    height = ranges + 0.5 * ridges
    for _ in range(2):
        height = _in_balance(flow_receivers(height), wide)
    margin = (wide.shape[0] - grid.shape[0]) // 2
    height = height[margin : margin + grid.shape[0], margin : margin + grid.shape[1]]
    height = height - height.min()
    return np.asarray(height * relief / height.max())


def flow_receivers(height: Floats) -> Ints:
    """The cell that each cell drains to, as flat numbers ``(rows * columns,)``; -1 off the edge.

    Priority-flood with flow directions: every cell has a way to the edge, pits are flooded and
    drained over their lowest outlet (Barnes, Lehman & Mulla 2014, Computers & Geosciences 62, 117).
    Within a flooded pit the way follows its bed.
    """
    rows, columns = height.shape
    level = height.ravel().tolist()
    receiver = [-2] * (rows * columns)
    queue: list[tuple[float, float, int]] = []
    edge = np.ones((rows, columns), dtype=bool)
    edge[1:-1, 1:-1] = False
    for cell in np.flatnonzero(edge).tolist():
        receiver[cell] = -1
        queue.append((level[cell], level[cell], cell))
    heapq.heapify(queue)
    while queue:
        reached, _, cell = heapq.heappop(queue)
        row, column = divmod(cell, columns)
        for down, right in _NEIGHBOURS:
            r, c = row + down, column + right
            if not (0 <= r < rows and 0 <= c < columns):
                continue
            other = r * columns + c
            if receiver[other] == -2:
                receiver[other] = cell
                heapq.heappush(queue, (max(reached, level[other]), level[other], other))
    return np.array(receiver, dtype=np.int64)


def carried(
    source: Floats, receivers: Ints, shape: tuple[int, int], cell: float, transport: float
) -> Floats:
    """Sum of ``source`` over each cell's catchment, ``(k, n)`` in and out.

    A contribution falls to 1/e over ``transport`` metres of the way downstream; with an infinite
    one the sum of ones is the drainage area in cells. What passes a cell is its own source and
    what its upstream neighbours hand on, a sparse linear system that one factorisation solves.
    """
    from scipy.sparse.linalg import splu

    step = _steps(receivers, shape[1]) * cell
    handed_on = _downstream(receivers, np.exp(-step / transport))
    return np.ascontiguousarray(splu(handed_on).solve(np.ascontiguousarray(source.T)).T)


def stream_sediment(
    rock: Floats, receivers: Ints, cell: float, transport: float
) -> tuple[Floats, Floats]:
    """Composition of the sediment at each cell, and the drainage area there in cells.

    ``rock`` is ``(n_elements, rows, columns)`` in mg/kg. Sediment is the mean of the catchment's
    rock, each place weighted by the way its material has come; concentrations mix linearly, so a
    composition stays one and an anomaly is diluted as tributaries join.
    """
    shape = rock.shape[1:]
    flat = np.vstack([rock.reshape(len(rock), -1), np.ones(shape).reshape(1, -1)])
    mixed = carried(flat, receivers, shape, cell, transport)
    area = carried(np.ones((1, receivers.size)), receivers, shape, cell, math.inf)
    return (mixed[:-1] / mixed[-1]).reshape(rock.shape), area.reshape(shape)


def cover_thickness(grid: Grid, height: Floats, length: float, rng: np.random.Generator) -> Floats:
    """Relative thickness of cover, mean 0 and standard deviation 1: thickest in the lowlands."""
    patches = gaussian_fields(grid, length, 1, rng, smoothness=1.5)[0]
    return standardised(patches - 0.8 * standardised(height))


def remoteness(grid: Grid, height: Floats, length: float, rng: np.random.Generator) -> Floats:
    """Relative remoteness, mean 0 and standard deviation 1: high ground, and far from roads."""
    roads = gaussian_fields(grid, length, 1, rng, smoothness=1.5)[0]
    return standardised(roads + 0.2 * standardised(height))


def _widened(grid: Grid) -> Grid:
    """The grid with a margin of an eighth: every edge of the drained surface is a coast."""
    margin = max(4, max(grid.shape) // 8)
    width, height = grid.cell_size
    west, south, east, north = grid.bounds
    bounds = Bounds(
        west - margin * width,
        south - margin * height,
        east + margin * width,
        north + margin * height,
    )
    return Grid.covering(bounds, width, grid.crs)


def _in_balance(receivers: Ints, grid: Grid) -> Floats:
    """Heights whose slope along the flow is one over the root of the catchment."""
    from scipy.sparse.linalg import splu

    ones = np.ones((1, receivers.size))
    area = carried(ones, receivers, grid.shape, grid.cell_size[0], math.inf)[0]
    rise = _steps(receivers, grid.shape[1]) / np.sqrt(area)
    climbing = splu(_downstream(receivers, np.ones(receivers.size)))
    return np.asarray(climbing.solve(rise, trans="T")).reshape(grid.shape)


def _downstream(receivers: Ints, share: Floats) -> csc_matrix:
    """The system (I - D): a cell's sum minus the shares that its neighbours pass on."""
    from scipy.sparse import csc_matrix, identity

    upstream = np.flatnonzero(receivers >= 0)
    n = receivers.size
    handed_on = csc_matrix((share[upstream], (receivers[upstream], upstream)), shape=(n, n))
    return csc_matrix(identity(n) - handed_on)


def _steps(receivers: Ints, columns: int) -> Floats:
    """Length of the way to the receiver, in cells: 1, or the root of 2 where it is diagonal."""
    cells = np.arange(receivers.size)
    same_row = cells // columns == receivers // columns
    same_column = cells % columns == receivers % columns
    straight = same_row | same_column | (receivers < 0)
    return np.where(straight, 1.0, math.sqrt(2))
