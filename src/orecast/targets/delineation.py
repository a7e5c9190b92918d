"""Targets as polygons around the best cells; numbered tiles of the map."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from orecast import config
from orecast.arrays import Floats, Ints
from orecast.errors import AlignmentError, ConfigError
from orecast.grid import Grid
from orecast.mapping.classes import NAMES
from orecast.sampling.places import tile_sampling

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
    ``deposits`` are the known deposits' cells ``(n, 2)``. Columns: ``number`` from 1 in the
    north-west, ``known_ore``, ``class`` ("" for none), ``score_max``, ``score_mean`` (NaN for a
    tile without data). Raises ConfigError if the tiles do not fit the grid.
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


Reasons = Mapping[int, str] | Callable[[list[Ints]], list[str]]
Measure = Callable[[list[Ints]], Sequence[float]]
"""Takes the cells of all targets, each ``(n_cells, 2)``; returns one number for each target."""
COLUMNS = (
    "rank",
    "class",
    "area_km2",
    "score_max",
    "score_mean",
    "top_elements",
    "uncertainty_mean",
    "nearest_deposit_km",
    "x",
    "y",
    "lon",
    "lat",
)


def delineate(
    score: NDArray[np.floating],
    classes_values: NDArray[np.uint8],
    grid: Grid,
    *,
    deposits: gpd.GeoDataFrame | None,
    options: config.Targets,
    uncertainty: NDArray[np.floating] | None = None,
    top_elements: Reasons | None = None,
    extra: Mapping[str, Measure] | None = None,
) -> gpd.GeoDataFrame:
    """Turn a map of classes into targets, best first.

    A target is a connected area of cells in any class, with at least ``options.smallest`` cells;
    cells that touch at a corner are connected. A target has the best class of its cells: class A
    surrounded by B and C is one target, not three. Targets are ranked by class, then by highest
    score, then by mean score, then by area; the first ``options.most`` are kept.

    ``score``, ``classes_values`` (1 A, 2 B, 3 C, 0 none, 255 nodata) and ``uncertainty`` are
    ``(rows, columns)`` of the grid, in metres. ``top_elements`` explains a target: text by rank, or
    a function of all targets' cells, each ``(n_cells, 2)``; by default it is empty. ``extra`` gives
    further columns of numbers, each with its measure (see ``over_cells``).

    Returns multipolygons in the grid's CRS with ``COLUMNS`` and then those of ``extra``: ``x``,
    ``y`` and ``lon``, ``lat`` (WGS 84) at the cell of highest score, ``nearest_deposit_km`` from
    the polygon's edge, 0 if it contains a deposit, NaN without deposits. Raises AlignmentError if
    shapes differ or deposits have no CRS, ConfigError if ``extra`` has a column that exists
    already.
    """
    import pandas as pd

    maps: dict[str, NDArray[Any] | None] = {
        "score": score,
        "classes": classes_values,
        "uncertainty": uncertainty,
    }
    for name, values in maps.items():
        if values is not None and values.shape != grid.shape:
            raise AlignmentError(
                f"has shape {values.shape}, the grid {grid.shape}", where=f"map {name}"
            )

    def key(cells: Ints) -> tuple[float, ...]:
        scores, best_class = score[tuple(cells.T)], float(classes_values[tuple(cells.T)].min())
        return best_class, -float(scores.max()), -float(scores.mean()), -len(cells)

    areas = sorted(_connected(classes_values, options.smallest), key=key)[: options.most]
    targets = _table(areas, score, classes_values, grid, deposits)
    if callable(top_elements):
        reasons = top_elements(areas)
    else:
        reasons = [(top_elements or {}).get(rank, "") for rank in targets["rank"]]
    targets["top_elements"] = pd.Series(reasons, dtype="str")
    if uncertainty is not None:
        targets["uncertainty_mean"] = np.asarray(over_cells(uncertainty)(areas), dtype=np.float64)
    for name, measure in (extra or {}).items():
        if name in targets:
            raise ConfigError(
                "targets already have this column",
                where=f"column {name!r}",
                remedy="choose another name",
            )
        targets[name] = np.asarray(measure(areas), dtype=np.float64)
    return targets[[*targets.columns.drop("geometry"), "geometry"]]


def over_cells(values: NDArray[Any], how: Callable[[NDArray[Any]], Any] = np.mean) -> Measure:
    """Measure targets by a map: ``how`` (the mean) of its known values at a target's cells.

    ``values`` ``(rows, columns)``, NaN where unknown. The mean of a mask is the share of the target
    inside it. NaN for a target without known values.
    """

    def measure(areas: list[Ints]) -> list[float]:
        at = (values[tuple(cells.T)] for cells in areas)
        known = [there[~np.isnan(there)] for there in at]
        return [float(how(there)) if there.size else math.nan for there in known]

    return measure


def _connected(classes_values: NDArray[np.uint8], smallest: int) -> list[Ints]:
    """Cells of each 8-connected area in any class, ``(n_cells, 2)`` each, north-west first."""
    from scipy import ndimage

    in_class = (classes_values >= 1) & (classes_values <= len(NAMES))
    labels, n = ndimage.label(in_class, structure=np.ones((3, 3), dtype=np.int64))
    cells = np.argwhere(in_class)
    label = labels[in_class]
    order = np.argsort(label, kind="stable")
    ends = np.cumsum(np.bincount(label, minlength=n + 1)[1:])
    areas = np.split(cells[order], ends[:-1]) if n else []
    return [area for area in areas if len(area) >= smallest]


def _table(
    areas: list[Ints],
    score: NDArray[np.floating],
    classes_values: NDArray[np.uint8],
    grid: Grid,
    deposits: gpd.GeoDataFrame | None,
) -> gpd.GeoDataFrame:
    """Targets with ``COLUMNS``, which are empty where the maps of scores and classes give none."""
    import geopandas as gpd
    import pandas as pd
    from pyproj import Transformer

    scores = [score[tuple(cells.T)] for cells in areas]
    best = [cells[there.argmax()] for cells, there in zip(areas, scores, strict=True)]
    x, y = grid.xy(np.array(best)).T
    lon, lat = Transformer.from_crs(grid.crs, "EPSG:4326", always_xy=True).transform(x, y)
    polygons = _polygons(areas, grid)
    table = pd.DataFrame(
        {
            "rank": np.arange(1, len(areas) + 1),
            "class": [NAMES[int(classes_values[tuple(cells.T)].min()) - 1] for cells in areas],
            "area_km2": [len(cells) * grid.cell_area / 1e6 for cells in areas],
            "score_max": [float(there.max()) for there in scores],
            "score_mean": [float(there.mean()) for there in scores],
            "top_elements": [""] * len(areas),
            "uncertainty_mean": math.nan,
            "nearest_deposit_km": _nearest_deposit_km(polygons, grid, deposits),
            "x": x,
            "y": y,
            "lon": lon,
            "lat": lat,
        },
        columns=list(COLUMNS),
    )
    text = ("class", "top_elements")
    types = {name: "str" if name in text else "float64" for name in COLUMNS} | {"rank": "int64"}
    return gpd.GeoDataFrame(table.astype(types), geometry=polygons, crs=grid.crs)


def _polygons(areas: list[Ints], grid: Grid) -> list[Any]:
    """Outlines of the areas along the cells' edges, one valid multipolygon each."""
    import shapely
    from rasterio.features import shapes

    labels = np.zeros(grid.shape, dtype=np.int32)
    for number, cells in enumerate(areas, start=1):
        labels[cells[:, 0], cells[:, 1]] = number
    parts: list[list[Any]] = [[] for _ in areas]
    # 4-connected outlines do not cross themselves; cells that touch at a corner become a new part
    for outline, number in shapes(labels, mask=labels > 0, transform=grid.transform):
        parts[int(number) - 1].append(shapely.geometry.shape(outline))
    polygons = []
    for outlines in parts:
        whole = shapely.union_all(shapely.make_valid(np.array(outlines)))
        kept = [part for part in shapely.get_parts(whole) if part.geom_type == "Polygon"]
        polygons.append(shapely.geometry.MultiPolygon(kept))
    return polygons


def _nearest_deposit_km(
    polygons: list[Any], grid: Grid, deposits: gpd.GeoDataFrame | None
) -> Floats:
    import shapely

    if deposits is None or deposits.empty or not polygons:
        return np.full(len(polygons), np.nan)
    if deposits.crs is None:
        raise AlignmentError("the table has no CRS", where="deposits", remedy="set deposits.crs")
    points = shapely.union_all(deposits.geometry.to_crs(grid.crs).to_numpy())
    return np.asarray(shapely.distance(np.array(polygons), points) / 1000)
