"""Predict a whole area, and write and read GeoTIFF files."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pyproj import CRS

from orecast.arrays import Ints
from orecast.errors import AlignmentError, InputError, RunError
from orecast.evidence import Evidence
from orecast.grid import Grid
from orecast.survey.data import Raster
from orecast.validation import Fitted


def predict_map(
    fitted: Fitted,
    evidence: Evidence,
    *,
    tile: int = 256,
    progress: Callable[[str, int, int], None] | None = None,
) -> NDArray[np.float32]:
    """Score every cell that has evidence, ``(rows, columns)``; NaN elsewhere.

    The map does not depend on the tile size: each cell's window is read from the whole stack.
    """
    return by_tiles(evidence, fitted.predict, tile, progress)


def by_tiles(
    evidence: Evidence,
    value: Callable[[Ints], NDArray[np.floating]],
    tile: int,
    progress: Callable[[str, int, int], None] | None,
) -> NDArray[np.float32]:
    """Value of the cells ``(n, 2)`` of each tile that have evidence; NaN elsewhere."""
    values = np.full(evidence.grid.shape, np.nan, dtype=np.float32)
    tiles = list(evidence.grid.tiles(tile))
    for k, part in enumerate(tiles):
        cells = np.argwhere(evidence.valid[part.rows, part.columns])
        cells += [part.rows.start, part.columns.start]
        if len(cells):
            values[cells[:, 0], cells[:, 1]] = value(cells)
        if progress:
            progress("tile", k + 1, len(tiles))
    return values


Colour = tuple[int, int, int, int]  # red, green, blue, opacity, 0..255
CLASS_NODATA = 255
CLASS_COLOURS: Mapping[int, Colour] = {
    0: (0, 0, 0, 0),
    1: (215, 25, 28, 255),
    2: (253, 141, 60, 255),
    3: (254, 217, 118, 255),
}


def write_raster(
    path: Path,
    values: NDArray[Any],
    grid: Grid,
    *,
    description: str,
    dtype: Literal["float32", "uint8"] = "float32",
    nodata: float | None = None,
    colours: Mapping[int, Colour] | None = None,
) -> None:
    """Write one band as a Cloud-Optimised GeoTIFF.

    ``values`` ``(rows, columns)`` of the grid's shape. A continuous map is "float32", with nodata
    NaN and overviews by average. A map of classes is "uint8", with nodata 255, overviews by the
    nearest cell, and the ``colours`` of its values, if given. DEFLATE with a predictor, tiles of
    512. ``description`` is the band's name, also in GIS programs. Raises AlignmentError if the
    shapes differ, RunError if the file cannot be written.
    """
    if values.shape != grid.shape:
        raise AlignmentError(
            f"values of shape {values.shape} do not fit a grid of shape {grid.shape}",
            where=str(path),
        )
    from rasterio.io import MemoryFile

    continuous = dtype == "float32"
    if nodata is None:
        nodata = math.nan if continuous else CLASS_NODATA
    # built in memory: on a full disk GDAL can write an incomplete file without an error
    with MemoryFile() as assembled:
        with assembled.open(
            driver="COG",
            dtype=dtype,
            count=1,
            height=grid.shape[0],
            width=grid.shape[1],
            crs=_rasterio_crs(grid.crs),
            transform=grid.transform,
            nodata=nodata,
            compress="DEFLATE",
            predictor="YES",
            blocksize=512,
            overview_resampling="AVERAGE" if continuous else "NEAREST",
        ) as target:
            target.write(values.astype(dtype, copy=False), 1)
            target.set_band_description(1, description)
            target.update_tags(TIFFTAG_SOFTWARE="orecast", TIFFTAG_IMAGEDESCRIPTION=description)
            if colours is not None:
                target.write_colormap(1, dict(colours))
        try:
            path.write_bytes(assembled.getbuffer())
        except OSError as error:
            raise RunError(
                f"the raster cannot be written ({error.strerror or error})",
                where=str(path),
                remedy="free disk space, or choose an output folder that you can write to",
            ) from error


def read_raster(path: Path) -> Raster:
    """Read one band written by ``write_raster``; nodata becomes NaN, values are float32.

    The raster's name is the band's description, or the file's name without its ending. Raises
    InputError if the file is missing, broken or has no CRS, AlignmentError if it is rotated.
    """
    import rasterio
    from rasterio.errors import RasterioError

    if not path.is_file():
        raise InputError("the raster does not exist", where=str(path), remedy="check the path")
    try:
        with rasterio.open(path) as source:
            values = source.read(1).astype(np.float32)
            crs, transform, nodata = source.crs, source.transform, source.nodata
            name = source.descriptions[0] or path.stem
    except RasterioError as error:
        raise InputError(f"the raster cannot be read ({error})", where=str(path)) from error
    if crs is None:
        raise InputError(
            "the raster has no CRS", where=str(path), remedy="assign a CRS to it in a GIS program"
        )
    if nodata is not None and not math.isnan(nodata):
        values[values == np.float32(nodata)] = np.nan
    return Raster(name, Grid(_pyproj_crs(crs), transform, values.shape), values, str(path))


def _rasterio_crs(crs: CRS) -> Any:
    from rasterio.crs import CRS as RasterioCRS

    code = crs.to_epsg()
    return RasterioCRS.from_epsg(code) if code else RasterioCRS.from_wkt(crs.to_wkt())


def _pyproj_crs(crs: Any) -> CRS:
    code = crs.to_epsg()
    return CRS.from_epsg(code) if code else CRS.from_wkt(crs.to_wkt())
