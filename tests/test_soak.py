"""The short form of ``make soak``, and what it calls equal."""

import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("soak.py")
SPEC = importlib.util.spec_from_file_location("soak", SCRIPT)
soak = importlib.util.module_from_spec(SPEC)
sys.modules["soak"] = soak  # where dataclasses look for it
SPEC.loader.exec_module(soak)


@pytest.fixture
def results(tmp_path):
    """Two results that differ in times alone: the undisturbed one, and the place of the other."""
    folders = tmp_path / "undisturbed", tmp_path / "place" / soak.OUT
    for k, folder in enumerate(folders):
        (folder / ".orecast").mkdir(parents=True)
        (folder / "map.tif").write_bytes(b"map")
        hashes = {"targets.gpkg": f"{k}" * 64, "map.tif": "a" * 64}
        provenance = {"started": f"2026-01-0{k + 1}", "seconds": {"map": k}, "files": hashes}
        (folder / "provenance.json").write_text(json.dumps(provenance))
        cell = {"auc": 0.5, "seconds": k, "sha256": f"{k}" * 64}
        (folder / "cell.json").write_text(json.dumps(cell))
        journal = {"stages": ["map"], "files": {"provenance.json": f"{k}" * 64}}
        (folder / ".orecast/journal.json").write_text(json.dumps(journal))
        (folder / ".orecast/lock").write_text(f"{k}")
        report = (
            f"<div><dt>By stage</dt><dd>map {k}.0 s</dd></div>\n<p>{k} March 2026, 09:26 UTC</p>"
        )
        (folder / "report.html").write_text(report)
        table = f"| a | 0.5 | {k}.1 |\n"
        (folder / "comparison.md").write_text(table)
        (folder / "comparison.csv").write_text(f"map,auc,seconds,p\na,0.5,{k},0.1\n")
    return folders[0], folders[1].parent


def test_times_are_no_difference(results):
    assert list(soak.differences(*results)) == []


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("map.tif", "mat", "differs"),
        ("provenance.json", json.dumps({"files": {"map.tif": "b" * 64}}), "differs"),
        ("cell.json", '{"auc": 0.6, "seconds": 0}', "differs"),
        (".orecast/journal.json", '{"stages": ["map", "report"]}', "differs"),
        ("report.html", "<p>other</p>", "differs"),
        ("comparison.md", "| a | 0.6 | 0.1 |\n", "differs"),
        ("comparison.csv", "map,auc,seconds,p\na,0.5,0,0.2\n", "differs"),
        ("other.tif", "", "not in the undisturbed result"),
        ("map.tif.part", "", "left over"),
        ("../other", "", "stands beside the result"),
    ],
)
def test_all_else_is_a_difference(results, name, content, said):
    (results[1] / soak.OUT / name).write_text(content)
    assert f"{Path(name).name if said[0] == 's' else name}: {said}" in soak.differences(*results)


def test_a_missing_file_is_a_difference(results):
    (results[1] / soak.OUT / "map.tif").unlink()
    assert list(soak.differences(*results)) == ["map.tif: missing"]


@pytest.mark.slow
def test_a_killed_run_goes_on_to_an_equal_result():
    asked = ("--kills", "1", "--seed", "5", "--only", "run", "--cell-size", "1000")
    answer = subprocess.run(
        [sys.executable, str(SCRIPT), *asked],
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    assert answer.returncode == 0, answer.stdout + answer.stderr
    # A run that a faster moment ends before its kill is a result more.
    assert re.search(r"^run: 1 kills, \d+ results, 0 differ$", answer.stdout, re.MULTILINE)
