"""The map summed up by numbered tiles, as the published prospect maps are."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from orecast.errors import RunError
from orecast.grid import Grid
from orecast.mapping.classes import NAMES
from orecast.samples.tiles import tile_sampling

if TYPE_CHECKING:
    import geopandas as gpd


def number_tiles(
    score: NDArray[np.floating],
    classes_values: NDArray[np.uint8],
    grid: Grid,
    down: int,
    across: int,
    deposits: NDArray[np.int64],
) -> gpd.GeoDataFrame:
    """Return ``down * across`` numbered tiles with their scores, best class, and known ore.

    ``score`` and ``classes_values`` (1 A, 2 B, 3 C, 0 none, 255 nodata) are ``(rows, columns)``;
    ``deposits`` the known deposits' cells ``(n, 2)``. Columns: ``number`` from 1 in the
    north-west, ``known_ore``, ``class`` ("" for none), ``score_max``, ``score_mean`` (NaN where the
    tile has no data). Raises ConfigError where the tiles do not fit the grid.
    """
    import geopandas as gpd
    from shapely.geometry import box

    numbers = grid.numbered_tiles(down, across)
    ore = tile_sampling(numbers, deposits).y == 1
    rows = []
    for number in range(1, down * across + 1):
        r, c = np.nonzero(numbers == number)
        values, best = score[r, c], classes_values[r, c]
        known = values[np.isfinite(values)]
        classed = best[(best >= 1) & (best <= len(NAMES))]
        corner = grid.xy([[r.max(), c.min()], [r.min(), c.max()]])
        half = np.array(grid.cell_size) / 2
        rows.append(
            {
                "number": number,
                "known_ore": bool(ore[number - 1]),
                "class": NAMES[int(classed.min()) - 1] if classed.size else "",
                "score_max": float(known.max()) if known.size else math.nan,
                "score_mean": float(known.mean()) if known.size else math.nan,
                "geometry": box(*(corner[0] - half), *(corner[1] + half)),
            }
        )
    return gpd.GeoDataFrame(rows, geometry="geometry", crs=grid.crs)


def write_tiles(tiles: gpd.GeoDataFrame, folder: Path) -> None:
    """Write ``tiles.gpkg`` and ``tiles.csv``; raises RunError where they cannot be written."""
    import pyogrio

    try:
        pyogrio.write_dataframe(tiles, folder / "tiles.gpkg", layer="tiles", driver="GPKG")
        table = tiles.drop(columns="geometry").round({"score_max": 4, "score_mean": 4})
        table.to_csv(folder / "tiles.csv", index=False, encoding="utf-8")
    except (OSError, RuntimeError) as error:
        raise RunError(
            f"the tiles cannot be written ({error})",
            where=str(folder),
            remedy="free space or name a writable output folder",
        ) from error
