import numpy as np
import pytest

from orecast.grid import Grid
from orecast.simulation.fields import gaussian_fields
from orecast.simulation.lithology import contact_distance, unit_codes, unit_polygons
from orecast.simulation.preset import Unit

UNITS = (
    Unit("Alluvium", "alluvium", 0.1, "cover"),
    Unit("Granite", "granite", 0.2, "intrusion", favourable=True),
    Unit("Lower", "schist", 0.4),
    Unit("Upper", "sandstone", 0.3),
)


@pytest.fixture(scope="module")
def codes(grid: Grid) -> np.ndarray:
    rng = np.random.default_rng(0)
    return unit_codes(grid, UNITS, 40, gaussian_fields(grid, 2000, 1, rng)[0], rng)


def test_each_unit_has_its_share(codes: np.ndarray) -> None:
    shares = np.bincount(codes.ravel(), minlength=4) / codes.size
    np.testing.assert_allclose(shares, [u.share for u in UNITS], atol=1e-3)


def test_cover_lies_where_it_is_thickest(grid: Grid) -> None:
    cover = gaussian_fields(grid, 2000, 1, np.random.default_rng(3))[0]
    codes = unit_codes(grid, UNITS, 40, cover, np.random.default_rng(4))
    assert cover[codes == 0].min() >= cover[codes != 0].max()


def test_strata_follow_the_strike() -> None:
    """Neighbours along the strike share a unit more often than neighbours across it."""
    from pyproj import CRS

    from orecast.grid import Bounds

    grid = Grid.covering(Bounds(0, 0, 20_000, 20_000), 250, CRS("EPSG:32649"))
    along = across = 0.0
    strata = tuple(Unit(str(n), "schist", 0.2) for n in range(5))
    for seed in range(6):
        flat = np.zeros(grid.shape)
        codes = unit_codes(grid, strata, 90, flat, np.random.default_rng(seed))  # striking east
        along += (codes[:, 8:] == codes[:, :-8]).mean()
        across += (codes[8:] == codes[:-8]).mean()
    assert along > across + 0.6


def test_contact_distance_by_hand(grid: Grid) -> None:
    codes = np.full(grid.shape, 2, dtype=np.int16)
    codes[:, :10] = 1  # granite in the west: its last column is the contact
    distance = contact_distance(grid, codes, UNITS)
    assert distance[5, 9] == 0
    assert distance[5, 13] == pytest.approx(4 * 250)
    assert distance[5, 4] == pytest.approx(5 * 250)


def test_without_a_favourable_unit_there_is_no_contact(grid: Grid) -> None:
    codes = np.full(grid.shape, 2, dtype=np.int16)
    assert np.isinf(contact_distance(grid, codes, UNITS)).all()


def test_polygons_cover_the_area_once_and_tell_the_unit(grid: Grid, codes: np.ndarray) -> None:
    polygons = unit_polygons(grid, codes, UNITS)
    assert polygons.crs == grid.crs
    assert polygons.area.sum() == pytest.approx(codes.size * grid.cell_area)
    by_unit = polygons.dissolve("unit").area / polygons.area.sum()
    assert by_unit["Granite"] == pytest.approx(0.2, abs=1e-3)
    at = polygons[polygons.contains(_point(grid, 7, 9))]
    assert at["unit"].tolist() == [UNITS[codes[7, 9]].name]


def _point(grid: Grid, row: int, column: int) -> object:
    from shapely.geometry import Point

    return Point(*grid.xy([[row, column]])[0])
