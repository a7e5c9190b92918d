from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orecast.config import Samples
from orecast.errors import InputError
from orecast.survey import Element, Findings
from orecast.survey.concentrations import concentrations, holds_no_number, numbers
from orecast.survey.tables import InputTable

DEFAULT = (-9999, -999, "", "NA", "N/A", "NaN", "nan", "null", "*", "-")


def read(cells, **options):
    values, below, _, findings = read_all(cells, **options)
    return values, below, findings


def read_all(cells, *, limit=None, decimal=".", **reading):
    frame = pd.DataFrame({"Au_ppb": cells}, index=range(2, len(cells) + 2))
    findings = Findings()
    values, below, zeros = concentrations(
        frame["Au_ppb"],
        Element("Au", "Au_ppb", "ppb", 1e-3),
        InputTable(Path("a.csv"), frame, decimal),
        Samples(path="a.csv", **reading),
        limit,
        findings,
    )
    return values.tolist(), below.tolist(), zeros.tolist(), findings


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


def test_an_own_code_replaces_the_usual_ones():
    values, _, _ = read(["1", "nd", "2"], missing=("nd",))

    assert np.isnan(values[1])
    with pytest.raises(InputError, match=r"row 3.*'NA'"):
        read(["1", "NA", "2"], missing=("nd",))


def test_negatives_mean_below_and_are_reported():
    values, below, findings = read([-0.5, 3.0, 4.0])

    assert values == [0.5, 3, 4]
    assert below == [True, False, False]
    assert findings.of("negatives-below")[0].data["n"] == 1


def test_zeros_mean_below_the_lowest_value_seen():
    values, below, findings = read([0.0, 3.0, 4.0])

    assert values == [3, 3, 4]
    assert below == [True, False, False]
    assert findings.of("zeros")[0].data == {"n": 1, "limit": 3.0}


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


def test_the_first_text_is_shown_with_its_row_and_the_number_of_the_rest():
    with pytest.raises(InputError, match=r"a\.csv, row 3, column 'Au_ppb'.*'tr'.*1 further"):
        read(["1", "tr", "2", "lost"])


@pytest.mark.parametrize(
    "word",
    ["bdl", "BDL", "b.d.", "<LOD", "n.d.", "ND", "<MDL", "not detected", "below limit", "＜DL"],
)
def test_words_for_below_the_limit_are_to_be_written_with_their_limit(word):
    with pytest.raises(InputError, match='write "<" and the limit'):
        read(["1", word, "2"])


@pytest.mark.parametrize("word", ["lost", "tungsten", "1..2", "broken"])
def test_other_words_are_to_be_corrected(word):
    with pytest.raises(InputError, match="correct the cell, add the text to `missing`"):
        read(["1", word, "2"])


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


def test_words_are_told_from_numbers():
    frame = pd.DataFrame({"CO": ["BC", "YT", ""], "Ni": ["<1", "", "x"], "V": [1.0, 2, 3]})
    table = InputTable(Path("a.csv"), frame)

    assert holds_no_number(frame["CO"], table, DEFAULT)
    assert not holds_no_number(frame["Ni"], table, DEFAULT)
    assert not holds_no_number(frame["V"], table, DEFAULT)


def test_positions_are_plain_numbers():
    frame = pd.DataFrame({"x": ["1", "<2"]}, index=[2, 3])

    with pytest.raises(InputError, match=r"row 3, column 'x'.*'<2'"):
        numbers(frame["x"], InputTable(Path("a.csv"), frame), DEFAULT)
