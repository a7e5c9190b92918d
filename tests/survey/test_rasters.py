from functools import partial

import numpy as np
import pytest
import rasterio
from pyproj import CRS
from rasterio.transform import Affine

from orecast.errors import AlignmentError, CapacityError, ConfigError, InputError
from orecast.grid import Grid
from orecast.survey import Findings
from orecast.survey.rasters import matches, on_pixels, place_of, read_raster, read_values

WEST, SOUTH, SIDE = 500_000.0, 4_500_000.0, 10_000.0


def test_nodata_becomes_nan(district):
    values = np.arange(400.0).reshape(20, 20)
    values[0, 0] = -3.4e38
    path = district.raster("m.tif", values=values, nodata=-3.4e38)

    raster = read_raster(path, crs=None, setting="layers[0]", findings=Findings())

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
        read_raster(path, crs=None, setting="layers[0]", findings=Findings())

    raster = read_raster(path, crs="EPSG:32645", setting="layers[0]", findings=Findings())

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


READERS = (
    partial(read_raster, crs=None, setting="layers[0]", findings=Findings()),
    partial(read_values, findings=Findings()),
)


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
    for read in (*READERS, place_of):
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
        read_raster(path, crs=None, setting="layers[0]", findings=Findings())
    cell = float(caught.value.remedy.split()[5])
    with rasterio.open(path) as source:
        fewer = round(400 * source.transform.a / cell)
    smaller = district.raster("s.tif", values=np.arange(float(fewer**2)).reshape(fewer, fewer))
    assert read_raster(
        smaller, crs=None, setting="layers[0]", findings=Findings()
    ).values.shape == (fewer, fewer)


CELLS = np.linspace(100, 150, 400).reshape(20, 20)


def stored(path, values, dtype="float32", transform=None, nodata=None, scale=1.0, offset=0.0):
    """A raster of any type, with bands where ``values`` has three axes."""
    bands = np.atleast_3d(np.asarray(values).T).T.astype(dtype)
    transform = transform or Affine(500, 0, WEST, 0, -500, SOUTH + SIDE)
    with rasterio.open(
        *(path, "w"),
        driver="GTiff",
        height=bands.shape[1],
        width=bands.shape[2],
        count=len(bands),
        dtype=dtype,
        crs="EPSG:32645",
        transform=transform,
        nodata=nodata,
    ) as target:
        target.write(bands)
        target.scales, target.offsets = [scale] * len(bands), [offset] * len(bands)
    return path


def read(path, **options):
    findings = Findings()
    raster = read_raster(path, crs=None, setting="layers[0]", findings=findings, **options)
    return raster, findings


@pytest.mark.parametrize(
    ("dtype", "code"),
    [
        *(("int16", -32768), ("int16", -9999), ("int16", 32767), ("int32", -2147483648)),
        *(("float32", -3.4028235e38), ("float32", 1.70141e38), ("float64", -1.7976931e308)),
        *(("float32", -9999), ("float32", -99999), ("float64", 9999), ("float32", -32768)),
        *(("uint8", 255), ("uint16", 65535), ("float32", -999)),
    ],
)
def test_a_code_far_from_all_values_is_void_though_not_declared(tmp_path, dtype, code):
    values = CELLS.copy()
    values[3:6, 4:9] = code

    raster, findings = read(stored(tmp_path / "dem.tif", values, dtype))

    assert np.isnan(raster.values[3:6, 4:9]).all()
    assert np.isnan(raster.values).sum() == 15
    (finding,) = findings.of("undeclared-void")
    assert "15 cells" in finding.what
    if abs(code) < 1e30:
        assert finding.remedy == "if these are true values, set layers[0].nodata = []"
        kept, quiet = read(tmp_path / "dem.tif", nodata=[])
        assert not np.isnan(kept.values).any()
        assert not len(quiet)


@pytest.mark.parametrize(
    ("dtype", "values"),
    [
        ("int16", np.linspace(-12_000, 4000, 400).reshape(20, 20).round()),  # a bathymetry
        ("uint8", np.linspace(0, 255, 400).reshape(20, 20).round()),  # an image
        ("uint8", np.where(CELLS > 140, 255, 0)),  # a mask
        ("float32", np.linspace(9000, 11_000, 400).reshape(20, 20)),
        ("float32", np.where(CELLS > 149, 999, CELLS * 20 - 2000)),
    ],
)
def test_codes_among_other_values_are_values(tmp_path, dtype, values):
    raster, findings = read(stored(tmp_path / "a.tif", values, dtype))

    np.testing.assert_array_equal(raster.values, values.astype(dtype).astype(np.float32))
    assert not findings.of("undeclared-void")


def test_cells_of_two_codes_are_counted_apart(tmp_path):
    values = CELLS.copy()
    values[3, 4:9], values[5, 4:7] = -9999, 32767

    _, findings = read(stored(tmp_path / "dem.tif", values, "int16"))

    (finding,) = findings.of("undeclared-void")
    assert finding.data["cells"] == {"-9999": 5, "32767": 3}


def test_one_cell_with_a_code_is_reported_and_kept(tmp_path):
    values = CELLS.copy()
    values[0, 0] = -9999

    raster, findings = read(stored(tmp_path / "a.tif", values))

    assert raster.values[0, 0] == -9999
    (finding,) = findings.of("void-like-value")
    assert "set layers[0].nodata = [-9999]" in finding.remedy
    assert np.isnan(read(tmp_path / "a.tif", nodata=[-9999])[0].values[0, 0])


@pytest.mark.parametrize(
    ("dtype", "scale", "offset"),
    [("int16", 0.1, 50), ("uint8", 2, 0), ("uint16", 0.01, -273.15), ("int32", 1, -100),
     ("float32", 1000, 1)],
)  # fmt: skip
def test_scale_and_offset_are_applied_and_nodata_is_kept(tmp_path, dtype, scale, offset):
    values = CELLS.round()
    values[0, 0] = 7
    path = stored(tmp_path / "a.tif", values, dtype, nodata=7, scale=scale, offset=offset)

    raster, findings = read(path)

    assert np.isnan(raster.values[0, 0])
    np.testing.assert_allclose(raster.values[1:], values[1:] * scale + offset, rtol=1e-5)
    assert len(findings.of("scaled-raster")) == 1


@pytest.mark.parametrize(
    ("transform", "turn"),
    [
        (Affine(500, 0, WEST, 0, 500, SOUTH), np.flipud),
        (Affine(-500, 0, WEST + SIDE, 0, -500, SOUTH + SIDE), np.fliplr),
        (Affine(-500, 0, WEST + SIDE, 0, 500, SOUTH), np.rot90),
    ],
)
def test_a_raster_that_is_not_north_up_is_turned(tmp_path, transform, turn):
    stored(tmp_path / "a.tif", CELLS, transform=transform)

    raster, findings = read(tmp_path / "a.tif")

    expected = np.rot90(CELLS, 2) if turn is np.rot90 else turn(CELLS)
    np.testing.assert_array_equal(raster.values, expected.astype(np.float32))
    assert raster.grid.transform == Affine(500, 0, WEST, 0, -500, SOUTH + SIDE)
    assert len(findings.of("turned-raster")) == 1


@pytest.mark.parametrize("angle", [1, 10, 45, 90, -30])
def test_a_rotated_raster_is_refused_in_words(tmp_path, angle):
    turned = Affine(500, 0, WEST, 0, -500, SOUTH) @ Affine.rotation(angle)
    stored(tmp_path / "a.tif", CELLS, transform=turned)

    with pytest.raises(AlignmentError, match=r"rotated or sheared.*Remedy: .*Warp"):
        read(tmp_path / "a.tif")


@pytest.mark.parametrize("count", [2, 3, 4, 7, 12])
def test_one_of_several_bands_is_chosen_by_number(tmp_path, count):
    stored(tmp_path / "image.tif", np.stack([CELLS + k for k in range(count)]))

    with pytest.raises(InputError, match=rf"{count} bands.*set layers\[0\].band"):
        read(tmp_path / "image.tif")
    with pytest.raises(ConfigError, match=f"there is no band {count + 1}"):
        read(tmp_path / "image.tif", band=count + 1)

    assert read(tmp_path / "image.tif", band=count)[0].values[0, 0] == 100 + count - 1


@pytest.mark.parametrize("dtype", ["complex64", "complex128", "complex_int16"])
def test_complex_numbers_are_refused(tmp_path, dtype):
    with rasterio.open(
        *(tmp_path / "a.tif", "w"),
        driver="GTiff",
        height=20,
        width=20,
        count=1,
        dtype=dtype,
        crs="EPSG:32645",
        transform=Affine(500, 0, WEST, 0, -500, SOUTH + SIDE),
    ) as target:
        target.write(CELLS.astype("complex64")[None])

    with pytest.raises(InputError, match="complex numbers"):
        read(tmp_path / "a.tif")


@pytest.mark.filterwarnings("ignore:The given matrix")
def test_a_raster_without_a_position_is_refused(tmp_path):
    stored(tmp_path / "a.tif", CELLS, transform=Affine.identity())

    with pytest.raises(AlignmentError, match=r"no position.*\.tfw"):
        read(tmp_path / "a.tif")


def test_a_label_of_255_is_no_void(district):
    marks = np.zeros((20, 20))
    marks[::7, ::6] = 255
    marks[0, 1] = 1
    stored(district.folder / "ore.tif", marks, "uint8")
    district.table["deposits"] = {"path": "ore.tif", "value": 255}

    assert len(district.read().deposits) == int((marks == 255).sum())
