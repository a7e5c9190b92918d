import geopandas as gpd
import numpy as np
import pytest
from affine import Affine
from pyproj import CRS
from shapely.geometry import Point

from orecast.errors import ConfigError, SamplingError
from orecast.evidence import Evidence
from orecast.grid import Grid
from orecast.survey.data import Findings
from orecast.workflow.places import deposit_names, place_deposits, report_gaps, require_window_fits

GRID = Grid(CRS("EPSG:32645"), Affine(1000, 0, 0, 0, -1000, 20_000), (20, 20))


def evidence():
    values = np.ones(GRID.shape, dtype=np.float32)
    values[:, 15:] = np.nan
    return Evidence.empty(GRID).adding("Au", values, kind="element", origin="t", reach=0)


def deposits(xy, **columns):
    return gpd.GeoDataFrame(columns, geometry=[Point(p) for p in xy], crs="EPSG:32645")


def test_deposits_on_nodata_are_listed_and_left_out():
    findings = Findings()
    xy = [(500, 500), (9500, 9500), (500, 19_500), (18_500, 500), (700, 300)]
    found = place_deposits(deposits(xy, name=["a", "b", "c", "d", "e"]), evidence(), 3, findings)
    assert found.names == ("a", "b", "c", "e")
    assert found.cells.tolist() == [[19, 0], [10, 9], [0, 0], [19, 0]]
    assert len(found.sampling) == 3
    assert "d" in findings.of("deposits-without-evidence")[0].what
    assert findings.of("deposits-share-cells")


def test_windows_beyond_the_evidence_are_counted():
    """A window of 3 reaches beyond 20 x 15 cells from the 66 along their edge."""
    findings = Findings()
    report_gaps(evidence(), 3, findings)
    (found,) = findings.of("windows-with-gaps")
    assert found.what.startswith("66 of 300 windows")
    report_gaps(evidence(), 1, none := Findings())
    assert not none.items


def test_a_window_fits_on_the_grid():
    require_window_fits(GRID, 20)
    with pytest.raises(ConfigError, match="windows of 21 cells are larger than the grid of 20 x"):
        require_window_fits(GRID, 21)


def test_fewer_than_three_places_are_refused():
    with pytest.raises(SamplingError, match="at least 3"):
        place_deposits(deposits([(500, 500), (600, 600), (9500, 500)]), evidence(), 3, Findings())


def test_names_that_are_all_alike_are_numbered():
    xy = [(0, 0), (1, 1)]
    assert deposit_names(deposits(xy, Name=["Kuroko", "Kuroko"])) == ["Kuroko 1", "Kuroko 2"]
    assert deposit_names(deposits(xy, kind=["x", "y"])) == ["1", "2"]


def test_names_are_taken_before_numbers_and_missing_ones_are_numbered():
    xy = [(0, 0), (1, 1), (2, 2)]
    found = deposits(xy, id=[7, 8, 9], deposit=["a", "b", "c"], Name=["Kuroko", None, " "])
    assert deposit_names(found) == ["Kuroko", "2", "3"]
    assert deposit_names(found.drop(columns="Name")) == ["a", "b", "c"]
    assert deposit_names(deposits(xy, name=["Kuroko", None, "Kuroko"])) == [
        "Kuroko 1",
        "2",
        "Kuroko 3",
    ]
