"""Read one band of a raster as a north-up grid with a CRS; write GeoTIFFs."""

from __future__ import annotations

import glob
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from affine import Affine
from numpy.typing import NDArray

from orecast.capacity import require_memory
from orecast.errors import AlignmentError, ConfigError, InputError
from orecast.grid import Bounds, Grid
from orecast.survey.data import Findings, Raster, Region, listed
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
# Numbers that programs write where a raster has no value. A magnitude above _MOST is never a value.
_VOIDS = (
    -999.0,
    999.0,
    -9999.0,
    9999.0,
    -99999.0,
    99999.0,
    -999999.0,
    999999.0,
    -32768.0,
    -32767.0,
    32767.0,
    -2147483648.0,
    -2147483647.0,
    2147483647.0,
)
_VOIDS_UNSIGNED = {"uint8": 255.0, "uint16": 65535.0, "uint32": 4294967295.0}
_MOST = 1e30
_ISOLATED, _FREQUENT = 0.25, 0.01  # of the range of the other values; of the cells with a value


def is_raster(path: Path) -> bool:
    """Whether a file name has the suffix of a raster."""
    return path.suffix.lower() in RASTERS


def read_raster(
    path: Path,
    *,
    name: str | None = None,
    crs: str | None,
    setting: str,
    findings: Findings,
    band: int | None = None,
    nodata: Sequence[float] | None = None,
) -> Raster:
    """Read one band of a raster as float32; cells without a value become NaN.

    Scale and offset are applied. ``nodata`` are further values that mark cells without data; by
    default the known codes are used where they lie apart from all other values. A raster with its
    first row in the south, or its first column in the east, is turned. Each such step is a finding.

    Raises InputError for a missing or broken file, complex or infinite values, no CRS, or several
    bands without ``band``, and AlignmentError for a rotated transform.
    """
    values, own, transform = _opened(path, findings, band, nodata, setting)
    known = file_crs(own, crs, str(path), f"{setting}.crs")
    values, transform = _north_up(values, transform, str(path), findings)
    return Raster(name or path.stem, _grid(path, known, transform, values.shape), values, str(path))


def read_values(
    path: Path,
    findings: Findings,
    band: int | None = None,
    nodata: Sequence[float] | None = None,
    setting: str = "",
) -> NDArray[np.float32]:
    """Read a raster's band ``(rows, columns)`` and ignore its georeference."""
    return _opened(path, findings, band, nodata, setting)[0]


def place_of(path: Path) -> tuple[CRS, Bounds] | None:
    """The CRS and extent in a raster's header; None without a CRS.

    Raises AlignmentError for a rotated transform.
    """
    values, crs, transform = _opened(path, Findings(), None, (), "")
    if crs is None:
        return None
    crs = file_crs(crs, None, str(path), "layers.crs")
    values, transform = _north_up(values, transform, str(path), Findings())
    return crs, _grid(path, crs, transform, values.shape).bounds


def read_placed(
    path: Path,
    name: str | None,
    align: Literal["crs", "pixels"],
    crs: str | None,
    setting: str,
    region: Region,
    findings: Findings,
    *,
    band: int | None = None,
    nodata: Sequence[float] | None = None,
) -> Raster:
    """Read a supporting layer or marked cells by the position in the header, or by "pixels".

    Placed by its header, a raster keeps its own grid. Raises AlignmentError, with both extents, if
    it does not overlap the survey.
    """
    where = str(path) if name is None else f"{path}, layer {name}"
    if align == "pixels":
        values = read_values(path, findings, band, nodata, setting)
        values = on_pixels(values, region.grid, where, findings)
        assert region.grid is not None  # on_pixels refused otherwise
        return Raster(name or path.stem, region.grid, values, str(path))
    raster = read_raster(
        path, name=name, crs=crs, setting=setting, findings=findings, band=band, nodata=nodata
    )
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


def _opened(
    path: Path,
    findings: Findings,
    band: int | None,
    nodata: Sequence[float] | None,
    setting: str,
) -> tuple[NDArray[np.float32], CRS | None, Affine]:
    import rasterio
    from pyproj import CRS
    from pyproj.exceptions import CRSError
    from rasterio.enums import ColorInterp
    from rasterio.errors import RasterioError

    require_file(path)
    require_utf8(path)
    number = band or 1
    try:
        with rasterio.open(path) as source:
            kinds, titles = source.dtypes, source.descriptions
            if source.count == 2 and source.colorinterp[1] == ColorInterp.alpha:
                kinds, titles = kinds[:1], titles[:1]  # the second band is a mask of the first
            own = CRS.from_wkt(source.crs.to_wkt()) if source.crs else None
            transform = source.transform
            require_held(path, source.shape, abs(transform.a))
            scale, offset = (part[number - 1 :] for part in (source.scales, source.offsets))
            readable = number <= len(kinds) and not kinds[number - 1].startswith("complex")
            if readable and (band is not None or len(kinds) == 1):
                masked = source.read(number, masked=True)
    except (RasterioError, CRSError, OSError) as error:
        why = in_short(error.__cause__ or error)
        raise InputError(
            f"the file cannot be opened as a raster ({why})",
            where=str(path),
            remedy="export it again as GeoTIFF",
        ) from None
    _require_band(path, band, titles, setting)
    if not readable:
        raise InputError(
            "the raster has complex numbers",
            where=str(path),
            remedy="save their real part or amplitude",
        )
    kind = kinds[number - 1]
    missing = np.ma.getmaskarray(masked) | _voids(masked, kind, nodata, path, setting, findings)
    values = _scaled(masked.data, scale[0], offset[0], path, findings)
    values[missing] = np.nan
    infinite = np.argwhere(np.isinf(values))
    if len(infinite):
        row, column = infinite[0]
        raise InputError(
            f"{len(infinite)} infinite value(s), the first at row {row}, column {column}",
            where=f"{path}, layer {path.stem}",
            remedy="set them to nodata",
        )
    return values, own, transform


def _require_band(path: Path, band: int | None, titles: Sequence[str | None], setting: str) -> None:
    """Refuse several bands without a choice, and a band that is not there."""
    bands = [f"{k} ({title})" if title else str(k) for k, title in enumerate(titles, 1)]
    if band is None and len(bands) > 1:
        layer = setting.startswith("layers")
        raise InputError(
            f"the raster has {len(bands)} bands; one is needed. The bands: {listed(bands)}",
            where=str(path),
            remedy=f"set {setting}.band to the number of one band, such as band = 1"
            if layer
            else "save each band to its own file; or, for a supporting layer, add [[layers]] with "
            f'path = "{path.name}" and band = 1',
        )
    if band is not None and band > len(bands):
        raise ConfigError(
            f"there is no band {band}; the bands are {listed(bands)}",
            where=f"{setting}.band, {path}",
            remedy="set it to one of these numbers",
        )


def _voids(
    masked: np.ma.MaskedArray[Any, Any],
    kind: str,
    nodata: Sequence[float] | None,
    path: Path,
    setting: str,
    findings: Findings,
) -> NDArray[np.bool_]:
    """Cells with a value that marks missing data but is not declared in the header.

    ``nodata`` are these values. Without it, a known code is taken as void if it lies farther from
    all other values than a quarter of their range, and is in two cells (the largest whole number of
    an unsigned type: in 1 % of the cells).
    """
    data, seen = masked.data, ~np.ma.getmaskarray(masked)
    if data.dtype.kind == "f":
        seen &= ~np.isnan(data)
    found = np.zeros(data.shape, dtype=bool)
    if nodata is not None:
        for code in nodata:
            found |= _equal(data, code)
        return np.asarray(found & seen)
    huge = np.zeros_like(found)
    if data.dtype.kind == "f":
        huge = seen & (np.abs(data) >= _MOST) & np.isfinite(data)
    unsigned = _VOIDS_UNSIGNED.get(kind)
    codes = _VOIDS if unsigned is None else (*_VOIDS, unsigned)
    at = {code: cells for code in codes if (cells := seen & _equal(data, code)).any()}
    others = data[seen & ~huge & ~np.logical_or.reduce([found, *at.values()])]
    taken: dict[float, int] = {}
    like: dict[float, int] = {}
    total = max(1, int(seen.sum()))
    for code, cells in at.items():
        n = int(cells.sum())
        often = n >= _FREQUENT * total
        if not len(others):
            continue
        low, high = float(others.min()), float(others.max())
        gap, width = max(low - code, code - high), high - low
        apart = gap > _ISOLATED * width and (code < 0 or width > 0)
        if apart and (often if code == unsigned else n > 1):
            found |= cells
            taken[code] = n
        elif gap > 0 and (apart or often):
            like[code] = n
    if huge.any():
        found |= huge
        taken[float(data[huge][0])] = int(huge.sum())
    key = setting if setting.startswith(("layers", "gridded")) else ""
    if taken:
        smallest = min(map(abs, taken))
        findings.warning(
            "undeclared-void",
            str(path),
            f"{_counted(taken)} is not declared as nodata in the header, and lies far from all "
            "other values; these cells are read as cells without a value",
            f"if these are true values, set {key}.nodata = []" if key and smallest < _MOST else "",
            cells={f"{code:g}": n for code, n in taken.items()},
        )
    if like:
        findings.warning(
            "void-like-value",
            str(path),
            f"{_counted(like)} may mark cells without a value; it is used as a value",
            f"if it marks missing data, set {key}.nodata = "
            f"[{', '.join(f'{code:g}' for code in like)}]"
            if key
            else "if it marks missing data, declare it as nodata in the file",
            cells={f"{code:g}": n for code, n in like.items()},
        )
    return found


def _equal(data: NDArray[Any], code: float) -> NDArray[np.bool_]:
    """Cells that hold a code, with the tolerance of single precision."""
    if data.dtype.kind == "f":
        return np.asarray(np.abs(data - code) <= 1e-6 * abs(code))
    return np.asarray(data == code)


def _counted(codes: Mapping[float, int]) -> str:
    return ", ".join(f"the value {code:.7g} ({n:,} cells)" for code, n in codes.items())


def _scaled(
    data: NDArray[Any], scale: float, offset: float, path: Path, findings: Findings
) -> NDArray[np.float32]:
    """Values times the scale plus the offset of the header."""
    if scale == 1 and offset == 0:
        with np.errstate(over="ignore"):
            return data.astype(np.float32)
    if scale == 0 or not np.isfinite([scale, offset]).all():
        raise InputError(
            f"the header gives a scale of {scale:g} and an offset of {offset:g}",
            where=str(path),
            remedy="correct the scale and the offset of the file",
        )
    findings.info(
        "scaled-raster",
        str(path),
        f"values are the stored numbers times {scale:g}, plus {offset:g}: scale and offset of the "
        "header",
        scale=scale,
        offset=offset,
    )
    return (data.astype(np.float64) * scale + offset).astype(np.float32)


def _north_up(
    values: NDArray[np.float32], transform: Affine, where: str, findings: Findings
) -> tuple[NDArray[np.float32], Affine]:
    """Values with the first row in the north and the first column in the west, as a map is."""
    t, (rows, columns) = transform, values.shape
    if t.is_identity:
        raise AlignmentError(
            "the header gives no position of the cells",
            where=where,
            remedy="georeference it (QGIS: Layer > Georeferencer), or copy the world file that "
            "belongs to it, such as .tfw, into its folder",
        )
    if t.b != 0 or t.d != 0:
        return values, transform  # rotated: the grid refuses it
    if t.e > 0:
        values, t = values[::-1], Affine(t.a, 0, t.c, 0, -t.e, t.f + rows * t.e)
    if t.a < 0:
        values, t = values[:, ::-1], Affine(-t.a, 0, t.c + columns * t.a, 0, t.e, t.f)
    if t != transform:
        edge = "row is in the south" if transform.e > 0 else "column is in the east"
        findings.info("turned-raster", where, f"its first {edge}; it is turned to north-up")
    return np.ascontiguousarray(values), t


def _grid(path: Path, crs: CRS, transform: Affine, shape: tuple[int, ...]) -> Grid:
    try:
        return Grid(crs, transform, (shape[0], shape[1]))
    except AlignmentError as error:
        raise AlignmentError(error.what, where=str(path), remedy=error.remedy) from None
