"""Marks in a column beside the values, as agencies publish them."""

import numpy as np
import pandas as pd
import pytest

from orecast.config import parse
from orecast.survey import propose

N = 40


def table_with(column, marks, values=None, *, value_column="As_ppm", before=False):
    rng = np.random.default_rng(3)
    n = len(marks)
    values = np.round(rng.lognormal(2, 0.6, n), 2) if values is None else values
    frame = pd.DataFrame(
        {
            "X": 500_000 + 100.0 * rng.permutation(n),
            "Y": 4_500_000 + 100.0 * rng.permutation(n),
            "Cu_ppm": np.round(rng.lognormal(3, 0.5, n), 2),
            "Zn_ppm": np.round(rng.lognormal(4, 0.5, n), 2),
            value_column: values,
        }
    )
    at = frame.columns.get_loc(value_column) + (not before)
    frame.insert(at, column, marks)
    return frame


def read(district, frame, **samples):
    district.samples = frame
    district.table.pop("deposits", None)
    district.table["samples"] |= samples
    return district.read()


def arsenic(survey):
    k = survey.symbols.index("As")
    return survey.values[:, k], survey.censored[:, k]


MARKS = ["", "<", "", "<", "", "", "", ""] * (N // 8)


@pytest.mark.parametrize(
    "column",
    [
        "As_ppm_Q",
        "As_qual",
        "As_Flag",
        "As qualifier",
        "As_sign",
        "L_As",
        "As_T",
        "AsQ",
        "Q_As",
        "As (remark)",
        "As_cens",
        "As_ppmQ",
        "As_Vorzeichen",
        "as_rem",
        "As_511P_T",
    ],
)
def test_a_column_of_marks_is_found_by_its_name_and_its_cells(district, column):
    survey = read(district, table_with(column, MARKS))

    values, censored = arsenic(survey)
    assert censored.tolist() == [mark == "<" for mark in MARKS]
    assert values.tolist() == district.samples["As_ppm"].tolist()
    (found,) = survey.findings.of("qualifiers")
    assert found.data["columns"][column] == {
        "column": "As_ppm",
        "below": N // 4,
        "above": 0,
        "no_result": 0,
        "estimated": 0,
    }
    ignored = survey.findings.of("unrecognised-columns")
    assert not any(column in f.data["columns"] for f in ignored)
    assert not survey.findings.of("column-of-words")


@pytest.mark.parametrize("mark", ["<", "L", "N", "U", "ND", "LT", "bdl", "≤", "less than", "<DL"])
def test_marks_for_below(district, mark):
    _, censored = arsenic(read(district, table_with("As_Q", [mark, "", "", ""] * 10)))

    assert censored.tolist() == [True, False, False, False] * 10


@pytest.mark.parametrize("mark", [">", "G", "GT", "greater than", "＞"])
def test_marks_for_above(district, mark):
    survey = read(district, table_with("As_Q", [mark, "", "", ""] * 10))

    assert not arsenic(survey)[1].any()
    assert survey.findings.of("above-limit")[0].data["elements"]["As"]["n"] == 10


@pytest.mark.parametrize("mark", ["H", "B", "I", "IS", "not analysed"])
def test_marks_for_no_result(district, mark):
    values, _ = arsenic(read(district, table_with("As_Q", [mark, "<", "", ""] * 10)))

    assert np.isnan(values).tolist() == [True, False, False, False] * 10


@pytest.mark.parametrize("mark", ["E", "J", "est", "~", "?"])
def test_marks_for_estimated_leave_the_value(district, mark):
    survey = read(district, table_with("As_Q", [mark, "<", "", ""] * 10))

    assert arsenic(survey)[1].tolist() == [False, True, False, False] * 10
    assert survey.findings.of("qualifiers")[0].data["columns"]["As_Q"]["estimated"] == 10


@pytest.mark.parametrize("empty", [0.0, np.nan, "", "NA", "nd"])
def test_a_mark_without_a_limit_is_below_the_lowest_value(district, empty):
    frame = table_with("As_Q", ["N", "", "", ""] * 10).astype({"As_ppm": object})
    frame.loc[::4, "As_ppm"] = empty

    survey = read(district, frame)

    values, censored = arsenic(survey)
    k = survey.symbols.index("As")
    assert censored.tolist() == survey.zeros[:, k].tolist() == [True, False, False, False] * 10
    assert (values[::4] == values[~censored].min()).all()


def test_unknown_marks_are_listed_and_can_be_given_a_meaning(district):
    frame = table_with("As_T", ["!", "<", "", ""] * 10)

    survey = read(district, frame)
    assert survey.findings.of("unknown-qualifiers")[0].data["columns"] == {"As_T": {"!": 10}}
    assert not arsenic(survey)[1][::4].any()

    survey = read(district, frame, not_detected=["!"])
    assert not survey.findings.of("unknown-qualifiers")
    assert arsenic(survey)[1][::4].all()


def test_a_column_named_by_the_configuration_is_used(district):
    frame = table_with("laboratory says", MARKS)

    assert not arsenic(read(district, frame))[1].any()
    for key in ("As_ppm", "As"):
        survey = read(district, frame, qualifiers={key: "laboratory says"})
        assert arsenic(survey)[1].sum() == N // 4


def test_an_ignored_column_is_not_used(district):
    assert not arsenic(read(district, table_with("As_Q", MARKS), ignore=["As_Q"]))[1].any()


@pytest.mark.parametrize("values", [["a lake", "a river"], [1, 2], [0.5, 0.7], ["K1", "K2"]])
def test_a_column_without_marks_is_not_used(district, values):
    survey = read(district, table_with("As_note", values * 20))

    assert not survey.findings.of("qualifiers")


@pytest.mark.parametrize("before", [True, False])
def test_columns_named_by_their_place(district, before):
    frame = table_with("Q", MARKS, before=before)
    if before:  # the first such column stands before all values
        frame.insert(2, "Q (2)", [">"] + [""] * (N - 1))

    survey = read(district, frame)

    assert arsenic(survey)[1].sum() == N // 4


@pytest.mark.parametrize("values", [(1, 0), (True, False), ("yes", "no"), ("Y", "N")])
def test_a_column_that_says_whether_a_value_is_censored(district, values):
    marks = [values[0], values[1], values[1], values[1]] * 10

    assert arsenic(read(district, table_with("As_censored", marks)))[1].sum() == 10
    if values != ("Y", "N"):  # elsewhere, N means "not detected"
        assert not arsenic(read(district, table_with("As_code", marks)))[1].any()


def test_init_says_which_columns_hold_marks(district):
    district.samples = table_with("As_qual", MARKS)
    district.write()

    table, notes = propose([district.folder / "samples.csv"], district.folder)

    assert any("As_qual for As_ppm (10 below)" in note for note in notes)
    assert not any("not elements" in note and "As_qual" in note for note in notes)
    parse(table | {"crs": "EPSG:32645"}, where="run.toml", folder=district.folder)
