"""Headers of other languages, methods, shapefiles, and with words that they share."""

import pytest

from orecast.survey.element_names import NAMES
from orecast.survey.elements import ELEMENTS, Header, near_miss, parse_header, parse_headers


@pytest.mark.parametrize(
    ("header", "symbol", "unit"),
    [
        ("Au ppb FA50", "Au", "ppb"),
        ("Cu_ICP40_ppm", "Cu", "ppm"),
        ("As_MS41L_ppm", "As", "ppm"),
        ("Zn ppm 4AB1", "Zn", "ppm"),
        ("Fe_M_pct", "Fe", "%"),
        ("Ag_AQ250_ppm", "Ag", "ppm"),
        ("Pb LF200 ppm", "Pb", "ppm"),
        ("Au_FA430_ppb", "Au", "ppb"),
        ("Bi_GE_ICM40B_ppm", "Bi", "ppm"),
        ("Cu_ppm_511", "Cu", "ppm"),
        ("K_ppm_511P", "K", "ppm"),
        ("Ni_ppm_306PM", "Ni", "ppm"),
        ("Cu_HF_ppm", "Cu", "ppm"),
        ("S-IR08 S %", "S", "%"),
        ("ME-MS61 Cu ppm", "Cu", "ppm"),
        ("Cu-OG62 (%)", "Cu", "%"),
        ("Au TL43 ppm", "Au", "ppm"),
        ("Au_best_ppb", "Au", "ppb"),
    ],
)
def test_methods_are_no_part_of_the_name(header, symbol, unit):
    assert parse_header(header) == Header(symbol, unit)


@pytest.mark.parametrize(
    ("header", "symbol", "unit"),
    [
        ("Gold (ppb)", "Au", "ppb"),
        ("Oro g/t", "Au", "ppm"),
        ("Ouro_ppb", "Au", "ppb"),
        ("Kupfer", "Cu", None),
        ("Molybdän [mg/kg]", "Mo", "ppm"),
        ("Étain ppm", "Sn", "ppm"),
        ("Níquel", "Ni", None),
        ("медь", "Cu", None),
        ("Железо %", "Fe", "%"),
        ("Содержание цинк ppm", "Zn", "ppm"),
        ("金", "Au", None),
        ("金含量(10-9)", "Au", "ppb"),
        ("铜Cu(ppm)", "Cu", "ppm"),
        ("w(Au)/10-9", "Au", "ppb"),
        ("Cu/10^-6", "Cu", "ppm"),
        ("Au（×10⁻⁹）", "Au", "ppb"),
        ("Altın ppb", "Au", "ppb"),
        ("Miedź ppm", "Cu", "ppm"),
    ],
)
def test_names_in_other_languages(header, symbol, unit):
    assert parse_header(header) == Header(symbol, unit)


@pytest.mark.parametrize(
    ("header", "symbol", "unit"),
    [
        ("Cu_MEMS61_", "Cu", None),
        ("Fe2O3_wt_p", "Fe2O3", "%"),
        ("As_ICPMS_p", "As", None),
        ("Al2O3_wt_p", "Al2O3", "%"),
        ("Au_FA50_pp", "Au", None),
        ("Fe_XRF1_pc", "Fe", "%"),
        ("Mn_4AB1_pp", "Mn", None),
    ],
)
def test_field_names_that_a_shapefile_cut(header, symbol, unit):
    assert parse_header(header) == Header(symbol, unit)


@pytest.mark.parametrize(
    "header",
    [
        "Or", "Or (ppb)", "Lu_Hf", "Pb206", "U_Pb206", "206Pb", "Cu_rank", "Cu_dl_ppm", "Cu_Q_ppm",
        "log_Cu", "Cu_clr", "Cu_ppm_2019", "Y_MGA94", "Y_GK4", "UTM50_Y", "E_UTM50", "Lat_N",
        "Cu_err1_ppm", "Au_zone3", "Cu_2", "Fe_index_pct", "Cu ppm / Zn ppm",
    ],
)  # fmt: skip
def test_what_is_no_concentration_is_not_recognised(header):
    assert parse_header(header) is None


@pytest.mark.parametrize(
    ("pattern", "others"),
    [
        ("Idw_{}", ["Idw_xx", "Idw_yy"]),
        ("{}_ppm_kriged", []),
        ("geochem_{}_grid", ["geochem_mask_grid"]),
        ("2019 survey {}", ["2019 survey place"]),
        ("till_fine_{}_ppm", ["till_fine_weight"]),
        ("S_{}_ppm", ["S_depth"]),
        ("{}.soil.C1", ["pH.soil.C1"]),
    ],
)
def test_words_that_headers_share_are_removed(pattern, others):
    symbols = ["Cu", "Zn", "As", "Mo"]

    found = parse_headers([*map(pattern.format, symbols), *others])

    assert [h and h.symbol for h in found.values()] == symbols + [None] * len(others)


@pytest.mark.parametrize("pattern", ["log_{}", "clr_{}", "{}_rank", "{}_anomaly", "Ca_{}", "{}_dl"])
def test_shared_words_that_change_the_meaning_stay(pattern):
    found = parse_headers([pattern.format(s) for s in ("Mg", "Zn", "As", "Mo")])

    assert not any(found.values())


def test_a_near_miss_is_named():
    headers = ("Cu_2", "Gold (field)", "Cu_rank", "Y_new", "Pb_U_age")

    assert [near_miss(h) for h in headers] == ["Cu", "Au", None, None, None]


def test_every_name_is_of_one_element():
    assert set(NAMES.values()) <= set(ELEMENTS)
