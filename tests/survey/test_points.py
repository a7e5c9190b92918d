import geopandas as gpd
import numpy as np
import pytest
from pyproj import CRS, Transformer

from orecast.errors import InputError
from orecast.survey.position_names import Pair, position_pairs
from orecast.survey.projection import strays, utm_zone


@pytest.mark.parametrize(
    ("columns", "pairs"),
    [
        (["x", "y"], [("metres", "x", "y")]),
        (["X_UTM", "Y_UTM"], [("metres", "X_UTM", "Y_UTM")]),
        (["UTM_E", "UTM_N"], [("metres", "UTM_E", "UTM_N")]),
        (["Easting (m)", "Northing (m)"], [("metres", "Easting (m)", "Northing (m)")]),
        (["EAST_NAD83", "NORTH_NAD83"], [("metres", "EAST_NAD83", "NORTH_NAD83")]),
        (["POINT_X", "POINT_Y"], [("metres", "POINT_X", "POINT_Y")]),
        (["Latitude", "Longitude"], [("degrees", "Longitude", "Latitude")]),
        (["LONG_WGS84", "LAT_WGS84"], [("degrees", "LONG_WGS84", "LAT_WGS84")]),
        (["经度", "纬度"], [("degrees", "经度", "纬度")]),
        (["lat", "lon", "x", "y"], [("metres", "x", "y"), ("degrees", "lon", "lat")]),
        (["Easting", "Northing", "Y"], [("metres", "Easting", "Northing")]),
        (["X", "northing"], []),
        (["Au", "Cu"], []),
    ],
)
def test_columns_of_positions(columns, pairs):
    assert position_pairs(columns) == [Pair(*p) for p in pairs]


def _with_degrees(district):
    xy = district.samples[["X", "Y"]].to_numpy()
    lon, lat = Transformer.from_crs("EPSG:32645", "EPSG:4326", always_xy=True).transform(*xy.T)
    district.samples["lon"], district.samples["lat"] = lon, lat
    return xy


def test_degrees_are_projected_to_the_utm_zone_of_their_centre_which_is_said(district):
    xy = _with_degrees(district)
    district.samples = district.samples.drop(columns=["X", "Y"])
    del district.table["samples"]["crs"]

    survey = district.read()

    assert survey.crs == CRS.from_epsg(32645)
    found = np.column_stack([survey.samples.geometry.x, survey.samples.geometry.y])
    np.testing.assert_allclose(found, xy, atol=1e-3)
    assert "EPSG:32645" in survey.findings.of("projected")[0].what
    assert "'lon' and 'lat'" in survey.findings.of("assumed-wgs84")[0].what


def test_the_zone_is_that_of_the_most_positions():
    lonlat = np.array([[88.0, 42.0], [88.1, 42.1], [88.2, 42.2], [0.0, -80.0]])

    assert utm_zone(lonlat) == CRS.from_epsg(32645)


@pytest.mark.parametrize(
    ("crs", "middle"), [(32645, (500_000.0, 4_500_000.0)), (4326, (179.9, 65.0))]
)
def test_no_survey_of_one_district_has_strays(crs, middle):
    """Dense prospects within a wide survey, and one across the antimeridian, are whole."""
    rng = np.random.default_rng(5)
    degree = 1.0 if crs == 4326 else 100_000.0
    xy = np.r_[rng.normal(0, 0.005, (95, 2)), rng.uniform(-0.6, 0.6, (5, 2))] * degree + middle
    if crs == 4326:
        xy[:, 0] = (xy[:, 0] + 180) % 360 - 180

    assert not len(strays(CRS.from_epsg(crs), xy)[0])


def test_strays_are_told_by_their_distance_from_the_median():
    """The 95th percentile lies at 10 km: what lies beyond 200 km is a stray, and 190 km is not."""
    ring = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    xy = np.r_[10_000 * np.column_stack([np.cos(ring), np.sin(ring)]), [[190_000.0, 0]]]

    assert not len(strays(CRS.from_epsg(32645), xy)[0])
    xy[-1, 0] = 215_000
    far, metres = strays(CRS.from_epsg(32645), xy)
    assert far.tolist() == [40]
    assert metres == pytest.approx(215_000, rel=0.01)


def test_a_working_crs_moves_everything_there(district):
    district.table["crs"] = "EPSG:32646"
    district.faults()
    district.table["faults"] = {"path": "faults.gpkg"}

    survey = district.read()

    for frame in (survey.samples, survey.deposits, survey.faults):
        assert frame.crs == CRS.from_epsg(32646)
    expected = gpd.points_from_xy(
        district.deposits["X"], district.deposits["Y"], crs="EPSG:32645"
    ).to_crs("EPSG:32646")
    assert survey.deposits.geometry.geom_equals_exact(gpd.GeoSeries(expected), tolerance=1e-3).all()


def test_a_projected_crs_takes_x_and_y_before_lon_and_lat(district):
    xy = _with_degrees(district)

    survey = district.read()

    np.testing.assert_allclose(survey.samples.geometry.x, xy[:, 0])
    assert not survey.findings.of("positions-disagree")
    assert survey.symbols == ("Au", "Cu", "Fe2O3")


def test_a_second_pair_that_puts_the_rows_elsewhere_is_reported(district):
    _with_degrees(district)
    district.samples["lon"] += 0.1

    finding = district.read().findings.of("positions-disagree")[0]

    assert finding.data["median_metres"] == pytest.approx(8370, rel=0.01)  # 0.1° at 40.7° north


def test_rows_without_a_position_are_left_out_and_listed(district):
    district.samples.loc[[3, 8], "X"] = np.nan

    survey = district.read()

    assert len(survey.samples) == len(survey.values) == 38
    assert survey.findings.of("no-position")[0].data["rows"] == [5, 10]
    assert "S003" not in set(survey.samples["ID"])


def test_yttrium_is_read_where_y_is_no_position(district):
    district.samples = district.samples.rename(columns={"X": "Easting", "Y": "Northing"})
    district.samples["Y"] = np.linspace(10, 30, len(district.samples))

    survey = district.read()

    assert "Y" in survey.symbols
    assert survey.values[:, survey.symbols.index("Y")].max() == 30


def test_x_and_y_are_told_from_lon_and_lat_by_the_configured_columns(district):
    _with_degrees(district)
    district.table["samples"] |= {"x": "lat", "y": "lon", "crs": "EPSG:4326"}

    with pytest.raises(InputError, match="look swapped"):
        district.read()


def test_a_survey_beyond_its_utm_zone_is_told_how_far_distances_are_off(district):
    """On the equator the scale of UTM, d degrees from its centre line, is k0 (1 + d² / 2)."""
    lon, lat = np.meshgrid(np.linspace(94, 94.2, 7), np.linspace(0.1, 0.2, 6))
    to_utm = Transformer.from_crs("EPSG:4326", "EPSG:32645", always_xy=True)
    x, y = to_utm.transform(lon.ravel(), lat.ravel())
    district.samples = district.samples.iloc[:0].reindex(range(len(x)))
    district.samples["X"], district.samples["Y"] = x, y
    rng = np.random.default_rng(0)
    for column in ("Au_ppb", "Cu (ppm)", "Fe2O3 %"):
        district.samples[column] = rng.lognormal(size=len(x))
    district.deposits[["X", "Y"]] = np.column_stack([x, y])[[3, 10, 20, 30]]

    finding = district.read().findings.of("stretched-projection")[0]

    expected = 0.9996 * (1 + np.radians(94.2 - 87) ** 2 / 2) - 1
    assert finding.data["stretch"] == pytest.approx(expected, rel=0.03)


def test_a_survey_within_its_zone_is_not(district):
    assert not district.read().findings.of("stretched-projection")


@pytest.mark.parametrize("suffix", [".csv", ".gpkg"])
def test_samples_that_are_not_selected_are_counted_and_their_positions_not_read(district, suffix):
    frame = district.samples.assign(kind=["soil"] * 30 + ["rock"] * 10)
    frame.loc[35, ["X", "Y"]] = 9e6, 9e6
    district.samples = frame
    district.table["samples"] |= {"path": f"samples{suffix}", "where": {"kind": "soil"}}
    if suffix == ".gpkg":
        points = gpd.points_from_xy(frame["X"], frame["Y"], crs="EPSG:32645")
        shapes = gpd.GeoDataFrame(frame.drop(columns=["X", "Y"]), geometry=points)
        shapes.to_file(district.folder / "samples.gpkg")
        del district.table["samples"]["crs"]

    survey = district.read()

    assert (len(survey.samples), survey.rows) == (30, 40)
