import sqlite3
import xml.etree.ElementTree as ElementTree
from contextlib import closing

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import pytest
import shapely
from affine import Affine
from pyproj import CRS

from orecast.errors import RunError
from orecast.grid import Grid
from orecast.targets import COLUMNS, KnownDeposits, Rule, delineate, over_cells, write_targets

UTM = CRS("EPSG:32645")


EXTRA = ("hit_share", "conformal_p", "applicable_share", "probability")


def some_targets(classes=(1, 0, 2, 0, 3), deposits=True, **more):
    classes = np.array([classes, classes])
    score = np.select([classes == 1, classes == 2, classes == 3], [0.9, 0.7, 0.5], np.nan)
    grid = Grid(UTM, Affine(500, 0, 430000, 0, -500, 4700000), classes.shape)
    return delineate(
        score,
        grid,
        Rule(spacing=10, smallest=1, largest=9, fall=0.2, prominence=0),
        thresholds=(0.9, 0.7, 0.5),
        deposits=KnownDeposits.of(some_deposits() if deposits else None, grid, ["Мыс", "北山"]),
        near=10.0,
        most=50,
        reasons=lambda areas: ["Au high (+0.12)", "", ""][: len(areas)],
        **more,
    )


def some_deposits(crs=UTM):
    frame = gpd.GeoDataFrame(
        {"name": ["Мыс", "北山"], "commodity": ["Au", None]},
        geometry=shapely.points([(430700, 4699700), (431000, 4699000)]),
        crs=UTM,
    )
    return frame.to_crs(crs)


def styles(path):
    with closing(sqlite3.connect(path)) as database:
        return pd.read_sql("SELECT * FROM layer_styles", database).set_index("f_table_name")


def test_layers_come_back_as_they_were(tmp_path):
    targets = some_targets()
    write_targets(targets, some_deposits(), tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["targets.csv", "targets.gpkg"]
    path = tmp_path / "targets.gpkg"
    back = gpd.read_file(path, layer="targets")
    assert back.crs == UTM
    assert tuple(back.columns) == (*COLUMNS, "geometry")
    assert back.geometry.geom_equals(targets.geometry).all()
    pd.testing.assert_frame_equal(
        pd.DataFrame(back[list(COLUMNS)]), pd.DataFrame(targets[list(COLUMNS)]), check_dtype=False
    )
    deposits = gpd.read_file(path, layer="deposits")
    assert deposits["name"].tolist() == ["Мыс", "北山"]
    assert deposits.geometry.geom_equals(some_deposits().geometry).all()


def test_geometry_types_and_layers(tmp_path):
    write_targets(some_targets(), some_deposits(), tmp_path)
    layers = dict(pyogrio.list_layers(tmp_path / "targets.gpkg").tolist())
    assert layers == {"targets": "MultiPolygon", "deposits": "Point", "layer_styles": None}


def test_deposits_are_written_in_the_targets_crs(tmp_path):
    write_targets(some_targets(), some_deposits("EPSG:4326"), tmp_path)
    deposits = gpd.read_file(tmp_path / "targets.gpkg", layer="deposits")
    assert deposits.crs == UTM
    assert shapely.get_x(deposits.geometry).tolist() == pytest.approx([430700, 431000], abs=1e-3)


def test_style_table_is_as_qgis_writes_it(tmp_path):
    write_targets(some_targets(), some_deposits(), tmp_path)
    with closing(sqlite3.connect(tmp_path / "targets.gpkg")) as database:
        columns = [row[1] for row in database.execute("PRAGMA table_info(layer_styles)")]
        registered = database.execute(
            "SELECT data_type FROM gpkg_contents WHERE table_name = 'layer_styles'"
        ).fetchall()
        intact = database.execute("PRAGMA integrity_check").fetchone()
    assert columns == [
        "id",
        "f_table_catalog",
        "f_table_schema",
        "f_table_name",
        "f_geometry_column",
        "styleName",
        "styleQML",
        "styleSLD",
        "useAsDefault",
        "description",
        "owner",
        "ui",
        "update_time",
    ]
    assert registered == [("attributes",)]
    assert intact == ("ok",)


def test_each_layer_has_a_default_style_for_its_own_geometry(tmp_path):
    write_targets(some_targets(), some_deposits(), tmp_path)
    found = styles(tmp_path / "targets.gpkg")
    assert sorted(found.index) == ["deposits", "targets"]
    with closing(sqlite3.connect(tmp_path / "targets.gpkg")) as database:
        geometry = dict(
            database.execute("SELECT table_name, column_name FROM gpkg_geometry_columns")
        )
    for layer, row in found.iterrows():
        assert row["f_geometry_column"] == geometry[layer]
        assert row["useAsDefault"] == 1
        assert (row["f_table_catalog"], row["f_table_schema"]) == ("", "")
        assert row["update_time"].endswith("Z")


def test_targets_are_coloured_by_class_and_labelled_by_rank(tmp_path):
    write_targets(some_targets(), some_deposits(), tmp_path)
    qml = ElementTree.fromstring(styles(tmp_path / "targets.gpkg")["styleQML"]["targets"])
    renderer = qml.find("renderer-v2")
    assert renderer.get("type") == "categorizedSymbol"
    assert renderer.get("attr") == ('CASE WHEN "ground" = \'new\' THEN "class" ELSE "ground" END')
    assert qml.get("labelsEnabled") == "1"
    label = qml.find("labeling/settings/text-style")
    assert label.get("isExpression") == "1"
    assert label.get("fieldName") == 'CASE WHEN "ground" = \'new\' THEN "rank" END'
    symbols = {s.get("name"): s for s in renderer.iterfind("symbols/symbol")}
    colours = {}
    for category in renderer.iterfind("categories/category"):
        symbol = symbols[category.get("symbol")]
        assert symbol.get("type") == "fill"
        option = symbol.find("layer/Option/Option[@name='color']")
        colours[category.get("value")] = [int(v) for v in option.get("value").split(",")][:3]
    assert list(colours) == ["A", "B", "C", "extension", "known"]
    assert colours["A"][1] < colours["B"][1] < colours["C"][1]  # red, orange, yellow
    assert all(colours[c][0] > 200 and colours[c][2] < 130 for c in "ABC")
    assert colours["extension"] == colours["known"] == [120, 120, 120]


def test_every_column_has_a_readable_name_in_qgis(tmp_path):
    write_targets(some_targets(), some_deposits(), tmp_path)
    qml = ElementTree.fromstring(styles(tmp_path / "targets.gpkg")["styleQML"]["targets"])
    aliases = {a.get("field"): a.get("name") for a in qml.iterfind("aliases/alias")}
    assert tuple(aliases) == (*COLUMNS, *EXTRA)
    assert all(name[0].isupper() for name in aliases.values())
    assert "Fields" in qml.get("styleCategories").split("|")


def test_further_columns_come_back_from_both_files(tmp_path):
    values = np.array([[1, 0, 0.25, 0, 1 / 3]] * 2)
    targets = some_targets(extra={name: over_cells(values) for name in EXTRA})
    write_targets(targets, some_deposits(), tmp_path)
    back = gpd.read_file(tmp_path / "targets.gpkg", layer="targets")
    table = pd.read_csv(tmp_path / "targets.csv")
    assert tuple(table.columns) == (*COLUMNS, *EXTRA)
    for name in EXTRA:
        assert back[name].tolist() == [1, 0.25, 1 / 3]
        assert table[name].tolist() == [1, 0.25, 0.3333]


def test_without_deposits_the_columns_stand_and_the_distances_are_empty(tmp_path):
    write_targets(some_targets(deposits=False), None, tmp_path)
    table = pd.read_csv(tmp_path / "targets.csv")
    assert tuple(table.columns) == COLUMNS
    assert table["nearest_deposit_km"].isna().all()
    back = gpd.read_file(tmp_path / "targets.gpkg", layer="targets")
    assert back["nearest_deposit_km"].isna().all()
    assert len(gpd.read_file(tmp_path / "targets.gpkg", layer="deposits")) == 0


def test_deposits_are_drawn_as_points(tmp_path):
    write_targets(some_targets(), some_deposits(), tmp_path)
    qml = ElementTree.fromstring(styles(tmp_path / "targets.gpkg")["styleQML"]["deposits"])
    renderer = qml.find("renderer-v2")
    assert renderer.get("type") == "singleSymbol"
    assert renderer.find("symbols/symbol").get("type") == "marker"


def test_the_table_has_the_same_columns_and_both_kinds_of_coordinates(tmp_path):
    targets = some_targets()
    write_targets(targets, some_deposits(), tmp_path)
    table = pd.read_csv(tmp_path / "targets.csv", keep_default_na=False, na_values=[""])
    assert tuple(table.columns) == COLUMNS
    assert table["rank"].tolist() == [1, 2, 3]
    assert table["class"].tolist() == ["A", "B", "C"]
    assert table["area_km2"].tolist() == [0.5, 0.5, 0.5]
    assert table["reasons"].tolist()[0] == "Au high (+0.12)"
    assert table["x"].tolist() == targets["x"].tolist()
    np.testing.assert_allclose(table["lon"], targets["lon"], atol=5e-7)
    np.testing.assert_allclose(table["score_mean"], targets["score_mean"], atol=5e-5)


@pytest.mark.parametrize("deposits", [None, some_deposits(), some_deposits()[:0]])
def test_no_targets_still_give_valid_styled_files(tmp_path, deposits):
    write_targets(some_targets((0, 0, 0)), deposits, tmp_path)
    path = tmp_path / "targets.gpkg"
    empty = gpd.read_file(path, layer="targets")
    assert len(empty) == 0
    assert empty.crs == UTM
    assert set(COLUMNS) <= set(empty.columns)
    assert dict(pyogrio.list_layers(path).tolist())["targets"] == "MultiPolygon"
    written = gpd.read_file(path, layer="deposits")
    assert len(written) == (0 if deposits is None else len(deposits))
    assert written.crs == UTM
    assert sorted(styles(path).index) == ["deposits", "targets"]
    assert (tmp_path / "targets.csv").read_text().strip() == ",".join(COLUMNS)


def test_columns_that_a_geopackage_cannot_hold_are_renamed(tmp_path):
    deposits = some_deposits()
    deposits = deposits.assign(fid=7, NAME="again", geom="text", mixed=["a", 2])
    deposits[3] = 1.5
    write_targets(some_targets(), deposits, tmp_path)
    back = gpd.read_file(tmp_path / "targets.gpkg", layer="deposits")
    assert back["fid_2"].tolist() == [7, 7]
    assert back["NAME_2"].tolist() == ["again", "again"]
    assert back["geom_2"].tolist() == ["text", "text"]
    assert back["mixed"].tolist() == ["a", "2"]
    assert back["3"].tolist() == [1.5, 1.5]


def test_writing_again_replaces_what_was_there(tmp_path):
    write_targets(some_targets(), some_deposits(), tmp_path)
    write_targets(some_targets((1, 0, 0)), some_deposits()[:1], tmp_path)
    path = tmp_path / "targets.gpkg"
    assert len(gpd.read_file(path, layer="targets")) == 1
    assert len(gpd.read_file(path, layer="deposits")) == 1
    assert len(styles(path)) == 2


def test_an_unwritable_folder_is_one_error(tmp_path):
    with pytest.raises(RunError, match=r"nowhere.*cannot be written"):
        write_targets(some_targets(), None, tmp_path / "nowhere")
