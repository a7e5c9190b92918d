import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from orecast.errors import SamplingError
from orecast.metrics import percentiles
from orecast.sampling import MapGeometry, Sampling
from orecast.splits.leave_out import LeavePairOut

SHAPE = (30, 40)
RNG = np.random.default_rng(0)
VALID = RNG.random(SHAPE) > 0.3
AT = RNG.permutation(np.argwhere(VALID))[:9]
GEOMETRY = MapGeometry(VALID, 1000.0, 3)
ORE = Sampling.of(AT, 1.0)


def pair(fold):
    (cell,) = np.argwhere(fold.region)
    return int(fold.test[0]), tuple(cell.tolist())


def test_the_mean_percentile_over_all_pairs_is_the_auc():
    score = RNG.integers(0, 6, SHAPE).astype(float)  # with ties
    folds = LeavePairOut(GEOMETRY, background=14).folds(ORE, 0.0)
    assert len(folds) == 9 * 14
    each = [percentiles(score[tuple(AT[f.test].T)], score[f.region])[0] for f in folds]
    assert set(each) <= {0.0, 0.5, 1.0}
    cells = sorted({pair(f)[1] for f in folds})
    assert len(cells) == 14
    y = np.repeat([1, 0], [9, 14])
    scores = np.concatenate([score[tuple(AT.T)], [score[c] for c in cells]])
    assert np.mean(each) == pytest.approx(roc_auc_score(y, scores), abs=1e-12)


def test_background_cells_are_valid_and_hold_no_deposit():
    protocol = LeavePairOut(GEOMETRY)
    pairs = [pair(f) for f in protocol.folds(ORE, 0.0)]
    cells = {cell for _, cell in pairs}
    assert len(pairs) == len(set(pairs)) == 81
    assert len(cells) == 9  # as many as places
    assert all(VALID[c] for c in cells)
    assert not cells & {tuple(c) for c in AT.tolist()}
    assert "81 folds" in protocol.words
    assert "all of the pairs of 9 places of ore with 9 background cells" in protocol.words


def test_drawn_pairs_are_spread_over_the_places():
    protocol = LeavePairOut(GEOMETRY, pairs=30)
    pairs = [pair(f) for f in protocol.folds(ORE, 0.0)]
    assert len(set(pairs)) == 30
    times = np.bincount([place for place, _ in pairs], minlength=9)
    assert sorted(times) == [3] * 6 + [4] * 3
    assert "30 drawn of the pairs" in protocol.words


def test_both_of_a_pair_are_hidden_with_their_buffer():
    fold = LeavePairOut(GEOMETRY).folds(ORE, 1000.0)[17]
    place, cell = AT[fold.test[0]], np.argwhere(fold.region)[0]
    row, column = np.indices(SHAPE)
    # three cells: a half window along each axis, then twice the reach
    expected = np.zeros(SHAPE, dtype=bool)
    for at in (place, cell):
        gap = np.hypot(np.maximum(abs(row - at[0]) - 1, 0), np.maximum(abs(column - at[1]) - 1, 0))
        expected |= gap <= 2
    np.testing.assert_array_equal(fold.hidden, expected)


def test_the_fewest_places_learned_from_are_said_exactly():
    protocol = LeavePairOut(GEOMETRY)
    fewest = min(len(f.train) for f in protocol.folds(ORE, 1500.0))
    assert f"at least {fewest} places" in protocol.words


def test_too_few_pairs_and_no_background_are_refused():
    with pytest.raises(SamplingError, match=r"8 pairs are too few to test each of 9.*9 or more"):
        LeavePairOut(GEOMETRY, pairs=8).folds(ORE, 0.0)
    only = np.zeros(SHAPE, dtype=bool)
    only[tuple(AT.T)] = True
    with pytest.raises(SamplingError, match="9 places of ore and 0 valid cells"):
        LeavePairOut(MapGeometry(only, 1000.0, 3)).folds(ORE, 0.0)
    with pytest.raises(SamplingError, match=r"leaves [01] places"):
        LeavePairOut(GEOMETRY).folds(ORE, 9000.0)
