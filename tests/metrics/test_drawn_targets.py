"""Scores of targets, by hand."""

import numpy as np
import pytest

from orecast.metrics.drawn_targets import (
    FoldTargets,
    allotted,
    bands,
    draw,
    groups_found,
    hits_of_groups,
    sentence,
    target_scores,
)

GROUPS = np.array([0, 1, 2, 3])


def fold(repetition, cells, *hits):
    return FoldTargets(repetition, cells, np.ones(len(hits)), [list(hit) for hit in hits])


# two repetitions of two folds; each target of 1 km², its hits by group
FOLDS = [
    fold(0, 600, [0], [], [1, 2], []),
    fold(0, 400, [3], [], []),
    fold(1, 500, [0], [0], []),
    fold(1, 500, [], [], [2]),
]


def test_targets_are_shared_by_ground():
    assert [len(f.hits) for f in draw(FOLDS, 5)] == [3, 2, 3, 2]
    assert allotted(5, [0, 10]) == [0, 5]
    assert sum(allotted(7, [3, 3, 3])) == 7


def test_hits_by_group_are_means_over_repetitions():
    """5 targets: [0], [], [1, 2] and [3], []; then [0], [0], [] and [], []."""
    found = hits_of_groups(draw(FOLDS, 5), GROUPS)
    assert found.tolist() == [(1 + 2) / 2, 0.5 / 2, 0.5 / 2, 1 / 2]
    assert found.sum() == (3 + 2) / 2
    assert groups_found(draw(FOLDS, 5)) == (4 + 1) / 2


def test_scores_of_maps():
    maps = {"a": FOLDS, "b": [fold(f.repetition, f.cells, [0]) for f in FOLDS]}
    rows = target_scores(maps, "a", GROUPS, seed=0)
    assert [(row.name, row.n) for row in rows][:3] == [("a", 5), ("b", 5), ("a", 10)]
    first = rows[0]
    assert (first.drawn, first.groups, first.area_km2) == (5, 2.5, 5)
    assert first.hits.value == 2.5
    # at three hits or fewer: the exact interval of 2 (2.5 rounds to even) of 5
    assert (first.hits.low, first.hits.high) == pytest.approx((5 * 0.0527, 5 * 0.8534), abs=0.001)
    assert rows[1].difference.value == pytest.approx(2.5 - 2)
    assert first.difference is None


def test_the_sentence():
    rows = target_scores({"a": FOLDS}, "a", GROUPS, seed=0)
    assert sentence(rows, {10: 0.31}, 600.0) == (
        "6.5 targets were drawn with these deposits hidden: 3 lay within 0.6 km of one "
        "(random: 0.31)."
    )


def test_bands_do_not_rise_and_need_twenty_targets():
    """Of 5 a repetition 1 hits, of the next 5 two, of the next 10 none; eight repetitions."""
    one = [[0], [], [], [], [], [1], [1], *([[]] * 13)]
    found = bands([fold(r, 100, *one) for r in range(8)])
    assert [(b.first, b.last, b.targets) for b in found] == [(1, 5, 40), (6, 10, 40), (11, 20, 80)]
    assert [b.hit_share for b in found] == pytest.approx([0.3, 0.3, 0])
    few = bands([fold(r, 100, *one) for r in range(3)])
    assert np.isnan([b.hit_share for b in few]).tolist() == [True, True, False]
