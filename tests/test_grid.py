import numpy as np
import pytest
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st
from pyproj import CRS

from orecast.errors import AlignmentError, ConfigError
from orecast.grid import (
    Bounds,
    Grid,
    nearest_place,
    widened,
    window_rows,
    windows_over,
    windows_touching,
)

UTM = CRS("EPSG:32645")
coordinate = st.floats(-1e6, 1e6, allow_nan=False)


@given(coordinate, coordinate, st.floats(0.5, 5000), st.integers(1, 40), st.integers(1, 40))
def test_the_cell_of_a_centre_is_that_cell(west, north, size, rows, columns):
    grid = Grid(UTM, Affine(size, 0, west, 0, -size, north), (rows, columns))
    at = np.argwhere(np.ones(grid.shape, dtype=bool))
    np.testing.assert_array_equal(grid.cell(grid.xy(at)), at)
    np.testing.assert_allclose(grid.xy(at), grid.centres())


@given(
    st.floats(0, 1000), st.floats(0, 1000), st.floats(1, 900), st.floats(1, 900), st.floats(1, 99)
)
def test_a_covering_grid_holds_its_bounds(west, south, width, height, size):
    bounds = Bounds(west, south, west + width, south + height)
    grid = Grid.covering(bounds, size, UTM)
    b = grid.bounds
    slack = 1e-6 * size
    assert b.west <= west + slack
    assert b.north >= bounds.north - slack
    assert b.east >= bounds.east - slack
    assert b.south <= south + slack
    assert b.east - bounds.east < size + slack
    assert grid.x[0] == pytest.approx(b.west + size / 2)


def test_north_is_up():
    grid = Grid.covering(Bounds(0, 0, 20, 30), 10, UTM)
    assert grid.y.tolist() == [25, 15, 5]
    assert grid.cell([[1, 29]]).tolist() == [[0, 0]]
    assert not grid.contains([[1, 31]])[0]


@pytest.mark.parametrize(
    ("transform", "word"),
    [(Affine(1, 0.5, 0, 0, -1, 0), "rotated"), (Affine(1, 0, 0, 0, 1, 0), "north-up")],
)
def test_other_transforms_are_refused(transform, word):
    with pytest.raises(AlignmentError, match=word):
        Grid(UTM, transform, (3, 3))


@given(st.integers(1, 30), st.integers(1, 30), st.integers(1, 12), st.integers(0, 5))
def test_tiles_cover_each_cell_once_and_halos_stay_inside(rows, columns, size, halo):
    grid = Grid.covering(Bounds(0, 0, columns, rows), 1, UTM)
    count = np.zeros(grid.shape, dtype=int)
    number = np.arange(count.size).reshape(count.shape)
    for tile in grid.tiles(size, halo):
        count[tile.rows, tile.columns] += 1
        outer = number[tile.outer_rows, tile.outer_columns]
        np.testing.assert_array_equal(outer[tile.inner], number[tile.rows, tile.columns])
    assert (count == 1).all()


def test_the_twelve_by_twelve_tiles_of_a_published_map():
    tiles = Grid.covering(Bounds(0, 0, 3072, 3072), 1, UTM).numbered_tiles(12, 12)
    assert np.unique(tiles, return_counts=True)[1].tolist() == [256 * 256] * 144
    assert tiles[0, 0] == 1
    assert tiles[0, -1] == 12
    assert tiles[-1, -1] == 144


def test_more_tiles_than_cells_are_refused():
    grid = Grid.covering(Bounds(0, 0, 5, 5), 1, UTM)
    with pytest.raises(ConfigError, match="do not fit"):
        grid.numbered_tiles(12, 12)
    with pytest.raises(ConfigError, match=r"^targets\.tiles: "):
        grid.numbered_tiles(10**9, 10**9, where="targets.tiles")


@pytest.mark.parametrize("size", [1, 2, 3, 4, 9])
def test_windows_over_and_touching_are_what_the_windows_cover(size):
    rng = np.random.default_rng(0)
    mask = rng.random((17, 23)) < 0.05
    expected = np.zeros_like(mask)
    covered = np.zeros_like(mask)
    for r, c in np.ndindex(mask.shape):
        rows, columns = window_rows([[r, c]], size)
        rows, columns = rows[0], columns[0]
        rows = rows[(rows >= 0) & (rows < mask.shape[0])]
        columns = columns[(columns >= 0) & (columns < mask.shape[1])]
        expected[r, c] = mask[np.ix_(rows, columns)].any()
        covered[np.ix_(rows, columns)] |= mask[r, c]
    np.testing.assert_array_equal(windows_touching(mask, size), expected)
    np.testing.assert_array_equal(windows_over(mask, size), covered)


def test_widening_keeps_to_its_distance():
    mask = np.zeros((9, 9), dtype=bool)
    mask[4, 4] = True
    assert widened(mask, 2).sum() == 13  # cells whose centre lies within two of it
    assert widened(mask, 0).sum() == 1
    assert not widened(np.zeros((3, 3), dtype=bool), 5).any()


def test_nearest_place_names_the_row():
    owner = nearest_place([[0, 0], [0, 4]], (1, 5))
    assert owner.tolist()[0][:2] == [0, 0]
    assert owner.tolist()[0][3:] == [1, 1]


@pytest.mark.parametrize(
    "transform",
    [
        Affine(np.nan, 0, 0, 0, -1, 0),
        Affine(1, 0, 0, 0, np.nan, 0),
        Affine(1, 0, np.inf, 0, -1, 0),
        Affine(1, 0, 0, 0, -np.inf, 0),
        Affine(np.nan, np.nan, np.nan, np.nan, np.nan, np.nan),
    ],
)
def test_an_invalid_transform_is_refused(transform):
    with pytest.raises(AlignmentError, match=r"no valid position.*export it again"):
        Grid(UTM, transform, (2, 2))
