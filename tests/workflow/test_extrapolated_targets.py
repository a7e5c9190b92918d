"""Targets of a gridded survey whose rasters are extrapolated beyond its samples."""

from types import SimpleNamespace

import numpy as np
import pytest
from pyproj import CRS
from rasterio.transform import Affine

from orecast.grid import Grid
from orecast.mapping.rasters import CLASS_NODATA
from orecast.workflow.run.final_map import classes_of_targets

GRID = Grid(CRS("EPSG:32645"), Affine(1000, 0, 500_000, 0, -1000, 4_500_000), (20, 30))


@pytest.mark.parametrize("asked", [False, True])
def test_no_target_lies_on_extrapolated_cells_unless_asked(asked):
    cells = np.zeros(GRID.shape, dtype=bool)
    cells[:, 20:] = True
    classes = np.ones(GRID.shape, dtype=np.uint8)
    job = SimpleNamespace(
        survey=SimpleNamespace(extrapolated=cells, gridded=GRID),
        evidence=SimpleNamespace(grid=GRID),
        config=SimpleNamespace(targets=SimpleNamespace(extrapolated=asked)),
    )

    values = classes_of_targets(job, SimpleNamespace(values=classes))

    assert (values[:, :20] == 1).all()
    assert (values[:, 20:] == (1 if asked else CLASS_NODATA)).all()
