from functools import partial

import numpy as np
import pytest
import rasterio
from pyproj import CRS
from rasterio.transform import Affine

from orecast.errors import AlignmentError, CapacityError, InputError
from orecast.grid import Grid
from orecast.survey import Findings
from orecast.survey.rasters import matches, on_pixels, place_of, read_raster, read_values

WEST, SOUTH, SIDE = 500_000.0, 4_500_000.0, 10_000.0


def test_nodata_becomes_nan(district):
    values = np.arange(400.0).reshape(20, 20)
    values[0, 0] = -3.4e38
    path = district.raster("m.tif", values=values, nodata=-3.4e38)

    raster = read_raster(path, crs=None, setting="crs")

    assert np.isnan(raster.values[0, 0])
    assert raster.values[0, 1] == 1
    assert raster.values.dtype == np.float32
    assert raster.source == str(path)


def test_an_ascii_grid_takes_its_crs_from_the_configuration(district):
    path = district.folder / "grav.asc"
    path.write_text(
        "ncols 3\nnrows 2\nxllcorner 500000\nyllcorner 4500000\ncellsize 1000\n"
        "NODATA_value -9999\n1 2 3\n4 -9999 6\n"
    )
    with pytest.raises(InputError, match="no coordinate reference system"):
        read_raster(path, crs=None, setting="layers[0].crs")

    raster = read_raster(path, crs="EPSG:32645", setting="layers[0].crs")

    assert raster.grid == Grid(
        CRS.from_epsg(32645), Affine(1000, 0, WEST, 0, -1000, SOUTH + 2000), (2, 3)
    )
    np.testing.assert_array_equal(raster.values, [[1, 2, 3], [4, np.nan, 6]])


def test_a_layer_keeps_its_own_grid_and_crs(district):
    there = Affine(0.01, 0, 86.9, 0, -0.01, 40.9)
    district.raster(crs="EPSG:4326", transform=there, values=np.ones((40, 40)))
    district.table["layers"] = [{"path": "magnetics.tif"}]

    (raster,) = district.read().rasters

    assert raster.grid.crs == CRS.from_epsg(4326)
    assert raster.grid.shape == (40, 40)


@pytest.mark.parametrize("shape", [(20, 20), (21, 22), (19, 18), (22, 18)])
def test_pixels_are_cropped_and_padded_at_the_far_edges(shape):
    reference = Grid(CRS.from_epsg(32645), Affine(500, 0, WEST, 0, -500, SOUTH), (20, 20))
    values = np.random.default_rng(0).random(shape).astype(np.float32)

    placed = on_pixels(values, reference, "layer m", Findings())

    rows, columns = min(shape[0], 20), min(shape[1], 20)
    assert placed.shape == (20, 20)
    np.testing.assert_array_equal(placed[:rows, :columns], values[:rows, :columns])
    assert np.isnan(placed[rows:]).all()
    assert np.isnan(placed[:, columns:]).all()


def test_a_layer_by_pixels_gets_the_surveys_grid(district):
    district.gridded()
    elsewhere = Affine(500, 0, WEST - 67_000, 0, -500, SOUTH + 95_000)
    district.raster("faults.tif", values=np.ones((21, 22)), transform=elsewhere)
    district.table["gridded"]["ignore"] = ["faults"]
    district.table["layers"] = [{"path": "faults.tif"}]
    with pytest.raises(AlignmentError, match=r'layer faults.*align = "pixels"'):
        district.read()

    district.table["layers"][0]["align"] = "pixels"
    survey = district.read()

    assert survey.rasters[0].grid == survey.gridded
    assert survey.rasters[0].values.shape == (20, 20)


def test_a_folder_means_the_rasters_in_it(district):
    district.raster("b.tif"), district.raster("a.tif")
    district.write()

    assert [p.name for p in matches(district.folder)] == ["a.tif", "b.tif"]
    assert [p.name for p in matches(district.folder / "b*.tif")] == ["b.tif"]


@pytest.mark.parametrize(
    ("pattern", "what"),
    [
        ("*.asc", "no file matches"),
        ("c.tif", "no file matches"),
        ("**/c.tif", "no file matches"),
        ("missing/*.tif", "there is no folder .*missing. Remedy: correct the path"),
        ("missing/**/c.tif", "there is no folder .*missing. Remedy: correct the path"),
    ],
)
def test_a_pattern_that_finds_nothing_says_what_is_missing(district, pattern, what):
    with pytest.raises(InputError, match=what):
        matches(district.folder / pattern)


def sparse(path, side: int) -> None:
    """A raster of hardly any bytes that claims a square of so many cells."""
    with rasterio.open(
        *(path, "w"),
        driver="GTiff",
        width=side,
        height=side,
        count=1,
        dtype="float32",
        crs="EPSG:32645",
        transform=Affine(0.5, 0, WEST, 0, -0.5, SOUTH + SIDE),
        tiled=True,
        compress="deflate",
        sparse_ok=True,
        bigtiff="yes",
    ):
        pass


def test_a_raster_larger_than_memory_is_refused_by_its_header(district):
    path = district.folder / "magnetics.tif"
    sparse(path, 200_000)
    assert path.stat().st_size < 20e6
    for read in (partial(read_raster, crs=None, setting="crs"), read_values, place_of):
        with pytest.raises(CapacityError, match="a grid of 200,000 x 200,000 cells") as caught:
            read(path)
        assert caught.value.where == str(path)
        assert "gdalwarp -r average -tr" in caught.value.remedy
    district.table["layers"] = [{"path": "magnetics.tif"}]
    with pytest.raises(CapacityError, match="560 GB of memory are needed"):
        district.read()


def test_the_cell_that_is_proposed_for_a_large_raster_fits(district, monkeypatch):
    monkeypatch.setattr("orecast.capacity.available_memory", lambda: 1e6)
    path = district.raster("m.tif", values=np.arange(160_000.0).reshape(400, 400))
    with pytest.raises(CapacityError, match="a grid of 400 x 400 cells") as caught:
        read_raster(path, crs=None, setting="crs")
    cell = float(caught.value.remedy.split()[5])
    with rasterio.open(path) as source:
        fewer = round(400 * source.transform.a / cell)
    smaller = district.raster("s.tif", values=np.arange(float(fewer**2)).reshape(fewer, fewer))
    assert read_raster(smaller, crs=None, setting="crs").values.shape == (fewer, fewer)
