import json
import math

import pytest

from orecast.errors import RunError
from orecast.metrics import Metrics
from orecast.report.reading import open_run
from orecast.report.sentences import verdict
from orecast.run import _finite


@pytest.fixture
def made(fabricate):
    return fabricate(baselines=4, deposits=5)


@pytest.fixture
def content(made):
    return made.metrics


def test_a_figure_that_is_null_is_nan_and_has_no_interval(content):
    content["scores"][1]["percentile"] = {"value": None, "low": None, "high": None}
    content["scores"][2]["brier"] = None
    content["scores"][3]["percentile"] = {"value": 0.5, "low": None, "high": 0.6}
    scores = Metrics.model_validate(content).scores
    assert not scores[1].percentile.known
    assert math.isnan(scores[1].percentile.value)
    assert scores[2].brier is None
    assert scores[3].percentile.known
    assert not scores[3].percentile.has_ends


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
    assert metrics.fair[0].brier_skill is None


def test_the_verdict_begins_with_one_sentence(content):
    content["verdict"]["sentence"] = (
        "Ba is at 0.76 (0.68 to 0.84). The model is e.g. worse. So be it"
    )
    first, rest = verdict(Metrics.model_validate(content))
    assert first == "Ba is at 0.76 (0.68 to 0.84)."
    assert rest == "The model is e.g. worse. So be it."
    content["verdict"]["sentence"] = "One alone"
    assert verdict(Metrics.model_validate(content)) == ("One alone.", "")


def test_shares_of_area_are_numbers(content):
    metrics = Metrics.model_validate(content)
    share = metrics.scores[0].top_area["0.05"]
    assert (share.value, share.low, share.high) == pytest.approx((0.15, 0.07, 0.23))


def test_what_was_read_is_written_the_same(content, fabricate):
    content["grown"] = [{"method": "vae", "label": 1, "rows": 9, "ks": {"Ag": 0.2}, "sentence": ""}]
    for whole in (content, fabricate().forget_deposits().metrics, fabricate().grow_old().metrics):
        whole = json.loads(json.dumps(_finite(whole)))
        assert _finite(Metrics.model_validate(whole).as_dict()) == whole


def test_a_broken_entry_is_named(made):
    made.metrics["scores"][2]["percentile"] = "high"
    with pytest.raises(RunError, match=r"metrics.json: 'scores\.2\.percentile': cannot be used"):
        open_run(made.write())
    made.metrics["scores"][2]["percentile"] = {"value": 0.5}
    made.metrics["scores"][0]["success_rate"] = {"area": [{}], "captured": [0]}
    with pytest.raises(RunError, match=r"'scores\.0\.success_rate\.area'"):
        open_run(made.write())


def test_a_missing_entry_is_named(made):
    del made.metrics["verdict"]["sentence"]
    with pytest.raises(RunError, match=r"it lacks 'verdict\.sentence'"):
        open_run(made.write())
