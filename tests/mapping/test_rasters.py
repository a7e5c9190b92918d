import subprocess
import sys

import numpy as np
import pytest
import rasterio
from affine import Affine
from pyproj import CRS
from rio_cogeo import cog_validate

from orecast.errors import AlignmentError, InputError, RunError
from orecast.grid import Grid
from orecast.mapping.rasters import CLASS_COLOURS, read_raster, write_raster

UTM = CRS("EPSG:32645")


def grid_of(shape, crs=UTM):
    return Grid(crs, Affine(500, 0, 430000, 0, -250, 4700000), shape)


def scores(shape, seed=0):
    values = np.random.default_rng(seed).random(shape).astype(np.float32)
    values[: shape[0] // 3, : shape[1] // 4] = np.nan
    return values


@pytest.mark.parametrize("shape", [(1, 1), (37, 91), (700, 1100)])
def test_round_trip(tmp_path, shape):
    values, grid = scores(shape), grid_of(shape)
    write_raster(tmp_path / "a.tif", values, grid, description="prospectivity")
    back = read_raster(tmp_path / "a.tif")
    np.testing.assert_array_equal(back.values, values)
    assert back.values.dtype == np.float32
    assert back.grid == grid
    assert back.name == "prospectivity"
    assert back.source == str(tmp_path / "a.tif")


def test_is_a_valid_cog_with_overviews_crs_nodata_and_compression(tmp_path):
    path = tmp_path / "a.tif"
    write_raster(path, scores((700, 1100)), grid_of((700, 1100)), description="d")
    valid, errors, warnings = cog_validate(str(path), strict=True)
    assert (valid, errors, warnings) == (True, [], [])
    with rasterio.open(path) as source:
        assert source.crs.to_epsg() == 32645
        assert np.isnan(source.nodata)
        assert source.dtypes == ("float32",)
        assert source.overviews(1) == [2, 4]
        assert source.profile["compress"] == "deflate"
        assert source.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert source.tags()["TIFFTAG_SOFTWARE"] == "orecast"
        assert source.descriptions == ("d",)


def test_overviews_of_a_continuous_map_average_what_has_data(tmp_path):
    values = np.zeros((1024, 1024), dtype=np.float32)
    values[::2, ::2] = 1
    values[1::2, 1::2] = np.nan
    write_raster(tmp_path / "a.tif", values, grid_of(values.shape), description="d")
    with rasterio.open(tmp_path / "a.tif", overview_level=0) as source:
        np.testing.assert_allclose(source.read(1), 1 / 3, rtol=1e-6)  # of three cells, not four


def test_classes_keep_their_values_in_overviews_and_show_their_colours(tmp_path):
    path = tmp_path / "c.tif"
    values = np.random.default_rng(0).choice([0, 1, 3, 255], size=(700, 700)).astype(np.uint8)
    write_raster(
        path, values, grid_of((700, 700)), description="c", dtype="uint8", colours=CLASS_COLOURS
    )
    assert cog_validate(str(path), strict=True)[0]
    with rasterio.open(path) as source:
        np.testing.assert_array_equal(source.read(1), values)
        assert source.nodata == 255
        assert source.dtypes == ("uint8",)
        assert source.colormap(1)[1] == CLASS_COLOURS[1]
    with rasterio.open(path, overview_level=0) as source:
        assert set(np.unique(source.read(1))) <= {0, 1, 3, 255}
    back = read_raster(path).values
    np.testing.assert_array_equal(np.isnan(back), values == 255)
    np.testing.assert_array_equal(back[values != 255], values[values != 255])


def test_row_0_is_the_northernmost(tmp_path):
    values = np.array([[1, 2], [3, 4]], dtype=np.float32)
    grid = grid_of((2, 2))
    write_raster(tmp_path / "a.tif", values, grid, description="d")
    north_west, south_east = grid.xy([[0, 0], [1, 1]])
    with rasterio.open(tmp_path / "a.tif") as source:
        assert [float(v[0]) for v in source.sample([north_west, south_east])] == [1, 4]


def test_a_crs_without_a_code_survives(tmp_path):
    local = CRS("+proj=tmerc +lat_0=1 +lon_0=95.3 +k=1 +x_0=0 +y_0=0 +ellps=krass +units=m")
    write_raster(tmp_path / "a.tif", scores((5, 5)), grid_of((5, 5), local), description="d")
    back = read_raster(tmp_path / "a.tif").grid.crs
    assert back.to_epsg() is None
    assert "95.3" in back.to_wkt()


def test_a_shape_that_does_not_fit_is_refused(tmp_path):
    with pytest.raises(AlignmentError, match=r"\(3, 2\).*\(2, 2\)"):
        write_raster(tmp_path / "a.tif", np.zeros((3, 2)), grid_of((2, 2)), description="d")
    assert not any(tmp_path.iterdir())


def test_an_unwritable_place_is_one_error(tmp_path):
    with pytest.raises(RunError, match=r"nowhere.*cannot be written"):
        write_raster(
            tmp_path / "nowhere" / "a.tif", scores((5, 5)), grid_of((5, 5)), description="d"
        )


FULL_DISK = """
import resource, signal, sys
from pathlib import Path
import numpy as np
from affine import Affine
from pyproj import CRS
from orecast.errors import RunError
from orecast.grid import Grid
from orecast.mapping.rasters import write_raster

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
grid = Grid(CRS("EPSG:32645"), Affine(1, 0, 5, 0, -1, 5), (100, 100))
values = np.random.rand(100, 100)
path = Path(sys.argv[1])
write_raster(path, values, grid, description="d")
size = path.stat().st_size
for short in (1, 100, size // 2, size):
    resource.setrlimit(resource.RLIMIT_FSIZE, (size - short, size))
    try:
        write_raster(path, values, grid, description="d")
    except RunError as error:
        print("refused:", error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="file size limits are a POSIX facility")
def test_a_full_disk_is_one_error(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(tmp_path / "a.tif")], capture_output=True, text=True
    )
    assert done.stdout.count(f"refused: {tmp_path / 'a.tif'}: the raster cannot be written") == 4
    assert done.stderr == ""


def test_a_missing_raster_is_refused(tmp_path):
    with pytest.raises(InputError, match="the raster does not exist"):
        read_raster(tmp_path / "a.tif")


def test_a_broken_raster_is_refused(tmp_path):
    path = tmp_path / "a.tif"
    path.write_bytes(b"II*\0 no raster at all")
    with pytest.raises(InputError, match="cannot be read"):
        read_raster(path)


def test_a_truncated_raster_is_refused(tmp_path):
    path = tmp_path / "a.tif"
    write_raster(path, scores((700, 700)), grid_of((700, 700)), description="d")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(InputError, match="cannot be read"):
        read_raster(path)


def test_a_raster_without_crs_is_refused(tmp_path):
    path = tmp_path / "a.tif"
    with rasterio.open(
        path, "w", "GTiff", 2, 2, 1, dtype="float32", transform=Affine(1, 0, 5, 0, -1, 5)
    ) as target:
        target.write(np.zeros((1, 2, 2), dtype=np.float32))
    with pytest.raises(InputError, match="no CRS"):
        read_raster(path)
