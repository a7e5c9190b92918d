import math

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from orecast.errors import SamplingError
from orecast.metrics import auc, negative_draws

RNG = np.random.default_rng(0)
DEPOSITS, BARREN = RNG.normal(1, 1, 30), RNG.normal(0, 1, 4000).round(1)


def test_each_draw_is_scikit_learns_auc_of_as_many_negatives():
    found = negative_draws(DEPOSITS, BARREN, seed=3, draws=5)
    drawn = np.random.default_rng(3).choice(BARREN, (5, 30))
    y = np.repeat([1, 0], 30)
    theirs = [roc_auc_score(y, np.concatenate([DEPOSITS, negatives])) for negatives in drawn]
    assert found.auc == pytest.approx(theirs)
    assert found.mean == pytest.approx(np.mean(theirs))
    assert found.spread == pytest.approx(np.std(theirs, ddof=1))


def test_many_draws_near_the_auc_against_all_candidates():
    found = negative_draws(DEPOSITS, BARREN, seed=0, draws=400)
    assert found.mean == pytest.approx(auc(DEPOSITS, BARREN), abs=4 * found.spread / 20)
    assert found.low < found.mean < found.high


def test_no_difference_scores_a_half():
    found = negative_draws(np.full(9, 2.0), np.full(5, 2.0), seed=0)
    assert (found.mean, found.spread, len(found.auc)) == (0.5, 0, 20)


def test_deposits_of_one_sample_are_one_witness():
    shared = np.repeat(DEPOSITS[:6], 5)
    label = np.repeat(np.arange(6), 5)
    alone = negative_draws(shared, BARREN, seed=0)
    together = negative_draws(shared, BARREN, seed=0, distinct=label)
    assert (alone.distinct, together.distinct) == (30, 6)
    assert together.mean == alone.mean
    assert together.high - together.low > 1.5 * (alone.high - alone.low)


def test_two_samples_have_no_interval():
    found = negative_draws(DEPOSITS, BARREN, seed=0, distinct=np.arange(30) % 2)
    assert math.isnan(found.low)
    assert found.spread > 0


def test_seeds_repeat_and_differ_and_nan_is_left_out():
    found = negative_draws(DEPOSITS, BARREN, seed=0, distinct=np.arange(30))
    assert found == negative_draws(DEPOSITS, BARREN, seed=0)
    assert found != negative_draws(DEPOSITS, BARREN, seed=1)
    nan = [np.nan]
    padded = negative_draws([*nan, *DEPOSITS], [*BARREN, *nan], seed=0, distinct=[-1, *range(30)])
    assert padded == found


def test_what_is_refused():
    with pytest.raises(ValueError, match="at least 2 draws"):
        negative_draws(DEPOSITS, BARREN, seed=0, draws=1)
    with pytest.raises(ValueError, match="30 values but 2 groups"):
        negative_draws(DEPOSITS, BARREN, seed=0, distinct=[0, 1])
    for sides in ([[], BARREN], [DEPOSITS, [np.nan]]):
        with pytest.raises(SamplingError, match="candidates for negatives"):
            negative_draws(*sides, seed=0)
