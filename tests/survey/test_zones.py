"""The CRS of positions: headers, zones and datums in columns, the configuration, other files."""

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from pyproj import CRS, Transformer
from shapely.geometry import LineString

from orecast.config import parse
from orecast.errors import AlignmentError, ConfigError, InputError
from orecast.survey import propose, read_survey

N = 40


def lonlat(lon=116.2, lat=-30.2, seed=0):
    rng = np.random.default_rng(seed)
    return np.column_stack([lon + rng.uniform(-0.05, 0.05, N), lat + rng.uniform(-0.05, 0.05, N)])


def projected(at, epsg):
    there = Transformer.from_crs(4326, epsg, always_xy=True)
    return np.column_stack(there.transform(*at.T)).round(2)


def write(folder, columns, name="samples.csv", elements=("Au_ppb", "Cu_ppm", "Zn_ppm")):
    rng = np.random.default_rng(1)
    n = len(next(iter(columns.values())))
    values = {e: rng.lognormal(2, 1, n).round(3) for e in elements}
    pd.DataFrame({**columns, **values}).to_csv(folder / name, index=False)


def read(folder, **samples):
    """The survey as ``init`` proposes it, completed with the keys that a person sets."""
    table, notes = propose([folder], folder)
    table["samples"] |= {"medium": "soil", **samples}
    survey = read_survey(parse(table, where="run.toml", folder=folder))
    return survey, table["samples"], notes


def require_at(survey, at, metres=1.0):
    found = survey.samples.to_crs(4326).geometry
    away = (found.x - at[:, 0] + 180) % 360 - 180
    apart = np.hypot(away * np.cos(np.radians(at[:, 1])), found.y - at[:, 1]) * 111_195
    assert len(apart) == len(at)
    assert apart.max() < metres


@pytest.mark.parametrize(
    ("x", "y", "epsg", "lon", "lat"),
    [
        ("MGA50_East", "MGA50_North", 28350, 116.2, -30.2),
        ("MGA94_51_E", "MGA94_51_N", 28351, 122.2, -30.2),
        ("E_MGA2020_Z55", "N_MGA2020_Z55", 7855, 146.0, -36.0),
        ("UTM_E_35N", "UTM_N_35N", 32635, 27.0, 65.0),
        ("Este UTM 19S", "Norte UTM 19S", 32719, -70.0, -22.0),
        ("ETRS89_UTM35_E", "ETRS89_UTM35_N", 25835, 27.0, 65.0),
        ("NAD83_UTM11_E", "NAD83_UTM11_N", 26911, -117.0, 48.0),
        ("ETRS-TM35FIN_E", "ETRS-TM35FIN_N", 3067, 27.0, 65.0),
        ("Rechtswert", "Hochwert", 31468, 12.0, 48.5),
        ("X_SK42", "Y_SK42", 28415, 87.0, 50.0),
    ],
)
def test_the_crs_in_headers_is_used_and_said(tmp_path, x, y, epsg, lon, lat):
    at = lonlat(lon, lat)
    write(tmp_path, dict(zip((x, y), projected(at, epsg).T, strict=True)))

    survey, section, notes = read(tmp_path)

    assert section["crs"] == f"EPSG:{epsg}"
    assert any(f"EPSG:{epsg}" in note and "headers" in note for note in notes)
    require_at(survey, at, 4 if epsg in (7855, 31468, 28415) else 1)


def test_the_crs_of_headers_is_a_finding_where_the_configuration_has_none(tmp_path):
    at = lonlat()
    write(tmp_path, dict(zip(("MGA50_E", "MGA50_N"), projected(at, 28350).T, strict=True)))
    table = {"samples": {"path": "samples.csv", "medium": "soil"}}

    survey = read_survey(parse(table, where="run.toml", folder=tmp_path))

    [finding] = survey.findings.of("crs-found")
    assert "EPSG:28350" in finding.what
    assert "GDA94 is used" in finding.what


ZONES = [
    ("Zone", lambda z: z),
    ("UTM_Zone", lambda z: f"{z}J"),
    ("Zona", lambda z: f"UTM {z}S"),
    ("NAT_Grid_ID", lambda z: f"MGA94_{z}"),
    ("Huso", lambda z: f"{z} south"),
    ("MGA Zone", lambda z: f"MGA{z}"),
]


@pytest.mark.parametrize(("column", "cell"), ZONES)
def test_rows_of_two_zones_are_read_in_one(tmp_path, column, cell):
    at = lonlat(120.01)
    zone = np.where(at[:, 0] < 120, 50, 51)
    assert set(zone) == {50, 51}
    xy = np.where((zone == 50)[:, None], projected(at, 28350), projected(at, 28351))
    write(tmp_path, {"Easting": xy[:, 0], "Northing": xy[:, 1], column: [cell(z) for z in zone]})

    survey, _, _ = read(tmp_path, crs="EPSG:28350")

    require_at(survey, at)
    [finding] = survey.findings.of("crs-by-row")
    assert sum(finding.data["rows"].values()) == N
    assert column in finding.what
    east = survey.samples.geometry.x
    assert east.max() - east.min() < 12_000


def test_zones_without_a_hemisphere_are_a_question_with_its_lines(tmp_path):
    at = lonlat(119.99)
    zone = np.where(at[:, 0] < 120, 50, 51)
    write(tmp_path, {"East": 7e5 + at[:, 0], "North": 6.65e6 + at[:, 1], "Zone": zone})

    with pytest.raises(InputError, match=r"zones 50, 51.*EPSG:3275[01].*EPSG:2835[01]"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("zone", "crs", "expected"),
    [("50J", None, 32750), ("MGA50", None, 28350), ("18N", None, 32618), ("19K", None, 32719)],
)
def test_one_zone_in_a_column_is_the_crs(tmp_path, zone, crs, expected):
    at = lonlat(*{32618: (-75, 5), 32719: (-69, -20)}.get(expected, (117, -30)))
    xy = projected(at, expected)
    write(tmp_path, {"Easting": xy[:, 0], "Northing": xy[:, 1], "UTM Zone": zone})

    survey, section, _ = read(tmp_path)

    assert section["crs"] == f"EPSG:{expected}"
    require_at(survey, at)


def test_a_zone_that_contradicts_the_configuration_is_refused(tmp_path):
    xy = projected(lonlat(), 28350)
    write(tmp_path, {"Easting": xy[:, 0], "Northing": xy[:, 1], "Zone": 50})

    with pytest.raises(InputError, match=r'zone\(s\) 50.*set samples.crs = "EPSG:28350"'):
        read(tmp_path, crs="EPSG:28351")


@pytest.mark.parametrize("cells", [["oxide", "fresh"], [1, 2, 3], ["A", "B"], [101, 102]])
def test_a_geological_zone_is_no_zone_of_a_crs(tmp_path, cells):
    at = lonlat()
    xy = projected(at, 28350)
    write(tmp_path, {"Easting": xy[:, 0], "Northing": xy[:, 1], "Zone": np.resize(cells, N)})

    survey, _, _ = read(tmp_path, crs="EPSG:28350")

    require_at(survey, at)
    assert not survey.findings.of("crs-by-row")


def test_a_zone_column_can_be_named_and_can_be_none(tmp_path):
    at = lonlat(120.01)
    zone = np.where(at[:, 0] < 120, 50, 51)
    xy = np.where((zone == 50)[:, None], projected(at, 28350), projected(at, 28351))
    write(tmp_path, {"Easting": xy[:, 0], "Northing": xy[:, 1], "sheet": zone})

    survey, _, _ = read(tmp_path, crs="EPSG:28350", zone="sheet")
    require_at(survey, at)

    with pytest.raises(InputError, match=r"samples\.zone"):
        read(tmp_path, crs="EPSG:28350", zone="shet")


def test_rows_in_two_datums_are_read_in_one(tmp_path):
    at = lonlat(-70, -22)
    old = np.arange(N) % 2 == 0
    degrees = np.where(old[:, None], projected_degrees(at, 4248), at)
    columns = {"Lon": degrees[:, 0], "Lat": degrees[:, 1]}
    write(tmp_path, columns | {"Datum": np.where(old, "PSAD56", "WGS84")})

    survey, _, _ = read(tmp_path)

    assert survey.findings.of("crs-by-row")
    require_at(survey, at)


def projected_degrees(at, epsg):
    there = Transformer.from_crs(4326, epsg, always_xy=True)
    return np.column_stack(there.transform(*at.T))


@pytest.mark.parametrize("text", ["{x:,.1f}", "{x:.1f} m", "{x:.0f}"])
def test_thousands_and_units(tmp_path, text):
    at = lonlat()
    xy = projected(at, 28350)
    write(tmp_path, {k: [text.format(x=v) for v in c] for k, c in zip("XY", xy.T, strict=True)})

    survey, _, _ = read(tmp_path, crs="EPSG:28350")

    require_at(survey, at)


def test_thousands_with_points_in_one_column_only(tmp_path):
    """421.027 is a number, but beside 6.652.163 it is 421,027."""
    at = lonlat()
    xy = projected(at, 28350).round()
    texts = {k: [f"{v:,.0f}".replace(",", ".") for v in c] for k, c in zip("XY", xy.T, strict=True)}
    write(tmp_path, texts)

    survey, _, _ = read(tmp_path, crs="EPSG:28350")

    require_at(survey, at)
    assert "as the other column" in survey.findings.of("converted-positions")[0].what


@pytest.mark.parametrize(("x", "y"), [("X", "Y"), ("XCOO", "YCOO"), ("POINT_X", "POINT_Y")])
def test_degrees_under_x_and_y_are_recognised_and_said(tmp_path, x, y):
    at = lonlat().round(6)
    write(tmp_path, {x: at[:, 0], y: at[:, 1]})

    survey, section, notes = read(tmp_path)

    assert section["crs"] == "EPSG:4326"
    assert any("WGS 84" in note for note in notes)
    require_at(survey, at)


def test_degrees_to_the_west_and_south_without_sign(tmp_path):
    at = lonlat(-70, -22).round(6)
    write(tmp_path, {"Longitude W": -at[:, 0], "Latitude S": -at[:, 1]})

    survey, _, notes = read(tmp_path)

    require_at(survey, at)
    assert any("counts to the west" in note for note in notes)


@pytest.mark.parametrize("pattern", ["POINT ({:.1f} {:.1f})", "POINT Z ({:.1f} {:.1f} 30)"])
def test_points_in_wkt(tmp_path, pattern):
    at = lonlat()
    write(tmp_path, {"WKT": [pattern.format(*p) for p in projected(at, 28350)]})

    survey, section, _ = read(tmp_path, crs="EPSG:28350")

    assert section["x"] == section["y"] == "WKT"
    require_at(survey, at)


def test_the_srid_of_wkt_is_the_crs(tmp_path):
    at = lonlat()
    texts = ["SRID=28350;POINT({:.1f} {:.1f})".format(*p) for p in projected(at, 28350)]
    write(tmp_path, {"the_geom": texts})

    survey, section, _ = read(tmp_path)

    assert section["crs"] == "EPSG:28350"
    require_at(survey, at)


@pytest.mark.parametrize(("lat", "zones"), [(16.8, (32660, 32601)), (-17.5, (32760, 32701))])
@pytest.mark.parametrize("turned", [False, True])
def test_a_survey_across_the_antimeridian_is_in_one_zone(tmp_path, lat, zones, turned):
    at = lonlat(180.0, lat)
    degrees = np.column_stack([at[:, 0] if turned else (at[:, 0] + 180) % 360 - 180, at[:, 1]])
    write(tmp_path, {"Longitude": degrees[:, 0].round(6), "Latitude": degrees[:, 1].round(6)})

    survey, _, _ = read(tmp_path)

    assert survey.crs.to_epsg() in zones
    assert np.ptp(survey.samples.geometry.x) < 12_000
    require_at(survey, at)


@pytest.mark.parametrize(("epsg", "lon", "lat"), [(2227, -120.5, 37), (2278, -98.5, 29)])
def test_feet_are_projected_to_metres(tmp_path, epsg, lon, lat):
    at = lonlat(lon, lat)
    write(tmp_path, dict(zip(("X_ft", "Y_ft"), projected(at, epsg).T, strict=True)))

    survey, _, _ = read(tmp_path, crs=f"EPSG:{epsg}")

    assert survey.crs.axis_info[0].unit_name == "metre"
    assert "foot" in survey.findings.of("projected")[0].what
    require_at(survey, at, 3)


def test_feet_under_a_crs_in_metres_are_refused(tmp_path):
    write(tmp_path, dict(zip(("X_ft", "Y_ft"), projected(lonlat(), 28350).T, strict=True)))

    with pytest.raises(InputError, match="name feet"):
        read(tmp_path, crs="EPSG:28350")


def test_x_is_the_northing_where_only_so_positions_fit(tmp_path):
    at = lonlat()
    xy = projected(at, 28350)
    write(tmp_path, {"X": xy[:, 1], "Y": xy[:, 0]})

    survey, _, _ = read(tmp_path, crs="EPSG:28350")

    require_at(survey, at)
    assert survey.findings.of("x-is-north")


@pytest.mark.parametrize("columns", [("Mine_E", "Mine_N"), ("Local East", "Local North")])
def test_a_table_in_a_mine_grid_is_refused_in_words(tmp_path, columns):
    xy = np.random.default_rng(0).uniform(1000, 9000, (N, 2)).round(1)
    write(tmp_path, dict(zip(columns, xy.T, strict=True)))

    with pytest.raises(InputError, match=r"local grid, such as a mine grid.*transform"):
        read(tmp_path)


def test_a_mine_grid_beside_positions_is_not_used(tmp_path):
    at = lonlat()
    xy = projected(at, 28350)
    local = {"Mine_E": xy[:, 0] - 4e5, "Mine_N": xy[:, 1] - 6.6e6}
    write(tmp_path, local | {"Easting": xy[:, 0], "Northing": xy[:, 1]})

    survey, section, _ = read(tmp_path, crs="EPSG:28350")

    assert section["x"] == "Easting"
    require_at(survey, at)


LOCAL = 'LOCAL_CS["Mine Grid",LOCAL_DATUM["Local",32767],UNIT["metre",1]]'


def faults(folder, crs):
    line = LineString([(421_000, 6_652_000), (428_000, 6_660_000)])
    gpd.GeoDataFrame({"kind": ["thrust"]}, geometry=[line], crs=crs).to_file(folder / "faults.gpkg")


def test_init_leaves_out_a_file_in_a_mine_grid_and_says_what_to_do(tmp_path):
    xy = projected(lonlat(), 28350)
    write(tmp_path, {"Easting": xy[:, 0], "Northing": xy[:, 1]})
    faults(tmp_path, CRS.from_wkt(LOCAL))

    table, notes = propose([tmp_path], tmp_path)

    assert "faults" not in table
    assert any("'Mine Grid' is a local grid" in note and "transform" in note for note in notes)


def test_a_file_in_a_mine_grid_is_refused_unless_its_crs_is_set(tmp_path):
    xy = projected(lonlat(), 28350)
    write(tmp_path, {"Easting": xy[:, 0], "Northing": xy[:, 1]})
    faults(tmp_path, CRS.from_wkt(LOCAL))
    table = {
        "samples": {"path": "samples.csv", "crs": "EPSG:28350", "medium": "soil"},
        "faults": {"path": "faults.gpkg"},
    }

    with pytest.raises(AlignmentError, match=r"Mine Grid.*transform the file.*set faults.crs"):
        read_survey(parse(table, where="run.toml", folder=tmp_path))

    table["faults"]["crs"] = "EPSG:28350"
    survey = read_survey(parse(table, where="run.toml", folder=tmp_path))
    assert survey.faults.crs.to_epsg() == 28350


def test_a_crs_that_is_not_known_is_a_missing_crs(tmp_path):
    xy = projected(lonlat(), 28350)
    write(tmp_path, {"Easting": xy[:, 0], "Northing": xy[:, 1]})
    undefined = LOCAL.replace("Mine Grid", "Undefined Cartesian SRS")
    faults(tmp_path, CRS.from_wkt(undefined))
    table = {
        "samples": {"path": "samples.csv", "crs": "EPSG:28350", "medium": "soil"},
        "faults": {"path": "faults.gpkg"},
    }

    with pytest.raises(InputError, match=r"no coordinate reference system .*set faults\.crs"):
        read_survey(parse(table, where="run.toml", folder=tmp_path))


def test_deposits_are_read_in_the_crs_of_the_samples_around_them(tmp_path):
    at = lonlat()
    xy = projected(at, 28350)
    write(tmp_path, {"MGA94_50_E": xy[:, 0], "MGA94_50_N": xy[:, 1]})
    places = {"Easting": xy[:5, 0] + 10, "Northing": xy[:5, 1]}
    write(tmp_path, places, "deposits.csv", elements=())

    table, notes = propose([tmp_path], tmp_path)

    assert table["deposits"]["crs"] == "EPSG:28350"
    assert any(n.startswith("deposits.csv") and "within samples.csv" in n for n in notes)


def test_deposits_in_metres_are_read_in_the_utm_zone_of_samples_in_degrees(tmp_path):
    at = lonlat()
    write(tmp_path, {"Longitude": at[:, 0], "Latitude": at[:, 1]})
    xy = projected(at, 32750)
    places = {"Easting": xy[:5, 0] + 10, "Northing": xy[:5, 1]}
    write(tmp_path, places, "deposits.csv", elements=())

    table, _ = propose([tmp_path], tmp_path)

    assert table["deposits"]["crs"] == "EPSG:32750"


def test_rows_at_zero_have_no_position(tmp_path):
    at = lonlat()
    xy = projected(at, 28350)
    xy[[3, 7]] = 0
    write(tmp_path, {"Easting": xy[:, 0], "Northing": xy[:, 1]})

    survey, _, _ = read(tmp_path, crs="EPSG:28350")

    assert len(survey.samples) == N - 2
    assert survey.findings.of("no-position")[0].data["rows"] == [5, 9]


def test_only_one_of_x_and_y_is_refused(tmp_path):
    write(tmp_path, dict(zip("XY", projected(lonlat(), 28350).T, strict=True)))
    table = {"samples": {"path": "samples.csv", "x": "X", "crs": "EPSG:28350"}}

    with pytest.raises(ConfigError, match=r"samples\.x and samples\.y"):
        read_survey(parse(table, where="run.toml", folder=tmp_path))
