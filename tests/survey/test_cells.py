"""Cells as laboratories write them: marks, units, remarks, and words in place of a value."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orecast.survey.cells import equal_to, read_cells, read_text


def read(*texts, **options):
    return read_cells(pd.Series(texts, dtype=object), **options)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("<0.5", 0.5),
        ("0.5<", 0.5),
        ("< .5", 0.5),
        ("＜0.5", 0.5),
        ("≤0.5", 0.5),
        ("<5E-1", 0.5),
        ("less than 0.5", 0.5),
        ("Below 0.5", 0.5),
        ("LT 0.5", 0.5),
        ("0.5 U", 0.5),
        ("0.5 <DL", 0.5),
        ("ND (0.5)", 0.5),
        ("L0.5", 0.5),
        ("0.5N", 0.5),
        ("menor que 0.5", 0.5),
        ("inferior a 0.5", 0.5),
        ("kleiner als 0.5", 0.5),
        ("moins de 0.5", 0.5),
        ("менее 0.5", 0.5),
        ("小于0.5", 0.5),
    ],
)
def test_below_before_and_behind_the_number(text, value):
    assert (read_text(text).value, read_text(text).mark) == (value, "<")


@pytest.mark.parametrize(
    "text",
    [
        ">10000",
        "10000>",
        "> 10,000",
        "＞10000",
        "greater than 10000",
        "10000G",
        "10000+",
        "mayor que 10000",
        "über 10000",
        "более 10000",
        "大于10000",
        "more than 10 000",
    ],
)
def test_above_before_and_behind_the_number(text):
    assert (read_text(text).value, read_text(text).mark) == (10_000, ">")


@pytest.mark.parametrize(
    ("text", "unit", "value"),
    [
        ("0.5 ppm", "ppm", 0.5),
        ("0.5ppm", "ppb", 500),
        ("1.2 %", "ppm", 12_000),
        ("250 ppb", "ppm", 0.25),
        ("3 g/t", "ppb", 3000),
        ("7 mg/kg *", "ppm", 7),
        ("80 µg/kg est", "ppb", 80),
        ("0,25 wt%", "%", 0.25),
        ("5 mystery", "ppm", None),
    ],
)
def test_a_unit_in_the_cell_is_converted_to_the_columns(text, unit, value):
    found = read_text(text, unit)
    assert found is None if value is None else found.value == pytest.approx(value)
    assert found is None or not found.plain


def test_a_marked_value_with_a_unit_is_below_its_limit():
    found = read_text("<0.5 ppm", "ppb")
    assert (found.value, found.mark) == (500, "<")


@pytest.mark.parametrize(
    "text", ["12.3*", "12.3 J", "12.3?", "12.3 est.", "~12.3", "ca. 12.3", "12.3 (est)", "≈12.3"]
)
def test_a_remark_leaves_the_value(text):
    found = read_text(text)
    assert (found.value, found.mark, found.plain) == (12.3, "", False)


@pytest.mark.parametrize(
    "text", ["3-5", "2 cats", "K0001", "granite 7", "5/6", "1..2", "12.3.4", "3 4", "x", ">", "5 6"]
)
def test_other_text_is_not_a_number(text):
    assert read_text(text) is None


@pytest.mark.parametrize(
    ("text", "decimal", "value"),
    [
        ("1,234.5", ".", 1234.5),
        ("1.234,5", ",", 1234.5),
        ("1.234,5", ".", 1234.5),
        ("1 234.5", ".", 1234.5),
        ("1'234.5", ".", 1234.5),
        ("1\u00a0234,5", ",", 1234.5),
        ("12,345,678", ".", 12_345_678),
        ("12.345.678", ",", 12_345_678),
        ("0,5", ".", 0.5),
        ("<0,05", ".", 0.05),
        ("1,234", ".", 1234),
    ],
)
def test_thousands_and_decimal_marks(text, decimal, value):
    assert read_text(text, decimal=decimal).value == value


def test_one_cell_shows_a_columns_decimal_mark():
    assert read("1,234", "5,1", "0,25").values.tolist() == [1.234, 5.1, 0.25]
    assert read("1,234", "17", "2,500").values.tolist() == [1234, 17, 2500]
    assert read("1.234", "5.1", "2.5", decimal=",").values.tolist() == [1.234, 5.1, 2.5]
    assert read("1.234", "17", "2,5", decimal=",").values.tolist() == [1234, 17, 2.5]


@pytest.mark.parametrize(
    "word",
    [
        "LNR",
        "IS",
        "I.S.",
        "NSS",
        "n.a.",
        "na",
        "N/A",
        "#N/A",
        "--",
        "-",
        "*",
        "NR",
        "none",
        "null",
        "not analysed",
        "Not Analyzed",
        "no sample",
        "Insufficient sample",
        "s/d",
        "sin datos",
        "k.A.",
        "keine Angabe",
        "não analisado",
        "non analysé",
        "нет данных",
        "未测",
        "缺失",
        "…",
        ".",
        "#DIV/0!",
        "#VALUE!",
        "listed not received",
        "not determined",
        "pending",
        "",
        " ",
        None,
    ],
)
def test_words_for_no_result_are_missing(word):
    found = read("1", word)
    assert found.absent.tolist() == [False, True]
    assert np.isnan(found.values[1])


@pytest.mark.parametrize(
    "word",
    [
        "BDL",
        "b.d.l.",
        "<LOD",
        "<DL",
        "< MDL",
        "not detected",
        "Non-detect",
        "below detection",
        "Below Detection Limit",
        "trace",
        "trazas",
        "no detectado",
        "nicht nachgewiesen",
        "n.n.",
        "不",
        "未检出",
        "не обнаружено",
        "＜DL",
        "<",
    ],
)
def test_words_for_below_detection(word):
    found = read("1", word)
    assert found.undetected[1] == (word != "不")
    assert not found.absent[1]


@pytest.mark.parametrize("word", ["nd", "N.D.", "n/d", "tr", "granite", ">LOD", ">DL"])
def test_ambiguous_words_are_not_read(word):
    assert read("1", word).unread.tolist() == [False, True]


def test_own_words_come_first():
    found = read("BDL", "nd", "x", missing=["BDL", "x"], not_detected=["nd"])
    assert found.absent.tolist() == [True, False, True]
    assert found.undetected.tolist() == [False, True, False]


@pytest.mark.parametrize("code", [-9999, -999.25, 1e30, -3.4028234663852886e38, 0.1, -32768])
def test_a_code_written_with_32_bits_is_found(code):
    written = float(np.float32(code))
    assert equal_to(np.array([written, code, code * 1.001]), [code]).tolist() == [True, True, False]
    found = read_cells(pd.Series([1.0, written]), missing=[code])
    assert found.absent.tolist() == [False, True]
    assert sum(found.words.values()) == 1


def test_what_was_decided_is_counted_by_its_text():
    found = read("LNR", "LNR", "--", "3 J", "BDL", "", unit="ppm")
    assert found.words == {"LNR": 2, "--": 1}
    assert found.readings == {"3 J": (3.0, 1)}
    assert found.below_words == {"BDL": 1}


@given(
    value=st.floats(1e-6, 1e9),
    decimal=st.sampled_from([".", ","]),
    form=st.sampled_from(["{}", "<{}", "{}<", "< {}", "{} *", "~{}", "{} ppm", "<{} ppm", "{}U"]),
)
def test_what_is_written_is_read(value, decimal, form):
    number = f"{value:.9f}".rstrip("0").rstrip(".") if value < 1e5 else f"{value:.0f}"
    if decimal == "," and "." in number and len(number.split(".")[1]) == 3:
        number += "0"  # 1,234 is a thousand in a table with points, and 1.234 in one with commas
    found = read_text(form.format(number.replace(".", decimal)), "ppm", decimal)
    assert found.value == float(number)
    assert found.mark == ("<" if "<" in form or "U" in form else "")


@pytest.mark.parametrize(
    ("cells", "decimal", "values"),
    [
        ([1.234, "<0,5", 17], ",", [1.234, 0.5, 17]),
        ([1.234, "<0,5", 0.25], ".", [1.234, 0.5, 0.25]),
        ([2500, "1,5", "<0,5"], ",", [2500, 1.5, 0.5]),
        ([1.234, "LNR", "2,5"], ",", [1.234, np.nan, 2.5]),
        ([1.234, ">10.000", 3], ",", [1.234, 10_000, 3]),
    ],
)
def test_numbers_of_a_sheet_beside_text(cells, decimal, values):
    np.testing.assert_array_equal(read(*cells, decimal=decimal).values, values)
