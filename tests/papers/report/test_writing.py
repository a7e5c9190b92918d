"""A reproduction written out: Markdown, JSON and pictures, and a smoke run's silence."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

from orecast.errors import RunError
from orecast.explanation import GradCam, SamplingOffsets
from orecast.papers import Reproduction
from orecast.papers.experiments import read_experiment, systems
from orecast.papers.report import write_reproduction


def numbers(system):
    """The figures that a paper prints, of three digits at least, as a text would have them."""
    found = set()
    for table in read_experiment(system).paper.tables:
        for row in table.rows:
            for value, column in zip(row.values, table.columns, strict=True):
                if value is not None and len(f"{value:.{column.digits}f}".replace(".", "")) > 2:
                    text = f"{value:,.{column.digits}f}"
                    found |= {text.replace(",", ""), text.replace(",", "\u202f"), f"{value:.10g}"}
    return {n for n in found if len(n) > 2 and float(n.replace("\u202f", "")) != 100}


@pytest.mark.usefixtures("blank_figures")
@pytest.mark.parametrize("system", systems())
def test_a_smoke_run_says_so_and_prints_nothing_published(hand, tmp_path, system):
    hand.lay_beside(system, tmp_path)
    text, result = hand.write(tmp_path, system, kind="smoke")
    assert text.splitlines()[2].startswith("**Smoke run.**")
    assert "Whose" not in text or "| paper " not in text
    assert ", paper" not in text
    assert "leaves" not in text
    assert result["choices"] == []
    whole = text + json.dumps(result, ensure_ascii=False)
    there = {
        n for n in numbers(system) if re.search(rf"(?<![\d.]){re.escape(n)}(?![\d.]?\d)", whole)
    }
    assert not there
    paper = read_experiment(system).paper
    notes = [paper.note, *(n for t in paper.tables for n in (t.note, t.why_blank, t.source))]
    notes += [n for t in paper.tables for n in (r.note for r in t.rows)]
    notes += [n for f in paper.figures for n in (f.note, f.source)]
    assert not [n for n in notes if n and n in whole]
    if system != "gk-dcn":
        full, _ = hand.write(tmp_path, system, kind="full")
        assert {n for n in numbers(system) if n in full}  # that the search can find them


@pytest.mark.parametrize("system", systems())
def test_every_figure_is_drawn(hand, tmp_path, system):
    hand.lay_beside(system, tmp_path)
    text, result = hand.write(tmp_path, system)
    figures = read_experiment(system).paper.figures
    assert [f["id"] for f in result["figures"]] == ["ranking", *(f.id for f in figures)]
    for figure in result["figures"]:
        assert figure["files"], figure["id"]
        assert not figure["blank"]
        for file in figure["files"]:
            assert (tmp_path / file).read_bytes().startswith(b"\x89PNG")
            assert f"]({file})" in text


@pytest.mark.parametrize(
    ("system", "table"),
    [("mfaf", "dilations"), ("resnet50", "tiles"), ("resgcn", "confusion")],
)
def test_of_one_table_other_figures_are_reported_as_not_run(hand, tmp_path, system, table):
    plan = Reproduction.of(read_experiment(system), "smoke", tables=(table,))
    shown = {(entry.name, entry.column) for entry in plan.entries}
    cells = [c for c in hand.every_cell(system) if (c["run"], c["column"]) in shown]
    content = hand.content(system, kind="smoke", cells=cells)
    write_reproduction(tmp_path, plan.shown, content)
    result = json.loads((tmp_path / "reproduction.json").read_text(encoding="utf-8"))
    assert [t["id"] for t in result["tables"]] == [table]
    assert "not run" in (tmp_path / "reproduction.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("system", systems())
def test_figures_without_material_say_why(hand, tmp_path, system):
    _, result = hand.write(tmp_path, system, cells=[])
    assert all(f["blank"] and not f["files"] for f in result["figures"])


def test_where_a_guided_network_looks_is_drawn_too(hand, tmp_path):
    window = np.arange(50.0).reshape(2, 5, 5)
    one = np.ones(2)
    GradCam(window / 50, one, one, "Au", window).save(tmp_path / "grad-cam.npz")
    regular = np.stack(np.meshgrid([1.0, 2, 3], [1.0, 2, 3]), axis=-1).reshape(1, 9, 2)
    SamplingOffsets(
        np.repeat(regular[:, None], 2, axis=1) + 0.3, regular, np.ones((1, 2, 9)), "Au", window
    ).save(tmp_path / "offsets.npz")
    text, result = hand.write(tmp_path, "gk-dcn")
    assert [f["id"] for f in result["figures"]] == ["ranking", "grad-cam", "offsets"]
    assert "](figures/grad-cam.png)" in text
    assert (tmp_path / "figures" / "offsets.png").is_file()


def test_weights_of_narrowed_networks_are_written(hand, tmp_path):
    weights = [{"run": "ViT", "weights": 24113, "in_full": 4883201}]
    text, result = hand.write(tmp_path, "ssgsnet", weights=weights)
    assert result["weights"] == result["tables"][0]["weights"] == weights
    assert text.count("24\u202f113 / 4\u202f883\u202f201 (ViT)") == 1


def test_nan_in_facts_is_null(hand, tmp_path):
    _, result = hand.write(tmp_path, "gk-dcn", facts={"map": {"a": {"b": float("nan")}}})
    assert result["facts"] == {"map": {"a": {"b": None}}}


def test_what_cannot_be_read_is_named(hand, tmp_path):
    hand.lay_beside("resgcn", tmp_path)
    np.savez(tmp_path / "maps" / "resgcn.npz", score=np.zeros((2, 2)))
    with pytest.raises(RunError, match=r"resgcn\.npz: has no step"):
        hand.write(tmp_path, "resgcn")
    (tmp_path / "maps" / "resgcn.npz").write_bytes(b"PK broken")
    with pytest.raises(RunError, match=r"resgcn\.npz: cannot be read"):
        hand.write(tmp_path, "resgcn")
