"""Which columns of a table are used: several of one element, counts, empty ones, sparse ones."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pytest

from orecast.config import parse
from orecast.errors import InputError
from orecast.survey import propose, read_survey

CRS = "EPSG:32750"
N = 100


def elements(seed=0):
    """A square of 100 samples with three elements."""
    rng = np.random.default_rng(seed)
    x, y = np.meshgrid(np.arange(10) * 500.0, np.arange(10) * 500.0)
    return pd.DataFrame(
        {
            "Easting": 420_000 + x.ravel(),
            "Northing": 7_000_000 + y.ravel(),
            "Pb_ppm": rng.lognormal(2, 0.5, N).round(2),
            "Zn_ppm": rng.lognormal(4, 0.5, N).round(1),
            "As_ppm": rng.lognormal(1, 0.5, N).round(2),
        }
    )


@dataclass
class Read:
    """What ``propose`` and ``read_survey`` make of a table."""

    samples: dict[str, Any]
    notes: str
    survey: Any

    @property
    def used(self):
        return {e.symbol: e.column for e in self.survey.elements}

    def values(self, symbol):
        return self.survey.values[:, self.survey.symbols.index(symbol)]


@pytest.fixture
def read(tmp_path):
    def do(frame: pd.DataFrame, **settings: Any) -> Read:
        frame.to_csv(tmp_path / "samples.csv", index=False)
        table, notes = propose([tmp_path / "samples.csv"], tmp_path)
        table["samples"] |= {"crs": CRS, "medium": "soil"} | settings
        config = parse(table, where="run.toml", folder=tmp_path)
        return Read(table["samples"], "\n".join(notes), read_survey(config))

    return do


@pytest.fixture
def check(tmp_path):
    """Read a table with a configuration that ``init`` did not write."""

    def do(frame: pd.DataFrame, **settings: Any) -> Any:
        frame.to_csv(tmp_path / "samples.csv", index=False)
        samples = {"path": "samples.csv", "crs": CRS, "medium": "soil"} | settings
        return read_survey(parse({"samples": samples}, where="run.toml", folder=tmp_path))

    return do


def random(seed=1, n=N, middle=3.0):
    return np.random.default_rng(seed).lognormal(middle, 0.6, n).round(2)


# --- Several columns of one element


@pytest.mark.parametrize(
    ("columns", "kept"),
    [
        ({"Au_FA_ppm": 1, "Au_AR_ppb": 100}, "Au_AR_ppb"),
        ({"Cu_XRF_ppm": 30, "Cu_ICP_ppm": 90, "Cu_4A_ppm": 60}, "Cu_ICP_ppm"),
        ({"Fe2O3_pct": 4, "Fe2O3T_pct": 100}, "Fe2O3T_pct"),
        ({"медь": 20, "Cu_ppm": 100}, "Cu_ppm"),
        ({"Gold_ppb": 99, "Oro (ppb)": 40}, "Gold_ppb"),
        ({"W_ICP_ppm": 2, "W_XRF_ppm": 100}, "W_XRF_ppm"),
    ],
)
def test_the_fullest_column_of_an_element_is_used_and_both_counts_are_said(read, columns, kept):
    frame = elements()
    for seed, (name, n) in enumerate(columns.items()):
        frame[name] = np.where(np.arange(N) < n, random(seed, middle=1.0), np.nan)

    found = read(frame)

    assert kept in found.used.values()
    assert found.samples["ignore"] == [c for c in columns if c != kept]
    for name, n in columns.items():
        if n:
            assert f"{name} ({n} value{'s' * (n != 1)}, {n} detected)" in found.notes
    assert found.survey.findings.of("ignored-columns")


def test_of_equally_full_columns_the_one_with_more_detected_values_is_used(read):
    frame = elements()
    frame["Ag_ICP_ppm"] = ["<1" if k % 2 else str(v) for k, v in enumerate(random())]
    frame["Ag_MS_ppm"] = random(2)

    assert read(frame).used["Ag"] == "Ag_MS_ppm"


def test_of_equal_columns_the_one_with_a_unit_is_used(read):
    frame = elements()
    frame["Cu"], frame["Cu_ICP_ppm"] = random(), random(2)

    assert read(frame).used["Cu"] == "Cu_ICP_ppm"


@pytest.mark.parametrize(
    ("first", "second", "limit", "value", "expected"),
    [
        ("Cu_ppm", "Cu-OG62 (%)", ">10000", 1.62, 16200.0),
        ("Zn_MS61_ppm", "Zn_OG62_pct", "> 10000", 3.5, 35000.0),
        ("Au_ppb", "Au_GRA21_ppm", ">3000", 12.25, 12250.0),
        ("Ag (g/t)", "Ag_OG46_ppm", ">100", 431.0, 431.0),
        ("Mn_ppm", "Mn_XRF_%", "＞50000", 12.0, 120000.0),
        ("Sb_ppm", "Sb_AR_ppm", ">250", 900.0, 900.0),
    ],
)
def test_over_range_analyses_replace_the_upper_limit(read, first, second, limit, value, expected):
    frame = elements().drop(columns="Zn_ppm").assign(Ni_ppm=random(8))
    frame[first] = [limit if k in (3, 50, 77) else str(v) for k, v in enumerate(random())]
    frame[second] = np.where(np.isin(np.arange(N), (3, 77)), value, np.nan)

    found = read(frame)

    symbol = next(s for s, column in found.used.items() if column == first)
    assert found.samples["over_range"] == {first: second}
    assert second not in found.samples.get("ignore", [])
    np.testing.assert_allclose(found.values(symbol)[[3, 77]], expected)
    assert found.values(symbol)[50] == float(limit.translate(str.maketrans("＞", ">")).strip(">= "))
    assert found.survey.findings.of("over-range")[0].data["n"] == 2


def test_an_upper_limit_that_is_not_marked_is_replaced_too(read):
    frame = elements()
    frame["Cu_ppm"] = np.where(np.isin(np.arange(N), (3, 77)), 10000.0, random())
    frame["Cu_OG62_pct"] = np.where(np.isin(np.arange(N), (3, 77)), 1.5, np.nan)

    assert read(frame).values("Cu")[[3, 77]].tolist() == [15000.0, 15000.0]


@pytest.mark.parametrize("where", ["other rows", "lower values"])
def test_columns_that_are_no_over_range_analyses_are_not_merged(read, where):
    frame = elements()
    frame["Cu_ppm"] = [">10000" if k in (3, 77) else str(v) for k, v in enumerate(random())]
    rows = (3, 78) if where == "other rows" else (3, 77)
    frame["Cu_AR_ppm"] = np.where(
        np.isin(np.arange(N), rows), [20000.0, 15.0][where == "lower values"] + np.arange(N), np.nan
    )

    found = read(frame)

    assert found.samples["ignore"] == ["Cu_AR_ppm"]
    assert found.values("Cu")[3] == 10000


def test_two_columns_that_the_configuration_names_for_one_element_are_refused(check):
    frame = elements().assign(Au_ppb=random(), Au_FA_ppb=random(2))

    with pytest.raises(InputError, match="'Au_ppb' and 'Au_FA_ppb' are all Au"):
        check(frame, elements=["Au_ppb", "Au_FA_ppb", "Pb_ppm"])


@pytest.mark.parametrize(
    ("element", "oxide"),
    [("Fe_pct", "Fe2O3_pct"), ("Al %", "Al2O3 %"), ("Ti_ppm", "TiO2_pct"), ("K_ppm", "K2O wt%"),
     ("Mn_ppm", "MnO_pct"), ("Кальций %", "CaO %")],
)  # fmt: skip
@pytest.mark.parametrize("fuller", ["element", "oxide"])
def test_an_element_and_its_oxide_are_one_part(read, element, oxide, fuller):
    frame = elements()
    frame[element] = np.where(np.arange(N) < (100 if fuller == "element" else 70), random(), np.nan)
    frame[oxide] = np.where(np.arange(N) < (100 if fuller == "oxide" else 70), random(2), np.nan)
    kept, other = (element, oxide) if fuller == "element" else (oxide, element)

    found = read(frame)

    assert kept in found.used.values()
    assert found.samples["ignore"] == [other]
    assert f"{kept} (100 values, 100 detected) is used, not {other} (70" in found.notes


# --- Counts


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("SN", np.arange(1, N + 1)),
        ("Pt", np.arange(501, N + 501)),
        ("MO", np.tile([5, 6, 7, 8], 25)),
        ("ER", np.tile([1, 2, 3, 4, 5], 20)),
        ("CD", np.tile([12, 7, 9, 30], 25)),
        ("In", np.tile([0, 1], 50)),
        ("LA", np.arange(2 * N, 0, -2)[::-1] // 2),
    ],
)
def test_whole_numbers_without_a_unit_are_no_concentrations(read, name, values):
    found = read(elements().assign(**{name: values}))

    assert set(found.used) == {"Pb", "Zn", "As"}
    assert name in found.samples["ignore"]
    assert "whole numbers without a unit" in found.notes
    assert "set samples.units = {" in found.notes


def test_in_a_table_without_units_only_serial_numbers_and_months_are_told(read):
    frame = elements().set_axis(["X", "Y", "PB", "ZN", "AS"], axis=1)
    frame["SN"], frame["MO"] = np.arange(N), np.tile([5, 6, 7, 8], 25)
    frame["CO"] = np.random.default_rng(0).lognormal(2, 0.6, N).round()

    assert set(read(frame).used) == {"Pb", "Zn", "As", "Co"}


def test_counts_with_a_unit_in_the_configuration_are_concentrations(check):
    frame = elements().assign(CD=np.tile([12, 7, 9, 30], 25))

    assert "Cd" in check(frame, units={"Cd": "ppm"}).symbols


# --- Columns without information


@pytest.mark.parametrize(
    ("cells", "why"),
    [
        (np.nan, "empty"),
        (-9999, "empty"),
        ("NA", "empty"),
        ("<5", "never detected"),
        (0.0, "never detected"),
        (-2.0, "never detected"),
        ("n.d.", "never detected"),
        (0.0025, "constant"),
        ("7", "constant"),
    ],
)
def test_columns_without_information_are_left_out_with_one_line(read, check, cells, why):
    names = ["Ir_ppb", "B_ppm", "Te_ppm"]
    frame = elements().assign(**dict.fromkeys(names, cells))

    found = read(frame)

    assert found.samples["ignore"] == names
    assert f"left out 3 column(s) of elements without information. {why}: Ir_ppb, B_ppm" in (
        found.notes
    )
    survey = check(frame)
    assert survey.symbols == found.survey.symbols
    assert survey.findings.of("unusable-columns")[0].data["columns"] == {why: names}


def test_zeros_beside_one_value_do_not_vary(check):
    frame = elements().assign(Bi_ppm=[0.0, 0.1] * (N // 2))

    found = check(frame).findings.of("unusable-columns")[0]
    assert found.data["columns"] == {"constant": ["Bi_ppm"]}


# --- Sparse columns


@pytest.mark.parametrize("share", [0.1, 0.2, 0.3, 0.4])
@pytest.mark.parametrize("names", [["Ta_ppm"], ["Re_ppb", "Te_ppm"]])
def test_elements_measured_in_less_than_half_of_the_area_are_left_out(read, check, share, names):
    frame = elements()
    for name in names:
        frame[name] = np.where(frame["Easting"] < 420_000 + 5000 * share, random(), np.nan)

    found = read(frame)

    assert found.samples["ignore"] == names
    assert f"left out {len(names)} column(s), each with the share of the area" in found.notes
    cost = check(frame).findings.of("element-costs")[0]
    assert set(cost.data["costs"]) == {name.split("_")[0] for name in names}
    assert all(f"'{name}'" in cost.remedy for name in names)


def test_elements_that_each_have_most_of_the_area_and_together_little_are_left_out(read):
    frame = elements()
    column = (frame["Easting"] - 420_000) // 500
    for k, name in enumerate(["Ta_ppm", "Te_ppm", "Re_ppb"]):
        hole = (column >= 3 * k) & (column < 3 * k + 4)
        frame[name] = np.where(hole, np.nan, random(k))

    found = read(frame)

    assert len(found.samples["ignore"]) in (1, 2)


def test_values_missing_here_and_there_cost_nothing(read):
    frame = elements()
    frame["Ta_ppm"] = np.where(np.arange(N) % 3 == 0, random(), np.nan)

    found = read(frame)

    assert "ignore" not in found.samples
    assert not found.survey.findings.of("element-costs")


def test_the_deposits_that_an_element_costs_are_counted(tmp_path):
    frame = elements()
    frame["Ta_ppm"] = np.where(frame["Easting"] < 421_000, random(), np.nan)
    frame.to_csv(tmp_path / "samples.csv", index=False)
    places = {"x": [420_500, 423_000, 424_000, 424_400], "y": 7_002_000}
    pd.DataFrame(places).to_csv(tmp_path / "deposits.csv", index=False)
    table = {
        "samples": {"path": "samples.csv", "crs": CRS, "medium": "soil"},
        "deposits": {"path": "deposits.csv", "crs": CRS},
    }

    survey = read_survey(parse(table, where="run.toml", folder=tmp_path))

    cost = survey.findings.of("element-costs")[0]
    assert cost.data["costs"]["Ta"]["deposits"] == 3
    assert "and at 3 of 4 deposits" in cost.what


# --- Units and names


@pytest.mark.parametrize(
    ("name", "median"),
    [("Si", 200.0), ("SiO2", 300.0), ("Al", 150.0), ("CaO", 120.0), ("Fe", 400.0)],
)
def test_a_unit_beyond_the_possible_is_not_guessed(read, check, name, median):
    frame = elements().assign(**{name: random(3, middle=np.log(median))})

    found = read(frame)

    assert found.samples["units"] == {name: "ppm"}
    survey = check(frame, units={name: "%"})
    said = survey.findings.of("unit-beyond-the-possible")[0]
    assert said.data["columns"] == [name]
    assert f'{name} = "ppm"' in said.remedy


def test_headers_that_are_no_certain_elements_are_listed_with_a_line_to_paste(tmp_path):
    frame = elements().set_axis(
        ["Easting", "Northing", "Lead (old)", "Zinc by field kit", "Arsenic new"], axis=1
    )
    frame.to_csv(tmp_path / "samples.csv", index=False)

    table, notes = propose([tmp_path], tmp_path)

    line = '{"Lead (old)" = "Pb", "Zinc by field kit" = "Zn", "Arsenic new" = "As"}'
    assert table["samples"]["path"] == "samples.csv"
    assert any(f"set rename = {line}" in note for note in notes)
    table["samples"] |= {"crs": CRS, "medium": "soil"}
    with pytest.raises(InputError, match="no column is recognised") as caught:
        read_survey(parse(table, where="run.toml", folder=tmp_path))
    assert f"samples.rename = {line}" in str(caught.value)
    table["samples"]["rename"] = {
        "Lead (old)": "Pb", "Zinc by field kit": "Zn", "Arsenic new": "As"
    }  # fmt: skip
    assert read_survey(parse(table, where="run.toml", folder=tmp_path)).symbols == (
        "Pb", "Zn", "As",
    )  # fmt: skip


def test_headers_with_a_prefix_are_read(read):
    frame = elements().rename(columns=lambda c: f"till_{c}" if c.endswith("ppm") else c)

    assert set(read(frame).used) == {"Pb", "Zn", "As"}


@pytest.mark.parametrize("name", ["Sn", "Cu_511P_T", "Ti", "Au_FA_T"])
@pytest.mark.parametrize("cell", ["granite", "S001", "<", "Q4", "yes"])
def test_columns_of_text_are_no_elements(read, name, cell):
    found = read(elements().assign(**{name: cell}))

    assert set(found.used) == {"Pb", "Zn", "As"}
    assert f"because the cells are text: {name}" in found.notes
    assert "ignore" not in found.samples


def test_over_range_analyses_are_found_beside_elements_that_the_configuration_names(check):
    frame = elements()
    frame["Cu_ppm"] = [">10000" if k == 3 else str(v) for k, v in enumerate(random())]
    frame["Cu_OG62_pct"] = np.where(np.arange(N) == 3, 2.0, np.nan)
    settings = {"elements": ["Pb_ppm", "Cu_ppm"], "over_range": {"Cu_ppm": "Cu_OG62_pct"}}

    survey = check(frame, **settings)

    assert survey.symbols == ("Pb", "Cu")
    assert survey.values[3, 1] == 20000


def test_an_over_range_column_that_is_not_in_the_table_is_refused(check):
    with pytest.raises(InputError, match=r"'Zn_OG', named in samples\.over_range"):
        check(elements(), over_range={"Zn_ppm": "Zn_OG"})


@pytest.mark.parametrize("cell", ["0", "<0.1"])
def test_zeros_beside_one_value_are_no_information_however_they_are_written(cell, tmp_path):
    frame = elements()
    frame["Bi_ppm"] = np.where(np.arange(len(frame)) % 5 == 0, "0.1", cell)
    frame.to_csv(tmp_path / "samples.csv", index=False)

    table, notes = propose([tmp_path], tmp_path)

    assert "Bi_ppm" in table["samples"]["ignore"]
    assert any("constant: Bi_ppm" in note for note in notes)
