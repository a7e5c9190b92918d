import json
import subprocess
import sys

import numpy as np
import pytest

from orecast.cli.show import show_audit
from orecast.workflow.audit.auditing import Audit, Check, Severity


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


def test_a_leak_is_a_result_and_with_strict_a_failure(orecast, files, tmp_path):
    words = ["--windows", files["train"], files["test"], "--labels", files["y"], files["y_test"]]
    code, said, complained = orecast("audit", *words, "--write", tmp_path / "audit.json")
    assert code == 0, complained
    assert said.startswith("These scores cannot be trusted")
    assert "1 of 12 test windows are training windows" in said
    written = json.loads((tmp_path / "audit.json").read_text(encoding="utf-8"))
    assert written["leak"] is True
    assert orecast("audit", *words, "--write", tmp_path / "new" / "audit.json")[0] == 0
    assert (tmp_path / "new" / "audit.json").read_bytes() == (tmp_path / "audit.json").read_bytes()
    assert orecast("audit", *words, "--strict")[0] == 1
    np.save(files["test"], np.random.default_rng(1).normal(size=(12, 3, 3, 4)))
    assert orecast("audit", *words, "--strict")[0] == 0


def test_bad_input_ends_in_one_message_and_writes_nothing(orecast, files, tmp_path):
    gone, mine = tmp_path / "nowhere", tmp_path / "mine.json"
    mine.write_text("{}")
    pair = ("--windows", files["train"], files["test"])
    before = sorted(tmp_path.iterdir())
    for words, message in (
        (("--windows", files["train"], gone), "no such file"),
        (("--windows", files["train"], files["y"]), "has shape"),
        (("--windows", tmp_path, tmp_path), "is a folder"),
        ((*pair, "--labels", files["y_test"], files["y_test"]), "for 30 windows"),
        ((tmp_path,), "not a finished run"),
        ((files["train"],), "not a finished run"),
        ((gone,), "not a finished run"),
        ((*pair, "--write", mine), "holds no audit"),
    ):
        code, said, complained = orecast("audit", *words)
        assert (code, said) == (1, "")
        assert message in complained
        assert complained.count("Error") == complained.count("\n") == 1
    assert sorted(tmp_path.iterdir()) == before
    assert mine.read_text() == "{}"


def test_checks_of_several_protocols_are_distinguished(capsys):
    checks = [
        Check("seen-cells", "Tested cells", severity, "0 of 9", f"Found {severity}.", protocol=name)
        for name, severity in (("spatial", Severity.CLEAN), ("paper", Severity.LEAK))
    ]
    show_audit(Audit("run", checks))
    shown = capsys.readouterr().out
    assert "spatial: Tested cells" in shown
    assert "paper: Tested cells" in shown
    show_audit(Audit("run", checks[:1]))
    assert "spatial:" not in capsys.readouterr().out


def test_the_command_needs_no_run(files):
    answer = subprocess.run(
        [sys.executable, "-m", "orecast", "audit", str(files["train"])],
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 1
    assert "not a finished run" in answer.stderr


def test_wrong_usage_is_2(orecast, files):
    assert orecast("audit")[0] == 2
    assert orecast("audit", "run", "--windows", files["train"], files["test"])[0] == 2
    assert orecast("audit", "run", "--labels", files["y"], files["y_test"])[0] == 2


def test_help_shows_examples(orecast):
    code, said, _ = orecast("audit", "--help")
    assert code == 0
    assert "Example: orecast audit" in said
