import tomllib
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pyproj import CRS

import orecast.simulation.preset
from orecast.errors import ConfigError
from orecast.simulation import load_preset, presets
from orecast.simulation.preset import Extent, Preset, parse_preset
from orecast.survey.projection import check_projected


@pytest.fixture
def demo() -> dict[str, Any]:
    path = Path(orecast.simulation.preset.__file__).parent / "demo.toml"
    return tomllib.loads(path.read_text(encoding="utf-8"))


def test_the_presets_that_ship() -> None:
    assert presets() == ("demo", "east-kunlun", "jinshan", "null", "pangxidong", "tianshan")


@pytest.mark.parametrize("name", presets())
def test_every_preset_is_whole(name: str) -> None:
    preset = load_preset(name)
    assert preset.name == name
    assert preset.about
    zones = {*preset.haloes.proximal, *preset.haloes.distal, *preset.haloes.front}
    assert "Au" in zones
    assert len(zones) < len(preset.elements)  # some elements have nothing to say
    assert preset.background.barren_anomalies >= preset.system.known
    assert preset.system.known < preset.system.deposits


def _area_km2(name: str) -> float:
    extent = load_preset(name).extent
    return extent.width * extent.height / 1e6


def _places(preset: Preset) -> int:
    """Samples as reading them counts: a duplicate is averaged with its first."""
    return preset.sampling.samples - preset.sampling.duplicates


def test_pangxidong_is_as_published() -> None:
    preset = load_preset("pangxidong")
    assert _area_km2("pangxidong") == pytest.approx(1694, abs=0.5)
    assert _places(preset) == 7236
    assert _places(preset) / _area_km2("pangxidong") == pytest.approx(4.27, abs=0.005)
    assert preset.symbols == (
        "Au",
        "B",
        "Sn",
        "Cu",
        "Ag",
        "Ba",
        "Mn",
        "Pb",
        "Zn",
        "As",
        "Sb",
        "Bi",
        "Hg",
        "Mo",
        "W",
        "F",
    )
    assert len(preset.units) == 12


def test_jinshan_is_as_published() -> None:
    preset = load_preset("jinshan")
    assert _places(preset) == 7512
    assert preset.symbols == (
        "Ag",
        "Au",
        "B",
        "Sn",
        "Cu",
        "Ba",
        "Mn",
        "Pb",
        "Zn",
        "As",
        "Sb",
        "Hg",
        "Mo",
        "W",
        "Bi",
        "F",
    )
    counts = {
        "Triassic": 3568,
        "Permian": 1559,
        "Carboniferous": 1942,
        "Devonian": 342,
        "Quaternary": 101,
    }
    assert {u.name for u in preset.units} == set(counts)
    for unit in preset.units:
        assert unit.share == pytest.approx(counts[unit.name] / 7512, abs=1e-3)
    assert preset.elements["Ag"].unit == "ppm"


def test_east_kunlun_is_as_published() -> None:
    preset = load_preset("east-kunlun")
    assert _places(preset) == 7326
    assert len(preset.elements) == 32
    assert {
        "Au",
        "As",
        "Sb",
        "Hg",
        "Cu",
        "Pb",
        "Zn",
        "Bi",
        "Sn",
        "Mo",
        "W",
        "Co",
        "Li",
        "Ag",
    } <= set(preset.symbols)
    assert preset.system.known == 11
    assert _area_km2("east-kunlun") / 7326 == pytest.approx(4, abs=0.01)


def test_tianshan_is_as_published() -> None:
    preset = load_preset("tianshan")
    assert (preset.extent.height, preset.extent.width) == (117_000, 289_000)
    assert len(preset.elements) == 39
    assert (preset.system.known, preset.system.twins) == (10, 1)


def test_the_null_is_the_demo_without_its_signal() -> None:
    null, demo = load_preset("null"), load_preset("demo")
    assert null.haloes.strength == 0
    assert null.system.elsewhere == 1
    assert (null.discovery.exposure, null.discovery.access, null.discovery.size) == (0, 0, 0)
    for part in ("units", "elements", "sampling", "background", "terrain"):
        assert getattr(null, part) == getattr(demo, part)
    assert replace(null.extent, west=demo.extent.west) == demo.extent


def test_the_null_shares_no_area_with_the_demo_at_the_first_hundred_seeds() -> None:
    null, demo = (
        [load_preset(name).extent.bounds(s) for s in range(100)] for name in ("null", "demo")
    )
    assert not any(area.overlaps(other) for area in null for other in demo)


@pytest.mark.parametrize("name", presets())
def test_a_hundred_seeds_share_no_area_and_lie_in_the_zone(name: str) -> None:
    extent = load_preset(name).extent
    areas = [extent.bounds(seed) for seed in range(100)]
    assert areas[0][:2] == (extent.west, extent.south)
    for k, area in enumerate(areas):
        assert (area.east - area.west, area.north - area.south) == (extent.width, extent.height)
        assert area.west >= 166_000
        assert area.east <= max(834_000, areas[0].east)
        assert 0 <= area.south < area.north <= 9_300_000
        check_projected(CRS(extent.crs), np.reshape(area, (2, 2)), name)
        assert not any(area.overlaps(other) for other in areas[:k])


def test_after_the_last_place_of_the_zone_comes_the_first() -> None:
    extent = Extent(width=30_000, height=24_000, cell=250)
    areas = [extent.bounds(seed) for seed in range(1500)]
    assert len(set(areas)) == 1500
    assert extent.bounds(1500) == areas[0]
    assert extent.bounds(10**30) in areas


def test_a_district_away_from_every_zone_keeps_its_place_at_seed_0() -> None:
    for west, south in ((0, 0), (-50_000, -3_000_000), (2_000_000, 9_500_000), (1e7, 1e7)):
        extent = Extent(width=30_000, height=24_000, cell=250, west=west, south=south)
        assert extent.bounds(0) == (west, south, west + 30_000, south + 24_000)


def test_an_unknown_preset_gets_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"unknown preset 'jinshann'.*did you mean jinshan"):
        load_preset("jinshann")


def test_a_preset_states_only_what_differs(demo: dict[str, Any]) -> None:
    demo["elements"]["Au"] = {"median": 2.5}
    gold = parse_preset(demo, "own").elements["Au"]
    assert (gold.median, gold.unit, gold.limit) == (2.5, "ppb", 0.3)


@pytest.mark.parametrize(
    ("keys", "value", "message"),
    [
        (("haloes", "strenght"), 1.0, "'haloes.strenght'"),
        (("haloes", "strength"), -1.0, "'haloes.strength'"),
        (("haloes", "front"), ["As", "Te"], "haloes contain Te, which is not analysed"),
        (("system", "known"), 41, "more deposits are known than there are"),
        (("system", "twins"), 13, "more twins than other known deposits"),
        (("sampling", "duplicates"), 601, "more field duplicates than other samples"),
        (("extent", "cell"), 0, "'extent.cell'"),
        (("major", "barren"), 1.5, "'major.barren'"),
        (("elements", "Aau"), {}, "unknown element 'Aau'"),
        (("elements", "Au"), {"unit": "pbb"}, "unknown unit 'pbb'.*did you mean ppb"),
        (("elements", "Fe2O3"), {"median": 101}, "medians sum to more than 100 %"),
        (("background", "barren_anomalies"), "many", "'background.barren_anomalies'"),
    ],
)
def test_what_cannot_be_simulated_is_refused(
    demo: dict[str, Any], keys: tuple[str, str], value: Any, message: str
) -> None:
    table = deepcopy(demo)
    table[keys[0]][keys[1]] = value
    with pytest.raises(ConfigError, match=message) as raised:
        parse_preset(table, "own")
    assert "preset own" in str(raised.value)


def test_units_are_refused_that_do_not_make_a_map(demo: dict[str, Any]) -> None:
    unknown, short, uncut = deepcopy(demo), deepcopy(demo), deepcopy(demo)
    unknown["units"][2]["rock"] = "schst"
    with pytest.raises(
        ConfigError, match=r"unit Schist: unknown rock 'schst'.*did you mean schist"
    ):
        parse_preset(unknown, "own")
    short["units"][2]["share"] = 0.1
    with pytest.raises(ConfigError, match="shares do not sum to one"):
        parse_preset(short, "own")
    for unit in uncut["units"]:
        unit["kind"] = "intrusion"
    with pytest.raises(ConfigError, match="no unit of kind strata"):
        parse_preset(uncut, "own")


def test_a_missing_table_is_named(demo: dict[str, Any]) -> None:
    del demo["sampling"]
    with pytest.raises(ConfigError, match="'sampling'"):
        parse_preset(demo, "own")
