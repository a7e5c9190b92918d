"""Rows that are not one surface sample each: long tables, intervals, quality control, media."""

import tomllib

import numpy as np
import pandas as pd
import pytest

from orecast.config import parse
from orecast.errors import InputError
from orecast.survey import Findings, propose, read_survey
from orecast.survey.duplicates import places
from orecast.survey.rows import composite
from orecast.survey.tables import read_table

CRS = "EPSG:28350"
N = 40


def table(n=N, seed=0):
    """Samples with positions and three elements."""
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "SampleID": [f"K{k:03d}" for k in range(n)],
            "Easting": rng.uniform(420_000, 430_000, n).round(1),
            "Northing": rng.uniform(6_650_000, 6_660_000, n).round(1),
            "Au_ppb": rng.lognormal(1, 0.8, n).round(2) + 1,
            "Cu_ppm": rng.lognormal(3, 0.5, n).round(1),
            "Zn_ppm": rng.lognormal(4, 0.4, n).round(1),
        }
    )


def proposed(folder):
    found, notes = propose([folder], folder)
    for section in ("samples", "deposits"):
        if section in found:
            found[section].setdefault("crs", CRS)
    return found, notes


def survey_of(found, folder):
    return read_survey(parse(found, where="run.toml", folder=folder))


LONG = [
    {"analyte": "CHEM_CODE", "value": "VALUE", "unit": "UNIT", "below": "BDL"},
    {"analyte": "Analyte", "value": "Result", "unit": "Units", "below": "Qualifier"},
    {"analyte": "PARAMETER", "value": "RESULT_VALUE", "unit": "UOM", "below": "FLAG"},
    {"analyte": "Element", "value": "Concentration", "unit": "Unit", "below": "Prefix"},
    {"analyte": "elemento", "value": "valor", "unit": "unidad", "below": "below_limit"},
]


@pytest.mark.parametrize("names", LONG, ids=lambda names: names["analyte"])
@pytest.mark.parametrize("yes", ["1", "<", "Y"])
def test_a_long_table_is_turned_to_one_row_a_sample(names, yes, tmp_path):
    wide = table()
    low = wide["Au_ppb"] < 3
    long = wide.melt(["SampleID", "Easting", "Northing"], var_name="e", value_name=names["value"])
    long[names["below"]] = np.where(
        (long["e"] == "Au_ppb") & np.tile(low, 3), yes, "0" if yes != "<" else ""
    )
    long[names["analyte"]] = long["e"].str.split("_").str[0]
    long[names["unit"]] = long.pop("e").str.split("_").str[1]
    long.to_csv(tmp_path / "results.csv", index=False)

    found, notes = proposed(tmp_path)
    assert "deposits" not in found
    assert found["samples"]["long"]["analyte"] == names["analyte"]
    survey = survey_of(found, tmp_path)

    assert len(survey.samples) == N
    gold = survey.symbols.index("Au")
    np.testing.assert_allclose(survey.values[:, gold], wide["Au_ppb"])
    np.testing.assert_array_equal(survey.censored[:, gold], low)
    np.testing.assert_allclose(survey.values[:, survey.symbols.index("Cu")], wide["Cu_ppm"])
    assert any("120 results of 3 analytes are turned to 40 samples" in note for note in notes)


def test_a_long_table_without_its_key_is_refused_with_the_line(tmp_path):
    long = table().melt(["SampleID", "Easting", "Northing"], var_name="CHEM_CODE")
    long.to_csv(tmp_path / "s.csv", index=False)
    found = {"samples": {"path": "s.csv", "crs": CRS}}
    with pytest.raises(InputError, match=r"one analyte of a sample.*set samples.long = \{analyte"):
        survey_of(found, tmp_path)


INTERVALS = [
    ("From_m", "To_m", "HoleID"),
    ("FROM", "TO", "BHID"),
    ("depth_from", "depth_to", "DHID"),
    ("Desde", "Hasta", "Sondeo"),
    ("Von", "Bis", "Bohrloch"),
]


@pytest.mark.parametrize(("begin", "end", "hole"), INTERVALS)
def test_intervals_of_drill_holes_are_refused_by_name(begin, end, hole, tmp_path):
    holes = table()
    numbers = np.arange(N) // 4
    holes["Easting"] = holes["Easting"].to_numpy()[numbers * 4]
    holes["Northing"] = holes["Northing"].to_numpy()[numbers * 4]
    holes[hole] = [f"RC{k:03d}" for k in numbers]
    holes[begin] = 10 * (np.arange(N) % 4)
    holes[end] = holes[begin] + 10
    holes.to_csv(tmp_path / "assays.csv", index=False)

    found, notes = proposed(tmp_path)
    assert any("interval of a drill hole" in note and "samples.intervals" in note for note in notes)
    with pytest.raises(InputError, match=rf"interval of a drill hole, from '{begin}' to '{end}'"):
        survey_of(found, tmp_path)
    found["samples"]["intervals"] = "composite"
    survey = survey_of(found, tmp_path)
    assert len(survey.samples) == N // 4
    copper = holes["Cu_ppm"].to_numpy().reshape(-1, 4)
    np.testing.assert_allclose(survey.values[:, survey.symbols.index("Cu")], copper.mean(axis=1))
    assert not survey.findings.of("duplicate-places")
    assert not survey.findings.of("precision")
    found["samples"] |= {"intervals": "keep", "duplicates": "keep"}
    assert len(survey_of(found, tmp_path).samples) == N


def test_a_hole_does_not_change_with_the_values_of_another(tmp_path):
    hole = {"hole": [*"aabbcc"], "from": [0, 10] * 3, "to": [10, 20] * 3}
    path = tmp_path / "holes.csv"
    pd.DataFrame(hole).to_csv(path, index=False)
    at = places(np.repeat([[0.0, 0], [5, 5], [9, 9]], 2, axis=0))
    zeros = np.array([[False], [True], [False], [False], [True], [True]])

    def composited(lowest):  # zeros have the lowest value of the survey
        values = np.array([[10.0], [lowest], [lowest], [3.0], [lowest], [lowest]])
        return composite(read_table(path), values, zeros, zeros, at, Findings())

    (means, censored, only_zeros), (other, _, _) = composited(1.0), composited(0.1)
    assert means[0, 0] == other[0, 0] == (10 + 0.65 * 10) / 2
    assert censored.ravel().tolist() == only_zeros.ravel().tolist() == [False, False, True]


MIXED = [
    ("SampleType", ["SOIL"], ["STD", "BLK", "DUP"]),
    ("Type", ["Original"], ["Standard", "Blank", "Field duplicate"]),
    ("QC", ["ORIG"], ["OREAS 45d", "CRM", "Check"]),
    ("tipo", ["muestra"], ["blanco", "duplicado"]),
    ("medium", ["soil"], ["rock", "stream sediment"]),
    ("Matrix", ["Till"], ["Rock", "BLANK"]),
]


@pytest.mark.parametrize(("column", "kept", "others"), MIXED)
def test_quality_control_and_other_media_are_left_out_and_said(column, kept, others, tmp_path):
    mixed = table()
    kinds = np.array([kept[0]] * N, dtype=object)
    for k, other in enumerate(others):
        kinds[k :: 3 * len(others)] = other
    mixed[column] = kinds
    mixed.to_csv(tmp_path / "samples.csv", index=False)

    found, notes = proposed(tmp_path)
    assert found["samples"]["where"] == {column: kept}
    assert any(f"of column {column}, only {kept[0]}" in note for note in notes)
    survey = survey_of(found, tmp_path)
    assert len(survey.samples) == (kinds == kept[0]).sum()
    assert not survey.findings.of("mixed-rows")

    del found["samples"]["where"]
    (warned,) = survey_of(found, tmp_path).findings.of("mixed-rows")
    assert f'samples.where = {{{column} = ["{kept[0]}"]}}' in warned.remedy
    assert set(warned.data["others"]) == set(others)


def test_media_without_a_majority_are_all_used_and_left_to_a_person(tmp_path):
    mixed = table()
    mixed["medium"] = np.resize(["soil", "soil", "rock", "rock", "till"], N)
    mixed.to_csv(tmp_path / "samples.csv", index=False)
    found, notes = proposed(tmp_path)
    assert "where" not in found["samples"]
    (note,) = [n for n in notes if "has several media" in n]
    assert note.startswith("To decide: samples.csv, in [samples]: ")
    line = note.split("set where = ")[1]
    found["samples"]["where"] = tomllib.loads(f"where = {line}")["where"]
    assert len(survey_of(found, tmp_path).samples) == (mixed["medium"] == "soil").sum()


def test_quality_control_and_media_are_told_apart_by_two_columns(tmp_path):
    mixed = table()
    mixed["QC"] = np.where(np.arange(N) % 10 == 0, "STD", "ORIG")
    mixed["Matrix"] = np.where(np.arange(N) % 7 == 0, "rock", "soil")
    mixed.to_csv(tmp_path / "samples.csv", index=False)
    found, _ = proposed(tmp_path)
    assert found["samples"]["where"] == {"QC": ["ORIG"], "Matrix": ["soil"]}


def test_a_column_of_places_mixes_nothing(tmp_path):
    plain = table()
    plain["Sheet"] = ["north", "south"] * (N // 2)
    plain.to_csv(tmp_path / "samples.csv", index=False)
    found, _ = proposed(tmp_path)
    assert "where" not in found["samples"]


@pytest.mark.parametrize("names", [("a.csv", "b.csv"), ("samples.csv", "deposits.csv")])
@pytest.mark.parametrize("extra", ["Commodity", "Tonnage_Mt", "dev_stat", "Deposit_name"])
def test_deposits_with_grades_are_deposits_whatever_the_order(names, extra, tmp_path):
    table().to_csv(tmp_path / names[0], index=False)
    mines = table(6, seed=1).drop(columns="SampleID")
    mines["Name"], mines[extra] = [f"Mine {k}" for k in range(6)], "Au"
    mines.to_csv(tmp_path / names[1], index=False)

    found, _ = proposed(tmp_path)
    assert found["samples"]["path"] == names[0]
    assert found["deposits"]["path"] == names[1]
    assert len(survey_of(found, tmp_path).deposits) == 6


def test_a_zero_in_a_hole_does_not_depend_on_other_holes(tmp_path):
    """Hole a has 10 and a zero; what the other hole holds changes nothing of it."""
    found = []
    for other in (1.0, 0.1):
        rows = pd.DataFrame(
            {
                "HOLE_ID": np.repeat(["a", "b", "c", "d"], 2),
                "Easting": np.repeat([400_000.0, 400_500, 401_000, 400_700], 2),
                "Northing": np.repeat([7_000_000.0, 7_000_500, 7_000_100, 7_000_900], 2),
                "From": [0, 10] * 4,
                "To": [10, 20] * 4,
            }
        )
        rows["Au_ppb"] = [10.0, 0.0, other, 2.0, 5.0, 6.0, 7.0, 3.0]
        rows["Cu_ppm"] = rows["Zn_ppm"] = np.arange(8) + 1.0
        rows.to_csv(tmp_path / "assays.csv", index=False)
        samples = {"path": "assays.csv", "crs": CRS, "intervals": "composite"}
        survey = survey_of({"samples": samples}, tmp_path)
        found.append(survey.values[0, survey.symbols.index("Au")])
    assert found[0] == found[1] == pytest.approx((10 + 0.65 * 10) / 2)
