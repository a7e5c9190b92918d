"""Read the points, lines or polygons of vector files; other geometries are left out and counted."""

from __future__ import annotations

import os
import struct
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from orecast.config import Vectors
from orecast.errors import AlignmentError, InputError, require_among
from orecast.grid import Bounds
from orecast.survey.data import Findings, Region, listed
from orecast.survey.packed import address, require_one_inside, suffix_of
from orecast.survey.projection import file_crs, reprojected
from orecast.survey.tables import (
    InputTable,
    as_numbers,
    in_short,
    library_errors,
    require_file,
    require_utf8,
)

if TYPE_CHECKING:
    import geopandas as gpd
    import pandas as pd

VECTORS = (
    ".gpkg",
    ".shp",
    ".geojson",
    ".json",
    ".fgb",
    ".kml",
    ".gml",
    ".gdb",
    ".parquet",
    ".geoparquet",
)

Shape = Literal["point", "line", "polygon"]
_TYPES = {
    "point": {"Point", "MultiPoint"},
    "line": {"LineString", "MultiLineString", "LinearRing"},
    "polygon": {"Polygon", "MultiPolygon"},
}
Where = Mapping[str, str | float | list[str] | list[float]]


def is_vector(path: Path) -> bool:
    """Whether a file has geometries; a Parquet file is one if it has GeoParquet metadata."""
    suffix = path.suffix.lower()
    if suffix == ".parquet":
        if not os.path.isfile(path):  # where a name is too long, Path.is_file raises
            return False
        import pyarrow.parquet as parquet
        from pyarrow import ArrowException

        try:
            metadata = parquet.read_schema(path).metadata or {}
        except (ArrowException, OSError):
            return False  # reading the table reports the error
        return b"geo" in metadata
    return suffix_of(path) in VECTORS


def read_frame(path: Path, layer: str | None) -> gpd.GeoDataFrame:
    """Read a vector file unchanged; the index is the feature's number from 1.

    Raises InputError for a missing, empty or broken file, or an unknown layer.
    """
    if not _is_geodatabase(path):
        require_file(path)
        require_one_inside(path)
    require_utf8(path)
    if path.suffix.lower() in (".parquet", ".geoparquet"):
        frame = _read_geoparquet(path, layer)
    else:
        frame = _read_ogr(path, layer)
    if not len(frame):
        raise InputError(
            "the layer has no features",
            where=_place(path, layer),
            remedy="check the export, or set another layer",
        )
    for name in [name for name, kind in frame.dtypes.items() if kind == "object"]:
        # GeoJSON may hold lists and objects; a table cannot
        if frame[name].map(lambda cell: isinstance(cell, dict | list | np.ndarray)).any():
            frame[name] = frame[name].astype("str").where(frame[name].notna())
    frame.index = range(1, len(frame) + 1)
    missing = frame.geometry.isna() | frame.geometry.is_empty
    if missing.all():
        raise InputError(
            "no feature has a geometry",
            where=_place(path, layer),
            remedy="check the export, or set another layer",
        )
    return frame


def _is_geodatabase(path: Path) -> bool:
    """Whether a path is a folder with the suffix of an Esri file geodatabase."""
    return path.suffix.lower() == ".gdb" and os.path.isdir(path)


@contextmanager
def gdal_leaves_nothing(path: Path) -> Iterator[None]:
    """Remove the .gfs file that GDAL writes beside a file that it opens as GML."""
    description = path.with_suffix(".gfs")
    existed = description.exists()
    try:
        yield
    finally:
        if not existed:
            description.unlink(missing_ok=True)


def read_layer(
    vectors: Vectors, shape: Shape, setting: str, words: str, region: Region, findings: Findings
) -> gpd.GeoDataFrame:
    """Read features of one shape; filter and repair them, transform them to the survey's CRS.

    Raises InputError for another shape, a missing CRS, or if no feature is left; AlignmentError,
    in which ``words`` name the features, if they do not overlap the survey.
    """
    frame, place = read_frame(vectors.path, vectors.layer), _place(vectors.path, vectors.layer)
    if vectors.where:
        table = InputTable(vectors.path, frame, row_word="feature")
        frame = frame[matching(table, vectors.where, f"{setting}.where")]
    frame = of_shape(frame, shape, place, findings)
    own = file_crs(frame.crs, vectors.crs, place, f"{setting}.crs")
    frame = reprojected(frame.set_crs(own, allow_override=True), region.crs, place)
    frame, where = frame.reset_index(drop=True), str(vectors.path)
    require_overlap(bounds_of(frame), region.extent, words, where, f"check {setting}.crs")
    return frame


def of_shape(
    frame: gpd.GeoDataFrame, shape: Shape, place: str, findings: Findings, noun: str = ""
) -> gpd.GeoDataFrame:
    """Keep the features of one shape, in two dimensions, and repair polygons.

    A feature with several shapes, such as a collection, keeps its parts of this shape. Features
    without any are left out and counted in one finding. ``noun`` names the features in a message.

    Raises InputError if no feature has the shape.
    """
    import geopandas as gpd

    geometry = frame.geometry.name
    missing = (frame.geometry.isna() | frame.geometry.is_empty).to_numpy()
    if missing.any():
        findings.warning(
            "no-geometry",
            place,
            f"ignored {missing.sum()} feature(s) without a geometry",
            n=int(missing.sum()),
        )
        frame = frame[~missing]
    if frame.empty:
        raise InputError(
            "no feature has a geometry",
            where=place,
            remedy="give a file, a layer or a condition (where) with features that have one",
        )
    if frame.geometry.has_z.any():
        n = int(frame.geometry.has_z.sum())
        findings.info("heights-ignored", place, f"ignored the heights (Z) of {n} feature(s)", n=n)
        frame = frame.set_geometry(frame.geometry.force_2d())
    if shape == "polygon" and not frame.geometry.is_valid.all():
        broken = ~frame.geometry.is_valid.to_numpy()
        frame = frame.copy()
        frame.loc[broken, geometry] = frame.geometry[broken].make_valid()
        findings.info(
            "mended-polygons",
            place,
            f"repaired {broken.sum()} polygon(s) that cross themselves",
            n=int(broken.sum()),
        )
    collections = (frame.geom_type == "GeometryCollection").to_numpy()
    if collections.any():
        frame = frame.copy()
        parts = [_parts(g, shape) for g in frame.geometry[collections]]
        kept = sum(part.geom_type != "GeometryCollection" for part in parts)
        if kept:
            findings.info(
                "parts-of-collections",
                place,
                f"{kept} feature(s) with several shapes keep their {shape}s alone",
                n=kept,
            )
        frame.loc[collections, geometry] = gpd.GeoSeries(
            parts, index=frame.index[collections], crs=frame.crs
        )
    other = ~frame.geom_type.isin(_TYPES[shape]).to_numpy()
    counts = frame.geom_type[other].value_counts()
    if not len(frame):
        raise InputError(
            "no feature has a geometry", where=place, remedy="give a file whose features have one"
        )
    if other.all():
        remedy = f"give a file or a layer with {shape}s"
        if shape == "point":
            remedy += ", such as the centroids of these"
        raise InputError(
            f"has {', '.join(sorted(counts.index))}; {noun or 'these'} must be {shape}s",
            where=place,
            remedy=remedy,
        )
    if other.any():
        rows = [int(row) for row in frame.index[other]]
        findings.warning(
            "other-geometries",
            place,
            f"used {(~other).sum()} {shape}s and ignored {other.sum()} other feature(s): "
            + ", ".join(f"{n} {kind}" for kind, n in counts.items())
            + f" (feature {listed(rows)})",
            f"if one of these is needed, convert it to {shape}s",
            features=rows,
            kinds={str(kind): int(n) for kind, n in counts.items()},
        )
        frame = frame[~other]
    return frame


def _parts(geometry: Any, shape: Shape) -> Any:
    """The parts of a collection that have a shape, as one geometry; else the collection."""
    import shapely

    parts = [geometry]
    while any(p.geom_type == "GeometryCollection" for p in parts):
        parts = [g for p in parts for g in getattr(p, "geoms", [p])]
    single = [g for p in parts for g in getattr(p, "geoms", [p])]
    kept = [g for g in single if g.geom_type in _TYPES[shape] and not g.is_empty]
    if not kept:
        return geometry
    if shape == "polygon":
        return shapely.union_all(kept)
    return shapely.MultiLineString(kept) if shape == "line" else shapely.MultiPoint(kept)


def shape_of(frame: gpd.GeoDataFrame) -> Shape | None:
    """The shape that most features of a layer have; None without a geometry.

    A feature of several shapes counts as polygon, else as line.
    """
    import shapely

    geometry = frame.geometry[~(frame.geometry.isna() | frame.geometry.is_empty)]
    if geometry.empty:
        return None
    counts = np.bincount(shapely.get_dimensions(geometry.to_numpy()), minlength=3)
    shapes: tuple[Shape, ...] = ("point", "line", "polygon")
    return shapes[int(counts.argmax())]


def matching(table: InputTable, where: Where, setting: str) -> pd.Series[bool]:
    """A mask of the rows with the wanted values, as text or as numbers.

    Raises InputError for an unknown column, or, with the column's values, if no row matches.
    """
    import pandas as pd

    keep = pd.Series(True, index=table.frame.index)
    for name, wanted in where.items():
        column = table.column(name, setting)
        values = wanted if isinstance(wanted, list) else [wanted]
        text = column.astype("str").str.strip()
        hit = text.isin([str(v).strip() for v in values])
        hit |= np.isin(as_numbers(column), [v for v in values if not isinstance(v, str)])
        if not hit.any():
            there = sorted(text.dropna().unique())
            shown = ", ".join(there[:8]) + (", …" if len(there) > 8 else "")
            raise InputError(
                f"no row has {' or '.join(map(repr, values))}",
                where=table.where(column=name),
                remedy=f"in {setting} use one of {shown}",
            )
        keep &= hit
    if not keep.any():
        raise InputError(
            "no row meets all conditions",
            where=str(table.path),
            remedy=f"remove a condition from {setting}",
        )
    return keep


def bounds_of(frame: gpd.GeoDataFrame) -> Bounds:
    """Outer bounds of a layer."""
    return Bounds(*(float(v) for v in frame.total_bounds))


def require_overlap(theirs: Bounds, ours: Bounds, what: str, where: str, remedy: str) -> None:
    """Refuse a layer that does not overlap the survey; the message has both extents.

    Raises AlignmentError.
    """
    east_west = theirs.west <= ours.east and ours.west <= theirs.east
    if not (east_west and theirs.south <= ours.north and ours.south <= theirs.north):
        raise AlignmentError(
            f"{what} do not overlap the survey: their extent is {theirs}; the survey's is {ours}",
            where=where,
            remedy=remedy,
        )


def _read_ogr(path: Path, layer: str | None) -> gpd.GeoDataFrame:
    import geopandas as gpd
    import pyogrio
    from pyproj.exceptions import CRSError

    parts = _whole_parts(path) if path.suffix.lower() == ".shp" else {}
    quiet = warnings.catch_warnings(action="ignore", category=RuntimeWarning)
    broken = library_errors(
        "the file cannot be opened as a vector file", path, "export it again, with all of its parts"
    )
    with broken, gdal_leaves_nothing(path), quiet:
        try:
            layers = pyogrio.list_layers(address(path)).reshape(-1, 2)
            names = [str(name) for name, _ in layers]
            placed = [str(name) for name, geometry in layers if geometry is not None]
            if not names:
                raise InputError("the file has no layer", where=str(path), remedy="export it again")
            if layer is not None:
                require_among(layer, names, f"there is no layer {layer!r}", str(path), InputError)
            frame: Any = pyogrio.read_dataframe(address(path), layer=layer or (placed or names)[0])
        except (CRSError, pyogrio.errors.CRSError) as error:
            raise InputError(
                f"its CRS cannot be read ({in_short(error)})",
                where=_place(path, layer),
                remedy="export it again; or, for a shapefile, delete the .prj and set the key crs",
            ) from None
        except pyogrio.errors.GeometryError as error:
            raise InputError(
                f"its kind of geometry cannot be read ({in_short(error)})",
                where=_place(path, layer),
                remedy="save it as GeoPackage with points, lines or polygons alone and without "
                "heights (QGIS: Export > Save Features As, geometry type, no z-dimension)",
            ) from None
        except UnicodeDecodeError as error:
            raise InputError(
                f"its text is not in the encoding stated in the file ({error})",
                where=_place(path, layer),
                remedy="export it again; or, for a shapefile, correct or delete the .cpg",
            ) from None
    if not isinstance(frame, gpd.GeoDataFrame):
        raise InputError(
            "the layer has no geometry",
            where=_place(path, layer),
            remedy="give a layer with geometries, or save the table as CSV",
        )
    if len(frame.columns) == 1 and ".dbf" in parts:
        raise InputError(
            "the shapefile's table has no column, or is damaged",
            where=str(parts[".dbf"]),
            remedy="export it again, or delete the .dbf if only the shapes are needed",
        )
    return frame


def _whole_parts(path: Path) -> dict[str, Path]:
    """The files of a shapefile by their suffix, each checked to have the length in its header.

    GDAL reads a truncated shape as one without a geometry, and truncated rows as fewer shapes.
    Layouts: ESRI Shapefile Technical Description (1998), dBASE III.

    Raises InputError that names the file.
    """
    parts = {p.suffix.lower(): p for p in path.parent.iterdir() if p.stem == path.stem}
    if ".shx" not in parts:
        raise InputError(
            "this file of the shapefile is missing",
            where=str(path.with_suffix(".shx")),
            remedy="copy the shapefile again, with its .shx, .dbf and .prj",
        )
    index = parts[".shx"].read_bytes()
    _require_all(parts[".shx"], len(index), 100, "bytes of its header")
    stated = max(0, int.from_bytes(index[24:28], "big") * 2 - 100) // 8
    _require_all(parts[".shx"], (len(index) - 100) // 8, stated, "shapes")
    # offset and length of each shape in words of two bytes; the length is without its header
    shapes = np.frombuffer(index[100 : 100 + 8 * stated], ">i4").reshape(-1, 2).astype(np.int64)
    ends = 2 * shapes.sum(axis=1) + 8
    _require_all(path, int((ends <= path.stat().st_size).sum()), stated, "shapes")
    if ".dbf" not in parts:
        return parts
    with parts[".dbf"].open("rb") as file:
        rows, start, size = struct.unpack("<4xIHH", file.read(12).ljust(12, bytes(1)))
    there = max(0, parts[".dbf"].stat().st_size - start) // max(1, size)
    _require_all(parts[".dbf"], there, rows, "rows")
    if rows != stated:
        raise InputError(
            f"its {rows:,} rows do not match the {stated:,} shapes of {path.name}",
            where=str(parts[".dbf"]),
            remedy="copy or export the shapefile again, with all of its parts",
        )
    return parts


def _require_all(path: Path, there: int, stated: int, what: str) -> None:
    if there < stated:
        raise InputError(
            f"the file is truncated: it has {there:,} of {stated:,} {what}",
            where=str(path),
            remedy="copy or export it again, with all of its parts",
        )


def _read_geoparquet(path: Path, layer: str | None) -> gpd.GeoDataFrame:
    import geopandas as gpd

    if layer is not None:
        raise InputError(
            f"the configuration names the layer {layer!r}, but GeoParquet has no layers",
            where=str(path),
            remedy="remove the key `layer`",
        )
    with library_errors("the file cannot be opened", path, "export it again"):
        return gpd.read_parquet(path)


def _place(path: Path, layer: str | None) -> str:
    return f"{path}, layer {layer}" if layer else str(path)
