"""Positions that are approximate are reported with numbers, and can be left out."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from orecast.config import parse
from orecast.errors import InputError
from orecast.survey import propose, read_survey
from orecast.survey.coarse import crowded, isolated, precision_column
from orecast.survey.tables import InputTable

ELEMENTS = ("Au_ppb", "Cu_ppm", "Zn_ppm")


def survey_table(crowds=(60,), seed=0, spread=1.0, **columns):
    """100 places, and crowds of samples on one coordinate each."""
    rng = np.random.default_rng(seed)
    n = 100 + sum(crowds)
    at = np.column_stack([rng.uniform(27, 27.1, n), rng.uniform(65, 65.1, n)]).round(6)
    start = 100
    frame = pd.DataFrame({"lon": at[:, 0], "lat": at[:, 1]})
    for e in ELEMENTS:
        frame[e] = rng.lognormal(2, 1, n)
    for size in crowds:
        rows = slice(start, start + size - 1)
        frame.loc[rows, ["lon", "lat"]] = frame.loc[start, ["lon", "lat"]].to_numpy()
        for e in ELEMENTS:
            frame.loc[rows, e] = 8 * np.exp(spread * (np.log(frame.loc[rows, e]) - 2))
        start += size
    return frame.assign(**columns)


def read(folder, frame, **samples):
    frame.to_csv(folder / "samples.csv", index=False)
    table = {"samples": {"path": "samples.csv", "medium": "soil", **samples}}
    return read_survey(parse(table, where="run.toml", folder=folder))


@pytest.mark.parametrize("crowds", [(60,), (11,), (40, 20, 12), (400,), (15, 5)])
def test_many_samples_on_one_coordinate_are_reported_with_numbers(tmp_path, crowds):
    survey = read(tmp_path, survey_table(crowds))

    [finding] = survey.findings.of("crowded-places")
    many = [size for size in crowds if size > 10]
    assert finding.data["n"] == sum(many)
    assert finding.data["places"] == len(many)
    assert finding.data["largest"] == max(crowds)
    assert finding.data["spread"] == pytest.approx(1, abs=0.35)
    assert "samples.most_per_place = 10" in finding.remedy


@pytest.mark.parametrize(
    ("crowds", "spread"), [((8, 10), 1.0), ((), 1.0), ((60,), 0.05), ((30, 30), 0.01), ((2,), 1)]
)
def test_duplicates_and_standards_are_no_crowds(tmp_path, crowds, spread):
    assert not read(tmp_path, survey_table(crowds, spread=spread)).findings.of("crowded-places")


def test_crowds_are_left_out_where_the_configuration_says_so(tmp_path):
    survey = read(tmp_path, survey_table((60, 12)), most_per_place=10)

    assert len(survey.samples) == 100
    assert survey.rows == 172
    assert survey.findings.of("crowds-left-out")[0].data["n"] == 72
    assert not survey.findings.of("crowded-places")


def test_a_crowd_smaller_than_the_limit_stays(tmp_path):
    survey = read(tmp_path, survey_table((60, 12)), most_per_place=30)

    assert len(survey.samples) == 101
    assert survey.findings.of("crowds-left-out")[0].data["n"] == 60


def test_no_sample_left_is_refused(tmp_path):
    frame = survey_table((60,)).iloc[100:]

    with pytest.raises(InputError, match=r"larger samples\.most_per_place"):
        read(tmp_path, frame, most_per_place=3)


def test_init_says_how_many_rows_share_coordinates(tmp_path):
    survey_table((60,)).to_csv(tmp_path / "samples.csv", index=False)

    _, notes = propose([tmp_path], tmp_path)

    assert any("60 of 160 rows" in note and "most_per_place = 10" in note for note in notes)


@pytest.mark.parametrize(
    ("column", "cells", "coarse"),
    [
        ("coord_prec_est", ["1 second", "7.5 minutes"], 50),
        ("GPS accuracy (m)", [5, 5000], 50),
        ("Accuracy", ["±10 m", "± 2 km"], 50),
        ("loc_precision", ["0.001 degree", "0.1 degrees"], 50),
        ("Precision_km", [0.05, 5.0], 50),
        ("Genauigkeit", ["10", "2000"], 50),
        ("position_uncertainty", ["<50 m", "500 m"], 0),
    ],
)
def test_a_column_of_precision_is_reported(tmp_path, column, cells, coarse):
    survey = read(tmp_path, survey_table((), **{column: np.resize(cells, 100)}))

    found = survey.findings.of("coarse-positions")
    assert [f.data["n"] for f in found] == ([coarse] if coarse else [])
    if found:
        assert "samples.where = {" in found[0].remedy


def test_init_leaves_out_rows_of_coarse_positions(tmp_path):
    survey_table((), coord_prec=np.resize(["1 second", "10 m", "7.5 minutes"], 100)).to_csv(
        tmp_path / "samples.csv", index=False
    )

    table, notes = propose([tmp_path], tmp_path)

    assert table["samples"]["where"] == {"coord_prec": ["1 second", "10 m"]}
    assert any("33 of 100 rows are left out" in n and "7.5 minutes (33)" in n for n in notes)


@pytest.mark.parametrize("cells", [["10 m", "5 km", ""], [*range(40), 3000]])
def test_rows_of_unknown_precision_and_many_precisions_are_left_to_a_person(cells, tmp_path):
    frame = survey_table((), coord_prec=np.resize(np.array(cells, dtype=object), 100))
    frame.to_csv(tmp_path / "samples.csv", index=False)

    table, _ = propose([tmp_path], tmp_path)

    assert "where" not in table["samples"]
    survey = read(tmp_path, frame)
    (found,) = survey.findings.of("coarse-positions")
    assert found.remedy.startswith("remove these rows")


def test_the_remedy_keeps_what_is_chosen_already(tmp_path):
    kinds = np.resize(["soil", "soil", "rock"], 100)
    frame = survey_table((), coord_prec=np.resize(["1 m", "9 km"], 100), Kind=kinds)
    survey = read(tmp_path, frame, where={"Kind": "soil"})

    (found,) = survey.findings.of("coarse-positions")
    assert 'samples.where = {Kind = "soil", coord_prec = ["1 m"]}' in found.remedy


@pytest.mark.parametrize("column", ["Au_precision", "depth", "Specification", "preparation"])
def test_other_columns_are_no_precision(column):
    frame = pd.DataFrame({column: [1.0, 2.0]})

    assert precision_column(InputTable(Path("a.csv"), frame)) is None


def test_crowded():
    xy = np.array([[0.0, 0], [5, 5], [0, 0], [0, 0], [5, 5]])

    assert crowded(xy, 2).tolist() == [True, False, True, True, False]


@pytest.mark.parametrize(
    ("extra", "found"),
    [
        ([[50.0, 900.0]], [400]),
        ([[50.0, 900.0], [50.0, 900.0]], [400, 401]),  # two samples of one place
        ([[900.0, 9.0], [-700.0, 9.0]], [400, 401]),
        ([[50.0, 24.0]], []),  # a little outside
        ([[900.0, y] for y in range(0, 120, 10)], []),  # another block of the survey
    ],
)
def test_isolated_positions_enlarge_the_map(extra, found):
    grid = 3.0 * np.argwhere(np.ones((20, 20)))
    assert isolated(np.vstack([grid, extra])).tolist() == found
