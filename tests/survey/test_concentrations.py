from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orecast.config import Samples, parse
from orecast.errors import InputError
from orecast.survey import Element, Findings, read_survey
from orecast.survey.analytes import limits_by_symbol
from orecast.survey.concentrations import (
    decisions,
    read_concentrations,
)
from orecast.survey.elements import TO_PPM, parse_header
from orecast.survey.tables import InputTable


def read(cells, **options):
    values, below, _, findings = read_all(cells, **options)
    return values, below, findings


def read_all(cells, *, limit=None, decimal=".", **reading):
    if limit is not None:
        reading["detection_limits"] = {"Au": limit}
    found, findings = read_columns({"Au_ppb": cells}, decimal=decimal, **reading)
    return (*(part[:, 0].tolist() for part in found), findings)


def read_columns(columns, *, decimal=".", qualifiers=(), **reading):
    """Values, censored and zeros of columns by their headers, and the findings."""
    n = len(next(iter(columns.values())))
    frame = pd.DataFrame(columns, index=range(2, n + 2))
    samples = Samples(path="a.csv", **reading)
    elements = []
    for column in columns:
        header = parse_header(column)
        if header is not None:
            unit = header.unit or "ppm"
            qualifier = dict(qualifiers).get(column)
            elements.append(Element(header.symbol, column, unit, TO_PPM[unit], qualifier))
    limits = limits_by_symbol(samples.detection_limits, [e.symbol for e in elements])
    table, findings = InputTable(Path("a.csv"), frame, decimal), Findings()
    found = read_concentrations(elements, table, samples, limits, findings)
    return (found.values, found.censored, found.zeros), findings


def test_marked_values_are_censored_at_their_limit():
    values, below, _ = read(["<0.5", " < 2 ", "3", "＜0.1", "≤1"])

    assert values == [0.5, 2, 3, 0.1, 1]
    assert below == [True, True, False, True, True]


def test_decimal_commas_are_read_behind_the_mark_too():
    values, below, _ = read(["<0,5", "1,25"], decimal=",")

    assert values == [0.5, 1.25]
    assert below == [True, False]


@pytest.mark.parametrize("code", [-9999, "-9999", "-9999.0", "", " ", "NA", "n/a", "*", "-", None])
def test_codes_of_missing_values(code):
    values, below, _ = read(["1", code, "2"])

    assert np.isnan(values[1])
    assert (values[0], values[2]) == (1, 2)
    assert below == [False] * 3


def test_a_code_in_a_column_of_numbers():
    values, _, _ = read([1.0, -9999.0, 2.0])

    assert np.isnan(values[1])


def test_an_own_code_is_added_to_the_usual_ones():
    values, _, _ = read(["1", "nd", "2", "NA", "LNR"], missing=("nd",))

    assert np.isnan(values).tolist() == [False, True, False, True, True]


def test_negatives_mean_below_and_are_reported():
    values, below, findings = read([-0.5, 3.0, 4.0])

    assert values == [0.5, 3, 4]
    assert below == [True, False, False]
    assert findings.of("negatives-below")[0].data["n"] == 1


def test_zeros_mean_below_the_lowest_value_seen():
    values, below, findings = read([0.0, 3.0, 4.0])

    assert values == [3, 3, 4]
    assert below == [True, False, False]
    assert findings.of("zeros")[0].data["elements"]["Au"]["limit"] == 3.0


def test_zeros_mean_below_the_limit_where_it_is_known():
    values, below, _ = read([0.0, 3.0, 4.0], limit=2.0)

    assert values == [2, 3, 4]
    assert below == [True, False, False]


def test_only_zeros_without_a_known_limit_are_marked():
    assert read_all(["0", "<2", "-3", "", "4"])[2] == [True, False, False, False, False]
    assert read_all([0.0, 3.0, 4.0], limit=2.0)[2] == [False] * 3


def test_values_at_or_below_a_configured_limit_are_censored_at_it():
    values, below, _ = read([0.5, 1.0, 1.5, np.nan], limit=1.0)

    assert values[:3] == [1, 1, 1.5]
    assert np.isnan(values[3])
    assert below == [True, True, False, False]


def test_a_higher_marked_limit_stands_against_a_lower_configured_one():
    values, below, _ = read(["<5", "0.5", "9"], limit=1.0)

    assert values == [5, 1, 9]
    assert below == [True, True, False]


def test_above_the_upper_limit_is_taken_at_it_and_reported():
    values, below, findings = read([">10000", "3", "4"])

    assert values == [10000, 3, 4]
    assert not any(below)
    assert findings.of("above-limit")[0].data["n"] == 1


def test_every_text_is_shown_with_its_first_row():
    with pytest.raises(InputError, match=r"a\.csv, row 3, column 'Au_ppb'.*'tr'.*'gone'.*row 5"):
        read(["1", "tr", "2", "gone"])


@pytest.mark.parametrize("word", ["gone", "granite", "1..2", "3-5", "2 cats", "nd", "n.d.", "N/D"])
def test_other_words_are_refused_with_the_lines_to_paste(word):
    with pytest.raises(InputError) as caught:
        read(["1", word, "2"])

    assert f'samples.missing = [-9999, -999, "{word}"]' in caught.value.remedy
    assert f'samples.not_detected = ["{word}"]' in caught.value.remedy
    for setting in ("missing", "not_detected"):
        _, below, _ = read(["1", word, "2"], **{setting: [word]})
        assert below[1] == (setting == "not_detected")


def test_booleans_are_no_concentrations():
    with pytest.raises(InputError, match=r"row 2.*True"):
        read([True, False, True])


@given(
    st.lists(
        st.tuples(st.sampled_from(["", "<", ">"]), st.floats(1e-6, 1e6)), min_size=2, max_size=30
    )
)
def test_what_is_written_is_read(marked):
    cells = [f"{mark}{value!r}" for mark, value in marked]
    below = [mark == "<" for mark, _ in marked]
    exact = [value for _, value in marked]
    if all(below) or len(set(exact)) == 1:
        with pytest.raises(InputError):
            read(cells)
        return

    values, censored, _ = read(cells)

    assert values == exact
    assert censored == below


ELEMENTS = ("Au_ppb", "Cu_ppm", "Zn_ppm", "Fe_pct")


def survey(n=60, columns=ELEMENTS, seed=0):
    """Columns of measured values, as lists that a test can change."""
    rng = np.random.default_rng(seed)
    return {c: np.round(rng.lognormal(k, 0.7, n), 3).tolist() for k, c in enumerate(columns)}


def changed(columns, **cells):
    """Columns with other values in the first rows: ``Au_ppb=[-1, "x"]``."""
    for column, values in cells.items():
        columns[column] = [*values, *columns[column][len(values) :]]
    return columns


# Several limits, as negatives or marked


@pytest.mark.parametrize(
    "limits", [(-10, -0.5), (-5, -1, -0.1), (-0.25, -2.5), (-100, -20, -4), (-1000, -0.01), (-99,)]
)
def test_negatives_are_limits_however_deep(limits):
    (values, censored, zeros), findings = read_columns(changed(survey(), Au_ppb=limits))

    assert values[: len(limits), 0].tolist() == [-limit for limit in limits]
    assert censored[:, 0].sum() == len(limits)
    assert not zeros.any()
    (found,) = findings.of("negatives-below")
    assert found.data["n"] == len(limits)
    assert found.data["elements"]["Au"]["limits"] == sorted(-limit for limit in limits)


def test_one_finding_names_all_columns_with_negatives_and_the_uninformative_limits():
    columns = changed(survey(), Au_ppb=[-50] * 9, Cu_ppm=[-0.1] * 3, Zn_ppm=[-2000] * 4 + [-1])
    _, findings = read_columns(columns)

    (found,) = findings.of("negatives-below")
    assert {s: d["uninformative"] for s, d in found.data["elements"].items()} == {
        "Au": 9,
        "Cu": 0,
        "Zn": 4,
    }
    assert "uninformative" in found.what
    assert "log-ratio-em" in found.remedy
    assert found.level == "warning"


def test_marked_limits_above_what_was_detected_are_uninformative_too():
    columns = changed(survey(), Au_ppb=["<50"] * 9, Cu_ppm=["<0.1", "<90"])
    _, findings = read_columns(columns)

    (found,) = findings.of("uninformative-limits")
    assert {s: d["uninformative"] for s, d in found.data["elements"].items()} == {"Au": 9, "Cu": 1}


@pytest.mark.parametrize(
    "limits", [[0.5, 2.5], [0.25, 1.25], [1 / 3, 5 / 3], [0.05, 0.5, 5], [10, 0.1]]
)
def test_of_several_limits_the_values_that_equal_one_are_censored(limits):
    columns = changed(survey(), Au_ppb=[*limits, min(limits) * 0.9, max(limits) * 1.1, 0])

    (values, censored, zeros), _ = read_columns(columns, detection_limits={"Au": limits})

    n = len(limits)
    assert censored[: n + 3, 0].tolist() == [True] * n + [False, False, True]
    assert values[:n, 0].tolist() == limits
    assert values[n + 2, 0] == max(limits)  # a zero is below the highest limit for certain
    assert not zeros.any()


def test_limits_are_matched_with_the_precision_of_32_bits():
    columns = changed(survey(), Au_ppb=[float(np.float32(0.1))])
    (_, censored, _), _ = read_columns(columns, detection_limits={"Au": [0.1, 7.7]})

    assert censored[0, 0]


# Missing codes


@pytest.mark.parametrize("code", [-99999, -32768, 1e30, -999.25, -1.5e38, 999999, "-99999.0"])
def test_a_code_in_several_columns_is_missing_without_being_declared(code):
    columns = changed(survey(), Au_ppb=[code, 1.5, code], Cu_ppm=[2.5, code, code])

    (values, censored, _), findings = read_columns(columns)

    assert np.isnan(values[:3, :2]).tolist() == [[True, False], [False, True], [True, True]]
    assert not censored.any()
    (found,) = findings.of("missing-codes")
    assert list(found.data["codes"].values()) == [{"Au": 2, "Cu": 2}]


@pytest.mark.parametrize("code", [-99999, -32768, -9999999])
def test_a_code_of_more_than_100_percent_is_missing_in_one_column(code):
    (values, _, _), findings = read_columns(changed(survey(), Fe_pct=[code]))

    assert np.isnan(values[0, 3])
    assert findings.of("missing-codes")


@pytest.mark.parametrize("limit", [-99, -200, -9.99, -5000, -1])
def test_other_negatives_are_no_codes_even_in_several_columns(limit):
    columns = changed(survey(), Au_ppb=[limit] * 5, Cu_ppm=[limit] * 5)
    (values, censored, _), findings = read_columns(columns)

    assert censored[:5, :2].all()
    assert (values[:5, :2] == -limit).all()
    assert not findings.of("missing-codes")


@pytest.mark.parametrize("cap", [9999, 10000, 999, 32767])
def test_upper_limits_are_no_codes(cap):
    (values, _, _), _ = read_columns(changed(survey(), Cu_ppm=[cap] * 3, Zn_ppm=[cap]))

    assert (values[:3, 1] == cap).all()


@pytest.mark.parametrize(
    ("key", "codes", "cells"),
    [
        ("Au_ppb", [-1], [-1, -1.0]),
        ("Au", [-1, "tr"], ["-1", "tr"]),
        ("Au_ppb", [99], [99, 99]),
        ("Au_ppb", ["below"], ["below", "Below"]),
        ("Au_ppb", [0], [0, "0"]),
    ],
)
def test_codes_of_one_column(key, codes, cells):
    columns = changed(survey(), Au_ppb=cells, Cu_ppm=[-1, 99])
    (values, _, _), _ = read_columns(columns, missing_in={key: codes})

    assert np.isnan(values[:2, 0]).all()
    assert values[:2, 1].tolist() == [1, 99]


def test_codes_and_words_for_no_result_are_counted_in_one_finding():
    columns = changed(survey(), Au_ppb=["LNR", "IS", -9999], Cu_ppm=["LNR", "--"])
    _, findings = read_columns(columns)

    (found,) = findings.of("no-result")
    assert found.data["words"] == {"LNR": 2, "IS": 1, "-9999": 1, "--": 1}


# Text of an unknown meaning


@pytest.mark.parametrize(
    "words",
    [("nd", "tr"), ("n.d.", "gone"), ("N/D", "?x"), ("assay lost", "nd"), ("sn", "к/п", "样")],
)
def test_all_texts_of_all_columns_are_in_one_message(words):
    columns = changed(survey(), Au_ppb=words, Cu_ppm=[1, words[0]], Zn_ppm=words[-1:])

    with pytest.raises(InputError) as caught:
        read_columns(columns)

    message = str(caught.value)
    assert all(repr(word) in message for word in words)
    assert "3 column(s)" in message
    assert "samples.missing = [-9999, -999, " in message
    given = [word for word in words if message.count(f'"{word}"') == 2]  # in both lines
    assert given == list(words)
    read_columns(columns, missing=[-9999, -999, *words])
    read_columns(columns, not_detected=list(words))


# Words for below detection, and zeros


@pytest.mark.parametrize("word", ["BDL", "<LOD", "not detected", "trace", "未检出"])
def test_words_for_below_are_at_the_limit_or_like_zeros(word):
    columns = changed(survey(), Au_ppb=[word] * 3, Cu_ppm=[0.0, 0.0])

    (values, censored, zeros), findings = read_columns(columns)
    assert censored[:3, 0].all()
    assert zeros[:3, 0].all()
    assert (values[:3, 0] == values[3:, 0].min()).all()
    (found,) = findings.of("zeros")
    assert {s: d["n"] for s, d in found.data["elements"].items()} == {"Au": 3, "Cu": 2}
    assert repr(word) in found.what

    (values, censored, zeros), _ = read_columns(columns, detection_limits={"Au": 0.01})
    assert values[:3, 0].tolist() == [0.01] * 3
    assert censored[:3, 0].all()
    assert not zeros[:, 0].any()

    with pytest.raises(InputError, match=r"zeros = .below.*detection_limits"):
        read_columns(columns, zeros="refuse")


@pytest.mark.parametrize("gap", [0, np.nan, "", -9999, "LNR"])
def test_rows_in_which_every_element_is_zero_or_missing_are_not_analysed(gap):
    rows = [3, 17, 18]
    columns = survey()
    for k, column in enumerate(columns.values()):
        for row in rows:
            column[row] = gap if k == 1 else 0
    columns["Zn_ppm"][5] = 0

    (values, censored, _), findings = read_columns(columns)

    assert np.isnan(values[rows]).all()
    assert censored.sum() == 1
    (found,) = findings.of("unanalysed-rows")
    assert found.data["rows"] == [5, 19, 20]  # of the file


def test_rows_of_zeros_that_chance_makes_are_below_all_limits():
    rng = np.random.default_rng(4)
    columns = survey(200, ELEMENTS[:3])
    columns = {c: np.where(rng.random(200) < 0.7, 0, v).tolist() for c, v in columns.items()}

    (values, _, _), findings = read_columns(columns)

    assert not np.isnan(values).any()
    assert not findings.of("unanalysed-rows")


# Columns without information


@pytest.mark.parametrize(
    ("cells", "word"),
    [
        (["", "NA", "-9999"], "no value"),
        (["LNR", "--", ""], "no value"),
        ([0.0025] * 3, "the same"),
        (["<5", "<5", "<1"], "below detection"),
        ([0, -2, "BDL"], "below detection"),
        ([-1, -1, -1], "below detection"),
    ],
)
def test_all_columns_without_information_are_in_one_message(cells, word):
    columns = survey() | dict.fromkeys(("Pt_ppb", "Ir_ppb"), cells * 20)

    with pytest.raises(InputError) as caught:
        read_columns(columns, ignore=["ID"])

    assert word in caught.value.what
    assert "Pt" in caught.value.what
    assert "Ir" in caught.value.what
    assert 'samples.ignore = ["ID", "Pt_ppb", "Ir_ppb"]' in caught.value.remedy


def test_columns_without_information_of_all_sorts_are_in_one_message():
    columns = survey() | {"Pt_ppb": [""] * 60, "Ir_ppb": [1.0] * 60, "Re_ppb": ["<1"] * 60}

    with pytest.raises(InputError) as caught:
        read_columns(columns)

    assert "Pt: no value" in caught.value.what
    assert "all values of Ir are the same (1)" in caught.value.what
    assert "Re 60 of 60" in caught.value.what
    assert '["Pt_ppb", "Ir_ppb", "Re_ppb"]' in caught.value.remedy


@pytest.mark.parametrize(
    ("setting", "cells", "match"),
    [
        ({"negatives": "refuse"}, [-1, 2], "3 negative concentration.*Au 1, Cu 1, Zn 1"),
        ({"zeros": "refuse"}, [0, 2], "3 concentration.*zero.*Au 1, Cu 1, Zn 1"),
        ({}, ["inf", "2"], "3 infinite value.*Au 1, Cu 1, Zn 1"),
        ({}, ["<0", "2"], "not a detection limit.*Au 1, Cu 1, Zn 1"),
        ({}, ["<-1", "2"], "not a detection limit.*Au 1, Cu 1, Zn 1"),
    ],
)
def test_refused_cells_of_all_columns_are_in_one_message(setting, cells, match):
    columns = changed(survey(), Au_ppb=cells, Cu_ppm=cells, Zn_ppm=cells)

    with pytest.raises(InputError, match=match):
        read_columns(columns, **setting)


def test_values_above_the_upper_limit_are_one_finding():
    _, findings = read_columns(changed(survey(), Au_ppb=[">100"], Cu_ppm=[">1%", "10000>"]))

    (found,) = findings.of("above-limit")
    assert {s: (d["n"], d["limit"]) for s, d in found.data["elements"].items()} == {
        "Au": (1, 100),
        "Cu": (2, 10_000),
    }


def test_cells_with_units_and_remarks_are_one_finding():
    _, findings = read_columns(changed(survey(), Au_ppb=["0.5 ppm"], Cu_ppm=["12.3*", "3 J"]))

    (found,) = findings.of("cells-with-remarks")
    assert found.data["n"] == 3
    assert found.data["examples"] == {
        "Au": {"0.5 ppm": 500.0},
        "Cu": {"12.3*": 12.3, "3 J": 3.0},
    }


@pytest.mark.parametrize(
    ("cells", "says"),
    [
        ({"Au_ppb": ["LNR"]}, "LNR (1)"),
        ({"Au_ppb": [-5.0]}, "-5 as <5"),
        ({"Au_ppb": ["12*"]}, "'12*' as 12 ppb"),
        ({"Au_ppb": [-99999] * 2, "Cu_ppm": [-99999]}, "-99999 (3 cells"),
        ({"Au_ppb": ["BDL"]}, "'BDL'"),
        ({"Au_ppb": [-99] * 9}, "set missing_in = {Au_ppb = [-99]}"),
        ({"Cu_ppm": [9999] * 9}, "Cu_ppm 9999 9 times"),
        ({"Au_ppb": ["mystery"]}, "; if there is no result, set samples.missing = [-9999, "),
    ],
)
def test_init_says_what_reading_decides(cells, says):
    columns = changed(survey(), **cells)
    frame = pd.DataFrame(columns)
    elements = [
        Element(h.symbol, c, h.unit, TO_PPM[h.unit]) for c in columns if (h := parse_header(c))
    ]
    decided, to_decide = decisions(
        elements, InputTable(Path("a.csv"), frame), Samples(path="a.csv")
    )
    notes = [*decided, *to_decide]

    assert any(says in note for note in notes), notes


@pytest.mark.parametrize(
    ("cells", "decimal", "asked", "first"),
    [
        (["10,300", "9,400", "4,000", "7,500", "3,400", "2,300"], None, True, 10300),
        (["10,300", "9,400", "4,000", "7,500", "3,400", "2,300"], ",", False, 10.3),
        (["10,300", "9,400", "4,000", "7,500", "3,400", "230"], None, False, 10300),
        (["10,300", "9,4", "4,000", "7,500", "3,400", "2,300"], None, False, 10.3),
        (["1,010,300", "9,400", "4,000", "7,500", "3,400", "2,300.5"], None, False, 1010300),
    ],
)
def test_a_mark_that_may_separate_thousands_or_decimals_is_asked_for(
    tmp_path, cells, decimal, asked, first
):
    n = len(cells)
    frame = pd.DataFrame({"X": 5e5 + np.arange(n) * 100, "Y": 45e5 + np.arange(n) ** 2})
    frame["As_ppm"], frame["Cu_ppm"], frame["Zn_ppm"] = cells, np.arange(n) + 1.5, np.arange(n) + 2
    frame.to_csv(tmp_path / "a.csv", index=False, sep=";")
    samples = {"path": "a.csv", "crs": "EPSG:32645"} | ({"decimal": decimal} if decimal else {})

    survey = read_survey(parse({"samples": samples}, where="run.toml", folder=tmp_path))

    assert len(survey.findings.of("possible-decimals")) == asked
    assert survey.values[0, survey.symbols.index("As")] == first
