import numpy as np
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from orecast.errors import SamplingError
from orecast.grid import window_rows
from orecast.sampling import MapGeometry, Sampling, deposit_groups, deposit_sampling
from orecast.splits.spatial import Blocks, Spatial, halved

SHAPE = (60, 90)


def geometry(size):
    return MapGeometry(np.ones(SHAPE, dtype=bool), 1000.0, size)


def places(rng, n):
    at = np.column_stack([rng.integers(0, SHAPE[0], n), rng.integers(0, SHAPE[1], n)])
    return np.unique(at, axis=0)


def cells_of(at, size):
    rows, columns = window_rows(at, size)
    return {(r, c) for i in range(len(at)) for r in rows[i] for c in columns[i]}


@settings(deadline=None, max_examples=40)
@given(
    st.integers(0, 10_000), st.sampled_from([1, 4, 5, 9]), st.sampled_from([0.0, 1500.0, 3000.0])
)
def test_each_cell_is_spoken_for_by_one_fold(seed, size, reach):
    at = places(np.random.default_rng(seed), 40)
    try:
        folds = Spatial(geometry(size)).folds(Sampling.of(at, 1.0, deposit_groups(at, size)), reach)
    except SamplingError:
        reject()
    assert (sum(f.region.astype(int) for f in folds) == 1).all()
    for fold in folds:
        assert fold.region[at[fold.test, 0], at[fold.test, 1]].all()
    assert sorted(np.concatenate([f.test for f in folds])) == list(range(len(at)))


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10_000), st.sampled_from([3, 9]))
def test_deposits_whose_windows_share_a_cell_are_never_parted(seed, size):
    at = places(np.random.default_rng(seed), 12)
    group = deposit_groups(at, size)
    for i in range(len(at)):
        for j in range(i):
            if cells_of(at[i : i + 1], size) & cells_of(at[j : j + 1], size):
                assert group[i] == group[j]
    protocol = Spatial(geometry(size), 3)
    try:
        folds = protocol.folds(Sampling.of(at, 1.0, group), 0.0)
    except SamplingError:
        reject()
    assert "kept together" in protocol.words
    for fold in folds:
        others = np.setdiff1d(np.arange(len(at)), fold.test)
        assert not set(group[fold.test]) & set(group[others])


def test_one_crowd_of_deposits_is_cut_into_blocks_and_says_so():
    at = np.array([[30, c] for c in range(5, 85, 4)])
    sampling, _ = deposit_sampling(at, 9)
    assert len(set(sampling.group)) == 1
    protocol = Spatial(geometry(9), 4)
    folds = protocol.folds(sampling, 0.0)
    assert "windows that cross the limit were not used" in protocol.words
    assert len(folds) == 4
    for fold in folds:
        assert len(fold.train) + len(fold.test) < len(at)  # those that cross were dropped
        assert np.abs(at[fold.train][:, None] - at[fold.test][None]).max(axis=-1).min() >= 9


def test_fewer_folds_than_asked_are_said():
    at = np.array([[5, 5], [5, 80], [50, 5], [50, 80]])
    protocol = Spatial(geometry(5), 12)
    folds = protocol.folds(deposit_sampling(at, 5)[0], 0.0)
    assert len(folds) == 4
    assert "12 were asked for" in protocol.words


def test_folds_that_cannot_be_cut_are_refused_with_the_distance():
    at = np.array([[30, 40], [30, 44], [31, 47]])
    with pytest.raises(SamplingError, match=r"29,000 m .*sampling\.window"):
        Spatial(geometry(9)).folds(deposit_sampling(at, 9)[0], 10_000.0)


@settings(deadline=None)
@given(st.integers(1, 60), st.integers(1, 9), st.integers(0, 1000))
def test_halving_fills_every_part(n_points, n, seed):
    n = min(n, n_points)
    points = np.random.default_rng(seed).random((n_points, 2))
    part = halved(points, np.ones(n_points), n)
    assert set(part) == set(range(n))


BLOCK_SHAPE = (40, 80)


def with_gaps(size=3):
    valid = np.ones(BLOCK_SHAPE, dtype=bool)
    valid[:10, :10] = False  # a whole block without evidence
    valid[12:18, 30:37] = False
    return MapGeometry(valid, 1000.0, size)


def scattered(seed, n=60):
    rng = np.random.default_rng(seed)
    at = rng.permutation(np.argwhere(with_gaps().valid))[:n]
    return Sampling.of(at, 1.0)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 1000), st.integers(2, 5))
def test_blocks_are_whole_cover_the_area_and_share_out_the_deposits(seed, n):
    sampling = scattered(seed)
    folds = Blocks(with_gaps(), n, seed, block=10_000).folds(sampling, 0.0)
    regions = np.stack([f.region for f in folds])
    np.testing.assert_array_equal(regions.sum(axis=0), with_gaps().valid)  # each valid cell once
    for row in range(0, 40, 10):
        for column in range(0, 80, 10):
            square = regions[:, row : row + 10, column : column + 10]
            assert square.any(axis=(1, 2)).sum() <= 1  # a block is of one fold
    tested = [len(f.test) for f in folds]
    fullest = max(
        np.unique(sampling.at // 10, axis=0, return_counts=True)[1]
    )  # no fairer than its largest block
    assert max(tested) - min(tested) <= fullest
    for fold in folds:
        at = sampling.at[fold.test]
        assert fold.region[at[:, 0], at[:, 1]].all()


def test_the_side_is_said_as_it_was_cut():
    protocol = Blocks(with_gaps(), 3, block=9_600)
    protocol.folds(scattered(1), 1000.0)
    assert "3 folds of square blocks of 10 km" in protocol.words
    assert "5 km (a window plus twice the reach)" in protocol.words


def test_a_block_left_out_is_never_smaller_than_the_buffer_and_deals_evenly():
    sampling = scattered(2)
    protocol = Blocks(with_gaps(), 5)
    folds = protocol.folds(sampling, 2000.0)
    side = float(protocol.words.split("blocks of ")[1].split(" km")[0])
    assert side >= 7
    assert max(len(f.test) for f in folds) <= 1.5 * 60 / 5
    given_ = Blocks(with_gaps(), 5, block=side * 1000).folds(sampling, 2000.0)
    for a, b in zip(folds, given_, strict=True):
        np.testing.assert_array_equal(a.region, b.region)


def test_folds_without_a_test_or_without_training_are_refused():
    with pytest.raises(
        SamplingError, match=r"60 km.*would test no deposit.*fewer validation.folds"
    ) as refused:
        Blocks(with_gaps(), 5, block=60_000).folds(scattered(0), 0.0)
    assert refused.value.where == "validation.options.block"
    with pytest.raises(SamplingError, match=r"fewer than 2 deposit cells.*larger blocks"):
        Blocks(with_gaps(), 5, block=5_000).folds(scattered(0), 8_000.0)


def test_more_folds_than_deposits_are_refused_before_any_is_cut():
    with pytest.raises(SamplingError, match="60 deposit cells are too few for") as caught:
        Blocks(with_gaps(), 10**9).folds(scattered(1), 1000.0)
    assert caught.value.where == "validation.folds"
    assert caught.value.remedy == "set it to 60 or less"


@pytest.mark.parametrize("block", [1e9, 1e300])
def test_a_block_larger_than_the_map_is_the_map(block):
    with pytest.raises(SamplingError, match=r"80 km.*would test no deposit"):
        Blocks(with_gaps(), 3, block=block).folds(scattered(1), 1000.0)
