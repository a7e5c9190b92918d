import datetime
import re
import tracemalloc
import zipfile

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
