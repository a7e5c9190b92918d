import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from shapely.geometry import Polygon, box

CRS = "EPSG:32645"
WEST, SOUTH, SIDE = 500_000.0, 4_500_000.0, 10_000.0


def _as_points(frame):
    geometry = gpd.points_from_xy(frame["X"], frame["Y"])
    return gpd.GeoDataFrame(frame.drop(columns=["X", "Y"]), geometry=geometry, crs=CRS)


WRITERS = {
    "comma.csv": lambda f, p: f.to_csv(p, index=False),
    "decimal-comma.csv": lambda f, p: f.to_csv(p, index=False, sep=";", decimal=","),
    "tabs.tsv": lambda f, p: f.to_csv(p, index=False, sep="\t"),
    "utf16.txt": lambda f, p: f.to_csv(p, index=False, sep="\t", encoding="utf-16"),
    "bom.csv": lambda f, p: f.to_csv(p, index=False, encoding="utf-8-sig"),
    "gbk.csv": lambda f, p: f.rename(columns={"ID": "样品号"}).to_csv(
        p, index=False, encoding="gbk"
    ),
    "book.xlsx": lambda f, p: f.to_excel(p, index=False),
    "plain.parquet": lambda f, p: f.to_parquet(p, index=False),
    "points.parquet": lambda f, p: _as_points(f).to_parquet(p),
    "points.gpkg": lambda f, p: _as_points(f).to_file(p),
    "points.shp": lambda f, p: _as_points(f).to_file(p),
    "points.geojson": lambda f, p: _as_points(f).to_crs("EPSG:4326").to_file(p),
}


@pytest.mark.parametrize("name", WRITERS)
def test_every_format_gives_the_same_survey(district, name):
    expected = district.read()
    WRITERS[name](district.samples, district.folder / name)
    WRITERS[name](district.deposits, district.folder / f"deposits-{name}")
    for section, file in (("samples", name), ("deposits", f"deposits-{name}")):
        district.table[section]["path"] = file
        if name.startswith("points"):
            district.table[section].pop("crs")
    district.table["crs"] = CRS

    survey = district.read()

    assert survey.symbols == expected.symbols
    assert [e.unit for e in survey.elements] == ["ppb", "ppm", "%"]
    np.testing.assert_allclose(survey.values, expected.values)
    assert survey.samples.geometry.geom_equals_exact(expected.samples.geometry, 1e-3).all()
    assert survey.deposits.geometry.geom_equals_exact(expected.deposits.geometry, 1e-3).all()
    assert survey.deposits["name"].tolist() == ["Alpha", "Beta", "Gamma", "Delta"]


def test_units_come_with_the_factor_to_ppm(district):
    assert [e.to_ppm for e in district.read().elements] == [1e-3, 1.0, 1e4]


def test_what_is_no_element_is_listed_and_left_out(district):
    district.samples["PH"], district.samples["NUMBER"] = 7.5, range(40)

    survey = district.read()

    assert survey.symbols == ("Au", "Cu", "Fe2O3")
    finding = survey.findings.of("unrecognised-columns")[0]
    assert finding.data["columns"] == ["ID", "PH", "NUMBER"]


def test_a_column_of_words_is_no_element_whatever_its_header(district):
    district.samples["CO"] = "BC"

    survey = district.read()

    assert "Co" not in survey.symbols
    assert survey.findings.of("column-of-words")[0].data["columns"] == ["CO"]


def test_everything_can_be_overridden(district):
    district.samples["gold"] = district.samples["Au_ppb"] * 2
    district.table["samples"] |= {
        "rename": {"gold": "Au"},
        "ignore": ["Au_ppb"],
        "units": {"Au": "g/t", "Cu": "ug/kg"},
        "detection_limits": {"Cu": 15.0},
    }

    survey = district.read()

    by_symbol = {e.symbol: e for e in survey.elements}
    assert by_symbol["Au"].column == "gold"
    assert (by_symbol["Au"].unit, by_symbol["Cu"].unit) == ("ppm", "ppb")
    copper = survey.symbols.index("Cu")
    assert survey.values[:, copper].min() == 15
    low = (district.samples["Cu (ppm)"] <= 15).to_numpy()
    np.testing.assert_array_equal(survey.censored[:, copper], low)
    assert low.any()


def test_elements_may_be_chosen_by_column_or_symbol(district):
    district.table["samples"]["elements"] = ["Fe2O3", "Au_ppb"]

    assert district.read().symbols == ("Fe2O3", "Au")


def test_an_assumed_unit_is_reported_and_compared_with_the_crust(district):
    district.samples = district.samples.rename(columns={"Au_ppb": "AU", "Fe2O3 %": "FE"})
    findings = district.read().findings

    assumed = findings.of("assumed-units")[0]
    assert assumed.data["units"] == {"Au": "ppm", "Fe": "ppm"}
    assert "Au are often given in ppb" in assumed.what
    (doubt,) = findings.of("doubtful-units")
    assert doubt.data["fits"] == {"Au": "ppb", "Fe": "%"}
    assert 'samples.units = {Au = "ppb", Fe = "%"}' in doubt.remedy


def test_a_row_of_units_under_the_header_is_read_as_such(district):
    """As certificates of analysis have it: Au-AA23 over ppb."""
    expected = district.read()
    district.samples = district.samples.rename(
        columns={"Au_ppb": "Au-AA23", "Cu (ppm)": "ME-ICP61 Cu", "Fe2O3 %": "Fe2O3"}
    )
    units = pd.DataFrame([{"ID": "unit", "Au-AA23": "ppb", "ME-ICP61 Cu": "ppm", "Fe2O3": "%"}])
    district.samples = pd.concat([units, district.samples.astype(object)])

    survey = district.read()

    assert [(e.symbol, e.unit) for e in survey.elements] == [
        ("Au", "ppb"),
        ("Cu", "ppm"),
        ("Fe2O3", "%"),
    ]
    np.testing.assert_allclose(survey.values, expected.values)
    assert survey.findings.of("units-row")
    assert not survey.findings.of("assumed-units")


def test_a_renamed_column_keeps_the_unit_of_its_header(district):
    district.samples = district.samples.rename(columns={"Au_ppb": "Gold (ppb)"})
    district.table["samples"]["rename"] = {"Gold (ppb)": "Au"}

    survey = district.read()

    assert {e.symbol: e.unit for e in survey.elements} == {"Au": "ppb", "Cu": "ppm", "Fe2O3": "%"}
    assert not survey.findings.of("assumed-units")


def test_units_in_headers_raise_no_doubt(district):
    findings = district.read().findings

    assert not findings.of("assumed-units")
    assert not findings.of("doubtful-units")


def test_duplicate_places_are_averaged_or_kept(district):
    again = district.samples.iloc[[4, 4]].copy()
    again["Au_ppb"] = [20.0, 50.0]
    first = district.samples.loc[4, "Au_ppb"]
    district.samples = pd.concat([district.samples, again])

    averaged = district.read()
    district.table["samples"]["duplicates"] = "keep"
    kept = district.read()

    assert len(averaged.samples) == len(averaged.values) == 40
    assert averaged.values[4, 0] == pytest.approx((first * 20 * 50) ** (1 / 3))
    assert len(kept.samples) == len(kept.values) == 42
    for survey in (averaged, kept):
        assert survey.findings.of("duplicate-places")[0].data == {"n": 2, "places": 1}
    said = averaged.findings.of("duplicate-places")[0]
    assert (said.level, said.remedy) == ("info", "")
    said = kept.findings.of("duplicate-places")[0]
    assert (said.level, said.remedy.split(" to ")[0]) == (
        "warning",
        'set samples.duplicates = "average"',
    )


def test_field_duplicates_report_precision(district):
    again = district.samples.copy()
    again["Au_ppb"] *= 1.2
    district.samples = pd.concat([district.samples, again])

    findings = district.read().findings
    data = findings.of("precision")[0].data

    assert data["pairs"]["Au"] == 40
    assert data["cv"]["Au"] == pytest.approx(0.2 / 1.1 / 0.954, rel=1e-6)
    assert "Cu" not in data["cv"]  # it is not precise to 0 %: the same values are there twice
    assert findings.of("equal-duplicates")[0].data["elements"] == ["Cu", "Fe2O3"]


def test_piled_up_lowest_values_are_reported_and_left_as_they_are(district):
    district.samples["Sb_ppm"] = np.r_[np.full(8, 0.05), np.linspace(0.1, 3, 32)]

    survey = district.read()

    (pile,) = survey.findings.of("piled-up-lowest")
    assert pile.data["elements"] == {"Sb": {"lowest": 0.05, "n": 8, "share": 0.2}}
    assert "samples.detection_limits = {Sb = 0.05}" in pile.remedy
    assert not survey.censored.any()


def test_a_declared_limit_is_no_pile(district):
    district.samples["Sb_ppm"] = np.r_[np.full(8, 0.05), np.linspace(0.1, 3, 32)]
    district.table["samples"]["detection_limits"] = {"Sb": 0.05}

    survey = district.read()

    assert not survey.findings.of("piled-up-lowest")
    assert survey.censored.sum() == 8


def test_an_element_and_its_oxide_that_are_both_named_are_kept_and_reported(district):
    district.samples["Fe_ppm"] = np.linspace(1000, 9000, 40)
    district.table["samples"]["units"] = {"Fe": "ppm", "Fe2O3": "%"}

    assert "Fe2O3 and Fe" in district.read().findings.of("element-and-oxide")[0].what


def test_parts_that_exceed_the_whole_are_reported(district):
    district.samples["SiO2 %"] = np.linspace(60, 120, 40)

    assert district.read().findings.of("total-above-100")[0].data["n"] >= 10


@pytest.mark.parametrize(
    ("medium", "code"),
    [("stream-sediment", "stream-sediment"), ("unknown", "unknown-medium"), ("soil", None)],
)
def test_the_medium_is_spoken_of(district, medium, code):
    district.table["samples"]["medium"] = medium
    codes = {f.code for f in district.read().findings} & {"stream-sediment", "unknown-medium"}

    assert codes == ({code} if code else set())


def test_a_stream_sediment_represents_its_catchment(district):
    district.table["samples"]["medium"] = "stream-sediment"

    what = district.read().findings.of("stream-sediment")[0].what

    assert "upstream catchment, not the area around its sample" in what


def test_all_layers_come_in_the_surveys_crs(district):
    district.faults(), district.geology(), district.raster()
    area = gpd.GeoDataFrame(geometry=[box(WEST, SOUTH, WEST + SIDE, SOUTH + SIDE)], crs=CRS)
    area.to_crs("EPSG:4326").to_file(district.folder / "area.geojson")
    district.table |= {
        "faults": {"path": "faults.gpkg"},
        "geology": {"path": "geology.gpkg", "column": "unit"},
        "area": {"path": "area.geojson"},
        "layers": [{"path": "magnetics.tif", "name": "magnetic field"}],
    }

    survey = district.read()

    assert survey.faults.length.tolist() == pytest.approx([SIDE * 2**0.5])
    assert survey.geology["unit"].tolist() == ["granite", "shale"]
    assert survey.area.area.tolist() == pytest.approx([SIDE**2], rel=1e-6)
    (raster,) = survey.rasters
    assert raster.name == "magnetic field"
    assert raster.values[0, 0] == 0
    assert raster.grid.bounds == (WEST, SOUTH, WEST + SIDE, SOUTH + SIDE)


def test_features_are_filtered_by_their_values(district):
    district.geology()
    district.table["geology"] = {
        "path": "geology.gpkg",
        "column": "unit",
        "where": {"unit": "shale"},
    }

    assert district.read().geology["unit"].tolist() == ["shale"]


def test_polygons_that_cross_themselves_are_mended_and_counted(district):
    bow = Polygon(
        [
            (WEST, SOUTH),
            (WEST + SIDE, SOUTH + SIDE),
            (WEST + SIDE, SOUTH),
            (WEST, SOUTH + SIDE),
        ]
    )
    frame = gpd.GeoDataFrame({"unit": ["a"]}, geometry=[bow], crs=CRS)
    frame.to_file(district.folder / "g.gpkg")
    district.table["geology"] = {"path": "g.gpkg", "column": "unit"}

    survey = district.read()

    assert survey.geology.is_valid.all()
    assert survey.geology.area.sum() == pytest.approx(SIDE**2 / 2)
    assert survey.findings.of("mended-polygons")[0].data["n"] == 1


def test_samples_outside_the_area_are_counted_and_kept(district):
    west = gpd.GeoDataFrame(geometry=[box(WEST, SOUTH, WEST + 9000, SOUTH + SIDE)], crs=CRS)
    west.to_file(district.folder / "area.gpkg")
    district.table["area"] = {"path": "area.gpkg"}

    survey = district.read()

    outside = int((district.samples["X"] > WEST + 9000).sum())
    assert survey.findings.of("samples-outside-area")[0].data["n"] == outside > 0
    assert len(survey.samples) == 40


def test_samples_on_nodata_of_a_layer_are_counted(district):
    values = np.ones((20, 20), dtype=np.float32)
    values[:, 10:] = np.nan
    district.raster(values=values)
    district.table["layers"] = [{"path": "magnetics.tif"}]

    finding = district.read().findings.of("layer-gaps")[0]

    assert finding.data["n"] == (district.samples["X"] >= WEST + 5000).sum()


def test_reading_twice_gives_the_same(district):
    first, second = district.read(), district.read()

    np.testing.assert_array_equal(first.values, second.values)
    assert first.findings.as_dicts() == second.findings.as_dicts()


def test_an_element_whose_mean_at_every_place_is_censored_is_left_out(district):
    """Below the highest limit of its place, a detected value gives a censored mean."""
    twice = district.samples.copy()
    twice["Cu (ppm)"] = "<500"
    district.samples = pd.concat([district.samples, twice], ignore_index=True)

    survey = district.read()

    assert "Cu" not in survey.symbols
    (said,) = survey.findings.of("nothing-detected-at-places")
    assert said.data["elements"] == ["Cu"]
