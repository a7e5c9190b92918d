import geopandas as gpd
import numpy as np
import pytest
import shapely
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pyproj import CRS, Transformer
from scipy import ndimage

from orecast import config
from orecast.errors import AlignmentError, ConfigError
from orecast.grid import Grid
from orecast.targets import COLUMNS, delineate, over_cells

UTM = CRS("EPSG:32645")
ALL = config.Targets(smallest=1, most=1000)

# two areas: one with a core of A that touches its halo at a corner, one of C alone
CLASSES = np.array(
    [
        [1, 0, 0, 0, 0, 0],
        [0, 2, 3, 0, 0, 3],
        [0, 3, 3, 0, 0, 3],
        [255, 255, 0, 0, 0, 3],
    ],
    dtype=np.uint8,
)
SCORE = np.array(
    [
        [0.90, 0.1, 0.1, 0.1, 0.1, 0.10],
        [0.10, 0.8, 0.6, 0.1, 0.1, 0.65],
        [0.10, 0.6, 0.6, 0.1, 0.1, 0.70],
        [np.nan, np.nan, 0.1, 0.1, 0.1, 0.75],
    ]
)


def grid_of(shape, size=(500, 250)):
    return Grid(UTM, Affine(size[0], 0, 430000, 0, -size[1], 4700000), shape)


def targets_of(score=SCORE, classes=CLASSES, options=ALL, deposits=None, **more):
    grid = grid_of(classes.shape)
    return delineate(score, classes, grid, deposits=deposits, options=options, **more)


def points(xy, crs=UTM):
    return gpd.GeoDataFrame({"name": range(len(xy))}, geometry=shapely.points(xy), crs=crs)


def test_the_table_by_hand():
    targets = targets_of(uncertainty=np.where(SCORE > 0.7, 0.2, np.nan))
    assert tuple(targets.columns) == (*COLUMNS, "geometry")
    assert targets["rank"].tolist() == [1, 2]
    assert targets["class"].tolist() == ["A", "C"]
    assert targets["area_km2"].tolist() == [5 * 0.125, 3 * 0.125]
    assert targets["score_max"].tolist() == [0.9, 0.75]
    assert targets["score_mean"].tolist() == pytest.approx([0.7, 0.7])
    assert targets["uncertainty_mean"].tolist() == pytest.approx([0.2, 0.2])
    assert targets["x"].tolist() == [430250, 432750]  # centre of the cell of highest score
    assert targets["y"].tolist() == [4699875, 4699125]
    assert targets["nearest_deposit_km"].isna().all()
    assert targets["top_elements"].tolist() == ["", ""]
    assert targets.crs == UTM


def test_longitude_and_latitude_are_those_of_x_and_y():
    targets = targets_of()
    lon, lat = Transformer.from_crs(UTM, 4326, always_xy=True).transform(targets["x"], targets["y"])
    np.testing.assert_allclose(targets["lon"], lon)
    np.testing.assert_allclose(targets["lat"], lat)
    assert targets["lon"].between(85, 88).all()
    assert targets["lat"].between(42, 43).all()


def test_outlines_run_along_the_cells_edges():
    targets = targets_of()
    assert (targets.geometry.area / 1e6).tolist() == pytest.approx(targets["area_km2"].tolist())
    assert targets.geometry.iloc[1].bounds == (432500, 4699000, 433000, 4699750)
    assert targets.geometry.geom_type.unique().tolist() == ["MultiPolygon"]
    assert targets.geometry.is_valid.all()


def test_cells_that_touch_at_a_corner_are_one_target():
    targets = targets_of(classes=np.eye(4, dtype=np.uint8), score=np.eye(4))
    assert len(targets) == 1
    assert targets["area_km2"].tolist() == [0.5]
    assert len(targets.geometry.iloc[0].geoms) == 4


def ranked(*areas):
    """Targets of a column each, as (class, scores); the columns in order of rank."""
    classes = np.zeros((4, 2 * len(areas)), dtype=np.uint8)
    score = np.zeros(classes.shape)
    for k, (number, values) in enumerate(areas):
        classes[: len(values), 2 * k] = number
        score[: len(values), 2 * k] = values
    x = targets_of(score, classes)["x"].to_numpy()
    return ((x - 430000) // 1000).astype(int).tolist()


def test_rank_is_by_class_then_highest_then_mean_score_then_area():
    assert ranked((3, [0.9]), (1, [0.5]), (2, [0.7])) == [1, 2, 0]
    assert ranked((1, [0.6, 0.6]), (1, [0.9, 0.1])) == [1, 0]
    assert ranked((1, [0.9, 0.5]), (1, [0.9, 0.7])) == [1, 0]
    assert ranked((1, [0.9]), (1, [0.9, 0.9])) == [1, 0]


def test_equal_targets_rank_from_the_north_west():
    assert ranked((1, [0.9]), (1, [0.9]), (1, [0.9])) == [0, 1, 2]


def test_the_smallest_area_and_the_most_targets():
    assert targets_of(options=config.Targets(smallest=4))["class"].tolist() == ["A"]
    assert targets_of(options=config.Targets(smallest=6)).empty
    assert targets_of(options=config.Targets(smallest=1, most=1))["rank"].tolist() == [1]


def test_no_cells_in_any_class_give_an_empty_table():
    nothing = np.where(CLASSES == 255, 255, 0).astype(np.uint8)
    targets = targets_of(classes=nothing, deposits=points([(430000, 4700000)]))
    assert targets.empty
    assert tuple(targets.columns) == (*COLUMNS, "geometry")
    assert targets.crs == UTM


def test_distance_to_the_nearest_deposit_is_from_the_edge():
    targets = targets_of(deposits=points([(430100, 4699900), (432000, 4699500)]))
    assert targets["nearest_deposit_km"].tolist() == pytest.approx([0, 0.5])


def test_deposits_in_another_crs_are_brought_over():
    deposits = points([(432000, 4699500)])
    here = targets_of(deposits=deposits)["nearest_deposit_km"]
    there = targets_of(deposits=deposits.to_crs(4326))["nearest_deposit_km"]
    np.testing.assert_allclose(here, there, atol=1e-6)


def test_deposits_without_crs_are_refused():
    with pytest.raises(AlignmentError, match="deposits: the table has no CRS"):
        targets_of(deposits=points([(0, 0)], crs=None))


def test_deposits_may_be_none_left():
    assert targets_of(deposits=points([(0, 0)])[:0])["nearest_deposit_km"].isna().all()


def test_reasons_by_rank_or_by_cells():
    assert targets_of(top_elements={2: "Au, As"})["top_elements"].tolist() == ["", "Au, As"]
    seen = []
    targets = targets_of(
        top_elements=lambda areas: seen.extend(areas) or [f"{len(a)} cells" for a in areas]
    )
    assert targets["top_elements"].tolist() == ["5 cells", "3 cells"]
    assert seen[1].tolist() == [[1, 5], [2, 5], [3, 5]]


def test_further_columns_are_measured_over_each_targets_cells():
    targets = targets_of(
        extra={
            "probability": over_cells(np.where(SCORE > 0.7, SCORE, np.nan)),
            "applicable_share": over_cells(SCORE > 0.65),
            "conformal_p": over_cells(1 - SCORE, np.min),
            "cells": lambda areas: [len(cells) for cells in areas],
        }
    )
    names = ("probability", "applicable_share", "conformal_p", "cells")
    assert tuple(targets.columns) == (*COLUMNS, *names, "geometry")
    assert targets["probability"].tolist() == pytest.approx([0.85, 0.75])
    assert targets["applicable_share"].tolist() == pytest.approx([2 / 5, 2 / 3])
    assert targets["conformal_p"].tolist() == pytest.approx([0.1, 0.25])
    assert targets["cells"].tolist() == [5, 3]


def test_what_is_known_of_no_cell_is_not_a_number():
    targets = targets_of(extra={"probability": over_cells(np.full(SCORE.shape, np.nan))})
    assert targets["probability"].isna().all()


def test_further_columns_of_no_targets_are_there():
    targets = targets_of(
        options=config.Targets(smallest=9), extra={"probability": over_cells(SCORE)}
    )
    assert targets.empty
    assert targets["probability"].dtype == np.float64


def test_a_further_column_takes_no_name_of_the_tables_own():
    with pytest.raises(ConfigError, match="column 'score_max'"):
        targets_of(extra={"score_max": over_cells(SCORE)})


@pytest.mark.parametrize("name", ["score", "classes", "uncertainty"])
def test_maps_that_do_not_fit_are_refused(name):
    maps = {"score": SCORE, "classes": CLASSES, "uncertainty": SCORE} | {name: np.zeros((2, 2))}
    with pytest.raises(AlignmentError, match=f"map {name}"):
        delineate(
            maps["score"],
            maps["classes"],
            grid_of(CLASSES.shape),
            deposits=None,
            options=ALL,
            uncertainty=maps["uncertainty"],
        )


@given(arrays(np.uint8, (7, 8), elements=st.sampled_from([0, 0, 1, 2, 3, 255])))
def test_targets_are_exactly_the_cells_in_classes(classes):
    score = np.where(classes == 255, np.nan, (4 - classes.astype(float)) / 4)
    grid = grid_of(classes.shape)
    targets = targets_of(score, classes)
    in_class = (classes >= 1) & (classes <= 3)
    assert len(targets) == ndimage.label(in_class, np.ones((3, 3)))[1]
    assert targets["area_km2"].sum() == pytest.approx(in_class.sum() * 0.125)
    assert targets.geometry.is_valid.all()
    assert targets.geometry.area.sum() == pytest.approx(in_class.sum() * grid.cell_area)
    covered = np.zeros(in_class.size, dtype=bool)
    for outline, x, y in zip(targets.geometry, targets["x"], targets["y"], strict=True):
        covered |= shapely.contains(outline, shapely.points(grid.centres()))
        assert outline.contains(shapely.Point(x, y))
    np.testing.assert_array_equal(covered.reshape(classes.shape), in_class)
    assert targets["rank"].tolist() == list(range(1, len(targets) + 1))
    assert targets["class"].is_monotonic_increasing
