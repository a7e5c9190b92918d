import geopandas as gpd
import numpy as np
import pytest
from pyproj import CRS
from shapely import Point, box

from orecast.config import Geology
from orecast.errors import AlignmentError, InputError
from orecast.evidence import Evidence
from orecast.evidence.lithology import lithology_codes, one_hot, with_geology
from orecast.grid import Bounds, Grid

UTM = CRS("EPSG:32645")
GRID = Grid.covering(Bounds(0, 0, 40, 30), 10, UTM)  # 3 x 4


def polygons(*pairs, column="unit"):
    shapes, names = zip(*pairs, strict=True)
    return gpd.GeoDataFrame({column: list(names)}, geometry=list(shapes), crs=UTM)


@pytest.fixture
def geology():
    return polygons(
        (box(0, 0, 40, 10), "schist"),
        (box(0, 10, 40, 30), "granite"),
        (box(20, 20, 40, 30), "gabbro"),
    )


def test_the_class_at_the_cells_centre_most_widespread_first(geology):
    codes, classes = lithology_codes(geology, "unit", GRID)
    assert classes == ("granite", "schist", "gabbro")
    assert codes.tolist() == [[1, 1, 3, 3], [1, 1, 1, 1], [2, 2, 2, 2]]


def test_a_polygon_that_misses_the_centre_does_not_count():
    touching = polygons((box(0, 0, 40, 4), "a"), (box(0, 4, 40, 30), "b"))
    codes, classes = lithology_codes(touching, "unit", GRID)
    assert classes == ("b",)
    assert (codes == 1).all()


def test_nothing_mapped_is_nodata():
    codes, _ = lithology_codes(
        polygons((box(0, 0, 20, 30), "a"), (box(20, 0, 30, 30), None)), "unit", GRID
    )
    assert np.isnan(codes[:, 2:]).all()
    assert (codes[:, :2] == 1).all()


@pytest.mark.parametrize(
    ("values", "name"), [([3.0, np.nan], "3"), ([7, 7], "7"), ([" a ", ""], "a")]
)
def test_names_of_classes(values, name):
    pairs = zip([box(0, 0, 40, 20), box(0, 20, 40, 30)], values, strict=True)
    assert lithology_codes(polygons(*pairs), "unit", GRID)[1] == (name,)


def test_one_hot_sums_to_one_where_something_is_mapped(geology):
    codes, classes = lithology_codes(geology, "unit", GRID)
    codes[0, 0] = np.nan
    layers = one_hot(codes, classes, 2)
    assert list(layers) == ["granite", "schist", "other"]
    total = sum(layers.values())
    assert np.isnan(total[0, 0])
    assert np.nanmin(total) == np.nanmax(total) == 1
    np.testing.assert_array_equal(layers["other"] == 1, codes == 3)
    assert list(one_hot(codes, classes, 3)) == ["granite", "schist", "gabbro"]


def test_a_class_named_other_is_among_the_rest():
    layers = one_hot(np.array([[1.0, 2.0, 3.0]]), ("other", "a", "b"), 2)
    assert {name: values.tolist() for name, values in layers.items()} == {
        "a": [[0, 1, 0]],
        "other": [[1, 0, 1]],
    }


def test_layers_of_either_coding(geology, survey_of):
    survey = survey_of(np.zeros((3, 2)), geology=geology)
    empty = Evidence.empty(GRID)
    hot = with_geology(empty, survey, Geology(path="g", column="unit", classes=1))
    assert hot.names == ("geology=granite", "geology=other")
    assert hot.reach == 0
    assert hot.kind("geology=other") == "lithology"
    coded = with_geology(empty, survey, Geology(path="g", column="unit", coding="code"))
    assert coded.names == ("geology",)
    assert "1 granite; 2 schist; 3 gabbro" in coded.data["geology"].attrs["origin"]


def test_refuses(geology, survey_of):
    with pytest.raises(InputError, match="did you mean unit"):
        lithology_codes(geology, "units", GRID)
    with pytest.raises(InputError, match="not Point"):
        lithology_codes(polygons((Point(0, 0), "a")), "unit", GRID)
    away = geology.assign(geometry=geology.translate(9000))
    with pytest.raises(AlignmentError, match=r"9000 to 9040.*x 0 to 40"):
        lithology_codes(away, "unit", GRID)
    with pytest.raises(InputError, match=r"geology\.path"):
        with_geology(
            Evidence.empty(GRID), survey_of(np.zeros((3, 2))), Geology(path="g", column="unit")
        )
