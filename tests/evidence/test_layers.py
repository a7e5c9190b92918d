import numpy as np
import pytest
from affine import Affine
from pyproj import CRS

from orecast.errors import AlignmentError, ConfigError
from orecast.evidence import Evidence
from orecast.grid import Grid

GRID = Grid(CRS("EPSG:32645"), Affine(100, 0, 0, 0, -100, 0), (2, 3))


def evidence():
    values = np.arange(6, dtype=np.float32).reshape(2, 3)
    holed = values.copy()
    holed[0, 0] = np.nan
    found = Evidence.empty(GRID).adding("Au", values, kind="element", origin="o", reach=300)
    return found.adding("mag", holed, kind="raster", origin="o", reach=500, unit="nT")


def test_the_stack_is_held_once_and_layers_are_views_of_it():
    found = evidence()
    assert found.stack is found.stack
    assert np.shares_memory(found.stack, found.layer("Au"))
    np.testing.assert_array_equal(found.layer("mag"), found.stack[1])
    assert found.data["mag"].attrs["unit"] == "nT"


def test_reach_is_the_longest_and_valid_is_where_all_layers_are():
    found = evidence()
    assert found.reach == 500
    assert found.valid.sum() == 5
    assert not found.valid[0, 0]
    assert found.kind("mag") == "raster"


def test_refusals_name_the_layer():
    with pytest.raises(AlignmentError, match="layer Cu"):
        evidence().adding("Cu", np.zeros((3, 2)), kind="element", origin="o", reach=0)
    with pytest.raises(ConfigError, match="layer Au"):
        evidence().adding("Au", np.zeros((2, 3)), kind="element", origin="o", reach=0)
    with pytest.raises(ConfigError, match="did you mean mag"):
        evidence().layer("mga")
