"""The files, tables and layers that ``orecast init`` reads."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from orecast.errors import InputError
from orecast.run import holds_run
from orecast.survey.data import listed
from orecast.survey.elements import parse_headers
from orecast.survey.packed import PACKED
from orecast.survey.points import table_pairs
from orecast.survey.proposal.draft import FEWEST_ELEMENTS, Draft
from orecast.survey.tables import (
    TABLES,
    InputTable,
    read_table,
    require_place,
    sheets,
)
from orecast.survey.vectors import (
    VECTORS,
    gdal_leaves_nothing,
)

KINDS = tuple(dict.fromkeys((*TABLES, *VECTORS, *PACKED, ".tif", ".tiff", ".asc")))


def files_of(paths: Collection[Path]) -> list[Path]:
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
            remedy=f"name the survey's files, which end in {', '.join(KINDS)}",
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
            if suffix in KINDS and (suffix != ".json" or _may_be_geojson(path)):
                yield path


def _may_be_geojson(path: Path) -> bool:
    """Whether the beginning of a JSON file has a GeoJSON key."""
    with path.open("rb") as stream:
        head = stream.read(2**16)
    return re.search(rb'"(Feature|FeatureCollection|coordinates)"', head) is not None


def tables_of(path: Path, draft: Draft) -> list[tuple[InputTable, dict[str, Any]]]:
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


def layers_of(path: Path) -> list[str | None]:
    """The layers of a vector file that have geometries; None stands for the only one."""
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
