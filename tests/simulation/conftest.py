from collections.abc import Callable

import numpy as np
import pytest
from pyproj import CRS
from scipy.spatial import cKDTree
from scipy.stats import rankdata

from orecast.grid import Bounds, Grid
from orecast.simulation import District, simulate
from orecast.simulation.laboratory import header

Values = Callable[[District], np.ndarray]


@pytest.fixture(scope="session")
def grid() -> Grid:
    return Grid.covering(Bounds(0, 0, 16_000, 12_000), 250, CRS("EPSG:32649"))


@pytest.fixture(scope="session")
def district() -> Callable[[str, int], District]:
    kept: dict[tuple[str, int], District] = {}

    def simulated(preset: str, seed: int) -> District:
        if (preset, seed) not in kept:
            kept[preset, seed] = simulate(preset, seed)
        return kept[preset, seed]

    return simulated


@pytest.fixture(scope="session")
def values() -> Values:
    """Concentrations of a district's samples in mg/kg, 0.65 of the limit where below it."""

    def read(district: District) -> np.ndarray:
        columns = []
        for symbol, analyte in district.preset.elements.items():
            text = district.samples[header(symbol, analyte)]
            number = text.str.lstrip("<").astype(float)
            number = number * np.where(text.str.startswith("<"), 0.65, 1.0)
            columns.append(number * analyte.to_ppm)
        return np.column_stack(columns)

    return read


@pytest.fixture(scope="session")
def element_layers(values: Values) -> Callable[[District], dict[str, np.ndarray]]:
    """Centred log-ratios interpolated to the district's grid."""

    def interpolated(district: District) -> dict[str, np.ndarray]:
        logs = np.log(values(district))
        logs -= logs.mean(axis=1, keepdims=True)
        tree = cKDTree(district.samples[["X", "Y"]])
        distance, near = tree.query(district.grid.centres(), k=12)
        weight = 1 / np.maximum(distance, 1.0) ** 2
        weight /= weight.sum(axis=1, keepdims=True)
        layers = np.einsum("nk,nke->en", weight, logs[near])
        shape = district.grid.shape
        return {s: v.reshape(shape) for s, v in zip(district.elements, layers, strict=True)}

    return interpolated


@pytest.fixture(scope="session")
def percentiles() -> Callable[..., np.ndarray]:
    """Share of the area's cells below each deposit's, ties half; their mean is the AUC."""

    def ranked(layer: np.ndarray, district: District, which: str = "deposits") -> np.ndarray:
        at = district.grid.cell(getattr(district, which)[["X", "Y"]].to_numpy())
        rank = rankdata(layer).reshape(layer.shape)
        return np.asarray((rank[at[:, 0], at[:, 1]] - 0.5) / layer.size)

    return ranked
