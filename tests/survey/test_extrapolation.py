import numpy as np
import pytest
from pyproj import CRS
from rasterio.transform import Affine
from scipy.ndimage import gaussian_filter

from orecast.grid import Grid
from orecast.survey import Findings
from orecast.survey.extrapolation import extrapolated_cells, on_grid, report_extrapolated

SHAPE = (60, 70)
ROWS, COLUMNS = np.indices(SHAPE)


def surface(seed: int, smooth: float = 2.0) -> np.ndarray:
    noise = np.random.default_rng(seed).standard_normal(SHAPE)
    return np.exp(2 * gaussian_filter(noise, smooth) / gaussian_filter(noise, smooth).std())


def stretched(raster: np.ndarray, how: str) -> tuple[np.ndarray, np.ndarray]:
    """A surface continued beyond a belt, and the cells where it was."""
    raster = raster.copy()
    if how == "east":  # the last measured column is repeated
        beyond = COLUMNS >= 40
        raster[:, 40:] = raster[:, 39:40]
    elif how == "north":
        beyond = ROWS < 20
        raster[:20] = raster[20]
    elif how == "diagonal":
        beyond = COLUMNS - ROWS > 20
        back = np.where(beyond, (COLUMNS - ROWS - 20 + 1) // 2, 0)
        raster = raster[np.minimum(ROWS + back, SHAPE[0] - 1), np.maximum(COLUMNS - back, 0)]
        beyond &= ROWS + back < SHAPE[0]
    elif how == "linear":
        beyond = COLUMNS >= 40
        slope = raster[:, 39:40] - raster[:, 38:39]
        raster[:, 40:] = raster[:, 39:40] + slope * (COLUMNS[:, 40:] - 39)
    else:  # flat, as far from all samples
        beyond = (COLUMNS >= 45) & (ROWS >= 30)
        raster[beyond] = raster.mean()
    return raster, beyond


@pytest.mark.parametrize("how", ["east", "north", "diagonal", "linear", "flat"])
@pytest.mark.parametrize("seed", [1, 2])
def test_streaks_beyond_the_samples_are_found(how, seed):
    made = [stretched(surface(10 * seed + k), how) for k in range(4)]
    beyond = made[0][1]

    found = extrapolated_cells(np.column_stack([r.ravel() for r, _ in made]), SHAPE)

    assert found[beyond].mean() > 0.8
    assert found[~beyond].mean() < 0.1


@pytest.mark.parametrize(
    "spoil",
    [
        lambda r: r,
        lambda r: np.maximum(r, np.quantile(r, 0.4)),  # below a detection limit
        lambda r: np.where(COLUMNS < 20, np.nan, r),
        lambda r: r.round(2),
        lambda r: np.where((ROWS - 30) ** 2 + (COLUMNS - 30) ** 2 < 80, r.mean(), r),  # a lake
        lambda r: gaussian_filter(r, 3.0),
    ],
)
def test_a_measured_surface_has_no_streaks(spoil):
    values = np.column_stack([spoil(surface(k)).ravel() for k in range(5)])

    assert extrapolated_cells(values, SHAPE).mean() < 0.01


def test_streaks_in_one_raster_of_many_are_not_counted():
    values = [surface(k).ravel() for k in range(5)]
    values[2] = stretched(surface(2), "east")[0].ravel()

    assert not extrapolated_cells(np.column_stack(values), SHAPE)[:, 45:].any()


def test_streaks_are_reported_with_the_bounds_of_the_others():
    grid = Grid(CRS("EPSG:32645"), Affine(1000, 0, 500_000, 0, -1000, 4_500_000), SHAPE)
    values = np.column_stack([stretched(surface(k), "east")[0].ravel() for k in range(4)])
    findings = Findings()

    cells = report_extrapolated(values, grid, "geo/*.tif", findings)

    (finding,) = findings.of("extrapolated-grid")
    assert finding.data["bounds"][0] == 500_000
    assert finding.data["bounds"][2] <= 542_000
    assert "area = " in finding.remedy
    finer = Grid(grid.crs, Affine(500, 0, 480_000, 0, -500, 4_500_000), (120, 180))
    there = on_grid(cells, grid, finer)
    assert not there[:, :40].any()
    np.testing.assert_array_equal(there[::2, 40::2], cells)


def test_without_streaks_nothing_is_reported():
    grid = Grid(CRS("EPSG:32645"), Affine(1000, 0, 500_000, 0, -1000, 4_500_000), SHAPE)
    findings = Findings()

    values = np.column_stack([surface(k).ravel() for k in range(4)])

    assert report_extrapolated(values, grid, "geo/*.tif", findings) is None
    assert not len(findings)
