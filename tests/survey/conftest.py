"""A small survey on disk, whole and readable, for tests to read or to spoil."""

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import rasterio
from rasterio.transform import Affine
from shapely.geometry import LineString, box

from orecast.config import Config, parse
from orecast.survey import Survey, read_survey

CRS = "EPSG:32645"
WEST, SOUTH, SIDE = 500_000.0, 4_500_000.0, 10_000.0


def samples_table(n: int = 40, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "ID": [f"S{i:03d}" for i in range(n)],
            "X": np.round(WEST + SIDE * rng.random(n), 1),
            "Y": np.round(SOUTH + SIDE * rng.random(n), 1),
            "Au_ppb": np.round(rng.lognormal(1, 1, n), 3),
            "Cu (ppm)": np.round(rng.lognormal(3, 0.5, n), 2),
            "Fe2O3 %": np.round(rng.lognormal(1, 0.3, n), 3),
        }
    )


def write_raster(
    path: Path,
    values: Any,
    *,
    crs: str | None = CRS,
    transform: Affine | None = None,
    nodata: float | None = None,
) -> Path:
    values = np.asarray(values, dtype=np.float32)
    bands = values[None] if values.ndim == 2 else values
    transform = transform or Affine(500, 0, WEST, 0, -500, SOUTH + SIDE)
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        height=bands.shape[1],
        width=bands.shape[2],
        count=len(bands),
        dtype="float32",
        crs=crs,
        transform=transform,
        nodata=nodata,
    ) as target:
        target.write(bands)
    return path


@dataclass
class District:
    """Files in a folder and the configuration that names them; tests change either."""

    folder: Path
    samples: pd.DataFrame = field(default_factory=samples_table)
    deposits: pd.DataFrame = field(
        default_factory=lambda: pd.DataFrame(
            {
                "X": [WEST + 2000.0, WEST + 5000.0, WEST + 8000.0, WEST + 3000.0],
                "Y": [SOUTH + 2000.0, SOUTH + 5000.0, SOUTH + 8000.0, SOUTH + 7000.0],
                "name": ["Alpha", "Beta", "Gamma", "Delta"],
                "commodity": ["Au", "Au", "Cu", "Au"],
            }
        )
    )
    table: dict[str, Any] = field(
        default_factory=lambda: {
            "samples": {"path": "samples.csv", "crs": CRS, "medium": "soil"},
            "deposits": {"path": "deposits.csv", "crs": CRS},
        }
    )

    def write(self) -> None:
        self.samples.to_csv(self.folder / "samples.csv", index=False)
        self.deposits.to_csv(self.folder / "deposits.csv", index=False)

    def config(self) -> Config:
        return parse(self.table, where="run.toml", folder=self.folder)

    def read(self) -> Survey:
        self.write()
        return read_survey(self.config())

    def faults(self) -> Path:
        lines = [LineString([(WEST, SOUTH), (WEST + SIDE, SOUTH + SIDE)])]
        path = self.folder / "faults.gpkg"
        gpd.GeoDataFrame({"kind": ["thrust"]}, geometry=lines, crs=CRS).to_file(path)
        return path

    def geology(self) -> Path:
        half = WEST + SIDE / 2
        units = [box(WEST, SOUTH, half, SOUTH + SIDE), box(half, SOUTH, WEST + SIDE, SOUTH + SIDE)]
        path = self.folder / "geology.gpkg"
        frame = gpd.GeoDataFrame({"unit": ["granite", "shale"]}, geometry=units, crs=CRS)
        frame.to_file(path, layer="geology")
        return path

    def raster(self, name: str = "magnetics.tif", **options: Any) -> Path:
        values = options.pop("values", np.arange(400, dtype=np.float32).reshape(20, 20))
        return write_raster(self.folder / name, values, **options)

    def gridded(self, elements: tuple[str, ...] = ("Au", "Cu", "SiO2"), seed: int = 0) -> None:
        """Replace the samples by rasters of elements."""
        rng = np.random.default_rng(seed)
        for element in elements:
            self.raster(f"{element}.tif", values=rng.lognormal(1, 0.5, (20, 20)))
        del self.table["samples"]
        self.table["gridded"] = {"path": "*.tif"}


@pytest.fixture
def district(tmp_path: Path) -> District:
    return District(tmp_path)


@pytest.fixture(scope="session")
def real_data() -> Path:
    beside = Path(__file__).resolve().parents[3] / "shared" / "data"
    folder = Path(os.environ.get("ORECAST_DATA", beside))
    if not (folder / "eskay" / "samples.csv").is_file():
        pytest.skip("the real surveys are not here; set ORECAST_DATA to their folder")
    return folder
