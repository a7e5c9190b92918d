"""Align supporting rasters with the evidence grid."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from orecast.arrays import Floats32
from orecast.config import Config, Layer
from orecast.errors import AlignmentError
from orecast.evidence.layers import Evidence
from orecast.grid import Bounds, Grid, crs_name
from orecast.survey.projection import bounds_in

if TYPE_CHECKING:
    from orecast.survey.data import Raster, Survey


_MUCH_FINER = 0.5  # of the grid's cell: smaller raster cells are averaged, not sampled


def with_rasters(evidence: Evidence, survey: Survey, config: Config) -> Evidence:
    """Add the survey's supporting rasters by their tables in the configuration."""
    tables = {layer.name or layer.path.stem: layer for layer in config.layers}
    for raster in survey.rasters:
        options = tables.get(raster.name, Layer(path=Path(raster.source)))
        values, how = align(raster, evidence.grid, categories=options.categories)
        if options.align == "pixels":
            how = "placed by row and column; the georeference in its header is ignored"
        evidence = evidence.adding(
            raster.name,
            values,
            kind="raster",
            origin=f"{Path(raster.source).name}, {how}",
            reach=options.reach or 2 * _cell_in_metres(raster.grid, evidence.grid),
        )
    return evidence


def align(raster: Raster, grid: Grid, *, categories: bool = False) -> tuple[Floats32, str]:
    """Values at the grid's cells by position, ``(rows, columns)``, and the method as text.

    Classes take the nearest cell or, if the raster is much finer, the most frequent class.
    Quantities are interpolated bilinearly or, if it is much finer, averaged. Nodata is ignored; a
    cell with only nodata is NaN. Raises AlignmentError, with both extents, if the two do not
    overlap or the grid gets no value.
    """
    if raster.grid == grid:
        return raster.values.astype(np.float32), "on the same grid"
    extent = bounds_in(raster.grid.bounds, raster.grid.crs, grid.crs)
    if not extent.overlaps(grid.bounds):
        raise _alignment_error(raster, grid, extent, "the layer does not overlap the survey's grid")
    much_finer = _cell_in_metres(raster.grid, grid) < _MUCH_FINER * min(grid.cell_size)
    coarse, fine = ("nearest", "mode") if categories else ("bilinear", "average")
    name = fine if much_finer else coarse
    values = _warp(raster, grid, name)
    if np.isnan(values).all():
        raise _alignment_error(raster, grid, extent, "the layer has no value on the survey's grid")
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


def _cell_in_metres(source: Grid, grid: Grid) -> float:
    """Longer side of a raster's cell in the units of the grid's CRS."""
    bounds = bounds_in(source.bounds, source.crs, grid.crs)
    rows, columns = source.shape
    return max((bounds.east - bounds.west) / columns, (bounds.north - bounds.south) / rows)


def _alignment_error(raster: Raster, grid: Grid, extent: Bounds, what: str) -> AlignmentError:
    return AlignmentError(
        f"{what}. Extent of the layer: {extent}; of the survey: {grid.bounds} "
        f"({crs_name(grid.crs)})",
        where=f"layer {raster.name} ({raster.source})",
        remedy="correct the coordinate reference system or the position in its header; or, if its "
        'rows and columns are those of a gridded survey, set align = "pixels"',
    )
