"""Distance to faults on 1500 x 1500 cells beside SciPy's way, in one run.

    python benchmarks/fault_distance.py

Theirs: rasterio burns the lines, SciPy's exact Euclidean distance transform does the rest. It
knows nothing of faults beyond the grid's edge; the second case shows what that costs.
"""

from time import perf_counter

import numpy as np
from pyproj import CRS
from rasterio.features import rasterize
from scipy.ndimage import distance_transform_edt
from shapely import LineString, STRtree, points

from orecast.evidence.proximity import fault_distance
from orecast.grid import Bounds, Grid

SIDE, CELL = 1500, 100.0


def by_scipy(lines: list[LineString], grid: Grid) -> np.ndarray:
    burnt = rasterize(lines, grid.shape, transform=grid.transform, all_touched=True, dtype="uint8")
    return np.asarray(distance_transform_edt(burnt == 0, sampling=grid.cell_size[0]))


def random_faults(low: float, high: float, n: int = 300) -> list[LineString]:
    rng = np.random.default_rng(0)
    start = rng.uniform(low, high, (n, 1, 2))
    steps = rng.normal(0, 1500, (n, 8, 2)).cumsum(axis=1)
    return [LineString(np.clip(path, low, high)) for path in start + steps]


def largest_error(distance: np.ndarray, lines: list[LineString], grid: Grid) -> float:
    """Against the exact distance, at 20,000 cells."""
    chosen = np.random.default_rng(1).integers(0, distance.size, 20_000)
    _, exact = STRtree(lines).query_nearest(
        points(grid.centres()[chosen]), return_distance=True, all_matches=False
    )
    return float(np.abs(distance.ravel()[chosen] - exact).max())


def compare(title: str, lines: list[LineString], grid: Grid) -> None:
    line = f"{title:32s}"
    seconds = []
    for function in (fault_distance, by_scipy):
        durations = []
        for _ in range(3):
            start = perf_counter()
            distance = function(lines, grid)
            durations.append(perf_counter() - start)
        seconds.append(min(durations))
        line += f" {seconds[-1]:7.3f} s, off by {largest_error(distance, lines, grid):6.1f} m"
    print(f"{line}  {seconds[1] / seconds[0]:5.2f} x")


def main() -> None:
    side = SIDE * CELL
    grid = Grid.covering(Bounds(0, 0, side, side), CELL, CRS("EPSG:32645"))
    print(f"{'':32s} {'ours':>9s} {'':>16s} {'theirs':>9s} {'':>16s}  ratio")
    compare("all faults on the grid", random_faults(CELL, side - CELL), grid)
    compare("some faults beyond its edge", random_faults(-0.1 * side, 1.1 * side), grid)


if __name__ == "__main__":
    main()
