"""Propose a configuration from files; each decision is reported as a note."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from orecast.arrays import Floats
from orecast.config import Samples, path_text
from orecast.errors import InputError, OrecastError
from orecast.grid import Bounds, crs_name
from orecast.run import holds_run
from orecast.survey.concentrations import holds_no_number, none_detected, nothing_detected
from orecast.survey.data import Findings, listed
from orecast.survey.elements import Header, default_unit, fitting_unit, parse_header
from orecast.survey.packed import PACKED, require_one_inside, suffix_of
from orecast.survey.points import Pair, position_pairs
from orecast.survey.projection import file_crs, look_like_degrees
from orecast.survey.rasters import is_raster, place_of, read_values
from orecast.survey.tables import (
    TABLES,
    InputTable,
    as_numbers,
    read_table,
    require_place,
    require_utf8,
    sheets,
)
from orecast.survey.vectors import (
    VECTORS,
    bounds_of,
    gdal_leaves_nothing,
    is_vector,
    of_shape,
    read_frame,
    shape_of,
)

if TYPE_CHECKING:
    import geopandas as gpd
    import pandas as pd
    from pyproj import CRS

FEWEST_ELEMENTS = 3
DEPOSIT = re.compile(r"deposit|occurrence|mineral|mine|showing|label|ore(?![a-z])|矿", re.I)
BARREN = re.compile(r"non.?deposit|barren|negative|sterile", re.I)
NO_CRS, SET_CRS = "the CRS is unknown", 'set crs = "EPSG:…"'


@dataclass
class Draft:
    """An unfinished configuration, and the notes on its decisions."""

    folder: Path
    table: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    points: list[tuple[InputTable, dict[str, Any]]] = field(default_factory=list)  # may be deposits
    places: list[tuple[CRS, Bounds, str]] = field(default_factory=list)  # of files with a CRS

    def relative(self, path: Path) -> str:
        """A path in the form used in the configuration.

        Raises InputError for a name that is not UTF-8.
        """
        relative = Path(os.path.relpath(path.resolve(), self.folder.resolve()))
        require_utf8(relative)
        return path_text(relative)

    def leave_out(self, path: Path, error: OrecastError) -> None:
        """Note that a file which cannot be used is not needed for the configuration."""
        remedy = f" To use it: {error.remedy}" if error.remedy else ""
        self.notes.append(f"{path.name}: ignored; {error.what}.{remedy}")

    def take(self, key: str, path: Path, content: dict[str, Any], why: str) -> None:
        """Use a file for a section of the configuration, unless another file is used already."""
        if key in self.table:
            self.notes.append(f"{path.name}: ignored; could also be {key} ({why})")
            return
        self.table[key] = {"path": self.relative(path), **content}
        self.notes.append(f"{path.name}: {key} ({why})")


_COORDINATE = re.compile(r"coord|^(?:xx?|yy?|lon|lat|east|north|row|col)$", re.I)


def _estimated_units(
    found: dict[str, tuple[Header, float]], name: str, draft: Draft
) -> dict[str, str]:
    """Units of headers without one: the unit that fits the crust's abundance, else the default."""
    units = {}
    for symbol, (header, median) in found.items():
        if header.unit is None:
            units[symbol] = fitting_unit(symbol, median) or default_unit(symbol)
    if units:
        text = ", ".join(f"{s} {u}" for s, u in units.items())
        draft.notes.append(
            f"{name}: estimated units by comparing medians with the upper crust; check them: {text}"
        )
    return units


def _propose_rasters(paths: list[Path], draft: Draft) -> None:
    """Add rasters as a gridded survey (a folder of elements), as labels, or as layers."""
    by_folder: dict[Path, list[Path]] = {}
    for path in paths:
        by_folder.setdefault(path.parent, []).append(path)
    for folder, files in by_folder.items():
        elements = [p for p in files if parse_header(p.stem) is not None]
        if len(elements) >= FEWEST_ELEMENTS and len(elements) > len(files) / 2:
            _propose_gridded(folder, files, elements, draft)
            files = []
        for path in files:
            _propose_raster(path, draft)


def _propose_gridded(folder: Path, files: list[Path], elements: list[Path], draft: Draft) -> None:
    suffixes = {p.suffix for p in elements}
    pattern = folder / f"*{suffixes.pop() if len(suffixes) == 1 else '*'}"
    found, undetected, findings = {}, {}, Findings()
    for path in elements:
        values = read_values(path, findings)
        header = parse_header(path.stem)
        assert header is not None  # elements are the files whose names are headers
        if (values > 0).any():
            found[header.symbol] = (header, float(np.median(values[values > 0])))
        else:
            undetected[header.symbol] = int((~np.isnan(values)).sum())
    if not found:
        raise nothing_detected(undetected, len(undetected), str(pattern), "")
    for code in dict.fromkeys(f.code for f in findings):
        first, *others = findings.of(code)
        more = f" (and {len(others)} other rasters likewise)" if others else ""
        draft.notes.append(f"{Path(first.where).name}: {first.what}{more}")
    units = _estimated_units(found, folder.name, draft)
    content = {"units": units} if units else {}
    draft.take("gridded", pattern, content, f"{len(elements)} of {len(files)} rasters")


def _propose_raster(path: Path, draft: Draft) -> None:
    if _COORDINATE.search(path.stem) or _COORDINATE.search(path.parent.name):
        draft.notes.append(f"{path.name}: ignored; it has coordinates")
        return
    findings = Findings()
    try:
        values, place = read_values(path, findings), place_of(path)
    except OrecastError as error:
        draft.leave_out(path, error)
        return
    draft.notes += [f"{path.name}: {f.what}" for f in findings]
    if place is None:
        draft.notes.append(f"{path.name}: {NO_CRS}; {SET_CRS}")
    else:
        draft.places.append((*place, path.name))
    distinct = np.unique(values[~np.isnan(values)])
    section = "barren" if BARREN.search(path.stem) else "deposits"
    if len(distinct) <= 3 and (BARREN.search(path.stem) or DEPOSIT.search(path.stem)):
        rarest = float(min(distinct, key=lambda v: int((values == v).sum())))
        draft.take(section, path, {"value": rarest}, f"cells with the value {rarest:g}")
    else:
        layer: dict[str, Any] = {"path": draft.relative(path)}
        if len(distinct) <= 30 and (values == np.round(values)).all():
            layer["categories"] = True
        draft.table.setdefault("layers", []).append(layer)
        draft.notes.append(f"{path.name}: supporting layer, {values.shape[0]} x {values.shape[1]}")


_COMMODITY = r"commod|矿种|metal|element|mineral|ore_?type|style|type"
_KINDS = tuple(dict.fromkeys((*TABLES, *VECTORS, *PACKED, ".tif", ".tiff", ".asc")))
_MOST_KINDS, _MOST_UNITS = 30, 60
_AREA = re.compile(r"area|boundary|aoi|outline|extent|border|region", re.I)
_UNIT = r"rock_?class|rock_?type|lith|unit|class|formation|rock|geol|name|code|age"
_MEDIA = {
    "stream-sediment": r"stream|sediment|drainage|水系",
    "soil": r"soil|土壤",
    "till": r"till|moraine",
    "rock": r"rock|outcrop|岩石",
}


def propose(paths: Collection[Path], folder: Path) -> tuple[dict[str, Any], list[str]]:
    """Find samples, deposits, faults, geology, area and layers by the content of the files.

    Tables are recognised by their columns, vector files by their geometry, rasters by their names
    and values. Returns a table for ``orecast.config.parse``, with paths relative to ``folder``,
    and a note for each decision. Without deposits it proposes a map of anomalies.

    Raises InputError if a file cannot be read, or there are no samples.
    """
    draft = Draft(folder)
    files = _files(paths)
    _propose_rasters([p for p in files if is_raster(p)], draft)
    vectors = [p for p in files if is_vector(p)]
    for path in vectors:
        _propose_vectors(path, draft)
    for path in files:
        if suffix_of(path) in TABLES and path not in vectors:
            for table, place in _tables(path, draft):
                position = _position(table, draft)
                _propose_table(table, position and place | position, draft)
        elif suffix_of(path) in PACKED:
            try:
                require_one_inside(path)
            except InputError as error:
                draft.leave_out(path, error)
        elif not is_raster(path) and path not in vectors:
            draft.notes.append(f"{path.name}: ignored; this kind of file cannot be read")
    _place_points(draft)
    _complete(files, draft)
    return draft.table, draft.notes


def _files(paths: Collection[Path]) -> list[Path]:
    """The given files, and those in the given folders, except folders of runs."""
    files: list[Path] = []
    for path in paths:
        if os.path.isdir(path) and path.suffix.lower() != ".gdb":
            files += sorted(_files_in(path))
        else:
            require_place(path)
            files.append(path)
    if not files:
        raise InputError(
            "holds no file of a kind that is read",
            where=listed([str(path) for path in paths]),
            remedy=f"name the survey's files, which end in {', '.join(_KINDS)}",
        )
    return list(dict.fromkeys(files))


def _files_in(top: Path) -> Iterator[Path]:
    """Files of known kinds in a folder and its subfolders."""
    for folder, inside, names in os.walk(top):
        inside[:] = [name for name in inside if not name.startswith(".")]
        if holds_run(Path(folder)):
            inside.clear()
            continue
        yield from (Path(folder, name) for name in inside if name.lower().endswith(".gdb"))
        inside[:] = [name for name in inside if not name.lower().endswith(".gdb")]
        for path in (Path(folder, name) for name in names):
            suffix = path.suffix.lower()
            if suffix in _KINDS and (suffix != ".json" or _may_be_geojson(path)):
                yield path


def _may_be_geojson(path: Path) -> bool:
    """Whether the beginning of a JSON file has a GeoJSON key."""
    with path.open("rb") as stream:
        head = stream.read(2**16)
    return re.search(rb'"(Feature|FeatureCollection|coordinates)"', head) is not None


def _tables(path: Path, draft: Draft) -> list[tuple[InputTable, dict[str, Any]]]:
    """The table of a file, or each sheet with positions of a workbook; and its ``layer`` key."""
    names = sheets(path)
    found: list[tuple[InputTable, dict[str, Any]]] = []
    for number, name in enumerate(names):
        try:
            table = read_table(path, name)
        except InputError:
            continue  # empty, or not a table
        if position_pairs(str(c) for c in table.frame.columns):
            found.append((table, {"layer": name} if number else {}))
            if number:
                draft.notes.append(
                    f'{path.name}: sheet {name!r} has position columns; layer = "{name}"'
                )
    return found or [(read_table(path), {})]


def _position(table: InputTable, draft: Draft) -> dict[str, Any] | None:
    """Position columns, and their CRS if degrees or another file's extent show it."""
    name = table.path.name
    pairs = {p.kind: p for p in reversed(position_pairs(str(c) for c in table.frame.columns))}
    if not pairs:
        draft.notes.append(f"{name}: ignored; it has no position columns")
        return None
    if metres := pairs.get("metres"):
        place: dict[str, Any] = {"x": metres.x, "y": metres.y}
        known = _crs_around(table, metres, draft.places)
        if known is not None:
            draft.notes.append(
                f"{name}: {metres.x} and {metres.y} are read as {known[0]}, because they lie "
                f"within {known[1]}; if this is wrong, correct crs"
            )
            return place | {"crs": known[0]}
        if "degrees" not in pairs:
            remedy = SET_CRS
            if look_like_degrees(np.column_stack(_numbers(table, metres))):
                remedy = 'they look like degrees: set crs = "EPSG:4326"'
            draft.notes.append(f"{name}: {NO_CRS} for {metres.x} and {metres.y}; {remedy}")
            return place
    degrees = pairs["degrees"]
    draft.notes.append(
        f"{name}: {degrees.x} and {degrees.y} are read as WGS 84; if this is wrong, correct crs"
    )
    return {"x": degrees.x, "y": degrees.y, "crs": "EPSG:4326"}


def _crs_around(
    table: InputTable, pair: Pair, places: list[tuple[CRS, Bounds, str]]
) -> tuple[str, str] | None:
    """The one projected CRS of files whose extent has most of the positions, and a file."""
    x, y = _numbers(table, pair)
    found: dict[str, str] = {}
    for crs, b, name in places:
        inside = (x >= b.west) & (x <= b.east) & (y >= b.south) & (y <= b.north)
        if crs.is_projected and inside.mean() > 0.5:
            found.setdefault(crs_name(crs), name)
    return next(iter(found.items())) if len(found) == 1 else None


def _numbers(table: InputTable, pair: Pair) -> tuple[Floats, Floats]:
    return as_numbers(table.frame[pair.x]), as_numbers(table.frame[pair.y])


def _propose_table(table: InputTable, place: dict[str, Any] | None, draft: Draft) -> None:
    """Propose a table as samples if it has three elements or more, else as deposits."""
    draft.notes += [f"{table.path.name}: {remark}" for remark in table.remarks]
    if place is None:
        return
    columns = [str(c) for c in table.frame.columns]
    positions = {c for p in position_pairs(columns) for c in (p.x, p.y)}
    elements = {c: h for c in columns if c not in positions and (h := parse_header(c)) is not None}
    _require_detected(table, elements)
    headers = {
        c: h
        for c, h in elements.items()
        if not holds_no_number(table.frame[c], table, ("NA", "N/A", "nan", "NaN", "null", "*"))
    }
    if len(headers) < FEWEST_ELEMENTS:
        draft.points.append((table, place))
        return
    content = place | _samples(table, headers, set(columns) - positions, draft)
    draft.take("samples", table.path, content, f"{len(headers)} elements, {table.how}".strip())


def _require_detected(table: InputTable, elements: dict[str, Header]) -> None:
    """Refuse a table of samples without any value above a detection limit."""
    missing = Samples.model_fields["missing"].default
    counts: dict[str, int] = {}
    for column, header in elements.items():
        n = none_detected(table.frame[column], table, missing)
        if n is None:
            return
        if n:
            counts[header.symbol] = n
    if len(counts) >= FEWEST_ELEMENTS:
        raise nothing_detected(counts, len(counts), str(table.path), "")


def _samples(
    table: InputTable, headers: dict[str, Header], others: set[str], draft: Draft
) -> dict[str, Any]:
    """Units, columns to ignore and the medium of a table of samples."""
    name = table.path.name
    first: dict[str, str] = {}
    ignore = []
    for column, header in headers.items():
        if header.symbol in first:
            ignore.append(column)
            draft.notes.append(
                f"{name}: ignored {column}; {first[header.symbol]} is {header.symbol} too"
            )
        else:
            first[header.symbol] = column
    content: dict[str, Any] = {}
    bare = {}
    for symbol, column in first.items():
        values = as_numbers(table.frame[column])
        median = float(np.median(values[values > 0])) if (values > 0).any() else np.nan
        if column not in table.units:
            bare[symbol] = headers[column], median
    units = _estimated_units(bare, name, draft)
    if units:
        content["units"] = units
    if ignore:
        content["ignore"] = ignore
    unknown = sorted(others - set(headers))
    if unknown:
        draft.notes.append(f"{name}: ignored columns that are not elements: {listed(unknown, 20)}")
    medium = next((m for m, words in _MEDIA.items() if re.search(words, name, re.I)), None)
    if medium:
        content["medium"] = medium
        draft.notes.append(f"{name}: medium {medium}, from the file name")
    else:
        draft.notes.append(f"{name}: set medium, such as stream-sediment or soil")
    return content


def _propose_vectors(path: Path, draft: Draft) -> None:
    for layer in _layers(path):
        try:
            frame = read_frame(path, layer)
            if frame.crs is not None and frame.crs.is_engineering:
                file_crs(frame.crs, None, str(path), "crs")
        except InputError as error:
            draft.leave_out(path, error)
            continue
        place: dict[str, Any] = {} if layer is None else {"layer": layer}
        if frame.crs is None:
            draft.notes.append(f"{path.name}: {NO_CRS}; {SET_CRS}")
        else:
            draft.places.append((frame.crs, bounds_of(frame), path.name))
        label = f"{path.stem} {layer or ''}"
        shape = shape_of(frame)
        assert shape is not None  # read_frame refuses a layer without a geometry
        findings = Findings()
        frame = of_shape(frame, shape, path.name, findings)
        draft.notes += [f"{path.name}: {f.what}" for f in findings]
        if shape == "point":
            table = InputTable(path, frame.drop(columns=frame.geometry.name), row_word="feature")
            _propose_table(table, place, draft)
        elif shape == "line":
            draft.take("faults", path, place, f"{len(frame)} lines")
        else:
            _propose_polygons(path, frame, place, label, draft)


def _layers(path: Path) -> list[str | None]:
    if path.suffix.lower() not in (".gpkg", ".gdb"):
        return [None]
    import pyogrio

    try:
        with gdal_leaves_nothing(path):
            layers = pyogrio.list_layers(path)
        names = [str(name) for name, geometry in layers if geometry is not None]
    except Exception:
        return [None]  # reading it later reports the error
    return [None] if len(names) <= 1 else list(names)


def _propose_polygons(
    path: Path, frame: gpd.GeoDataFrame, place: dict[str, Any], label: str, draft: Draft
) -> None:
    if len(frame) == 1 or (_AREA.search(label) and len(frame) < 5):
        draft.take("area", path, place, f"{len(frame)} polygon(s)")
        return
    named, other = _best_column(frame, _UNIT, "fc", _MOST_UNITS)
    column = named or other
    if column is None:
        draft.notes.append(f"{path.name}: ignored; its polygons have no column of rock units")
        return
    if DEPOSIT.search(label):
        draft.notes.append(
            f"{path.name}: if these polygons are deposits, save their centroids to a file: "
            "deposits must be points"
        )
    classes = frame[column].nunique()
    draft.take(
        "geology",
        path,
        {**place, "column": column},
        f"{len(frame)} polygons, {classes} classes in column {column}; change column if needed",
    )


def _best_column(
    frame: pd.DataFrame, words: str, numeric: str, most: int
) -> tuple[str | None, str | None]:
    """The column of classes whose name fits words best, earlier words first; and any such column.

    ``numeric`` are the kinds of types that are no classes.
    """
    usable = [
        str(c)
        for c, kind in frame.dtypes.items()
        if kind.kind not in numeric and str(kind) != "geometry" and 2 <= frame[c].nunique() <= most
    ]
    named = (c for word in words.split("|") for c in usable if re.search(word, c, re.I))
    return next(named, None), next(iter(usable), None)


def _place_points(draft: Draft) -> None:
    """Propose points without elements as deposits or, by the file's name, as barren places."""
    for table, place in sorted(draft.points, key=lambda p: not DEPOSIT.search(_label(*p))):
        barren = BARREN.search(_label(table, place))
        why = f"{len(table.frame)} points"
        if not barren:
            why += _choice(table)
        draft.take("barren" if barren else "deposits", table.path, place, why)


def _label(table: InputTable, place: dict[str, Any]) -> str:
    return f"{table.path.stem} {place.get('layer', '')}"


def _choice(table: InputTable) -> str:
    """As text: the column with kinds of deposits, its values, and how to select one."""
    column, _ = _best_column(table.frame, _COMMODITY, "ifc", _MOST_KINDS)
    if column is None:
        return ""
    counts = table.frame[column].value_counts()
    key = column if re.fullmatch(r"[A-Za-z0-9_-]+", column) else f'"{column}"'
    return (
        f"; column {column} has {listed([f'{v} ({n})' for v, n in counts.items()])}: "
        f'set deposits.where = {{{key} = "{counts.index[0]}"}} to select one kind'
    )


def _complete(files: list[Path], draft: Draft) -> None:
    if "samples" in draft.table and "gridded" in draft.table:
        del draft.table["gridded"]
        draft.notes.append("ignored the gridded survey, because there are samples")
    if "samples" not in draft.table and "gridded" not in draft.table:
        raise InputError(
            f"no table with {FEWEST_ELEMENTS} elements and no rasters of elements in: "
            f"{listed([p.name for p in files])}" + "".join(f"; {n}" for n in draft.notes),
            remedy="add the samples file; its headers must name elements, such as Au_ppb",
        )
    if "deposits" not in draft.table:
        draft.notes.append(
            "no file has deposits: the run will map anomalies with a model that needs no deposits; "
            "add [deposits] to train with known ones, or [held_back] to test the map with them"
        )
