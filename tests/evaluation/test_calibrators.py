import json
import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import special
from sklearn.calibration import _sigmoid_calibration
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from orecast.errors import SamplingError
from orecast.evaluation import (
    Isotonic,
    Platt,
    RankCurve,
    auc,
    f1_optimal_threshold,
    fit_isotonic,
    fit_platt,
    fit_rank_curve,
    percentiles,
    rank_threshold,
    read_calibrator,
)


def sample(seed=0, n=300, slope=2.0):
    rng = np.random.default_rng(seed)
    s = rng.normal(3, 0.5, n)
    y = (rng.random(n) < special.expit(slope * (s - 3.5))).astype(float)
    return s, y, rng.uniform(0.5, 4, n)


def ranks_of(cells):
    """Ranks of a region's cells, no two alike."""
    return (np.arange(cells) + 0.5) / cells


def district(n=40, seed=0, cells=50_000, kept=2000):
    """Scores and chances of all cells, and the numbers, labels and weights of a sample of them."""
    rng = np.random.default_rng([seed, n])
    s = rng.normal(size=cells)
    chance = special.expit(np.log(n / cells) - 0.72 + 1.2 * s)
    ore = rng.random(cells) < chance
    barren = rng.choice(np.flatnonzero(~ore), kept, replace=False)
    at = np.concatenate([np.flatnonzero(ore), barren])
    return s, chance, at, ore[at], np.where(ore[at], 1.0, (~ore).sum() / kept)


@pytest.mark.parametrize("seed", range(3))
def test_platt_is_scikit_learns_sigmoid(seed):
    s, y, _ = sample(seed)
    a, b = _sigmoid_calibration(s, y)  # of -(a s + b)
    ours = fit_platt(s, y)
    assert (ours.slope, ours.intercept) == pytest.approx((-a, -b), rel=1e-3)


@pytest.mark.parametrize("seed", range(3))
def test_weighted_platt_is_logistic_regression_on_smoothed_targets(seed):
    s, y, w = sample(seed)
    w1, w0 = w[y == 1].sum(), w[y == 0].sum()
    target = np.where(y == 1, (w1 + 1) / (w1 + 2), 1 / (w0 + 2))
    twice, both = np.concatenate([s, s])[:, None], np.repeat([1, 0], s.size)
    weight = np.concatenate([w * target, w * (1 - target)])
    theirs = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000).fit(twice, both, weight)
    ours = fit_platt(s, y, w)
    expected = (theirs.coef_[0, 0], theirs.intercept_[0])
    assert (ours.slope, ours.intercept) == pytest.approx(expected, rel=1e-4)


def test_a_weight_of_three_is_three_places():
    s, y, _ = sample()
    thrice = fit_platt(np.repeat(s, 3), np.repeat(y, 3))
    assert fit_platt(s, y, np.full(s.size, 3.0)).slope == pytest.approx(thrice.slope)


@pytest.mark.parametrize("n", [5, 40])
def test_weighted_background_counts_the_deposits_of_all_cells(n):
    s, _, at, ore, w = district(n)
    p = fit_platt(s[at], ore, w)(s)
    assert abs(p.sum() - ore.sum()) < 1 + 0.1 * ore.sum()  # the sample of the background varies
    assert abs((w * p[at]).sum() - ore.sum()) < 1


def test_platt_finds_the_line_that_made_the_labels():
    s, chance, at, ore, w = district(2000, kept=20_000)
    ours = fit_platt(s[at], ore, w)
    assert ours.slope == pytest.approx(1.2, abs=0.1)
    assert ours(s).mean() == pytest.approx(chance.mean(), rel=0.1)


def test_scores_that_part_the_classes_stay_finite():
    ours = fit_platt([0.1, 0.2, 0.8, 0.9], [0, 0, 1, 1])
    assert 0 < ours.slope < 100
    assert 0.5 < ours([0.9])[0] < 1


def test_deposits_far_beyond_the_background_are_fitted_too():
    # a whole step of Newton's method overshoots here and never comes back
    s = np.concatenate([np.linspace(0, 1, 1000), np.full(5, 3.0)])
    y = np.repeat([0.0, 1.0], [1000, 5])
    off = fit_platt(s, y)(s) - np.where(y == 1, 6 / 7, 1 / 1002)
    assert off.sum() == pytest.approx(0, abs=1e-8)  # the likelihood is level in both directions
    assert off @ s == pytest.approx(0, abs=1e-8)


def test_a_map_turned_round_has_a_negative_slope():
    s, y, _ = sample()
    there, back = fit_platt(s, y), fit_platt(-s, y)
    assert there.slope > 0 > back.slope
    assert back.slope == pytest.approx(-there.slope)


def test_a_constant_score_says_the_base_rate():
    ours = fit_platt(np.full(50, 0.3), np.repeat([1, 0], [5, 45]))
    assert ours.slope == 0
    assert ours([0.3])[0] == pytest.approx((5 * 6 / 7 + 45 / 47) / 50)


@given(st.floats(1e-6, 1e6), st.floats(-1e3, 1e3))
def test_platt_does_not_care_for_the_scores_scale(scale, shift):
    s, y, w = sample(n=60)
    moved = s * scale + shift * scale
    assert fit_platt(moved, y, w)(moved) == pytest.approx(fit_platt(s, y, w)(s), abs=1e-6)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("decimals", [1, 6])
def test_isotonic_is_scikit_learns(weighted, decimals):
    s, y, w = sample()
    s, w = s.round(decimals), w if weighted else None
    theirs = IsotonicRegression(out_of_bounds="clip").fit(s, y, sample_weight=w)
    asked = np.linspace(0, 6, 500)
    assert fit_isotonic(s, y, w)(asked) == pytest.approx(theirs.predict(asked))


@given(st.integers(0, 1000))
def test_isotonic_never_falls(seed):
    s, y, w = sample(seed, 30, slope=-2.0)
    assume(y.any() and not y.all())
    ours = fit_isotonic(s, y, w)
    assert (np.diff(ours(np.linspace(0, 6, 99))) >= 0).all()
    assert np.average(ours(s), weights=w) == pytest.approx(np.average(y, weights=w))


@pytest.mark.parametrize("n", [10, 30])
def test_with_few_deposits_platt_is_the_nearer_to_the_truth(n):
    worse = {"platt": [], "isotonic": [], "base": []}
    for seed in range(8):
        s, chance, at, ore, w = district(n, seed)
        told = {
            "platt": fit_platt(s[at], ore, w)(s),
            "isotonic": np.clip(fit_isotonic(s[at], ore, w)(s), 1e-6, 1 - 1e-6),
            "base": np.full(s.size, chance.mean()),
        }
        for name, p in told.items():
            worse[name].append(
                np.mean(special.rel_entr(chance, p) + special.rel_entr(1 - chance, 1 - p))
            )
    platt, isotonic, base = (np.mean(worse[k]) for k in ("platt", "isotonic", "base"))
    assert platt < base / 2
    assert isotonic > base


@pytest.mark.parametrize("fit", [fit_platt, fit_isotonic])
def test_a_calibrator_goes_through_json_and_back(fit):
    s, y, w = sample()
    ours = fit(s, y, w)
    back = read_calibrator(json.loads(json.dumps(ours.as_dict())))
    assert back == ours
    assert type(ours).from_dict(ours.as_dict()) == ours
    assert (back(s) == ours(s)).all()


@pytest.mark.parametrize("ours", [Platt(2.0, -1.0), Isotonic((0.0, 1.0), (0.2, 0.8))])
def test_shapes_are_kept_and_nan_stays(ours):
    told = ours([[0.5, np.nan], [0.0, 1.0]])
    assert told.shape == (2, 2)
    assert np.isnan(told).tolist() == [[False, True], [False, False]]
    assert told[0, 0] == pytest.approx(0.5)


def test_what_is_refused():
    with pytest.raises(ValueError, match="no calibrator of the kind 'beta'"):
        read_calibrator({"kind": "beta"})
    for fit in (fit_platt, fit_isotonic):
        with pytest.raises(SamplingError, match="2 of 2 places are ore"):
            fit([0.1, 0.2], [1, 1])
        with pytest.raises(ValueError, match="infinite"):
            fit([0.1, np.inf], [0, 1])


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
    line = fit_platt(special.ndtri(cells), ore)
    assert fit_rank_curve(cells[ore]).slope == pytest.approx(line.slope, rel=0.05)


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
