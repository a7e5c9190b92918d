"""A reproduction written out: Markdown, JSON and pictures, and a smoke run's silence."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

from orecast.errors import RunError
from orecast.experiments import ONE_LAYER, read_experiment, systems
from orecast.explanation import GradCam, SamplingOffsets
from orecast.report.reproduction import write_reproduction
from orecast.report.reproduction.markdown import (
    choices_table,
    citation,
    legend,
    what_stands,
    what_was_generated,
    what_was_run,
)
from orecast.report.reproduction.markdown_tables import aligned, figure_words, rank_words, set_table
from orecast.report.tables import Table
from orecast.workflow.reproduction import Reproduction


def write(hand, folder, system, **over):
    path = write_reproduction(folder, read_experiment(system), hand.content(system, **over))
    told = json.loads((folder / "reproduction.json").read_text(encoding="utf-8"))
    return path.read_text(encoding="utf-8"), told


def parsed(text):
    """Tables of a Markdown text by the heading above them, as lists of lines of cells."""
    found = {}
    for block in re.split(r"^#+ ", text, flags=re.M)[1:]:
        lines = [line for line in block.splitlines() if line.startswith("|")]
        if lines:
            cells = [[c.strip() for c in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]
            found[block.splitlines()[0]] = cells
    return found


@pytest.mark.parametrize("system", systems())
def test_the_markdown_has_every_table_whole(hand, tmp_path, system):
    text, told = write(hand, tmp_path, system)
    tables = parsed(text)
    paper = read_experiment(system).paper
    assert len(told["tables"]) == len(paper.tables)
    for table in paper.tables:
        (cells,) = [c for head, c in tables.items() if head.startswith(table.title)]
        assert len({len(line) for line in cells}) == 1
        assert set("".join(cells[1])) <= set("-:")
        named = [line[0] for line in cells[2:] if line[0]]
        assert {r.name for r in table.rows} <= set(named)
        for value, column in zip(table.rows[0].values, table.columns, strict=True):
            if value is not None and value < 1000:
                assert f"{value:.{column.digits}f}" in [c for line in cells for c in line]
    choices = next(c for head, c in tables.items() if head.startswith("Choices"))
    assert len(choices) - 2 == len(read_experiment(system).choices) == len(told["choices"])


def test_pipes_stand_below_each_other():
    table = Table("", ("", "AUC, paper", "Why"), [("a|b", "0.9", "x" * 90), ("c", "–", "y")])
    lines = aligned(table).splitlines()
    for position in (0, 1):
        places = {[m.start() for m in re.finditer(r"(?<!\\)\|", line)][position] for line in lines}
        assert len(places) == 1
    assert r"a\|b" in lines[2]


@pytest.mark.parametrize("system", systems())
def test_parts_of_the_page_stand_alone(hand, tmp_path, system):
    text, told = write(hand, tmp_path, system)
    paragraphs = [citation(read_experiment(system).paper), what_stands(told), legend(told)]
    paragraphs += [*what_was_run(told), choices_table(told["choices"])]
    paragraphs += ["\n".join(set_table(table)) for table in told["tables"]]
    assert len(told["tables"]) > 0
    assert all(paragraph and paragraph in text for paragraph in paragraphs)


def test_figures_in_words():
    figure = {"value": 71.25, "spread": None, "low": 60.04, "high": None}
    assert figure_words(figure, 1) == rank_words(figure) == "71.2"
    assert rank_words(figure | {"high": 80.0, "spread": 2.0}) == "71.2 ± 2.0 (60.0–80.0)"
    assert rank_words(None) == rank_words(figure | {"value": None}) == "–"


def test_the_head_says_what_was_run(hand, tmp_path):
    text, told = write(hand, tmp_path, "gk-dcn")
    head = text.partition("## Tables")[0]
    for said in ("10.5194/gmd-19-2219-2026", "Xinyu Zhang", "epochs 50 → 10", "A district."):
        assert said in head
    assert "Under `paper`" in head
    assert "under `spatial`" in head
    assert "`paper` here: a random split." in head
    assert "orecast reproduce gk-dcn" in text
    assert told["kind"] == "hour"
    assert "Capped" not in write(hand, tmp_path, "gk-dcn", kind="full")[0]


def test_what_the_leak_free_protocol_leaves_standing_is_named(hand, tmp_path):
    runs = read_experiment("gk-dcn").runs
    cells = [hand.cell(e, "spatial", 0, 0.5 + 0.1 * k) for k, e in enumerate(runs)]
    text, told = write(hand, tmp_path, "gk-dcn", cells=cells)
    (line,) = [s for s in text.splitlines() if "leak-free protocol leaves" in s]
    assert "leaves 2 of 4 runs standing" in line
    assert "GK-DCN 80.0 (70.0–90.0); DCN 70.0 (60.0–80.0)." in line
    assert [f["run"] for f in told["standing"]] == ["GK-DCN", "DCN", "GK-CNN", "CNN"]
    text, _ = write(hand, tmp_path, "gk-dcn", cells=hand.every_cell("gk-dcn"))
    assert "leaves none of 4 runs standing" in text
    text, _ = write(hand, tmp_path, "gk-dcn", cells=[])
    assert "has scored no run" in text


@pytest.mark.parametrize(
    ("level", "said"),
    [
        (0.9, "no run's mean is higher"),
        (0.75, "of 4 runs only GK-DCN's mean is higher"),
        (0.6, "the means of 2 of 4 runs are higher"),
        (0.4, "every run's mean is higher"),
    ],
)
def test_runs_are_held_against_one_layer(hand, tmp_path, level, said):
    runs = read_experiment("gk-dcn").runs
    cells = [hand.cell(e, "spatial", 0, 0.5 + 0.1 * k) for k, e in enumerate(runs)]
    layer = hand.cell(ONE_LAYER, "spatial", 0, level)
    text, told = write(hand, tmp_path, "gk-dcn", cells=[*cells, layer])
    assert said in what_stands(told)
    assert what_stands(told) in text
    assert told["one_layer"]["value"] == pytest.approx(100 * level)
    assert len(told["standing"]) == 4
    assert "One layer" not in write(hand, tmp_path, "gk-dcn", cells=cells)[0]


def test_reasons_stand_below_their_table(hand, tmp_path):
    cells = [
        hand.refused(e, "spatial", 0, "one class only in fold 2")
        for e in read_experiment("ssgsnet").runs
    ]
    text, _ = write(hand, tmp_path, "ssgsnet", cells=cells)
    assert "- Blank, ours, leak-free: one class only in fold 2." in text
    assert "- Blank, paper (SSGSNet, geochemistry): The paper shows the two maps" in text
    assert "Not drawn, or not in full:" in text
    assert "- ROC curves of the four networks: no cell has an ROC curve." in text


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


@pytest.mark.parametrize("system", systems())
def test_a_smoke_run_says_so_and_prints_nothing_published(hand, tmp_path, system):
    hand.lay_beside(system, tmp_path)
    text, told = write(hand, tmp_path, system, kind="smoke")
    assert text.splitlines()[2].startswith("**Smoke run.**")
    assert "Whose" not in text or "| paper " not in text
    assert ", paper" not in text
    assert "leaves" not in text
    assert told["choices"] == []
    whole = text + json.dumps(told, ensure_ascii=False)
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
        full, _ = write(hand, tmp_path, system, kind="full")
        assert {n for n in numbers(system) if n in full}  # that the search can find them


def test_a_network_that_calls_nothing_ore_is_named(hand, tmp_path):
    cells = hand.every_cell("mfaf")
    for cell in cells:
        if (cell["run"], cell["protocol"]) == ("ShuffleNetV2*", "paper"):
            cell["scores"] = cell["scores"] | {"recall": 0.0}
    text, _ = write(hand, tmp_path, "mfaf", cells=cells)
    assert "- Called nothing ore (ours, as the paper cut: ShuffleNetV2*)." in text
    assert "leak-free: ShuffleNetV2*)" not in text


@pytest.mark.parametrize("system", systems())
def test_every_figure_is_drawn(hand, tmp_path, system):
    hand.lay_beside(system, tmp_path)
    text, told = write(hand, tmp_path, system)
    figures = read_experiment(system).paper.figures
    assert [f["id"] for f in told["figures"]] == ["standing", *(f.id for f in figures)]
    for figure in told["figures"]:
        assert figure["files"], figure["id"]
        assert not figure["blank"]
        for file in figure["files"]:
            assert (tmp_path / file).read_bytes().startswith(b"\x89PNG")
            assert f"]({file})" in text


@pytest.mark.parametrize(
    ("system", "table"),
    [("mfaf", "dilations"), ("resnet50", "tiles"), ("resgcn", "confusion")],
)
def test_of_one_table_the_rest_of_the_figures_are_told_as_not_run(hand, tmp_path, system, table):
    plan = Reproduction.of(read_experiment(system), "smoke", tables=(table,))
    shown = {(entry.name, entry.column) for entry in plan.entries}
    cells = [c for c in hand.every_cell(system) if (c["run"], c["column"]) in shown]
    content = hand.content(system, kind="smoke", cells=cells)
    write_reproduction(tmp_path, plan.shown, content)
    told = json.loads((tmp_path / "reproduction.json").read_text(encoding="utf-8"))
    assert [t["id"] for t in told["tables"]] == [table]
    assert "not run" in (tmp_path / "reproduction.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("system", systems())
def test_figures_without_material_say_why(hand, tmp_path, system):
    _, told = write(hand, tmp_path, system, cells=[])
    assert all(f["blank"] and not f["files"] for f in told["figures"])


def test_where_a_guided_network_looks_is_drawn_too(hand, tmp_path):
    window = np.arange(50.0).reshape(2, 5, 5)
    one = np.ones(2)
    GradCam(window / 50, one, one, "Au", window).save(tmp_path / "grad-cam.npz")
    regular = np.stack(np.meshgrid([1.0, 2, 3], [1.0, 2, 3]), axis=-1).reshape(1, 9, 2)
    SamplingOffsets(
        np.repeat(regular[:, None], 2, axis=1) + 0.3, regular, np.ones((1, 2, 9)), "Au", window
    ).save(tmp_path / "offsets.npz")
    text, told = write(hand, tmp_path, "gk-dcn")
    assert [f["id"] for f in told["figures"]] == ["standing", "grad-cam", "offsets"]
    assert "](figures/grad-cam.png)" in text
    assert (tmp_path / "figures" / "offsets.png").is_file()


def test_weights_of_narrowed_networks_are_written(hand, tmp_path):
    weights = [{"run": "ViT", "weights": 24113, "in_full": 4883201}]
    text, told = write(hand, tmp_path, "ssgsnet", weights=weights)
    assert told["weights"] == told["tables"][0]["weights"] == weights
    assert text.count("24\u202f113 of 4\u202f883\u202f201 (ViT)") == 1


def test_nan_in_facts_is_null(hand, tmp_path):
    _, told = write(hand, tmp_path, "gk-dcn", facts={"map": {"a": {"b": float("nan")}}})
    assert told["facts"] == {"map": {"a": {"b": None}}}


def test_what_cannot_be_read_is_named(hand, tmp_path):
    hand.lay_beside("resgcn", tmp_path)
    np.savez(tmp_path / "maps" / "resgcn.npz", score=np.zeros((2, 2)))
    with pytest.raises(RunError, match=r"resgcn\.npz: has no step"):
        write(hand, tmp_path, "resgcn")
    (tmp_path / "maps" / "resgcn.npz").write_bytes(b"PK broken")
    with pytest.raises(RunError, match=r"resgcn\.npz: cannot be read"):
        write(hand, tmp_path, "resgcn")


def test_what_generators_made_is_told_step_by_step():
    made = {"run": "GAN", "method": "gan", "label": 1, "rows": 365, "learned_from": 35}
    steps = [made | {"sentence": "It copies."}, {"run": "VAE", "sentence": "Refused: too few."}]
    assert what_was_generated(steps)[2:4] == [
        "- GAN: 365 ore rows by gan, which learned from 35. It copies.",
        "- VAE: Refused: too few.",
    ]
    assert what_was_generated([]) == []
