from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from pyproj import Transformer
from shapely.geometry import LineString, box

from orecast.config import parse
from orecast.errors import InputError
from orecast.survey import propose, read_survey

CRS = "EPSG:32645"
WEST, SOUTH, SIDE = 500_000.0, 4_500_000.0, 10_000.0


def test_files_are_told_by_what_they_hold(district):
    district.write()
    district.faults(), district.geology(), district.raster()
    area = gpd.GeoDataFrame(geometry=[box(WEST, SOUTH, WEST + SIDE, SOUTH + SIDE)], crs=CRS)
    area.to_file(district.folder / "outline.geojson")
    files = [p for p in district.folder.iterdir() if p.is_file()]

    table, notes = propose(files, district.folder)

    assert table["samples"]["path"] == "samples.csv"
    assert table["deposits"]["path"] == "deposits.csv"
    assert table["faults"]["path"] == "faults.gpkg"
    assert table["geology"] == {"path": "geology.gpkg", "column": "unit"}
    assert table["area"]["path"] == "outline.geojson"
    assert table["layers"] == [{"path": "magnetics.tif"}]
    assert all(any(p.name in note for note in notes) for p in files)


def test_a_proposal_reads_as_it_stands(district):
    """The CRS of the tables is told by the layer whose extent holds them."""
    district.write()
    district.geology()

    table, notes = propose([district.folder], district.folder)
    survey = read_survey(parse(table, where="run.toml", folder=district.folder))

    assert survey.symbols == ("Au", "Cu", "Fe2O3")
    assert len(survey.deposits) == 4
    assert any("EPSG:32645" in note and "geology.gpkg" in note for note in notes)


def test_a_runs_folder_and_what_is_no_geojson_are_passed_over(district):
    district.write()
    district.geology()
    run = district.folder / "out"
    (run / ".orecast").mkdir(parents=True)
    (run / ".orecast" / "journal.json").write_text("{}")
    (run / "checks.json").write_text("[]")
    (run / "targets.gpkg").write_bytes((district.folder / "geology.gpkg").read_bytes())
    (district.folder / "notes.json").write_text('{"type": "note"}')

    table, notes = propose([district.folder], district.folder)

    assert table["geology"]["path"] == "geology.gpkg"
    assert not any("targets" in note or "json" in note for note in notes)


def test_paths_are_relative_to_the_folder_of_the_configuration(district):
    district.write()
    beside = district.folder / "runs" / "first"
    beside.mkdir(parents=True)

    table, _ = propose([district.folder / "samples.csv", district.folder / "deposits.csv"], beside)

    assert table["samples"]["path"] == "../../samples.csv"
    assert (beside / table["deposits"]["path"]).resolve() == district.folder / "deposits.csv"


def test_an_unknown_crs_is_not_guessed(district):
    district.write()

    table, notes = propose([district.folder], district.folder)

    assert "crs" not in table["samples"]
    assert any("no CRS for its columns 'X' and 'Y'; set crs" in note for note in notes)


def test_degrees_are_read_as_wgs84_and_reported(district):
    to_degrees = Transformer.from_crs(CRS, "EPSG:4326", always_xy=True)
    lon, lat = to_degrees.transform(district.samples["X"], district.samples["Y"])
    district.samples["lon"], district.samples["lat"] = lon, lat
    district.write()

    table, notes = propose([district.folder], district.folder)

    assert table["samples"] == {
        "path": "samples.csv",
        "x": "lon",
        "y": "lat",
        "crs": "EPSG:4326",
    }
    assert any("WGS 84" in note for note in notes)


def test_units_without_a_header_are_estimated_from_the_crust(district):
    rng = np.random.default_rng(1)
    district.samples = district.samples.rename(columns={"Au_ppb": "AU", "Fe2O3 %": "FE2O3"})
    district.samples["AU"] = rng.lognormal(0.5, 0.5, 40)
    district.write()

    table, notes = propose([district.folder], district.folder)

    assert table["samples"]["units"] == {"Au": "ppb", "Fe2O3": "%"}
    assert any("estimated units" in note for note in notes)


def test_the_second_column_of_an_element_is_ignored_and_reported(district):
    district.samples["Au_FA_ppb"] = district.samples["Au_ppb"]
    district.write()

    table, notes = propose([district.folder], district.folder)

    assert table["samples"]["ignore"] == ["Au_FA_ppb"]
    assert any("Au_ppb (40 values, 40 detected) is used, not Au_FA_ppb" in note for note in notes)


@pytest.mark.parametrize(
    ("name", "medium"),
    [("stream_sediments.csv", "stream-sediment"), ("soil-2019.csv", "soil"), ("a.csv", None)],
)
def test_the_medium_is_taken_from_the_file_name(district, name, medium):
    district.write()
    (district.folder / "samples.csv").rename(district.folder / name)

    table, _ = propose([district.folder], district.folder)

    assert table["samples"].get("medium") == medium


def test_rasters_of_elements_are_a_gridded_survey_and_labels_its_deposits(district):
    district.gridded()
    labels = np.zeros((20, 20))
    labels[[3, 9, 15], [4, 10, 16]] = 1
    other = district.folder / "other"
    other.mkdir()
    for name, values in (
        ("Au_deposits.tif", labels),
        ("non_deposits.tif", 1 - labels),
        ("xx.tif", np.arange(400.0).reshape(20, 20)),
        ("gravity.tif", np.arange(400.0).reshape(20, 20) / 7),
        ("terrane.tif", np.tile([1.0, 2.0, 3.0, 4.0], 100).reshape(20, 20)),
    ):
        district.raster(f"other/{name}", values=values)

    table, notes = propose([district.folder], district.folder)

    assert table["gridded"]["path"] == "*.tif"
    assert table["deposits"] == {"path": "other/Au_deposits.tif", "value": 1.0}
    assert table["barren"] == {"path": "other/non_deposits.tif", "value": 0.0}
    assert table["layers"] == [
        {"path": "other/gravity.tif"},
        {"path": "other/terrane.tif", "categories": True},
    ]
    assert any("xx.tif: ignored; it has coordinates" in note for note in notes)
    assert len(read_survey(parse(table, where="t", folder=district.folder)).deposits) == 3


def test_layers_of_a_geopackage_are_distinguished(district):
    district.write()
    path = district.geology()
    faults = gpd.read_file(district.faults())
    faults.to_file(path, layer="fault_lines")
    (district.folder / "faults.gpkg").unlink()

    table, _ = propose([district.folder], district.folder)

    assert table["geology"] == {"path": "geology.gpkg", "layer": "geology", "column": "unit"}
    assert table["faults"] == {"path": "geology.gpkg", "layer": "fault_lines"}


@pytest.mark.parametrize(
    ("names", "says"),
    [
        (["deposits.csv"], "no table with 3 elements"),
        (["absent.csv"], "no such file"),
        ([], "holds no file of a kind that is read"),
        (["empty"], "empty: holds no file of a kind that is read"),
    ],
)
def test_unusable_files_are_refused(district, names, says):
    district.write()
    (district.folder / "empty").mkdir()

    with pytest.raises(InputError, match=says):
        propose([district.folder / name for name in names], Path(district.folder))


def test_without_deposits_a_map_of_anomalies_is_proposed(district):
    district.write()
    district.table["samples"].pop("medium")

    table, notes = propose([district.folder / "samples.csv"], district.folder)
    config = parse(table, where="run.toml", folder=district.folder)

    assert config.deposits is None
    assert config.model.name == "auto"
    (note,) = (n for n in notes if n.startswith("no file has deposits: the run will map"))
    assert notes[-1] == (
        "To decide: samples.csv, in [samples]: "
        'set medium = "soil", "stream-sediment", "till" or "rock"'
    )
    assert "[deposits]" in note
    assert "[held_back]" in note


def test_points_beside_the_samples_leave_the_model_as_it_is(district):
    district.write()

    table, _ = propose([district.folder], district.folder)

    assert "deposits" in table
    assert "model" not in table


def test_the_sheets_of_a_workbook_are_looked_through(district):
    with pd.ExcelWriter(district.folder / "book.xlsx") as book:
        pd.DataFrame({"Certificate": ["of analysis"]}).to_excel(book, sheet_name="Cover")
        pd.DataFrame().to_excel(book, sheet_name="Void")
        district.samples.to_excel(book, sheet_name="Assays", index=False)
        district.deposits.to_excel(book, sheet_name="Known deposits", index=False)
    district.geology()

    table, notes = propose([district.folder], district.folder)

    assert (table["samples"]["path"], table["samples"]["layer"]) == ("book.xlsx", "Assays")
    assert table["deposits"]["layer"] == "Known deposits"
    assert any("sheet 'Assays'" in note and 'layer = "Assays"' in note for note in notes)
    survey = read_survey(parse(table, where="run.toml", folder=district.folder))
    assert (len(survey.samples), len(survey.deposits)) == (40, 4)


def test_a_first_sheet_with_positions_needs_no_layer(district):
    district.write()
    district.samples.to_excel(district.folder / "samples.xlsx", index=False)
    (district.folder / "samples.csv").unlink()

    table, _ = propose([district.folder], district.folder)

    assert "layer" not in table["samples"]


@pytest.mark.parametrize(
    ("column", "values", "says"),
    [
        (
            "commodity",
            None,
            "has Au (3), Cu (1). All are used; to use those with Au alone, set where "
            '= {commodity = "Au"}',
        ),
        ("Main metal", None, 'set where = {"Main metal" = "Au"}'),
        ("commodity", ["Au", "Cu; Au", "gravel", "Au"], 'where = {commodity = ["Au", "Cu; Au"]}'),
        ("Substance", ["Or", "or", "Cuivre", "or"], 'where = {Substance = ["or", "Or"]}'),
        ("Rohstoff", ["Gold", "Kies", "Gold", "Gold"], 'where = {Rohstoff = "Gold"}'),
        (
            "type",
            ["vein", "skarn", "vein", "vein"],
            'use one kind alone, set where = {type = "vein"}',
        ),
        ("commodity", ["Au"] * 4, None),
        ("commodity", ["Au", "Au-Cu", "Cu/Au", "gold"], None),
        ("remarks", None, None),
    ],
)
def test_deposits_are_counted_and_their_kinds_named(district, column, values, says):
    kinds = values or district.deposits.pop("commodity")
    district.deposits = district.deposits.drop(columns="commodity", errors="ignore")
    district.deposits[column] = kinds
    district.write()

    _, notes = propose([district.folder], district.folder)

    assert "deposits.csv: deposits (4 points)" in notes
    asked = [n for n in notes if "All are used" in n]
    assert len(asked) == bool(says)
    assert all(says in n for n in asked)
    assert all(n.startswith("To decide: ") for n in asked) == (column != "type")


def points(district, name, **columns):
    n = len(district.deposits)
    frame = district.deposits[["X", "Y"]].assign(**(columns or {"no": range(n)}))
    frame.to_csv(district.folder / name, index=False)


@pytest.mark.parametrize(
    ("name", "columns", "asked", "used"),
    [
        ("deposits.csv", {}, False, True),
        ("Lagerstätten.csv", {}, False, True),
        ("gites.csv", {}, False, True),
        ("FinGold.csv", {}, False, True),
        ("sites.csv", {"commodity": ["Au"] * 4}, False, True),
        ("points.csv", {}, True, True),
        ("XYZ_2019.csv", {"Name": list("abcd")}, True, True),
        ("villages.csv", {}, False, False),
        ("gauging stations.csv", {}, False, False),
    ],
)
def test_points_that_nothing_names_as_deposits_are_asked_for(district, name, columns, asked, used):
    district.write()
    (district.folder / "deposits.csv").unlink()
    points(district, name, **columns)

    table, notes = propose([district.folder], district.folder)

    assert ("deposits" in table) == used
    assert any("nothing in its names says that its points" in n for n in notes) == asked


def test_named_deposits_come_before_other_points(district):
    district.write()
    points(district, "a_points.csv")
    table, notes = propose([district.folder], district.folder)
    assert table["deposits"]["path"] == "deposits.csv"
    assert not any("nothing in its names" in n for n in notes)


@pytest.mark.parametrize(
    ("name", "columns", "asked", "used"),
    [
        ("faults.gpkg", {}, False, True),
        ("Verwerfungen.gpkg", {}, False, True),
        ("lines.gpkg", {"kind": "thrust"}, False, True),
        ("L2.gpkg", {}, True, True),
        ("roads.gpkg", {}, False, False),
        ("river network.gpkg", {}, False, False),
    ],
)
def test_lines_that_nothing_names_as_faults_are_asked_for(district, name, columns, asked, used):
    district.write()
    line = LineString([(WEST, SOUTH), (WEST + SIDE, SOUTH + SIDE)])
    frame = gpd.GeoDataFrame({"no": [1], **columns}, geometry=[line], crs=CRS)
    frame.to_file(district.folder / name)

    table, notes = propose([district.folder], district.folder)

    assert ("faults" in table) == used
    assert any("nothing in its names says that its lines" in n for n in notes) == asked


def test_faults_come_before_other_lines(district):
    district.write()
    district.faults()
    line = LineString([(WEST, SOUTH), (WEST + SIDE, SOUTH)])
    gpd.GeoDataFrame({"no": [1]}, geometry=[line], crs=CRS).to_file(district.folder / "a.gpkg")
    table, notes = propose([district.folder], district.folder)
    assert table["faults"]["path"] == "faults.gpkg"
    assert not any("nothing in its names" in n for n in notes)


def test_a_second_table_of_samples_is_a_question(district):
    district.write()
    other = district.samples.iloc[:30].rename(columns={"Au_ppb": "Au_ppm"})
    other.to_csv(district.folder / "batch2.csv", index=False)

    table, notes = propose([district.folder], district.folder)

    assert table["samples"]["path"] == "samples.csv"
    [asked] = [n for n in notes if "batch2 has samples too" in n]
    assert asked.startswith("To decide: samples.csv, in [samples]: batch2 has samples too (30 rows")
    assert "set path = 'batch2.csv'" in asked


@pytest.mark.parametrize(
    "content", [b"", b"SQLite format 3\0garbage", b"X,Y,name\n"], ids=["empty", "broken", "no row"]
)
@pytest.mark.parametrize("name", ["deposits.csv", "ore deposits.gpkg"])
def test_a_file_of_deposits_that_cannot_be_read_is_a_question(district, name, content):
    district.write()
    (district.folder / "deposits.csv").unlink()
    (district.folder / name).write_bytes(content)

    _, notes = propose([district.folder], district.folder)

    assert any(n.startswith(f"To decide: {name} cannot be read: ") for n in notes)


def test_questions_name_the_section_of_their_sheet(district):
    path = district.folder / "all.xlsx"
    with pd.ExcelWriter(path) as book:
        district.samples.to_excel(book, sheet_name="Samples", index=False)
        district.deposits.to_excel(book, sheet_name="Deposits", index=False)

    table, notes = propose([path], district.folder)

    assert table["deposits"]["layer"] == "Deposits"
    asked = [n for n in notes if n.startswith("To decide: ")]
    assert any("in [deposits]: column commodity has" in n for n in asked)
    assert any('in [samples]: set medium = "soil"' in n for n in asked)


def test_a_row_far_from_all_others_is_a_question(district):
    rng = np.random.default_rng(0)
    n = 300
    frame = pd.DataFrame({"X": WEST + SIDE * rng.random(n), "Y": SOUTH + SIDE * rng.random(n)})
    for element in ("Au_ppb", "Cu_ppm", "Zn_ppm"):
        frame[element] = rng.lognormal(2, 1, n).round(2)
    frame.loc[5, "Y"] += 90_000
    district.samples = frame
    district.write()

    table, notes = propose([district.folder], district.folder)
    table["samples"]["crs"] = table["deposits"]["crs"] = CRS
    survey = read_survey(parse(table, where="run.toml", folder=district.folder))

    assert any("in [samples]: row 7 lies far from all other samples" in n for n in notes)
    assert survey.findings.of("isolated-samples")[0].data["rows"] == [7]


def test_x_and_y_that_look_like_degrees_are_reported(district):
    district.samples["X"], district.samples["Y"] = np.linspace(87, 88, 40), 41.0
    district.samples.loc[3, "X"] = np.nan
    district.write()

    _, notes = propose([district.folder], district.folder)

    assert any(
        n.startswith("To decide: samples.csv, in [samples]: the table has no CRS")
        and 'degrees; set crs = "EPSG:4326"' in n
        for n in notes
    )
    assert not any(n.startswith("deposits.csv: the CRS") and "degrees" in n for n in notes)


def test_polygons_named_deposits_are_reported(district):
    district.write()
    frame = gpd.read_file(district.geology())
    frame.to_file(district.folder / "gold_deposits.gpkg")
    (district.folder / "geology.gpkg").unlink()

    _, notes = propose([district.folder], district.folder)

    assert any("gold_deposits.gpkg" in n and "must be points" in n for n in notes)


ELEMENTS = ["Au_ppb", "Cu (ppm)", "Fe2O3 %"]


@pytest.mark.parametrize(
    "cell", ["<0.5", "＜0.5", -0.5, 0, 0.0, "n.d.", "bdl", "<LOD", "not detected"]
)
def test_a_survey_in_which_nothing_is_detected_is_refused_with_counts(district, cell):
    district.samples[ELEMENTS] = cell
    district.samples = district.samples.astype(object)
    district.samples.loc[:9, "Au_ppb"] = "NA"
    district.write()

    with pytest.raises(
        InputError, match="3 of 3 elements all values are below detection"
    ) as caught:
        propose([district.folder / "samples.csv"], district.folder)
    assert "samples.csv: " in str(caught.value)
    assert "Au 30 of 30, Cu 40 of 40, Fe2O3 40 of 40. Remedy: use" in str(caught.value)


def test_marks_are_counted_with_a_decimal_comma_and_in_a_geopackage(district):
    table = district.samples
    table[ELEMENTS] = "<0,5"
    table.to_csv(district.folder / "samples.csv", index=False, sep=";", decimal=",")
    points = gpd.GeoDataFrame(table, geometry=gpd.points_from_xy(table["X"], table["Y"]), crs=CRS)
    points[ELEMENTS] = "<0.5"
    points.drop(columns=["X", "Y"]).to_file(district.folder / "samples.gpkg")

    for name in ("samples.csv", "samples.gpkg"):
        with pytest.raises(InputError, match=rf"{name}: .*Au 40 of 40"):
            propose([district.folder / name], district.folder)


def test_one_detected_value_is_enough(district):
    district.samples[ELEMENTS] = "<0.5"
    district.samples.loc[7, "Fe2O3 %"] = "0.6"
    district.write()

    table, _ = propose([district.folder / "samples.csv"], district.folder)

    assert table["samples"]["path"] == "samples.csv"


def test_rasters_of_elements_without_a_value_above_zero_are_refused_with_counts(district):
    district.gridded()
    for name in ("Au", "Cu", "SiO2"):
        values = np.zeros((20, 20))
        values[0, :5] = np.nan
        district.raster(f"{name}.tif", values=values)

    with pytest.raises(InputError, match="Au 395 of 395, Cu 395 of 395, SiO2 395 of 395"):
        propose([district.folder], district.folder)


def test_a_position_beyond_a_float_is_no_error_of_init(district):
    district.samples["X"] = district.samples["X"].astype(int).astype(object)
    district.samples.loc[3, "X"] = 10**400
    district.write()
    district.faults()

    table, _ = propose([district.folder], district.folder)

    assert table["samples"]["crs"] == CRS


@pytest.mark.parametrize(
    "name", ["Idw_{}", "{}_ppm_kriged", "geochem_{}", "nat-neighb {}", "{}.IDW"]
)
def test_rasters_whose_names_share_words_are_a_gridded_survey(district, name):
    rng = np.random.default_rng(0)
    district.table.pop("samples")
    for symbol in ("As", "Cu", "Pb", "Zn"):
        district.raster(f"{name.format(symbol)}.tif", values=rng.lognormal(2, 0.5, (20, 20)))
    for axis in ("xx", "yy"):
        district.raster(f"{name.format(axis)}.tif")

    table, notes = propose([district.folder], district.folder)

    survey = read_survey(parse(table, where="run.toml", folder=district.folder))
    assert sorted(survey.symbols) == ["As", "Cu", "Pb", "Zn"]
    assert any("not named by an element" in note and name.format("xx") in note for note in notes)
    assert survey.findings.of("unrecognised-rasters")


@pytest.mark.parametrize(
    ("other", "values", "why"),
    [
        ("Ir", np.zeros((20, 20)), "no value above zero"),
        ("Ir", np.full((20, 20), 0.5), "constant"),
        (
            "Cu_AR",
            np.where(np.arange(400).reshape(20, 20) < 300, 7.0 + np.arange(20), np.nan),
            "Cu",
        ),
        ("Si", np.where(np.arange(400).reshape(20, 20) < 300, 7.0 + np.arange(20), np.nan), "Si"),
    ],
)
def test_rasters_that_cannot_serve_are_left_out(district, other, values, why):
    district.gridded(("Au", "Cu", "SiO2"))
    district.raster(f"{other}.tif", values=values)

    table, notes = propose([district.folder], district.folder)

    assert table["gridded"]["ignore"] == [other]
    assert any("left out 1 rasters" in note and why in note for note in notes)
    survey = read_survey(parse(table, where="run.toml", folder=district.folder))
    assert sorted(survey.symbols) == ["Au", "Cu", "SiO2"]


@pytest.mark.parametrize(
    ("name", "kinds", "commodity"),
    [
        ("gold_deposits.csv", None, "Au"),
        ("deposits.csv", ["Gold", "Au, Ag", "gold", "Copper"], "Au"),
        ("deposits.csv", ["Gold", "Copper", "Zinc", "Lead"], None),
        ("uranium_deposits.csv", None, None),  # not analysed
    ],
)
def test_the_commodity_is_taken_from_the_name_or_the_column(name, kinds, commodity, tmp_path):
    rng = np.random.default_rng(0)
    place = {"X": rng.uniform(4e5, 4.2e5, 40), "Y": rng.uniform(7e6, 7.02e6, 40)}
    elements = {e: rng.lognormal(1, 1, 40) for e in ("Au_ppb", "Cu_ppm", "Zn_ppm")}
    pd.DataFrame(place | elements).to_csv(tmp_path / "samples.csv", index=False)
    deposits = pd.DataFrame({key: values[:8] for key, values in place.items()})
    if kinds is not None:
        deposits["Commodity"] = np.resize(kinds, 8)
    deposits.to_csv(tmp_path / name, index=False)

    table, notes = propose([tmp_path], tmp_path)

    assert table.get("commodity") == commodity
    assert any(f"commodity {commodity}, from" in note for note in notes) == bool(commodity)
