"""A table beside the paper's in Markdown, and the notes below it."""

from __future__ import annotations

import re

import pytest

from orecast.papers.experiments import read_experiment
from orecast.papers.report.markdown import aligned, figure_words, rank_words, set_table
from orecast.papers.report.tables import tables_of
from orecast.report.tables import Table

pytestmark = pytest.mark.usefixtures("blank_figures")


def test_pipes_are_below_each_other():
    table = Table("", ("", "AUC, paper", "Why"), [("a|b", "0.9", "x" * 90), ("c", "–", "y")])
    lines = aligned(table).splitlines()
    for position in (0, 1):
        places = {[m.start() for m in re.finditer(r"(?<!\\)\|", line)][position] for line in lines}
        assert len(places) == 1
    assert r"a\|b" in lines[2]


def test_figures_in_words():
    figure = {"value": 71.25, "spread": None, "low": 60.04, "high": None}
    assert figure_words(figure, 1) == rank_words(figure) == "71.2"
    assert rank_words(figure | {"high": 80.0, "spread": 2.0}) == "71.2 ± 2.0 (60.0–80.0)"
    assert rank_words(None) == rank_words(figure | {"value": None}) == "–"


def test_a_misnamed_score_is_explained_once_below_its_table(hand):
    cells = hand.every_cell("mfaf")
    lines = set_table(hand.table("mfaf", "beta", cells))
    assert "F1-Score, macro F1 (%) | F1-Score, standard (%)" in lines[2]
    assert [line for line in lines if "macro F1" in line][1:] == [
        "- In the paper, F1-Score is the macro F1; the standard score is beside it, "
        "blank for the paper, which does not give it."
    ]
    blanks = [line for line in lines if line.startswith("- Blank")]
    assert blanks == ["- Blank, paper (0, the framework): not in the paper."]
    (smoke,) = [
        s for s in set_table(hand.table("mfaf", "beta", cells, "smoke")) if "In the paper" in s
    ]
    assert smoke.endswith("F1-Score is the macro F1; the standard score is beside it.")
    tiles = set_table(hand.table("resnet50", "tiles", hand.every_cell("resnet50")))
    assert any("F1 is the macro F1; the standard score is beside each" in s for s in tiles)
    folds = set_table(hand.table("resgcn", "folds-resgcn", hand.every_cell("resgcn")))
    assert "- In our figures, Sensitivity is the recall." in folds


def test_weights_are_below_the_tables_of_their_networks(hand):
    found = [
        {"run": "ResNet18", "weights": 179521, "in_full": 11198977},
        {"run": "ResNet18*", "weights": 184684, "in_full": 11204588},
        {"run": "GoogLeNet", "weights": 5622881, "in_full": 5622881},
        {"run": "0.1", "weights": 184684, "in_full": 11204588},
    ]
    experiment, cells = read_experiment("mfaf"), hand.every_cell("mfaf")
    result = {t["id"]: t for t in tables_of(experiment, cells, "hour", weights=found)}
    names = {name: [w["run"] for w in t["weights"]] for name, t in result.items()}
    assert names["comparison"] == ["ResNet18", "ResNet18*", "GoogLeNet"]
    assert names["beta"] == ["0", "0.1", "0.4"]  # 0 shares ResNet18's run, 0.4 that of ResNet18*
    assert names["screening"] == []
    lines = [s.replace("\u202f", ",") for s in set_table(result["beta"])]
    assert [s for s in lines if "Network weights" in s] == [
        "- Network weights, used / in the published network: 179,521 / 11,198,977 (0); "
        "184,684 / 11,204,588 (0.1, 0.4)."
    ]
    lines = [s.replace("\u202f", ",") for s in set_table(result["comparison"])]
    assert any("; all 5,622,881 (GoogLeNet)." in s for s in lines)
    older = set_table(hand.table("mfaf", "comparison", cells))
    assert not any("Network weights" in s for s in older)


def test_what_a_model_declares_is_below_its_table_once(hand):
    said = "its weight has seen those that are held out"
    gk, plain = hand.entry("gk-dcn", "GK-DCN"), hand.entry("gk-dcn", "CNN")
    cells = [hand.cell(e, "spatial", s, scores={"f1": 0.5}) for e in (gk, plain) for s in (0, 1)]
    cells = [c | ({"caveats": [said]} if c["run"] == gk.name else {}) for c in cells]
    tables = tables_of(read_experiment("gk-dcn"), cells, "full")
    lines = [line for line in set_table(tables[0]) if said in line]
    assert lines == [f"- GK-DCN, leak-free: {said}."]


def test_a_network_that_predicts_no_ore_is_named(hand, tmp_path):
    cells = hand.every_cell("mfaf")
    for cell in cells:
        if (cell["run"], cell["protocol"]) == ("ShuffleNetV2*", "paper"):
            cell["scores"] = cell["scores"] | {"recall": 0.0}
    text, _ = hand.write(tmp_path, "mfaf", cells=cells)
    assert "- Predicted no ore (ours, the paper's split: ShuffleNetV2*)." in text
    assert "leak-free: ShuffleNetV2*)" not in text


def test_reasons_are_below_their_table(hand, tmp_path):
    cells = [
        hand.refused(e, "spatial", 0, "one class only in fold 2")
        for e in read_experiment("ssgsnet").runs
    ]
    text, _ = hand.write(tmp_path, "ssgsnet", cells=cells)
    assert "- Blank, ours, leak-free: one class only in fold 2." in text
    assert "- Blank, paper (SSGSNet, geochemistry): The paper shows the two maps" in text
    assert "Figures not drawn, or incomplete:" in text
    assert "- ROC curves of the four networks: no cell has an ROC curve." in text
