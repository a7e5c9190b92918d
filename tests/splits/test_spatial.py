import numpy as np
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from orecast.errors import SamplingError
from orecast.grid import window_rows
from orecast.sampling import MapGeometry, Sampling, deposit_groups, deposit_sampling
from orecast.splits.spatial import Spatial, halved

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
    assert "crossing windows dropped" in protocol.words
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
