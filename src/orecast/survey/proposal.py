"""Propose a configuration from files; each decision is reported as a note."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from orecast.config import Samples, inline, path_text
from orecast.errors import InputError, OrecastError
from orecast.grid import Bounds
from orecast.run import holds_run
from orecast.survey.analytes import element
from orecast.survey.coarse import MOST_DUPLICATES, coarse_kinds, crowded, precision_column
from orecast.survey.columns import TEXT, ColumnChoice, choose_columns, with_over_range
from orecast.survey.concentrations import decisions, nothing_detected
from orecast.survey.coverage import LEAST_SHARE, coverage, keep_covering
from orecast.survey.data import Finding, Findings, listed
from orecast.survey.deposits import unanalysed
from orecast.survey.elements import (
    OXIDE_OF,
    Header,
    commodities_named,
    default_unit,
    fitting_unit,
    is_possible,
    parse_headers,
)
from orecast.survey.joining import WKT, joined, points_table, shared_ids
from orecast.survey.packed import PACKED, require_one_inside, suffix_of
from orecast.survey.points import (
    Place,
    position_columns,
    positions_of,
    propose_places,
    table_pairs,
)
from orecast.survey.projection import file_crs
from orecast.survey.rasters import is_raster, place_of, read_values
from orecast.survey.rows import (
    interval_columns,
    long_columns,
    looks_like_deposits,
    mixed_rows,
    require_surface,
    wanted_rows,
    widened,
)
from orecast.survey.tables import (
    TABLES,
    InputTable,
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
    matching,
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


@dataclass(frozen=True)
class Candidate:
    """A table that may be the samples: its place, its columns of elements, what was decided."""

    table: InputTable
    place: dict[str, Any]
    choice: ColumnChoice
    findings: Findings


@dataclass
class Draft:
    """An unfinished configuration, and the notes on its decisions."""

    folder: Path
    table: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    # What only a person can decide, by the file.
    to_decide: list[tuple[Path, str]] = field(default_factory=list)
    commodity: str = ""  # of most deposits, by their column
    candidates: list[Candidate] = field(default_factory=list)
    points: list[tuple[InputTable, dict[str, Any]]] = field(default_factory=list)  # may be deposits
    layers: list[tuple[InputTable, dict[str, Any]]] = field(default_factory=list)  # of points
    places: list[tuple[CRS, Bounds, str]] = field(default_factory=list)  # of files with a CRS
    symbols: dict[str, list[str]] = field(default_factory=dict)  # of elements, by path
    # Tables that may be samples: the elements of their headers are not certain.
    unnamed: list[tuple[InputTable, dict[str, Any], dict[str, str]]] = field(default_factory=list)

    def relative(self, path: Path) -> str:
        """A path in the form used in the configuration.

        Raises InputError for a name that is not UTF-8.
        """
        relative = Path(os.path.relpath(path.resolve(), self.folder.resolve()))
        require_utf8(relative)
        return path_text(relative)

    def questions(self) -> list[str]:
        """What only a person can decide of the files used, as notes with file and section."""
        sections = {
            one["path"]: name if isinstance(found, dict) else f"[{name}]"
            for name, found in self.table.items()
            for one in (found if isinstance(found, list) else [found])
            if isinstance(one, dict)
        }
        questions = []
        for path, text in self.to_decide:
            if section := sections.get(self.relative(path)):
                questions.append(f"To decide: {path.name}, in [{section}]: {text}")
        return list(dict.fromkeys(questions))

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
    bare: dict[str, tuple[float, float]], name: str, draft: Draft
) -> dict[str, str]:
    """Units of headers without one, by the median and the highest value of each element.

    It is the unit that fits the crust's abundance, else the default, but none beyond 100 %.
    """
    units = {}
    for symbol, (median, highest) in bare.items():
        default = default_unit(symbol)
        default = default if is_possible(default, highest) else "ppm"
        units[symbol] = fitting_unit(symbol, median, highest) or default
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
        headers = parse_headers(p.stem for p in files)
        elements = {p: h for p in files if (h := headers[p.stem]) is not None}
        if len(elements) >= FEWEST_ELEMENTS and len(elements) > len(files) / 2:
            _propose_gridded(folder, files, elements, draft)
            files = []
        for path in files:
            _propose_raster(path, draft)


def _propose_gridded(
    folder: Path, files: list[Path], elements: dict[Path, Header], draft: Draft
) -> None:
    suffixes = {p.suffix for p in elements}
    pattern = folder / f"*{suffixes.pop() if len(suffixes) == 1 else '*'}"
    full: dict[Path, int] = {}  # number of cells with a value
    medians, undetected, ignore, findings = {}, {}, {}, Findings()
    for path, header in elements.items():
        values = read_values(path, findings)
        full[path] = int((~np.isnan(values)).sum())
        found = values[values > 0]
        if not len(found):
            undetected[header.symbol] = full[path]
            ignore[path] = "no value above zero"
        elif np.nanmin(values) == np.nanmax(values):
            ignore[path] = "constant"
        else:
            medians[path] = float(np.median(found)), float(found.max())
    if not medians:
        raise nothing_detected(undetected, len(undetected), str(pattern), "")
    for code in dict.fromkeys(f.code for f in findings):
        first, *others = findings.of(code)
        more = f" (and {len(others)} other rasters likewise)" if others else ""
        draft.notes.append(f"{Path(first.where).name}: {first.what}{more}")
    kept: dict[str, Path] = {}
    for path in sorted(medians, key=lambda p: -full[p]):
        symbol = elements[path].symbol
        metal = OXIDE_OF.get(symbol, symbol)
        same = [s for s in kept if s == symbol or {s, symbol} & {metal} == {OXIDE_OF.get(s, s)}]
        if same:
            ignore[path] = f"{kept[same[0]].name} is {metal} too, with {full[kept[same[0]]]} cells"
        else:
            kept[symbol] = path
    if ignore:
        said = [f"{p.name} ({why})" for p, why in ignore.items()]
        draft.notes.append(f"{folder.name}: left out {len(ignore)} rasters: {listed(said, 40)}")
    unnamed = [p.name for p in files if p not in elements]
    if unnamed:
        draft.notes.append(
            f"{folder.name}: left out rasters not named by an element: {listed(unnamed, 20)}"
        )
    bare = {s: medians[p] for s, p in kept.items() if elements[p].unit is None}
    units = _estimated_units(bare, folder.name, draft)
    content: dict[str, Any] = {"units": units} if units else {}
    if ignore:
        content["ignore"] = sorted(p.stem for p in ignore)
    draft.symbols[draft.relative(pattern)] = list(kept)
    draft.take("gridded", pattern, content, f"{len(kept)} of {len(files)} rasters")


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
        draft.to_decide.append((path, f"{NO_CRS}; {SET_CRS}"))
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
    and a note for each decision; those that only a person can make come last. Without deposits it
    proposes a map of anomalies.

    Raises InputError if a file cannot be read, or there are no samples.
    """
    draft = Draft(folder)
    files = _files(paths)
    _propose_rasters([p for p in files if is_raster(p)], draft)
    vectors = [p for p in files if is_vector(p)]
    for path in vectors:
        _propose_vectors(path, draft)
    tables: list[tuple[InputTable, dict[str, Any]]] = []
    for path in files:
        if suffix_of(path) in TABLES and path not in vectors:
            try:
                tables += _tables(path, draft)
            except InputError as error:
                draft.leave_out(path, error)
        elif suffix_of(path) in PACKED:
            try:
                require_one_inside(path)
            except InputError as error:
                draft.leave_out(path, error)
        elif not is_raster(path) and path not in vectors:
            draft.notes.append(f"{path.name}: ignored; this kind of file cannot be read")
    places = propose_places([table for table, _ in tables], draft.places)
    located = [
        (*one, place) for one, place in zip(tables, places, strict=True) if place is not None
    ]
    points = [(table, layer, Place({})) for table, layer in draft.layers]
    used = [  # tables and layers that give the positions of others
        _propose_joined(table, layer, [*located, *points], draft)
        for (table, layer), place in zip(tables, places, strict=True)
        if place is None
    ]
    for table, layer, place in [*located, *points]:
        if not any(table is one for one in used):
            frame = table.frame.drop(columns=WKT, errors="ignore")
            keys = _keys(table, layer, place, draft)
            _propose_table(replace(table, frame=frame), keys, draft)
    _choose_samples(draft)
    _place_points(draft)
    _complete(files, draft)
    return draft.table, [*draft.notes, *draft.questions()]


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
        located = bool(table_pairs(table))
        headers = parse_headers(str(column) for column in table.frame.columns)
        if located or sum(map(bool, headers.values())) >= FEWEST_ELEMENTS:
            found.append((table, {"layer": name} if number else {}))
            if number:
                what = "position columns" if located else "elements"
                draft.notes.append(f'{path.name}: sheet {name!r} has {what}; layer = "{name}"')
    return found or [(read_table(path), {})]


def _keys(table: InputTable, layer: dict[str, Any], place: Place, draft: Draft) -> dict[str, Any]:
    """The keys of a table's section that say where its rows are; and notes on them."""
    draft.notes += [f"{table.path.name}: {note}" for note in place.notes]
    if place.undecided:
        draft.to_decide.append((table.path, place.undecided))
    return layer | place.keys


def _propose_joined(
    table: InputTable,
    layer: dict[str, Any],
    located: list[tuple[InputTable, dict[str, Any], Place]],
    draft: Draft,
) -> InputTable | None:
    """Propose a table without positions as samples, with those of another table by their ids.

    ``located`` are the tables with positions, and their keys. Returns the one that was used.
    """
    name = table.path.name
    for other, their_layer, place in located:
        ids = shared_ids(table, other)
        if ids is None:
            continue
        positions = {"path": draft.relative(other.path), **their_layer}
        draft.notes.append(
            f"{name}: positions of {ids.matched} of {len(table.frame)} rows from "
            f"{other.path.name}, by columns {ids.own!r} and {ids.other!r}"
        )
        keys = _keys(table, layer, place, draft) | {"positions": positions}
        _propose_table(joined(table, other, ids), keys, draft)
        return other
    draft.notes.append(f"{name}: ignored; it has no position columns")
    return None


def _propose_table(table: InputTable, place: dict[str, Any], draft: Draft) -> None:
    """Keep a table as possible samples if it has three elements or more, else as deposits."""
    draft.notes += [f"{table.path.name}: {remark}" for remark in table.remarks]
    findings = Findings()
    table, rows = _rows_of_samples(table, place, findings, draft)
    positions = set(position_columns(table))
    samples = Samples.model_construct(path=table.path)
    choice = choose_columns(table, samples, positions, findings)
    if len(choice.columns) + choice.unusable < FEWEST_ELEMENTS:
        draft.points.append((table, place))
        if choice.columns or choice.near:
            draft.unnamed.append((table, place, choice.near))
        return
    draft.candidates.append(Candidate(table, place | rows, choice, findings))


def _rows_of_samples(
    table: InputTable, place: dict[str, Any], findings: Findings, draft: Draft
) -> tuple[InputTable, dict[str, Any]]:
    """The table with one row for each sample, and the keys that say how."""
    name, keys = table.path.name, dict[str, Any]()
    if found := long_columns(table):
        keys["long"] = found
        table = widened(table, Samples.model_construct(path=table.path, long=found), findings)
    where: dict[str, list[str]] = {}
    precision = precision_column(table)
    if precision is not None and precision.coarse.any() and (fine := precision.where(table)):
        where |= fine
        draft.notes.append(
            f"{name}: {precision.coarse.sum()} of {len(table.frame)} rows are left out: their "
            f"position has an error of more than 1 km by column {precision.column}, "
            f"{coarse_kinds(table, precision)}; to use them, change samples.where"
        )
        table = _matching(table, where)
    while mixed := mixed_rows(table, where):
        if mixed.media and mixed.share < LEAST_SHARE:
            kinds = {mixed.kept: mixed.n, **mixed.others}
            line = {mixed.column: [mixed.kept]} | where
            several = listed([f"{v} ({n})" for v, n in kinds.items()], _MOST_KINDS)
            question = (
                f"column {mixed.column} has several media, none of which has half of the rows: "
                f"{several}. All are used; to use one, set where = {inline(line)}"
            )
            draft.to_decide.append((table.path, question))
            break
        where[mixed.column] = wanted = wanted_rows(table, mixed)
        left_out = listed([f"{v} ({n})" for v, n in mixed.others.items()], _MOST_KINDS)
        draft.notes.append(
            f"{name}: of column {mixed.column}, only {', '.join(wanted)} are used as samples, not "
            f"{left_out}; to use others, change samples.where"
        )
        table = _matching(table, where)
    if where:
        keys["where"] = where
    if {"x", "y"} <= place.keys():
        xy = positions_of(table, place["x"], place["y"])
        if many := int(crowded(xy[np.isfinite(xy).all(axis=1)], MOST_DUPLICATES).sum()):
            draft.notes.append(
                f"{name}: {many} of {len(xy)} rows share their position with "
                f"{MOST_DUPLICATES} others or more: it may be approximate; for samples, "
                f"most_per_place = {MOST_DUPLICATES} leaves them out"
            )
    if interval_columns(table):
        try:
            require_surface(table, Samples.model_construct(path=table.path))
        except InputError as error:
            draft.to_decide.append((table.path, f"{error.what}; {error.remedy}"))
    return table, keys


def _matching(table: InputTable, where: dict[str, list[str]]) -> InputTable:
    rows: Any = matching(table, where, "samples.where")
    return replace(table, frame=table.frame[rows.to_numpy()])


def _choose_samples(draft: Draft) -> None:
    """Of the tables with elements, take the one with most samples; deposits may have grades."""

    def rank(candidate: Candidate) -> tuple[bool, bool, int]:
        table = candidate.table
        label = _label(table, candidate.place)
        return (
            not looks_like_deposits(table.frame.columns),
            not DEPOSIT.search(label),
            len(table.frame) * len(candidate.choice.columns),
        )

    ordered = sorted(draft.candidates, key=rank, reverse=True)
    for number, candidate in enumerate(ordered):
        table, place, choice = candidate.table, candidate.place, candidate.choice
        of_deposits = looks_like_deposits(table.frame.columns) or DEPOSIT.search(
            _label(table, place)
        )
        if number and of_deposits:
            draft.points.append((table, place))
            continue
        if "samples" in draft.table:
            n = len(choice.columns)
            draft.notes.append(f"{table.path.name}: ignored; could also be samples ({n} elements)")
            continue
        detected = [c for c in choice.columns.values() if c.unusable is None]
        if not detected and len(choice.columns) >= FEWEST_ELEMENTS:
            counts = {c.symbol: int(c.present.sum()) for c in choice.columns.values()}
            raise nothing_detected(counts, len(counts), str(table.path), "")
        draft.notes += [f"{table.path.name}: {_note(f)}" for f in candidate.findings]
        content = place | _samples(table, choice, place, draft)
        ignored = content.get("ignore", ())
        kept = [c.symbol for c in choice.columns.values() if c.name not in ignored]
        draft.symbols.setdefault(draft.relative(table.path), kept)
        draft.take("samples", table.path, content, f"{len(kept)} elements, {table.how}".strip(" ,"))


def _note(finding: Finding) -> str:
    return f"{finding.what}; {finding.remedy}" if finding.remedy else finding.what


def _samples(
    table: InputTable, choice: ColumnChoice, place: dict[str, Any], draft: Draft
) -> dict[str, Any]:
    """Units, columns to ignore and the medium of a table of samples."""
    name = table.path.name
    reruns = {column: second.name for column, second in choice.over_range.items()}
    # Text may be the marks of another column's values; it is no element anyhow.
    ignore = [c for c, why in choice.left_out.items() if c not in reruns.values() and why != TEXT]
    sparse = _sparse(table, choice, place)
    if sparse:
        ignore += sparse
        said = [f"{c} ({100 * share:.0f} %)" for c, share in sparse.items()]
        draft.notes.append(
            f"{name}: left out {len(sparse)} column(s), each with the share of the area in which "
            "it has values, because the map has a value only where each element has one, and less "
            f"than half of the area would be left: {listed(said, 40)}; to use one, remove it from "
            "samples.ignore"
        )
    kept = {c.symbol: c for c in choice.columns.values() if c.name not in ignore}
    content: dict[str, Any] = {}
    bare = {s: (c.median, c.highest) for s, c in kept.items() if c.unit is None}
    units = _estimated_units(bare, name, draft)
    if units:
        content["units"] = units
    if ignore:
        content["ignore"] = ignore
    if reruns:
        content["over_range"] = reruns
    samples = Samples.model_construct(path=table.path, **content)  # a file's name may be odd
    chosen = [
        replace(
            element(s, c.name, units.get(s) or c.supposed_unit),
            qualifier=choice.qualifiers.get(c.name),
        )
        for s, c in kept.items()
    ]
    complete = with_over_range(table, choice)
    decided, undecided = decisions(chosen, complete, samples)
    draft.notes += [f"{name}: {text}" for text in decided]
    draft.to_decide += [(table.path, text) for text in undecided]
    medium = next((m for m, words in _MEDIA.items() if re.search(words, name, re.I)), None)
    if medium:
        content["medium"] = medium
        draft.notes.append(f"{name}: medium {medium}, from the file name")
    else:
        draft.to_decide.append(
            (table.path, 'set medium = "soil", "stream-sediment", "till" or "rock"')
        )
    return content


def _sparse(table: InputTable, choice: ColumnChoice, place: dict[str, Any]) -> dict[str, float]:
    """The columns that leave the map less than half of the area, and their share of it."""
    columns = list(choice.columns.values())
    present = np.column_stack([c.present for c in columns])
    has = present
    if {"x", "y"} <= place.keys():
        xy = positions_of(table, place["x"], place["y"])
        known = np.isfinite(xy).all(axis=1)
        if known.mean() > LEAST_SHARE:
            has = coverage(xy[known], present[known])
    keep = keep_covering(has, FEWEST_ELEMENTS)
    return {
        c.name: float(share)
        for c, share, kept in zip(columns, has.mean(axis=0), keep, strict=True)
        if not kept
    }


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
            draft.to_decide.append((path, f"{NO_CRS}; {SET_CRS}"))
        else:
            draft.places.append((frame.crs, bounds_of(frame), path.name))
        label = f"{path.stem} {layer or ''}"
        shape = shape_of(frame)
        assert shape is not None  # read_frame refuses a layer without a geometry
        findings = Findings()
        frame = of_shape(frame, shape, path.name, findings)
        draft.notes += [f"{path.name}: {f.what}" for f in findings]
        if shape == "point":
            draft.layers.append((points_table(frame, path), place))
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
            if "deposits" not in draft.table:
                draft.commodity = _commodity(table)
        draft.take("barren" if barren else "deposits", table.path, place, why)


def _label(table: InputTable, place: dict[str, Any]) -> str:
    return f"{table.path.stem} {place.get('layer', '')}"


def _commodity(table: InputTable) -> str:
    """The element that the column of kinds names first for most deposits; "" for none."""
    column, _ = _best_column(table.frame, _COMMODITY, "ifc", _MOST_KINDS)
    if column is None:
        return ""
    named = [commodities_named(str(value))[:1] for value in table.frame[column].dropna()]
    counts = Counter(metal for found in named for metal in found)
    metal, n = next(iter(counts.most_common(1)), ("", 0))
    return metal if 2 * n > len(table.frame) else ""


def _choice(table: InputTable) -> str:
    """As text: the column with kinds of deposits, its values, and how to select one."""
    column, _ = _best_column(table.frame, _COMMODITY, "ifc", _MOST_KINDS)
    if column is None:
        return ""
    counts = table.frame[column].value_counts()
    return (
        f"; column {column} has {listed([f'{v} ({n})' for v, n in counts.items()])}: "
        f"set deposits.where = {inline({column: str(counts.index[0])})} to select one kind"
    )


def _propose_unnamed(draft: Draft) -> None:
    """Propose the table with the most headers that are nearly elements as samples."""
    for table, place, near in sorted(draft.unnamed, key=lambda found: -len(found[2])):
        if len(near) + 1 < FEWEST_ELEMENTS:
            continue
        path = draft.relative(table.path)
        if draft.table.get("deposits", {}).get("path") == path:
            del draft.table["deposits"]
        draft.table["samples"] = {"path": path, **place}
        question = (
            "the elements of its columns are not certain. If these are right, set "
            f"rename = {inline(near)}"
        )
        draft.to_decide.append((table.path, question))
        return


def _complete(files: list[Path], draft: Draft) -> None:
    if "samples" in draft.table and "gridded" in draft.table:
        del draft.table["gridded"]
        draft.notes.append("ignored the gridded survey, because there are samples")
    if "samples" not in draft.table and "gridded" not in draft.table:
        _propose_unnamed(draft)
    if "samples" not in draft.table and "gridded" not in draft.table:
        raise InputError(
            f"no table with {FEWEST_ELEMENTS} elements and no rasters of elements in: "
            f"{listed([p.name for p in files])}" + "".join(f"; {n}" for n in draft.notes),
            remedy="add the samples file; its headers must name elements, such as Au_ppb",
        )
    survey = draft.table.get("samples") or draft.table["gridded"]
    symbols = draft.symbols.get(survey["path"])
    if "deposits" in draft.table and symbols:
        path = Path(draft.table["deposits"]["path"])
        if missing := unanalysed(path.stem, symbols):
            draft.notes.append(
                f"{path.name}: by its name the deposits are of {' and '.join(missing)}, which the "
                "survey did not analyse: the map is made from the other elements"
            )
        named = commodities_named(path.stem)
        where = "the file name"
        if len(named) != 1 and draft.commodity:
            named, where = [draft.commodity], "their column"
        if len(named) == 1 and named[0] in symbols:
            draft.table["commodity"] = named[0]
            draft.notes.append(f"{path.name}: commodity {named[0]}, from {where}")
    if "deposits" not in draft.table:
        draft.notes.append(
            "no file has deposits: the run will map anomalies with a model that needs no deposits; "
            "add [deposits] to train with known ones, or [held_back] to test the map with them"
        )
