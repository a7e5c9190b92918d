import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orecast.errors import SamplingError
from orecast.metrics import conformal_area, conformal_p

values = st.lists(st.integers(0, 20).map(lambda k: k / 20), min_size=2, max_size=12)
grouped = st.lists(
    st.lists(st.integers(0, 20).map(lambda k: k / 20), min_size=1, max_size=4),
    min_size=2,
    max_size=8,
)
confidences = st.sampled_from([0.1, 0.5, 0.8, 0.9, 0.95])


def test_area_by_hand():
    # nine deposits, 80 %: the eighth of the areas 0.1 ... 0.9, ceil(10 * 0.8)
    p = np.arange(1, 10) / 10
    found = conformal_area(p, 0.8)
    assert (found.area, found.groups, found.enough) == (pytest.approx(0.8), 9, True)
    assert conformal_area(p, 0.9).area == pytest.approx(0.9)
    assert conformal_area([*p, np.nan], 0.81).area == pytest.approx(0.9)


def test_too_few_deposits_leave_the_whole_map_and_say_so():
    for n, confidence in [(8, 0.9), (18, 0.95), (3, 0.8)]:
        found = conformal_area(np.full(n, 0.99), confidence)
        assert (found.area, found.enough) == (1, False)
        assert "too few" in found.sentence
        assert conformal_area(np.full(n + 1, 0.99), confidence).enough


def test_the_sentence():
    assert conformal_area([0.95, 0.9, 0.8, 0.4], 0.6).as_dict()["sentence"] == (
        "the best 20 % of the area contain a further deposit of this kind with at least 60 % "
        "confidence, based on 4 independent groups of known deposits"
    )
    found = conformal_area([0.9571, 0.9, 0.8, 0.4], 0.2)
    assert found.area == pytest.approx(0.0429)
    assert found.sentence.startswith("the best 5 % of the area")  # 4 % would be too small


@given(values, confidences)
def test_each_left_out_in_turn_is_covered_often_enough(p, confidence):
    # what exchangeability rests on: true of every list of numbers, without chance
    p = np.array(p)
    areas = [conformal_area(np.delete(p, i), confidence).area for i in range(p.size)]
    assert np.mean(1 - p <= np.array(areas)) >= confidence - 1e-9


@given(grouped, confidences)
def test_each_group_left_out_in_turn_is_covered_often_enough(groups, confidence):
    name = np.repeat(np.arange(len(groups)), [len(g) for g in groups])
    p = np.concatenate(groups)
    covered = []
    for k in range(len(groups)):
        area = conformal_area(p[name != k], confidence, groups=name[name != k]).area
        covered.append(np.mean(1 - p[name == k] <= area))
    assert np.mean(covered) >= confidence - 1e-9


def test_coverage_of_exchangeable_draws_is_what_it_says():
    rng = np.random.default_rng(0)
    draws, n, confidence = 4000, 9, 0.8
    p = rng.beta(4, 1, (draws, n + 1))
    covered = [1 - row[-1] <= conformal_area(row[:-1], confidence).area for row in p]
    assert abs(np.mean(covered) - 0.8) < 3 * math.sqrt(0.16 / draws)  # exactly 8 of 10 ranks


def test_clustered_deposits_need_their_groups():
    # five districts of very different ease, one of them with most of the deposits
    rng = np.random.default_rng(1)
    name = np.repeat(np.arange(9), [40, *[2] * 8])
    covered = {True: [], False: []}
    for _ in range(600):
        ease = rng.uniform(0, 0.95, 10)
        p = np.clip(ease[name] + rng.uniform(0, 0.05, name.size), 0, 1)
        further = ease[9] + rng.uniform(0, 0.05)
        for known in (True, False):
            area = conformal_area(p, 0.8, groups=name if known else None).area
            covered[known].append(1 - further <= area)
    assert np.mean(covered[True]) >= 0.8 - 3 * math.sqrt(0.16 / 600)
    assert np.mean(covered[False]) < 0.7


def test_groups_of_one_are_no_groups():
    p = np.random.default_rng(0).random(12)
    assert conformal_area(p, 0.7) == conformal_area(p, 0.7, groups=np.arange(12)[::-1])
    assert conformal_p([0.3], p) == conformal_p([0.3], p, groups=list("abcdefghijkl"))


def test_p_by_hand():
    held = [0.2, 0.4, 0.4, 0.9]
    found = conformal_p([[0.1, 0.2], [0.4, 1.0]], held)
    assert found.tolist() == [[0.2, 0.4], [0.8, 1.0]]
    # the two of 0.4 being one witness: (1 + 1 + 1) / 4
    assert conformal_p([0.4], held, groups=[0, 1, 1, 2]).tolist() == [0.75]
    assert np.isnan(conformal_p([np.nan], held)).all()


@given(values, confidences)
def test_p_and_area_are_two_sides_of_one_statement(p, confidence):
    area = conformal_area(p, confidence).area
    targets = np.arange(21) / 20
    within = 1 - targets <= area + 1e-9
    assert (within == (conformal_p(targets, p) > 1 - confidence + 1e-9)).all()


@given(values)
def test_p_of_a_left_out_deposit_is_small_no_oftener_than_it_says(p):
    left_out = [conformal_p([v], np.delete(p, i))[0] for i, v in enumerate(p)]
    for level in (0.1, 0.25, 0.5):
        assert np.mean(np.array(left_out) <= level + 1e-9) <= level + 1e-9


def test_what_is_refused():
    for confidence in (0, 1, 95):
        with pytest.raises(ValueError, match="confidence must lie"):
            conformal_area([0.5], confidence)
    with pytest.raises(SamplingError, match="no held-out place"):
        conformal_area([np.nan], 0.5)
    with pytest.raises(ValueError, match="2 values but 1 groups"):
        conformal_p([0.5], [0.1, 0.2], groups=[1])
