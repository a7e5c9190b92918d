import numpy as np
import pytest
from affine import Affine
from pyproj import CRS, Transformer

from orecast.errors import AlignmentError
from orecast.evidence import Evidence
from orecast.evidence.alignment import align, with_rasters
from orecast.grid import Bounds, Grid
from orecast.survey.data import Raster

UTM = CRS("EPSG:32645")
GRID = Grid.covering(Bounds(500_000, 4_000_000, 503_000, 4_002_000), 100, UTM)  # 20 x 30


def plane(grid: Grid) -> np.ndarray:
    xx, yy = np.meshgrid(grid.x, grid.y)
    return (0.001 * (xx - 500_000) + 0.002 * (yy - 4_000_000)).astype(np.float32)


def raster(grid: Grid, values: np.ndarray | None = None) -> Raster:
    return Raster("mag", grid, plane(grid) if values is None else values, "data/mag.tif")


def over(cell: float, margin: float = 500.0) -> Grid:
    west, south, east, north = GRID.bounds
    bounds = Bounds(west - margin, south - margin, east + margin, north + margin)
    return Grid.covering(bounds, cell, UTM)


def test_the_same_grid_is_taken_as_it_is():
    values, how = align(raster(GRID), GRID)
    np.testing.assert_array_equal(values, plane(GRID))
    assert how == "on the same grid"


@pytest.mark.parametrize("cell", [30.0, 70.0, 100.0, 130.0, 400.0])
def test_a_plane_keeps_its_values_at_the_centres(cell):
    """Coarser, finer and shifted grids: half a cell off would be 0.15, upside down up to 4."""
    values, how = align(raster(over(cell)), GRID)
    assert np.abs(values - plane(GRID)).max() < 0.02
    assert ("averaged" in how) == (cell < 50)


def test_from_degrees():
    degrees = CRS("EPSG:4326")
    to_degrees = Transformer.from_crs(UTM, degrees, always_xy=True)
    west, south, east, north = to_degrees.transform_bounds(*over(100).bounds)
    source = Grid(degrees, Affine(0.001, 0, west, 0, -0.001, north), (42, 52))
    lon, lat = np.meshgrid(source.x, source.y)
    x, y = to_degrees.transform(lon, lat, direction="INVERSE")
    values = 0.001 * (x - 500_000) + 0.002 * (y - 4_000_000)
    got, how = align(raster(source, values.astype(np.float32)), GRID)
    assert np.abs(got - plane(GRID)).max() < 0.02
    assert "EPSG:4326" in how
    assert north > south
    assert east > west


def test_nodata_takes_no_part():
    source = over(70.0)
    values = np.full(source.shape, 5.0, dtype=np.float32)
    hole = np.abs(source.x - 501_500)[None, :] + np.abs(source.y - 4_001_000)[:, None] < 400
    values[hole] = np.nan
    got, _ = align(raster(source, values), GRID)
    assert np.isnan(got).any()
    np.testing.assert_array_equal(got[~np.isnan(got)], 5.0)  # no blend with a nodata value
    assert np.isnan(got[GRID.cell([[501_500, 4_001_000]])[0][0], 15])


def test_beyond_the_raster_is_nodata():
    half = Grid.covering(Bounds(500_000, 4_000_000, 501_500, 4_002_000), 70, UTM)
    got, _ = align(raster(half), GRID)
    assert np.isfinite(got[:, :14]).all()
    assert np.isnan(got[:, 17:]).all()


def test_classes_are_never_blended():
    for cell in (20.0, 70.0, 130.0):
        source = over(cell)
        values = np.where(source.x < 501_500, 3.0, 8.0)[None, :] + np.zeros(source.shape)
        got, _ = align(raster(source, values.astype(np.float32)), GRID, categories=True)
        assert set(np.unique(got)) == {3.0, 8.0}
        assert (got[:, :14] == 3).all()
        assert (got[:, 16:] == 8).all()


def test_layers_that_do_not_overlap_are_refused_with_both_extents():
    away = Grid(UTM, Affine(100, 0, 430_000, 0, -100, 4_092_000), GRID.shape)
    with pytest.raises(AlignmentError) as error:
        align(raster(away), GRID)
    message = str(error.value)
    assert str(away.bounds) in message
    assert str(GRID.bounds) in message
    assert "layer mag (data/mag.tif)" in message
    assert 'align = "pixels"' in message


def test_an_overlap_of_nodata_is_refused():
    source = over(100.0)
    values = np.full(source.shape, np.nan, dtype=np.float32)
    values[0, 0] = 1.0
    with pytest.raises(AlignmentError, match="no value on the survey's grid"):
        align(raster(source, values), GRID)


def test_layers_follow_their_tables(survey_of, config_of):
    other = Raster("units", over(130.0), np.round(plane(over(130.0))), "units.asc")
    pixels = Raster("index", GRID, plane(GRID), "index.tif")
    survey = survey_of(gridded=GRID, rasters=(raster(over(70.0)), other, pixels))
    config = config_of(
        gridded={"path": "*.tif"},
        layers=[
            {"path": "units.asc", "categories": True, "reach": 900.0},
            {"path": "else.tif", "name": "index", "align": "pixels"},
        ],
    )
    evidence = with_rasters(Evidence.empty(GRID), survey, config)
    assert evidence.names == ("mag", "units", "index")
    assert [evidence.data[n].attrs["reach"] for n in evidence.names] == [140, 900, 200]
    assert {evidence.kind(n) for n in evidence.names} == {"raster"}
    assert (evidence.layer("units") % 1 == 0).all()
    assert "its header is ignored" in evidence.data["index"].attrs["origin"]
