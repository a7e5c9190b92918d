"""Find the table in a file: its header, the rows that describe the columns, and the data.

Laboratories put a client's name above the table, and rows of units, methods and detection limits
around the header. Agencies add titles, comments and footers. All are recognised by their content.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from statistics import median

from orecast.survey.elements import parse_header, unit_named

Row = Sequence[str]  # the cells of a row, as text

_NUMBER = re.compile(r"[<>≤≥＜＞~±+\-−]*\s*\d[\d.,]*(?:e[+-]?\d+)?\s*[<>*%°]?", re.I)
_COMMENT = re.compile(r"\s*(?:#|//|!|;;)")
_SEPARATOR = re.compile(r"\s*\"?sep=(.)\"?\s*", re.I)
_UNIT_OF_PLACE = re.compile(r"m|km|metres?|meters?|°|deg(?:rees)?|dd|ft|feet", re.I)
_LABELS = {
    "units": r"unit|einheit|unidad|unité|eenheid|единиц|单位",
    "upper": r"upper|uld|max|obergrenze|superior|supérieure|上限",
    "lower": r"lower|lld|lod|loq|dl\b|mdl|detection|nachweis|límite|limite|limit|min|检出限|предел",
    "methods": r"method|code|scheme|analysis|technique|instrument|lab|método|méthode|方法|метод",
}
_MOST_ROWS_ABOVE = 60  # between the beginning of a file and its data


@dataclass(frozen=True)
class Layout:
    """Where the parts of a table are. Rows count from 0, columns from 0.

    ``data`` is the first row of data. ``units``, ``lower``, ``upper`` and ``methods`` hold the
    cells of the rows that describe the columns.
    """

    header: int
    data: int
    units: dict[int, str] = field(default_factory=dict)
    lower: dict[int, str] = field(default_factory=dict)
    upper: dict[int, str] = field(default_factory=dict)
    methods: dict[int, str] = field(default_factory=dict)


def delimiter_named(line: str) -> str | None:
    """The delimiter that a line such as ``sep=;`` names, as Excel writes it.

    >>> delimiter_named("sep=;"), delimiter_named("Au;Cu")
    (';', None)
    """
    found = _SEPARATOR.fullmatch(line)
    return found[1] if found else None


def is_number(cell: str) -> bool:
    """Whether a cell is a number, with the marks that laboratories add.

    >>> [is_number(c) for c in ("12.5", "<0,5", "420,123.4", "K0001", "ME-MS61", "")]
    [True, True, True, False, False, False]
    """
    return _NUMBER.fullmatch(cell.strip()) is not None


def find_layout(rows: Sequence[Row]) -> Layout:
    """Find header, described columns and data in the first rows of a file.

    The data begin at the first row that has about as many numbers as most rows. The header is
    the row above them that names most columns. The rows around the header are described by their
    first cell ("Lower Limit"), or by what they hold (units).

    >>> find_layout([["Au", "Cu"], ["ppb", "ppm"], ["1.5", "20"], ["2.5", "30"]])
    Layout(header=0, data=2, units={0: 'ppb', 1: 'ppm'}, lower={}, upper={}, methods={})
    """
    rows = [[cell.strip() for cell in row] for row in rows]
    used = [any(row) and not _is_comment(row) for row in rows]
    data = _first_data(rows, used)
    above = [k for k in range(data) if used[k]]
    if not above:
        first = next((k for k, use in enumerate(used) if use), 0)
        return Layout(first, first + 1)
    header = max(above, key=lambda k: (_names(rows[k]), k))
    for k in range(header + 1, data):  # a first sample without values is no description
        if used[k] and not _describes(rows[k], rows[header]):
            data = k
            break
    above = [k for k in above if k < data]
    layout = Layout(header, data)
    for k in (k for k in above if k > header or header - k <= 3):
        if k != header:
            layout = _described(layout, k, rows[k], rows[header])
    return layout


def _is_comment(row: Row) -> bool:
    """Whether a row is a comment; a header that begins with # has cells for other columns too."""
    text = "".join(row)
    return delimiter_named(text) is not None or (
        _COMMENT.match(text) is not None and sum(bool(c) for c in row) < 3
    )


def _first_data(rows: list[Row], used: list[bool]) -> int:
    numbers = [sum(map(is_number, row)) for row in rows]
    typical = median([n for n, use in zip(numbers, used, strict=True) if use and n] or [0])
    for k in range(min(len(rows), _MOST_ROWS_ABOVE)):
        if used[k] and numbers[k] >= max(1, 0.6 * typical) and _label(rows[k]) is None:
            return k
    named = [k for k in range(min(len(rows), _MOST_ROWS_ABOVE)) if used[k]]
    width = max((sum(map(bool, rows[k])) for k in named), default=0)
    first = next((k for k in named if sum(map(bool, rows[k])) == width), 0)
    return first + 1


def _names(row: Row) -> float:
    """How many columns a row names: different words that are no numbers; elements count twice."""
    words = {cell for cell in row if cell and not is_number(cell)}
    return (
        len(words)
        + sum(parse_header(word) is not None for word in words)
        - 2 * sum(map(_is_unit, words))
    )


def _is_unit(cell: str) -> bool:
    return unit_named(cell) is not None or _UNIT_OF_PLACE.fullmatch(cell) is not None


def _label(row: Row) -> str | None:
    """What the words in a row's first cells say about it: units, lower, upper, methods."""
    for cell in (cell for cell in row[:3] if cell):
        if is_number(cell):
            return None
        for kind, words in _LABELS.items():
            if re.search(rf"(?<![a-z])(?:{words})", cell, re.I):
                return kind
    return None


def _describes(row: Row, header: Row) -> bool:
    """Whether a row below the header describes the columns."""
    cells = [cell for cell in row if cell]
    if _label(row) is not None or sum(map(_is_unit, cells)) > len(cells) / 2:
        return True
    named = [j for j, name in enumerate(header) if parse_header(name) is not None]
    return not any(map(is_number, cells)) and any(j < len(row) and row[j] for j in named)


def _described(layout: Layout, k: int, row: Row, header: Row) -> Layout:
    """Add what row ``k`` says of the columns to a layout."""
    cells = {j: cell for j, cell in enumerate(row) if cell}
    if sum(map(_is_unit, cells.values())) > len(cells) / 2:
        return replace(layout, units={j: c for j, c in cells.items() if _is_unit(c)})
    kind = _label(row)
    numbers = {j: cell for j, cell in cells.items() if is_number(cell)}
    if kind == "lower":
        return replace(layout, lower=numbers)
    if kind == "upper":
        return replace(layout, upper=numbers)
    known = {j for j, name in enumerate(header) if parse_header(name) is not None}
    of_elements = [j for j in cells if j in known]
    if not of_elements or any(is_number(cells[j]) for j in of_elements):
        return layout
    if k < layout.header:  # a merged cell holds its text in its first column
        last, cells = "", dict(cells)
        for j in range(min(cells), len(header)):
            last = cells.get(j, last)
            cells[j] = last
    found = {j: c for j, c in cells.items() if j in known}
    return replace(layout, methods=layout.methods | found)


def width_of(rows: Sequence[Row]) -> tuple[int, float]:
    """The most common number of cells of the rows that hold text, and the share of rows with it.

    Rows may end with a delimiter, so one cell more counts too.
    """
    widths = Counter(len(row) for row in rows if any(cell.strip() for cell in row))
    if not widths:
        return 0, 0.0
    width = max(widths, key=lambda w: (widths[w] + widths[w + 1], w))
    return width, (widths[width] + widths[width + 1]) / widths.total()
