import math
import shutil

import geopandas as gpd
import numpy as np
import pytest
import rasterio
from rasterio.transform import from_origin

from orecast.errors import ConfigError, RunError
from orecast.report.reading import _NEEDED, open_run, read_raster
from orecast.run import write_json


@pytest.fixture
def folder(run_folder, tmp_path):
    return shutil.copytree(run_folder, tmp_path / "run")


def write(path, values, nodata=math.nan, cell=100.0):
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        height=values.shape[0],
        width=values.shape[1],
        count=1,
        dtype=values.dtype,
        crs="EPSG:32645",
        transform=from_origin(5000, 9000, cell, cell),
        nodata=nodata,
    ) as target:
        target.write(values, 1)
    return path


@pytest.mark.parametrize("name", _NEEDED)
def test_a_missing_file_is_named(folder, name):
    (folder / name).unlink()
    with pytest.raises(RunError, match=rf"{name}: is missing. Remedy: finish the run"):
        open_run(folder)


@pytest.mark.parametrize("name", ["out_of_fold.tif", "applicability.tif", "probability.tif"])
def test_a_map_that_the_metrics_speak_of_is_needed(folder, name):
    (folder / name).unlink()
    with pytest.raises(RunError, match=rf"{name}: is missing. Remedy: finish the run"):
        open_run(folder)


def test_maps_that_only_some_runs_have_may_be_missing(folder, fabricate):
    run = open_run(folder)
    assert run.has_recommended
    assert run.has("folds.tif")
    (folder / "recommended.tif").unlink()
    assert not run.has_recommended
    assert not open_run(fabricate().grow_old().write()).has("folds.tif")
    anomalies = open_run(fabricate().forget_deposits().write())
    assert not anomalies.has("out_of_fold.tif")


def test_a_model_that_is_recommended_needs_no_other_map(fabricate):
    made = fabricate(baselines=2)
    made.metrics["verdict"]["recommended"] = "resnet18"
    assert not open_run(made.write()).has_recommended


@pytest.mark.parametrize("name", ["metrics.json", "checks.json", "provenance.json"])
@pytest.mark.parametrize("text", ["{", "[1]"])
def test_broken_json_is_named(folder, name, text):
    (folder / name).write_text(text)
    with pytest.raises(RunError, match=name):
        open_run(folder)


def test_a_configuration_that_does_not_hold_is_named(folder):
    (folder / "run.toml").write_text("colour = 3")
    with pytest.raises(ConfigError, match=r"run.toml"):
        open_run(folder)


def test_a_broken_raster_is_named(folder):
    (folder / "uncertainty.tif").write_bytes(b"II*\0 torn")
    with pytest.raises(RunError, match=r"uncertainty.tif"):
        open_run(folder).raster("uncertainty")


def test_a_broken_geopackage_is_named(folder):
    (folder / "targets.gpkg").write_bytes(b"SQLite format 3\0 torn")
    with pytest.raises(RunError, match=r"targets.gpkg, layer targets"):
        _ = open_run(folder).targets


def test_a_missing_column_is_named(folder):
    run = open_run(folder)
    run.targets.drop(columns="class").to_file(folder / "targets.gpkg", layer="targets")
    with pytest.raises(RunError, match="layer targets, column class"):
        _ = open_run(folder).targets


def test_a_layer_with_a_reach_that_is_no_number_is_named(folder):
    with rasterio.open(folder / "evidence" / "00_Ag.tif", "r+", IGNORE_COG_LAYOUT_BREAK="YES") as f:
        f.update_tags(reach="far")
    with pytest.raises(RunError, match=r"00_Ag.tif: reach 'far' is not a number"):
        _ = open_run(folder).layers


def test_files_of_the_stage_in_the_making_stand_before_the_runs_own(folder, tmp_path):
    newer = tmp_path / "part"
    newer.mkdir()
    (folder / "provenance.json").unlink()
    write_json(newer / "provenance.json", {"python": "3.99", "inputs": []})
    run = open_run(folder, newer=newer)
    assert run.provenance == {"python": "3.99", "inputs": []}
    assert run.path("metrics.json") == folder / "metrics.json"


def test_measured_values_are_averaged_and_classes_are_not(tmp_path):
    values = np.array([[1, 3, 0, 0], [1, 3, 0, 8]], dtype=np.float32)
    coarse = read_raster(write(tmp_path / "a.tif", values), most=2)
    assert coarse.values.tolist() == [[2.0, 2.0]]
    codes = np.array([[1, 1, 3, 3], [1, 1, 3, 3]], dtype=np.uint8)
    assert read_raster(write(tmp_path / "b.tif", codes, 255), most=2).values.tolist() == [[1, 3]]


def test_no_data_is_nan_whatever_its_code_and_does_not_bleed(tmp_path):
    values = np.array([[-9999, 4.0], [-9999, -9999]], dtype=np.float32)
    raster = read_raster(write(tmp_path / "a.tif", values, -9999))
    assert np.isnan(raster.values).tolist() == [[True, False], [True, True]]
    assert read_raster(tmp_path / "a.tif", most=1).values.tolist() == [[4.0]]


def test_the_extent_is_that_of_the_outer_edges(tmp_path):
    raster = read_raster(write(tmp_path / "a.tif", np.ones((20, 30), dtype=np.float32)), most=7)
    assert raster.extent_km == (5.0, 8.0, 7.0, 9.0)
    assert raster.crs == "EPSG:32645"


def test_cells_without_data_are_not_counted_as_mapped(run_folder):
    # 60 x 84 cells of 500 m, of which a corner of 10 x 21 is blank
    cells, square_km = open_run(run_folder).mapped_cells
    assert cells == 60 * 84 - 10 * 21
    assert square_km == pytest.approx(cells * 0.25)


def test_layers_say_what_their_tags_say_elements_first(folder):
    for name, kind in [("a", "fault"), ("b", "raster")]:
        path = shutil.copy(folder / "evidence" / "00_Ag.tif", folder / "evidence" / f"{name}.tif")
        with rasterio.open(path, "r+", IGNORE_COG_LAYOUT_BREAK="YES") as f:
            f.update_tags(kind=kind)
    layers = open_run(folder).layers
    assert [la.kind for la in layers] == ["element"] * 9 + ["fault", "raster"]
    assert (layers[0].name, layers[0].unit, layers[0].reach) == ("Ag", "clr", 2000.0)


def test_targets_come_by_rank(folder):
    frame = open_run(folder).targets
    frame.iloc[::-1].to_file(folder / "targets.gpkg", layer="targets")
    run = open_run(folder)
    assert run.targets["rank"].tolist() == list(range(1, 13))
    assert isinstance(run.deposits, gpd.GeoDataFrame)


def test_sodium_is_no_missing_value(folder):
    text = (folder / "targets.csv").read_text().replace('"Au high (+0.12), As high (+0.05)"', "NA")
    (folder / "targets.csv").write_text(text)
    assert open_run(folder).target_table["reasons"].tolist() == ["NA"] * 12


def test_an_empty_table_of_targets_is_no_error(folder):
    (folder / "targets.csv").write_text("")
    assert open_run(folder).target_table.empty
