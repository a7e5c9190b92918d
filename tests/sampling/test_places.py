import numpy as np
import pytest
from scipy.ndimage import distance_transform_edt

from orecast.errors import SamplingError
from orecast.sampling import NegativeRule, choose_negatives, deposit_sampling


def test_deposits_in_one_cell_are_one_place():
    sampling, row = deposit_sampling(np.array([[3, 3], [9, 9], [3, 3]]), 3)
    assert sampling.at.tolist() == [[3, 3], [9, 9]]
    assert row.tolist() == [0, 1, 0]


SHAPE = (40, 50)
ORE = np.array([[10, 10], [30, 40]])
ALL = np.ones(SHAPE, dtype=bool)


def distance():
    elsewhere = np.ones(SHAPE, dtype=bool)
    elsewhere[ORE[:, 0], ORE[:, 1]] = False
    return distance_transform_edt(elsewhere)


def test_random_negatives_are_candidates_and_no_deposits():
    candidates = ALL.copy()
    candidates[:, 25:] = False
    at, _ = choose_negatives(NegativeRule("random"), 60, ORE, candidates, seed=0)
    assert len({tuple(c) for c in at.tolist()}) == 60
    assert candidates[at[:, 0], at[:, 1]].all()
    assert not {(10, 10), (30, 40)} & {tuple(c) for c in at.tolist()}
    again, _ = choose_negatives(NegativeRule("random"), 60, ORE, candidates, seed=0)
    np.testing.assert_array_equal(at, again)
    other, _ = choose_negatives(NegativeRule("random"), 60, ORE, candidates, seed=1)
    assert at.tolist() != other.tolist()


def test_negatives_by_distance_keep_it():
    at, words = choose_negatives(NegativeRule("distance", 12), 100, ORE, ALL, seed=0)
    assert distance()[at[:, 0], at[:, 1]].min() >= 12
    assert "12 cells" in words


def target():
    """Concentration falls from the deposits outwards, in steps that cluster."""
    return (np.floor(distance() / 8) * -1.0).astype(np.float32)


def test_negatives_by_kmeans_lie_in_low_clusters_and_far_from_faults():
    faults = np.broadcast_to(np.arange(50, dtype=np.float32), SHAPE)
    rule = NegativeRule("kmeans", 5, 4, fault_distance=20)
    at, words = choose_negatives(rule, 50, ORE, ALL, target=target(), faults=faults, seed=0)
    assert f"in the lowest 2 of 4 clusters of the target, where 0 of {len(ORE)} deposits" in words
    assert faults[at[:, 0], at[:, 1]].min() >= 20
    assert distance()[at[:, 0], at[:, 1]].min() >= 8  # the deposits' own cluster is within 8


@pytest.mark.parametrize(("low", "expected"), [(None, 3), (1, 1), (4, 4)])
def test_negatives_by_kmeans_never_lie_in_the_highest_clusters(low, expected):
    """Five even bands, with the deposits in the lowest: the highest are no barren ground then."""
    steps = np.broadcast_to(np.arange(50) // 10, SHAPE).astype(np.float32)
    ore = np.array([[3, 2], [35, 5]])
    rule = NegativeRule("kmeans", 2, 5, low=low)
    at, words = choose_negatives(rule, 400, ore, ALL, target=steps, seed=0)
    assert set(at[:, 1] // 10) == set(range(expected))
    assert f"the lowest {expected} of 5 clusters of the target, where 2 of 2 deposits" in words


def test_concentrations_are_clustered_by_their_logarithm():
    """Of bands that double in grade the plain clusters would part the two richest alone."""
    grade = np.broadcast_to(10.0 ** (np.arange(50) // 10), SHAPE).astype(np.float32)
    rule = NegativeRule("kmeans", 2, 5, low=2, logarithm=True)
    at, words = choose_negatives(rule, 400, ORE, ALL, target=grade, seed=0)
    assert set(at[:, 1] // 10) == {0, 1}
    assert "clusters of the target's logarithm" in words
    with pytest.raises(SamplingError, match="not above zero"):
        choose_negatives(rule, 400, ORE, ALL, target=grade - 1, seed=0)


def test_hidden_target_values_do_not_move_the_choice():
    candidates = ALL.copy()
    candidates[:, 30:] = False
    changed = target()
    changed[~candidates] = 99
    rule = NegativeRule("kmeans", 5, 4)
    ore = ORE[:1]
    a, _ = choose_negatives(rule, 30, ore, candidates, target=target(), seed=0)
    b, _ = choose_negatives(rule, 30, ore, candidates, target=changed, seed=0)
    np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    ("rule", "options", "words"),
    [
        (NegativeRule("distance", 1000), {}, "lower sampling.distance"),
        (NegativeRule("kmeans", 5), {}, "need the target element"),
        (NegativeRule("kmeans", 5, 3, 9), {"target": target()}, "distance to faults"),
        (NegativeRule("kmeans", 5, 3), {"target": np.ones(SHAPE, np.float32)}, "distinct values"),
    ],
)
def test_refusals_name_the_setting(rule, options, words):
    with pytest.raises(SamplingError, match=words):
        choose_negatives(rule, 10, ORE, ALL, seed=0, **options)
