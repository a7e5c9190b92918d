import math

import pytest

from orecast.errors import RunError
from orecast.report.reading import Metrics, read_metrics
from orecast.run import write_json


@pytest.fixture
def content(fabricate):
    return fabricate(baselines=4, deposits=5).metrics


def test_a_figure_that_is_null_is_nan_and_has_no_interval(content):
    content["scores"][1]["percentile"] = {"value": None, "low": None, "high": None}
    content["scores"][2]["auc"] = None
    content["scores"][3]["percentile"] = {"value": 0.5, "low": None, "high": 0.6}
    scores = Metrics.model_validate(content).scores
    assert not scores[1].percentile.known
    assert math.isnan(scores[2].auc.value)
    assert scores[3].percentile.known
    assert not scores[3].percentile.has_interval


def test_the_model_stands_first_then_baselines_from_best_to_worst_then_unknown(content):
    names = ["layer Ba", "deposit-distance", "random-forest", "logistic-regression"]
    assert [entry["name"] for entry in content["scores"]] == ["resnet18", *names]
    for entry, value in zip(content["scores"], [0.1, 0.5, None, 0.9, 0.2], strict=True):
        entry["percentile"] = {"value": value}
    content["scores"].reverse()
    assert [s.name for s in Metrics.model_validate(content).fair] == [
        *("resnet18", "random-forest", "layer Ba", "logistic-regression", "deposit-distance")
    ]


def test_published_scores_come_in_pairs_and_are_withheld_alone(content, new_score):
    content["scores"] += [
        new_score("resnet18", "model", 0.97, protocol="paper"),
        new_score("gan", "model", 0.99, protocol="paper"),
    ]
    metrics = Metrics.model_validate(content)
    assert [(a.protocol, b.protocol, b.name) for a, b in metrics.paper] == [
        ("paper", "spatial", "resnet18")
    ]
    assert metrics.withheld == ["gan"]
    assert all(s.protocol == "spatial" for s in metrics.fair)


def test_further_protocols_are_told_apart_and_stand_beside_the_fair_score(content, new_score):
    content["scores"] += [
        new_score("resnet18", "model", 0.97, protocol="paper"),
        new_score("resnet18", "model", 0.8, protocol="blocks"),
        new_score("gan", "model", 0.8, protocol="negative-draws"),
    ]
    metrics = Metrics.model_validate(content)
    pairs = [(row.protocol, beside and beside.protocol) for row, beside in metrics.other]
    assert pairs == [("blocks", "spatial"), ("negative-draws", None)]
    assert len(metrics.fair) == 5


def test_a_map_of_anomalies_stands_by_the_deposits_that_it_never_saw(fabricate):
    metrics = Metrics.model_validate(fabricate().forget_deposits().metrics)
    assert [s.protocol for s in metrics.fair] == ["unseen", "unseen"]
    assert metrics.fair[0].is_model
    assert not metrics.recommends(metrics.fair[0])
    assert metrics.recommended is None
    assert Metrics.model_validate(fabricate().forget_deposits(0).metrics).fair == []


def test_runs_of_before_are_read(fabricate):
    metrics = Metrics.model_validate(fabricate().grow_old().metrics)
    assert metrics.applicability is None
    assert metrics.layer_null is None
    assert metrics.fair[0].threshold_scores == {}
    assert not metrics.fair[0].brier_skill.known


def test_sentences_are_whole_sentences(content):
    content["protocol"]["sentence"] = "five folds; -0.5 (-4 to 11), 52.5% of near-by cells"
    metrics = Metrics.model_validate(content)
    said = "Five folds; −0.5 (−4 to 11), 52.5\u00a0% of near-by cells."
    assert metrics.protocol.sentence == said


def test_the_verdict_begins_with_one_sentence(content):
    content["verdict"]["sentence"] = (
        "Ba is at 0.76 (0.68 to 0.84). The model is e.g. worse. So be it"
    )
    verdict = Metrics.model_validate(content).verdict
    assert verdict.parts == ("Ba is at 0.76 (0.68 to 0.84).", "The model is e.g. worse. So be it.")
    content["verdict"]["sentence"] = "One alone"
    assert Metrics.model_validate(content).verdict.parts == ("One alone.", "")


def test_shares_of_area_are_numbers(content):
    metrics = Metrics.model_validate(content)
    share = metrics.scores[0].top_area[0.05]
    assert (share.value, share.low, share.high) == pytest.approx((0.15, 0.07, 0.23))


def test_a_broken_entry_is_named(content, tmp_path):
    content["scores"][2]["percentile"] = "high"
    write_json(tmp_path / "metrics.json", content)
    with pytest.raises(RunError, match=r"metrics.json: 'scores\.2\.percentile': cannot be used"):
        read_metrics(tmp_path / "metrics.json")


def test_a_missing_entry_is_named(content, tmp_path):
    del content["verdict"]["sentence"]
    write_json(tmp_path / "metrics.json", content)
    with pytest.raises(RunError, match=r"it lacks 'verdict\.sentence'"):
        read_metrics(tmp_path / "metrics.json")
