"""Concentrations as laboratories write them, from untouched files through init to the survey."""

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest

from orecast.config import parse
from orecast.survey import propose, read_survey

CRS = "EPSG:32645"
N = 40


def csv(frame, folder):
    frame.to_csv(folder / "samples.csv", index=False)


def decimal_comma(frame, folder):
    with_commas = frame.map(lambda cell: str(cell).replace(".", ",") if _is_number(cell) else cell)
    with_commas.to_csv(folder / "samples.csv", index=False, sep=";", encoding="cp1252")


def _is_number(cell):
    return any(sign.isdigit() for sign in str(cell)) and not str(cell).startswith("S")


def workbook(frame, folder):
    frame.to_excel(folder / "samples.xlsx", index=False)


def geopackage(frame, folder):
    points = gpd.points_from_xy(frame["X"], frame["Y"])
    cells = frame.drop(columns=["X", "Y"]).astype(str)
    gpd.GeoDataFrame(cells, geometry=points, crs=CRS).to_file(folder / "samples.gpkg")


def parquet(frame, folder):
    frame.astype({c: str for c in frame if c not in "XY"}).to_parquet(folder / "samples.parquet")


def read(frame, write, folder, **samples):
    write(frame, folder)
    table, notes = propose(list(folder.iterdir()), folder)
    if "X" in table["samples"].values():
        table["samples"].setdefault("crs", CRS)
    table["samples"] |= samples | {"medium": "soil"}
    return read_survey(parse(table, where="run.toml", folder=folder)), notes


def table(**cells):
    rng = np.random.default_rng(2)
    frame = pd.DataFrame(
        {
            "ID": [f"S{i:03d}" for i in range(N)],
            "X": 500_000 + 250.5 * rng.permutation(N),
            "Y": 4_500_000 + 250.5 * rng.permutation(N),
        }
    )
    for column, first in cells.items():
        values = rng.lognormal(2, 0.6, N).round(4).astype(object)
        values[: len(first)] = first
        frame[column] = values
    return frame


FILES = [csv, decimal_comma, workbook, geopackage, parquet]


@pytest.mark.parametrize("write", FILES)
def test_words_marks_and_remarks(write, tmp_path):
    frame = table(
        Au_ppb=["<0.5", "0.5<", "< 0.5 ppb", "0.5 U", "less than 0.5"],
        Cu_ppm=["LNR", "IS", "#N/A", "not analysed", "--", "k.A."],
        Zn_ppm=["12.5*", "~12.5", "12.5 J", "12.5 ppm", ">1250"],
    )

    survey, notes = read(frame, write, tmp_path)

    values, censored = (
        dict(zip(survey.symbols, part.T, strict=True)) for part in (survey.values, survey.censored)
    )
    assert values["Au"][:5].tolist() == [0.5] * 5
    assert censored["Au"].tolist() == [True] * 5 + [False] * (N - 5)
    assert np.isnan(values["Cu"]).tolist() == [True] * 6 + [False] * (N - 6)
    assert values["Zn"][:5].tolist() == [12.5] * 4 + [1250]
    np.testing.assert_array_equal(values["Zn"][5:], frame["Zn_ppm"][5:].astype(float))
    assert not censored["Zn"].any()
    assert any("LNR (1)" in note for note in notes)


@pytest.mark.parametrize("write", FILES)
def test_limits_of_two_laboratories_as_negatives(write, tmp_path):
    frame = table(Au_ppb=[-25.0] * 8 + [-0.5] * 3, Cu_ppm=[-0.25], Zn_ppm=[])

    survey, notes = read(frame, write, tmp_path)

    gold = survey.symbols.index("Au")
    assert survey.values[:11, gold].tolist() == [25] * 8 + [0.5] * 3
    assert survey.censored.sum(axis=0)[gold] == 11
    assert len(survey.findings.of("negatives-below")) == 1
    assert any("uninformative" in note for note in notes)


@pytest.mark.parametrize("write", FILES)
def test_marks_beside_the_values(write, tmp_path):
    frame = table(Au_ppb=[], Cu_ppm=[], Zn_ppm=[])
    frame.insert(4, "Au_flag", ["<", "", "", ""] * (N // 4))

    survey, notes = read(frame, write, tmp_path)

    gold = survey.symbols.index("Au")
    assert survey.censored[:, gold].tolist() == [True, False, False, False] * (N // 4)
    assert any("Au_flag" in note and "10 below" in note for note in notes)


@pytest.mark.parametrize("write", FILES)
def test_what_only_a_person_can_decide_is_said_by_init_with_the_line(write, tmp_path):
    frame = table(Au_ppb=["nd", "see note"], Cu_ppm=["nd"], Zn_ppm=[])
    write(frame, tmp_path)

    found, notes = propose(list(tmp_path.iterdir()), tmp_path)

    (note,) = [note for note in notes if "see note" in note]
    assert 'samples.missing = [-9999, -999, "nd", "see note"]' in note
    found["samples"] |= {"missing": [-9999, -999, "see note"], "not_detected": ["nd"]}
    found["samples"].setdefault("crs", CRS)
    survey = read_survey(parse(found, where="run.toml", folder=tmp_path))
    assert survey.zeros.sum() == 2
    assert np.isnan(survey.values).sum() == 1


@pytest.mark.parametrize("write", FILES)
def test_a_table_with_the_usual_faults_together(write, tmp_path):
    frame = table(
        Au_ppb=[0, -99999, "<1", "LNR"],
        Cu_ppm=[0, -99999, "3.5", "tr."],
        Zn_ppm=[0, "n/a", "-2", "5 J"],
    )

    survey, _ = read(frame, write, tmp_path, not_detected=["tr."])

    assert np.isnan(survey.values[:2]).all()  # not analysed; missing
    assert survey.censored[2].tolist() == [True, False, True]
    assert survey.values[2].tolist() == [1, 3.5, 2]
    assert survey.findings.of("unanalysed-rows")
    assert survey.findings.of("missing-codes")
