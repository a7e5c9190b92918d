import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orecast.errors import SamplingError
from orecast.sampling import MapGeometry, Sampling
from orecast.splits.blocks import Blocks

SHAPE = (40, 80)


def geometry(size=3):
    valid = np.ones(SHAPE, dtype=bool)
    valid[:10, :10] = False  # a whole block without evidence
    valid[12:18, 30:37] = False
    return MapGeometry(valid, 1000.0, size)


def scattered(seed, n=60):
    rng = np.random.default_rng(seed)
    at = rng.permutation(np.argwhere(geometry().valid))[:n]
    return Sampling.of(at, 1.0)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 1000), st.integers(2, 5))
def test_blocks_are_whole_cover_the_area_and_share_out_the_deposits(seed, n):
    sampling = scattered(seed)
    folds = Blocks(geometry(), n, seed, block=10_000).folds(sampling, 0.0)
    regions = np.stack([f.region for f in folds])
    np.testing.assert_array_equal(regions.sum(axis=0), geometry().valid)  # each valid cell once
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
    protocol = Blocks(geometry(), 3, block=9_600)
    protocol.folds(scattered(1), 1000.0)
    assert "3 folds of square blocks of 10 km" in protocol.words
    assert "5 km (a window plus twice the reach)" in protocol.words


def test_a_block_left_out_is_never_smaller_than_the_buffer_and_deals_evenly():
    sampling = scattered(2)
    protocol = Blocks(geometry(), 5)
    folds = protocol.folds(sampling, 2000.0)
    side = float(protocol.words.split("blocks of ")[1].split(" km")[0])
    assert side >= 7
    assert max(len(f.test) for f in folds) <= 1.5 * 60 / 5
    given_ = Blocks(geometry(), 5, block=side * 1000).folds(sampling, 2000.0)
    for a, b in zip(folds, given_, strict=True):
        np.testing.assert_array_equal(a.region, b.region)


def test_folds_without_a_test_or_without_training_are_refused():
    with pytest.raises(
        SamplingError, match=r"60 km.*would test no deposit.*fewer validation.folds"
    ) as refused:
        Blocks(geometry(), 5, block=60_000).folds(scattered(0), 0.0)
    assert refused.value.where == "validation.options.block"
    with pytest.raises(SamplingError, match=r"fewer than 2 places.*larger blocks"):
        Blocks(geometry(), 5, block=5_000).folds(scattered(0), 8_000.0)


def test_more_folds_than_deposits_are_refused_before_any_is_cut():
    with pytest.raises(SamplingError, match="60 places of ore are too few for") as caught:
        Blocks(geometry(), 10**9).folds(scattered(1), 1000.0)
    assert caught.value.where == "validation.folds"
    assert caught.value.remedy == "set it to 60 or less"


@pytest.mark.parametrize("block", [1e9, 1e300])
def test_a_block_larger_than_the_map_is_the_map(block):
    with pytest.raises(SamplingError, match=r"80 km.*would test no deposit"):
        Blocks(geometry(), 3, block=block).folds(scattered(1), 1000.0)
