"""Supporting rasters onto the evidence grid."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from orecast.arrays import Floats32
from orecast.config import Config, Layer
from orecast.errors import AlignmentError
from orecast.evidence.nouns import Evidence
from orecast.grid import Bounds, Grid, crs_name

if TYPE_CHECKING:
    from orecast.survey.nouns import Raster, Survey


_MUCH_FINER = 0.5  # of the grid's cell: below it a cell is averaged, not sampled


def with_rasters(evidence: Evidence, survey: Survey, config: Config) -> Evidence:
    """Add the survey's supporting rasters, each as its table in the configuration says."""
    tables = {layer.name or layer.path.stem: layer for layer in config.layers}
    for raster in survey.rasters:
        options = tables.get(raster.name, Layer(path=Path(raster.source)))
        values, how = align(raster, evidence.grid, categories=options.categories)
        if options.align == "pixels":
            how = "placed by row and column, as asked, its header put aside"
        evidence = evidence.adding(
            raster.name,
            values,
            kind="raster",
            origin=f"{Path(raster.source).name}, {how}",
            reach=options.reach or 2 * _cell_in_metres(raster.grid, evidence.grid),
        )
    return evidence


def align(raster: Raster, grid: Grid, *, categories: bool = False) -> tuple[Floats32, str]:
    """Values at the grid's cells by CRS and transform, ``(rows, columns)``, and how, in words.

    Classes take the nearest cell, or the most frequent one where the raster is much finer;
    quantities are interpolated bilinearly, or averaged where it is much finer. Nodata takes no part
    in either, and where only nodata lies a cell is NaN. Raises AlignmentError, with both extents,
    where the two do not overlap or no value falls on the grid.
    """
    if raster.grid == grid:
        return raster.values.astype(np.float32), "on the same grid"
    extent = _bounds_in(raster.grid, grid)
    if not extent.overlaps(grid.bounds):
        raise _apart(raster, grid, extent, "does not overlap the survey's grid")
    much_finer = _cell_in_metres(raster.grid, grid) < _MUCH_FINER * min(grid.cell_size)
    name = {
        (False, False): "bilinear",
        (False, True): "average",
        (True, False): "nearest",
        (True, True): "mode",
    }[categories, much_finer]
    values = _warp(raster, grid, name)
    if np.isnan(values).all():
        raise _apart(raster, grid, extent, "has no value on the survey's grid")
    words = {"nearest": "nearest cell", "mode": "most frequent class", "average": "averaged"}
    return values, f"{words.get(name, name)} from {crs_name(raster.grid.crs)}"


def _warp(raster: Raster, grid: Grid, resampling: str) -> Floats32:
    from rasterio.crs import CRS
    from rasterio.warp import Resampling, reproject

    values = np.full(grid.shape, np.nan, dtype=np.float32)
    reproject(
        np.ascontiguousarray(raster.values, dtype=np.float32),
        values,
        src_transform=raster.grid.transform,
        src_crs=CRS.from_wkt(raster.grid.crs.to_wkt()),
        src_nodata=np.nan,
        dst_transform=grid.transform,
        dst_crs=CRS.from_wkt(grid.crs.to_wkt()),
        dst_nodata=np.nan,
        resampling=Resampling[resampling],
    )
    return values


def _bounds_in(source: Grid, grid: Grid) -> Bounds:
    """Outer edges of a raster in another grid's CRS."""
    if source.crs == grid.crs:
        return source.bounds
    from pyproj import Transformer

    transformer = Transformer.from_crs(source.crs, grid.crs, always_xy=True)
    return Bounds(*transformer.transform_bounds(*source.bounds))


def _cell_in_metres(source: Grid, grid: Grid) -> float:
    """Longer side of a raster's cell in the units of the grid's CRS."""
    bounds = _bounds_in(source, grid)
    rows, columns = source.shape
    return max((bounds.east - bounds.west) / columns, (bounds.north - bounds.south) / rows)


def _apart(raster: Raster, grid: Grid, extent: Bounds, what: str) -> AlignmentError:
    return AlignmentError(
        f"{what}. The layer: {extent}. The survey: {grid.bounds} ({crs_name(grid.crs)})",
        where=f"layer {raster.name} ({raster.source})",
        remedy='correct its CRS or transform, or, where its header is wrong, set align = "pixels"',
    )
