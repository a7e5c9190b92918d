import geopandas as gpd
import numpy as np
import pytest
from affine import Affine
from pyproj import CRS

from orecast.errors import ConfigError
from orecast.grid import Grid
from orecast.targets import number_tiles, write_tiles

GRID = Grid(CRS("EPSG:32645"), Affine(100, 0, 1000, 0, -100, 9000), (4, 6))


def tiles():
    score = np.arange(24, dtype=np.float32).reshape(4, 6) / 24
    score[:2, :3] = np.nan
    classes = np.zeros((4, 6), dtype=np.uint8)
    classes[:2, :3] = 255
    classes[3, 5], classes[3, 4] = 1, 2
    return number_tiles(score, classes, GRID, 2, 2, np.array([[0, 5], [3, 0]])), score


def test_each_tile_has_its_scores_class_and_ore():
    found, score = tiles()
    assert found["number"].tolist() == [1, 2, 3, 4]
    assert found["known_ore"].tolist() == [False, True, True, False]
    assert found["class"].tolist() == ["", "", "", "A"]
    assert np.isnan(found["score_mean"][0])
    assert found["score_mean"][3] == pytest.approx(score[2:, 3:].mean())
    assert found["score_max"][3] == pytest.approx(23 / 24)


def test_outlines_tile_the_grid_from_the_north_west():
    found, _ = tiles()
    assert found.geometry[0].bounds == (1000, 8800, 1300, 9000)
    assert found.geometry.area.sum() == 4 * 6 * 100 * 100
    assert found.union_all().bounds == (1000, 8600, 1600, 9000)


def test_written_and_read_back(tmp_path):
    found, _ = tiles()
    write_tiles(found, tmp_path)
    again = gpd.read_file(tmp_path / "tiles.gpkg", layer="tiles")
    assert again["number"].tolist() == [1, 2, 3, 4]
    assert again.crs == found.crs
    assert (tmp_path / "tiles.csv").read_text().startswith("number,known_ore,class")


def test_tiles_that_do_not_fit_are_refused():
    score = np.zeros((4, 6), dtype=np.float32)
    with pytest.raises(ConfigError, match="12 x 12"):
        number_tiles(score, score.astype(np.uint8), GRID, 12, 12, np.zeros((0, 2), dtype=int))
