"""Columns of positions are found by their headers, whatever the language and the CRS in them."""

import pytest

from orecast.survey.crs_names import crs_of_words, crs_words, crs_words_of_pair, words_of_crs
from orecast.survey.position_names import (
    describes_datum,
    describes_zone,
    position_pairs,
    side_of,
    unit_of,
)


@pytest.mark.parametrize(
    ("x", "y"),
    [
        ("Este", "Norte"),
        ("Coordenada Este (m)", "Coordenada Norte (m)"),
        ("Leste", "Norte"),
        ("Est", "Nord"),
        ("Rechtswert", "Hochwert"),
        ("Ostwert", "Nordwert"),
        ("Ost", "Nord"),
        ("Doğu", "Kuzey"),
        ("Sağa Değer", "Yukarı Değer"),
        ("Itäkoordinaatti", "Pohjoiskoordinaatti"),
        ("Восточная координата", "Северная координата"),
        ("Х", "У"),  # Cyrillic
        ("东坐标", "北坐标"),
        ("X坐标(m)", "Y坐标(m)"),
        ("XCOO", "YCOO"),
        ("X (m)", "Y (m)"),
        ("CoordX", "CoordY"),
        ("UTMEast", "UTMNorth"),
        ("E", "N"),
        ("E_UTM", "N_UTM"),
        ("MGA50_East", "MGA50_North"),
        ("EASTING_GDA2020", "NORTHING_GDA2020"),
        ("UTM_E_35N", "UTM_N_35N"),
        ("NAD83_E", "NAD83_N"),
        ("MGA50E", "MGA50N"),
        ("X_centroid", "Y_centroid"),
        ("Collar East", "Collar North"),
    ],
)
def test_columns_of_metres(x, y):
    [pair] = position_pairs(["Sample", y, "Au_ppb", x, "Cu_ppm", "Y_ppm"])

    assert (pair.kind, pair.x, pair.y) == ("metres", x, y)


@pytest.mark.parametrize(
    ("x", "y"),
    [
        ("Longitud", "Latitud"),
        ("Longitudine", "Latitudine"),
        ("Länge", "Breite"),
        ("Geogr. Länge", "Geogr. Breite"),
        ("Долгота", "Широта"),
        ("经度(°)", "纬度(°)"),
        ("Boylam", "Enlem"),
        ("Pituusaste", "Leveysaste"),
        ("Long (X) 4326", "Lat (Y) 4326"),
        ("LongitudeWGS84", "LatitudeWGS84"),
        ("в.д.", "с.ш."),
        ("GPS_Lon", "GPS_Lat"),
        ("long_orig", "lat_orig"),
    ],
)
def test_columns_of_degrees(x, y):
    [pair] = position_pairs([x, "Au_ppb", y])

    assert (pair.kind, pair.x, pair.y) == ("degrees", x, y)


@pytest.mark.parametrize(
    "columns",
    [
        ["Grade", "Date", "Site", "Name"],
        ["N", "Mn", "Eu", "Y"],
        ["Sample_E", "N"],
        ["Length", "Width"],
        ["North_dip", "East_limit"],
        ["X", "Northing"],
        ["Lat"],
    ],
)
def test_other_columns_are_no_positions(columns):
    assert position_pairs(columns) == []


@pytest.mark.parametrize(
    ("columns", "pair"),
    [
        (["Y", "UTM_X", "UTM_Y"], ("UTM_X", "UTM_Y")),
        (["Y", "X_m", "Y_m"], ("X_m", "Y_m")),
        (["Y", "Easting", "Northing"], ("Easting", "Northing")),
        (["Y", "La", "POINT_X", "POINT_Y"], ("POINT_X", "POINT_Y")),
        (["x_wgs84", "Y", "y_wgs84"], ("x_wgs84", "y_wgs84")),
    ],
)
def test_yttrium_beside_positions_is_no_position(columns, pair):
    assert [(p.x, p.y) for p in position_pairs(columns)] == [pair]


def test_pairs_have_the_same_other_words():
    columns = ["lat", "long_orig", "lat_orig", "lon", "E_NAD83", "N_NAD27", "N_NAD83", "E_NAD27"]

    pairs = [(p.x, p.y) for p in position_pairs(columns)]

    assert pairs == [
        ("E_NAD83", "N_NAD83"),
        ("E_NAD27", "N_NAD27"),
        ("lon", "lat"),
        ("long_orig", "lat_orig"),
    ]


def test_a_local_grid_is_no_position_unless_asked_for():
    columns = ["Mine_East", "Mine_North"]

    assert position_pairs(columns) == []
    assert position_pairs(columns, local=True)[0].x == "Mine_East"


@pytest.mark.parametrize(
    ("x", "y", "epsg"),
    [
        ("MGA94_50_E", "MGA94_50_N", 28350),
        ("MGA50_East", "MGA50_North", 28350),
        ("Easting (MGA Zone 51)", "Northing (MGA Zone 51)", 28351),
        ("MGA2020_Z55_E", "MGA2020_Z55_N", 7855),
        ("E_AMG66_55", "N_AMG66_55", 20255),
        ("UTM_E_35N", "UTM_N_35N", 32635),
        ("X WGS84 UTM 36S", "Y WGS84 UTM 36S", 32736),
        ("Easting UTM 50J", "Northing UTM 50J", 32750),
        ("ETRS89_UTM35_E", "ETRS89_UTM35_N", 25835),
        ("NAD27_UTM11_E", "NAD27_UTM11_N", 26711),
        ("UTME_NAD83_Z11", "UTMN_NAD83_Z11", 26911),
        ("Este SIRGAS 2000 23S", "Norte SIRGAS 2000 23S", 31983),
        ("Este PSAD56 19S", "Norte PSAD56 19S", 24879),
        ("ETRS-TM35FIN_E", "ETRS-TM35FIN_N", 3067),
        ("SWEREF99_TM_E", "SWEREF99_TM_N", 3006),
        ("BNG_X", "BNG_Y", 27700),
        ("X_28350", "Y_28350", 28350),
        ("X EPSG:2154", "Y EPSG:2154", 2154),
        ("Long (X) 4326", "Lat (Y) 4326", 4326),
        ("LONG_NAD27", "LAT_NAD27", 4267),
        ("Lon GDA94", "Lat GDA94", 4283),
        ("UTM50E", "UTM50N", None),
        ("Est_UTM50", "Nord_UTM50", None),
        ("EASTING_GDA2020", "NORTHING_GDA2020", None),
        ("X_2019", "Y_2019", None),
        ("Easting", "Northing", None),
    ],
)
def test_the_crs_of_headers(x, y, epsg):
    [pair] = position_pairs([x, y])

    crs = crs_of_words(crs_words_of_pair(x, y), degrees=pair.kind == "degrees")

    assert (None if crs is None else crs.to_epsg()) == epsg


@pytest.mark.parametrize(
    ("cell", "zone", "south"),
    [
        ("50", 50, None),
        ("50.0", 50, None),
        ("50J", 50, True),
        ("50 S", 50, True),
        ("18N", 18, False),
        ("UTM 50S", 50, True),
        ("Zone 50", 50, None),
        ("MGA50", 50, True),
        ("MGA94_50", 50, True),
        ("WGS84 / UTM zone 50 South", 50, True),
        ("oxide", None, None),
        ("1999", None, None),
    ],
)
def test_cells_of_zones(cell, zone, south):
    words = crs_words(cell, cell=True)

    assert (words.zone, words.south) == (zone, south)


@pytest.mark.parametrize("code", [28350, 7850, 32750, 32635, 25835, 26911, 26711, 31983, 28415])
def test_the_words_of_a_zone_lead_back_to_its_crs(code):
    from pyproj import CRS

    words = words_of_crs(CRS.from_epsg(code))

    assert words is not None
    assert crs_of_words(words, degrees=False).to_epsg() == code


@pytest.mark.parametrize("code", [3067, 27700, 3857, 2227])
def test_a_crs_without_zones_has_no_words(code):
    from pyproj import CRS

    assert words_of_crs(CRS.from_epsg(code)) is None


def test_columns_of_zones_and_datums():
    zones = ["Zone", "UTM_Zone", "MGA Zone", "Huso", "utmZone", "Zone_No", "зона", "带号"]
    datums = ["Datum", "NAT_Grid_ID", "CRS", "epsg", "Coord_Sys", "坐标系", "GridID"]

    assert all(map(describes_zone, zones))
    assert all(map(describes_datum, datums))
    assert not any(map(describes_zone, ["Zone_type", "Alteration zone", "Zn", "Ozone"]))
    assert not any(map(describes_datum, ["datum_orig", "Date", "Grid_spacing", "Project"]))


def test_units_and_sides_of_headers():
    [feet], [metres] = position_pairs(["X_ft", "Y_ft"]), position_pairs(["X_m", "Y_m"])

    assert (unit_of(feet), unit_of(metres)) == ("feet", "")
    sides = ["Longitude W", "Long (West)", "Latitud Sur", "Lat S", "Longitude", "Lat_N"]
    assert [side_of(c) for c in sides] == ["W", "W", "S", "S", "", ""]
