import datetime
import gzip
import re
import tracemalloc
import zipfile
from xml.sax.saxutils import escape

import numpy as np
import openpyxl
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orecast.errors import InputError
from orecast.survey.tables import as_numbers, decoded, delimiter_of, read_table

ROWS = "样品号{d}X{d}Y{d}Au_ppb\n甲{d}1{p}5{d}2{p}5{d}<0{p}5\n乙{d}3{p}5{d}4{p}5{d}7{p}25\n"


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32", "gbk", "gb18030"]
)
@pytest.mark.parametrize(
    ("delimiter", "point"),
    [(",", "."), (";", ","), (";", "."), ("\t", ","), ("|", "."), (" ", ".")],
)
def test_any_encoding_delimiter_and_decimal_mark(tmp_path, encoding, delimiter, point):
    path = tmp_path / "samples.csv"
    path.write_bytes(ROWS.format(d=delimiter, p=point).encode(encoding))

    table = read_table(path)

    assert list(table.frame.columns) == ["样品号", "X", "Y", "Au_ppb"]
    assert table.frame["样品号"].tolist() == ["甲", "乙"]
    assert table.frame["X"].tolist() == [1.5, 3.5]
    assert table.frame["Au_ppb"].tolist() == [f"<0{point}5", f"7{point}25"]
    assert table.decimal == point
    assert table.frame.index.tolist() == [2, 3]


@pytest.mark.parametrize(
    ("text", "encoding", "name"),
    [
        ("Probe;Länge;Straße süd", "cp1252", "Windows-1252"),
        ("Au_µg/kg,x", "cp1252", "Windows-1252"),
        ("样品编号,金", "gbk", "GB 18030"),
        ("样品编号,金", "utf-8", "UTF-8"),
        ("样品编号,金", "utf-16", "UTF-16"),
        ("sample,gold,x", "utf-16-be", "UTF-16"),
        ("样品编号,金", "utf-32", "UTF-32"),
        ("sample,gold", "utf-32-be", "UTF-32"),
        ("sample,gold", "utf-32-le", "UTF-32"),
        ("sample,gold", "ascii", "UTF-8"),
    ],
)
def test_encodings_are_told_apart(text, encoding, name):
    assert decoded(text.encode(encoding)) == (text, name)


@given(
    st.lists(
        st.tuples(st.floats(0.001, 1e6), st.floats(-1e6, 1e6), st.integers(-999, 999)),
        min_size=1,
        max_size=30,
    ),
    st.sampled_from(",;\t|"),
)
@settings(max_examples=30, deadline=None)
def test_a_written_table_comes_back(tmp_path_factory, rows, delimiter):
    path = tmp_path_factory.mktemp("table") / "t.csv"
    written = pd.DataFrame(rows, columns=["a", "b", "c"])
    written.to_csv(path, index=False, sep=delimiter)

    read = read_table(path).frame

    pd.testing.assert_frame_equal(read.reset_index(drop=True), written, check_exact=True)


def test_a_comma_in_a_quoted_header_or_cell_does_not_cut(tmp_path):
    path = tmp_path / "q.csv"
    path.write_text('"Au, fire assay","note\nof two lines",x\n1.5,"a, b",3\n')

    frame = read_table(path).frame

    assert list(frame.columns) == ["Au, fire assay", "note of two lines", "x"]
    assert frame.iloc[0].tolist() == [1.5, "a, b", 3]
    assert frame.index.tolist() == [3]  # the header takes two lines of the file


def test_a_delimiter_at_the_end_of_every_row_is_no_column(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("a,b\n1,2,\n3,4,\n")

    assert read_table(path).frame.to_numpy().tolist() == [[1, 2], [3, 4]]


def test_an_integer_identifier_of_few_cells_keeps_blanks_as_missing(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("a,b\n1,\n,4\n")

    frame = read_table(path).frame

    assert frame.isna().to_numpy().tolist() == [[False, True], [True, False]]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a,b\n1,2\n", ","),
        ("a;b\n1,5;2,5\n", ";"),
        ("a\tb c\n1\t2 3\n", "\t"),
        ("a b\n1 2\n", " "),
        ("alone\n1\n", None),
    ],
)
def test_the_delimiter_splits_header_and_rows_alike(text, expected):
    assert delimiter_of(text) == expected


def test_sheets_are_chosen_by_name(tmp_path):
    path = tmp_path / "book.xlsx"
    with pd.ExcelWriter(path) as book:
        pd.DataFrame({"note": ["read me"]}).to_excel(book, sheet_name="about", index=False)
        pd.DataFrame({"Au": [1.5, "<2"]}).to_excel(book, sheet_name="data", index=False)

    assert read_table(path, "data").frame["Au"].tolist() == [1.5, "<2"]
    assert list(read_table(path).frame.columns) == ["note"]
    with pytest.raises(InputError, match=r"book\.xlsx: there is no sheet 'dat'.*data"):
        read_table(path, "dat")


def test_a_cover_sheet_is_told_with_the_sheets_there_are(district):
    with pd.ExcelWriter(district.folder / "book.xlsx") as book:
        cover = pd.DataFrame({"Certificate": ["of analysis"], "Lab": ["A"]})
        cover.to_excel(book, sheet_name="Cover", index=False)
        district.samples.to_excel(book, sheet_name="Assays", index=False)
    district.table["samples"]["path"] = "book.xlsx"
    says = "set samples.layer to one of the sheets 'Cover', 'Assays', or "
    with pytest.raises(InputError, match=says + "set samples.x"):
        district.read()

    district.table["samples"] |= {"x": "X", "y": "Y"}
    with pytest.raises(
        InputError, match=f"column 'X', named in samples.x, is not in the table.*{says}"
    ):
        district.read()

    district.table["samples"]["layer"] = "Assays"
    assert len(district.read().samples) == 40


@pytest.mark.parametrize("cover", [pd.DataFrame(), pd.DataFrame({"Certificate": []})])
def test_a_void_first_sheet_is_told_with_the_sheets_there_are(tmp_path, cover):
    path = tmp_path / "book.xlsx"
    with pd.ExcelWriter(path) as book:
        cover.to_excel(book, sheet_name="Cover", index=False)
        pd.DataFrame({"a": [1]}).to_excel(book, sheet_name="Assays", index=False)

    with pytest.raises(InputError, match="set layer to one of the sheets 'Cover', 'Assays'"):
        read_table(path)


def book_with(path, *cells, dimension=""):
    """A workbook of one sheet with a header, three rows and further cells, as its XML has them."""
    pd.DataFrame({"X": [1, 2, 3], "Au": [1.5, 2.5, 3.5]}).to_excel(path, index=False)
    with zipfile.ZipFile(path) as archive:
        parts = {i.filename: archive.read(i).decode() for i in archive.infolist()}
    sheet = "xl/worksheets/sheet1.xml"
    parts[sheet] = parts[sheet].replace("</sheetData>", "".join(cells) + "</sheetData>")
    if dimension:
        parts[sheet] = re.sub('ref="A1:B4"', f'ref="{dimension}"', parts[sheet])
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, part in parts.items():
            archive.writestr(name, part)
    return path


def far_cell(row, column, value="1"):
    return f'<row r="{row}"><c r="{column}{row}"><v>{value}</v></c></row>'


@pytest.mark.parametrize(
    ("cells", "dimension"),
    [
        ([], "A1:XFD1048576"),
        (['<row r="1048576"><c r="A1048576" s="1"/></row>'], ""),
        (['<row r="900"><c r="XFD900"><v></v></c></row>'], ""),
        ([f'<row r="{i}"><c r="XFD{i}" s="1"/></row>' for i in range(5, 25)], "A1:XFD200"),
    ],
)
def test_a_workbook_is_as_large_as_what_it_holds(tmp_path, cells, dimension):
    table = read_table(book_with(tmp_path / "b.xlsx", *cells, dimension=dimension))

    assert table.frame.shape == (3, 2)
    assert table.frame.index.tolist() == [2, 3, 4]


@pytest.mark.slow
def test_a_cell_in_the_last_corner_is_a_row_of_its_own(tmp_path):
    table = read_table(book_with(tmp_path / "b.xlsx", far_cell(1_048_576, "XFD", 7)))

    assert table.frame.index.tolist() == [2, 3, 4, 1_048_576]
    assert table.frame["Au"].tolist()[:3] == [1.5, 2.5, 3.5]
    assert table.frame.iloc[3, -1] == 7
    assert table.frame.shape == (4, 16_384)


def test_rows_between_take_no_memory(tmp_path):
    path = book_with(tmp_path / "b.xlsx", far_cell(50_000, "B"), far_cell(50_001, "IV"))
    tracemalloc.start()
    try:
        read_table(path)
        assert tracemalloc.get_traced_memory()[1] < 20e6
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("cells", "says"),
    [
        (
            [far_cell(i, "XFD") for i in range(5, 25)],
            "16,384 columns and .* 100,000 cells by row 7",
        ),
        ([far_cell(10**12, "A")], "more than 1,048,576 rows"),
        ([far_cell(9, "AAAA")], "cannot be opened"),
    ],
)
def test_a_sheet_that_is_too_large_is_refused(tmp_path, monkeypatch, cells, says):
    monkeypatch.setattr("orecast.survey.tables._MOST_CELLS", 100_000)
    with pytest.raises(InputError, match=rf"b\.xlsx: .*{says}.*Remedy: .*CSV"):
        read_table(book_with(tmp_path / "b.xlsx", *cells))


def test_a_workbook_that_unpacks_to_gigabytes_is_refused_unopened(tmp_path):
    path = book_with(tmp_path / "b.xlsx")
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/media/picture.emf", bytes(501_000_000), compresslevel=1)

    with pytest.raises(InputError, match=r"MB unpacks to 501 MB; the limit is 500 MB.*CSV"):
        read_table(path)


def test_cells_of_a_workbook_keep_their_kinds(tmp_path):
    book = openpyxl.Workbook()
    day = datetime.datetime(2020, 1, 2)
    rows = [
        [],
        [None, " Au ", "ID", "n", "flag", "day", "mixed", None],
        [None, "<0.5", "a", 1, True, day, 1.5, None],
        [None] * 8,
        [None, 2.0, "b", 2, False, day, "", "far"],
        [None, "", "c", 3, True, day, "=1/0", None],
    ]
    for row in rows:
        book.active.append(row)
    book.save(tmp_path / "b.xlsx")

    frame = read_table(tmp_path / "b.xlsx").frame

    assert list(frame) == ["column 1", "Au", "ID", "n", "flag", "day", "mixed", "column 8"]
    assert frame.index.tolist() == [3, 5, 6]
    assert frame["Au"].iloc[:2].tolist() == ["<0.5", 2]
    assert frame["Au"].isna().tolist() == [False, False, True]
    assert [frame[c].dtype.kind for c in ("n", "flag", "day")] == ["i", "b", "M"]
    assert frame["ID"].dtype == pd.Series(["a", "b"]).dtype
    assert frame["column 8"].tolist()[1] == "far"
    assert frame["column 1"].isna().all()


@pytest.mark.parametrize(
    ("delimiter", "name"), [(",", "c{}"), ("\t", "a long name of a column {}")]
)
def test_a_table_of_20_000_columns_is_read(tmp_path, delimiter, name):
    names = ["X", *(name.format(i) for i in range(20_000))]
    rows = [["5.5", *["1"] * 20_000], ["6.5", *["2"] * 20_000]]
    path = tmp_path / "wide.csv"
    path.write_text("\n".join(delimiter.join(row) for row in [names, *rows]))

    frame = read_table(path).frame

    assert frame.shape == (2, 20_001)
    assert frame["X"].tolist() == [5.5, 6.5]
    assert frame[names[-1]].tolist() == [1, 2]


def test_a_wide_table_keeps_its_decimal_comma(tmp_path):
    path = tmp_path / "wide.csv"
    header = ";".join(f"a rather long name of a column {i}" for i in range(7000))
    rows = [";".join([cell] * 7000) for cell in ("1,25", "2,5")]
    path.write_text("\n".join([header, *rows]))

    table = read_table(path)

    assert table.decimal == ","
    assert table.frame.iloc[:, -1].tolist() == [1.25, 2.5]


def test_rows_that_fit_no_header_are_said_to_by_their_number_of_cells(tmp_path):
    path = tmp_path / "a.csv"
    header, row = ",".join(f"c{i}" for i in range(20_000)), ",".join("1" * 19_000)
    path.write_text("\n".join([header, row, row, row]))

    with pytest.raises(InputError, match=r"by comma the header has 20,000.*most rows 19,000"):
        read_table(path)


def test_a_cell_that_is_too_long_is_named_and_not_the_delimiter_alone(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("X,Y\n1," + "x" * 200_000 + "\n")

    with pytest.raises(InputError, match=r"a cell holds more than 131,072 characters"):
        read_table(path)


def test_numbers_beyond_a_float_are_infinite():
    cells = pd.Series([10**400, -(10**400), 10**25, 3, "x", None], dtype=object)

    values = as_numbers(cells).tolist()

    assert values[:4] == [np.inf, -np.inf, 1e25, 3]
    assert np.isnan(values[4:]).all()


@pytest.mark.parametrize(
    ("cells", "decimal"),
    [
        (["0,5", "1,234", "12,5"], ","),
        (["1,234", "2,345", "12,345"], "."),
        (["<0,05", "3,1", 2.5], ","),
        (["0.5", "1,234.5", "2.5"], "."),
        ([0.5, 1.5, "n.a."], "."),
        (["1.5", "0,5", "2.5"], "."),
    ],
)
def test_the_decimal_mark_of_text_in_a_sheet(tmp_path, cells, decimal):
    book = openpyxl.Workbook()
    for row in [["Easting", "Northing", "Cu"], *([500_000.5, 7_000_000.5, c] for c in cells)]:
        book.active.append(row)
    book.save(tmp_path / "a.xlsx")

    assert read_table(tmp_path / "a.xlsx").decimal == decimal


@pytest.mark.parametrize(
    ("header", "cells", "at", "wrong"),
    [
        ("Au (µg/kg),Notes", ["cañón"] * 40, 0, b"ca\xf1\xf3n"),
        ("Au_µg/kg,Bemerkung", ["grün", "weiß"] * 20, 7, b"gr\xfcn"),
        ("金(µg/kg),备注", ["褐色", "灰色"] * 20, 11, b"caf\xe9"),
        ("Золото_µg/kg,Заметка", ["серый"] * 30, 29, b"\x96"),
        ("Au_µg/kg,Notatka", ["żółty"] * 25, 3, b"\xb3"),
        ("Au µg/kg,b", ["x"] * 10, 9, b"\xb0"),
    ],
)
def test_a_wrong_byte_leaves_a_file_in_utf8(tmp_path, header, cells, at, wrong):
    lines = [header.encode(), *(f"{k},{cell}".encode() for k, cell in enumerate(cells))]
    lines[at + 1] = f"{at},".encode() + wrong
    (tmp_path / "a.csv").write_bytes(b"\n".join(lines) + b"\n")

    table = read_table(tmp_path / "a.csv")

    assert list(table.frame.columns) == header.split(",")
    assert table.how.startswith("UTF-8")
    assert table.frame.iloc[:, 1].tolist()[at] == wrong.decode("cp1252")
    assert [r for r in table.remarks if f"row(s) {at + 2} are not UTF-8" in r]


@pytest.mark.parametrize(
    "text",
    [
        "Проба,Золото,Медь,Примечание\nА1,0.5,3,зона окисления\n",
        "Образец;Х;У;Au\nКанава 7;1;2;3\n",
        "скважина,глубина,мышьяк\nскв-12,5,30\n",
        "номер,широта,долгота,свинец\n1,60,30,7\n",
        "проба,цвет\n1,бурый\n2,серый\n",
    ],
)
def test_cyrillic_letters_in_windows_1251_are_read(text):
    assert decoded(text.encode("cp1251")) == (text, "Windows-1251")


FRAME = pd.DataFrame(
    {"Sample": ["A1", "A2", "A3"], "X": [500_000.5, 500_100, 500_200], "Au_ppb": ["<5", 7, 12.5]}
)


def ods(path, rows, repeated=1):
    """An OpenDocument sheet; its last row is ``repeated``."""

    def cell(value):
        if isinstance(value, str):
            text = f"<text:p>{escape(value)}</text:p>" if value else ""
            return f'<table:table-cell office:value-type="string">{text}</table:table-cell>'
        return f'<table:table-cell office:value-type="float" office:value="{value}"/>'

    body = "".join(
        f'<table:table-row table:number-rows-repeated="{repeated if k == len(rows) - 1 else 1}">'
        + "".join(map(cell, row))
        + "</table:table-row>"
        for k, row in enumerate(rows)
    )
    names = " ".join(
        f'xmlns:{n}="urn:oasis:names:tc:opendocument:xmlns:{n}:1.0"'
        for n in ("office", "table", "text")
    )
    content = (
        f'<?xml version="1.0" encoding="UTF-8"?><office:document-content {names}><office:body>'
        f'<office:spreadsheet><table:table table:name="Labor">{body}</table:table>'
        "</office:spreadsheet></office:body></office:document-content>"
    )
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("content.xml", content)
        manifest = "urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"
        archive.writestr("META-INF/manifest.xml", f'<m:manifest xmlns:m="{manifest}"/>')
    return path


@pytest.mark.parametrize(
    "rows",
    [
        [["Sample", "X", "Y", "Au_ppb"], ["A1", 5.5, 6, "<5"], ["A2", 7, 8, 9.25]],
        [["Probe", "X", "Y", "Kupfer"], ["ß", 1.5, 2, 3], ["ü", 4, 5, 6]],
        [["样品", "X", "Y", "金"], ["甲", 1, 2, 3], ["乙", 4, 5, 6]],
        [
            ["Certificate 12"],
            [""],
            ["Sample", "X", "Y", "Au_ppb"],
            ["A1", 1, 2, 3],
            ["A2", 4, 5, 6],
        ],
        [["a", "b", "c", "d & e"], [1, 2, 3, "<0.5"], [4, 5, 6, "n.a."]],
    ],
)
def test_an_opendocument_sheet_is_read(tmp_path, rows):
    table = read_table(ods(tmp_path / "t.ods", rows))

    header = next(k for k, row in enumerate(rows) if len(row) == 4)
    assert list(table.frame.columns) == rows[header]
    assert table.frame.to_numpy().tolist() == rows[header + 1 :]
    assert table.frame.index.tolist() == list(range(header + 2, len(rows) + 1))


def test_rows_repeated_a_million_times_take_no_memory(tmp_path):
    import resource

    blank = ods(tmp_path / "t.ods", [["a", "b", "c"], [1, 2, 3], ["", "", ""]], 1_048_573)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert len(read_table(blank).frame) == 1
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 500_000


@pytest.mark.parametrize(("rows", "wide"), [(1_048_000, 20), (700_000, 30), (2000, 16_000)])
def test_a_small_opendocument_of_a_huge_table_is_refused(tmp_path, rows, wide):
    path = ods(tmp_path / "t.ods", [list("abcd"), list(range(wide))], rows)
    assert path.stat().st_size < 2_000_000

    with pytest.raises(InputError, match=r"more than 20,000,000 cells.*Remedy: clear"):
        read_table(path)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (bytes.fromhex("d0cf11e0a1b11ae1") + bytes(500), r"cannot be opened.*save it as .xlsx"),
        (b"<html><table><tr><td>Au</td></tr></table></html>", r"web page.*save it as .xlsx"),
        (b'\n<?xml version="1.0"?><Workbook/>', r"web page or XML.*save it as .xlsx"),
        (b"PK\x03\x04 but cut", r"cannot be opened.*save it again as .xlsx"),
        (bytes.fromhex("d0cf11e0a1b11ae1"), r"cannot be opened.*save it as .xlsx"),
    ],
)
def test_an_xls_that_cannot_be_read_is_refused_with_what_to_do(tmp_path, content, says):
    (tmp_path / "t.xls").write_bytes(content)

    with pytest.raises(InputError, match=says):
        read_table(tmp_path / "t.xls")


def test_a_text_or_a_new_workbook_named_xls_is_read_as_what_it_is(tmp_path):
    FRAME.to_csv(tmp_path / "text.xls", sep="\t", index=False)
    FRAME.to_excel(tmp_path / "new.xlsx", index=False)
    (tmp_path / "new.xlsx").rename(tmp_path / "new.xls")

    for name in ("text.xls", "new.xls"):
        table = read_table(tmp_path / name)
        assert list(table.frame.columns) == list(FRAME.columns)
        assert len(table.frame) == 3


@pytest.mark.parametrize("name", ["a.csv.gz", "a.TXT.GZ", "a.tsv.gz", "a.zip", "b.ZIP"])
def test_a_packed_text_is_read(tmp_path, name):
    text = FRAME.to_csv(index=False).encode()
    if name.lower().endswith(".gz"):
        (tmp_path / name).write_bytes(gzip.compress(text))
    else:
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            archive.writestr("data/samples.csv", text)
            archive.writestr("data/readme.txt", "hello")
            archive.writestr("__MACOSX/._samples.csv", "x")

    assert read_table(tmp_path / name).frame["Sample"].tolist() == ["A1", "A2", "A3"]


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({"a.csv": "a,b\n1,2", "b.csv": "a,b\n1,2"}, "several files .*a.csv, b.csv.*unpack it"),
        ({"photo.jpg": "x"}, "no table and no layer: photo.jpg.*unpack it"),
        ({}, "no table and no layer"),
        ({"t.xlsx": "x"}, "no table and no layer: t.xlsx"),
        (None, "cannot be opened.*copy it again"),
    ],
)
def test_a_zip_without_one_table_is_refused_with_its_files(tmp_path, files, says):
    if files is None:
        (tmp_path / "a.zip").write_bytes(b"PK but not")
    else:
        with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
            for name, text in files.items():
                archive.writestr(name, text)

    with pytest.raises(InputError, match=says):
        read_table(tmp_path / "a.zip")


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_cut_gz_is_refused(tmp_path, share):
    packed = gzip.compress(FRAME.to_csv(index=False).encode() * 50)
    (tmp_path / "a.csv.gz").write_bytes(packed[: int(share * len(packed))])

    with pytest.raises(InputError, match=r"cannot be read.*Remedy: copy it again"):
        read_table(tmp_path / "a.csv.gz")


@pytest.mark.parametrize("row", [2, 3, 40, 101])
@pytest.mark.parametrize("title", [[], ["Report of the laboratory,,,", ",,,"]])
def test_a_quotation_mark_that_is_not_closed_is_named_by_its_row(tmp_path, row, title):
    lines = [*title, "ID,X,Y,Au", *(f"S{i},{i},{i},{i}" for i in range(100))]
    lines[len(title) + row - 1] = 'S1,7,"7,3'
    (tmp_path / "a.csv").write_text("\n".join(lines), encoding="utf-8")

    with pytest.raises(InputError, match=rf"a.csv, row {len(title) + row}: a quotation mark"):
        read_table(tmp_path / "a.csv")
