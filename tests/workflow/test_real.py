"""The two public surveys of ``examples/``, whole, with a cheap model."""

import os
from pathlib import Path

import numpy as np
import pytest

from orecast.config import read
from orecast.errors import AlignmentError
from orecast.mapping import read_raster
from orecast.workflow import check, run_survey

ROOT = Path(__file__).parents[2]
DATA = Path(os.environ.get("ORECAST_DATA", ROOT.parent / "shared" / "data"))

pytestmark = pytest.mark.skipif(
    not (DATA / "eskay").is_dir(),
    reason="the public surveys are not here: set ORECAST_DATA (examples/README.md)",
)


def example(name, folder, *settings):
    cheap = ["model={name='logistic-regression'}", "validation.baselines=false"]
    output = f"output='{(folder / 'run').as_posix()}'"
    return read(ROOT / "examples" / name / "run.toml", [output, *cheap, *settings])


@pytest.fixture(autouse=True)
def _data(monkeypatch):
    monkeypatch.setenv("ORECAST_DATA", str(DATA))


def test_eskay(tmp_path):
    summary = run_survey(example("eskay", tmp_path))
    row = summary.metrics["scores"][0]
    assert 40 <= len(row["per_deposit"]) <= 51
    assert 0.6 < row["percentile"]["value"] < 0.95
    assert len(summary.targets) > 5
    codes = {f.code for f in check(example("eskay", tmp_path))[0].findings}
    assert {"duplicate-places", "piled-up-lowest", "stream-sediment"} <= codes


def test_tianshan(tmp_path):
    summary = run_survey(example("tianshan", tmp_path))
    score = read_raster(summary.folder / "prospectivity.tif")
    assert score.grid.shape == (117, 289)
    assert np.isfinite(score.values).mean() > 0.9
    row = summary.metrics["scores"][0]
    assert len(row["per_deposit"]) == 10
    assert row["percentile"]["low"] < 0.5  # nine places cannot tell this from chance
    assert len({f["fold"] for f in row["per_deposit"]}) >= 2


def test_tianshan_by_coordinates_is_refused_with_both_extents(tmp_path):
    with pytest.raises(AlignmentError) as caught:
        run_survey(example("tianshan", tmp_path, "deposits.align=crs"))
    words = str(caught.value)
    assert words.count("x ") >= 2
    assert 'align = "pixels"' in words
    assert not (tmp_path / "run").exists()
