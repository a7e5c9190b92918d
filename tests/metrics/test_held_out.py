import numpy as np
import pytest
from sklearn.metrics import average_precision_score, brier_score_loss

from orecast.metrics import Confusion
from orecast.metrics.scores import (
    THRESHOLD_SCORES,
    average_precision_of,
    brier_of,
    threshold_scores,
)


def test_called_scores_are_those_of_the_expected_counts():
    hit, alarm = [1.0, 1.0, 0.0, 1.0], [0.25, 0.25, 0.5, 0.0]
    found = threshold_scores(hit, alarm, groups=[0, 1, 2, 3], seed=0)
    expected = Confusion(tn=3, fp=1, fn=1, tp=3).scores()
    assert set(found) == set(THRESHOLD_SCORES) == set(expected)
    for name, interval in found.items():
        assert interval.value == pytest.approx(expected[name])
        assert interval.low <= interval.value <= interval.high


def test_a_place_without_a_threshold_counts_nowhere_and_two_groups_have_no_interval():
    found = threshold_scores([1.0, np.nan, 0.0], [0.5, np.nan, 0.5], groups=[0, 1, 2], seed=0)
    assert found["recall"].value == 0.5
    assert np.isnan(found["recall"].low)
    assert np.isnan(threshold_scores([np.nan], [np.nan], groups=[0], seed=0)["f1"].value)


def test_deposits_that_stand_together_widen_the_interval():
    hit = np.tile([1.0, 0.0], 20)
    apart = threshold_scores(hit, np.full(40, 0.3), groups=np.arange(40), seed=0)["recall"]
    together = threshold_scores(hit, np.full(40, 0.3), groups=np.tile([0, 1, 2, 3], 10), seed=0)
    assert together["recall"].high - together["recall"].low > 2 * (apart.high - apart.low)


def test_average_precision_is_scikit_learns_on_the_same_ranks():
    rng = np.random.default_rng(0)
    background = rng.normal(size=500)
    ore = rng.normal(1.5, 1, 12)
    percentile = [(background < s).mean() for s in ore]
    found = average_precision_of(percentile, 500, groups=np.arange(12), seed=0)
    y, s = np.repeat([1, 0], [12, 500]), np.concatenate([ore, background])
    assert found.value == pytest.approx(average_precision_score(y, s), abs=1e-9)
    assert found.low < found.value < found.high


def test_brier_is_scikit_learns_and_its_skill_is_over_the_base_rate():
    rng = np.random.default_rng(1)
    y = (rng.random(400) < 0.1).astype(float)
    p = np.clip(0.1 + 0.3 * y + rng.normal(0, 0.05, 400), 0, 1)
    score, skill = brier_of(
        p[y == 1],
        float(np.sum(p[y == 0] ** 2)),
        400,
        y.mean(),
        groups=np.arange(int(y.sum())),
        seed=0,
    )
    plain = brier_score_loss(y, np.full(400, y.mean()))
    assert score.value == pytest.approx(brier_score_loss(y, p))
    assert skill.value == pytest.approx(1 - score.value / plain)
    worthless, nil = brier_of(np.full(40, 0.1), 360 * 0.01, 400, 0.1, groups=np.arange(40), seed=0)
    assert nil.value == pytest.approx(0)
    assert worthless.value == pytest.approx(0.09)
