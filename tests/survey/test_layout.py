"""Where a table begins and ends, and the rows that describe its columns."""

import numpy as np
import pytest
from openpyxl import Workbook

from orecast.config import parse
from orecast.survey import propose, read_survey
from orecast.survey.layout import find_layout
from orecast.survey.tables import column_names, read_table

HEADER = ["Sample", "Easting", "Northing", "Au", "Cu", "Zn"]
UNITS = ["", "m", "m", "ppb", "ppm", "ppm"]
LOWER = ["Lower Limit", "", "", "1", "0.2", "2"]
METHODS = ["Method Code", "", "", "Au-AA23", "ME-MS61", "ME-MS61"]


def body(n=12):
    rng = np.random.default_rng(0)
    places = rng.uniform([420_000, 6_650_000], [430_000, 6_660_000], (n, 2)).round(1)
    values = rng.lognormal([1, 3, 4], 0.5, (n, 3)).round(1)
    return [
        [f"K{k:04d}", *map(str, xy), *map(str, v)]
        for k, (xy, v) in enumerate(zip(places, values, strict=True))
    ]


def lines(*rows):
    return "\n".join(row if isinstance(row, str) else ",".join(row) for row in rows) + "\n"


LAYOUTS = {
    "plain": (lines(HEADER), 0),
    "a title": (lines("Soil survey 2019", HEADER), 0),
    "two titles and a blank line": (lines("Example Ltd", "GDA94", "", HEADER), 0),
    "comments": (lines("# survey", "# units as in the header", HEADER), 0),
    "comments of another program": (lines("// export", "!gdal", HEADER), 0),
    "a line for the spreadsheet": (lines("sep=,", HEADER), 0),
    "a certificate": (
        lines("CERTIFICATE,PH21000001", "PROJECT,Example", METHODS, HEADER, UNITS),
        "units methods",
    ),
    "units, limits, methods below": (lines(HEADER, UNITS, LOWER, METHODS), "units lower methods"),
    "units above": (lines(UNITS, HEADER), "units"),
    "limits above": (lines(METHODS, LOWER, HEADER, UNITS), "units lower methods"),
    "Spanish words": (
        lines(HEADER, ["Unidad", *UNITS[1:]], ["Límite de detección", *LOWER[1:]]),
        "units lower",
    ),
    "German words": (
        lines(HEADER, ["Einheit", *UNITS[1:]], ["Nachweisgrenze", *LOWER[1:]]),
        "units lower",
    ),
    "Chinese words": (lines(HEADER, ["单位", *UNITS[1:]], ["检出限", *LOWER[1:]]), "units lower"),
    "upper limits too": (
        lines(HEADER, UNITS, LOWER, ["Upper Limit", "", "", "10000", "10000", "10000"]),
        "units lower upper",
    ),
}


@pytest.mark.parametrize("footer", ["", "\nEnd of report\n", "Approved by:,A. Person\n"])
@pytest.mark.parametrize("name", LAYOUTS)
def test_the_table_of_a_file_is_found(name, footer, tmp_path):
    head, described = LAYOUTS[name]
    (tmp_path / "samples.csv").write_text(head + lines(*body()) + footer, encoding="utf-8")
    table = read_table(tmp_path / "samples.csv")
    assert list(table.frame.columns) == HEADER
    assert table.frame.astype(str).to_numpy().tolist() == body()
    first = table.frame.index[0]
    assert (tmp_path / "samples.csv").read_text().splitlines()[first - 1].startswith("K0000")
    of = {
        "units": (table.units, {"Au": "ppb", "Cu": "ppm", "Zn": "ppm"}),
        "lower": (table.lower, {"Au": 1.0, "Cu": 0.2, "Zn": 2.0}),
        "upper": (table.upper, {"Au": 1e4, "Cu": 1e4, "Zn": 1e4}),
        "methods": (table.methods, {"Au": "Au-AA23", "Cu": "ME-MS61", "Zn": "ME-MS61"}),
    }
    for kind, (found, expected) in of.items():
        assert found == (expected if kind in str(described).split() else {})
    assert any("below the data" in r for r in table.remarks) == bool(footer)


@pytest.mark.parametrize("name", LAYOUTS)
def test_the_table_of_a_sheet_is_found(name, tmp_path):
    head, described = LAYOUTS[name]
    book = Workbook()
    for line in head.splitlines():
        book.active.append([cell or None for cell in line.split(",")] if line else [])
    for row in body():
        book.active.append([row[0], *map(float, row[1:])])
    book.save(tmp_path / "samples.xlsx")
    table = read_table(tmp_path / "samples.xlsx")
    assert list(table.frame.columns) == HEADER
    assert table.frame["Cu"].tolist() == [float(row[4]) for row in body()]
    assert bool(table.units) == ("units" in str(described))


def test_a_merged_header_above_gives_the_methods(tmp_path):
    book = Workbook()
    book.active.append(["Sample", None, None, "Fire assay", "ICP-MS", None])
    book.active.append(HEADER)
    book.active.merge_cells("E1:F1")
    for row in body():
        book.active.append([row[0], *map(float, row[1:])])
    book.save(tmp_path / "samples.xlsx")
    table = read_table(tmp_path / "samples.xlsx")
    assert list(table.frame.columns) == HEADER
    assert table.methods == {"Au": "Fire assay", "Cu": "ICP-MS", "Zn": "ICP-MS"}


def test_columns_of_one_name_get_their_methods_or_their_count():
    assert column_names(["Au", "Au", "Cu"], {0: "FA", 1: "AR"})[0] == ["Au FA", "Au AR", "Cu"]
    names, remarks = column_names(["Au", " Au ", "Au"], {})
    assert names == ["Au", "Au (2)", "Au (3)"]
    assert remarks == ["the header repeats 'Au': the columns are named 'Au (2)', 'Au (3)'"]
    assert column_names(["Au", "Au", "Au (2)"], {})[0] == ["Au", "Au (3)", "Au (2)"]


def test_limits_of_the_table_censor_values(tmp_path):
    """A value at or below the laboratory's limit is censored, and the finding says so."""
    rows = body()
    rows[3][4], rows[5][4] = "0.2", "0.1"
    (tmp_path / "samples.csv").write_text(lines(HEADER, UNITS, LOWER, *rows))
    table, _ = propose([tmp_path], tmp_path)
    table["samples"]["crs"] = "EPSG:28350"
    survey = read_survey(parse(table, where="run.toml", folder=tmp_path))
    copper = survey.symbols.index("Cu")
    assert np.flatnonzero(survey.censored[:, copper]).tolist() == [3, 5]
    assert survey.values[[3, 5], copper].tolist() == [0.2, 0.2]
    (said,) = survey.findings.of("limits-row")
    assert said.data["limits"] == {"Au": 1.0, "Cu": 0.2, "Zn": 2.0}


def test_a_table_of_words_begins_at_its_widest_row():
    rows = [["List of mines"], [], ["Name", "Metal", "Owner"], ["A", "Au", "X"], ["B", "Cu", "Y"]]
    layout = find_layout(rows)
    assert (layout.header, layout.data) == (2, 3)


def test_rows_without_values_at_the_end_of_a_wide_table_stay(tmp_path):
    """A sample that was not analysed has a position; it is no footer."""
    rows = [*body(), ["K9999", "421000.0", "6651000.0", "", "", ""]]
    (tmp_path / "samples.csv").write_text(lines(HEADER, *rows))
    assert len(read_table(tmp_path / "samples.csv").frame) == len(rows)


@pytest.mark.parametrize("values", [["", "", ""], ["LNR", "IS", "NSS"], ["<1 ppb", "n.a.", "--"]])
def test_a_first_sample_without_values_is_a_row_of_data(values, tmp_path):
    """It has a position, so it describes no column."""
    rows = body()
    rows[0][3:] = values
    (tmp_path / "samples.csv").write_text(lines("# survey", HEADER, UNITS, *rows))
    table = read_table(tmp_path / "samples.csv")
    assert len(table.frame) == len(rows)
    assert table.frame["Sample"].iloc[0] == "K0000"
    assert table.units == {"Au": "ppb", "Cu": "ppm", "Zn": "ppm"}
