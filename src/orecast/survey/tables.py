"""Read tables of laboratories and agencies: any delimiter, encoding and decimal mark.

A frame's index is the row number in the file (the line of a text file, the row of a sheet), so
that a later message can name the row.
"""

from __future__ import annotations

import codecs
import csv
import errno
import io
import os
import re
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from orecast.errors import InputError, nearest, require_among
from orecast.survey.data import listed
from orecast.survey.elements import unit_named
from orecast.survey.layout import Layout, delimiter_named, find_layout, is_number, width_of
from orecast.survey.packed import contents, require_one_inside, suffix_of

if TYPE_CHECKING:
    import pandas as pd
    from openpyxl import Workbook

TEXT = (".csv", ".tsv", ".txt", ".dat", ".tab")
WORKBOOK = (".xlsx", ".xlsm", ".xls", ".ods")
TABLES = (*TEXT, *WORKBOOK, ".parquet")
_ZIP, _OLE = b"PK", bytes.fromhex("d0cf11e0")  # first bytes of .xlsx and .ods, and of .xls

_DELIMITERS = (",", ";", "\t", "|", " ")
_DELIMITER_NAMES = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar", " ": "blank"}
_DECIMAL_COMMA = re.compile(r"\s*[<>]?\s*[-+]?\d+,\d+\s*")
_DECIMAL_POINT = re.compile(r"\s*[<>]?\s*[-+]?\d*\.\d+\s*")
_THOUSANDS = re.compile(r"\s*[<>]?\s*[-+]?[1-9]\d{0,2}(?:,\d{3})+\s*")
_HIGH_BYTES = re.compile(rb"[\x80-\xff]+")
_CYRILLIC_WORDS = re.compile(rb"[\xc0-\xff\xa8\xb8]{3,}")  # in Windows-1251
_HEAD_ROWS, _HEAD_CHARACTERS, _HEAD_LINES = 100, 200_000, 10
_SHARE_OF_ROWS = 0.6  # that have the table's number of cells; the others are titles and footers
_FEWEST_COLUMNS = 4  # of a table in which a line of text is no row

# The most rows that a sheet can hold.
_LAST_ROW = 1_048_576
# The most bytes and table cells that a small file may unpack to.
_MOST_UNPACKED, _MOST_CELLS = 500_000_000, 20_000_000


@dataclass(frozen=True)
class InputTable:
    """A table as read; ``frame.index`` is the row number in the file."""

    path: Path
    frame: pd.DataFrame
    decimal: str = "."
    how: str = ""  # encoding and delimiter, in words
    row_word: str = "row"
    units: Mapping[str, str] = field(default_factory=dict)  # by column, from rows at the header
    lower: Mapping[str, float] = field(default_factory=dict)  # detection limits, likewise
    upper: Mapping[str, float] = field(default_factory=dict)  # upper limits, likewise
    methods: Mapping[str, str] = field(default_factory=dict)  # of analysis, likewise
    remarks: tuple[str, ...] = ()  # what was decided about the table's parts
    sheets: tuple[str, ...] = ()  # of a workbook with several sheets, if none was chosen

    def where(self, *, column: str | None = None, row: Any = None) -> str:
        """Name a place in the file.

        >>> import pandas as pd
        >>> InputTable(Path("a.csv"), pd.DataFrame()).where(column="Au", row=7)
        "a.csv, row 7, column 'Au'"
        """
        place = str(self.path)
        if row is not None:
            place += f", {self.row_word} {row}"
        if column is not None:
            place += f", column {column!r}"
        return place

    def or_sheet(self, remedy: str, section: str) -> str:
        """A remedy; if the workbook has other sheets, choosing one of them comes first."""
        return f"{_choose_sheet(self.sheets, section)}, or {remedy}" if self.sheets else remedy

    def column(self, name: str, setting: str) -> pd.Series[Any]:
        """Return a column by name.

        Raises InputError with the nearest names and the setting that names the column.
        """
        if name not in self.frame.columns:
            raise InputError(
                f"column {name!r}, named in {setting}, is not in the table",
                where=str(self.path),
                remedy=self.or_sheet(
                    nearest(name, [str(c) for c in self.frame.columns]), setting.split(".")[0]
                ),
            )
        return self.frame[name]


def read_table(path: Path, sheet: str | None = None) -> InputTable:
    """Read delimited text, Excel, OpenDocument or Parquet; every row of the file that holds data.

    A text may be packed as ``.gz``, or alone in a ``.zip``.

    Raises InputError for a missing, empty or broken file, duplicated column names, or rows with
    more cells than the header.
    """
    require_file(path)
    require_one_inside(path)
    suffix = suffix_of(path)
    if suffix == ".xls":
        suffix = _kind_of_xls(path)
    if sheet is not None and suffix not in WORKBOOK:
        raise InputError(
            f"the configuration names the sheet or layer {sheet!r}, but this kind of file has none",
            where=str(path),
            remedy="remove the key `layer`",
        )
    if suffix in WORKBOOK:
        table = _read_workbook(path, sheet)
    elif suffix == ".parquet":
        table = _read_parquet(path)
    elif suffix in TEXT:
        table = _read_text(path)
    else:
        raise InputError(
            f"files ending in {path.suffix or 'nothing'!r} cannot be read as a table",
            where=str(path),
            remedy=f"convert it to one of {', '.join(TABLES)}",
        )
    if table.frame.empty:
        remedy = table.or_sheet("check the export", "")
        raise InputError("the table has no rows", where=str(path), remedy=remedy)
    return table


def as_numbers(cells: pd.Series[Any]) -> NDArray[np.float64]:
    """Cells as numbers, ``(n,)``: NaN for other text, infinite where a number is too large."""
    import pandas as pd

    try:
        found = pd.to_numeric(cells, errors="coerce")
    except OverflowError:  # a whole number of over 308 digits
        found = pd.to_numeric(cells.astype("str").astype(object), errors="coerce")
    return found.to_numpy(dtype=np.float64, na_value=np.nan)


def sheets(path: Path) -> tuple[str, ...]:
    """Names of a workbook's sheets; none if the file is not a workbook or cannot be opened."""
    if path.suffix.lower() not in WORKBOOK:
        return ()
    try:
        return _sheet_names(path)
    except InputError:  # reading it later reports the error
        return ()


def _sheet_names(path: Path) -> tuple[str, ...]:
    if _has_parts(path):
        with _opened(path) as book:
            return tuple(sheet.title for sheet in book.worksheets)
    if path.suffix.lower() == ".xls" and _kind_of_xls(path) == ".txt":
        return ()
    from python_calamine import CalamineWorkbook

    with library_errors("the workbook cannot be opened", path, "save it as .xlsx or as CSV"):
        return tuple(CalamineWorkbook.from_path(str(path)).sheet_names)


def require_file(path: Path) -> None:
    """Raise InputError if the file is missing, empty or a folder."""
    require_place(path)
    if path.is_dir():
        inside = _files_in(path)
        remedy = f"name one of its files: {listed(inside)}" if inside else "name a file"
        raise InputError("is a folder, where a file is needed", where=str(path), remedy=remedy)
    if path.stat().st_size == 0:
        raise InputError("the file is empty", where=str(path), remedy="check the export")


def require_place(path: Path) -> None:
    """Raise InputError where there is neither a file nor a folder; offer names near it."""
    remedy = "check the path"
    try:
        path.stat()
        return
    except (FileNotFoundError, NotADirectoryError):
        what, beside = "no such file", _files_in(path.parent)
        if path.is_symlink():
            what, remedy = f"is a link to {path.readlink()}, where no file is", "mend the link"
        elif beside:
            remedy = nearest(path.name, beside)
    except OSError as error:  # such as a name that is too long, or a folder that is closed
        what = f"cannot be read ({error.strerror})"
        if error.errno == errno.ELOOP:
            what, remedy = "is a link that leads back to itself", "name the file itself"
    raise InputError(what, where=str(path), remedy=remedy) from None


def _files_in(folder: Path) -> list[str]:
    """Names of the files in a folder, in order; none where it is no folder, or closed."""
    try:
        return sorted(name for name in os.listdir(folder) if os.path.isfile(folder / name))
    except OSError:
        return []


def in_short(error: BaseException) -> str:
    """A library's error message on one line of at most 200 characters."""
    return " ".join(str(error).split())[:200]


@contextmanager
def library_errors(what: str, path: Path, remedy: str) -> Iterator[None]:
    """Raise any error of a library, which has many kinds for one broken file, as InputError."""
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        raise InputError(f"{what} ({in_short(error)})", where=str(path), remedy=remedy) from None


def require_utf8(path: Path) -> None:
    """Raise InputError for a file name that is not UTF-8; GDAL and run.toml need UTF-8."""
    try:
        str(path).encode("utf-8")
    except UnicodeEncodeError:
        raise InputError(
            "the file name is not UTF-8",
            where=ascii(str(path)),
            remedy="rename the file or its folder",
        ) from None


def decoded(raw: bytes) -> tuple[str, str]:
    """Decode a text file's bytes; return the text and the name of the encoding.

    A byte-order mark decides; then zero bytes mean UTF-16, or, where most bytes are zeros, UTF-32;
    then UTF-8, if most of the bytes above 127 are valid in it (the others become Windows-1252);
    then GB 18030 where these bytes come in pairs, as Chinese characters do; then Windows-1251 where
    they form words, as Cyrillic letters do; then Windows-1252.

    >>> decoded("样品号,金".encode("gbk")), decoded("Au_µg/kg".encode("cp1252"))
    (('样品号,金', 'GB 18030'), ('Au_µg/kg', 'Windows-1252'))
    """
    if raw.startswith((b"\xff\xfe\0\0", b"\0\0\xfe\xff")):
        return raw.decode("utf-32"), "UTF-32"
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        return raw.decode("utf-16"), "UTF-16"
    if marked := raw.startswith(b"\xef\xbb\xbf"):
        raw = raw[3:]
    head = raw[:4096]
    if head.count(0) > len(head) // 4:
        size = 4 if head.count(0) > len(head) * 5 // 8 else 2  # bytes of a character
        little = head[size - 1 :: size].count(0) > head[0::size].count(0)
        return raw.decode(f"utf-{8 * size}-{'le' if little else 'be'}"), f"UTF-{8 * size}"
    try:
        text, wrong = _as_utf8(raw)
        valid = len(text) - len(text.encode("ascii", "ignore")) - len(wrong)
        if marked or valid >= _runs(wrong):
            return text, "UTF-8"
    except UnicodeDecodeError:
        pass
    runs = _HIGH_BYTES.findall(raw)
    if sum(len(run) % 2 == 0 for run in runs) > 0.8 * len(runs):
        try:
            return raw.decode("gb18030"), "GB 18030"
        except UnicodeDecodeError:
            pass
    letters = sum(len(run) for run in _CYRILLIC_WORDS.findall(raw))
    if letters > 0.7 * sum(map(len, runs)):
        try:
            return raw.decode("cp1251"), "Windows-1251"
        except UnicodeDecodeError:
            pass
    return raw.decode("cp1252"), "Windows-1252"


def _as_utf8(raw: bytes) -> tuple[str, list[int]]:
    """Text in UTF-8, other bytes read as Windows-1252, and where these are.

    Raises UnicodeDecodeError where most bytes above 127 are not UTF-8.
    """
    wrong: list[int] = []

    def as_windows(error: UnicodeError) -> tuple[str, int]:
        assert isinstance(error, UnicodeDecodeError)
        wrong.extend(range(error.start, error.end))
        n = len(wrong)
        if n > 64 and n & (n - 1) == 0:
            high = np.count_nonzero(np.frombuffer(raw, np.uint8, error.end) >= 0x80)
            if n > high / 2:
                raise error
        return error.object[error.start : error.end].decode("cp1252", "replace"), error.end

    codecs.register_error("orecast-windows-1252", as_windows)
    return raw.decode("utf-8", "orecast-windows-1252"), wrong


def _runs(places: Sequence[int]) -> int:
    """The number of runs of consecutive numbers, which ascend."""
    return int((np.diff(places, prepend=-2) > 1).sum())


def _damaged_rows(raw: bytes, encoding: str) -> tuple[str, ...]:
    """A remark that names the lines with bytes that are not UTF-8, in a file that is."""
    if encoding != "UTF-8":
        return ()
    wrong = _as_utf8(raw)[1]
    if not wrong:
        return ()
    ends = np.flatnonzero(np.frombuffer(raw, np.uint8) == ord("\n"))
    lines = np.unique(np.searchsorted(ends, wrong) + 1).tolist()
    return (
        f"{len(wrong)} byte(s) in row(s) {listed(lines)} are not UTF-8, as the rest of the file "
        "is; they are read as Windows-1252: check the text there",
    )


def delimiter_of(text: str) -> str | None:
    """The delimiter that splits header and most rows into equally many, and most, columns.

    >>> delimiter_of("Au;Cu;x\\n1,5;2,5;3,5\\n")
    ';'
    """
    for line in io.StringIO(text, newline=None):
        if line.strip():
            if named := delimiter_named(line.strip()):
                return named
            break
    best, most = None, 1
    for delimiter in _DELIMITERS:
        if delimiter == " " and best is not None and best in line:
            break  # blanks within cells, such as 116° 14' 19" E
        rows = _head(text, delimiter)
        width, share = width_of(rows)
        if width > most and share >= _SHARE_OF_ROWS:
            header = len(rows[find_layout(rows).header])
            if header in (width, width + 1):
                best, most = delimiter, width
    return best


def _beginning(text: str) -> str:
    """Whole lines from the start of a text: about 200,000 characters, at least ten lines."""
    lines: list[str] = []
    size = 0
    for line in io.StringIO(text, newline=""):
        if size >= _HEAD_CHARACTERS and len(lines) >= _HEAD_LINES:
            break
        lines.append(line)
        size += len(line)
    return "".join(lines)


def _head(text: str, delimiter: str) -> list[list[str]]:
    """The first rows of a text, blank ones among them."""
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=delimiter == " "
    )
    try:
        return [row for _, row in zip(range(_HEAD_ROWS), reader, strict=False)]
    except csv.Error:
        return []


def _widths(text: str) -> str:
    """In words: the cells of header and rows, by the delimiter that gives the most."""
    heads = {d: rows for d in _DELIMITERS if len(rows := [r for r in _head(text, d) if r]) > 1}
    if not heads:
        most = csv.field_size_limit()
        return f": a cell holds more than {most:,} characters" if len(text) > most else ""
    delimiter, (header, *rows) = max(heads.items(), key=lambda item: len(item[1][0]))
    return (
        f": by {_DELIMITER_NAMES[delimiter]} the header has {len(header):,} cell(s), "
        f"most rows {width_of(rows)[0]:,}"
    )


def _decimal_mark(rows: list[list[str]], delimiter: str) -> str:
    if delimiter == ",":
        return "."
    cells = [cell for row in rows for cell in row]
    commas = sum(bool(_DECIMAL_COMMA.fullmatch(c)) for c in cells)
    points = sum(bool(_DECIMAL_POINT.fullmatch(c)) for c in cells)
    return "," if commas > points else "."


def _decimal_of_text(cells: Sequence[Any]) -> str:
    """The decimal mark of a sheet's numbers that are text; 1,234 may have a mark for thousands."""
    texts = [cell for cell in cells if isinstance(cell, str)]
    commas = sum(
        _DECIMAL_COMMA.fullmatch(text) is not None and _THOUSANDS.fullmatch(text) is None
        for text in texts
    )
    points = sum(_DECIMAL_POINT.fullmatch(text) is not None for text in texts)
    return "," if commas > points else "."


def _read_text(path: Path) -> InputTable:
    try:
        raw = contents(path)
        text, encoding = decoded(raw)
    except UnicodeDecodeError:
        raise InputError(
            "the file is not text in UTF-8, UTF-16, UTF-32, GB 18030, Windows-1251 or Windows-1252",
            where=str(path),
            remedy="save it again as CSV in UTF-8",
        ) from None
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror})", where=str(path)) from None
    beginning = _beginning(text)
    delimiter = delimiter_of(beginning)
    if delimiter is None:
        raise InputError(
            "no delimiter (comma, semicolon, tab, bar, blank) splits header and rows into "
            "equally many cells" + _widths(beginning),
            where=str(path),
            remedy="save it as CSV with one header line and as many cells in each row",
        )
    decimal = _decimal_mark(_head(beginning, delimiter), delimiter)
    how = f"{encoding}, delimited by {_DELIMITER_NAMES[delimiter]}"
    if decimal == ",":
        how += ", decimal comma"
    damaged = _damaged_rows(raw, encoding)
    rows = _head(beginning, delimiter)
    layout = find_layout(rows)
    names, remarks = column_names(rows[layout.header], layout.methods)
    frame = _delimited(path, text, delimiter, decimal, names, layout.data)
    frame, footer = _without_footer(frame)
    table = InputTable(path, frame, decimal, how, remarks=(*damaged, *remarks, *footer))
    return _described(table, layout, rows)


def _delimited(
    path: Path, text: str, delimiter: str, decimal: str, names: list[str], data: int
) -> pd.DataFrame:
    """The rows from the row ``data`` on, with their lines in the file as index."""
    import pandas as pd

    stream = io.StringIO(text, newline="")
    reader = csv.reader(stream, delimiter=delimiter, skipinitialspace=delimiter == " ")
    for _ in range(data):
        next(reader, None)
    try:
        frame = pd.read_csv(
            stream,
            sep=r"\s+" if delimiter == " " else delimiter,
            header=None,
            decimal=decimal,
            keep_default_na=False,
            na_values=[""],
            skip_blank_lines=False,
            low_memory=False,
        ).copy()  # one block per type: with 20,000 columns each step would take a second
    except pd.errors.EmptyDataError:
        return pd.DataFrame(columns=names)
    except (pd.errors.ParserError, csv.Error) as error:
        match = re.search(r"Expected (\d+) fields in line (\d+), saw \d+", str(error))
        if match:
            row = int(match[2]) + reader.line_num
            raise _too_many_cells(path, row, int(match[1])) from None
        if quote := re.search(r"EOF inside string starting at row (\d+)", str(error)):
            row = int(quote[1]) + reader.line_num + 1
            raise InputError(
                'a quotation mark (") is not closed, so that the rest of the file is one cell',
                where=f"{path}, row {row}",
                remedy="add the second quotation mark, or remove the first",
            ) from None
        what = f"the table cannot be parsed ({str(error).strip()})"
        raise InputError(what, where=str(path)) from None
    extra = frame.iloc[:, len(names) :]
    if extra.notna().any(axis=None):
        row = int(extra.notna().any(axis=1).to_numpy().argmax()) + reader.line_num + 1
        raise _too_many_cells(path, row, len(names))
    frame = frame.iloc[:, : len(names)].reindex(columns=range(len(names)))
    frame.columns = pd.Index(names)
    frame.index = pd.RangeIndex(reader.line_num + 1, reader.line_num + 1 + len(frame))
    return frame.dropna(how="all")


def _too_many_cells(path: Path, row: int, columns: int) -> InputError:
    return InputError(
        f"the row has more than the header's {columns} cells",
        where=f"{path}, row {row}",
        remedy="quote cells that contain the delimiter, or remove the extra cells",
    )


def _kind_of_xls(path: Path) -> str:
    """What a file named .xls holds: programs write text and new workbooks under this name, too.

    Raises InputError for a web page.
    """
    with path.open("rb") as stream:
        head = stream.read(512)
    if head.startswith(_OLE):
        return ".xls"
    if head.startswith(_ZIP):
        return ".xlsx"
    if head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        raise InputError(
            "the file is a web page or XML under the name of a workbook",
            where=str(path),
            remedy="open it in Excel or LibreOffice, and save it as .xlsx",
        )
    return ".txt"


def _read_workbook(path: Path, sheet: str | None) -> InputTable:
    import pandas as pd

    names, rows, width = _sheet(path, sheet)
    several = tuple(names) if sheet is None and len(names) > 1 else ()
    if not rows:
        remedy = _choose_sheet(several or tuple(names))
        raise InputError("the sheet is empty", where=str(path), remedy=remedy)
    head = [
        ["" if pd.isna(cell) else str(cell) for cell in rows.get(k, [])]
        for k in range(1, _HEAD_ROWS)
    ]
    layout = find_layout(head)
    body = [(number, row) for number, row in rows.items() if number > layout.data]
    numbers = [number for number, _ in body]
    columns = ([row[i] if i < len(row) else np.nan for _, row in body] for i in range(width))
    # column by column: together, one column of mixed types would decide for all
    kinds = (pd.Series(cells, index=numbers, dtype=object).infer_objects() for cells in columns)
    frame = pd.DataFrame(dict(enumerate(kinds)), index=numbers)
    texts = head[layout.header]
    header, remarks = column_names(texts + [""] * (width - len(texts)), layout.methods)
    frame.columns = pd.Index(header)
    frame, footer = _without_footer(frame)
    how = f"sheet {sheet or names[0]!r}"
    decimal = _decimal_of_text([cell for _, row in body[:_HEAD_ROWS] for cell in row])
    if decimal == ",":
        how += ", decimal comma in text cells"
    table = InputTable(path, frame, decimal, how=how, sheets=several, remarks=(*remarks, *footer))
    return _described(table, layout, head)


def _sheet(path: Path, sheet: str | None) -> tuple[list[str], dict[int, list[Any]], int]:
    """Names of a workbook's sheets; the rows of one by number, and the number of columns."""
    if not _has_parts(path):
        return _old_sheet(path, sheet)
    with _opened(path) as book:
        names = [s.title for s in book.worksheets]
        if sheet is not None:
            require_among(sheet, names, f"there is no sheet {sheet!r}", str(path), InputError)
        rows, width = _filled_rows(book[sheet or names[0]], path)
    return names, rows, width


def _has_parts(path: Path) -> bool:
    """Whether a workbook is a new Excel file, which is a .zip of parts."""
    suffix = path.suffix.lower()
    return suffix != ".ods" and (suffix != ".xls" or _kind_of_xls(path) == ".xlsx")


def _old_sheet(path: Path, sheet: str | None) -> tuple[list[str], dict[int, list[Any]], int]:
    """The same for .xls and .ods; a blank cell is NaN, whole numbers are integers."""
    from python_calamine import CalamineWorkbook

    broken = "the workbook cannot be opened"
    with library_errors(broken, path, "save it as .xlsx or as CSV"):
        if path.suffix.lower() == ".ods":
            _require_small(path)
            _require_few_cells(path)
        book = CalamineWorkbook.from_path(str(path))
        names = list(book.sheet_names)
        if sheet is not None:
            require_among(sheet, names, f"there is no sheet {sheet!r}", str(path), InputError)
        cells = book.get_sheet_by_name(sheet or names[0]).to_python(skip_empty_area=False)
    rows: dict[int, list[Any]] = {}
    for number, row in enumerate(cells, 1):
        if any(cell != "" for cell in row):
            rows[number] = [
                np.nan
                if cell == ""
                else int(cell)
                if isinstance(cell, float) and cell.is_integer()
                else cell
                for cell in row
            ]
    width = max(
        (max(k for k, cell in enumerate(row, 1) if cell == cell) for row in rows.values()),
        default=0,
    )
    return names, {number: row[:width] for number, row in rows.items()}, width


@contextmanager
def _opened(path: Path) -> Iterator[Workbook]:
    """Open a workbook; raises InputError where it is broken, or unpacks to more than 500 MB."""
    import openpyxl

    with library_errors("the workbook cannot be opened", path, "save it again as .xlsx or as CSV"):
        _require_small(path)
        with path.open("rb") as stream:  # a name that ends in .xls would be refused
            book = openpyxl.load_workbook(stream, read_only=True, data_only=True, keep_links=False)
            with closing(book):
                yield book


def _require_small(path: Path) -> None:
    """Raise InputError for a workbook that unpacks to more than 500 MB."""
    with zipfile.ZipFile(path) as archive:
        unpacked = sum(part.file_size for part in archive.infolist())
    if unpacked > _MOST_UNPACKED:
        raise InputError(
            f"the workbook of {path.stat().st_size / 1e6:,.1f} MB unpacks to "
            f"{unpacked / 1e6:,.0f} MB; the limit is {_MOST_UNPACKED / 1e6:.0f} MB",
            where=str(path),
            remedy="save the sheet as CSV",
        )


def _require_few_cells(path: Path) -> None:
    """Raise InputError for an OpenDocument whose repeated rows and cells give a huge table."""
    from xml.etree.ElementTree import iterparse

    names = "{urn:oasis:names:tc:opendocument:xmlns:%s:1.0}"
    table, kind = names % "table", names % "office" + "value-type"
    rows = width = column = 0
    filled = False
    with zipfile.ZipFile(path) as archive, archive.open("content.xml") as stream:
        for _, part in iterparse(stream):
            if part.tag == f"{table}table-cell":
                column += int(part.get(f"{table}number-columns-repeated", 1))
                if len(part) or kind in part.attrib:
                    width, filled = max(width, column), True
            elif part.tag == f"{table}table-row":
                rows += int(part.get(f"{table}number-rows-repeated", 1))
                if filled and rows * width > _MOST_CELLS:
                    raise _too_many(path, width, rows)
                column, filled = 0, False
                part.clear()
            elif part.tag == f"{table}table":
                rows = width = 0


def _too_many(path: Path, width: int, row: int) -> InputError:
    return InputError(
        f"the sheet's table has {width:,} columns and more than "
        f"{_MOST_CELLS:,} cells by row {row:,}",
        where=str(path),
        remedy="clear the cells that lie far from the table, or save the sheet as CSV",
    )


def _filled_rows(sheet: Any, path: Path) -> tuple[dict[int, list[Any]], int]:
    """Rows with data by their number in the sheet, and the number of columns.

    Whole numbers are integers; a blank cell or an error cell is NaN. The size stated in the file
    is not used. Raises InputError if a cell lies so far from the others that the table becomes
    too large.
    """
    from openpyxl.cell.cell import TYPE_ERROR, TYPE_NUMERIC

    def value(cell: Any) -> Any:
        found = cell.value
        if found is None or found == "":
            return None
        if cell.data_type == TYPE_NUMERIC:
            return int(found) if int(found) == found else float(found)
        return np.nan if cell.data_type == TYPE_ERROR else found

    sheet.reset_dimensions()
    rows: dict[int, list[Any]] = {}
    width = 0
    for number, cells in enumerate(sheet.rows, 1):
        if number > _LAST_ROW:
            raise InputError(
                f"the sheet has more than {_LAST_ROW:,} rows, the most that a sheet can have",
                where=str(path),
                remedy="save it again as .xlsx or as CSV",
            )
        if not cells:
            continue
        row = [value(cell) for cell in cells]
        while row and row[-1] is None:
            row.pop()
        width = max(width, len(row))
        row = [np.nan if cell is None else cell for cell in row]
        if any(cell == cell for cell in row):
            rows[number] = row
        if len(rows) * width > _MOST_CELLS:
            raise _too_many(path, width, number)
    return rows, width


def _choose_sheet(sheets: tuple[str, ...], section: str = "") -> str:
    key = f"{section}.layer".removeprefix(".")
    return f"set {key} to one of the sheets {', '.join(map(repr, sheets))}"


def _read_parquet(path: Path) -> InputTable:
    import pandas as pd

    with library_errors("the Parquet file cannot be opened", path, "write it again"):
        frame = pd.read_parquet(path)
    names, remarks = column_names([str(c) for c in frame.columns], {})
    frame.columns = pd.Index(names)
    frame.index = pd.RangeIndex(1, len(frame) + 1)
    return InputTable(path, frame, how="Parquet", remarks=tuple(remarks))


def column_names(header: Sequence[str], methods: Mapping[int, str]) -> tuple[list[str], list[str]]:
    """Column names without outer blanks, each once; and remarks on those that were changed.

    A column without a name gets its number. Of columns with one name, each gets its method, or
    else its count.

    >>> column_names(["Cu", "Cu", "", "Zn"], {0: "ME-MS61", 1: "OG62"})[0]
    ['Cu ME-MS61', 'Cu OG62', 'column 3', 'Zn']
    """
    plain = [" ".join(name.split()) or f"column {i + 1}" for i, name in enumerate(header)]
    times = Counter(plain)
    names: list[str] = []
    for i, name in enumerate(plain):
        new = f"{name} {methods[i]}" if times[name] > 1 and i in methods else name
        count = 2
        while new in names or (new != name and new in times):
            new = f"{name} ({count})"
            count += 1
        names.append(new)
    changed = [repr(new) for name, new in zip(plain, names, strict=True) if new != name]
    if not changed:
        return names, []
    twice = sorted(repr(name) for name, n in times.items() if n > 1)
    return names, [f"the header repeats {listed(twice)}: the columns are named {listed(changed)}"]


def _without_footer(frame: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """A table without the lines of text below its data, and a remark that quotes them."""
    if frame.shape[1] < _FEWEST_COLUMNS:
        return frame, []
    end = len(frame)
    while end > 1 and (texts := _only_text(frame.iloc[end - 1])) is not None and len(texts) <= 2:
        end -= 1
    if end == len(frame):
        return frame, []
    quoted = [" ".join(_only_text(row) or []) for _, row in frame.iloc[end:].iterrows()]
    remark = f"ignored {len(quoted)} line(s) below the data: {listed([repr(q) for q in quoted])}"
    return frame.iloc[:end].infer_objects(), [remark]


def _only_text(row: pd.Series[Any]) -> list[str] | None:
    """The cells of a row where all are text; None where one is a number."""
    cells = [str(cell) for cell in row.dropna()]
    return None if any(map(is_number, cells)) else cells


def _limit(cell: str, decimal: str) -> float:
    """The number in a cell of limits, such as ``<0.5`` or ``10 000``; NaN where there is none."""
    digits = re.sub(r"[^0-9.,e-]", "", cell.lower()).replace("," if decimal == "." else ".", "")
    try:
        return abs(float(digits.replace(decimal, ".")))
    except ValueError:
        return np.nan


def _described(table: InputTable, layout: Layout, rows: Sequence[Sequence[str]]) -> InputTable:
    """A table with the units, methods and limits of its layout by column name."""
    names = [str(c) for c in table.frame.columns]
    skipped = [k for k in range(layout.header) if "".join(rows[k]).strip()]
    skipped = [k for k in skipped if delimiter_named("".join(rows[k]).strip()) is None]
    remarks = list(table.remarks)
    if skipped:
        first = " ".join(cell for cell in rows[skipped[0]] if cell.strip())[:60]
        remarks.append(
            f"the header is row {layout.header + 1}; the rows above it ({first!r} …) are not data"
        )

    def named(cells: Mapping[int, str]) -> dict[str, str]:
        return {names[j]: cell for j, cell in cells.items() if j < len(names)}

    units = {c: unit for c, cell in named(layout.units).items() if (unit := unit_named(cell))}
    lower, upper = (
        {c: value for c, cell in named(cells).items() if (value := _limit(cell, table.decimal)) > 0}
        for cells in (layout.lower, layout.upper)
    )
    return replace(
        table,
        units=units,
        lower=lower,
        upper=upper,
        methods=named(layout.methods),
        remarks=tuple(remarks),
    )
