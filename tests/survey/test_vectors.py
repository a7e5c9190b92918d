import json
import re
import shutil
import sqlite3
import struct
import zipfile
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import pyproj
import pytest
from shapely.geometry import (
    GeometryCollection,
    LineString,
    MultiLineString,
    MultiPoint,
    MultiPolygon,
    Point,
    Polygon,
    box,
)

from orecast.config import Vectors
from orecast.errors import InputError
from orecast.grid import Bounds
from orecast.survey import Findings, propose
from orecast.survey.data import Region
from orecast.survey.tables import InputTable
from orecast.survey.vectors import matching, read_frame, read_layer

CRS = "EPSG:32645"
PARTS = (".dbf", ".prj", ".shp", ".shx")


@pytest.fixture
def shapefile(tmp_path):
    """Twenty points with a name each."""
    points = [Point(500_000 + 10 * i, 4_500_000 + i) for i in range(20)]
    frame = gpd.GeoDataFrame({"name": [f"Ärz {i}" for i in range(20)]}, geometry=points, crs=CRS)
    frame.to_file(tmp_path / "p.shp", encoding="utf-8")
    return tmp_path / "p.shp"


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("share", [0.0, 0.01, 0.1, 0.5, 0.9, 0.99])
def test_a_part_of_a_shapefile_that_is_cut_is_refused_by_its_name(shapefile, part, share):
    file = shapefile.with_suffix(part)
    content = file.read_bytes()
    file.write_bytes(content[: int(share * len(content))])

    if part == ".prj" and share < 0.02:
        assert read_frame(shapefile, None).crs is None
        return
    name = "p.shp: its CRS" if part == ".prj" else re.escape(file.name)
    with pytest.raises(InputError, match=rf"{name}.*Remedy: "):
        read_frame(shapefile, None)


def test_the_last_byte_of_the_table_is_no_row(shapefile):
    table = shapefile.with_suffix(".dbf")
    table.write_bytes(table.read_bytes()[:-1])  # the end mark that dBASE writes

    assert read_frame(shapefile, None)["name"].iloc[-1] == "Ärz 19"


@pytest.mark.parametrize(
    ("part", "at", "fewer", "says"),
    [
        (".dbf", 4, struct.pack("<I", 15), "15 rows do not match the 20 shapes of p.shp"),
        (".dbf", 4, struct.pack("<I", 25), "20 of 25 rows"),
        (".dbf", 10, struct.pack("<H", 0), "p.dbf"),
        (".shx", 24, struct.pack(">i", 50 + 4 * 12), "20 rows do not match the 12 shapes"),
        (".shx", 24, struct.pack(">i", 50 + 4 * 25), "20 of 25 shapes"),
        (".shx", 100 + 8 * 19, struct.pack(">i", 10**6), "p.shp: .* 19 of 20 shapes"),
    ],
)
def test_parts_that_claim_other_numbers_are_refused(shapefile, part, at, fewer, says):
    file = shapefile.with_suffix(part)
    content = bytearray(file.read_bytes())
    content[at : at + len(fewer)] = fewer
    file.write_bytes(content)

    with pytest.raises(InputError, match=says):
        read_frame(shapefile, None)


def test_a_missing_index_is_named(shapefile):
    shapefile.with_suffix(".shx").unlink()

    with pytest.raises(InputError, match=r"p\.shx: this file of the shapefile is missing.*copy"):
        read_frame(shapefile, None)


def test_shapes_alone_are_read(shapefile):
    shapefile.with_suffix(".dbf").unlink()

    assert len(read_frame(shapefile, None)) == 20


def test_deleted_rows_shapes_without_a_place_and_upper_case_are_no_damage(tmp_path):
    points = [Point(1, 1), None, Point(3, 3), Point(4, 4)]
    gpd.GeoDataFrame({"n": range(4)}, geometry=points, crs=CRS).to_file(tmp_path / "p.shp")
    (tmp_path / "p.shp.xml").write_text("<metadata/>")
    (tmp_path / "p.old.dbf").write_text("another file")
    table = bytearray((tmp_path / "p.dbf").read_bytes())
    start, size = struct.unpack_from("<8xHH", table)
    table[start + 3 * size] = ord("*")
    (tmp_path / "p.dbf").write_bytes(table)
    for part in PARTS:
        (tmp_path / f"p{part}").rename(tmp_path / f"p{part.upper()}")

    frame = read_frame(tmp_path / "p.SHP", None)

    assert frame["n"].tolist() == [0, 1, 2]
    assert frame.geometry.isna().tolist() == [False, True, False]


@pytest.mark.parametrize("encoding", ["nonsense", "", "65001", "UTF-16", "GBK", "CP1252"])
def test_a_wrong_encoding_loses_no_shape(shapefile, encoding):
    shapefile.with_suffix(".cpg").write_text(encoding)

    assert len(read_frame(shapefile, None)) == 20


def test_texts_in_another_encoding_than_stated_point_to_the_cpg(shapefile):
    table = shapefile.with_suffix(".dbf")
    table.write_bytes(table.read_bytes().replace("Ä".encode(), b"\xc4 "))

    with pytest.raises(InputError, match=r"p\.shp: its text.*correct or delete the \.cpg"):
        read_frame(shapefile, None)
    shapefile.with_suffix(".cpg").unlink()
    assert len(read_frame(shapefile, None)) == 20


@pytest.mark.parametrize("text", ['PROJCS["x"', "GEOGCS[]", "PROJCS["])
def test_a_damaged_crs_is_named_and_can_be_left_out(shapefile, text):
    shapefile.with_suffix(".prj").write_text(text)
    with pytest.raises(InputError, match=r"p\.shp: .*(delete|no coordinate)"):
        _points(shapefile)

    shapefile.with_suffix(".prj").unlink()
    assert len(_points(shapefile, crs=CRS)) == 20


@pytest.mark.parametrize("suffix", ["gpkg", "geojson", "fgb", "gml"])
def test_other_vector_files_that_are_cut_are_refused_by_their_name(shapefile, suffix):
    whole, part = (shapefile.with_name(f"{name}.{suffix}") for name in ("whole", "part"))
    read_frame(shapefile, None).to_file(whole)
    content = whole.read_bytes()
    for share in (0.01, 0.2, 0.5, 0.8, 0.99):
        part.write_bytes(content[: int(share * len(content))])
        with pytest.raises(InputError, match=rf"part\.{suffix}"):
            read_frame(part, None)


@pytest.mark.parametrize("suffix", ["gml", "fgb", "gpkg"])
def test_reading_leaves_no_file_beside(shapefile, suffix):
    """GDAL goes by what a file holds, not by its name."""
    gml = shapefile.with_name("a.gml")
    read_frame(shapefile, None).to_file(gml)
    gml.with_suffix(".xsd").unlink()
    path = gml.rename(gml.with_suffix(f".{suffix}"))
    before = sorted(gml.parent.iterdir())

    assert len(read_frame(path, None)) == 20
    with pytest.raises(InputError, match="no table with 3 elements"):
        propose([path], path.parent)
    assert sorted(gml.parent.iterdir()) == before


def test_a_description_of_the_users_own_is_kept(shapefile):
    gml = shapefile.with_name("a.gml")
    read_frame(shapefile, None).to_file(gml)
    gml.with_suffix(".xsd").unlink()
    pyogrio.list_layers(gml)
    description = gml.with_suffix(".gfs").read_bytes()

    assert len(read_frame(gml, None)) == 20
    assert gml.with_suffix(".gfs").read_bytes() == description


@pytest.mark.parametrize("name", ["../../x", "[/b]", "<script>alert(1)</script>", "a'b", "$x$"])
def test_a_layer_is_read_whatever_its_name_and_nothing_is_written(shapefile, name):
    path = shapefile.with_suffix(".gpkg")
    read_frame(shapefile, None).to_file(path)
    with sqlite3.connect(path) as base:
        for (trigger,) in _triggers(base):
            base.execute(f'DROP TRIGGER "{trigger}"')
        base.execute(f'ALTER TABLE p RENAME TO "{name}"')
        for table in ("gpkg_contents", "gpkg_geometry_columns"):
            base.execute(f"UPDATE {table} SET table_name = ?", (name,))
    shutil.copytree(path.parent, path.parent / "a" / "b")
    before = {p: p.read_bytes() for p in path.parent.rglob("*") if p.is_file()}

    assert len(_points(path.parent / "a" / "b" / path.name, layer=name)) == 20
    assert {p: p.read_bytes() for p in path.parent.rglob("*") if p.is_file()} == before


def test_lists_and_objects_of_a_geojson_are_text(shapefile):
    path = shapefile.with_suffix(".geojson")
    features = [
        {
            "type": "Feature",
            "properties": {"list": ["Au", "Cu"], "object": {"x": i}, "none": None, "n": i},
            "geometry": {"type": "Point", "coordinates": [i, 1]},
        }
        for i in range(3)
    ]
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))

    frame = read_frame(path, None)

    assert frame["object"].tolist() == ["{'x': 0}", "{'x': 1}", "{'x': 2}"]
    assert frame["list"].nunique() == 1
    assert frame["none"].isna().all()
    assert frame["n"].tolist() == [0, 1, 2]


def test_a_filter_passes_over_a_number_that_is_too_large():
    frame = pd.DataFrame({"grade": np.array([10**400, 2, 3, 4], dtype=object)})

    kept = matching(InputTable(Path("a.csv"), frame), {"grade": [2.0, 3.0]}, "deposits.where")

    assert kept.tolist() == [False, True, True, False]


def _triggers(base):
    return base.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall()


def _points(path, **options):
    everywhere = Bounds(-np.inf, -np.inf, np.inf, np.inf)
    region = Region(gpd.GeoSeries(crs=CRS).crs, everywhere)
    vectors = Vectors(path=path, **options)
    return read_layer(vectors, "point", "faults", "the faults", region, Findings())


LINE = LineString([(500_000, 4_500_000), (501_000, 4_502_000)])
SQUARE = box(500_000, 4_500_000, 502_000, 4_503_000)
SPIKED = Polygon(
    [
        *((500_000, 4_500_000), (502_000, 4_500_000), (502_000, 4_502_000), (503_000, 4_503_000)),
        *((502_000, 4_502_000), (500_000, 4_502_000)),
    ]
)


def written(path, geometries, crs=CRS):
    names = [f"unit {k % 3}" for k in range(len(geometries))]
    frame = gpd.GeoDataFrame({"unit": names}, geometry=geometries, crs=crs)
    frame.to_file(path, layer="layer")
    return path


def layer_of(path, shape, **options):
    findings = Findings()
    region = Region(pyproj.CRS(CRS), Bounds(499_000, 4_499_000, 510_000, 4_510_000))
    frame = read_layer(Vectors(path=path, **options), shape, "geology", "these", region, findings)
    return frame, findings


@pytest.mark.parametrize(
    ("stray", "kind"),
    [
        ([LINE], "1 LineString"),
        ([Point(501_000, 4_501_000)] * 2, "2 Point"),
        ([MultiLineString([LINE])], "1 MultiLineString"),
        ([GeometryCollection([LINE, Point(501_000, 4_501_000)])], "1 GeometryCollection"),
        ([MultiPoint([(501_000, 4_501_000)]), LINE], "1 LineString"),
    ],
)
def test_polygons_are_kept_and_stray_geometries_counted(tmp_path, stray, kind):
    path = written(tmp_path / "rocks.gpkg", [SQUARE, SQUARE, *stray])

    frame, findings = layer_of(path, "polygon")

    assert len(frame) == 2
    (finding,) = findings.of("other-geometries")
    assert kind in finding.what
    assert finding.data["features"] == [3 + k for k in range(len(stray))]


@pytest.mark.parametrize(
    "odd",
    [
        SPIKED,
        GeometryCollection([SQUARE, LINE]),
        GeometryCollection([MultiPolygon([SQUARE]), Point(0, 0)]),
        GeometryCollection([GeometryCollection([SQUARE]), LINE]),
        Polygon([(500_000, 4_500_000), (502_000, 4_502_000), (502_000, 4_500_000),
                 (500_000, 4_502_000)]),
    ],
)  # fmt: skip
def test_the_polygon_part_of_a_collection_or_a_repair_is_kept(tmp_path, odd):
    path = written(tmp_path / "rocks.gpkg", [SQUARE, odd])

    frame, findings = layer_of(path, "polygon")

    assert len(frame) == 2
    assert set(frame.geom_type) <= {"Polygon", "MultiPolygon"}
    assert frame.geometry.is_valid.all()
    assert (frame.area > 0).all()
    assert not findings.of("other-geometries")


@pytest.mark.parametrize(
    ("suffix", "stray"),
    [
        (".gpkg", [SQUARE, None]),
        (".geojson", [SQUARE, None]),
        (".gml", []),
        (".fgb", [LineString([(501_000, 4_500_000, 0), (500_000, 4_502_000, 7)])]),
        (".gdb", []),
    ],
)
def test_lines_in_three_dimensions_beside_others(tmp_path, suffix, stray):
    up = LineString([(500_000, 4_500_000, 12), (501_000, 4_502_000, 700)])
    path = written(tmp_path / f"faults{suffix}", [up, up, *stray])

    frame, findings = layer_of(path, "line", crs=CRS if suffix == ".geojson" else None)

    assert len(frame) == 3 if suffix == ".fgb" else 2
    assert not frame.geometry.has_z.any()
    assert len(findings.of("other-geometries")) == (SQUARE in stray)
    assert len(findings.of("no-geometry")) == (None in stray)


@pytest.mark.parametrize(
    ("wkt", "shape"),
    [
        ("CIRCULARSTRING (500000 4500000, 501000 4501000, 502000 4500000)", "line"),
        ("COMPOUNDCURVE ((500000 4500000, 501000 4500000), CIRCULARSTRING (501000 4500000, "
         "502000 4501000, 503000 4500000))", "line"),
        ("MULTICURVE ((500000 4500000, 501000 4500000))", "line"),
        ("CURVEPOLYGON (CIRCULARSTRING (500000 4500000, 502000 4500000, 500000 4500000))",
         "polygon"),
        ("MULTISURFACE (((500000 4500000, 501000 4500000, 501000 4501000, 500000 4500000)))",
         "polygon"),
    ],
)  # fmt: skip
def test_curves_are_read_as_lines_and_polygons(tmp_path, wkt, shape):
    (tmp_path / "curve.csv").write_text(f'unit,WKT\nA,"{wkt}"\nB,"{wkt}"\n')
    (tmp_path / "curve.vrt").write_text(
        "<OGRVRTDataSource><OGRVRTLayer name='curve'><SrcDataSource relativeToVRT='1'>curve.csv"
        "</SrcDataSource><GeometryType>wkbUnknown</GeometryType><LayerSRS>EPSG:32645</LayerSRS>"
        "<GeometryField encoding='WKT' field='WKT'/></OGRVRTLayer></OGRVRTDataSource>"
    )

    frame, _ = layer_of(tmp_path / "curve.vrt", shape)

    assert len(frame) == 2


@pytest.mark.parametrize(
    ("geometries", "section"),
    [
        ([LINE, LINE, LINE, SQUARE], "faults"),
        ([LINE, LINE, None, Point(0, 0)], "faults"),
        ([SQUARE, SQUARE, SQUARE, LINE], "geology"),
        ([SQUARE, SQUARE, GeometryCollection([SQUARE, LINE]), None], "geology"),
        ([MultiPolygon([SQUARE]), SQUARE, SQUARE, Point(0, 0), LINE], "geology"),
    ],
)
def test_init_takes_the_majority_of_a_mixed_layer(tmp_path, geometries, section):
    written(tmp_path / "mapped.gpkg", geometries)
    table(tmp_path)

    content, notes = propose([tmp_path], tmp_path)

    assert content[section]["path"] == "mapped.gpkg"
    assert (
        any("ignored 1" in note or "ignored 2" in note for note in notes) or None not in geometries
    )


def table(folder, name="samples.csv"):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        rng.lognormal(2, 1, (30, 4)).round(2), columns=["Cu_ppm", "Zn_ppm", "Pb_ppm", "As_ppm"]
    )
    frame.insert(0, "Easting", 500_000 + 9000 * rng.random(30).round(3))
    frame.insert(1, "Northing", 4_500_000 + 9000 * rng.random(30).round(3))
    frame.to_csv(folder / name, index=False)
    return frame


@pytest.mark.parametrize("damage", ["cut.shp", "cut.gpkg", "cut.geojson", "image.tif", "cut.tif"])
def test_init_goes_on_without_a_file_that_cannot_be_used(district, damage):
    folder = district.folder
    table(folder)
    path = folder / damage
    if damage.endswith(".tif"):
        district.raster(damage, values=np.ones((3, 20, 20))[: 3 if damage == "image.tif" else 1])
        if damage == "cut.tif":
            path.write_bytes(path.read_bytes()[:300])
    else:
        written(path, [LINE, LINE])
        path.write_bytes(path.read_bytes()[:60])

    content, notes = propose([folder], folder)

    assert set(content) == {"samples"}
    assert len([note for note in notes if note.startswith(f"{damage}: ignored")]) == 1


def test_a_geodatabase_is_one_file_for_init(tmp_path):
    table(tmp_path)
    written(tmp_path / "survey.gdb", [LINE, LINE, SQUARE])

    content, _ = propose([tmp_path], tmp_path)

    assert content["faults"]["path"] == "survey.gdb"


def test_shapes_in_three_dimensions_that_gdal_cannot_mix_are_refused_with_a_remedy(tmp_path):
    up = LineString([(500_000, 4_500_000, 12), (501_000, 4_502_000, 700)])
    path = written(tmp_path / "faults.gml", [up, SQUARE])

    with pytest.raises(InputError, match=r"kind of geometry.*Remedy: save it as GeoPackage"):
        read_frame(path, None)


@pytest.mark.parametrize("name", ["f.shp", "f.gpkg", "f.geojson", "f.fgb", "Störungen/f.shp"])
def test_a_layer_in_a_zip_is_read(tmp_path, name):
    inside = tmp_path / "unpacked" / name
    inside.parent.mkdir(parents=True)
    written(inside, [LINE, LINE, LINE])
    (inside.parent / "readme.txt").write_text("fault lines of the north")
    packed = shutil.make_archive(str(tmp_path / "faults 2024"), "zip", tmp_path / "unpacked")

    assert len(read_frame(Path(packed), None)) == 3

    shutil.rmtree(tmp_path / "unpacked")
    table(tmp_path)
    content, _ = propose([tmp_path], tmp_path)
    assert content["faults"]["path"] == "faults 2024.zip"


def test_a_zip_of_several_layers_is_left_out_by_init_with_what_to_do(tmp_path):
    table(tmp_path)
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.writestr("a.gpkg", b"x")
        archive.writestr("b.gpkg", b"x")

    _, notes = propose([tmp_path], tmp_path)

    (note,) = [note for note in notes if note.startswith("all.zip")]
    assert "a.gpkg, b.gpkg" in note
    assert "unpack it" in note


def test_features_without_a_geometry_alone_are_refused(tmp_path):
    line = LineString([(500_000, 4_500_000), (501_000, 4_502_000)])
    path = written(tmp_path / "faults.gpkg", [line, None, line])

    with pytest.raises(InputError, match="no feature has a geometry"):
        layer_of(path, "line", where={"unit": "unit 1"})
