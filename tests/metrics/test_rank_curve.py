import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special
from sklearn.linear_model import LogisticRegression

from orecast.metrics import (
    RankCurve,
    auc,
    f1_optimal_threshold,
    fit_rank_curve,
    percentiles,
    rank_threshold,
)


def ranks_of(cells):
    """Ranks of a region's cells, no two alike."""
    return (np.arange(cells) + 0.5) / cells


def test_a_rank_curve_by_hand():
    """Log-odds at the ranks 16, 50 and 84 %, whose normal scores are -1, 0 and 1."""
    p = RankCurve(math.log(3))(special.ndtr([-1, 0, 1]), 1.5)
    assert p == pytest.approx([1 / 4, 1 / 2, 3 / 4])


@given(
    st.floats(0, 5),
    st.integers(2, 400),
    st.floats(0.001, 0.999),
    st.lists(st.integers(0, 20), min_size=1),
)
def test_a_rank_curve_sums_to_what_is_expected_and_never_falls(slope, cells, share, levels):
    scores = np.resize(levels, cells)
    ranks = percentiles(scores, scores)  # ties among them
    p = RankCurve(slope)(ranks, share * cells)
    assert p.sum() == pytest.approx(share * cells, rel=1e-9)
    assert (np.diff(p[np.argsort(ranks)]) >= 0).all()
    assert 0 <= p.min() <= p.max() <= 1


def test_a_rank_curve_without_a_rise_is_level_and_no_cell_is_a_certainty():
    assert RankCurve(0.0)(ranks_of(7), 2) == pytest.approx(np.full(7, 2 / 7))
    steep = RankCurve(4.0)(ranks_of(5000), 300)
    assert steep.sum() == pytest.approx(300, rel=1e-9)
    assert steep.max() < 1
    assert RankCurve(1.0)([], 0).size == 0
    for expected in (0, 7, 9):
        with pytest.raises(ValueError, match=f"{expected} cells with ore among 7"):
            RankCurve(1.0)(ranks_of(7), expected)


def test_a_rank_curves_slope_is_the_mean_normal_score_with_two_more_at_0():
    assert fit_rank_curve(special.ndtr([1.0, 3.0])).slope == pytest.approx(4 / 4)
    assert fit_rank_curve(special.ndtr([0.7])).slope == pytest.approx(0.7 / 3)
    assert fit_rank_curve([0.5, 0.5]).slope == 0
    assert fit_rank_curve([0.1, 0.6]).slope == 0  # worse than chance


def test_a_rank_curve_finds_the_slope_that_made_the_places():
    cells = ranks_of(200_000)
    rng = np.random.default_rng(0)
    p = RankCurve(1.2)(cells, 1000)
    ore = rng.random(cells.size) < p
    assert fit_rank_curve(cells[ore]).slope == pytest.approx(1.2, abs=0.1)
    assert auc(cells[ore], cells) == pytest.approx(special.ndtr(1.2 / np.sqrt(2)), abs=0.02)
    line = LogisticRegression(C=np.inf).fit(special.ndtri(cells)[:, None], ore)
    assert fit_rank_curve(cells[ore]).slope == pytest.approx(line.coef_[0, 0], rel=0.05)


@given(st.lists(st.floats(0.01, 0.99), min_size=1, max_size=30))
def test_the_rank_threshold_is_that_of_the_best_f1_against_all_cells(ranks):
    cells = ranks_of(20_000)
    y = np.repeat([1.0, 0.0], [len(ranks), cells.size])
    even = np.repeat([1 / len(ranks), 1 / cells.size], [len(ranks), cells.size])
    expected = f1_optimal_threshold(y, np.concatenate([ranks, cells]), weights=even)

    def f1(threshold):
        hit, alarm = np.mean(np.array(ranks) >= threshold), np.mean(cells >= threshold)
        return 2 * hit / (hit + alarm + 1)

    assert f1(rank_threshold(ranks)) == pytest.approx(f1(expected), abs=1e-4)
