"""Read rasters, one band on a north-up grid with a CRS (others are refused); write GeoTIFFs."""

from __future__ import annotations

import glob
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from affine import Affine
from numpy.typing import NDArray

from orecast.capacity import require_memory
from orecast.errors import AlignmentError, InputError
from orecast.grid import Bounds, Grid
from orecast.survey.data import Findings, Raster, Region
from orecast.survey.projection import bounds_in, file_crs
from orecast.survey.tables import in_short, require_file, require_utf8
from orecast.survey.vectors import require_overlap

if TYPE_CHECKING:
    from pyproj import CRS

RASTERS = (".tif", ".tiff", ".asc", ".grd", ".img", ".vrt")

_SHAPES_MAY_DIFFER = 0.1
_OVERLAP_SHARE = 0.5
# Bytes per cell: value and mask, twice while nodata is filled; concentration (float64) and its
# censored flag, twice (alone and in the table of all elements).
_A_CELL, _A_CONCENTRATION = 14, 18


def is_raster(path: Path) -> bool:
    """Whether a file name has the suffix of a raster."""
    return path.suffix.lower() in RASTERS


def read_raster(path: Path, *, name: str | None = None, crs: str | None, setting: str) -> Raster:
    """Read a raster of one band; nodata becomes NaN, values float32.

    Raises InputError for a missing or broken file, several bands, no CRS, infinite values, and
    AlignmentError for a rotated transform.
    """
    values, own, transform = _opened(path)
    known = file_crs(own, crs, str(path), setting)
    return Raster(name or path.stem, _grid(path, known, transform, values.shape), values, str(path))


def read_values(path: Path) -> NDArray[np.float32]:
    """Read a raster's band ``(rows, columns)`` and ignore its georeference."""
    return _opened(path)[0]


def place_of(path: Path) -> tuple[CRS, Bounds] | None:
    """The CRS and extent in a raster's header; None without a CRS."""
    values, crs, transform = _opened(path)
    return None if crs is None else (crs, _grid(path, crs, transform, values.shape).bounds)


def read_placed(
    path: Path,
    name: str | None,
    align: Literal["crs", "pixels"],
    crs: str | None,
    setting: str,
    region: Region,
    findings: Findings,
) -> Raster:
    """Read a supporting layer or marked cells by the position in the header, or by "pixels".

    Placed by its header, a raster keeps its own grid. Raises AlignmentError, with both extents, if
    it does not overlap the survey.
    """
    where = str(path) if name is None else f"{path}, layer {name}"
    if align == "pixels":
        values = on_pixels(read_values(path), region.grid, where, findings)
        assert region.grid is not None  # on_pixels refused otherwise
        return Raster(name or path.stem, region.grid, values, str(path))
    raster = read_raster(path, name=name, crs=crs, setting=f"{setting}.crs")
    require_registered(raster.grid, region.grid, where, f"{setting}.align")
    theirs = bounds_in(raster.grid.bounds, raster.grid.crs, region.crs)
    what = f"the cells of {setting}"
    require_overlap(theirs, region.extent, what, where, "correct its georeference or its CRS")
    return raster


def on_pixels(
    values: NDArray[np.float32], reference: Grid | None, where: str, findings: Findings
) -> NDArray[np.float32]:
    """Place an array on the gridded survey's grid by row and column; crop, or pad with NaN.

    Raises AlignmentError without a gridded survey, or if the shapes differ by over a tenth.
    """
    if reference is None:
        raise AlignmentError(
            'align = "pixels" needs a gridded survey, and this survey has samples',
            where=where,
            remedy='set align = "crs"',
        )
    shape = reference.shape
    if not _similar(values.shape, shape):
        raise AlignmentError(
            f"its {_by(values.shape)} cells do not match the survey's {_by(shape)} cells",
            where=where,
            remedy='set align = "crs"',
        )
    placed = np.full(shape, np.nan, dtype=np.float32)
    rows, columns = min(values.shape[0], shape[0]), min(values.shape[1], shape[1])
    placed[:rows, :columns] = values[:rows, :columns]
    findings.warning(
        "aligned-by-pixels",
        where,
        f"its {_by(values.shape)} cells are placed on the survey's {_by(shape)} by row and column; "
        "the georeference in its header is ignored",
        "correct the file's georeference",
        shape=list(values.shape),
    )
    return placed


def require_registered(grid: Grid, survey: Grid | None, where: str, setting: str) -> None:
    """Refuse a raster with the gridded survey's shape and cell size that lies elsewhere.

    One of the two headers is wrong: coordinates would pair wrong cells, or none.

    Raises AlignmentError with both extents.
    """
    if survey is None or not _similar(grid.shape, survey.shape):
        return
    same_cells = np.allclose(grid.cell_size, survey.cell_size, rtol=1e-3)
    theirs, ours = grid.bounds, survey.bounds
    if grid.crs != survey.crs or not same_cells or _covered(theirs, ours) >= _OVERLAP_SHARE:
        return
    east, north = theirs.west - ours.west, theirs.north - ours.north
    raise AlignmentError(
        f"its {_by(grid.shape)} cells are like the survey's {_by(survey.shape)}, but its header "
        f"places them {abs(east) / 1000:.0f} km {'east' if east > 0 else 'west'} and "
        f"{abs(north) / 1000:.0f} km {'north' if north > 0 else 'south'} of it: its "
        f"extent is {theirs}; the survey's is {ours}",
        where=where,
        remedy=f'correct its georeference, or set {setting} = "pixels" if its rows and columns are '
        "those of the survey",
    )


def write_geotiff(
    path: Path,
    values: NDArray[np.floating],
    grid: Grid,
    *,
    name: str | None = None,
    tags: Mapping[str, str] | None = None,
    **options: Any,
) -> None:
    """Write one compressed float32 band ``(rows, columns)``, nodata NaN.

    ``name`` and ``tags`` describe the band and the file; ``options`` are GDAL's, for the driver.
    """
    from rasterio.io import MemoryFile

    options |= {"driver": "GTiff", "count": 1, "dtype": "float32", "nodata": np.nan}
    options |= {"height": grid.shape[0], "width": grid.shape[1], "transform": grid.transform}
    # Made in memory: on a full disk GDAL can write a truncated file without an error.
    with MemoryFile() as assembled:
        with assembled.open(crs=grid.crs.to_wkt(), compress="deflate", **options) as target:
            target.write(values.astype(np.float32, copy=False), 1)
            if name is not None:
                target.set_band_description(1, name)
            if tags:
                target.update_tags(**tags)
        path.write_bytes(assembled.getbuffer())


def matches(pattern: Path) -> list[Path]:
    """The files that match a pattern, sorted; for a folder, the rasters in it.

    Raises InputError if there are none.
    """
    if os.path.isdir(pattern):  # where a name is too long, Path.is_dir raises
        found = sorted(p for p in pattern.iterdir() if is_raster(p))
    else:
        found = sorted(Path(p) for p in glob.glob(str(pattern), recursive=True))
    if not found:
        plain = (p for p in (pattern, *pattern.parents) if not glob.has_magic(str(p)))
        folder = next(p if os.path.isdir(p) or p != pattern else p.parent for p in plain)
        there = os.path.isdir(folder)
        raise InputError(
            "no file matches" if there else f"there is no folder {folder}",
            where=str(pattern),
            remedy='write it as "folder/*.tif"'
            if there
            else "correct the path, or the environment variable in it, such as ORECAST_DATA",
        )
    return found


def require_held(path: Path, shape: tuple[int, int], cell: float, *, rasters: int = 1) -> None:
    """Raise CapacityError if one raster, or all of a gridded survey, do not fit into memory.

    ``cell`` is the width of a cell in the unit of the CRS.
    """
    rows, columns = shape
    size = float(rows) * columns * (_A_CELL if rasters == 1 else rasters * _A_CONCENTRATION)

    def remedy(fits: float) -> str:
        larger = f"{float(f'{cell * (size / fits) ** 0.5:.2g}'):g}"
        return (
            f"first warp to cells of {larger} or more (QGIS: Raster > Projections > Warp, or "
            f"gdalwarp -r average -tr {larger} {larger}), or crop to the survey's area (QGIS: "
            "Raster > Extraction > Clip, or gdalwarp -te)"
        )

    require_memory(
        size,
        f"{'a grid' if rasters == 1 else f'{rasters} rasters'} of {rows:,} x {columns:,} cells",
        where=str(path),
        remedy=remedy,
    )


def _similar(shape: tuple[int, ...], other: tuple[int, ...]) -> bool:
    return all(abs(a - b) <= _SHAPES_MAY_DIFFER * b for a, b in zip(shape, other, strict=True))


def _covered(theirs: Bounds, ours: Bounds) -> float:
    """Share of our extent that theirs covers."""
    wide = max(0.0, min(theirs.east, ours.east) - max(theirs.west, ours.west))
    high = max(0.0, min(theirs.north, ours.north) - max(theirs.south, ours.south))
    return wide * high / ((ours.east - ours.west) * (ours.north - ours.south))


def _by(shape: tuple[int, ...]) -> str:
    return " x ".join(str(n) for n in shape)


def _opened(path: Path) -> tuple[NDArray[np.float32], CRS | None, Affine]:
    import rasterio
    from pyproj import CRS
    from pyproj.exceptions import CRSError
    from rasterio.errors import RasterioError

    require_file(path)
    require_utf8(path)
    try:
        with rasterio.open(path) as source:
            bands = source.count
            kind = source.dtypes[0] if bands == 1 else ""
            own = CRS.from_wkt(source.crs.to_wkt()) if source.crs else None
            transform = source.transform
            require_held(path, source.shape, abs(transform.a))
            if bands == 1:
                masked = source.read(1, masked=True)
    except (RasterioError, CRSError, OSError) as error:
        why = in_short(error.__cause__ or error)
        raise InputError(
            f"the file cannot be opened as a raster ({why})",
            where=str(path),
            remedy="export it again as GeoTIFF",
        ) from None
    if bands != 1:
        raise InputError(
            f"the raster has {bands} bands; one is needed",
            where=str(path),
            remedy="save each band to its own file",
        )
    if kind.startswith("complex"):
        raise InputError(
            "the raster has complex numbers",
            where=str(path),
            remedy="save their real part or amplitude",
        )
    values = masked.astype(np.float32).filled(np.nan)
    infinite = np.argwhere(np.isinf(values))
    if len(infinite):
        row, column = infinite[0]
        raise InputError(
            f"{len(infinite)} infinite value(s), the first at row {row}, column {column}",
            where=f"{path}, layer {path.stem}",
            remedy="set them to nodata",
        )
    return values, own, transform


def _grid(path: Path, crs: CRS, transform: Affine, shape: tuple[int, ...]) -> Grid:
    try:
        return Grid(crs, transform, (shape[0], shape[1]))
    except AlignmentError as error:
        raise AlignmentError(error.what, where=str(path), remedy=error.remedy) from None
