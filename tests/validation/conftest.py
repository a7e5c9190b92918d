import numpy as np
import pytest
from affine import Affine
from pyproj import CRS
from scipy.ndimage import gaussian_filter

from orecast.evidence import Evidence
from orecast.grid import Grid
from orecast.sampling import deposit_sampling

SHAPE = (48, 60)
SIZE = 5


def field(seed):
    noise = np.random.default_rng(seed).normal(size=SHAPE)
    smooth = gaussian_filter(noise, 2)
    return ((smooth - smooth.mean()) / smooth.std()).astype(np.float32)


@pytest.fixture
def evidence():
    grid = Grid(CRS("EPSG:32645"), Affine(1000, 0, 500_000, 0, -1000, 4_600_000), SHAPE)
    found = Evidence.empty(grid)
    for seed, name in enumerate(("Au", "Cu", "Zn")):
        values = field(seed)
        values[:2] = np.nan
        found = found.adding(name, values, kind="element", origin="test", reach=1500.0)
    distance = np.abs(np.arange(SHAPE[1]) - 30.0) * 1000
    return found.adding(
        "fault distance",
        np.broadcast_to(distance, SHAPE).astype(np.float32),
        kind="fault",
        origin="test",
        reach=0.0,
    )


@pytest.fixture
def places(evidence):
    """Deposits at the highest values of Au, kept apart."""
    score = np.where(np.isnan(evidence.layer("Au")), -9, evidence.layer("Au")).copy()
    at = []
    for _ in range(14):
        r, c = np.unravel_index(score.argmax(), SHAPE)
        at.append((r, c))
        score[max(0, r - 5) : r + 6, max(0, c - 5) : c + 6] = -9
    return deposit_sampling(np.array(at), SIZE)[0]
