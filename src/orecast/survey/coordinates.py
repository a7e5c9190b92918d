"""Read coordinates as people write them: degrees, minutes and seconds, hemisphere letters, WKT."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from orecast.arrays import Floats
from orecast.errors import InputError
from orecast.survey.data import listed
from orecast.survey.tables import InputTable, as_numbers

if TYPE_CHECKING:
    import pandas as pd

Direction = Literal["x", "y"]

_PLAIN = str.maketrans(
    {
        **dict.fromkeys("º˚", "°"),
        **dict.fromkeys("′’‘´`ʹ", "'"),
        **dict.fromkeys("″”“ʺ", '"'),
        **dict.fromkeys("−–—‐‑", "-"),
        **dict.fromkeys("\u00a0\u202f\u2009", " "),
        "，": ",",
    }
)
_ABSENT = frozenset(
    ("", "na", "n/a", "n.a.", "#n/a", "nan", "null", "none", "nil", "-", "--", "*", "?", "unknown")
)
_HEMISPHERES = {  # the letter O is west in Romance languages and east in German
    "N": r"n|north|nord|norte|с\.? ?ш|北纬|北緯",
    "S": r"s|south|süd|sud|sur|sul|ю\.? ?ш|南纬|南緯",
    "E": r"e|east|est|este|leste|ost|в\.? ?д|东经|東經",
    "W": r"w|west|oeste|ouest|ovest|з\.? ?д|西经|西經",
    "O": r"o",
}
_LETTER = "|".join(f"(?P<{letter}{{0}}>{words})" for letter, words in _HEMISPHERES.items())
_BEFORE = re.compile(rf"(?:{_LETTER.format(1)})\.?[ :]*(?=[-+\d])", re.I)
_AFTER = re.compile(rf"(?<=[\d°'\"m .])[ ]*(?:{_LETTER.format(2)})\.?$", re.I)
_LETTERED = re.compile(  # 116d14m19s, 116 deg 14 min 19 sec
    r"(\d+(?:[.,]\d+)?) ?d(?:eg(?:rees?)?)?\.?(?: ?(\d+(?:[.,]\d+)?) ?m(?:in(?:utes?)?)?\.?"
    r"(?: ?(\d+(?:[.,]\d+)?) ?s(?:ec(?:onds?)?)?\.?)?)?"
    r"(?![a-df-mo-rt-vx-z])",
    re.I,
)
_SEXAGESIMAL = re.compile(
    r"([-+]?) ?(\d{1,3})(?: ?° ?| ?[ :-] ?)(\d{1,2}(?:[.,]\d+)?)"
    r"(?:(?: ?' ?| ?[ :-] ?)(?:(\d{1,2}(?:[.,]\d+)?) ?\"?)?)?"
)
_UNIT = re.compile(r" ?(?:m|mts?|metres?|meters?|°|dd|deg(?:rees?)?)\.?$", re.I)
_NUMBER = re.compile(r"[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[-+]?\d+)?", re.I)
_DIGITS_AND_MARKS = re.compile(r"[-+]?\d[\d.,' ]*")
_GROUPED = r"[-+]?\d{{1,3}}(?:{0}\d{{3}})+"  # thousands, by a mark
_LARGEST = 360.0  # degrees
_POINT = re.compile(
    r"\s*(?:SRID\s*=\s*(\d+)\s*;)?\s*(?:MULTI)?POINT\s*(?:ZM|Z|M)?\s*\(\s*\(?\s*"
    r"([-+\d.eE]+)\s+([-+\d.eE]+)(?:\s+[-+\d.eE]+)*\s*\)?\s*\)\s*",
    re.I,
)
_WKT = re.compile(
    r"\s*(?:SRID\s*=\s*\d+\s*;)?\s*((?:MULTI)?(?:POINT|LINESTRING|POLYGON)|GEOMETRYCOLLECTION)"
    r"\s*(?:ZM|Z|M)?\s*(?:\(|EMPTY)",
    re.I,
)


@dataclass(frozen=True)
class Coordinates:
    """Numbers of a column, ``(n,)``, NaN where missing; ``how`` names what was converted."""

    values: Floats
    how: tuple[str, ...] = ()
    example: str = ""  # the first text that was converted
    degrees: bool = False  # some are written with minutes or with a degree sign
    thousands: str = ""  # the mark of thousands


def read_coordinates(
    cells: pd.Series[Any],
    table: InputTable,
    missing: Iterable[str | float],
    direction: Direction,
    *,
    degrees: bool = False,
    strict: bool = True,
) -> Coordinates:
    """Coordinates of a column.

    Read are plain numbers, thousands marks, units, hemisphere letters, and degrees with minutes
    and seconds. ``degrees`` is whether the header names longitudes or latitudes.

    Raises InputError for the cells that are not read, all in one message, and for letters of the
    other direction; such cells are NaN if not ``strict``.
    """
    import pandas as pd

    codes = {_as_code(code) for code in missing}
    if pd.api.types.is_numeric_dtype(cells) and not pd.api.types.is_bool_dtype(cells):
        values = as_numbers(cells).copy()
        values[np.isin(values, [code for code in codes if isinstance(code, float)])] = np.nan
        if strict:
            _refuse_infinite(values, cells, table)
        return Coordinates(np.where(np.isinf(values), np.nan, values))
    number, texts = pd.factorize(cells.astype("str").where(cells.notna(), ""))
    plain = [" ".join(str(t).translate(_PLAIN).split()) for t in texts]
    each = _Texts(plain, table, degrees, _east_is_o(str(cells.name)))
    values = np.array(
        [
            np.nan if text.casefold() in _ABSENT or text.casefold() in codes else value
            for text, value in zip(each.texts, each.values, strict=True)
        ]
    )
    absent = np.array([t.casefold() in _ABSENT or t.casefold() in codes for t in each.texts])
    absent |= np.isin(values, [code for code in codes if isinstance(code, float)])
    values[absent] = np.nan
    if strict:
        _refuse_unread((np.isnan(values) & ~absent)[number], cells, table)
        _refuse_infinite(values[number], cells, table)
    values[np.isinf(values)] = np.nan
    other = each.letters & ({"N", "S"} if direction == "x" else {"E", "W"})
    if other:
        raise InputError(
            f"the {'longitudes' if direction == 'x' else 'latitudes'} have the letters "
            f"{listed(sorted(other))}",
            where=table.where(column=str(cells.name)),
            remedy="exchange x and y, or correct the letters",
        )
    return Coordinates(
        values[number], tuple(each.how), each.example, bool(each.angles), each.thousands
    )


def _as_code(code: str | float) -> str | float:
    try:
        return float(code)
    except ValueError:
        return str(code).strip().casefold()


class _Texts:
    """Numbers of different texts of one column, and how they are written."""

    def __init__(self, texts: list[str], table: InputTable, degrees: bool, o: str) -> None:
        self.texts = texts
        self.how: dict[str, None] = {}
        self.example = ""
        self.letters: set[str] = set()
        self.degrees = degrees
        parts = [_split(text) for text in texts]
        found = {letter for letter, _ in parts if letter}
        self.west = _meaning_of_o(found) or o
        bodies = [body for _, body in parts]
        self.thousands, self.decimal = _marks(bodies, table.decimal, degrees)
        self.angles: set[int] = set()  # numbers of the texts that are certainly degrees
        self.values = [
            self._value(k, t, *part) for k, (t, part) in enumerate(zip(texts, parts, strict=True))
        ]
        if self.angles and any(abs(value) > _LARGEST for value in self.values):
            for k in self.angles:  # degrees among metres
                self.values[k] = np.nan

    def _value(self, k: int, text: str, letter: str, body: str) -> float:
        if self.thousands != ".":
            try:
                return float(text)  # as most are
            except ValueError:
                pass
        if letter == "O":
            letter = self.west
            if not letter:
                return np.nan
        found = _SEXAGESIMAL.fullmatch(body)
        sign, value, how = "", np.nan, []
        if found:
            sign, value = found[1], _angle(found)
            how.append("degrees, minutes and seconds")
        else:
            value, how = self._number(body)
            sign = "-" if value < 0 else ""
            value = abs(value)
        if np.isnan(value):
            return value
        if letter:
            if value > 180 and letter in "SW":
                return np.nan  # metres to the south or west of an unknown line
            if sign == "-" and letter in "NE":
                return np.nan
            self.letters.add(letter)
            how.append("hemisphere letters")
        if found or "°" in body or (letter and value <= 180):
            self.angles.add(k)
        self.how |= dict.fromkeys(how)
        if how and not self.example:
            self.example = text
        return -value if sign == "-" or letter in ("S", "W") else value

    def _number(self, body: str) -> tuple[float, list[str]]:
        how = []
        plain = _UNIT.sub("", body)
        if plain != body:
            how.append("units")
        text = plain
        if self.thousands and self.thousands in text:
            text = text.replace(self.thousands, "")
            how.append("thousands marks")
        for mark in (" ", "'"):
            if mark in text and re.fullmatch(_GROUPED.format(mark) + r"(?:[.,]\d+)?", text):
                text = text.replace(mark, "")
                how.append("thousands marks")
        if self.decimal != ".":
            if "." in text:
                return np.nan, []
            text = text.replace(self.decimal, ".")
            how.append("decimal commas")
        if not _NUMBER.fullmatch(text):
            return np.nan, []
        return float(text), how


def _split(text: str) -> tuple[str, str]:
    """A text's hemisphere letter, or nothing, and the rest."""
    text = re.sub(r"' ?'", '"', text)
    lettered = _LETTERED.search(text)
    if lettered and lettered[2]:
        marks = [f"{lettered[1]}°{lettered[2]}'"] + ([f'{lettered[3]}"'] if lettered[3] else [])
        text = text[: lettered.start()] + "".join(marks) + text[lettered.end() :]
    for pattern in (_BEFORE, _AFTER):
        found = pattern.match(text) if pattern is _BEFORE else pattern.search(text)
        if found:
            letter = next(name[0] for name, part in found.groupdict().items() if part)
            rest = text[found.end() :] if pattern is _BEFORE else text[: found.start()]
            return letter, rest.strip()
    return "", text


def _meaning_of_o(letters: set[str]) -> str:
    """``W`` where the other letter is E, ``E`` where it is W, nothing where it is unknown."""
    return "W" if "E" in letters else "E" if "W" in letters else ""


def _east_is_o(header: str) -> str:
    """``E`` for a German header, in which O is east, ``W`` for a Spanish or Italian one."""
    header = header.lower()
    if re.search(r"l(?:ä|ae)nge|ost", header):
        return "E"
    return "W" if re.search(r"longitud(?:ine)?(?![a-z])|o[uv]?este?(?![a-z])", header) else ""


def _marks(texts: Sequence[str], decimal: str, degrees: bool) -> tuple[str, str]:
    """The mark of thousands, or nothing, and the decimal mark of a column's texts.

    >>> _marks(["421,027.8"], ".", False), _marks(["6.652.163"], ",", False)
    ((',', '.'), ('.', ','))
    >>> _marks(["421,027"], ".", False), _marks(["48,583"], ".", True)
    ((',', '.'), ('', ','))
    """
    texts = [plain for t in texts if _DIGITS_AND_MARKS.fullmatch(plain := _UNIT.sub("", t))]
    both = next((t for t in texts if "," in t and "." in t), None)
    if both is not None:
        last = "," if both.rfind(",") > both.rfind(".") else "."
        return (".", ",") if last == "," else (",", ".")
    for mark, other in ((",", "."), (".", ",")):
        marked = [text for text in texts if mark in text]
        if not marked:
            continue
        grouped = all(re.fullmatch(_GROUPED.format(re.escape(mark)), text) for text in marked)
        if any(text.count(mark) > 1 for text in marked):
            return mark, other
        if decimal != mark and grouped and not degrees:
            return mark, other
        return "", mark
    return "", decimal


def _angle(found: re.Match[str]) -> float:
    """Degrees without sign; NaN for more than 60 minutes or seconds, or seconds beside part of one.

    Rounded files write 60.
    """
    minutes, seconds = (float((part or "0").replace(",", ".")) for part in found.group(3, 4))
    whole = minutes == int(minutes) or not found[4]
    if minutes > 60 or seconds > 60 or not whole:
        return np.nan
    return int(found[2]) + minutes / 60 + seconds / 3600


def _refuse_unread(unread: Any, cells: pd.Series[Any], table: InputTable) -> None:
    if not unread.any():
        return
    rows = cells.index[unread]
    first = str(cells.iloc[int(unread.argmax())])
    more = f" (and in {len(rows) - 1} further rows: {listed(list(rows[1:]))})" * (len(rows) > 1)
    remedy = "correct the cell, or leave it empty if the position is unknown"
    if re.search(r"\dO\b|\bO ?\d|[°'\" ]O\b", first):
        remedy = "write E or W: the letter O is east in German and west in Spanish and French"
    raise InputError(
        f"text instead of a coordinate: {first!r}{more}",
        where=table.where(row=rows[0], column=str(cells.name)),
        remedy=f"{remedy}. Read are numbers, and degrees such as 116°14'19.8\"E or 30 12.5 S",
    )


def _refuse_infinite(values: Floats, cells: pd.Series[Any], table: InputTable) -> None:
    infinite = np.isinf(values)
    if infinite.any():
        raise InputError(
            f"{infinite.sum()} infinite value(s)",
            where=table.where(row=cells.index[int(infinite.argmax())], column=str(cells.name)),
            remedy="correct the cell, or add its text to `missing`",
        )


def holds_wkt(cells: pd.Series[Any]) -> bool:
    """Whether the first cell with a value of a column of text is a geometry in WKT.

    >>> import pandas as pd
    >>> holds_wkt(pd.Series(["POINT (1 2)"])), holds_wkt(pd.Series(["K001"]))
    (True, False)
    """
    import pandas as pd

    if pd.api.types.is_numeric_dtype(cells):
        return False
    first = cells.first_valid_index()
    return first is not None and _WKT.match(str(cells[first])) is not None


def read_wkt(cells: pd.Series[Any], table: InputTable) -> tuple[Floats, int | None]:
    """Positions ``(n, 2)`` of points in WKT, NaN where missing, and their SRID if one is written.

    Raises InputError for other geometries, and for several SRIDs.
    """
    texts = cells.astype("str").where(cells.notna(), "").str.strip()
    found = texts.str.extract(f"^{_POINT.pattern}$", flags=re.I)
    absent = texts.str.casefold().isin(_ABSENT) | texts.str.fullmatch(r".*\bEMPTY", case=False)
    wrong = (found[1].isna() & ~absent).to_numpy()
    where = table.where(column=str(cells.name))
    if wrong.any():
        first = str(cells.iloc[int(wrong.argmax())])
        shape = _WKT.match(first)
        raise InputError(
            f"{wrong.sum()} cell(s) hold no point: "
            + (f"they are {shape[1].upper()}" if shape else repr(first[:60])),
            where=table.where(row=cells.index[int(wrong.argmax())], column=str(cells.name)),
            remedy='give points, such as "POINT (421027.8 6652163.5)"; in QGIS: Vector > Geometry '
            "Tools > Centroids",
        )
    numbers = np.column_stack([as_numbers(found[k]) for k in (1, 2)])
    codes = {int(code) for code in found[0].dropna().unique()} - {0}
    if len(codes) > 1:
        raise InputError(
            f"the points have several CRS: SRID {listed(sorted(codes))}",
            where=where,
            remedy="transform them to one CRS",
        )
    return numbers, codes.pop() if codes else None
