import json
import os
import subprocess
import sys

import numpy as np
import pytest


def orecast(*words):
    return subprocess.run(
        [sys.executable, "-m", "orecast", *map(str, words)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        env=os.environ | {"COLUMNS": "200", "NO_COLOR": "1", "PYTHONUTF8": "1"},
        check=False,
    )


@pytest.fixture
def files(tmp_path):
    """Training and test windows, the first test window one of training; and their labels."""
    rng = np.random.default_rng(0)
    train, test = rng.normal(size=(30, 3, 3, 4)), rng.normal(size=(12, 3, 3, 4))
    test[0] = train[0]
    arrays = {"train": train, "test": test, "y": np.arange(30) % 2, "y_test": np.arange(12) % 2}
    for name, values in arrays.items():
        np.save(tmp_path / f"{name}.npy", values)
    return {name: tmp_path / f"{name}.npy" for name in arrays}


def test_a_leak_is_a_result_and_with_strict_a_failure(files, tmp_path):
    words = ["--windows", files["train"], files["test"], "--labels", files["y"], files["y_test"]]
    answer = orecast("audit", *words, "--write", tmp_path / "audit.json")
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.startswith("These scores cannot be trusted")
    assert "1 of 12" in answer.stdout
    written = json.loads((tmp_path / "audit.json").read_text(encoding="utf-8"))
    assert written["leak"] is True
    assert orecast("audit", *words, "--strict").returncode == 1
    np.save(files["test"], np.random.default_rng(1).normal(size=(12, 3, 3, 4)))
    assert orecast("audit", *words, "--strict").returncode == 0


def test_bad_input_ends_in_one_message(files, tmp_path):
    for words, message in (
        (("--windows", files["train"], tmp_path / "nowhere.npy"), "no such file"),
        (("--windows", files["train"], files["y"]), "has shape"),
        ((tmp_path,), "no finished run"),
        ((tmp_path / "nowhere",), "no finished run"),
    ):
        answer = orecast("audit", *words)
        assert answer.returncode == 1
        assert message in answer.stderr
        assert answer.stderr.count("Error") == 1
        assert "Traceback" not in answer.stderr


def test_wrong_usage_is_2(files):
    assert orecast("audit").returncode == 2
    assert orecast("audit", "run", "--windows", files["train"], files["test"]).returncode == 2
    assert orecast("audit", "run", "--labels", files["y"], files["y_test"]).returncode == 2


def test_help_shows_examples():
    answer = orecast("audit", "--help")
    assert answer.returncode == 0
    assert "Example: orecast audit" in answer.stdout
