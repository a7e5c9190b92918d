import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orecast.errors import InputError
from orecast.survey.tables import decoded, delimiter_of, read_table

ROWS = "样品号{d}X{d}Y{d}Au_ppb\n甲{d}1{p}5{d}2{p}5{d}<0{p}5\n乙{d}3{p}5{d}4{p}5{d}7{p}25\n"


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "gbk", "gb18030"]
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
    with pytest.raises(InputError, match=f"no column 'X'.*{says}"):
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
