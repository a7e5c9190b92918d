import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from orecast.errors import SamplingError
from orecast.metrics import percentiles
from orecast.sampling import MapGeometry, Sampling, deposit_sampling
from orecast.splits.leave_out import (
    LeaveDepositOut,
    LeavePairOut,
    NearestNeighbourDistance,
    match_distances,
)

ROW_AT = np.array([[0, 5], [0, 7], [0, 25], [0, 46]])


def test_each_group_is_held_out_with_the_cells_nearest_to_it():
    """Windows of 3 around columns 5 and 7 share column 6; borders run at 16 and between 35, 36."""
    valid = np.ones((1, 60), dtype=bool)
    valid[0, 20] = False
    protocol = LeaveDepositOut(MapGeometry(valid, 1000.0, 3))
    folds = protocol.folds(deposit_sampling(ROW_AT, 3)[0], 1000.0)
    assert [f.test.tolist() for f in folds] == [[0, 1], [2], [3]]
    assert [f.train.tolist() for f in folds] == [[2, 3], [0, 1, 3], [0, 1, 2]]
    middle = np.flatnonzero(folds[1].region[0])
    assert middle.min() in (16, 17)
    assert middle.max() == 35
    assert 20 not in middle
    hidden = np.flatnonzero(folds[1].hidden[0])
    # a cell of a window's half, and twice a reach of one cell
    assert (hidden.min(), hidden.max()) == (middle.min() - 3, 35 + 3)
    assert "3 folds" in protocol.words
    assert "at least 2 of 4 deposit cells" in protocol.words
    assert "5 km" in protocol.words


def test_one_group_alone_is_refused():
    geometry = MapGeometry(np.ones((1, 60), dtype=bool), 1000.0, 3)
    with pytest.raises(SamplingError, match=r"2 deposit cells form 1 group.*use spatial"):
        LeaveDepositOut(geometry).folds(deposit_sampling(ROW_AT[:2], 3)[0], 0.0)


def test_a_buffer_over_everything_is_refused():
    geometry = MapGeometry(np.ones((1, 60), dtype=bool), 1000.0, 3)
    with pytest.raises(SamplingError, match=r"43 km .*leaves \d deposit cells"):
        LeaveDepositOut(geometry).folds(deposit_sampling(ROW_AT, 3)[0], 20_000.0)


PAIR_SHAPE = (30, 40)
RNG = np.random.default_rng(0)
VALID = RNG.random(PAIR_SHAPE) > 0.3
AT = RNG.permutation(np.argwhere(VALID))[:9]
GEOMETRY = MapGeometry(VALID, 1000.0, 3)
ORE = Sampling.of(AT, 1.0)


def pair(fold):
    (cell,) = np.argwhere(fold.region)
    return int(fold.test[0]), tuple(cell.tolist())


def test_the_mean_percentile_over_all_pairs_is_the_auc():
    score = RNG.integers(0, 6, PAIR_SHAPE).astype(float)  # with ties
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
    assert "all of the pairs of 9 deposit cells with 9 background cells" in protocol.words


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
    row, column = np.indices(PAIR_SHAPE)
    # three cells: a half window along each axis, then twice the reach
    expected = np.zeros(PAIR_SHAPE, dtype=bool)
    for at in (place, cell):
        gap = np.hypot(np.maximum(abs(row - at[0]) - 1, 0), np.maximum(abs(column - at[1]) - 1, 0))
        expected |= gap <= 2
    np.testing.assert_array_equal(fold.hidden, expected)


def test_the_fewest_places_learned_from_are_said_exactly():
    protocol = LeavePairOut(GEOMETRY)
    fewest = min(len(f.train) for f in protocol.folds(ORE, 1500.0))
    assert f"at least {fewest} deposit cells" in protocol.words


def test_too_few_pairs_and_no_background_are_refused():
    with pytest.raises(SamplingError, match=r"8 pairs are too few to test each of 9.*9 or more"):
        LeavePairOut(GEOMETRY, pairs=8).folds(ORE, 0.0)
    only = np.zeros(PAIR_SHAPE, dtype=bool)
    only[tuple(AT.T)] = True
    with pytest.raises(SamplingError, match="9 deposit cells and 0 valid cells"):
        LeavePairOut(MapGeometry(only, 1000.0, 3)).folds(ORE, 0.0)
    with pytest.raises(SamplingError, match=r"leaves [01] deposit cells"):
        LeavePairOut(GEOMETRY).folds(ORE, 9000.0)


SHAPE = (60, 90)
LINE = np.array([0.0, 1.0, 2.0, 10.0])
TO_MAP = np.array([2.0, 2.0, 5.0, 8.0])


def distances(points):
    points = np.asarray(points, dtype=float).reshape(len(points), -1)
    apart = np.sqrt(((points[:, None] - points[None]) ** 2).sum(axis=-1))
    np.fill_diagonal(apart, np.inf)
    return apart


def share_within(distance, r):
    return np.mean(np.asarray(distance)[:, None] <= r, axis=0)


def test_four_places_on_a_line_by_hand():
    """Pairs 1 apart go while none of the map is that near: half are then within 2, as the map is.

    Place 1 has two neighbours at 1, which go together; places 0 and 2 then learn from each other.
    """
    kept = match_distances(distances(LINE), TO_MAP, np.inf, 0.0)
    learned = [np.flatnonzero(row).tolist() for row in kept]
    assert learned == [[2, 3], [3], [0, 3], [0, 1, 2]]


def test_distances_beyond_phi_and_the_least_share_stop_the_matching():
    apart = distances(LINE)
    everything = np.isfinite(apart)
    np.testing.assert_array_equal(match_distances(apart, TO_MAP, 0.5, 0.0), everything)
    np.testing.assert_array_equal(match_distances(apart, TO_MAP, np.inf, 0.75), everything)


def test_evenly_spread_places_lose_nobody():
    row, column = np.meshgrid(np.arange(5, 60, 10), np.arange(5, 90, 10), indexing="ij")
    at = np.column_stack([row.ravel(), column.ravel()])
    apart = distances(at)
    cells = np.argwhere(np.ones(SHAPE, dtype=bool))
    to_map = np.sqrt(((cells[:, None] - at[None]) ** 2).sum(axis=-1)).min(axis=1)
    np.testing.assert_array_equal(match_distances(apart, to_map, np.inf, 0.0), np.isfinite(apart))


@settings(deadline=None, max_examples=60)
@given(
    st.integers(0, 10_000),
    st.integers(3, 40),
    st.sampled_from([np.inf, 5.0, 20.0]),
    st.sampled_from([0.0, 0.5]),
)
def test_tested_places_are_no_nearer_than_the_map_is(seed, n, phi, least):
    """G*(r) < Gij(r) + 1/n up to phi, where the least share stops no row."""
    rng = np.random.default_rng(seed)
    centres = rng.uniform(0, 100, (3, 2))
    points = centres[rng.integers(0, 3, n)] + rng.normal(0, 4, (n, 2))
    apart = distances(points)
    cells = rng.uniform(0, 100, (300, 2))
    to_map = np.sqrt(((cells[:, None] - points[None]) ** 2).sum(axis=-1)).min(axis=1)
    kept = match_distances(apart, to_map, phi, least)
    nearest = np.where(kept, apart, np.inf).min(axis=1)
    r = np.unique(np.concatenate([to_map, nearest[np.isfinite(nearest)]]))
    r = r[r <= phi]
    if least == 0 or (kept.mean(axis=1) > least).all():
        assert (share_within(nearest, r) < share_within(to_map, r) + 1 / n).all()
    assert (kept.mean(axis=1) > least - 1 / n).all()
    # what is taken is nearer than what is left: a disc around the tested place
    taken = np.isfinite(apart) & ~kept
    farthest = np.where(taken, apart, 0).max(axis=1)
    assert (farthest <= np.minimum(nearest, phi)).all()


def clustered(seed, n=25):
    rng = np.random.default_rng(seed)
    at = np.array([30, 30]) + rng.integers(-9, 10, (n, 2))
    at = np.concatenate([at, [[5, 80], [50, 85], [55, 60], [8, 60]]])
    return Sampling.of(np.unique(at, axis=0), 1.0)


def nearest_learned(sampling, folds):
    return np.array(
        [np.hypot(*(sampling.at[f.train] - sampling.at[f.test]).T).min() * 1000 for f in folds]
    )


@pytest.mark.parametrize("seed", range(4))
def test_folds_match_the_map_and_keep_the_buffer(seed):
    geometry = MapGeometry(np.ones(SHAPE, dtype=bool), 1000.0, 1)
    sampling = clustered(seed)
    protocol = NearestNeighbourDistance(geometry, least=0.0)
    folds = protocol.folds(sampling, 0.0)
    tested = nearest_learned(sampling, folds)
    cells = np.argwhere(geometry.valid)
    to_map = np.sqrt(((cells[:, None] - sampling.at[None]) ** 2).sum(axis=-1)).min(axis=1) * 1000
    plain = distances(sampling.at).min(axis=1) * 1000
    r = np.unique(to_map)
    assert (share_within(tested, r) < share_within(to_map, r) + 1 / len(sampling)).all()
    assert (tested >= geometry.buffer(0.0)).all()
    # farther than plain leave-one-out, and nearer to the map's distances
    error = [np.abs(share_within(d, r) - share_within(to_map, r)).mean() for d in (tested, plain)]
    assert error[0] < error[1] / 2
    assert "to match these distances" in protocol.words
    assert f"at least {min(len(f.train) for f in folds)} deposit cells" in protocol.words


def test_a_place_is_ranked_among_the_unseen_cells_around_it():
    geometry = MapGeometry(np.ones(SHAPE, dtype=bool), 1000.0, 5)
    sampling = clustered(0)
    for fold in NearestNeighbourDistance(geometry).folds(sampling, 1000.0):
        (at,) = sampling.at[fold.test]
        assert fold.region[at[0], at[1]]
        assert fold.region.sum() >= 13
        # every cell of the region is unseen with its window and twice the reach, and no other is
        row, column = np.argwhere(fold.region)[-1]
        r, c = np.indices(SHAPE)
        gap = np.hypot(np.maximum(abs(r - row) - 2, 0), np.maximum(abs(c - column) - 2, 0))
        assert fold.hidden[gap <= 2].all()


def test_a_wide_buffer_needs_no_matching_and_too_wide_a_one_is_refused():
    geometry = MapGeometry(np.ones(SHAPE, dtype=bool), 1000.0, 5)
    rng = np.random.default_rng(1)
    at = np.unique(np.column_stack([rng.integers(0, 60, 50), rng.integers(0, 90, 50)]), axis=0)
    protocol = NearestNeighbourDistance(geometry)
    protocol.folds(Sampling.of(at, 1.0), 6000.0)
    assert "the buffer alone matches these distances" in protocol.words
    assert "17 km" in protocol.words
    with pytest.raises(SamplingError, match=r"leaves 0 deposit cells.*phi"):
        protocol.folds(Sampling.of(at, 1.0), 60_000.0)


def test_phi_limits_how_far_places_are_taken():
    geometry = MapGeometry(np.ones(SHAPE, dtype=bool), 1000.0, 1)
    sampling = clustered(2)
    free = nearest_learned(
        sampling, NearestNeighbourDistance(geometry, least=0.0).folds(sampling, 0)
    )
    near = NearestNeighbourDistance(geometry, phi=6000, least=0.0)
    held = nearest_learned(sampling, near.folds(sampling, 0.0))
    assert np.median(held) < np.median(free)
    assert "up to 6 km" in near.words
