import numpy as np
import pytest

from orecast.samples import Fold, Sampling
from orecast.validation import OutOfFold
from orecast.workflow.places import Places
from orecast.workflow.scoring import paper_row, ranked, spatial_row
from orecast.workflow.verdict import verdict

SHAPE = (4, 10)


def out_of_fold(score):
    """Two folds, west and east, each testing two places."""
    fold = np.zeros(SHAPE, dtype=np.int16)
    fold[:, 5:] = 1
    at = np.array([[0, 0], [3, 1], [0, 9], [3, 8]])
    folds = [
        Fold(np.array([2, 3]), np.array([0, 1]), fold == 0, fold == 0),
        Fold(np.array([0, 1]), np.array([2, 3]), fold == 1, fold == 1),
    ]
    sampling = Sampling.of(at, 1.0, np.arange(4))
    return OutOfFold(
        score.astype(np.float32),
        fold,
        sampling,
        np.arange(4),
        score[at[:, 0], at[:, 1]],
        np.array([0, 0, 1, 1]),
        folds,
        "negatives",
        "folds",
    )


def places(row=(0, 1, 2, 3)):
    row = np.array(row)
    sampling = out_of_fold(np.zeros(SHAPE)).sampling
    names = tuple(f"mine {i}" for i in range(len(row)))
    return Places(sampling, np.arange(len(row)), row, names, np.zeros((len(row), 2)))


def test_each_deposit_is_ranked_in_its_own_region():
    score = np.arange(40.0).reshape(SHAPE)  # east of a row always above its west
    row = spatial_row("m", "model", out_of_fold(score), places(), seed=0)
    west, east = score[:, :5].ravel(), score[:, 5:].ravel()
    expected = [
        (np.mean(region < s) + np.mean(region <= s)) / 2
        for s, region in ((0, west), (31, west), (9, east), (38, east))
    ]
    assert row["places"] == pytest.approx(expected)
    assert row["percentile"]["value"] == pytest.approx(np.mean(expected))
    assert [d["fold"] for d in row["per_deposit"]] == [0, 0, 1, 1]
    assert [f["deposits"] for f in row["per_fold"]] == [2, 2]
    assert row["per_fold"][0]["auc"] == pytest.approx((0 + 15 / 18) / 2)


def test_scale_differences_between_folds_do_not_matter():
    score = np.random.default_rng(0).random(SHAPE)
    other = score.copy()
    other[:, 5:] = 100 + 3 * other[:, 5:]
    a = spatial_row("m", "model", out_of_fold(score), places(), seed=0)
    b = spatial_row("m", "model", out_of_fold(other), places(), seed=0)
    assert a["percentile"] == b["percentile"]
    assert a["success_rate"] == b["success_rate"]


def test_two_deposits_in_a_cell_are_listed_twice_and_counted_once():
    score = np.random.default_rng(0).random(SHAPE)
    one = spatial_row("m", "model", out_of_fold(score), places(), seed=0)
    two = spatial_row("m", "model", out_of_fold(score), places((0, 0, 1, 2, 3)), seed=0)
    assert len(two["per_deposit"]) == 5
    assert two["percentile"] == one["percentile"]


def test_the_success_rate_curve_is_the_distribution_of_percentiles():
    score = np.random.default_rng(3).random(SHAPE)
    row = spatial_row("m", "model", out_of_fold(score), places(), seed=0)
    curve = row["success_rate"]
    area = np.trapezoid(curve["captured"], curve["area"])
    assert area == pytest.approx(row["percentile"]["value"])
    for share in ("0.01", "0.05", "0.1"):
        expected = np.mean(np.array(row["places"]) >= 1 - float(share))
        assert row["top_area"][share]["value"] == pytest.approx(expected)
        assert row["top_area"][share]["high"] > expected or expected == 1


def test_nodata_counts_nowhere():
    score = np.random.default_rng(0).random(SHAPE)
    score[1:3, :] = np.nan
    oof = out_of_fold(score)
    oof.fold[np.isnan(score)] = -1
    row = spatial_row("m", "model", oof, places(), seed=0)
    known = score[[0, 3], :5].ravel()
    first = ((known < score[0, 0]).mean() + (known <= score[0, 0]).mean()) / 2
    assert row["places"][0] == pytest.approx(first)
    assert np.isnan(ranked(score.astype(np.float32), np.array([[1, 1]])))[0]


def test_paper_scores_come_from_the_tested_windows():
    oof = out_of_fold(np.zeros(SHAPE))
    sampling = Sampling.of(oof.sampling.at, np.array([1.0, 0, 1, 0]))
    published = OutOfFold(
        oof.map,
        oof.fold,
        sampling,
        np.arange(4),
        np.array([0.9, 0.1, 0.4, 0.2]),
        np.array([0, 0, 1, 1]),
        oof.folds,
        "",
        "",
    )
    row = paper_row("m", published, seed=0)
    assert row["protocol"] == "paper"
    assert row["extra"]["accuracy"] == 0.75
    assert row["extra"]["recall"] == 0.5
    assert [f["auc"] for f in row["per_fold"]] == [1, 1]


def scored(name, values):
    values = np.asarray(values, dtype=float)
    from orecast.evaluation import bootstrap_mean

    interval = bootstrap_mean(values, seed=0).as_dict()
    return {"name": name, "percentile": interval, "places": values.tolist()}


GROUP = list(range(12))
LOW = np.linspace(0.3, 0.7, 12)


def test_a_layer_that_beats_the_network_is_said_first_and_not_recommended_for_it():
    rows = [
        scored("resnet18", LOW),
        scored("best-layer", LOW + 0.01),
        scored("layer Ba", LOW + 0.2),
        scored("layer Cu", LOW),
    ]
    found = verdict(rows, GROUP, seed=0)
    assert found["sentence"].startswith("The map of Ba alone ranks held-out deposits above 70 %")
    assert "picked afterwards as the best of 2" in found["sentence"]
    assert "the best chosen inside each fold has 51 %" in found["sentence"]
    assert found["recommended"] != "layer Ba"
    assert "cannot be told from chance" in found["sentence"]


def test_a_baseline_that_is_surely_better_is_recommended():
    rows = [scored("resnet18", LOW), scored("random-forest", LOW + 0.2)]
    found = verdict(rows, GROUP, seed=0)
    assert found["recommended"] == "random-forest"
    assert "20 points (20 to 20)." in found["sentence"]


def test_a_model_below_chance_is_not_called_chance():
    sentence = verdict([scored("resnet18", LOW - 0.25)], GROUP, seed=0)["sentence"]
    assert "worse than chance" in sentence


def test_distance_to_the_known_deposits_is_held_against_the_model():
    high = np.linspace(0.7, 0.9, 12)
    rows = [scored("resnet18", high), scored("deposit-distance", high), scored("random", LOW)]
    found = verdict(rows, GROUP, seed=0)
    assert found["recommended"] == "resnet18"
    assert "found nothing beyond it" in found["sentence"]
    assert "chance" not in found["sentence"]


def test_an_unsettled_difference_and_few_deposits_are_said():
    noise = np.random.default_rng(0).normal(0, 0.3, 12)
    rows = [scored("resnet18", LOW), scored("random-forest", LOW + 0.02 + noise - noise.mean())]
    found = verdict(rows, GROUP, seed=0)
    assert "not settled" in found["sentence"]
    assert found["recommended"] == "resnet18"
    rows = [scored("resnet18", LOW[:9]), scored("random-forest", LOW[:9] + 0.3)]
    found = verdict(rows, GROUP[:9], seed=0)
    assert "9 separate places of ore cannot settle" in found["sentence"]
    assert "not settled" in found["sentence"]
    assert found["recommended"] == "resnet18"
