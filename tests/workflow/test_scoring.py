import json
from dataclasses import replace

import numpy as np
import pytest

from orecast.metrics import RankCurve, Score, bootstrap_mean, paired_difference, percentiles
from orecast.metrics.results import Interval, LayerNull
from orecast.run import write_json
from orecast.sampling import Sampling
from orecast.validation import Calibration, FoldPrediction, OutOfFold
from orecast.workflow.places import Places
from orecast.workflow.scoring import beside_chance, held_out_row, paper_row, ranked, verdict

SHAPE = (4, 10)
AT = np.array([[0, 0], [3, 1], [0, 9], [3, 8]])
WEST, EAST = Calibration(0.77, RankCurve(1.0)), Calibration(0.2, RankCurve(0.4))


def answer(score, region, test, calibration=None):
    """One fold's answer from a map of scores that its model gave."""
    cells = np.argwhere(region & np.isfinite(score))
    return FoldPrediction(
        train=np.setdiff1d(np.arange(4), test),
        test=np.array(test),
        scores=score[tuple(AT[test].T)],
        cells=cells,
        cell_scores=score[tuple(cells.T)],
        visible_scores=np.empty(0),
        hidden_cells=int(region.sum()),
        visible_cells=20,
        region_cells=len(cells),
        negatives_rule="negatives",
        n_training=(2, 2),
        calibration=calibration,
    )


def out_of_fold(score, calibrations=(None, None)):
    """Two folds, west and east, each testing two places."""
    fold = np.zeros(SHAPE, dtype=np.int16)
    fold[:, 5:] = 1
    answers = [
        answer(score, fold == 0, [0, 1], calibrations[0]),
        answer(score, fold == 1, [2, 3], calibrations[1]),
    ]
    sampling = Sampling.of(AT, 1.0, np.arange(4))
    return OutOfFold(score.astype(np.float32), fold, sampling, answers, "folds")


def places(row=(0, 1, 2, 3)):
    row = np.array(row)
    sampling = Sampling.of(AT, 1.0, np.arange(4))
    names = tuple(f"mine {i}" for i in range(len(row)))
    return Places(sampling, np.arange(len(row)), row, names, np.zeros((len(row), 2)))


def scored_row(score, *calibrations, row=(0, 1, 2, 3)):
    oof = out_of_fold(score, calibrations or (None, None))
    return held_out_row("m", "model", "spatial", oof, places(row), seed=0)


def test_each_deposit_is_ranked_in_its_own_region():
    score = np.arange(40.0).reshape(SHAPE)  # east of a row always above its west
    row = scored_row(score)
    west, east = score[:, :5].ravel(), score[:, 5:].ravel()
    expected = [
        (np.mean(region < s) + np.mean(region <= s)) / 2
        for s, region in ((0, west), (31, west), (9, east), (38, east))
    ]
    assert row.places == pytest.approx(expected)
    assert row.percentile.value == pytest.approx(np.mean(expected))
    assert [d.fold for d in row.per_deposit] == [0, 0, 1, 1]
    assert [f.deposits for f in row.per_fold] == [2, 2]
    assert row.per_fold[0].auc == pytest.approx((0 + 15 / 18) / 2)
    # of 18 background cells in either region, 0 and 15, then 4 and 17 lie below
    assert row.auc.value == pytest.approx((0 + 15 + 4 + 17) / 72)


def test_scale_differences_between_folds_do_not_matter():
    score = np.random.default_rng(0).random(SHAPE)
    other = score.copy()
    other[:, 5:] = 100 + 3 * other[:, 5:]
    a, b = scored_row(score), scored_row(other)
    assert a.percentile == b.percentile
    assert a.success_rate.as_dict() == b.success_rate.as_dict()
    assert a.average_precision == b.average_precision


def test_two_deposits_in_a_cell_are_listed_twice_and_counted_once():
    score = np.random.default_rng(0).random(SHAPE)
    one, two = scored_row(score), scored_row(score, row=(0, 0, 1, 2, 3))
    assert len(two.per_deposit) == 5
    assert two.percentile == one.percentile


def test_the_success_rate_curve_is_the_distribution_of_percentiles():
    score = np.random.default_rng(3).random(SHAPE)
    row = scored_row(score)
    curve = row.success_rate
    area = np.trapezoid(curve.captured, curve.area)
    assert area == pytest.approx(row.percentile.value)
    for share in ("0.01", "0.05", "0.1"):
        expected = np.mean(np.array(row.places) >= 1 - float(share))
        assert row.top_area[share].value == pytest.approx(expected)
        assert row.top_area[share].high > expected or expected == 1


def test_nodata_counts_nowhere():
    score = np.random.default_rng(0).random(SHAPE)
    score[1:3, :] = np.nan
    row = scored_row(score)
    known = score[[0, 3], :5].ravel()
    first = ((known < score[0, 0]).mean() + (known <= score[0, 0]).mean()) / 2
    assert row.places[0] == pytest.approx(first)
    assert np.isnan(ranked(score.astype(np.float32), np.array([[1, 1]])))[0]


def test_a_place_is_predicted_positive_at_its_own_folds_threshold():
    """West: above 77 % of 20 cells are one of two places and 4 of 18 other cells, all from 30 on.

    East: above 20 %, from 9 on, are both places and 14 other cells.
    """
    score = np.arange(40.0).reshape(SHAPE)
    row = scored_row(score, WEST, EAST)
    west, east = np.sum(score[:, :5] >= 30) - 1, np.sum(score[:, 5:] >= 9) - 2
    assert (west, east) == (4, 14)
    hits, alarms = 3, 2 * west / 18 + 2 * east / 18
    called = {name: value.value for name, value in row.threshold_scores.items()}
    assert called["recall"] == 3 / 4
    assert called["specificity"] == pytest.approx(1 - alarms / 4)
    assert called["accuracy"] == pytest.approx((hits + 4 - alarms) / 8)
    assert called["precision"] == pytest.approx(hits / (hits + alarms))
    assert called["balanced_accuracy"] == pytest.approx((3 / 4 + 1 - alarms / 4) / 2)
    assert [f.threshold for f in row.per_fold] == [0.77, 0.2]


def test_probabilities_speak_of_every_cell_of_the_regions():
    score = np.arange(40.0).reshape(SHAPE)
    row = scored_row(score, WEST, EAST)
    west, east = score[:, :5].ravel(), score[:, 5:].ravel()
    chance = np.concatenate(
        [c.curve(percentiles(s, s), 4 / 40 * 20) for c, s in ((WEST, west), (EAST, east))]
    )
    ore = np.zeros(SHAPE)
    ore[tuple(AT.T)] = 1
    y = np.concatenate([ore[:, :5].ravel(), ore[:, 5:].ravel()])
    assert row.expected_deposits == pytest.approx(4, rel=1e-9) == chance.sum()
    brier = np.mean((chance - y) ** 2)
    assert row.brier.value == pytest.approx(brier)
    plain = np.mean((4 / 40 - y) ** 2)  # four places in 40 cells
    assert row.brier_skill.value == pytest.approx(1 - brier / plain)
    table = row.reliability
    assert sum(table.count) == 40
    assert sum(table.ore) == 4
    assert np.nansum(table.predicted * table.count) == pytest.approx(chance.sum())


@pytest.mark.parametrize("calibrations", [(None, None), (WEST, None)])
def test_what_was_not_calibrated_is_null(calibrations, tmp_path):
    """One fold that could not be cut once more leaves no probabilities of the whole."""
    row = scored_row(np.arange(40.0).reshape(SHAPE), *calibrations)
    for name in ("brier", "brier_skill", "reliability", "expected_deposits"):
        assert getattr(row, name) is None
    write_json(tmp_path / "row.json", row.as_dict())
    written = json.loads((tmp_path / "row.json").read_text())
    assert written["per_fold"][1]["threshold"] is None
    if calibrations[0] is None:
        assert set(written["threshold_scores"]["recall"].values()) == {None}
        return
    assert written["threshold_scores"]["recall"]["value"] == 0.5  # of the fold that was


def test_a_place_that_is_tested_again_has_the_mean_of_its_tests():
    score = np.arange(40.0).reshape(SHAPE)
    once = out_of_fold(score, (WEST, EAST))
    everywhere = np.ones(SHAPE, dtype=bool)
    again = answer(score, everywhere, [0, 3], EAST)
    twice = replace(once, folds=[*once.folds, again])
    row = held_out_row("m", "model", "leave-pair-out", twice, places(), seed=0)
    first = held_out_row("m", "model", "spatial", once, places(), seed=0).places
    other = percentiles(score[tuple(AT[[0, 3]].T)], score)
    expected = [(first[0] + other[0]) / 2, first[1], first[2], (first[3] + other[1]) / 2]
    assert row.places == pytest.approx(expected)
    assert [d.fold for d in row.per_deposit] == [2, 0, 1, 2]
    # the first place outranks nothing in the west nor in the whole; the last one most in both
    assert row.threshold_scores["recall"].value == pytest.approx((0 + 1 + 1 + 1) / 4)


def test_a_place_that_no_fold_tested_is_nowhere_counted():
    score = np.arange(40.0).reshape(SHAPE)
    whole = out_of_fold(score, (WEST, EAST))
    west = replace(whole, folds=whole.folds[:1])
    row = held_out_row("m", "model", "spatial", west, places(), seed=0)
    assert np.isnan(row.places[2:]).all()
    assert row.percentile.value == pytest.approx(np.mean(row.places[:2]))
    assert [d.fold for d in row.per_deposit] == [0, 0, -1, -1]


def test_paper_scores_come_from_the_tested_windows():
    oof = out_of_fold(np.zeros(SHAPE))
    scores = np.array([0.9, 0.1, 0.4, 0.2])
    published = replace(
        oof,
        sampling=Sampling.of(AT, np.array([1.0, 0, 1, 0])),
        folds=[replace(a, scores=scores[a.test]) for a in oof.folds],
    )
    row = paper_row("m", published, {"AUC": "balanced_accuracy", "Acc": "accuracy"}, seed=0)
    assert row.protocol == "paper"
    assert row.extra["accuracy"] == 0.75
    assert row.extra["recall"] == 0.5
    assert row.as_published == {"AUC": 0.75, "Acc": 0.75}
    assert [f.auc for f in row.per_fold] == [1, 1]


def test_papers_own_labels_come_before_the_score():
    """Called are the first three, whatever they score: two of them rightly."""
    oof = out_of_fold(np.zeros(SHAPE))
    scores, called = np.array([0.9, 0.1, 0.4, 0.2]), np.array([True, True, True, False])
    sampling = Sampling.of(AT, np.array([1.0, 0, 1, 0]))
    by_score = replace(
        oof, sampling=sampling, folds=[replace(a, scores=scores[a.test]) for a in oof.folds]
    )
    by_label = replace(
        by_score, folds=[replace(a, positive=called[a.test]) for a in by_score.folds]
    )
    rows = [paper_row("m", o, {}, seed=0) for o in (by_score, by_label)]
    assert [row.extra["recall"] for row in rows] == [0.5, 1]
    assert [row.extra["specificity"] for row in rows] == [1, 0.5]
    assert [row.auc.value for row in rows] == [1, 1]


def test_places_are_predicted_by_the_models_own_labels_where_nothing_is_calibrated():
    score = np.arange(40.0).reshape(SHAPE)
    whole = out_of_fold(score)
    west, east = whole.folds
    west = replace(west, positive=np.array([True, False]), false_positive_rate=0.25)
    east = replace(east, positive=np.array([True, True]), false_positive_rate=0.75)
    row = held_out_row(
        "m", "model", "spatial", replace(whole, folds=[west, east]), places(), seed=0
    )
    assert row.threshold_scores["recall"].value == 0.75
    assert row.threshold_scores["specificity"].value == pytest.approx(0.5)
    assert row.brier is None
    chosen = replace(whole, folds=[replace(west, calibration=WEST), replace(east)])
    row = held_out_row("m", "model", "spatial", chosen, places(), seed=0)
    # above 2 % and 82 % of the west, whose threshold is 77 %; both called in the east
    assert row.threshold_scores["recall"].value == 0.75
    background = np.delete(score[:, :5].ravel(), [0, 16])
    expected = np.mean([np.mean(background >= 30), 0.75])
    assert row.threshold_scores["specificity"].value == pytest.approx(1 - expected)


def test_some_cells_of_a_region_stand_for_all_and_give_no_probabilities():
    score = np.arange(40.0).reshape(SHAPE)
    whole = out_of_fold(score, (WEST, EAST))
    some = replace(
        whole,
        folds=[replace(a, cells=a.cells[::2], cell_scores=a.cell_scores[::2]) for a in whole.folds],
    )
    assert all(a.drawn for a in some.folds)
    row = held_out_row("m", "model", "spatial", some, places(), seed=0)
    full = held_out_row("m", "model", "spatial", whole, places(), seed=0)
    for name in ("brier", "brier_skill", "reliability", "expected_deposits"):
        assert getattr(row, name) is None
    assert row.threshold_scores["recall"] == full.threshold_scores["recall"]
    shares = [percentiles(a.scores, a.cell_scores) for a in some.folds]
    assert row.places == pytest.approx(np.concatenate(shares).tolist())


LOW = np.linspace(0.3, 0.7, 12)


def scored(name, values, model=None):
    """A row as the verdict reads it; a baseline's holds the model's paired test against it."""
    values = np.asarray(values, dtype=float)
    row = Score(
        name=name,
        role="model" if model is None else "baseline",
        protocol="spatial",
        places=values.tolist(),
        percentile=bootstrap_mean(values, seed=0),
    )
    if model is not None:
        row.paired = paired_difference(model, values, seed=0)
    return row


def rows(model, **baselines):
    return [
        scored("resnet18", model),
        *(scored(name.replace("_", "-"), v, model) for name, v in baselines.items()),
    ]


def layer(name, values, model):
    return scored(f"layer {name}", values, model)


def test_a_layer_that_beats_the_network_is_named_and_not_recommended():
    listed = [
        *rows(LOW, best_layer=LOW + 0.01),
        layer("Ba", LOW + 0.2, LOW),
        layer("Cu", LOW, LOW),
    ]
    null = LayerNull(mean=0.6, p=0.03)
    found = verdict(listed, null)
    assert "With Ba alone, a held-out deposit scores on average higher than 70 %" in found.sentence
    assert "chosen after the test results were known, as the best of 2" in found.sentence
    assert "the best chosen inside each fold has 51 %" in found.sentence
    assert "by chance the best of 2 layers has 60 %" in found.sentence
    assert found.recommended == "best-layer"
    assert "not distinguishable from chance" in found.sentence
    without = verdict(listed, LayerNull(why_not="the valid area is too small"))
    assert "by chance the best" not in without.sentence


def test_a_baseline_that_is_surely_better_is_recommended():
    found = verdict(rows(LOW, random_forest=LOW + 0.2), None)
    assert found.recommended == "random-forest"
    assert "20 points (20 to 20)." in found.sentence
    assert "not significant" not in found.sentence


def test_a_model_below_chance_is_worse_than_chance():
    assert "worse than chance" in verdict(rows(LOW - 0.25), None).sentence


def test_an_unknown_interval_is_no_statement_about_chance():
    (model,) = rows(LOW)
    model.percentile = replace(model.percentile, low=np.nan, high=np.nan)
    sentence = verdict([model], None).sentence
    assert "its region (no interval: too few deposits)." in sentence
    assert "chance" not in sentence


def test_distance_to_the_known_deposits_is_held_against_the_model():
    high = np.linspace(0.7, 0.9, 12)
    found = verdict(rows(high, deposit_distance=high, random=LOW), None)
    assert found.recommended == "resnet18"
    assert "adds nothing to it" in found.sentence
    assert "chance" not in found.sentence


@pytest.mark.parametrize("control", ["random", "sampling_density"])
def test_a_control_that_does_as_well_is_a_warning_and_no_choice(control):
    found = verdict(rows(LOW, **{control: LOW + 0.2}), None)
    assert found.recommended == "resnet18"
    assert any(
        s in found.sentence for s in ("is not better than chance", "by the density of samples")
    )


def test_an_insignificant_difference_and_few_deposits_are_reported():
    noise = np.random.default_rng(0).normal(0, 0.3, 12)
    found = verdict(rows(LOW, random_forest=LOW + 0.02 + noise - noise.mean()), None)
    assert "not significant" in found.sentence
    assert found.recommended == "random-forest"  # in doubt the simpler map is preferred
    found = verdict(rows(LOW[:9], random_forest=LOW[:9] + 0.3), None)
    assert "9 separate places are too few" in found.sentence
    assert "not significant" in found.sentence


def test_an_unknown_interval_is_not_beside_chance():
    assert beside_chance(Interval(0.6)) == ""
    assert beside_chance(Interval(0.6, 0.4, 0.8)) == ", not distinguishable from chance (50)"
