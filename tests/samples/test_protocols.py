import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orecast.errors import SamplingError
from orecast.grid import window_rows
from orecast.samples import Sampling, deposit_groups, deposit_sampling, slide
from orecast.samples.protocols import Paper, Spatial, halved

SHAPE = (60, 90)


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
def test_no_training_window_comes_near_a_test_window(seed, size, reach):
    rng = np.random.default_rng(seed)
    at = places(rng, 40)
    sampling = Sampling.of(at, 1.0, deposit_groups(at, size))
    protocol = Spatial(5, size, SHAPE, 1000.0)
    try:
        folds = list(protocol.folds(sampling, reach))
    except SamplingError:
        return
    covered = np.zeros(SHAPE, dtype=int)
    for fold in folds:
        covered += fold.region
        assert not set(fold.train) & set(fold.test)
        assert fold.region[at[fold.test, 0], at[fold.test, 1]].all()
        train, region = at[fold.train], np.argwhere(fold.region)
        # shares no cell, and no sample that moved a cell of both: windows and twice the reach apart
        gap = np.abs(train[:, None, :] - region[None, :, :])
        apart = np.hypot(*np.maximum(gap - (size - 1), 0).transpose(2, 0, 1))
        assert apart.min() > 2 * reach / 1000
    assert (covered == 1).all()  # each cell is spoken for by one fold
    tested = np.concatenate([f.test for f in folds])
    assert sorted(tested) == list(range(len(at)))


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10_000), st.sampled_from([3, 9]))
def test_deposits_whose_windows_share_a_cell_are_never_parted(seed, size):
    at = places(np.random.default_rng(seed), 12)
    group = deposit_groups(at, size)
    for i in range(len(at)):
        for j in range(i):
            if cells_of(at[i : i + 1], size) & cells_of(at[j : j + 1], size):
                assert group[i] == group[j]
    protocol = Spatial(3, size, SHAPE, 1000.0)
    try:
        folds = list(protocol.folds(Sampling.of(at, 1.0, group), 0.0))
    except SamplingError:
        return
    if "kept together" in protocol.words:
        for fold in folds:
            assert not set(group[fold.test]) & set(
                group[np.setdiff1d(np.arange(len(at)), fold.test)]
            )


def test_one_crowd_of_deposits_is_cut_into_blocks_and_says_so():
    at = np.array([[30, c] for c in range(5, 85, 4)])
    sampling, _ = deposit_sampling(at, 9)
    assert len(set(sampling.group)) == 1
    protocol = Spatial(4, 9, SHAPE, 1000.0)
    folds = list(protocol.folds(sampling, 0.0))
    assert "crossing windows dropped" in protocol.words
    assert len(folds) == 4
    for fold in folds:
        assert len(fold.train) + len(fold.test) < len(at)  # those that cross were dropped
        assert np.abs(at[fold.train][:, None] - at[fold.test][None]).max(axis=-1).min() >= 9


def test_fewer_folds_than_asked_are_said():
    at = np.array([[5, 5], [5, 80], [50, 5], [50, 80]])
    protocol = Spatial(12, 5, SHAPE, 1000.0)
    folds = list(protocol.folds(deposit_sampling(at, 5)[0], 0.0))
    assert len(folds) == 4
    assert "12 were asked for" in protocol.words


def test_folds_that_cannot_be_cut_are_refused_with_the_distance():
    at = np.array([[30, 40], [30, 44], [31, 47]])
    with pytest.raises(SamplingError, match=r"29,000 m .*sampling\.window"):
        list(Spatial(5, 9, SHAPE, 1000.0).folds(deposit_sampling(at, 9)[0], 10_000.0))


@settings(deadline=None)
@given(st.integers(1, 60), st.integers(1, 9), st.integers(0, 1000))
def test_halving_fills_every_part(n_points, n, seed):
    n = min(n, n_points)
    points = np.random.default_rng(seed).random((n_points, 2))
    part = halved(points, np.ones(n_points), n)
    assert set(part) == set(range(n))


def test_the_paper_protocol_parts_the_copies_of_one_deposit():
    at = np.array([[10, 10], [40, 60]])
    ore = slide(Sampling.of(at, 1.0), 1, size=9, shape=SHAPE)
    barren = slide(Sampling.of(at[:, ::-1] % 60, 0.0), 1, size=9, shape=SHAPE)
    grown = ore.joined(barren)
    protocol = Paper(4, 9, SHAPE, 1000.0, seed=0)
    folds = list(protocol.folds(grown, 5000.0))
    assert protocol.grow_first
    assert all(set(grown.origin[f.test]) & set(grown.origin[f.train]) for f in folds)
    assert sorted(np.concatenate([f.test for f in folds])) == list(range(len(grown)))
    again = list(Paper(4, 9, SHAPE, 1000.0, seed=0).folds(grown, 5000.0))
    np.testing.assert_array_equal(folds[0].test, again[0].test)
    with pytest.raises(SamplingError, match="fewer folds"):
        list(Paper(40, 9, SHAPE, 1000.0).folds(grown, 0.0))
