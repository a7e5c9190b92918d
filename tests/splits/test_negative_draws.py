import numpy as np
import pytest

from orecast.errors import ConfigError, SamplingError
from orecast.sampling import MapGeometry, Sampling
from orecast.splits.negative_draws import NegativeDrawsProtocol, nearest_samples

SHAPE = (20, 30)
SAMPLES = np.array([[2, 2], [2, 8], [10, 15], [10, 20], [19, 29], [5, 5]])


def geometry(samples=SAMPLES):
    valid = np.ones(SHAPE, dtype=bool)
    valid[5, 5] = False
    return MapGeometry(valid, 1000.0, 3, samples)


def test_candidates_are_valid_samples_far_from_every_place():
    protocol = NegativeDrawsProtocol(geometry(), draws=7)
    (fold,) = protocol.folds(Sampling.of(np.array([[2, 2], [10, 20]]), 1.0), 2000.0)
    # (2, 8) lies 6 km off, (10, 15) exactly 5 km
    assert np.argwhere(fold.region).tolist() == [[2, 8], [10, 15], [19, 29]]
    assert fold.test.tolist() == [0, 1]
    assert not len(fold.train)
    assert not fold.hidden.any()
    assert "7 draws of as many negatives from 3 valid cells with a sample" in protocol.words
    assert "5 km" in protocol.words


def test_on_gridded_surveys_every_valid_cell_is_a_candidate():
    at = np.array([[10, 10]])
    (fold,) = NegativeDrawsProtocol(geometry(None), min_distance=3000).folds(
        Sampling.of(at, 1.0), 0.0
    )
    row, column = np.indices(SHAPE)
    expected = (np.hypot(row - 10, column - 10) >= 3) & geometry().valid
    np.testing.assert_array_equal(fold.region, expected)


def test_a_place_is_never_its_own_negative():
    (fold,) = NegativeDrawsProtocol(geometry(None), min_distance=0).folds(
        Sampling.of(np.array([[10, 10]]), 1.0), 0.0
    )
    assert fold.region.sum() == 20 * 30 - 2


def test_no_candidate_and_no_deposit_are_refused():
    with pytest.raises(SamplingError, match=r"none of 5 valid cells with a sample lies 40 km"):
        NegativeDrawsProtocol(geometry(), min_distance=40_000).folds(
            Sampling.of(np.array([[2, 2]]), 1.0), 0.0
        )
    with pytest.raises(SamplingError, match="no deposit cell"):
        NegativeDrawsProtocol(geometry()).folds(Sampling.of(np.array([[2, 2]]), 0.0), 0.0)


def test_the_nearest_sample_of_each_deposit_and_ties_go_north_west():
    at = np.array([[0, 0], [5, 5], [2, 5], [10, 18], [19, 5]])
    # (5, 5) holds a sample without evidence; (2, 5) is as far from (2, 2) as from (2, 8)
    assert nearest_samples(at, geometry()).tolist() == [[2, 2], [2, 2], [2, 2], [10, 20], [10, 15]]
    assert nearest_samples(np.array([[7, 7]]), geometry(None)).tolist() == [[7, 7]]
    assert nearest_samples(np.array([[5, 5]]), geometry(None)).tolist() == [[4, 5]]


def test_no_sample_with_evidence_is_refused():
    with pytest.raises(SamplingError, match="no cell with a sample"):
        nearest_samples(np.array([[1, 1]]), geometry(np.array([[5, 5]])))


def test_draws_without_end_are_refused():
    geometry = MapGeometry(np.ones((9, 9), dtype=bool), 100.0, 3)
    with pytest.raises(ConfigError, match=r"validation\.options\.draws: .*from 2 to 100000"):
        NegativeDrawsProtocol(geometry, draws=10**9)
