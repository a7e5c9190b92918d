"""A paper's tables beside ours, worked by hand."""

from __future__ import annotations

import math

import pytest

from orecast.metrics import confusion
from orecast.papers.experiments import read_experiment, systems
from orecast.papers.report.markdown import set_table
from orecast.papers.report.tables import is_misnamed, is_ours_alone, tables_of


def test_mean_and_spread_over_seeds_are_beside_the_papers_figure(hand):
    vit = hand.entry("ssgsnet", "ViT")
    cells = [hand.cell(vit, "paper", k, level) for k, level in enumerate((0.90, 0.92, 0.97))]
    cells += [hand.cell(vit, "spatial", 0, 0.6)]
    found = hand.row(hand.table("ssgsnet", "comparison", cells), "ViT")
    (paper,), (ours,), (fair,) = found["figures"].values()
    assert list(found["figures"]) == ["published", "paper", "spatial"]
    assert paper == {"value": 0.9372, "spread": None, "n": 1, "why": None}
    assert ours["value"] == pytest.approx(0.93)
    assert ours["spread"] == pytest.approx(math.sqrt((0.03**2 + 0.01**2 + 0.04**2) / 2))
    assert ours["n"] == 3
    assert fair == {"value": 0.6, "spread": None, "n": 1, "why": None}


def test_a_column_in_per_cent_has_ours_in_per_cent(hand):
    cells = [hand.cell(hand.entry("mfaf", "GoogLeNet"), "paper", 0, 0.625)]
    found = hand.table("mfaf", "comparison", cells)
    assert [c["unit"] for c in found["columns"]] == ["%"] * 5
    assert [f["value"] for f in hand.row(found, "GoogLeNet")["figures"]["paper"]] == [62.5] * 5
    tiles = hand.table(
        "resnet50", "tiles", [hand.cell(hand.entry("resnet50", "ResNet"), "paper", 0, 0.625)]
    )
    values = [f["value"] for f in hand.row(tiles, "ResNet-50")["figures"]["paper"]]
    assert values == [62.5, *[0.625] * 4]


def test_the_standard_score_is_beside_what_the_paper_calls_so(hand):
    resnet = hand.entry("resnet50", "ResNet")
    scores = {"accuracy": 0.1, "balanced_accuracy": 0.2, "macro_f1": 0.3, "auc": 0.8, "f1": 0.9}
    other = {name: score / 2 for name, score in scores.items()}
    cells = [hand.cell(resnet, "paper", 0, scores=scores)]
    cells += [hand.cell(resnet, "spatial", 0, scores=other)]
    found = hand.table("resnet50", "tiles", cells)
    names = ["Accuracy", "AUC", "AUC, standard", "F1", "F1, standard"]
    assert [c["name"] for c in found["columns"]] == names
    assert [c["digits"] for c in found["columns"]] == [2, 4, 4, 4, 4]
    published, paper, fair = hand.row(found, "ResNet-50")["figures"].values()
    assert [f["value"] for f in paper] == pytest.approx([10, 0.2, 0.8, 0.3, 0.9])
    assert [f["value"] for f in fair] == pytest.approx([5, 0.1, 0.4, 0.15, 0.45])
    assert [f["value"] for f in published] == [86.11, 0.7454, None, 0.7653, None]
    assert {f["why"] for f in published[2::2]} == {"the paper does not give it"}


@pytest.mark.parametrize(
    ("system", "expected"),
    [
        ("gk-dcn", {}),
        ("ssgsnet", {}),
        ("resgcn", {}),  # a sensitivity is the recall by another name, and a model no score
        ("mfaf", {t: {"f1"} for t in ("comparison", "ablation-attention", "beta", "dilations")}),
        ("resnet50", {"comparison": {"auc"}, "tiles": {"auc", "f1"}}),
    ],
)
def test_what_is_not_misnamed_has_no_other_beside_it(system, expected):
    found = {
        t["id"]: {c["standard"] for c in t["columns"] if is_ours_alone(c)}
        for t in tables_of(read_experiment(system), [], "full")
    }
    assert {name: scores for name, scores in found.items() if scores} == expected


def test_every_score_of_ours_is_known_by_its_name():
    names = [*confusion([1, 0], [1.0, 0.0]).scores(), "auc"]
    assert all(is_misnamed({"name": name.upper(), "standard": "other"}) for name in names)
    assert not any(is_misnamed({"name": name.upper(), "standard": name}) for name in names)
    assert not is_misnamed({"name": "AUC", "standard": ""})


def test_the_percentile_of_seeds_has_the_interval_of_all(hand):
    vit = hand.entry("ssgsnet", "ViT")
    cells = [
        hand.cell(vit, "spatial", 0, percentile={"value": 0.7, "low": 0.55, "high": 0.8}),
        hand.cell(vit, "spatial", 1, percentile={"value": 0.8, "low": 0.6, "high": 0.95}),
    ]
    (found,) = hand.row(hand.table("ssgsnet", "comparison", cells), "ViT")["percentile"]
    assert (found["value"], found["n"]) == (pytest.approx(75), 2)
    assert found["spread"] == pytest.approx(math.sqrt(50))
    assert (found["low"], found["high"]) == (pytest.approx(55), pytest.approx(95))


def test_each_blank_says_why(hand):
    names = ("ViT", "DualBranchNet", "ResNet")
    vit, dual, resnet = (hand.entry("ssgsnet", name) for name in names)
    cells = [
        hand.refused(vit, "spatial", 0, "one class only"),
        hand.cell(vit, "paper", 0, scores={"auc": None}),
        hand.cell(dual, "paper", 0, scores={"auc": math.nan}),
        hand.cell(dual, "spatial", 0, scores={}),
        hand.cell(resnet, "spatial", 0, scores={"auc": None}),
    ]
    found = hand.table("ssgsnet", "comparison", cells)
    vits, duals, resnets = (hand.row(found, name)["figures"] for name in names)
    assert vits["spatial"][0] == {"value": None, "spread": None, "n": 0, "why": "one class only"}
    assert "not defined" in vits["paper"][0]["why"]
    assert "not defined" in duals["paper"][0]["why"]
    assert "no confirmed negatives" in duals["spatial"][0]["why"]
    assert "needs a predicted positive" in resnets["spatial"][0]["why"]
    assert resnets["paper"][0]["why"] == "not run"
    assert (
        "prints no score"
        in hand.row(hand.table("gk-dcn", "comparison", []), "CNN")["figures"]["published"][0]["why"]
    )


def test_a_seed_that_was_refused_is_reported_beside_those_that_were_not(hand):
    vit = hand.entry("ssgsnet", "ViT")
    cells = [
        hand.cell(vit, "spatial", 0, 0.6),
        hand.refused(vit, "spatial", 1, "no window is left"),
    ]
    found = hand.row(hand.table("ssgsnet", "comparison", cells), "ViT")
    assert found["figures"]["spatial"][0]["n"] == 1
    assert found["refused"] == ["spatial, seed 1: no window is left"]


def test_a_shared_run_is_shown_in_both_rows(hand):
    cells = [hand.cell(hand.entry("mfaf", "ResNet18*"), p, 0, 0.7) for p in ("paper", "spatial")]
    for name, shown in [("comparison", "ResNet18*"), ("beta", "0.4"), ("dilations", "rate 3")]:
        figures = hand.row(hand.table("mfaf", name, cells), shown)["figures"]
        assert figures["paper"][0]["value"] == pytest.approx(70)


def test_a_row_of_ours_that_the_paper_lacks_is_behind_its_neighbour(hand):
    found = hand.table("mfaf", "beta", hand.every_cell("mfaf"))
    names = [r["name"] for r in found["rows"]]
    assert names[:3] == ["0", "0, the framework", "0.1"]
    ours = found["rows"][1]
    assert {f["why"] for f in ours["figures"]["published"]} == {"not in the paper"}
    assert ours["figures"]["paper"][0]["value"] == 50


def test_two_networks_in_one_row_keep_to_their_columns(hand):
    cells = [
        hand.cell(hand.entry("resgcn", "0.6", "ResGCN"), "spatial", 0, 0.6),
        hand.cell(hand.entry("resgcn", "0.6", "ResGAT"), "spatial", 0, 0.7),
    ]
    found = hand.row(hand.table("resgcn", "alpha", cells), "0.6")
    assert [f["value"] for f in found["figures"]["spatial"]] == pytest.approx([60, 70])
    assert {p["column"]: round(p["value"]) for p in found["percentile"]} == {
        "ResGCN": 60,
        "ResGAT": 70,
    }
    assert "0.6 did best" in found["figures"]["published"][0]["why"]


def test_folds_are_those_of_the_papers_cut(hand):
    resgcn = hand.entry("resgcn", "ResGCN")
    by_fold = [{"accuracy": a, "recall": 0.5, "specificity": None, "f1": 0.1} for a in (0.8, 0.9)]
    cells = [hand.cell(resgcn, "paper", k, by_fold=by_fold) for k in (0, 1)]
    cells += [hand.cell(resgcn, "spatial", 0, 0.6)]
    found = hand.table("resgcn", "folds-resgcn", cells)
    second = hand.row(found, "2")["figures"]
    assert second["paper"][0] == {"value": 90, "spread": 0, "n": 2, "why": None}
    assert "not defined" in second["paper"][2]["why"]
    assert "row of means" in second["spatial"][0]["why"]
    assert hand.row(found, "3")["figures"]["paper"][0]["why"] == "this run has fewer folds"
    mean = hand.row(found, "mean")
    assert mean["figures"]["paper"][0]["value"] == pytest.approx(85)
    assert mean["figures"]["spatial"][0]["value"] == pytest.approx(60)
    assert [p["value"] for p in mean["percentile"]] == [pytest.approx(60)]
    assert hand.row(found, "2")["percentile"] == []


def test_confusions_are_counts(hand):
    found = hand.table("resnet50", "confusion", hand.every_cell("resnet50", seeds=2))
    figures = hand.row(found, "ResNet-50")["figures"]
    assert [f["value"] for f in figures["published"]] == [108, 7, 13, 16]
    assert [f["value"] for f in figures["paper"]] == [4, 3, 2, 1]
    assert all("no confirmed negatives" in f["why"] for f in figures["spatial"])


def test_the_best_of_a_training_is_of_its_history(hand):
    found = hand.table("resnet50", "training", hand.every_cell("resnet50", level=0.5))
    values = [f["value"] for f in hand.row(found, "ResNet-50")["figures"]["paper"]]
    assert values == pytest.approx([50, 1 / 3])


def test_facts_fill_what_no_cell_holds(hand):
    facts = {
        "screening": {"Au": {"AUC": [0.6, 0.7], "AUC, standard": 0.8, "ZAUC": 2.9, "kept": True}},
        "second-area": {"ResNet-50": {"covered": 0.75}},
        "map": {"ResNet-50": {"tiles": 20, "new": math.nan, "on known ore": "no map"}},
    }
    screening = hand.table("resnet50", "screening", [], facts=facts)
    assert screening["sides"] == ["published", "ours"]
    au, sn = hand.row(screening, "Au"), hand.row(screening, "Sn")
    assert [c["name"] for c in screening["columns"]] == ["AUC", "AUC, standard", "SE", "ZAUC"]
    assert [f["value"] for f in au["figures"]["ours"][:2]] == pytest.approx([0.65, 0.8])
    assert au["figures"]["ours"][2]["why"] == "not run"
    assert "(AUC - 0.5) / ZAUC" in au["figures"]["published"][2]["why"]
    assert "| Kept, paper | Kept, ours |" in set_table(screening)[2]
    assert au["kept"] == {"published": True, "ours": True}
    assert sn["kept"] == {"published": True, "ours": None}
    covered = hand.row(hand.table("resnet50", "second-area", [], facts=facts), "ResNet-50")
    assert covered["figures"]["ours"][0]["value"] == 75
    counted = hand.row(hand.table("resnet50", "map", [], facts=facts), "ResNet-50")["figures"][
        "ours"
    ]
    assert [f["value"] for f in counted] == [20, None, None]
    assert [f["why"] for f in counted[1:]] == ["no map", "not available for this run"]


@pytest.mark.parametrize("system", systems())
def test_a_smoke_run_has_nothing_published(hand, system):
    for found in tables_of(read_experiment(system), hand.every_cell(system), "smoke"):
        assert "published" not in found["sides"]
        assert found["note"] == found["source"] == ""
        for line in found["rows"]:
            assert line["note"] == ""
            assert "published" not in line["figures"]


@pytest.mark.parametrize("system", systems())
def test_every_figure_of_a_paper_is_in_its_place(hand, system):
    paper = read_experiment(system).paper
    for found, printed in zip(
        tables_of(read_experiment(system), [], "full"), paper.tables, strict=True
    ):
        for line in printed.rows:
            figures = hand.row(found, line.name)["figures"]["published"]
            shown = zip(figures, found["columns"], strict=True)
            assert [f["value"] for f, c in shown if not is_ours_alone(c)] == list(line.values)
        blanks = [f for r in found["rows"] for s in r["figures"].values() for f in s]
        assert all(f["why"] for f in blanks if f["value"] is None)
