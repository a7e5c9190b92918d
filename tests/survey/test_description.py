import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from orecast.run import write_json
from orecast.survey import checks, describe


@pytest.fixture
def survey(district):
    district.samples["Zn_ppm"] = ["<5", "-9999", *map(str, np.linspace(5.5, 50, 38))]
    district.raster(), district.geology()
    district.table["layers"] = [{"path": "magnetics.tif"}]
    district.table["geology"] = {"path": "geology.gpkg", "column": "unit"}
    return district.read()


def test_each_element_is_counted(survey):
    found = {e["symbol"]: e for e in checks(survey)["survey"]["elements"]}

    zinc = found["Zn"]
    assert (zinc["n"], zinc["missing"], zinc["censored"]) == (39, 1, 1)
    assert (zinc["min"], zinc["max"], zinc["at_lowest"]) == (5, 50, 1)
    assert zinc["median"] == pytest.approx(np.median([5, *np.linspace(5.5, 50, 38)]))
    assert zinc["share_at_lowest"] == pytest.approx(1 / 39)
    assert found["Au"]["unit"] == "ppb"


def test_checks_are_plain_json(survey, tmp_path):
    write_json(tmp_path / "checks.json", checks(survey))

    found = json.loads((tmp_path / "checks.json").read_text())

    assert found["survey"]["samples"] == 40
    assert found["survey"]["crs"] == "EPSG:32645"
    assert found["survey"]["deposits"]["n"] == 4
    assert {f["level"] for f in found["findings"]} <= {"info", "warning", "refusal"}
    assert all({"code", "where", "what", "remedy", "data"} <= set(f) for f in found["findings"])


def test_the_survey_is_described_in_tables(survey):
    overview, elements, layers = describe(survey)

    assert [s.title for s in (overview, elements, layers)] == ["survey", "elements", "layers"]
    assert [row[0] for row in elements.rows] == ["Au", "Cu", "Fe2O3", "Zn"]
    assert [row[0] for row in layers.rows] == ["geology", "magnetics"]
    assert dict(overview.rows)["deposits"] == "4; a random map gives a mean percentile of 50 ± 28"
    for section in (overview, elements, layers):
        assert all(len(row) == len(section.columns) for row in section.rows)


def test_rows_of_the_file_and_places_are_counted(district):
    district.samples = pd.concat([district.samples, district.samples.iloc[[4, 4, 7]]])
    district.samples.iloc[0, 1] = np.nan

    averaged = district.read()
    district.table["samples"]["duplicates"] = "keep"
    kept = district.read()

    for survey in (averaged, kept):
        assert dict(describe(survey)[0].rows)["samples"] == "43 rows, 39 places"
        assert checks(survey)["survey"]["rows"] == 43


def test_a_gridded_survey_is_described_by_its_grid(district):
    district.gridded()

    overview = dict(describe(district.read())[0].rows)

    assert overview["cells"] == "400"
    assert overview["grid"].startswith("20 x 20 cells of 500 x 500")


def test_nothing_heavy_is_imported_with_the_room():
    code = (
        "import sys; before = set(sys.modules); import orecast.survey; "
        "print(*(set(sys.modules) & {'geopandas', 'pandas', 'rasterio', 'torch', 'sklearn', "
        "'matplotlib', 'pyarrow', 'openpyxl'}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == ""


def test_reading_imports_no_learning_library(district):
    district.write()
    (district.folder / "run.toml").write_text(
        '[samples]\npath = "samples.csv"\ncrs = "EPSG:32645"\n'
        '[deposits]\npath = "deposits.csv"\ncrs = "EPSG:32645"\n'
    )
    code = (
        "import sys; from pathlib import Path; from orecast.config import read; "
        f"from orecast.survey import checks, read_survey; "
        f"checks(read_survey(read(Path({str(district.folder / 'run.toml')!r})))); "
        "heavy = {'torch', 'sklearn', 'matplotlib', 'lightning_fabric', 'numba'}; "
        "print(*(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == ""
