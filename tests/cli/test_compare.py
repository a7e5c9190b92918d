import json
import os
import subprocess
import sys

import pytest

SMALL = (
    *("--set", "evidence.cell_size=1000", "--set", "evidence.radius=1500"),
    *("--set", "sampling.window=3", "--set", "validation.folds=3"),
)


def process(*words):
    """A comparison in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "orecast", "compare", *map(str, words)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        env=os.environ | {"COLUMNS": "200", "NO_COLOR": "1", "PYTHONUTF8": "1"},
        check=False,
    )


@pytest.mark.slow
@pytest.mark.usefixtures("in_this_process")
def test_a_comparison_ends_in_a_table_and_a_page_and_fails_with_its_models(
    orecast, district, tmp_path
):
    asked = (district, *SMALL, "--seeds", 1, "--no-baselines", "-o", tmp_path / "out", "--jobs", 1)
    answer = process(*asked, "--models", "weights-of-evidence", "--protocols", "paper")
    assert answer.returncode == 0, answer.stderr
    for words in ("weights-of-evidence", "AUC, paper", "2 cells computed", "comparison.html"):
        assert words in answer.stdout
    models = "weights-of-evidence,knn:neighbours=1000"
    again = orecast("compare", *asked, "--models", models, "--resume")
    assert again.returncode == 1
    assert "What could not be computed" in again.stdout
    assert "1 cell computed" in again.stdout
    found = json.loads((tmp_path / "out" / "comparison.json").read_text(encoding="utf-8"))
    assert [c["model"] for c in found["cells"]] == [*("weights-of-evidence", "knn:neighbours=1000")]


def test_an_unknown_name_is_refused_with_the_nearest(orecast, district, tmp_path):
    answer = orecast("compare", district, "--models", "random-forrest", "-o", tmp_path / "out")
    assert answer.returncode == 1
    assert "did you mean random-forest" in answer.stderr
    assert "Traceback" not in answer.stderr
    assert not (tmp_path / "out").exists()


def test_models_that_are_empty_are_not_left_out(orecast, district, tmp_path):
    answer = orecast("compare", district, "--models", "", "-o", tmp_path / "out")
    assert answer.returncode == 1
    assert "--models: is empty" in answer.stderr
    assert not (tmp_path / "out").exists()


def test_help_shows_an_example(orecast):
    assert "Example: orecast compare" in orecast("compare", "--help").stdout
