import os
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pytest
from pyproj import CRS

from orecast.config import Config, parse
from orecast.survey.data import Element, Findings, Survey

UTM = CRS("EPSG:32645")


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of real surveys, beside the repository or where ORECAST_DATA points."""
    beside = Path(__file__).parents[3] / "shared" / "data"
    folder = Path(os.environ.get("ORECAST_DATA", beside))
    if not (folder / "eskay" / "samples.csv").is_file():
        pytest.skip("the real surveys are not here; ORECAST_DATA names their folder")
    return folder


def make_survey(
    xy: Any = None, symbols: tuple[str, ...] = ("Au", "Cu", "As"), values: Any = None, **rest: Any
) -> Survey:
    """A point survey at ``xy``, or a gridded one with ``gridded``, of random concentrations."""
    n = len(xy) if xy is not None else rest["gridded"].shape[0] * rest["gridded"].shape[1]
    if values is None:
        values = np.random.default_rng(5).lognormal(1.0, 0.5, (n, len(symbols)))
    if xy is not None:
        rest["samples"] = gpd.GeoDataFrame(geometry=gpd.points_from_xy(*np.transpose(xy)), crs=UTM)
    elements = tuple(Element(s, f"{s}_ppm", "ppm", 1.0) for s in symbols)
    rest.setdefault("elements", elements)
    rest.setdefault("censored", np.zeros(values.shape, dtype=bool))
    return Survey(crs=UTM, values=values, findings=Findings(), **rest)


def make_config(**tables: Any) -> Config:
    """A configuration with what a run needs, and the tables given."""
    source = {} if "gridded" in tables else {"samples": {"path": "samples.csv"}}
    return parse({**source, "deposits": {"path": "deposits.csv"}, **tables}, where="test")


@pytest.fixture
def scattered() -> np.ndarray:
    """120 places over 4 x 3 km."""
    return np.random.default_rng(2).uniform(0, 1, (120, 2)) * [4000, 3000] + [500_000, 4_000_000]


@pytest.fixture
def survey_of():
    return make_survey


@pytest.fixture
def config_of():
    return make_config
