"""Look at files and propose a configuration; every judgement becomes a note."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from orecast.errors import InputError
from orecast.grid import Bounds, crs_name
from orecast.survey.analytes import lift_units
from orecast.survey.concentrations import holds_no_number
from orecast.survey.elements import Header, default_unit, fitting_unit, parse_header
from orecast.survey.findings import listed
from orecast.survey.points import Pair, position_pairs
from orecast.survey.projection import look_like_degrees
from orecast.survey.rasters import is_raster, place_of, read_values
from orecast.survey.tables import TABLES, Table, read_table, sheets
from orecast.survey.vectors import VECTORS, bounds_of, is_vector, read_frame

if TYPE_CHECKING:
    import geopandas as gpd
    from pyproj import CRS

Floats = NDArray[np.float64]

_FEWEST_ELEMENTS = 3
_DEPOSIT = re.compile(r"deposit|occurrence|mineral|mine|showing|label|ore(?![a-z])|矿", re.I)
_BARREN = re.compile(r"non.?deposit|barren|negative|sterile", re.I)
_COMMODITY = re.compile(r"commod|矿种|metal|element|mineral|ore_?type|style|type", re.I)
_MOST_KINDS = 30
_AREA = re.compile(r"area|boundary|aoi|outline|extent|border|region", re.I)
_COORDINATE = re.compile(r"coord|^(?:xx?|yy?|lon|lat|east|north|row|col)$", re.I)
_UNIT = re.compile(
    r"rock_?class|rock_?type|lith|unit|class|formation|rock|geol|name|code|age", re.I
)
_NO_CRS, _SET_CRS = "no CRS is known", 'set crs = "EPSG:…"'
_MEDIA = {
    "stream-sediment": r"stream|sediment|drainage|水系",
    "soil": r"soil|土壤",
    "till": r"till|moraine",
    "rock": r"rock|outcrop|岩石",
}


@dataclass
class _Proposal:
    folder: Path
    table: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    points: list[tuple[Table, dict[str, Any]]] = field(default_factory=list)  # may be deposits
    places: list[tuple[CRS, Bounds, str]] = field(default_factory=list)  # of files with a CRS

    def relative(self, path: Path) -> str:
        return Path(os.path.relpath(path.resolve(), self.folder.resolve())).as_posix()

    def take(self, key: str, path: Path, content: dict[str, Any], why: str) -> None:
        if key in self.table:
            self.notes.append(f"{path.name}: could be {key} too ({why}); left out")
            return
        self.table[key] = {"path": self.relative(path), **content}
        self.notes.append(f"{path.name}: {key} ({why})")


def propose(paths: Iterable[Path], folder: Path) -> tuple[dict[str, Any], list[str]]:
    """Tell samples, deposits, faults, geology, area and layers apart by what the files hold.

    Tables are told by their columns, vector files by their geometry, rasters by their names and
    values. Returns a table for ``orecast.config.parse``, its paths relative to ``folder``, and a
    note for each judgement.

    Raises InputError where a file cannot be read, or there are no samples or no deposits.
    """
    proposal = _Proposal(folder)
    files = _files(paths)
    _propose_rasters([p for p in files if is_raster(p)], proposal)
    vectors = [p for p in files if is_vector(p)]
    for path in vectors:
        _propose_vectors(path, proposal)
    for path in files:
        if path.suffix.lower() in TABLES and path not in vectors:
            for table, place in _tables(path, proposal):
                position = _position(table, proposal)
                _propose_table(table, position and place | position, proposal)
        elif not is_raster(path) and path not in vectors:
            proposal.notes.append(f"{path.name}: not of a kind that is read; left out")
    _place_points(proposal)
    _require(files, proposal)
    return proposal.table, proposal.notes


def _files(paths: Iterable[Path]) -> list[Path]:
    """The files named, and those in the folders named."""
    files: list[Path] = []
    for path in paths:
        if path.is_dir():
            kinds = (*TABLES, *VECTORS, ".tif", ".tiff", ".asc")
            files += sorted(p for p in path.rglob("*") if p.suffix.lower() in kinds)
        elif path.exists():
            files.append(path)
        else:
            raise InputError("no such file", where=str(path), remedy="check the path")
    return list(dict.fromkeys(files))


def _tables(path: Path, proposal: _Proposal) -> list[tuple[Table, dict[str, Any]]]:
    """The table of a file; of a workbook, each sheet with positions, and the key that names it."""
    names = sheets(path)
    found: list[tuple[Table, dict[str, Any]]] = []
    for number, name in enumerate(names):
        try:
            table = lift_units(read_table(path, name))
        except InputError:
            continue  # empty, or no table at all
        if position_pairs(str(c) for c in table.frame.columns):
            found.append((table, {"layer": name} if number else {}))
            if number:
                proposal.notes.append(
                    f'{path.name}: sheet {name!r} has columns of positions; layer = "{name}"'
                )
    return found or [(lift_units(read_table(path)), {})]


def _position(table: Table, proposal: _Proposal) -> dict[str, Any] | None:
    """Columns of positions and their CRS, where another file's extent or degrees tell it."""
    name = table.path.name
    pairs = {p.kind: p for p in reversed(position_pairs(str(c) for c in table.frame.columns))}
    if not pairs:
        proposal.notes.append(f"{name}: no columns of positions were found; left out")
        return None
    if metres := pairs.get("metres"):
        place: dict[str, Any] = {"x": metres.x, "y": metres.y}
        known = _crs_around(table, metres, proposal.places)
        if known is not None:
            proposal.notes.append(
                f"{name}: {metres.x} and {metres.y} are taken as {known[0]}, as they lie within "
                f"{known[1]}; correct crs if not"
            )
            return place | {"crs": known[0]}
        if "degrees" not in pairs:
            remedy = _SET_CRS
            if look_like_degrees(np.column_stack(_numbers(table, metres))):
                remedy = 'they look like degrees: set crs = "EPSG:4326"'
            proposal.notes.append(f"{name}: {_NO_CRS} for {metres.x} and {metres.y}; {remedy}")
            return place
    degrees = pairs["degrees"]
    proposal.notes.append(
        f"{name}: {degrees.x} and {degrees.y} are taken as WGS 84; correct crs if not"
    )
    return {"x": degrees.x, "y": degrees.y, "crs": "EPSG:4326"}


def _crs_around(
    table: Table, pair: Pair, places: list[tuple[CRS, Bounds, str]]
) -> tuple[str, str] | None:
    """The one projected CRS of files whose extent holds most of the positions, and a file."""
    x, y = _numbers(table, pair)
    found: dict[str, str] = {}
    for crs, b, name in places:
        inside = (x >= b.west) & (x <= b.east) & (y >= b.south) & (y <= b.north)
        if crs.is_projected and inside.mean() > 0.5:
            found.setdefault(crs_name(crs), name)
    return next(iter(found.items())) if len(found) == 1 else None


def _numbers(table: Table, pair: Pair) -> tuple[Floats, Floats]:
    import pandas as pd

    x, y = (pd.to_numeric(table.frame[c], errors="coerce").to_numpy() for c in (pair.x, pair.y))
    return x, y


def _propose_table(table: Table, place: dict[str, Any] | None, proposal: _Proposal) -> None:
    """A table with three elements or more holds samples, any other with positions deposits."""
    if place is None:
        return
    columns = [str(c) for c in table.frame.columns]
    positions = {c for p in position_pairs(columns) for c in (p.x, p.y)}
    headers = {
        c: h
        for c in columns
        if c not in positions
        and (h := parse_header(c)) is not None
        and not holds_no_number(table.frame[c], table, ("NA", "N/A", "nan", "NaN", "null", "*"))
    }
    if len(headers) < _FEWEST_ELEMENTS:
        proposal.points.append((table, place))
        return
    content = place | _samples(table, headers, set(columns) - positions, proposal)
    proposal.take("samples", table.path, content, f"{len(headers)} elements, {table.how}".strip())


def _samples(
    table: Table, headers: dict[str, Header], others: set[str], proposal: _Proposal
) -> dict[str, Any]:
    """Units, columns to ignore and the medium of a table of samples."""
    name = table.path.name
    first: dict[str, str] = {}
    ignore = []
    for column, header in headers.items():
        if header.symbol in first:
            ignore.append(column)
            proposal.notes.append(
                f"{name}: {column} is {header.symbol} as {first[header.symbol]} is; ignored"
            )
        else:
            first[header.symbol] = column
    medians = {c: _median(table, c) for c in first.values()}
    content: dict[str, Any] = {}
    bare = {headers[c].symbol: (headers[c], medians[c]) for c in medians if c not in table.units}
    units = _units(bare, name, proposal)
    if units:
        content["units"] = units
    if ignore:
        content["ignore"] = ignore
    strange = sorted(others - set(headers))
    if strange:
        proposal.notes.append(f"{name}: no elements, left out: {listed(strange, 20)}")
    medium = next((m for m, words in _MEDIA.items() if re.search(words, name, re.I)), None)
    if medium:
        content["medium"] = medium
        proposal.notes.append(f"{name}: medium {medium}, by the file's name")
    else:
        proposal.notes.append(f"{name}: set medium, such as stream-sediment or soil")
    return content


def _median(table: Table, column: str) -> float:
    import pandas as pd

    values = pd.to_numeric(table.frame[column], errors="coerce").to_numpy(dtype=np.float64)
    values = values[values > 0]
    return float(np.median(values)) if len(values) else np.nan


def _units(
    found: dict[str, tuple[Header, float]], name: str, proposal: _Proposal
) -> dict[str, str]:
    """Units where no header names one: what fits the crust's abundance, else the default."""
    units = {}
    for symbol, (header, median) in found.items():
        if header.unit is None:
            units[symbol] = fitting_unit(symbol, median) or default_unit(symbol)
    if units:
        text = ", ".join(f"{s} {u}" for s, u in units.items())
        proposal.notes.append(
            f"{name}: units are judged from the medians beside the upper crust's; check: {text}"
        )
    return units


def _propose_vectors(path: Path, proposal: _Proposal) -> None:
    for layer in _layers(path):
        frame = read_frame(path, layer)
        place: dict[str, Any] = {} if layer is None else {"layer": layer}
        if frame.crs is None:
            proposal.notes.append(f"{path.name}: {_NO_CRS}; {_SET_CRS}")
        else:
            proposal.places.append((frame.crs, bounds_of(frame), path.name))
        label = f"{path.stem} {layer or ''}"
        kinds = {str(t).removeprefix("Multi") for t in frame.geom_type.dropna().unique()}
        if kinds == {"Point"}:
            table = Table(path, frame.drop(columns=frame.geometry.name), row_word="feature")
            _propose_table(table, place, proposal)
        elif kinds <= {"LineString", "LinearRing"}:
            proposal.take("faults", path, place, f"{len(frame)} lines")
        elif kinds == {"Polygon"}:
            _propose_polygons(path, frame, place, label, proposal)
        else:
            proposal.notes.append(f"{path.name}: mixes {', '.join(sorted(kinds))}; left out")


def _layers(path: Path) -> list[str | None]:
    if path.suffix.lower() != ".gpkg":
        return [None]
    import pyogrio
    from pyogrio.errors import DataSourceError

    try:
        names = [str(name) for name, geometry in pyogrio.list_layers(path) if geometry is not None]
    except DataSourceError:
        return [None]  # the reader explains what is wrong with it
    return [None] if len(names) <= 1 else list(names)


def _propose_polygons(
    path: Path, frame: gpd.GeoDataFrame, place: dict[str, Any], label: str, proposal: _Proposal
) -> None:
    if len(frame) == 1 or (_AREA.search(label) and len(frame) < 5):
        proposal.take("area", path, place, f"{len(frame)} polygon(s)")
        return
    column = _unit_column(frame)
    if column is None:
        proposal.notes.append(f"{path.name}: polygons without a column of rock units; left out")
        return
    if _DEPOSIT.search(label):
        proposal.notes.append(
            f"{path.name}: if these polygons are deposits, write their centroids to a file: "
            "deposits must be points"
        )
    classes = frame[column].nunique()
    proposal.take(
        "geology",
        path,
        {**place, "column": column},
        f"{len(frame)} polygons, {classes} classes in column {column}; choose another if better",
    )


def _unit_column(frame: gpd.GeoDataFrame) -> str | None:
    """The column whose name speaks most of rock units and that holds 2 to 60 classes."""
    usable = [
        str(c)
        for c in frame.columns
        if c != frame.geometry.name
        and frame[c].dtype.kind not in "fc"
        and 2 <= frame[c].nunique() <= 60
    ]
    order = _UNIT.pattern.split("|")
    for word in order:
        for column in usable:
            if re.search(word, column, re.I):
                return column
    return usable[0] if usable else None


def _propose_rasters(paths: list[Path], proposal: _Proposal) -> None:
    by_folder: dict[Path, list[Path]] = {}
    for path in paths:
        by_folder.setdefault(path.parent, []).append(path)
    for folder, files in by_folder.items():
        elements = [p for p in files if parse_header(p.stem) is not None]
        if len(elements) >= _FEWEST_ELEMENTS and len(elements) > len(files) / 2:
            _propose_gridded(folder, files, elements, proposal)
            files = []
        for path in files:
            _propose_raster(path, proposal)


def _propose_gridded(
    folder: Path, files: list[Path], elements: list[Path], proposal: _Proposal
) -> None:
    suffixes = {p.suffix for p in elements}
    pattern = folder / f"*{suffixes.pop() if len(suffixes) == 1 else '*'}"
    found = {}
    for path in elements:
        values = read_values(path)
        header = parse_header(path.stem)
        if header is not None and (values > 0).any():
            found[header.symbol] = (header, float(np.median(values[values > 0])))
    units = _units(found, folder.name, proposal)
    content = {"units": units} if units else {}
    proposal.take("gridded", pattern, content, f"{len(elements)} of {len(files)} rasters")


def _propose_raster(path: Path, proposal: _Proposal) -> None:
    if _COORDINATE.search(path.stem) or _COORDINATE.search(path.parent.name):
        proposal.notes.append(f"{path.name}: holds coordinates; left out")
        return
    values, place = read_values(path), place_of(path)
    if place is None:
        proposal.notes.append(f"{path.name}: {_NO_CRS}; {_SET_CRS}")
    else:
        proposal.places.append((*place, path.name))
    distinct = np.unique(values[~np.isnan(values)])
    if len(distinct) <= 3 and _BARREN.search(path.stem):
        rarest = _rarest(values, distinct)
        proposal.take("barren", path, {"value": rarest}, f"the cells that hold {rarest:g}")
    elif len(distinct) <= 3 and _DEPOSIT.search(path.stem):
        rarest = _rarest(values, distinct)
        proposal.take("deposits", path, {"value": rarest}, f"the cells that hold {rarest:g}")
    else:
        layer: dict[str, Any] = {"path": proposal.relative(path)}
        if len(distinct) <= 30 and (values == np.round(values)).all():
            layer["categories"] = True
        proposal.table.setdefault("layers", []).append(layer)
        proposal.notes.append(
            f"{path.name}: supporting layer, {values.shape[0]} x {values.shape[1]}"
        )


def _rarest(values: Any, distinct: Any) -> float:
    return float(min(distinct, key=lambda v: int((values == v).sum())))


def _place_points(proposal: _Proposal) -> None:
    """Points that are no samples: deposits, or barren places by the file's name."""
    for table, place in sorted(proposal.points, key=lambda p: not _DEPOSIT.search(_label(*p))):
        barren = _BARREN.search(_label(table, place))
        why = f"{len(table.frame)} points"
        if not barren:
            why += _choice(table)
        proposal.take("barren" if barren else "deposits", table.path, place, why)


def _label(table: Table, place: dict[str, Any]) -> str:
    return f"{table.path.stem} {place.get('layer', '')}"


def _choice(table: Table) -> str:
    """Say which column tells kinds of deposits apart, its values, and how to choose."""
    order = _COMMODITY.pattern.split("|")
    usable = [
        str(c)
        for c in table.frame.columns
        if table.frame[c].dtype.kind not in "ifc" and 2 <= table.frame[c].nunique() <= _MOST_KINDS
    ]
    column = next((c for word in order for c in usable if re.search(word, c, re.I)), None)
    if column is None:
        return ""
    counts = table.frame[column].value_counts()
    key = column if re.fullmatch(r"[A-Za-z0-9_-]+", column) else f'"{column}"'
    return (
        f"; column {column} holds {listed([f'{v} ({n})' for v, n in counts.items()])}: "
        f'set deposits.where = {{{key} = "{counts.index[0]}"}} to choose'
    )


def _require(files: list[Path], proposal: _Proposal) -> None:
    names = listed([p.name for p in files])
    if "samples" in proposal.table and "gridded" in proposal.table:
        del proposal.table["gridded"]
        proposal.notes.append("samples are preferred to the gridded survey, which is left out")
    if "samples" not in proposal.table and "gridded" not in proposal.table:
        raise InputError(
            f"neither a table with {_FEWEST_ELEMENTS} elements nor rasters of elements are among "
            f"{names or 'no files'}" + "".join(f"; {n}" for n in proposal.notes),
            remedy="name the file of samples, with headers such as Au_ppb",
        )
    if "deposits" not in proposal.table:
        raise InputError(
            f"no file of deposits is among {names}" + "".join(f"; {n}" for n in proposal.notes),
            remedy="name a table or vector file of points besides",
        )
