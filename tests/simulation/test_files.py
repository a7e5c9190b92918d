import json
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import rasterio

from orecast.config import read
from orecast.errors import RunError
from orecast.simulation import District, files, write_district

Simulated = Callable[[str, int], District]
WRITERS = {
    "samples.csv": (pd.DataFrame, "to_csv"),
    "faults.gpkg": (files, "_write_vectors"),
    "dem.tif": (files, "write_geotiff"),
}


@pytest.fixture(scope="module")
def folder(district: Simulated, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("district") / "new" / "demo"
    assert write_district(district("demo", 0), folder) == folder / "run.toml"
    return folder


def test_everything_is_there(folder: Path) -> None:
    files = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
    assert files == [
        "area.gpkg",
        "dem.tif",
        "deposits.csv",
        "faults.gpkg",
        "geology.gpkg",
        "run.toml",
        "samples.csv",
        "truth/barren.csv",
        "truth/deposits.csv",
        "truth/faults.gpkg",
        "truth/potential.tif",
        "truth/truth.json",
        "truth/undiscovered.csv",
    ]


def test_tables_come_back(folder: Path, district: Simulated) -> None:
    d = district("demo", 0)
    samples = pd.read_csv(folder / "samples.csv", dtype=str)
    assert (samples["Au_ppb"] == d.samples["Au_ppb"]).all()
    assert samples["Au_ppb"].str.startswith("<").any()
    np.testing.assert_array_equal(samples[["X", "Y"]].astype(float), d.samples[["X", "Y"]])
    for path, frame in (("deposits.csv", d.deposits), ("truth/undiscovered.csv", d.undiscovered)):
        pd.testing.assert_frame_equal(pd.read_csv(folder / path), frame)
    told = pd.read_csv(folder / "truth/deposits.csv")
    assert told["known"].sum() == len(d.deposits)


def test_vectors_come_back(folder: Path, district: Simulated) -> None:
    d = district("demo", 0)
    faults = gpd.read_file(folder / "faults.gpkg")
    assert list(faults.columns) == ["name", "order", "geometry"]
    assert faults.crs == d.grid.crs
    assert faults.geometry.geom_equals_exact(d.faults.geometry, 1e-6).all()
    assert "fertile" in gpd.read_file(folder / "truth/faults.gpkg")
    geology = gpd.read_file(folder / "geology.gpkg")
    assert set(geology["unit"]) == {u.name for u in d.preset.units}
    area = gpd.read_file(folder / "area.gpkg")
    assert area.total_bounds.tolist() == list(d.grid.bounds)


@pytest.mark.parametrize(
    ("path", "field"), [("dem.tif", "elevation"), ("truth/potential.tif", "potential")]
)
def test_rasters_come_back(folder: Path, district: Simulated, path: str, field: str) -> None:
    d = district("demo", 0)
    with rasterio.open(folder / path) as file:
        assert file.transform == d.grid.transform
        assert file.crs.to_epsg() == 32649
        assert np.isnan(file.nodata)
        np.testing.assert_allclose(file.read(1), getattr(d.truth, field), rtol=1e-6)


def test_the_truth_tells_how_it_came_about(folder: Path) -> None:
    truth = json.loads((folder / "truth/truth.json").read_text(encoding="utf-8"))
    assert (truth["preset"], truth["seed"]) == ("demo", 0)
    assert truth["deposits"] == {"all": 40, "known": 24, "undiscovered": 16}
    assert "log-intensity" in truth["rule"]
    assert truth["settings"]["system"]["deposits"] == 40
    assert truth["settings"]["elements"]["Au"]["unit"] == "ppb"


def test_the_run_is_ready(folder: Path) -> None:
    config = read(folder / "run.toml")
    assert config.samples is not None
    assert config.samples.medium == "stream-sediment"
    assert config.samples.crs == "EPSG:32649"
    assert config.faults is not None
    assert config.faults.distance
    assert config.faults.rings == [500, 1000, 1500, 2000, 2500, 3000]
    assert config.geology is not None
    assert config.geology.column == "unit"
    named = (config.samples, config.deposits, config.faults, config.geology, config.area)
    assert all(part is not None and part.path.is_file() for part in named)
    table = tomllib.loads((folder / "run.toml").read_text(encoding="utf-8"))
    assert table.pop("held_back")["path"] == "truth/undiscovered.csv"
    assert "truth" not in str(table)  # nothing else of it reaches a run


def test_no_file_a_run_reads_tells_the_truth(folder: Path) -> None:
    for path in ("samples.csv", "deposits.csv"):
        columns = set(pd.read_csv(folder / path, nrows=1).columns)
        assert not columns & {"known", "strength", "exposure", "fertile", "size"}


def test_one_district_one_set_of_bytes(folder: Path, district: Simulated, tmp_path: Path) -> None:
    write_district(district("demo", 0), tmp_path)
    write_district(district("demo", 0), tmp_path)  # over what stands there
    for path in folder.rglob("*"):
        if path.is_file():
            again = tmp_path / path.relative_to(folder)
            assert again.read_bytes() == path.read_bytes(), path.name


def test_a_folder_that_cannot_be_written_is_named(district: Simulated, tmp_path: Path) -> None:
    taken = tmp_path / "taken"
    taken.write_text("a file", encoding="utf-8")
    with pytest.raises(RunError, match=r"taken: the district cannot be written.*Remedy"):
        write_district(district("demo", 0), taken)


def test_what_fails_half_way_leaves_nothing(
    district: Simulated, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files, "write_geotiff", full)
    with pytest.raises(RunError, match="No space left on device"):
        write_district(district("demo", 0), tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["samples.csv", "faults.gpkg", "dem.tif"])
def test_a_full_disk_is_one_error_and_leaves_nothing(
    folder: Path,
    district: Simulated,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    resource = pytest.importorskip("resource")  # a limit of size, which Windows lacks
    write, (before, most) = getattr(*WRITERS[name]), resource.getrlimit(resource.RLIMIT_FSIZE)

    def cut(*content: Any, **options: Any) -> None:
        if any(isinstance(part, Path) and part.name == name for part in content):
            resource.setrlimit(resource.RLIMIT_FSIZE, ((folder / name).stat().st_size // 2, most))
        write(*content, **options)

    monkeypatch.setattr(*WRITERS[name], cut)
    try:
        with pytest.raises(RunError, match=r"cannot be written \(File too large\).*Remedy"):
            write_district(district("demo", 0), tmp_path / "new" / "demo")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (before, most))
    assert not list(tmp_path.iterdir())
    assert capfd.readouterr().err == ""
