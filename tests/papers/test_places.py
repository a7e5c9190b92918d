"""Tiles, samples and authors' windows as places, by hand."""

from __future__ import annotations

import numpy as np
import pytest
from affine import Affine
from pyproj import CRS

from orecast.config import Config
from orecast.errors import InputError, SamplingError
from orecast.evidence import Evidence
from orecast.grid import Grid
from orecast.papers import study
from orecast.papers.experiments import AuthorsWindows
from orecast.sampling import MapGeometry, Sampling
from orecast.workflow.places import Places

UTM = CRS.from_epsg(32645)


def evidence(rows=8, columns=12, side=10.0):
    grid = Grid(UTM, Affine(side, 0, 0, 0, -side, 0), (rows, columns))
    values = np.arange(rows * columns, dtype=float).reshape(rows, columns)
    return Evidence.empty(grid).adding("Au", values, kind="element", origin="", reach=0.0)


def geometry(of, size):
    return MapGeometry(of.valid, 10.0, size)


def test_tiles_of_four_cells_every_four_hold_the_deposits_inside_them():
    of = evidence()
    found = study.tile_rows(
        of, geometry(of, 4), np.array([[0, 0], [7, 7]]), step=4, counts=(9, 9), seed=0
    ).sampling
    assert found.at.tolist() == [[2, 2], [2, 6], [2, 10], [6, 2], [6, 6], [6, 10]]
    assert found.y.tolist() == [1, 0, 0, 0, 1, 0]


def test_tiles_that_overlap_hold_a_deposit_each():
    of = evidence()
    found = study.tile_rows(
        of, geometry(of, 4), np.array([[3, 3]]), step=2, counts=(9, 99), seed=0
    ).sampling
    assert found.at[found.y == 1].tolist() == [[2, 2], [2, 4], [4, 2], [4, 4]]


def test_no_more_tiles_are_drawn_than_asked_and_a_class_is_needed():
    of = evidence()
    few = study.tile_rows(
        of, geometry(of, 2), np.array([[0, 0]]), step=2, counts=(1, 5), seed=0
    ).sampling
    assert (few.y == 1).sum() == 1
    assert (few.y == 0).sum() == 5
    everywhere = np.argwhere(of.valid)
    with pytest.raises(SamplingError, match="no tile without a deposit"):
        study.tile_rows(of, geometry(of, 2), everywhere, step=2, counts=(9, 9), seed=0)


class Samples:
    """Six samples on a line; two deposits beside the first and the last but one."""

    def __init__(self):
        import geopandas as gpd

        x = np.array([5.0, 15, 25, 85, 95, 115])
        self.samples = gpd.GeoDataFrame(
            geometry=gpd.points_from_xy(x, np.full(6, -5.0)), crs="EPSG:32645"
        )
        self.values = np.array([[1.0, 2, 3, 4, 5, np.nan]]).T
        self.gridded = None


def test_the_samples_nearest_to_deposits_are_ore_and_grouped_by_them(monkeypatch):
    survey, of = Samples(), evidence()
    monkeypatch.setattr(study, "survey_ratios", lambda *_: (("Au",), survey.values))
    xy = np.array([[6.0, -5.0], [94.0, -5.0]])
    cells = np.array([[0, 0], [0, 9]])
    deposits = Places(
        Sampling.of(cells, 1.0, np.array([4, 7])),
        np.array([0, 1]),
        np.array([0, 1]),
        ("a", "b"),
        xy,
    )
    found = study.sample_places(survey, of, Config(), deposits, (4, 9), seed=0)
    table = found.table.sampling
    values = found.table.evidence.layer("Au")[:, 0]
    # the sixth lacks a value; the farthest of the others is negative
    assert sorted(zip(values.tolist(), table.y.tolist(), strict=True)) == [
        (1.0, 1.0),
        (2.0, 1.0),
        (3.0, 0.0),
        (4.0, 1.0),
        (5.0, 1.0),
    ]
    assert found.places.sampling.at.tolist() == [[0, 0], [0, 1], [0, 8], [0, 9]]
    assert found.places.sampling.group.tolist() == [4, 4, 7, 7]
    assert found.places.row.tolist() == [0, 3]
    assert found.negative.tolist() == [[0, 2]]


class Gridded:
    """A survey of two rasters, every cell's values its own."""

    def __init__(self, of):
        self.gridded = of.grid
        number = np.arange(of.grid.shape[0] * of.grid.shape[1], dtype=np.float64)
        self.values = np.column_stack([number, -number])
        self.symbols = ("Ag", "Au")


@pytest.fixture
def authors(tmp_path):
    """Files of windows cut from rasters, and what reads them."""
    of = evidence()
    survey = Gridded(of)
    (tmp_path / "rasters").mkdir()
    for name in ("Ag", "Au", "Cd"):  # one that the survey leaves out
        (tmp_path / "rasters" / f"{name}.tif").touch()
    maps = survey.values.T.reshape(2, *of.grid.shape)
    maps = np.concatenate([maps, np.zeros((1, *of.grid.shape))])

    def cut(name, at, labels, shift=0.0):
        windows = np.stack([maps[:, r - 1 : r + 2, c - 1 : c + 2] for r, c in at])
        np.save(tmp_path / f"{name}.npy", np.moveaxis(windows, 1, -1).astype(np.float32) + shift)
        np.save(tmp_path / f"{name}_labels.npy", np.array(labels))

    files = AuthorsWindows(("train.npy", "train_labels.npy"), ("test.npy", "test_labels.npy"))
    config = Config.model_validate({"gridded": {"path": str(tmp_path / "rasters" / "*.tif")}})
    return cut, lambda: study.authors_rows(files, survey, of, geometry(of, 3), config)


def test_authors_windows_are_found_where_they_were_cut(authors):
    cut, read = authors
    cut("train", [(2, 3), (5, 9)], [1, 0])
    cut("test", [(2, 4)], [1])
    found = read()
    assert found.sampling.at.tolist() == [[2, 3], [5, 9], [2, 4]]
    assert found.sampling.y.tolist() == [1, 0, 1]
    assert (found.train.tolist(), found.test.tolist()) == ([0, 1], [2])


def test_windows_of_other_rasters_are_refused(authors):
    cut, read = authors
    cut("train", [(2, 3), (5, 9)], [1, 0])
    cut("test", [(2, 4)], [1], shift=0.5)
    with pytest.raises(InputError, match="1 of 3 windows are not found"):
        read()
