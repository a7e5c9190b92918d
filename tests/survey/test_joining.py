"""Samples whose positions stand in another file, found by their ids."""

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest

from orecast.config import parse
from orecast.errors import ConfigError, InputError
from orecast.survey import propose, read_survey

CRS = "EPSG:28350"
N = 40


def assays(n=N):
    """A laboratory's table: an id and elements, no position."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"SampleID": [f"A{1000 + k}" for k in range(n)]})
    for symbol in ("Au_ppb", "Cu_ppm", "Zn_ppm", "As_ppm"):
        frame[symbol] = rng.lognormal(2, 1, n).round(3)
    return frame


def positions(n=N, column="SampleID"):
    """The field's table, in another order."""
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({column: [f"A{1000 + k}" for k in range(n)]})
    frame["Easting"] = 500_000 + rng.integers(0, 20_000, n)
    frame["Northing"] = 7_000_000 + rng.integers(0, 20_000, n)
    return frame.sample(frac=1, random_state=2)


def proposed(folder):
    table, notes = propose([folder], folder)
    for section in ("samples", "deposits"):
        if section in table and "crs" not in table[section]:
            table[section]["crs"] = CRS
    return table, notes


def survey_of(table, folder):
    return read_survey(parse(table, where="run.toml", folder=folder))


def require_joined(survey, lab, field, column="SampleID"):
    """Each sample has the values of its id at the position of its id."""
    where = field.set_index(field[column].astype(str).str.strip().str.upper())
    truth = lab.set_index(lab["SampleID"].astype(str).str.strip().str.upper())
    truth = truth.loc[[i for i in truth.index if i in where.index]]
    found = pd.DataFrame(survey.values, columns=list(survey.symbols))
    found["x"], found["y"] = survey.samples.geometry.x.round(), survey.samples.geometry.y.round()
    wanted = pd.DataFrame(
        {
            "Cu": truth["Cu_ppm"],
            "x": where.loc[truth.index, "Easting"],
            "y": where.loc[truth.index, "Northing"],
        }
    )
    key = ["x", "y"]
    both = found[["Cu", *key]].sort_values(key), wanted.sort_values(key)
    np.testing.assert_allclose(*(one[["Cu", *key]].to_numpy(float) for one in both))


LAYOUTS = {
    "csv": lambda lab, field, d: (
        lab.to_csv(d / "assays.csv", index=False),
        field.to_csv(d / "locations.csv", index=False),
    ),
    "names the other way round": lambda lab, field, d: (
        lab.to_csv(d / "z.csv", index=False),
        field.to_csv(d / "a.csv", index=False),
    ),
    "shapefile": lambda lab, field, d: (
        lab.to_csv(d / "assays.csv", index=False),
        gpd.GeoDataFrame(
            field, geometry=gpd.points_from_xy(field.Easting, field.Northing), crs=CRS
        ).to_file(d / "points.shp"),
    ),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_laboratory_table_gets_the_positions_of_the_field_table(layout, tmp_path):
    lab, field = assays(), positions()
    LAYOUTS[layout](lab, field, tmp_path)
    table, notes = proposed(tmp_path)
    assert "positions" in table["samples"]
    assert "deposits" not in table  # the positions are no deposits
    assert any("positions of 40 of 40 rows" in note for note in notes)
    survey = survey_of(table, tmp_path)
    require_joined(survey, lab, field)
    (said,) = survey.findings.of("positions-joined")
    assert said.data == {"matched": N, "n": N}


def test_two_sheets_of_a_workbook(tmp_path):
    lab, field = assays(), positions()
    with pd.ExcelWriter(tmp_path / "survey.xlsx") as book:
        field.to_excel(book, sheet_name="Collar", index=False)
        lab.to_excel(book, sheet_name="Assay", index=False)
    table, _ = proposed(tmp_path)
    assert table["samples"]["layer"] == "Assay"
    require_joined(survey_of(table, tmp_path), lab, field)


@pytest.mark.parametrize(
    ("write_lab", "write_field"),
    [
        (lambda ids: ids, lambda ids: ids.str.lower()),
        (lambda ids: ids, lambda ids: " " + ids + " "),
        (lambda ids: ids.str[1:].astype(int), lambda ids: ids.str[1:].astype(float)),
        (lambda ids: ids.str[1:], lambda ids: ids.str[1:].astype(int)),
    ],
)
def test_ids_written_in_two_ways(write_lab, write_field, tmp_path):
    lab, field = assays(), positions(column="Sample No.")
    lab["SampleID"], field["Sample No."] = (
        write_lab(lab["SampleID"]),
        write_field(field["Sample No."]),
    )
    lab.to_csv(tmp_path / "assays.csv", index=False)
    field.to_csv(tmp_path / "locations.csv", index=False)
    table, _ = proposed(tmp_path)
    assert len(survey_of(table, tmp_path).samples) == N


def test_ids_without_a_position_are_named_and_left_out(tmp_path):
    lab, field = assays(), positions()
    lab.loc[[3, 8], "SampleID"] = ["STD-1", "BLANK"]
    lab.to_csv(tmp_path / "assays.csv", index=False)
    field.to_csv(tmp_path / "locations.csv", index=False)
    table, _ = proposed(tmp_path)
    survey = survey_of(table, tmp_path)
    assert len(survey.samples) == N - 2
    (said,) = survey.findings.of("positions-joined")
    assert "2 are not there: STD-1, BLANK" in said.what


def test_a_table_that_shares_no_ids_stays_ignored(tmp_path):
    field = positions()
    for symbol in ("Au_ppb", "Cu_ppm", "Zn_ppm"):
        field[symbol] = np.arange(N) + 1.0
    field.to_csv(tmp_path / "samples.csv", index=False)
    other = assays()
    other["SampleID"] = [f"B{k}" for k in range(N)]
    other.to_csv(tmp_path / "other.csv", index=False)
    table, notes = proposed(tmp_path)
    assert table["samples"]["path"] == "samples.csv"
    assert any(n == "other.csv: ignored; it has no position columns" for n in notes)


def section(**changes):
    samples = {
        "path": "assays.csv",
        "crs": CRS,
        "positions": {"path": "locations.csv", **changes},
    }
    return {"samples": samples}


def test_positions_that_are_not_certain_are_refused(tmp_path):
    assays().to_csv(tmp_path / "assays.csv", index=False)
    twice = pd.concat([positions(), positions().iloc[:2].assign(Easting=1)])
    twice.to_csv(tmp_path / "locations.csv", index=False)
    with pytest.raises(InputError, match="2 ids stand more than once"):
        survey_of(section(id="SampleID"), tmp_path)
    with pytest.raises(InputError, match=r"no column has the ids of most samples of assays\.csv"):
        survey_of(section(), tmp_path)


def test_other_ids_are_refused_with_examples(tmp_path):
    assays().to_csv(tmp_path / "assays.csv", index=False)
    field = positions()
    field["SampleID"] = [f"B{k}" for k in range(N)]
    field.to_csv(tmp_path / "locations.csv", index=False)
    with pytest.raises(InputError, match="such as A1000, A1001"):
        survey_of(section(id="SampleID"), tmp_path)
    with pytest.raises(InputError, match=r"column 'Nr', named in samples\.positions\.id"):
        survey_of(section(id="Nr"), tmp_path)


def test_a_file_with_geometries_needs_no_positions(tmp_path):
    field = positions()
    frame = gpd.GeoDataFrame(
        assays(), geometry=gpd.points_from_xy(field.Easting, field.Northing), crs=CRS
    )
    frame.to_file(tmp_path / "samples.gpkg")
    field.to_csv(tmp_path / "locations.csv", index=False)
    table = {"samples": {"path": "samples.gpkg", "positions": {"path": "locations.csv"}}}
    with pytest.raises(ConfigError, match=r"remove \[samples\.positions\]"):
        survey_of(table, tmp_path)
