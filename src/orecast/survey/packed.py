"""Read the one table or vector file in a ``.zip``, and the text in a ``.gz``."""

from __future__ import annotations

import gzip
import zipfile
from pathlib import Path, PurePosixPath

from orecast.errors import InputError
from orecast.survey.data import listed

PACKED = (".zip", ".gz")
# Kinds of files in a .zip, the preferred first: a text beside a shapefile describes it.
_KINDS = (
    (".shp", ".gpkg", ".geojson", ".fgb", ".kml", ".gml"),
    (".csv", ".tsv", ".tab", ".dat"),
    (".txt",),
)
_MOST_UNPACKED = 500_000_000


def suffix_of(path: Path) -> str:
    """The lower-case suffix of a file or, if it is packed, of the file that is read from it.

    A packed file without a file to read has its own suffix. It is not opened if it is missing.
    """
    suffix = path.suffix.lower()
    if suffix == ".gz":
        inside = Path(path.stem).suffix.lower()
        return inside if inside in (*_KINDS[1], *_KINDS[2]) else suffix
    if suffix == ".zip" and path.is_file():
        names = _readable(path)
        return PurePosixPath(names[0]).suffix.lower() if len(names) == 1 else suffix
    return suffix


def require_one_inside(path: Path) -> None:
    """Refuse a packed file that does not hold exactly one file to read.

    Raises InputError that names the files in it.
    """
    if path.suffix.lower() not in PACKED or suffix_of(path) not in PACKED:
        return
    if path.suffix.lower() == ".gz":
        raise InputError(
            "a .gz is read only if it holds a text table, such as samples.csv.gz",
            where=str(path),
            remedy="unpack it, and name the file that was in it",
        )
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError) as error:
        raise InputError(
            f"the .zip cannot be opened ({error})", where=str(path), remedy="copy it again"
        ) from None
    several = len(_readable(path)) > 1
    found = _readable(path) if several else names
    raise InputError(
        ("holds several files that can be read: " if several else "holds no table and no layer: ")
        + listed(found),
        where=str(path),
        remedy="unpack it, and name the file to read",
    )


def contents(path: Path) -> bytes:
    """The bytes of a file; of a packed one, those of the file in it.

    Raises InputError if it is damaged, has a password, or unpacks to more than 500 MB.
    """
    suffix = path.suffix.lower()
    if suffix not in PACKED:
        return path.read_bytes()
    try:
        if suffix == ".gz":
            with gzip.open(path) as stream:
                found = stream.read(_MOST_UNPACKED + 1)
        else:
            with zipfile.ZipFile(path) as archive, archive.open(_readable(path)[0]) as stream:
                found = stream.read(_MOST_UNPACKED + 1)
    except (zipfile.BadZipFile, EOFError, OSError, RuntimeError, ValueError) as error:
        raise InputError(
            f"the packed file cannot be read ({error})",
            where=str(path),
            remedy="copy it again, or unpack it and name the file that was in it",
        ) from None
    if len(found) > _MOST_UNPACKED:
        raise InputError(
            f"it unpacks to more than {_MOST_UNPACKED / 1e6:.0f} MB",
            where=str(path),
            remedy="unpack it, and name the file that was in it",
        )
    return found


def address(path: Path) -> str:
    """The name by which GDAL opens a vector file, also one in a ``.zip``."""
    if path.suffix.lower() != ".zip":
        return str(path)
    return f"/vsizip/{{{path.resolve()}}}/{_readable(path)[0]}"


def _readable(path: Path) -> list[str]:
    """Names of the files in a ``.zip`` that can be read, of the preferred kind."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name for name in archive.namelist() if not _hidden(name)]
    except (zipfile.BadZipFile, OSError):
        return []
    for kinds in _KINDS:
        if found := [n for n in names if PurePosixPath(n).suffix.lower() in kinds]:
            return sorted(found)
    return []


def _hidden(name: str) -> bool:
    """Whether a name is a folder or a file that macOS adds to an archive."""
    parts = PurePosixPath(name).parts
    return name.endswith("/") or "__MACOSX" in parts or parts[-1].startswith(".")
