import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from orecast import config
from orecast.errors import ConfigError
from orecast.mapping.classes import classify

AREA = config.ClassOptions()
HISTOGRAM = config.ClassOptions(rule="histogram")
PROBABILITY = config.ClassOptions(rule="probability")


def hundred():
    """Scores 0.00 to 0.99, each once, and a row of nodata."""
    values = np.full((11, 10), np.nan, dtype=np.float32)
    values[:10] = np.arange(100).reshape(10, 10) / 100
    return values


def test_area_by_hand():
    classes = classify(hundred(), AREA, [[9, 9], [9, 5], [0, 0], [10, 0]])
    assert [int(np.sum(classes.values == k)) for k in (1, 2, 3, 0, 255)] == [1, 4, 5, 90, 10]
    assert classes.thresholds == pytest.approx((0.99, 0.95, 0.90))
    assert classes.values.dtype == np.uint8
    assert classes.values[9].tolist() == [3, 3, 3, 3, 3, 2, 2, 2, 2, 1]
    assert [row["area_share"] for row in classes.captured] == [0.01, 0.04, 0.05]
    assert [row["deposits"] for row in classes.captured] == [1, 1, 0]
    assert [row["deposits_share"] for row in classes.captured] == [1 / 3, 1 / 3, 0]


def test_the_sentence_says_rule_scores_areas_and_deposits():
    assert classify(hundred(), AREA, [[9, 9], [0, 0]]).sentence == (
        "Classes by share of the mapped area, at most 1 % in A, 5 % in A and B, 10 % in all: "
        "A from a score of 0.99 covers 1 % and holds 1 of 2 deposits; "
        "B from a score of 0.95 covers 4 % and holds 0 of 2 deposits; "
        "C from a score of 0.9 covers 5 % and holds 0 of 2 deposits."
    )


def test_nodata_counts_in_no_share():
    score = np.full((100, 100), np.nan)
    score[0] = np.arange(100)
    classes = classify(score, AREA)
    assert [int(np.sum(classes.values == k)) for k in (1, 2, 3)] == [1, 4, 5]
    assert int(np.sum(classes.values == 255)) == 9900


def test_a_tie_is_neither_split_nor_let_over_the_share():
    score = np.zeros((10, 10))
    score.ravel()[:3] = 1.0  # three best: too wide for A's one, room in B's five
    score.ravel()[3:9] = 0.5  # six more: with the three, within C's ten
    classes = classify(score, AREA)
    assert [int(np.sum(classes.values == k)) for k in (1, 2, 3)] == [0, 3, 6]
    assert classes.thresholds == (math.inf, 1.0, 0.5)
    assert "A has no cells" in classes.sentence


def test_a_constant_map_has_no_classes_by_area():
    classes = classify(np.full((20, 20), 0.5), AREA)
    assert not classes.values.any()
    assert classes.thresholds == (math.inf, math.inf, math.inf)


def test_the_whole_area_may_be_asked_for():
    options = config.ClassOptions(area=(0.5, 0.75, 1.0))
    counts = np.bincount(classify(hundred(), options).values[:10].ravel(), minlength=4)
    assert counts.tolist() == [0, 50, 25, 25]


maps = arrays(
    np.float32,
    (8, 9),
    elements=st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.75, 1.0, float("nan")]).map(np.float32),
)


@given(maps)
def test_shares_are_never_exceeded_and_classes_follow_the_score(score):
    known = ~np.isnan(score)
    assume(known.any())
    values = classify(score, config.ClassOptions(area=(0.1, 0.3, 0.6))).values
    for number, share in ((1, 0.1), (2, 0.3), (3, 0.6)):
        within = (values >= 1) & (values <= number)
        assert within.sum() <= share * known.sum() + 1e-9
        if within.any() and (known & ~within).any():
            assert score[within].min() > score[known & ~within].max()
    np.testing.assert_array_equal(values == 255, ~known)


def test_probability_takes_a_score_on_the_line():
    score = np.array([[0.95, 0.949, 0.9, 0.85, 0.84, np.nan]], dtype=np.float32)
    classes = classify(score, PROBABILITY, [[0, 0]])
    assert classes.values.tolist() == [[1, 2, 2, 3, 0, 255]]
    assert classes.thresholds == (0.95, 0.90, 0.85)


@pytest.mark.parametrize(
    "levels",
    [
        {"area": (0.1, 0.05, 0.01)},
        {"area": (0.1, 0.1, 0.2)},
        {"area": (1, 5, 10)},
        {"probability": (0.8, 0.9, 0.95)},
        {"probability": (95, 90, 85)},
    ],
)
def test_levels_out_of_order_or_range_are_refused(levels):
    with pytest.raises(ValueError, match=r"three (rising shares|falling scores)"):
        config.ClassOptions(**levels)


def test_a_map_without_cells_is_refused():
    with pytest.raises(ConfigError, match="no cell of the map has a score"):
        classify(np.full((3, 3), np.nan), AREA)


def normal(mean, spread, n, seed=0):
    return np.random.default_rng(seed).normal(mean, spread, n).clip(0, 1)


def on_map(*parts):
    values = np.concatenate(parts)
    return np.random.default_rng(9).permutation(values).reshape(100, -1)


def test_histogram_of_one_hump_is_cut_from_its_peak_to_its_maximum():
    score = on_map(normal(0.4, 0.08, 20000))
    a, b, c = classify(score, HISTOGRAM).thresholds
    assert c == pytest.approx(0.4, abs=0.03)
    assert b - c == pytest.approx(a - b)
    assert score.max() - a == pytest.approx(a - b)


def test_histogram_counts_a_spike_and_a_lower_hump_as_background():
    hump = normal(0.7, 0.05, 4000)
    spike = on_map(np.abs(np.random.default_rng(1).normal(0, 0.05, 16000)), hump)
    barren = on_map(normal(0.1, 0.03, 16000), hump)
    for score in (spike, barren):
        assert classify(score, HISTOGRAM).thresholds[2] == pytest.approx(0.7, abs=0.03)


def test_ripples_of_a_tail_are_no_peak():
    tail = np.repeat([0.72, 0.8, 0.9], [12, 3, 5])
    score = on_map(normal(0.3, 0.08, 20000 - tail.size), tail)
    assert classify(score, HISTOGRAM).thresholds[2] == pytest.approx(0.3, abs=0.03)


def test_histogram_cuts_at_the_published_steps():
    # 0.95-0.99, 0.90-0.95 and 0.85-0.90 (Earth Science 51(3), 2026): a peak at 0.85, a maximum of 1
    score = on_map(np.zeros(10000), normal(0.85, 0.02, 9999), [1.0])
    assert classify(score, HISTOGRAM).thresholds == pytest.approx((0.95, 0.90, 0.85), abs=0.015)


@pytest.mark.parametrize(
    "scores",
    [
        np.random.default_rng(0).exponential(0.1, 10000).clip(0, 1),  # falls from its lowest
        1 - np.random.default_rng(0).exponential(0.1, 10000).clip(0, 1),  # rises to its highest
        np.full(10000, 0.5),
        np.repeat([0.0, 1.0], 5000),
        np.linspace(0, 1, 10000),
    ],
    ids=["falling", "rising", "constant", "two ends", "flat"],
)
def test_a_histogram_without_an_interior_peak_is_refused_with_the_reason(scores):
    with pytest.raises(ConfigError, match="no clear interior peak") as refusal:
        classify(scores.reshape(100, 100), HISTOGRAM)
    assert 'classes.rule to "area"' in str(refusal.value)


def test_deposits_off_the_map_count_nowhere():
    classes = classify(hundred(), AREA, [[-1, -1], [50, 0], [10, 3]])
    assert all(math.isnan(row["deposits_share"]) and row["of"] == 0 for row in classes.captured)
    assert "deposits" not in classes.sentence


def test_deposits_move_no_threshold():
    alone, known = classify(hundred(), AREA), classify(hundred(), AREA, [[0, 0]] * 30)
    assert alone.thresholds == known.thresholds
    np.testing.assert_array_equal(alone.values, known.values)


def test_as_dict_has_the_keys_of_metrics_json():
    content = classify(hundred(), AREA, [[9, 9]]).as_dict()
    assert list(content) == ["rule", "sentence", "thresholds", "captured"]
    assert {"class", "area_share", "deposits_share"} <= set(content["captured"][0])
