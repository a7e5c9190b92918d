import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orecast.survey.elements import (
    CRUST,
    ELEMENTS,
    OXIDE_OF,
    OXIDES,
    TO_PPM,
    Header,
    default_unit,
    fitting_unit,
    parse_header,
    unit_in,
    unit_named,
)

_STRANGE = """
PH pH NUMBER ID X LAT LON NO No N I ESKAYSS SAMPLE_ID DATE COMMENT ppm Pb_U_age U_Pb Cu/Zn Cu+Pb
Au_rank Au_flag Cu_ppm_ppb Cu_2 AT ES Rn He H O Cu_oz/t LOI name depth_m Easting elevation Cond. Mag
Pop area ore As-Sb Or
"""


@pytest.mark.parametrize(
    ("header", "symbol", "unit"),
    [
        ("Au_ppb", "Au", "ppb"),
        ("Cu (ppm)", "Cu", "ppm"),
        ("As_ICPMS_mg/kg", "As", "ppm"),
        ("AG", "Ag", None),
        ("Fe2O3 %", "Fe2O3", "%"),
        ("Au-AA23 ppb", "Au", "ppb"),
        ("CU_PPM", "Cu", "ppm"),
        ("Zn [mg/kg]", "Zn", "ppm"),
        ("SiO2", "SiO2", None),
        ("ag_ppm_icp", "Ag", "ppm"),
        ("FePCT", "Fe", "%"),
        ("Fe%", "Fe", "%"),
        ("AUPPB", "Au", "ppb"),
        ("Cu_ME-MS61_ppm", "Cu", "ppm"),
        ("TFe2O3", "Fe2O3", None),
        ("Fe2O3(T) wt%", "Fe2O3", "%"),
        ("K2O wt.%", "K2O", "%"),
        ("K2O_wt_pct", "K2O", "%"),
        ("Hg µg/kg", "Hg", "ppb"),
        ("Hg μg/kg", "Hg", "ppb"),
        ("Ag(10-9)", "Ag", "ppb"),
        ("Cu（10-6）", "Cu", "ppm"),
        ("Al2O3（％）", "Al2O3", "%"),
        ("Au_mg_kg", "Au", "ppm"),
        ("Cu mg kg-1", "Cu", "ppm"),
        ("Au g/t", "Au", "ppm"),
        ("Total S %", "S", "%"),
        ("Pb_total_ppm", "Pb", "ppm"),
        ("Mo.ppm", "Mo", "ppm"),
        ("Mg_g/t", "Mg", "ppm"),
        ("Mg mg/kg", "Mg", "ppm"),
        ("Mg_t", "Mg", None),
        ("AS", "As", None),
        ("IN", "In", None),
        ("CO", "Co", None),
        ("W", "W", None),
        ("N_ppm", "N", "ppm"),
    ],
)
def test_headers_as_laboratories_write_them(header, symbol, unit):
    assert parse_header(header) == Header(symbol, unit)


@pytest.mark.parametrize(
    "header",
    [*_STRANGE.split(), "Au zone", "Cu ng/t", "Cu mg/g", "", "  "],
)
def test_what_is_not_certain_is_not_recognised(header):
    assert parse_header(header) is None


@pytest.mark.parametrize(
    ("header", "unit"),
    [
        ("Gold (ppb)", "ppb"),
        ("goldppm", "ppm"),
        ("Gold_g/t", "ppm"),
        ("iron oxide wt.%", "%"),
        ("Gold", None),
        ("Gold oz/t", None),
        ("gold ppm or ppb", None),
    ],
)
def test_a_unit_is_found_whatever_the_other_words_are(header, unit):
    assert unit_in(header) == unit


@given(
    st.sampled_from([*ELEMENTS, *OXIDES]),
    st.sampled_from([str.lower, str.upper, str]),
    st.sampled_from(
        [("ppm", "ppm"), ("ppb", "ppb"), ("%", "%"), ("mg/kg", "ppm"), ("g/t", "ppm"), ("pct", "%")]
    ),
    st.sampled_from(
        ["{s}_{u}", "{s} {u}", "{s} ({u})", "{s}[{u}]", "{s}_ICPMS_{u}", "{s}_{u}_ICP"]
    ),
)
def test_every_symbol_in_every_style(symbol, case, unit, style):
    header = case(style.format(s=symbol, u=unit[0]))

    assert parse_header(header) == Header(symbol, unit[1])


@given(st.text(max_size=12))
def test_any_text_is_parsed_or_refused_but_never_fails(text):
    found = parse_header(text)

    assert found is None or found.symbol in {*ELEMENTS, *OXIDES}


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("ppb", "ppb"),
        ("PPM", "ppm"),
        ("%", "%"),
        ("g/t", "ppm"),
        ("mg/kg", "ppm"),
        ("ug/kg", "ppb"),
        ("µg/kg", "ppb"),
        ("(ng/g)", "ppb"),
        ("oz", None),
        ("", None),
    ],
)
def test_units_of_a_configuration(text, unit):
    assert unit_named(text) == unit


def test_one_gram_a_tonne_is_one_ppm_and_a_percent_ten_thousand():
    assert TO_PPM["ppm"] == 1000 * TO_PPM["ppb"]
    assert TO_PPM["%"] == 1e4 * TO_PPM["ppm"]


def test_oxides_default_to_percent_and_the_rest_to_ppm():
    assert default_unit("Fe2O3") == "%"
    assert default_unit("Au") == "ppm"
    assert OXIDE_OF["Fe2O3"] == "Fe"
    assert OXIDE_OF["CO2"] == "C"
    assert OXIDE_OF["CaO"] == "Ca"


def test_the_crusts_oxides_sum_to_about_the_whole():
    """Rudnick & Gao's table is normalised to 100 %, iron as FeO."""
    total = sum(v for k, v in CRUST.items() if k in OXIDES and k != "Fe2O3")

    assert total == pytest.approx(1e6, rel=0.005)


@given(st.sampled_from(sorted(CRUST)), st.sampled_from(["ppm", "ppb", "%"]), st.floats(0.2, 5))
def test_a_median_like_the_crusts_fits_its_own_unit(symbol, unit, times):
    median = CRUST[symbol] / TO_PPM[unit] * min(times, 1e6 / CRUST[symbol])

    assert fitting_unit(symbol, median) == unit


def test_a_median_unlike_the_crusts_in_any_unit_fits_none():
    assert fitting_unit("Cu", 28 * 40) is None
    assert fitting_unit("Te", 1.0) is None
    assert fitting_unit("Cu", np.nan) is None
