"""The table of targets: ground, rank, class, caution, and the columns that others add."""

import geopandas as gpd
import numpy as np
import pytest
import shapely
from affine import Affine
from pyproj import CRS, Transformer

from orecast.errors import AlignmentError, ConfigError
from orecast.grid import Grid
from orecast.targets import COLUMNS, KnownDeposits, Rule, delineate, new_ground, over_cells

UTM = CRS("EPSG:32645")
RULE = Rule(spacing=500, smallest=1, largest=9, fall=0.2, prominence=0.05)
NEAR = 1500.0
ROWS, COLUMNS_OF_MAP = 8, 60
SHAPE = (ROWS, COLUMNS_OF_MAP)
THRESHOLDS = (0.9, 0.7, 0.5)


def grid_of(shape=SHAPE, size=(500, 250)):
    return Grid(UTM, Affine(size[0], 0, 430000, 0, -size[1], 4700000), shape)


def map_of(*peaks):
    """A map of 0.1 with peaks of (column, score), each in row 3 with shoulders beside it."""
    score = np.full(SHAPE, 0.1)
    for column, height in peaks:
        score[3, column - 1 : column + 2] = height - 0.01
        score[3, column] = height
    return score


def points(*columns, names=None):
    """Deposits at the middles of cells of row 3."""
    xy = grid_of().xy(np.array([(3, column) for column in columns]).reshape(-1, 2))
    return KnownDeposits(xy, names or [f"mine {c}" for c in columns])


NOWHERE = points()


def targets_of(score, deposits=NOWHERE, **changes):
    whole = {"thresholds": THRESHOLDS, "near": NEAR, "most": 50} | changes
    return delineate(score, grid_of(), RULE, deposits=deposits, **whole)


def test_the_table_by_hand():
    score = map_of((5, 0.95), (20, 0.6))
    targets = targets_of(score, uncertainty=np.where(score > 0.7, 0.2, np.nan))
    assert tuple(targets.columns) == (*COLUMNS, "geometry")
    assert targets["rank"].tolist() == [1, 2]
    assert targets["class"].tolist() == ["A", "C"]
    assert targets["ground"].tolist() == ["new", "new"]
    assert targets["area_km2"].tolist() == [3 * 0.125, 3 * 0.125]
    assert targets["score_max"].tolist() == [0.95, 0.6]
    assert targets["score_mean"].tolist() == pytest.approx([0.95 - 0.02 / 3, 0.6 - 0.02 / 3])
    assert targets["uncertainty_mean"].tolist() == pytest.approx([0.2, np.nan], nan_ok=True)
    assert targets["x"].tolist() == [432750, 440250]  # centre of the peak's cell
    assert targets["y"].tolist() == [4699125, 4699125]
    assert targets["nearest_deposit_km"].isna().all()
    assert targets["nearest_deposit"].tolist() == ["", ""]
    assert targets.crs == UTM


def test_longitude_and_latitude_are_those_of_x_and_y():
    targets = targets_of(map_of((5, 0.95), (20, 0.6)))
    lon, lat = Transformer.from_crs(UTM, 4326, always_xy=True).transform(targets["x"], targets["y"])
    np.testing.assert_allclose(targets["lon"], lon)
    np.testing.assert_allclose(targets["lat"], lat)


def test_outlines_run_along_the_cells_edges():
    targets = targets_of(map_of((5, 0.95)))
    assert (targets.geometry.area / 1e6).tolist() == pytest.approx(targets["area_km2"].tolist())
    assert targets.geometry.iloc[0].bounds == (432000, 4699000, 433500, 4699250)
    assert targets.geometry.geom_type.unique().tolist() == ["MultiPolygon"]


def test_ground_by_the_distance_of_the_peak():
    """Cells are 500 m wide: a deposit 0, 1, 2, 3 and 4 cells from a peak."""
    score = map_of((5, 0.95), (15, 0.94), (25, 0.93), (35, 0.92), (45, 0.91))
    targets = targets_of(score, points(5, 16, 27, 38, 49)).set_index("score_max")
    assert targets["ground"].to_dict() == {
        0.91: "new",  # 2 km
        0.93: "extension",  # 1 km, beside the outline
        0.92: "extension",  # 1.5 km
        0.95: "known",
        0.94: "known",  # one spacing
    }
    assert targets["rank"].tolist() == [1, 1, 2, 1, 2]
    assert targets.loc[0.93, "nearest_deposit"] == "mine 27"
    assert targets.loc[0.93, "nearest_deposit_km"] == 1.0


def test_a_deposit_in_the_outline_makes_known_ground():
    score = map_of((10, 0.95))
    score[3, 11:15] = [0.94, 0.93, 0.92, 0.91]
    assert targets_of(score, points(13))["ground"].tolist() == ["known"]
    score[3, 12:15] = 0.1
    assert targets_of(score, points(13))["ground"].tolist() == ["extension"]


def test_new_ground_comes_first_and_a_caution_last():
    thin = np.zeros(SHAPE, dtype=bool)
    thin[:, :10] = True
    score = map_of((5, 0.95), (20, 0.8), (35, 0.99), (50, 0.7))
    targets = targets_of(score, points(35), cautions={"far from samples": thin})
    assert targets["ground"].tolist() == ["new", "new", "new", "known"]
    assert targets["score_max"].tolist() == [0.8, 0.7, 0.95, 0.99]
    assert targets["rank"].tolist() == [1, 2, 3, 1]
    assert targets["caution"].tolist() == ["", "", "far from samples", ""]


def test_below_the_lowest_class_there_is_no_target_and_most_is_by_ground():
    score = map_of((5, 0.95), (20, 0.45), (35, 0.8), (50, 0.7))
    assert targets_of(score)["score_max"].tolist() == [0.95, 0.8, 0.7]
    limited = targets_of(score, points(5), most=1)
    assert limited["ground"].tolist() == ["new", "known"]


def test_new_ground():
    known = np.ones(SHAPE, dtype=bool)
    known[0] = False
    new = new_ground(grid_of(), known, points(10), 1000.0)
    assert not new[0].any()
    assert np.flatnonzero(~new[3]).tolist() == [8, 9, 10, 11, 12]
    assert new_ground(grid_of(), known, NOWHERE, 1000.0).sum() == known.sum()


def test_deposits_of_a_table():
    frame = gpd.GeoDataFrame(geometry=shapely.points([(432000, 4699500)]), crs=UTM)
    here, there = (KnownDeposits.of(f, grid_of(), ["a"]) for f in (frame, frame.to_crs(4326)))
    np.testing.assert_allclose(here.xy, there.xy, atol=1e-3)
    assert here.nearest(np.array([[432300.0, 4699900.0]]))[1] == ["a"]
    assert here.nearest(np.array([[432300.0, 4699900.0]]))[0].tolist() == [500.0]
    assert not len(KnownDeposits.of(frame[:0], grid_of()).xy)
    with pytest.raises(AlignmentError, match="deposits: the table has no CRS"):
        KnownDeposits.of(gpd.GeoDataFrame(geometry=shapely.points([(0, 0)])), grid_of())


def test_reasons_and_further_columns_are_of_each_targets_cells():
    score = map_of((5, 0.95), (20, 0.6))
    targets = targets_of(
        score,
        reasons=lambda areas: [f"{len(a)} cells" for a in areas],
        extra={
            "probability": over_cells(np.where(score > 0.7, score, np.nan)),
            "share": over_cells(score > 0.945),
            "lowest": over_cells(1 - score, np.min),
        },
    )
    assert targets["reasons"].tolist() == ["3 cells", "3 cells"]
    assert tuple(targets.columns) == (*COLUMNS, "probability", "share", "lowest", "geometry")
    assert targets["share"].tolist() == pytest.approx([1 / 3, 0])
    assert targets["lowest"].tolist() == pytest.approx([0.05, 0.4])
    assert np.isnan(targets["probability"].iloc[1])


def test_no_target_gives_an_empty_table():
    targets = targets_of(
        np.full(SHAPE, np.nan), points(5), extra={"probability": over_cells(map_of())}
    )
    assert targets.empty
    assert tuple(targets.columns) == (*COLUMNS, "probability", "geometry")
    assert targets["probability"].dtype == np.float64
    assert targets.crs == UTM


def test_a_further_column_takes_no_name_of_the_tables_own():
    with pytest.raises(ConfigError, match="column 'score_max'"):
        targets_of(map_of(), extra={"score_max": over_cells(map_of())})


@pytest.mark.parametrize("name", ["score", "uncertainty"])
def test_maps_that_do_not_fit_are_refused(name):
    maps = {"score": map_of(), "uncertainty": map_of()} | {name: np.zeros((2, 2))}
    with pytest.raises(AlignmentError, match=f"map {name}"):
        targets_of(maps["score"], uncertainty=maps["uncertainty"])
