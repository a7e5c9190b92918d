import geopandas as gpd
import numpy as np
import pytest
from pyproj import Transformer
from rasterio.transform import Affine
from shapely.geometry import MultiPoint, box

from orecast.errors import AlignmentError, InputError
from orecast.survey import Findings, read_survey
from orecast.survey.deposits import interval_half_width, require_enough_deposits

CRS = "EPSG:32645"
WEST, SOUTH, SIDE = 500_000.0, 4_500_000.0, 10_000.0


@pytest.mark.parametrize(
    ("where", "names"),
    [
        ({"commodity": "Au"}, ["Alpha", "Beta", "Delta"]),
        ({"commodity": ["Au", "Cu"], "name": ["Alpha", "Gamma", "Beta"]}, None),
        ({"size": [1, 2]}, ["Alpha", "Beta", "Delta"]),
        ({"size": 1.0}, ["Alpha", "Beta", "Delta"]),
        ({"size": "1"}, ["Alpha", "Beta", "Delta"]),
    ],
)
def test_deposits_are_filtered_by_text_and_number(district, where, names):
    district.deposits["size"] = [1, 1, 3, 1]
    district.table["deposits"]["where"] = where

    found = district.read().deposits["name"].tolist()

    assert found == (names or ["Alpha", "Beta", "Gamma"])


def test_positions_of_deposits_that_are_not_selected_are_not_read(district):
    district.deposits["X"] = district.deposits["X"].astype(object)
    district.deposits.loc[2, "X"] = "unknown"
    district.table["deposits"]["where"] = {"commodity": "Au"}

    assert district.read().deposits["name"].tolist() == ["Alpha", "Beta", "Delta"]


def test_deposits_outside_the_survey_are_listed_and_left_out(district):
    district.deposits.loc[4] = [WEST + 60_000.0, SOUTH + 1000.0, "Afar", "Au"]

    survey = district.read()

    assert survey.deposits["name"].tolist() == ["Alpha", "Beta", "Gamma", "Delta"]
    finding = survey.findings.of("deposits-outside")[0]
    assert finding.data["rows"] == [6]
    assert finding.data["positions"] == [[WEST + 60_000.0, SOUTH + 1000.0]]
    assert "row 6" in finding.what


def test_deposits_outside_the_area_are_left_out(district):
    area = gpd.GeoDataFrame(geometry=[box(WEST, SOUTH, WEST + SIDE, SOUTH + 7500)], crs=CRS)
    area.to_file(district.folder / "area.gpkg")
    district.table["area"] = {"path": "area.gpkg"}

    survey = district.read()

    assert survey.deposits["name"].tolist() == ["Alpha", "Beta", "Delta"]
    assert "the study area" in survey.findings.of("deposits-outside")[0].what


def test_records_of_one_place_are_one_deposit(district):
    district.deposits.loc[4] = [WEST + 2000.0, SOUTH + 2000.2, "Alpha south shaft", "Au"]

    survey = district.read()

    assert survey.deposits["name"].tolist() == ["Alpha", "Beta", "Gamma", "Delta"]
    assert survey.findings.of("deposits-merged")[0].data["n"] == 1


def test_a_multipoint_is_as_many_deposits(district):
    district.write()
    points = MultiPoint(district.deposits[["X", "Y"]].to_numpy())
    frame = gpd.GeoDataFrame({"name": ["all"]}, geometry=[points], crs=CRS)
    frame.to_file(district.folder / "d.gpkg")
    district.table["deposits"] = {"path": "d.gpkg"}

    assert len(district.read().deposits) == 4


def test_few_deposits_are_called_so_with_the_width_of_chance(district):
    finding = district.read().findings.of("few-deposits")[0]

    assert finding.data == {"n": 4, "half_width": pytest.approx(1.96 / np.sqrt(48))}
    assert "50 ± 28" in finding.what


def test_one_deposit_at_an_impossible_place_is_named_by_its_row(district):
    district.deposits.loc[2, "X"] = 4e9

    with pytest.raises(InputError, match=r"deposits.csv, row 4.*x 4000000000, y 4508000"):
        district.read()


def test_degrees_of_deposits_under_a_projected_crs_are_called_so(district):
    district.deposits[["X", "Y"]] = [[87.1, 40.7], [87.2, 40.8], [87.3, 40.9], [87.2, 40.6]]

    with pytest.raises(InputError, match=r'degrees.*set deposits.crs = "EPSG:4326"'):
        district.read()


def test_a_vector_file_of_degrees_under_its_own_projected_crs_is_to_be_corrected(district):
    """The setting would only contradict the file."""
    points = gpd.points_from_xy([87.1, 87.2, 87.3], [40.7, 40.8, 40.9])
    gpd.GeoDataFrame({"name": list("abc")}, geometry=points, crs=CRS).to_file(
        district.folder / "d.gpkg"
    )
    district.table["deposits"] = {"path": "d.gpkg"}

    with pytest.raises(InputError, match=r"degrees.*give the file the CRS EPSG:4326"):
        district.read()


def test_polygons_of_deposits_are_refused_with_the_remedy(district):
    frame = gpd.GeoDataFrame(geometry=[box(WEST, SOUTH, WEST + 9, SOUTH + 9)], crs=CRS)
    frame.to_file(district.folder / "d.gpkg")
    district.table["deposits"] = {"path": "d.gpkg"}

    with pytest.raises(InputError, match=r"has Polygon; deposits must be points.*centroids"):
        district.read()


def test_ten_deposits_raise_no_warning():
    findings = Findings()

    require_enough_deposits(10, "d.csv", findings)

    assert not len(findings)


def test_the_width_of_chance_is_that_of_simulated_uniform_percentiles():
    means = np.random.default_rng(3).random((200_000, 12)).mean(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])

    assert interval_half_width(12) == pytest.approx((high - low) / 2, rel=0.01)


def _labels(district, where=((3, 4), (9, 10), (9, 11), (15, 16)), **options):
    district.gridded()
    values = np.zeros(options.pop("shape", (20, 20)))
    values[tuple(np.transpose(where))] = 1
    district.raster("labels.tif", values=values, **options)
    district.table["gridded"]["ignore"] = ["labels"]
    district.table["deposits"] = {"path": "labels.tif"}


def test_labelled_cells_are_deposits_at_their_centres(district):
    _labels(district)

    survey = district.read()

    found = np.column_stack([survey.deposits.geometry.x, survey.deposits.geometry.y])
    assert survey.gridded.cell(found).tolist() == [[3, 4], [9, 10], [9, 11], [15, 16]]
    assert found[0].tolist() == [WEST + 4.5 * 500, SOUTH + SIDE - 3.5 * 500]
    touching = survey.findings.of("touching-cells")[0]
    assert touching.data == {"n": 4, "places": 3}


def test_labels_are_placed_by_row_and_column_only_on_request(district):
    elsewhere = Affine(500, 0, WEST - 67_000, 0, -500, SOUTH + 95_000)
    _labels(district, shape=(21, 22), transform=elsewhere)
    with pytest.raises(AlignmentError, match="67 km west and 85 km north"):
        district.read()

    district.table["deposits"]["align"] = "pixels"
    survey = district.read()

    found = np.column_stack([survey.deposits.geometry.x, survey.deposits.geometry.y])
    assert survey.gridded.cell(found).tolist() == [[3, 4], [9, 10], [9, 11], [15, 16]]
    assert survey.findings.of("aligned-by-pixels")[0].data["shape"] == [21, 22]


def test_labels_that_overlap_in_part_but_lie_askew_are_refused_too(district):
    _labels(district, transform=Affine(500, 0, WEST + 6000, 0, -500, SOUTH + SIDE))

    with pytest.raises(AlignmentError, match="6 km east and 0 km"):
        district.read()


def test_barren_places_are_the_cells_of_their_value(district):
    _labels(district)
    values = np.ones((20, 20))
    values[[1, 18], [2, 19]] = 0
    district.raster("barren.tif", values=values)
    district.table["gridded"]["ignore"] += ["barren"]
    district.table["barren"] = {"path": "barren.tif"}

    barren = district.read().barren

    assert barren["name"].tolist() == ["cell 1, 2", "cell 18, 19"]


@pytest.mark.parametrize(
    ("name", "where", "missing"),
    [
        ("FinSilver.csv", {}, ["Ag"]),
        ("nickel_showings.csv", {}, ["Ni"]),
        ("yacimientos_plata.csv", {}, ["Ag"]),
        ("deposits.csv", {"kind": "Mo"}, ["Mo"]),
        ("锡矿.csv", {}, ["Sn"]),
        ("zinc-and-gold.csv", {}, ["Zn"]),
        ("gold.csv", {}, []),
        ("iron_mines.csv", {}, []),
        ("known_places.csv", {}, []),
    ],
)
def test_a_metal_of_the_deposits_that_was_not_analysed_is_said(district, name, where, missing):
    district.deposits["kind"] = "Mo"
    district.write()
    (district.folder / "deposits.csv").rename(district.folder / name)
    district.table["deposits"] |= {"path": name, "where": where}

    survey = read_survey(district.config())

    said = [f.data["elements"] for f in survey.findings.of("commodity-not-analysed")]
    assert said == ([missing] if missing else [])


@pytest.mark.parametrize(("side", "warned"), [(100.0, True), (2_000.0, True), (6_000.0, False)])
def test_deposits_of_one_place_cannot_be_divided(district, side, warned):
    """40 samples on 10 by 10 km: 1.58 km apart, and three of that are 4.7 km."""
    angle = 2 * np.pi * np.arange(len(district.deposits)) / len(district.deposits)
    district.deposits["X"] = 505_000 + side / 2 * np.cos(angle)
    district.deposits["Y"] = 4_505_000 + side / 2 * np.sin(angle)

    findings = district.read().findings.of("deposits-in-one-place")

    assert len(findings) == warned
    assert all("[held_back]" in f.remedy for f in findings)


def test_longitude_and_latitude_exchanged_in_one_file_are_called_so(district):
    lonlat = Transformer.from_crs(32633, 4326, always_xy=True)
    for frame, names in ((district.samples, "xy"), (district.deposits, "yx")):
        at = dict(zip(names, lonlat.transform(frame.pop("X"), frame.pop("Y")), strict=True))
        frame["lon"], frame["lat"] = at["x"], at["y"]
    for section in ("samples", "deposits"):
        district.table[section].pop("crs", None)

    with pytest.raises(AlignmentError, match="exchange longitude and latitude in one of the two"):
        district.read()
