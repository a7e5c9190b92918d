"""Damage small valid surveys at random, and run ``orecast init`` and ``check`` on each.

    python tests/fuzz.py --n 1000 --seed 0
    python tests/fuzz.py --seed 0 --only 17     input 17 again, with what it says

An input ends well where both commands read it or refuse it with a message. It fails by a
traceback, by a crash of the process, by more than its time or memory, by a configuration of
``init`` that cannot be read, and by a file that a command changes, or leaves beside those that it
is there to write. One failure makes the exit code 1.

The inputs run in worker processes, so that a fault of a C library is a result and not the end.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import re
import resource
import select
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import traceback
import warnings
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

CRS = "EPSG:32645"
WEST, SOUTH, SIDE = 500_000.0, 4_500_000.0, 10_000.0
TABLES = ("csv", "tsv", "txt", "xlsx", "parquet")
WRITTEN = {"init.toml", "checks.json"}  # what the two commands are there to write
# "read" where every command reads the input, "refused" where one ends in a message
GOOD = ("read", "refused")

ODD_CELLS = (
    *("", " ", "NaN", "inf", "-inf", "1e308", "-1e308", "1e-320", "1e999", "-9999", "0", "-0.5"),
    *("<0.5", "<", ">", ">10000", "<-1", "< 0,5", "1,5", "1.234,56", "1.2.3", "0x1f", "1_000"),
    *("TRUE", "=1/0", "#N/A", "n.d.", "12:30", "2020-01-01", "９９", "½", "金", "\U0001f3d4"),
    *("\x00", "[/b]", "[red]", "<script>", "../../x", "$\\frac{", "\x1b[31m", "a\nb", '"', "'"),
    "x" * 200_000,
    *("9" * 400, "1e5", "+5", "--5", "5%", "\u202e5", "\ufeff5", "nan", "None", "-1.#IND"),
)  # fmt: skip
ODD_HEADERS = (
    *("", " ", "X", "Y", "lon", "lat", "Au_ppb", "AU ppb", "Cu [/b]", "Cu [mg/kg]", "[bold]Zn"),
    *("<script>alert(1)</script>", "../../x", "$x^{", "\x1b[31mPb", "\x01", "a\nb", 'a"b', "#"),
    *("name", "geometry", "geom", "fid", "FID", "index", "level_0", "金_ppb", "\u202eAs", "0"),
    *("Unnamed: 0", "column 1", "Au\\n", "Au'''", "\x7f", "\u2028Cu", "Fe2O3 %", "Fe2O3", "="),
    *("x" * 5000, "1.5"),
)  # fmt: skip
ODD_NAMES = (
    *("sam ples", "a[1]", "[b]x", "金", "a\nb", "a'b", 'a"b', "a\\b", "#a", "a%20", "a?b=c", "a*"),
    *("-a", "a\u202e", "a\x1b[31m", "x" * 240, os.fsdecode(b"a\xff")),
)  # fmt: skip
ODD_TOML = (
    *("0", "-1", "1e400", "nan", "inf", "10000000000", '""', '"\\u0000"', "[]", "{}", "true"),
    *("[[1]]", '"[/b]"', '"~nosuchuser"', '"${NO_SUCH}"', '"EPSG:0"', '"+proj=merc"', "1979-05-27"),
    *('"."', '"samples.csv"', '"/dev/null"', '["a", 1]', "{a = 1}", '"' + "x" * 5000 + '"'),
)  # fmt: skip
ENCODINGS = (
    *("utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "gbk", "cp1252", "latin-1"),
    *("shift-jis", "utf-7", "cp037"),
)  # fmt: skip

Random = np.random.Generator
Mutator = Callable[[Path, Random], str]


def one_of(rng: Random, items: Any) -> Any:
    items = list(items)
    return items[int(rng.integers(len(items)))]


# Valid surveys, every part in every format that is read.


def write_templates(folder: Path) -> None:
    """Write each part of a small survey once for each format."""
    import geopandas as gpd
    import pandas as pd
    import rasterio
    from shapely.geometry import LineString, box

    os.environ["OGR_CURRENT_DATE"] = "2020-01-01T00:00:00.000Z"  # the same bytes each time
    rng = np.random.default_rng(0)
    n = 40
    x, y = WEST + SIDE * rng.random(n), SOUTH + SIDE * rng.random(n)
    au = np.round(rng.lognormal(1, 1, n), 3)
    table = pd.DataFrame(
        {
            "ID": [f"S{i:03d}" for i in range(n)],
            "X": np.round(x, 1),
            "Y": np.round(y, 1),
            "Au_ppb": [f"<{v}" if v < 1 else f"{v}" for v in au],
            "Cu (ppm)": np.round(rng.lognormal(3, 0.5, n), 2),
            "Fe2O3 %": np.round(rng.lognormal(1, 0.3, n), 3),
            "As": np.round(rng.lognormal(1, 0.6, n), 1),
        }
    )
    places = pd.DataFrame(
        {
            "X": WEST + np.array([2000.0, 5000, 8000, 3000, 6000]),
            "Y": SOUTH + np.array([2000.0, 5000, 8000, 7000, 1500]),
            "name": ["Alpha", "Beta", "Gamma", "Delta", "金山"],
            "commodity": ["Au", "Au", "Cu", "Au", "Cu"],
        }
    )
    for stem, frame in {"samples": table, "deposits": places}.items():
        frame.to_csv(folder / f"{stem}.csv", index=False)
        frame.to_csv(folder / f"{stem}.tsv", index=False, sep="\t")
        frame.to_csv(folder / f"{stem}.txt", index=False, sep=";", decimal=",")
        frame.to_parquet(folder / f"{stem}.parquet")
        frame.to_excel(folder / f"{stem}.xlsx", index=False)
        _undated(folder / f"{stem}.xlsx")
        rest, points = frame.drop(columns=["X", "Y"]), gpd.points_from_xy(frame["X"], frame["Y"])
        _write_vectors(gpd.GeoDataFrame(rest, geometry=points), folder, stem)
    lines = [LineString([(WEST, SOUTH), (WEST + SIDE, SOUTH + SIDE)])] * 2
    faults = gpd.GeoDataFrame({"kind": ["thrust", "fault"]}, geometry=lines)
    _write_vectors(faults, folder, "faults")
    half = WEST + SIDE / 2
    units = [box(WEST, SOUTH, half, SOUTH + SIDE), box(half, SOUTH, WEST + SIDE, SOUTH + SIDE)]
    geology = gpd.GeoDataFrame({"unit": ["granite", "shale"]}, geometry=units)
    _write_vectors(geology, folder, "geology")
    profile: dict[str, Any] = {"height": 20, "width": 20, "count": 1, "dtype": "float32"}
    profile |= {"crs": CRS, "transform": rasterio.Affine(500, 0, WEST, 0, -500, SOUTH + SIDE)}
    for stem in ("magnetics", "Au", "Cu", "SiO2", "Zn"):
        with rasterio.open(folder / f"{stem}.tif", "w", driver="GTiff", **profile) as target:
            target.write(rng.lognormal(2, 0.5, (20, 20)).astype(np.float32), 1)
    head = f"ncols 20\nnrows 20\nxllcorner {WEST}\nyllcorner {SOUTH}\ncellsize 500\n"
    rows = "\n".join(" ".join(map(str, row)) for row in rng.integers(0, 9, (20, 20)))
    (folder / "magnetics.asc").write_text(head + rows)


def _write_vectors(frame: Any, folder: Path, stem: str) -> None:
    frame = frame.set_crs(CRS)
    short = frame.rename(columns=lambda name: name[:10])
    short.to_file(folder / f"{stem}.shp", encoding="utf-8")
    with warnings.catch_warnings(action="ignore"):  # GML renames columns
        for suffix in ("gpkg", "geojson", "fgb", "gml"):
            frame.to_file(folder / f"{stem}.{suffix}", layer=stem)


def _undated(path: Path) -> None:
    """Take the dates out of a workbook, so that its bytes are the same each time."""
    with zipfile.ZipFile(path) as archive:
        parts = {i.filename: archive.read(i) for i in archive.infolist()}
    date = re.compile(rb"\d{4}-\d\d-\d\dT[\d:]+Z")
    _zip(path, {name: date.sub(b"2020-01-01T00:00:00Z", part) for name, part in parts.items()})


def _zip(path: Path, parts: dict[str, bytes]) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for name, part in parts.items():
            archive.writestr(zipfile.ZipInfo(name), part, zipfile.ZIP_DEFLATED)


def lay_out(templates: Path, folder: Path, rng: Random) -> list[Path]:
    """Copy a survey of random formats into a folder, with its run.toml; return its main files."""
    points = (*TABLES, *TABLES, "gpkg", "geojson", "shp", "fgb")
    shapes = ("gpkg", "geojson", "shp", "gml")
    sections, files = [], []

    def take(stem: str, suffix: str) -> str:
        suffixes = ("shp", "shx", "dbf", "prj", "cpg") if suffix == "shp" else (suffix,)
        for part in suffixes:
            shutil.copyfile(templates / f"{stem}.{part}", folder / f"{stem}.{part}")
        files.append(folder / f"{stem}.{suffix}")
        return f'path = "{stem}.{suffix}"\n'

    gridded = rng.random() < 0.15
    if gridded:
        for stem in ("Au", "Cu", "SiO2", "Zn"):
            take(stem, "tif")
        sections.append('[gridded]\npath = "*.tif"\n')
    else:
        suffix = one_of(rng, points)
        crs = f'crs = "{CRS}"\n' if suffix in TABLES else ""
        sections.append(f'[samples]\n{take("samples", suffix)}{crs}medium = "soil"\n')
    suffix = one_of(rng, points)
    crs = f'crs = "{CRS}"\n' if suffix in TABLES else ""
    sections.append(f"[deposits]\n{take('deposits', suffix)}{crs}")
    if rng.random() < 0.8:  # beside them init knows the CRS of a table
        sections.append(f"[faults]\n{take('faults', one_of(rng, shapes))}")
    if rng.random() < 0.3:
        column = 'column = "unit"\n'
        sections.append(f"[geology]\n{take('geology', one_of(rng, shapes))}{column}")
    if not gridded and rng.random() < 0.5:
        suffix = one_of(rng, ("tif", "tif", "asc"))
        sections.append(f'[[layers]]\n{take("magnetics", suffix)}crs = "{CRS}"\n')
    sections += ["[evidence]\ncell_size = 500\n", '[model]\nname = "auto"\n']
    (folder / "run.toml").write_text("\n".join(sections), encoding="utf-8")
    files.append(folder / "run.toml")
    return files


# Damage to any file.


def flip(path: Path, rng: Random) -> str:
    content = bytearray(path.read_bytes())
    reach = len(content) if rng.random() < 0.6 else min(len(content), 400)  # headers lie in front
    n = int(rng.integers(1, 20))
    for _ in range(n if reach else 0):
        content[rng.integers(reach)] = rng.integers(256)
    path.write_bytes(content)
    return f"{n} bytes flipped"


def cut(path: Path, rng: Random) -> str:
    content = path.read_bytes()
    at = int(rng.integers(len(content) + 1))
    path.write_bytes(content[:at])
    return f"cut at byte {at} of {len(content)}"


def cut_out(path: Path, rng: Random) -> str:
    content = path.read_bytes()
    a, b = sorted(rng.integers(0, len(content) + 1, 2).tolist())
    path.write_bytes(content[:a] + content[b:])
    return f"bytes {a} to {b} removed"


def repeat(path: Path, rng: Random) -> str:
    content = path.read_bytes()
    a, b = sorted(rng.integers(0, len(content) + 1, 2).tolist())
    path.write_bytes(content[:b] + content[a:])
    return f"bytes {a} to {b} twice"


def surround(path: Path, rng: Random) -> str:
    junk = one_of(
        rng, (b"\x00" * 64, b"\xff\xfe", b"\xef\xbb\xbf", b"\n\n\n", b'"', b"#", rng.bytes(99))
    )
    front = rng.random() < 0.5
    content = path.read_bytes()
    path.write_bytes(junk + content if front else content + junk)
    return f"{junk[:8]!r} {'in front' if front else 'at the end'}"


def empty(path: Path, rng: Random) -> str:
    path.write_bytes(b"")
    return "empty"


def blank(path: Path, rng: Random) -> str:
    path.write_bytes(one_of(rng, (b"\n", b" \n \n", b"\x00" * 512, b",,,\n", b"{}", b"[]", b"0")))
    return "next to empty"


def to_folder(path: Path, rng: Random) -> str:
    path.unlink()
    path.mkdir()
    if rng.random() < 0.5:
        (path / "a").write_text("a")
    return "a folder"


def remove(path: Path, rng: Random) -> str:
    path.unlink()
    return "removed"


def other_content(path: Path, rng: Random) -> str:
    other = one_of(rng, sorted(p for p in path.parent.iterdir() if p.is_file()))
    path.write_bytes(other.read_bytes())
    return f"the content of {other.name}"


def other_name(path: Path, rng: Random) -> str:
    name = one_of(rng, ODD_NAMES)
    for part in sorted(path.parent.glob(f"{path.stem}.*")):
        part.rename(part.with_name(name + part.suffix))
    run = path.with_name("run.toml")
    if run.is_file():
        text = run.read_text(encoding="utf-8", errors="surrogateescape")
        shown = json.dumps(name, ensure_ascii=False)[1:-1]
        text = text.replace(f'"{path.stem}.', f'"{shown}.')
        run.write_text(text, encoding="utf-8", errors="surrogateescape")
    return f"named {name[:20]!r}"


ANY: tuple[Mutator, ...] = (
    *(flip, flip, flip, cut, cut, cut_out, repeat, surround),
    *(empty, blank, to_folder, remove, other_content, other_name),
)  # fmt: skip


# Damage that knows the format.


def _rows(path: Path) -> tuple[list[list[str]], str]:
    delimiter = {".csv": ",", ".tsv": "\t"}.get(path.suffix, ";")
    text = path.read_text(encoding="utf-8", errors="replace")
    return [line.split(delimiter) for line in text.splitlines()] or [[""]], delimiter


def _write_rows(path: Path, rows: list[list[str]], delimiter: str, end: str = "\n") -> None:
    path.write_text(end.join(delimiter.join(row) for row in rows) + end, "utf-8", newline="")


def odd_cells(path: Path, rng: Random) -> str:
    rows, delimiter = _rows(path)
    odd, n = one_of(rng, ODD_CELLS), int(rng.integers(1, 5))
    for _ in range(n):
        row = rows[int(rng.integers(len(rows)))]
        row[int(rng.integers(len(row)))] = odd
    _write_rows(path, rows, delimiter)
    return f"{n} cells hold {odd[:20]!r}"


def odd_column(path: Path, rng: Random) -> str:
    rows, delimiter = _rows(path)
    odd, at = one_of(rng, ODD_CELLS), int(rng.integers(len(rows[0])))
    for row in rows[1:]:
        if at < len(row):
            row[at] = odd
    _write_rows(path, rows, delimiter)
    return f"column {at} holds {odd[:20]!r}"


def odd_header(path: Path, rng: Random) -> str:
    rows, delimiter = _rows(path)
    n = int(rng.integers(1, 4))
    for _ in range(n):
        rows[0][int(rng.integers(len(rows[0])))] = one_of(rng, ODD_HEADERS)
    _write_rows(path, rows, delimiter)
    return f"headers {[name[:20] for name in rows[0]]}"


def other_rows(path: Path, rng: Random) -> str:
    rows, delimiter = _rows(path)
    head, body = rows[0], rows[1:]
    what = one_of(
        rng, ("no header", "twice", "shuffled", "few", "none", "blank", "units", "ragged")
    )
    if what == "no header":
        rows = body or rows
    elif what == "twice":
        rows = [head, *body, *body]
    elif what == "shuffled":
        rows = [head, *[body[i] for i in rng.permutation(len(body))]]
    elif what == "few":
        rows = [head, *body[: int(rng.integers(1, 4))]]
    elif what == "none":
        rows = [head]
    elif what == "blank":
        rows = [[""], head, [""], *body, ["" for _ in head]]
    elif what == "units":
        rows = [head, ["", "m", "m", "ppb", "ppm", "%", "ppm"][: len(head)], *body]
    else:
        rows = [row + ["1"] * int(rng.integers(3)) for row in rows]
    _write_rows(path, rows, delimiter)
    return f"rows: {what}"


def other_columns(path: Path, rng: Random) -> str:
    rows, delimiter = _rows(path)
    a = int(rng.integers(len(rows[0])))
    what = one_of(rng, ("removed", "twice", "first", "many"))
    if what == "removed":
        rows = [row[:a] + row[a + 1 :] for row in rows]
    elif what == "twice":
        rows = [row[: a + 1] + row[a : a + 1] + row[a + 1 :] for row in rows]
    elif what == "first":
        rows = [row[a:] + row[:a] for row in rows]
    else:
        n = one_of(rng, (300, 3000, 20_000))
        rows = [row + [f"c{i}" if r == 0 else "1" for i in range(n)] for r, row in enumerate(rows)]
    _write_rows(path, rows, delimiter)
    return f"column {a}: {what}"


def other_text(path: Path, rng: Random) -> str:
    rows, delimiter = _rows(path)
    if rng.random() < 0.5:
        encoding = one_of(rng, ENCODINGS)
        _write_rows(path, rows, delimiter)
        path.write_bytes(path.read_text("utf-8").encode(encoding, errors="replace"))
        return f"in {encoding}"
    delimiter, end = one_of(rng, ",;\t|: ~"), one_of(rng, ("\r", "\r\n", "\n\n", "\n", " \n"))
    _write_rows(path, rows, delimiter, end)
    return f"delimited by {delimiter!r}, lines end in {end!r}"


TEXT: tuple[Mutator, ...] = (
    *(odd_cells, odd_cells, odd_column, odd_header),
    *(other_rows, other_columns, other_text),
)


def inside_workbook(path: Path, rng: Random) -> str:
    """Damage the XML within, which a flipped byte of the archive never reaches."""
    try:
        with zipfile.ZipFile(path) as archive:
            parts = {i.filename: archive.read(i) for i in archive.infolist()}
    except Exception:  # damaged before
        return flip(path, rng)
    sheet = "xl/worksheets/sheet1.xml"
    name = sheet if rng.random() < 0.7 else one_of(rng, sorted(parts))
    content = parts.get(name, b"")
    values = [m.span() for m in re.finditer(rb'(?<=>)[^<>]+(?=</)|(?<=")[^"<>]*(?=")', content)]
    what = one_of(
        rng, ("value", "value", "value", "value", "cut", "flip", "far", "claim", "row", "gone")
    )
    if what == "value" and values:
        a, b = one_of(rng, values)
        odd = one_of(rng, ODD_CELLS).encode().replace(b"<", b"&lt;").replace(b"\x00", b"")
        content = content[:a] + odd.replace(b'"', b"") + content[b:]
    elif what == "cut":
        content = content[: int(rng.integers(len(content) + 1))]
    elif what == "far":
        at = one_of(rng, ("XFD1048576", "ZZZ1", "A9999999999", "AAAA1", "A0", "1", ""))
        content = content.replace(b"</row>", f'<c r="{at}"><v>1</v></c></row>'.encode(), 1)
    elif what == "claim":
        content = re.sub(rb'ref="[A-Z0-9:]+"', b'ref="A1:XFD1048576"', content)
    elif what == "row":
        n = one_of(rng, ("0", "-1", "1048576", "99999999999", "x", "1.5"))
        content = content.replace(b'<row r="5"', f'<row r="{n}"'.encode())
    elif what == "gone":
        parts.pop(name, None)
    else:
        damaged = bytearray(content)
        for _ in range(int(rng.integers(1, 9)) if damaged else 0):
            damaged[rng.integers(len(damaged))] = rng.integers(256)
        content = bytes(damaged)
    if name in parts:
        parts[name] = content
    _zip(path, parts)
    return f"{name}: {what}"


def inside_database(path: Path, rng: Random) -> str:
    """Change what the tables of a GeoPackage hold."""
    odd = one_of(
        rng, (None, "", "[/b]", "<script>", "../../x", -1, 10**18, 1e308, b"\x00\x01", "x" * 9999)
    )
    try:
        with contextlib.closing(sqlite3.connect(path)) as base, base:
            base.execute("PRAGMA ignore_check_constraints = ON")
            for (trigger,) in base.execute(
                "SELECT name FROM sqlite_master WHERE type = 'trigger'"
            ).fetchall():
                base.execute(f'DROP TRIGGER "{trigger}"')
            tables = [
                t for (t,) in base.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            ]
            layer = path.stem if path.stem in tables else tables[0]
            table = layer if rng.random() < 0.6 else one_of(rng, tables)
            columns = [row[1] for row in base.execute(f'PRAGMA table_info("{table}")')]
            column = one_of(rng, columns)
            what = one_of(
                rng, ("value", "value", "layer", "column", "drop", "blob", "blob", "delete")
            )
            if what == "layer":
                new = one_of(rng, (h for h in ODD_HEADERS if h.strip())).replace('"', "")
                base.execute(f'ALTER TABLE "{layer}" RENAME TO "{new}"')
                for index in ("gpkg_contents", "gpkg_geometry_columns"):
                    base.execute(f"UPDATE {index} SET table_name = ?", (new,))
                return f"layer named {new[:30]!r}"
            if what == "column":
                new = one_of(rng, (h for h in ODD_HEADERS if h.strip())).replace('"', "")
                base.execute(f'ALTER TABLE "{table}" RENAME COLUMN "{column}" TO "{new}"')
                return f"{table}.{column} named {new[:30]!r}"
            if what == "drop":
                base.execute(f'DROP TABLE "{table}"')
            elif what == "delete":
                base.execute(f'DELETE FROM "{table}"')
            elif what == "blob":
                rows = base.execute(f'SELECT rowid, geom FROM "{layer}"').fetchall()
                number, blob = one_of(rng, rows)
                damaged = bytearray(blob)
                for _ in range(int(rng.integers(1, 5))):
                    damaged[rng.integers(len(damaged))] = rng.integers(256)
                if rng.random() < 0.3:
                    damaged = damaged[: int(rng.integers(len(damaged)))]
                base.execute(
                    f'UPDATE "{layer}" SET geom = ? WHERE rowid = ?', (bytes(damaged), number)
                )
            else:
                some = "" if rng.random() < 0.5 else " WHERE rowid = 2"
                base.execute(f'UPDATE "{table}" SET "{column}" = ?{some}', (odd,))
        return f"{table}.{column}: {what} {str(odd)[:20]!r}"
    except (sqlite3.Error, ValueError, TypeError, IndexError) as error:
        return f"no change to the tables ({error})"


def inside_json(path: Path, rng: Random) -> str:
    """Replace one node of a GeoJSON by something odd, or remove it."""
    try:
        document = json.loads(path.read_text("utf-8"))
    except (ValueError, OSError):
        return flip(path, rng)
    nodes: list[tuple[Any, Any]] = []

    def walk(node: Any) -> None:
        items = (
            node.items()
            if isinstance(node, dict)
            else enumerate(node)
            if isinstance(node, list)
            else ()
        )
        for key, child in items:
            nodes.append((node, key))
            walk(child)

    walk(document)
    if not nodes:
        return "no node"
    said = []
    for _ in range(int(rng.integers(1, 4))):
        parent, key = one_of(rng, nodes)
        odd = one_of(
            rng,
            (*ODD_CELLS, None, [], {}, [[]], -1, 1e308, float("nan"), float("inf"), 10**400, True),
        )
        with contextlib.suppress(KeyError, IndexError):
            if isinstance(parent, dict) and rng.random() < 0.2:
                name = one_of(rng, ODD_HEADERS)
                parent[name] = parent.pop(key)
                said.append(f"{key!s:.20} named {name[:20]!r}")
            else:
                parent[key] = odd
                said.append(f"{key!s:.20} = {str(odd)[:20]!r}")
    text = json.dumps(document, ensure_ascii=False)
    path.write_text(text, "utf-8")
    return "; ".join(said)


def part_of_shapefile(path: Path, rng: Random) -> str:
    part = path.with_suffix(one_of(rng, (".dbf", ".dbf", ".shp", ".shx", ".prj", ".cpg")))
    if not part.is_file():
        return f"{part.name} is not there"
    if part.suffix == ".cpg" and rng.random() < 0.7:
        text = one_of(rng, ("UTF-16", "GBK", "CP1252", "nonsense", "", "\x00", "65001", "UTF-32"))
        part.write_text(text)
        return f".cpg says {text!r}"
    if part.suffix == ".prj" and rng.random() < 0.5:
        text = one_of(
            rng, ("", "EPSG:32645", "GEOGCS[]", 'LOCAL_CS["x"]', "PROJCS", "{}", "+proj=utm")
        )
        part.write_text(text)
        return f".prj says {text!r}"
    damage = one_of(rng, (flip, flip, cut, cut, empty, remove, repeat, other_content))
    return f"{part.name} {damage(part, rng)}"


def other_raster(path: Path, rng: Random) -> str:
    """Write a raster anew, with something odd in its values or its header."""
    import rasterio

    try:
        with rasterio.open(path) as source:
            values, profile = source.read().astype(np.float64), dict(source.profile)
    except Exception:  # damaged before
        return flip(path, rng)
    profile = {k: v for k, v in profile.items() if k not in ("blockxsize", "blockysize", "tiled")}
    a = rasterio.Affine
    changes: dict[str, dict[str, Any]] = {
        "transform": {
            "transform": one_of(
                rng,
                (
                    a(0, 0, 0, 0, 0, 0),
                    a(1, 1, 0, 1, -1, 0),
                    a(500, 0, 0, 0, 500, 0),
                    a(-5, 0, 0, 0, -5, 0),
                    a(1e-9, 0, 5e5, 0, -1e-9, 4e6),
                    a(1e300, 0, 5e5, 0, -1e300, 4e6),
                    a(np.nan, 0, np.nan, 0, np.nan, 0),
                    a(np.inf, 0, 0, 0, -np.inf, 0),
                ),
            )
        },
        "crs": {"crs": one_of(rng, (None, "EPSG:4326", "EPSG:32646", "EPSG:4978", "EPSG:2955"))},
        "type": {"dtype": one_of(rng, ("uint8", "int16", "uint32", "float64", "complex64"))},
        "nodata": {"nodata": one_of(rng, (0.0, np.nan, -9999.0, np.inf, 3.4e38))},
        "bands": {"count": 3},
        "values": {},
        "size": {"width": one_of(rng, (1, 21, 3000)), "height": one_of(rng, (1, 20, 19))},
    }
    what = one_of(rng, changes)
    profile.update(changes[what], driver="GTiff")
    odd = one_of(rng, (np.nan, np.inf, -np.inf, 0.0, -1.0, 1e38, 5.0))
    if what == "values":
        at = rng.random(values.shape) < one_of(rng, (0.01, 0.5, 1.1))
        values[at] = odd
    shape = (profile["count"], profile["height"], profile["width"])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if profile["dtype"][0] in "ui":
            values = np.clip(np.nan_to_num(values), 0, 200)
            profile["nodata"] = None if not np.isfinite(profile.get("nodata") or 0) else 0
        try:
            path.unlink()
            with rasterio.open(path, "w", **profile) as target:
                target.write(np.resize(values, shape).astype(profile["dtype"]))
        except Exception as error:
            path.write_bytes(b"")
            return f"cannot be written ({error!s:.40})"
    return f"{what}: {changes[what] or odd}"


def other_toml(path: Path, rng: Random) -> str:
    lines = path.read_text("utf-8", errors="replace").splitlines() or [""]
    at = int(rng.integers(len(lines)))
    what = one_of(rng, ("value", "value", "removed", "twice", "key", "moved"))
    key, sign, _ = lines[at].partition("=")
    if what == "value" and sign:
        lines[at] = f"{key}= {one_of(rng, ODD_TOML)}"
    elif what == "removed":
        del lines[at]
    elif what == "twice":
        lines.insert(at, lines[at])
    elif what == "key":
        lines[at] = one_of(
            rng, ("where = {a = 1}", "layer = 'x'", "x = 'X'", "units = {Au = 1}", "=", "[", "[a]")
        )
    else:
        lines.append(lines.pop(at))
    path.write_text("\n".join(lines), "utf-8", errors="replace")
    return f"line {at + 1}: {what} {lines[min(at, len(lines) - 1)][:40] if lines else ''!r}"


OF_KIND: dict[str, tuple[Mutator, ...]] = {
    ".csv": TEXT,
    ".tsv": TEXT,
    ".txt": TEXT,
    ".asc": (odd_cells, other_rows),
    ".xlsx": (inside_workbook,),
    ".gpkg": (inside_database,),
    ".geojson": (inside_json,),
    ".shp": (part_of_shapefile,),
    ".tif": (other_raster,),
    ".toml": (other_toml,),
}


def make_input(templates: Path, folder: Path, seed: int, number: int) -> str:
    """Lay a survey out and damage it; return what was done."""
    rng = np.random.default_rng([seed, number])
    files = lay_out(templates, folder, rng)
    done = []
    for _ in range(int(rng.integers(1, 4))):
        there = [path for path in files if path.is_file()]
        if not there:
            break
        path = one_of(rng, there)
        kinds = OF_KIND.get(path.suffix, ())
        mutator = one_of(rng, kinds if kinds and rng.random() < 0.6 else ANY)
        done.append(f"{path.name}: {mutator(path, rng)}")
    return "; ".join(done)


# The commands on one input, within a worker.


def outcome(folder: Path) -> tuple[str, str]:
    """Run ``init`` on all files and ``check`` on both configurations; return its end and words."""
    from orecast.config import read
    from orecast.errors import OrecastError

    before = _listing(folder)
    files = sorted(str(p) for p in folder.iterdir() if p.name != "run.toml")
    init = folder / "init.toml"
    ends = [_command("init", *files, "--output", str(init))]
    if ends[0][0] == "read":
        try:
            read(init)
        except OrecastError as error:
            return "unreadable", f"init wrote what check cannot read: {error}"
        ends.append(_command("check", str(init), "--write", str(folder / "checks.json")))
    elif init.exists():
        return "left", "init was refused and left init.toml"
    if (folder / "run.toml").exists():
        ends.append(_command("check", str(folder / "run.toml")))
    after = _listing(folder)
    changed = sorted(n for n in {*before, *after} - WRITTEN if before.get(n) != after.get(n))
    if changed:
        return "left", f"changed or left: {changed}"
    worst = max(ends, key=lambda end: ("read", "refused", "memory", "traceback").index(end[0]))
    return worst[0], "\n".join(words for _, words in ends if words)


def _command(*arguments: str) -> tuple[str, str]:
    import typer

    from orecast.cli.app import app
    from orecast.errors import OrecastError

    command = typer.main.get_command(app)
    screen = io.StringIO()
    try:
        with contextlib.redirect_stdout(screen), contextlib.redirect_stderr(screen):
            code = command.main(list(arguments), standalone_mode=False)
    except (OrecastError, typer.BadParameter) as error:
        return "refused", f"{arguments[0]}: {error}"
    except MemoryError:
        return "memory", f"{arguments[0]}\n{traceback.format_exc()}"
    except Exception:
        return "traceback", f"{arguments[0]}\n{traceback.format_exc()}"
    return ("refused", screen.getvalue()) if code else ("read", "")


def _listing(folder: Path) -> dict[str, bytes | None]:
    """Content of each file under a folder; None of a folder."""
    return {
        str(p.relative_to(folder)): p.read_bytes() if p.is_file() else None
        for p in folder.rglob("*")
    }


def run_one(templates: Path, seed: int, number: int, keep: Path | None = None) -> dict[str, Any]:
    """Make one input and run the commands on it in this process."""
    with tempfile.TemporaryDirectory(prefix="orecast-fuzz-") as scratch:
        folder = keep or Path(scratch)
        what = make_input(templates, folder, seed, number)
        end, words = outcome(folder)
    return {"number": number, "what": what, "end": end, "words": words}


def work(templates: Path, seed: int, seconds: float, gigabytes: float) -> None:
    """Read input numbers from stdin, and answer each with a line of JSON."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8", errors="backslashreplace")
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)  # what C libraries print
    warnings.simplefilter("ignore")
    _limit_memory(templates, gigabytes)
    print("ready", file=answers, flush=True)
    for line in sys.stdin:
        signal.setitimer(signal.ITIMER_PROF, seconds)  # ends the process, wherever it is
        found = run_one(templates, seed, int(line))
        signal.setitimer(signal.ITIMER_PROF, 0)
        print(json.dumps(found), file=answers, flush=True)


def _limit_memory(templates: Path, gigabytes: float) -> None:
    """Allow so much beyond what the libraries take, which a whole survey has loaded."""
    with tempfile.TemporaryDirectory(prefix="orecast-fuzz-") as scratch:
        lay_out(templates, Path(scratch), np.random.default_rng(0))
        outcome(Path(scratch))
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + int(gigabytes * 2**30)
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


# The main process.


class Worker:
    """A worker process that answers in time or is replaced."""

    def __init__(self, templates: Path, options: argparse.Namespace) -> None:
        self.templates, self.options = templates, options
        self.process: subprocess.Popen[str] | None = None

    def run(self, number: int) -> dict[str, Any]:
        """Have one input run."""
        process = self.process = self.process or self._start()
        try:
            process.stdin.write(f"{number}\n")
            process.stdin.flush()
            # its CPU time is limited where it works; here, that it sleeps without end
            ready, _, _ = select.select([process.stdout], [], [], 20 * self.options.timeout)
        except BrokenPipeError:
            ready = [process.stdout]
        line = process.stdout.readline() if ready else ""
        if line:
            return json.loads(line)
        slept = not ready
        self.stop()
        end = "timeout" if slept or process.returncode == -signal.SIGPROF else "crash"
        with tempfile.TemporaryDirectory(prefix="orecast-fuzz-") as scratch:
            what = make_input(self.templates, Path(scratch), self.options.seed, number)
        words = f"exit code {process.returncode}"
        return {"number": number, "what": what, "end": end, "words": words}

    def stop(self) -> None:
        """End the process."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def _start(self) -> subprocess.Popen[str]:
        o = self.options
        command = [sys.executable, __file__, "--worker", str(self.templates)]
        command += [f"--seed={o.seed}", f"--timeout={o.timeout}", f"--memory={o.memory}"]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        threads = os.environ | {"OMP_NUM_THREADS": "1"}
        process = subprocess.Popen(command, env=threads, text=True, encoding="utf-8", **pipes)
        process.stdout.readline()  # ready
        return process


def run_all(templates: Path, options: argparse.Namespace) -> list[dict[str, Any]]:
    """Share the inputs out among the workers; failures are shown as they come."""
    numbers, results, lock = iter(range(options.n)), [], threading.Lock()

    def go() -> None:
        worker = Worker(templates, options)
        while True:
            with lock:
                number = next(numbers, None)
            if number is None:
                break
            found = worker.run(number)
            with lock:
                results.append(found)
                if found["end"] not in GOOD:
                    show(found, options.seed)
        worker.stop()

    threads = [threading.Thread(target=go) for _ in range(options.jobs)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(results, key=lambda found: found["number"])


def show(found: dict[str, Any], seed: int) -> None:
    last = "\n      ".join(found["words"].strip().splitlines()[-6:])
    print(f"  {found['number']}: {found['end']}; {found['what'][:300]}\n      {last}")
    print(f"      again: python tests/fuzz.py --seed {seed} --only {found['number']}", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, default=1000, help="how many inputs")
    parser.add_argument("--seed", type=int, default=0, help="another seed, other inputs")
    parser.add_argument(
        "--only",
        type=int,
        metavar="K",
        help="run input K alone, without limits, and keep its files",
    )
    parser.add_argument("--jobs", type=int, default=2, help="worker processes")
    parser.add_argument("--timeout", type=float, default=20, help="CPU seconds for an input")
    parser.add_argument("--memory", type=float, default=3, help="GiB for an input")
    parser.add_argument("--messages", type=Path, help="file to write every message to")
    parser.add_argument("--worker", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        work(options.worker, options.seed, options.timeout, options.memory)
        return 0
    with tempfile.TemporaryDirectory(prefix="orecast-fuzz-") as scratch:
        templates = Path(scratch)
        write_templates(templates)
        if options.only is not None:
            keep = Path(tempfile.mkdtemp(prefix=f"orecast-fuzz-{options.only}-"))
            found = run_one(templates, options.seed, options.only, keep)
            print(f"{found['what']}\n{found['end']}\n{found['words']}\nThe files are in {keep}")
            return int(found["end"] not in GOOD)
        results = run_all(templates, options)
    if options.messages:
        lines = (f"{f['number']}\t{f['end']}\t{f['what']}\t{f['words']!r}\n" for f in results)
        options.messages.write_text("".join(lines), encoding="utf-8", errors="backslashreplace")
    ends = Counter(found["end"] for found in results)
    print(
        f"{len(results)} inputs of seed {options.seed}: "
        + ", ".join(f"{n} {e}" for e, n in ends.items())
    )
    return int(any(end not in GOOD for end in ends))


if __name__ == "__main__":
    sys.exit(main())
