"""Which runs are above chance, and their names."""

from __future__ import annotations

from orecast.papers.experiments import read_experiment
from orecast.papers.report.tables import Results, run_label


def test_a_run_above_chance_is_so_in_every_seed(hand):
    vit, resnet = hand.entry("ssgsnet", "ViT"), hand.entry("ssgsnet", "ResNet")
    cells = [
        hand.cell(vit, "spatial", 0, percentile={"value": 0.7, "low": 0.51, "high": 0.8}),
        hand.cell(resnet, "spatial", 0, percentile={"value": 0.9, "low": 0.7, "high": 1.0}),
        hand.cell(resnet, "spatial", 1, percentile={"value": 0.7, "low": 0.5, "high": 0.9}),
        hand.cell(hand.entry("ssgsnet", "SSGSNet"), "spatial", 0, percentile=None),
    ]
    found = Results(read_experiment("ssgsnet"), cells).ranking()
    assert [(f["run"], f["above_chance"]) for f in found] == [("ResNet", False), ("ViT", True)]


def test_a_shared_run_is_never_counted_twice(hand):
    cells = [hand.cell(hand.entry("mfaf", "ResNet18*"), p, 0, 0.7) for p in ("paper", "spatial")]
    found = Results(read_experiment("mfaf"), cells).ranking()
    assert [f["run"] for f in found] == ["ResNet18*"]


def test_a_run_is_named_by_what_it_is(hand):
    experiment = read_experiment("resgcn")
    names = {run_label(experiment, entry) for entry in experiment.runs}
    assert {"ResGCN", "alpha 0.6 (ResGAT)", "ResGCN grown by random noise"} <= names
    assert {"ResGCN grown by SMOTE", "ResGCN grown by VAE"} <= names
    mfaf = read_experiment("mfaf")
    assert run_label(mfaf, hand.entry("mfaf", "0.6")) == "beta 0.6"
    assert run_label(mfaf, hand.entry("mfaf", "ResNet18*")) == "ResNet18*"
