"""Write a district as files of a survey, with the truth in a separate folder."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from orecast.errors import RunError
from orecast.grid import crs_name
from orecast.run import made_folder
from orecast.simulation.district import District
from orecast.survey.rasters import write_geotiff

if TYPE_CHECKING:
    import geopandas as gpd

RINGS = (500, 1000, 1500, 2000, 2500, 3000)
"""Outer radii in metres of the fault buffers in a written ``run.toml``."""

_MARK = Path("truth", "truth.json")
_TIMESTAMP = "2000-01-01T00:00:00.000Z"


def write_district(district: District, folder: Path) -> Path:
    """Write a district and a ``run.toml`` that maps it; returns the path of ``run.toml``.

    The survey is ``samples.csv``, ``deposits.csv``, ``faults.gpkg``, ``geology.gpkg``,
    ``area.gpkg`` and ``dem.tif``. The truth is in ``truth/``: ``undiscovered.csv``,
    ``deposits.csv`` with all properties, ``barren.csv``, ``faults.gpkg`` with ``fertile``,
    ``potential.tif`` and ``truth.json``. The same district gives the same bytes. Files with these
    names are replaced after all are written. Raises RunError if the folder cannot be written, or
    has other files than a simulated district.
    """
    if folder.is_dir() and any(folder.iterdir()) and not (folder / _MARK).is_file():
        raise RunError(
            "the folder has files that are not a simulated district",
            where=str(folder),
            remedy="give a new folder with --output",
        )
    try:
        with made_folder(folder), TemporaryDirectory(dir=folder, prefix=".part-") as name:
            part = Path(name)
            (part / "truth").mkdir()
            truth = district.truth
            for file, table in {
                "samples": district.samples,
                "deposits": district.deposits,
                "truth/undiscovered": district.undiscovered,
                "truth/deposits": truth.deposits,
                "truth/barren": truth.barren,
            }.items():
                table.to_csv(part / f"{file}.csv", index=False, lineterminator="\n")
            with _without_clock():
                for file, frame in {
                    "faults": district.faults,
                    "geology": district.geology,
                    "area": district.area,
                    "truth/faults": truth.faults,
                }.items():
                    _write_vectors(frame, part / f"{file}.gpkg")
            write_geotiff(part / "dem.tif", truth.elevation, district.grid)
            write_geotiff(part / "truth/potential.tif", truth.potential, district.grid)
            (part / "truth/truth.json").write_text(_truth_json(district), encoding="utf-8")
            (part / "run.toml").write_text(run_toml(district), encoding="utf-8")
            (folder / "truth").mkdir(exist_ok=True)
            for path in sorted(p for p in part.rglob("*") if p.is_file()):
                path.replace(folder / path.relative_to(part))
    except OSError as error:
        raise RunError(
            f"the district cannot be written ({error.strerror or error})",
            where=str(folder),
            remedy="free space, or name a writable folder with --output",
        ) from None
    return folder / "run.toml"


def run_toml(district: District) -> str:
    """The configuration of a run on the district's files, in the same folder."""
    preset = district.preset
    crs = crs_name(district.grid.crs)
    return f'''# A simulated district: preset {preset.name}, seed {district.seed}.
# The truth, with the undiscovered deposits, is in truth/.
title = "Simulated district {preset.name}, seed {district.seed}"

[area]
path = "area.gpkg"

[samples]
path = "samples.csv"
x = "X"
y = "Y"
crs = "{crs}"
medium = "stream-sediment"

[deposits]
path = "deposits.csv"
x = "X"
y = "Y"
crs = "{crs}"

# Undiscovered deposits, known only in a simulation: they test the map, not used in training.
[held_back]
path = "truth/undiscovered.csv"
x = "X"
y = "Y"
crs = "{crs}"

[faults]
path = "faults.gpkg"
distance = true
rings = {list(RINGS)}

[geology]
path = "geology.gpkg"
column = "unit"

# To use a network, name it. 64 is the published width, for larger surveys or a GPU.
# [model]
# name = "resnet18"
# options = {{ width = 16 }}

# A supporting raster; use it if relief is important:
# [[layers]]
# path = "dem.tif"
'''


def _truth_json(district: District) -> str:
    deposits = district.truth.deposits
    content = {
        "preset": district.preset.name,
        "seed": district.seed,
        "rule": district.truth.rule,
        "deposits": {
            "all": len(deposits),
            "known": int(deposits["known"].sum()),
            "undiscovered": int((~deposits["known"]).sum()),
        },
        "barren_anomalies": len(district.truth.barren),
        "settings": asdict(district.preset),
    }
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def _write_vectors(frame: gpd.GeoDataFrame, path: Path) -> None:
    import pyogrio

    # assembled in memory, as a raster is: on a full disk GDAL has many errors, or none
    assembled = BytesIO()
    pyogrio.write_dataframe(frame, assembled, layer=path.stem, driver="GPKG")
    path.write_bytes(assembled.getbuffer())


@contextmanager
def _without_clock() -> Iterator[None]:
    """Give GeoPackages a fixed date, so that the same district gives the same file."""
    import pyogrio

    before = pyogrio.get_gdal_config_option("OGR_CURRENT_DATE")
    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": _TIMESTAMP})
    try:
        yield
    finally:
        pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": before})
