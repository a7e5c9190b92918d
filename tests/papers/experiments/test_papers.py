"""The papers' tables: whole, as printed, and where inconsistent, noted."""

from __future__ import annotations

import math
import tomllib
from itertools import product
from pathlib import Path
from typing import Any

import pytest

import orecast.papers.experiments
from orecast.composition import z_auc
from orecast.metrics import Confusion
from orecast.splits.paper import DEFINITIONS

FOLDER = Path(orecast.papers.experiments.__file__).parent
SYSTEMS = ("gk-dcn", "ssgsnet", "mfaf", "resgcn", "resnet50")
STANDARD = {"auc", *Confusion(tn=1, fp=1, fn=1, tp=1).scores()}
KINDS = {"scores", "folds", "confusion", "screening", "classes", "counts"}
FIGURES = {
    "accuracy-curve",
    "loss-curve",
    "confusion",
    "roc",
    "success-rate",
    "boxplot",
    "map",
    "shap",
}


def read(system: str) -> dict[str, Any]:
    return tomllib.loads((FOLDER / system / "paper.toml").read_text(encoding="utf-8"))


PAPER = {system: read(system) for system in SYSTEMS}
TABLES = {(s, t["id"]): t for s in SYSTEMS for t in PAPER[s]["table"]}
each_system = pytest.mark.parametrize("system", SYSTEMS)
each_table = pytest.mark.parametrize("where", TABLES, ids="/".join)


def values(system: str, table: str, row: str) -> list[float]:
    found = [r["values"] for r in TABLES[system, table]["row"] if r["name"] == row]
    assert len(found) == 1, row
    return list(found[0])


def note(system: str, table: str, row: str) -> str:
    return next(r.get("note", "") for r in TABLES[system, table]["row"] if r["name"] == row)


def at_rows(where: tuple[str, str]) -> list[tuple[dict[str, float], str]]:
    """Each row as standard score: figure in 0..1, and its note."""
    table = TABLES[where]
    keys = [c["standard"] for c in table["columns"]]
    share = [0.01 if c["percent"] else 1.0 for c in table["columns"]]
    return [
        ({k: v * s for k, v, s in zip(keys, r["values"], share, strict=True)}, r.get("note", ""))
        for r in table["row"]
    ]


# What is there


def test_every_system_has_its_folder() -> None:
    assert sorted(p.parent.name for p in FOLDER.glob("*/paper.toml")) == sorted(SYSTEMS)


@each_system
def test_a_paper_names_itself(system: str) -> None:
    paper = PAPER[system]
    assert paper["title"]
    assert 2022 <= paper["year"] <= 2026
    assert paper["authors"] or "not" in paper["note"]  # a lost front page is noted
    assert all(f["kind"] in FIGURES and f["id"] and f["title"] for f in paper["figure"])
    ids = [t["id"] for t in paper["table"]]
    assert len(ids) == len(set(ids))


@each_table
def test_tables_are_whole(where: tuple[str, str]) -> None:
    table = TABLES[where]
    assert table["kind"] in KINDS
    assert all(len(r["values"]) == len(table["columns"]) for r in table["row"])
    assert {c["standard"] for c in table["columns"]} <= STANDARD | {""}
    names = [r["name"] for r in table["row"]]
    assert len(names) == len(set(names))
    blank = any(math.isnan(v) for r in table["row"] for v in r["values"])
    assert blank == ("why_blank" in table)


@each_table
def test_figures_have_no_more_digits_than_are_shown(where: tuple[str, str]) -> None:
    for row in TABLES[where]["row"]:
        for value, column in zip(row["values"], TABLES[where]["columns"], strict=True):
            assert math.isnan(value) or round(value, column["digits"]) == value
            assert math.isnan(value) or not column["percent"] or 0 <= value <= 100


@each_system
def test_paper_protocol_and_tables_call_a_score_by_one_meaning(system: str) -> None:
    known = DEFINITIONS[system].scores
    for column in TABLES[system, "comparison"]["columns"]:
        name = "F1" if column["name"] == "F1-Score" else column["name"]
        assert known[name] == column["standard"]


# What is printed


@pytest.mark.parametrize(
    ("system", "table", "row", "printed"),
    [
        ("ssgsnet", "comparison", "ResNet", [0.9008]),
        ("ssgsnet", "comparison", "ViT", [0.9372]),
        ("ssgsnet", "comparison", "DualBranchNet", [0.6369]),
        ("ssgsnet", "comparison", "SSGSNet", [0.9453]),
        ("ssgsnet", "classes", "A", [0.95, 0.99]),
        ("ssgsnet", "classes", "B", [0.90, 0.95]),
        ("ssgsnet", "classes", "C", [0.85, 0.90]),
        ("ssgsnet", "windows", "grown", [2816, 2816, 7490]),
        ("mfaf", "comparison", "ResNet18", [64.84, 63.13, 32.05, 59.41]),
        ("mfaf", "comparison", "ResNet18*", [72.66, 73.46, 42.66, 63.76]),
        ("mfaf", "comparison", "ShuffleNetV2", [62.37, 61.43, 18.43, 53.98]),
        ("mfaf", "comparison", "ShuffleNetV2*", [67.23, 65.42, 37.32, 63.72]),
        ("mfaf", "comparison", "GoogLeNet", [62.38, 61.45, 20.14, 56.33]),
        ("mfaf", "comparison", "MobileNetV2", [64.23, 64.13, 16.23, 58.36]),
        ("mfaf", "comparison", "MnasNet", [68.79, 67.23, 17.69, 60.86]),
        ("mfaf", "beta", "0.4", [72.66, 73.46, 42.66, 63.71]),
        ("mfaf", "beta", "0.7", [68.44, 65.54, 37.55, 58.84]),
        ("mfaf", "dilations", "rate 1", [63.45, 62.02, 32.79, 50.43]),
        ("mfaf", "dilations", "rate 4", [70.22, 68.86, 31.46, 55.65]),
        ("mfaf", "tiles", "training, grown", [224, 300]),
        ("mfaf", "map", "MFAF", [24, 9, 15]),
        ("resgcn", "comparison", "ResGCN", [95.34, 89.33, 99.9, 94.43]),
        ("resgcn", "comparison", "ResGAT", [95.92, 90.21, 99.9, 94.94]),
        ("resgcn", "comparison", "SVM", [73.2, 69.72, 75.33, 69.63]),
        ("resgcn", "comparison", "Random forest", [72.26, 66.50, 76.91, 68.56]),
        ("resgcn", "comparison", "K-means", [77.03, 76.10, 77.81, 76.79]),
        ("resgcn", "comparison", "KNN", [76.32, 75.59, 77.04, 75.88]),
        ("resgcn", "comparison", "AE", [80.65, 76.66, 84.35, 77.63]),
        ("resgcn", "comparison", "GIN", [90.89, 85.77, 95.26, 90.03]),
        ("resgcn", "comparison", "DiffPool", [90.08, 85.36, 94.99, 89.01]),
        ("resgcn", "comparison", "GraphSAGE", [89.37, 83.75, 94.73, 88.62]),
        ("resgcn", "confusion", "Random noise", [5652, 1048, 1517, 4983]),
        ("resgcn", "confusion", "SMOTE", [6347, 353, 1056, 5444]),
        ("resgcn", "confusion", "VAE", [6364, 336, 951, 5549]),
        ("resgcn", "confusion", "GAN", [6690, 10, 700, 5800]),
        ("resgcn", "map", "ResGCN and ResGAT", [19, 10, 9]),
        ("resnet50", "comparison", "MobileNet", [55.82, 55.44, 16.66]),
        ("resnet50", "comparison", "GoogleNet", [54.36, 54.03, 19.60]),
        ("resnet50", "comparison", "ShuffleNet", [55.33, 54.97, 17.64]),
        ("resnet50", "comparison", "ResNet", [56.79, 56.53, 24.50]),
        ("resnet50", "tiles", "ResNet-50", [86.11, 0.7454, 0.7653]),
        ("resnet50", "training", "ResNet-50", [99.31, 0.02381]),
        ("resnet50", "windows", "training", [212, 225]),
        ("resnet50", "map", "ResNet-50", [23, 15, 8]),
    ],
)
def test_printed_figures(system: str, table: str, row: str, printed: list[float]) -> None:
    assert values(system, table, row) == printed


def test_gk_dcn_prints_nothing_and_says_why() -> None:
    table = TABLES["gk-dcn", "comparison"]
    assert [r["name"] for r in table["row"]] == ["CNN", "GK-CNN", "DCN", "GK-DCN"]
    assert all(math.isnan(v) for r in table["row"] for v in r["values"])
    assert "prints no score" in table["why_blank"]


def test_folds_average_to_the_printed_means() -> None:
    for model in ("ResGCN", "ResGAT"):
        rows = [r["values"] for r in TABLES["resgcn", f"folds-{model.lower()}"]["row"]]
        assert len(rows) == 11
        for *folds, mean in zip(*rows, strict=True):
            assert mean == pytest.approx(sum(folds) / 10, abs=0.006)
        assert rows[-1] == values("resgcn", "comparison", model)


def test_increases_given_in_the_text_of_mfaf() -> None:
    for full, without, result in [
        ("ResNet18*", "R-CA-ResNet18*", [3.12, 8.57, 8.68, 5.07]),
        ("ShuffleNetV2*", "R-CA-ShuffleNetV2*", [3.81, 2.18, 1.81, 2.73]),
        ("ResNet18*", "R-SA-ResNet18*", [1.53, 1.78, 3.20, 2.37]),
        ("ShuffleNetV2*", "R-SA-ShuffleNetV2*", [2.75, 1.46, 2.20, 1.68]),
    ]:
        table = [values("mfaf", "ablation-attention", name) for name in (full, without)]
        gained = [a - b for a, b in zip(*table, strict=True)]
        assert gained == pytest.approx(result, abs=1e-9)


def test_maps_list_as_many_places_as_are_counted() -> None:
    for system in ("mfaf", "resnet50"):
        numbers = PAPER[system]["map"]
        (counts,) = (r["values"] for r in TABLES[system, "map"]["row"])
        assert counts == [
            len({*numbers["known"], *numbers["new"]}),
            len(numbers["known"]),
            len(numbers["new"]),
        ]
    assert len(PAPER["ssgsnet"]["map"]["known"]) == 3
    assert PAPER["mfaf"]["map"]["known"] == [10, 19, 26, 49, 56, 58, 96, 123, 128]
    assert PAPER["resnet50"]["map"]["new"] == [9, 38, 40, 95, 111, 114, 124, 144]


# What cannot be, and what the figures are


@pytest.mark.parametrize("system", ["mfaf", "resnet50"])
def test_screening_is_of_hard_labels_on_122_and_122(system: str) -> None:
    table = TABLES[system, "screening"]
    assert len(table["row"]) == 16
    assert [r["name"] for r in table["row"] if r["values"][2] > 2.58] == sorted(
        table["kept"], key=[r["name"] for r in table["row"]].index
    )
    for row in table["row"]:
        auc, _, z = row["values"]
        right = math.ceil(auc * 244)
        assert math.floor(1e4 * right / 244) / 1e4 == auc
        assert float(z_auc(right / 244, 122, 122)) == pytest.approx(z, abs=1.1e-4)
    for name, auc, z in [("Ag", 0.6762, 5.1563), ("Sb", 0.5942, 2.6017), ("F", 0.5696, 1.9037)]:
        assert [values(system, "screening", name)[k] for k in (0, 2)] == [auc, z]


def test_f1_of_ore_beyond_its_bound_is_noted() -> None:
    """F1 of ore is highest where the precision is 1: 2 r / (1 + r)."""
    beyond = 0
    for where in TABLES:
        for scores, result in at_rows(where):
            if "f1" in scores and "recall" in scores:
                bound = 2 * scores["recall"] / (1 + scores["recall"])
                impossible = scores["f1"] > bound + 1e-4
                assert impossible == ("F1 is impossible" in result)
                beyond += impossible
    assert beyond == 4 + 5 + 2 * 2  # folds, and both means in two tables


def test_f1_of_mfaf_can_only_be_macro() -> None:
    for where in TABLES:
        if where[0] == "mfaf":
            for scores, _ in at_rows(where):
                if "macro_f1" in scores:
                    assert scores["macro_f1"] > 2 * scores["recall"] / (1 + scores["recall"])


def test_accuracies_that_56_and_74_tiles_cannot_give_are_noted() -> None:
    impossible = []
    for row in TABLES["mfaf", "comparison"]["row"]:
        accuracy, _, recall, _ = row["values"]
        if accuracy > (56 * recall + 74 * 100) / 130 + 0.01:
            impossible.append(row["name"])
            assert "Impossible" in row["note"]
    assert impossible == ["MobileNetV2", "MnasNet"]


@each_table
def test_accuracy_lies_between_recall_and_specificity(where: tuple[str, str]) -> None:
    for scores, _ in at_rows(where):
        if {"accuracy", "recall", "specificity"} <= set(scores):
            low, high = sorted([scores["recall"], scores["specificity"]])
            assert low <= scores["accuracy"] <= high


def test_confusions_of_resgcn_have_one_sum() -> None:
    for row in TABLES["resgcn", "confusion"]["row"]:
        tn, fp, fn, tp = row["values"]
        assert (tn + fp, fn + tp) == (6700, 6500)


def test_confusion_of_the_tiles_is_the_only_one() -> None:
    accuracy, balanced, macro = values("resnet50", "tiles", "ResNet-50")
    fitting = [
        [c.tn, c.fp, c.fn, c.tp]
        for tp, fp in product(range(30), range(116))
        if (c := Confusion(tn=115 - fp, fp=fp, fn=29 - tp, tp=tp))
        and round(100 * c.accuracy, 2) == accuracy
        and round(c.balanced_accuracy, 4) == balanced
        and round(c.macro_f1, 4) == macro
    ]
    assert fitting == [values("resnet50", "confusion", "ResNet-50")] == [[108, 7, 13, 16]]


def test_comparison_of_resnet50_is_of_hard_labels_on_102_and_104() -> None:
    def cut(share: float) -> float:
        return math.floor(1e4 * share) / 100

    differs = []
    for row in TABLES["resnet50", "comparison"]["row"]:
        accuracy, auc, recall = row["values"]
        tp = math.ceil(recall * 1.02)
        tn = math.ceil(accuracy * 2.06) - tp
        c = Confusion(tn=tn, fp=104 - tn, fn=102 - tp, tp=tp)
        assert [cut(c.accuracy), cut(c.recall)] == [accuracy, recall]
        if cut(c.balanced_accuracy) != auc:
            differs.append((row["name"], cut(c.balanced_accuracy)))
    assert differs == [("ResNet", 56.48)]
    assert "56.48" in note("resnet50", "comparison", "ResNet")


def test_contradictions_are_noted() -> None:
    assert "63.71" in note("mfaf", "comparison", "ResNet18*")
    assert "63.76" in note("mfaf", "beta", "0.4")
    assert "plain ResNet18" in note("mfaf", "beta", "0")
    assert values("mfaf", "beta", "0") == values("mfaf", "comparison", "ResNet18")
    assert "1517" in note("resgcn", "confusion", "Random noise")
    assert "16 is taken" in note("resnet50", "confusion", "ResNet-50")
    assert "29" in note("resnet50", "map", "ResNet-50")
    assert "144" in TABLES["mfaf", "tiles"]["note"]
