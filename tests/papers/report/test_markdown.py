"""The page of a reproduction, paragraph by paragraph."""

from __future__ import annotations

import re

import pytest

from orecast.papers.experiments import ONE_LAYER, read_experiment, systems
from orecast.papers.report.markdown import (
    beats_chance_sentence,
    choices_table,
    citation,
    legend,
    set_table,
    what_was_generated,
    what_was_run,
)

pytestmark = pytest.mark.usefixtures("blank_figures")


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
    text, result = hand.write(tmp_path, system)
    tables = parsed(text)
    paper = read_experiment(system).paper
    assert len(result["tables"]) == len(paper.tables)
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
    assert len(choices) - 2 == len(read_experiment(system).choices) == len(result["choices"])


@pytest.mark.parametrize("system", systems())
def test_parts_of_the_page_are_whole_alone(hand, tmp_path, system):
    text, result = hand.write(tmp_path, system)
    paragraphs = [
        citation(read_experiment(system).paper),
        beats_chance_sentence(result),
        legend(result),
    ]
    paragraphs += [*what_was_run(result), choices_table(result["choices"])]
    paragraphs += ["\n".join(set_table(table)) for table in result["tables"]]
    assert len(result["tables"]) > 0
    assert all(paragraph and paragraph in text for paragraph in paragraphs)


def test_the_head_says_what_was_run(hand, tmp_path):
    text, result = hand.write(tmp_path, "gk-dcn")
    head = text.partition("## Tables")[0]
    for said in ("10.5194/gmd-19-2219-2026", "Xinyu Zhang", "epochs 50 → 10", "A district."):
        assert said in head
    assert "Under `paper`" in head
    assert "Under `spatial`" in head
    assert "`paper` here: a random split." in head
    assert "orecast reproduce gk-dcn" in text
    assert result["kind"] == "hour"
    assert "Capped" not in hand.write(tmp_path, "gk-dcn", kind="full")[0]


def test_runs_above_chance_are_named(hand, tmp_path):
    runs = read_experiment("gk-dcn").runs
    cells = [hand.cell(e, "spatial", 0, 0.5 + 0.1 * k) for k, e in enumerate(runs)]
    text, result = hand.write(tmp_path, "gk-dcn", cells=cells)
    (line,) = [s for s in text.splitlines() if "beat chance:**" in s]
    assert "2 of 4 runs beat chance" in line
    assert "GK-DCN 80.0 (70.0–90.0); DCN 70.0 (60.0–80.0)." in line
    assert [f["run"] for f in result["ranking"]] == ["GK-DCN", "DCN", "GK-CNN", "CNN"]
    text, _ = hand.write(tmp_path, "gk-dcn", cells=hand.every_cell("gk-dcn"))
    assert "none of 4 runs beats chance" in text
    text, _ = hand.write(tmp_path, "gk-dcn", cells=[])
    assert "No run has a score" in text


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
    text, result = hand.write(tmp_path, "gk-dcn", cells=[*cells, layer])
    assert said in beats_chance_sentence(result)
    assert beats_chance_sentence(result) in text
    assert result["one_layer"]["value"] == pytest.approx(100 * level)
    assert len(result["ranking"]) == 4
    assert "One layer" not in hand.write(tmp_path, "gk-dcn", cells=cells)[0]


def test_what_generators_made_is_reported_step_by_step():
    made = {"run": "GAN", "method": "gan", "label": 1, "rows": 365, "learned_from": 35}
    steps = [made | {"sentence": "It copies."}, {"run": "VAE", "sentence": "Refused: too few."}]
    assert what_was_generated(steps)[2:4] == [
        "- GAN: 365 ore rows by gan, fitted to 35. It copies.",
        "- VAE: Refused: too few.",
    ]
    assert what_was_generated([]) == []
