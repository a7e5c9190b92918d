import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

from orecast.metrics import (
    Confusion,
    auc,
    average_precision,
    confusion,
    f1_optimal_threshold,
    outranked,
    percentiles,
    share_interval,
    top_share,
)

scores = st.lists(st.integers(0, 6).map(float), min_size=1, max_size=30)


def test_percentile_by_hand():
    region = np.array([[0.1, 0.2, np.nan], [0.3, 0.4, np.nan]])
    assert percentiles([0.4, 0.2, 0.25, 9, -9], region).tolist() == [0.875, 0.375, 0.5, 1, 0]


def test_cells_without_data_are_never_counted():
    region = np.array([0.1, 0.5, 0.9])
    padded = np.concatenate([region, np.full(1000, np.nan)])
    assert percentiles([0.5], padded) == percentiles([0.5], region) == [0.5]


def test_percentile_of_a_deposit_without_a_score_is_nan():
    assert np.isnan(percentiles([np.nan, 1.0], [0.5])).tolist() == [True, False]


def test_percentile_in_an_empty_region_is_nan():
    assert np.isnan(percentiles([0.5], [np.nan])).all()


@given(scores)
def test_a_deposit_put_anywhere_in_its_region_is_in_the_middle_on_average(region):
    assert percentiles(region, region).mean() == pytest.approx(0.5)


def test_a_constant_map_puts_every_deposit_in_the_middle():
    assert percentiles([0.7, 0.7], np.full(10, 0.7)).tolist() == [0.5, 0.5]


def test_a_deposit_ties_with_its_own_cell_of_a_float32_map():
    region = np.array([0.1, 0.7], dtype=np.float32)
    assert percentiles([0.7], region).tolist() == [0.75]  # 0.7 in float64 lies above float32's
    assert percentiles(np.array([0.1], dtype=np.float32), [0.1, 0.9]).tolist() == [0.25]


def test_percentiles_leave_the_map_as_it_was():
    region = np.array([0.9, 0.1, 0.5])
    percentiles([0.5], region)
    assert region.tolist() == [0.9, 0.1, 0.5]


@given(scores, scores)
def test_auc_is_scikit_learns(positive, negative):
    y = [1] * len(positive) + [0] * len(negative)
    assert auc(positive, negative) == pytest.approx(
        metrics.roc_auc_score(y, positive + negative), rel=1e-12
    )


@given(scores, scores)
def test_auc_turns_round_with_its_sides(positive, negative):
    assert auc(positive, negative) == pytest.approx(1 - auc(negative, positive))


def test_auc_leaves_out_nan_and_is_nan_without_a_side():
    assert auc([0.9, np.nan], [0.1, np.nan, 0.95]) == 0.5
    assert math.isnan(auc([], [0.1]))
    assert math.isnan(auc([0.1], [np.nan]))


def _labelled(seed):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, 60)
    return y, np.round(rng.random(60) * 0.7 + 0.3 * y, 1)  # ties on purpose


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("threshold", [0.3, 0.5, 0.8])
def test_threshold_scores_are_scikit_learns(seed, threshold):
    y, s = _labelled(seed)
    called = s >= threshold
    ours = confusion(y, s, threshold)
    assert [[ours.tn, ours.fp], [ours.fn, ours.tp]] == metrics.confusion_matrix(y, called).tolist()
    theirs = {
        "accuracy": metrics.accuracy_score(y, called),
        "balanced_accuracy": metrics.balanced_accuracy_score(y, called),
        "precision": metrics.precision_score(y, called),
        "recall": metrics.recall_score(y, called),
        "specificity": metrics.recall_score(y, called, pos_label=0),
        "f1": metrics.f1_score(y, called),
        "macro_f1": metrics.f1_score(y, called, average="macro"),
        "mcc": metrics.matthews_corrcoef(y, called),
        "kappa": metrics.cohen_kappa_score(y, called),
    }
    assert ours.scores() == pytest.approx(theirs, rel=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_average_precision_is_scikit_learns(seed):
    y, s = _labelled(seed)
    assert average_precision(y, s) == pytest.approx(
        metrics.average_precision_score(y, s), rel=1e-12
    )


@pytest.mark.parametrize("seed", range(5))
def test_no_threshold_has_a_better_f1_than_the_optimal_one(seed):
    y, s = _labelled(seed)
    best = confusion(y, s, f1_optimal_threshold(y, s)).f1
    assert best == pytest.approx(max(metrics.f1_score(y, s >= t) for t in np.unique(s)))


def test_published_confusion_matrix_gives_the_published_figures():
    # Gao et al. (2022): accuracy 86.11 %, "AUC" 0.7454 and F1 0.7653 of 144 tiles
    tiles = Confusion(tn=108, fp=7, fn=13, tp=16)
    assert round(100 * tiles.accuracy, 2) == 86.11
    assert round(tiles.balanced_accuracy, 4) == 0.7454
    assert round(tiles.macro_f1, 4) == 0.7653


def test_undefined_scores_are_nan_and_no_flattering_number():
    nothing_called = Confusion(tn=5, fp=0, fn=2, tp=0)
    assert math.isnan(nothing_called.precision)
    assert math.isnan(nothing_called.mcc)
    assert nothing_called.f1 == 0
    only_barren = Confusion(tn=5, fp=1, fn=0, tp=0)
    assert math.isnan(only_barren.recall)
    assert math.isnan(only_barren.balanced_accuracy)
    assert math.isnan(average_precision([0, 0], [0.1, 0.2]))
    assert math.isnan(f1_optimal_threshold([0, 0], [0.1, 0.2]))


def test_unlabelled_and_unscored_places_are_left_out():
    counted = confusion([1, 0, np.nan, 1], [0.9, 0.1, 0.9, np.nan])
    assert counted == Confusion(tn=1, fp=0, fn=0, tp=1)


def test_labels_must_match_scores():
    with pytest.raises(ValueError, match="2 labels but 1 scores"):
        confusion([1, 0], [0.5])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("levels", [1, 40, 50_000])
def test_counting_by_blocks_is_counting_by_one_sort(dtype, levels):
    rng = np.random.default_rng(levels)
    cells = rng.integers(0, 5000, 150_000).astype(dtype) / 7
    cells[rng.random(cells.size) < 0.1] = np.nan
    wanted = np.concatenate([rng.choice(cells, levels), [np.inf, -np.inf, -1, 1e9]]).astype(dtype)
    below, up_to, known = outranked(wanted, cells)
    whole = np.sort(cells[~np.isnan(cells)])
    real = ~np.isnan(wanted)
    assert known == whole.size
    assert (below[real] == np.searchsorted(whole, wanted[real], side="left")).all()
    assert (up_to[real] == np.searchsorted(whole, wanted[real], side="right")).all()


def test_top_share_by_hand():
    percentile = [0.99, 0.95, 0.9, 0.4, np.nan]
    assert [top_share(percentile, a).value for a in (0.01, 0.05, 0.1, 1)] == [0.25, 0.5, 0.75, 1]
    assert top_share(percentile, 0.05) == share_interval(2, 4)
    assert math.isnan(top_share([np.nan], 0.1).value)


def test_top_share_counts_groups_in_its_interval():
    percentile = np.repeat([0.99, 0.5, 0.2], 10)
    found = top_share(percentile, 0.1, groups=np.repeat([4, 8, 6], 10))
    assert found == share_interval(1, 3)
    with pytest.raises(ValueError, match="30 values but 1 groups"):
        top_share(percentile, 0.1, groups=[0])
