"""Targets as polygons around the best cells; numbered tiles of the map."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from orecast import config
from orecast.arrays import Floats, Ints
from orecast.errors import AlignmentError, ConfigError, RunError
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


def write_tiles(tiles: gpd.GeoDataFrame, folder: Path) -> None:
    """Write ``tiles.gpkg`` and ``tiles.csv``; raises RunError if they cannot be written."""
    import pyogrio

    try:
        pyogrio.write_dataframe(tiles, folder / "tiles.gpkg", layer="tiles", driver="GPKG")
        table = tiles.drop(columns="geometry").round({"score_max": 4, "score_mean": 4})
        table.to_csv(folder / "tiles.csv", index=False, encoding="utf-8")
    except (OSError, RuntimeError) as error:
        raise RunError(
            f"the tiles cannot be written ({error})",
            where=str(folder),
            remedy="free disk space, or choose an output folder that you can write to",
        ) from error


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
    areas = _ranked(_connected(classes_values, options.smallest), score, classes_values)
    areas = areas[: options.most]
    reasons = _reasons(top_elements, areas)
    rows = [
        _row(rank, cells, score, classes_values, grid, uncertainty, reasons[rank - 1])
        for rank, cells in enumerate(areas, start=1)
    ]
    targets = _frame(rows, _polygons(areas, grid), grid, deposits)
    return _measured(targets, areas, extra or {})


def over_cells(values: NDArray[Any], how: Callable[[NDArray[Any]], Any] = np.mean) -> Measure:
    """Measure targets by a map: ``how`` (the mean) of its known values at a target's cells.

    ``values`` ``(rows, columns)``, NaN where unknown. The mean of a mask is the share of the target
    inside it. NaN for a target without known values.
    """

    def measure(areas: list[Ints]) -> list[float]:
        return [_summed_up(_at(values, cells), how) for cells in areas]

    return measure


def _measured(
    targets: gpd.GeoDataFrame, areas: list[Ints], extra: Mapping[str, Measure]
) -> gpd.GeoDataFrame:
    """Targets with one more column for each measure, before the column of outlines."""
    for name, measure in extra.items():
        if name in targets:
            raise ConfigError(
                "targets already have this column",
                where=f"column {name!r}",
                remedy="choose another name",
            )
        targets[name] = np.asarray(measure(areas), dtype=np.float64)
    outline = targets.geometry.name
    return targets[[*(name for name in targets.columns if name != outline), outline]]


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


def _ranked(
    areas: list[Ints], score: NDArray[np.floating], classes_values: NDArray[np.uint8]
) -> list[Ints]:
    def key(cells: Ints) -> tuple[float, ...]:
        scores = _at(score, cells)
        best_class = float(_at(classes_values, cells).min())
        return best_class, -float(scores.max()), -float(scores.mean()), -len(cells)

    return sorted(areas, key=key)


def _row(
    rank: int,
    cells: Ints,
    score: NDArray[np.floating],
    classes_values: NDArray[np.uint8],
    grid: Grid,
    uncertainty: NDArray[np.floating] | None,
    top_elements: str,
) -> dict[str, Any]:
    scores = _at(score, cells)
    best = cells[scores.argmax()]
    x, y = grid.xy(best)[0]
    return {
        "rank": rank,
        "class": NAMES[int(_at(classes_values, cells).min()) - 1],
        "area_km2": len(cells) * grid.cell_area / 1e6,
        "score_max": float(scores.max()),
        "score_mean": float(scores.mean()),
        "top_elements": top_elements,
        "uncertainty_mean": math.nan
        if uncertainty is None
        else _summed_up(_at(uncertainty, cells), np.mean),
        "x": float(x),
        "y": float(y),
    }


def _reasons(top_elements: Reasons | None, areas: list[Ints]) -> list[str]:
    if callable(top_elements):
        return top_elements(areas)
    by_rank = top_elements or {}
    return [by_rank.get(rank, "") for rank in range(1, len(areas) + 1)]


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
    return [shapely.geometry.MultiPolygon(_valid(polygons)) for polygons in parts]


def _valid(polygons: list[Any]) -> list[Any]:
    import shapely

    whole = shapely.union_all(shapely.make_valid(np.array(polygons)))
    return [part for part in shapely.get_parts(whole) if part.geom_type == "Polygon"]


def _frame(
    rows: list[dict[str, Any]],
    polygons: list[Any],
    grid: Grid,
    deposits: gpd.GeoDataFrame | None,
) -> gpd.GeoDataFrame:
    import geopandas as gpd
    import pandas as pd
    from pyproj import Transformer

    table = pd.DataFrame(rows, columns=list(COLUMNS)).astype(
        {name: "float64" for name in COLUMNS if name not in ("rank", "class", "top_elements")}
    )
    table = table.astype({"rank": "int64", "class": "str", "top_elements": "str"})
    targets = gpd.GeoDataFrame(table, geometry=polygons, crs=grid.crs)
    to_lonlat = Transformer.from_crs(grid.crs, "EPSG:4326", always_xy=True)
    targets["lon"], targets["lat"] = to_lonlat.transform(table["x"], table["y"])
    targets["nearest_deposit_km"] = _nearest_deposit_km(polygons, grid, deposits)
    return targets


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


def _at(values: NDArray[Any], cells: Ints) -> NDArray[Any]:
    return np.asarray(values[cells[:, 0], cells[:, 1]])


def _summed_up(values: NDArray[Any], how: Callable[[NDArray[Any]], Any]) -> float:
    known = values[~np.isnan(values)]
    return float(how(known)) if known.size else math.nan
