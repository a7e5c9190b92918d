"""Coordinates are read as people write them, or refused with the rows."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from orecast.errors import InputError
from orecast.survey.coordinates import read_coordinates, read_wkt
from orecast.survey.tables import InputTable


def coordinates(texts, direction="x", degrees=True, decimal=".", header="column", **options):
    cells = pd.Series(texts, index=range(2, len(texts) + 2), name=header)
    table = InputTable(Path("a.csv"), pd.DataFrame({header: cells}), decimal=decimal)
    missing = options.pop("missing", (-9999, ""))
    found = read_coordinates(cells, table, missing, direction, degrees=degrees, **options)
    return found.values.tolist()


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("116°14'19.8\"E", 116 + 14 / 60 + 19.8 / 3600),
        ("116 14 19.8 E", 116 + 14 / 60 + 19.8 / 3600),
        ("116º 14’ 19.8’’ E", 116 + 14 / 60 + 19.8 / 3600),
        ("116:14:19.8", 116 + 14 / 60 + 19.8 / 3600),
        ("-70-17-10", -(70 + 17 / 60 + 10 / 3600)),
        ("070-17-10W", -(70 + 17 / 60 + 10 / 3600)),
        ("116d14m19sE", 116 + 14 / 60 + 19 / 3600),
        ("116 deg 14 min 19 sec E", 116 + 14 / 60 + 19 / 3600),
        ("E 116° 12.5'", 116 + 12.5 / 60),
        ("W70° 12,5'", -(70 + 12.5 / 60)),
        ("70.25 W", -70.25),
        ("116.25°", 116.25),
        ("87°30′15″ в.д.", 87 + 30 / 60 + 15 / 3600),
        ("东经 114°30′", 114.5),
        ("70°30' Oeste", -70.5),
        ("7°30' Ost", 7.5),
        ("116°14'60\"E", 116.25),
    ],
)
def test_longitudes(text, value):
    assert coordinates([text]) == [pytest.approx(value, abs=1e-9)]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("30°15'34.55\"S", -(30 + 15 / 60 + 34.55 / 3600)),
        ("S 30° 12.5'", -(30 + 12.5 / 60)),
        ("30-12-45N", 30.2125),
        ("30d12m45s", 30.2125),
        ("30d12m45sS", -30.2125),
        ("30.5s", -30.5),
        ("-30.5 S", -30.5),
        ("10°30' ю.ш.", -10.5),
        ("北纬30°30′", 30.5),
        ("22°30' Sur", -22.5),
    ],
)
def test_latitudes(text, value):
    assert coordinates([text], "y") == [pytest.approx(value, abs=1e-9)]


@pytest.mark.parametrize(
    ("texts", "decimal", "values"),
    [
        (["421,027.8", "999.5"], ".", [421027.8, 999.5]),
        (["421,027", "6,652,163"], ".", [421027, 6652163]),
        (["6.652.163,5", "421.027,25"], ".", [6652163.5, 421027.25]),
        (["6.652.163", "421.027"], ",", [6652163, 421027]),
        (["6 652 163,5"], ",", [6652163.5]),
        (["6\u00a0652\u202f163.5"], ".", [6652163.5]),
        (["421'027.8"], ".", [421027.8]),
        (["421027,8"], ".", [421027.8]),
        (["421027 mE", "421028mE"], ".", [421027, 421028]),
        (["421027E"], ".", [421027]),
        (["421027.5 m", "4.21e5"], ".", [421027.5, 421000]),
    ],
)
def test_metres(texts, decimal, values):
    assert coordinates(texts, degrees=False, decimal=decimal) == values


def test_degrees_keep_three_decimals_with_a_comma():
    assert coordinates(["48,583", "48,601"]) == [48.583, 48.601]


@pytest.mark.parametrize("word", ["", "n.a.", "NA", "unknown", "-", "lost"])
def test_no_position_is_missing(word):
    found = coordinates(["116.5", word], missing=("lost", -9999))

    assert found[0] == 116.5
    assert np.isnan(found[1])


@pytest.mark.parametrize(
    ("header", "texts", "sign"),
    [
        ("Länge", ["12°30'O"], 1),
        ("Ost", ["12°30'O"], 1),
        ("Longitud", ["12°30'O"], -1),
        ("Longitudine", ["12°30'O"], -1),
        ("Longitude", ["12°30'O", "12°30'E"], -1),
        ("Longitude", ["12°30'O", "12°30'W"], 1),
    ],
)
def test_the_letter_o_is_read_by_the_language_and_the_other_letters(header, texts, sign):
    assert coordinates(texts, header=header)[0] == sign * 12.5


@pytest.mark.parametrize(
    ("texts", "says"),
    [
        (["116°14'", "see map", "?", "north of camp"], "row 3, column 'column': text .*'see map'"),
        (["116°75'10\"E"], "116°75"),
        (["12°30'O"], "write E or W"),
        (["-12°30'E"], "-12°30'E"),
        (["12°30'N"], "longitudes have the letters N.*exchange x and y"),
    ],
)
def test_what_is_no_coordinate_is_refused(texts, says):
    with pytest.raises(InputError, match=says):
        coordinates(texts)


def test_all_unread_rows_are_in_one_message():
    with pytest.raises(InputError, match=r"in 2 further rows: 4, 5"):
        coordinates(["116.5", "a", "b", "c"])


def test_degrees_among_metres_are_refused():
    with pytest.raises(InputError, match="88E"):
        coordinates(["421027", "88E"], degrees=False)


def points(texts):
    cells = pd.Series(texts, index=range(2, len(texts) + 2), name="WKT")
    return read_wkt(cells, InputTable(Path("a.csv"), pd.DataFrame({"WKT": cells})))


@pytest.mark.parametrize(
    ("text", "xy", "code"),
    [
        ("POINT (421027.8 6652163.5)", [421027.8, 6652163.5], None),
        ("Point(421027.8 6652163.5)", [421027.8, 6652163.5], None),
        ("POINT Z (421027.8 6652163.5 310)", [421027.8, 6652163.5], None),
        ("PointZ (421027.8 6652163.5 310)", [421027.8, 6652163.5], None),
        ("SRID=28350;POINT(421027.8 6652163.5)", [421027.8, 6652163.5], 28350),
        ("MULTIPOINT ((-70.5 -22.25))", [-70.5, -22.25], None),
        ("POINT (1e3 -2.5E2)", [1000, -250], None),
    ],
)
def test_points_in_wkt(text, xy, code):
    found, srid = points([text, None, "POINT EMPTY"])

    assert found[0].tolist() == xy
    assert np.isnan(found[1:]).all()
    assert srid == code


@pytest.mark.parametrize(
    ("texts", "says"),
    [
        (["LINESTRING (1 2, 3 4)"], "LINESTRING.*Centroids"),
        (["POINT (1 2)", "POLYGON ((1 2, 3 4, 5 6, 1 2))"], "row 3.*POLYGON"),
        (["POINT (1 2)", "somewhere"], "'somewhere'"),
        (["MULTIPOINT ((1 2), (3 4))"], "MULTIPOINT"),
        (["SRID=4326;POINT(1 2)", "SRID=28350;POINT(1 2)"], "SRID 4326, 28350"),
    ],
)
def test_wkt_that_is_no_point_is_refused(texts, says):
    with pytest.raises(InputError, match=says):
        points(texts)
