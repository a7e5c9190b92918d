import numpy as np
import pytest
from sklearn.cluster import KMeans

from orecast.errors import ConfigError, SamplingError
from orecast.models.classical.classifiers import Clusters
from orecast.sampling import Windows

RNG = np.random.default_rng(0)
MIDDLES = np.array([[0, 0, 0], [9, 0, 0], [0, 9, 0], [0, 0, 9]])
CLUSTER = np.arange(400) % 4
TABLE = (MIDDLES[CLUSTER] + RNG.normal(size=(400, 3))).astype(np.float32)
LABELS = (RNG.uniform(size=400) < np.array([0.1, 0.2, 0.5, 0.9])[CLUSTER]).astype(float)


def windows(table):
    table = np.asarray(table, dtype=np.float32)
    n, p = table.shape
    at = np.stack([np.zeros(n, dtype=np.int64), np.arange(n)], axis=1)
    return Windows(table.T[:, None], tuple(f"E{i}" for i in range(p)), at, 1)


def fitted(table, y, seed=0, **options):
    X = windows(table)
    return Clusters(**options).fit(X, np.asarray(y, float), np.full(len(X), -1), seed=seed)


def test_clusters_are_scikit_learns():
    mean, spread = TABLE.mean(axis=0, dtype=np.float64), TABLE.std(axis=0, dtype=np.float64)
    theirs = KMeans(4, n_init=20, random_state=1).fit((TABLE - mean) / spread)
    ours = fitted(TABLE, LABELS, clusters=4)
    order = np.lexsort(ours.centres_.T)
    expected = theirs.cluster_centers_[np.lexsort(theirs.cluster_centers_.T)]
    np.testing.assert_allclose(ours.centres_[order], expected, atol=1e-9)


def test_a_case_worked_by_hand():
    """Clusters at 0 and 10 with 3 of 4 and 1 of 2 windows of ore: of each class's own number,
    3/4 to 1/2 and 1/4 to 1/2. From 1 the squared distances are 1 and 81.
    """
    table = [[-0.1], [0.1], [-0.1], [0.1], [9.9], [10.1]]
    detector = fitted(table, [1, 1, 1, 0, 1, 0], clusters=2)
    low, high = (0.75 / 1.25, 0.25 / 0.75)
    at = detector.predict(windows([[0], [10], [5], [1], [1e6]]))
    one = (low + high / 81) / (1 + 1 / 81)
    np.testing.assert_allclose(at, [low, high, (low + high) / 2, one, (low + high) / 2], rtol=1e-5)


def test_at_a_clusters_mean_the_score_is_its_share_of_ore():
    detector = fitted(TABLE, LABELS, clusters=4)
    ore = np.bincount(CLUSTER, LABELS) / LABELS.sum()
    barren = np.bincount(CLUSTER, 1 - LABELS) / (1 - LABELS).sum()
    means = np.array([TABLE[k == CLUSTER].mean(axis=0, dtype=np.float64) for k in range(4)])
    np.testing.assert_allclose(detector.predict(windows(means)), ore / (ore + barren), atol=1e-5)


def test_a_cell_nearer_to_the_richest_cluster_scores_higher_and_none_tie():
    detector = fitted(TABLE, LABELS, clusters=4)
    way = np.linspace(0.05, 0.95, 50)[:, None] * MIDDLES[3]
    assert (np.diff(detector.predict(windows(way))) > 0).all()
    assert len(np.unique(detector.predict(windows(TABLE)))) > 390


@pytest.mark.parametrize("seed", [0, 1, 2**40])
def test_labels_move_no_cluster(seed):
    first, second = (fitted(TABLE, y, seed) for y in (LABELS, LABELS[::-1]))
    assert np.array_equal(first.centres_, second.centres_)
    assert not np.array_equal(first.shares_, second.shares_)


def test_one_cluster_says_nothing():
    detector = fitted(TABLE, LABELS, clusters=1)
    np.testing.assert_allclose(detector.predict(windows(TABLE)), 0.5)


def test_fewer_distinct_windows_than_clusters_are_refused():
    with pytest.raises(SamplingError, match="3 distinct training windows"):
        fitted(np.repeat([[0], [1], [2]], 4, axis=0), np.arange(12) % 2)


@pytest.mark.parametrize("clusters", [0, -1, 2.5, "5", True])
def test_an_impossible_number_of_clusters_is_refused(clusters):
    with pytest.raises(ConfigError, match=r"model\.options\.clusters"):
        fitted(TABLE, LABELS, clusters=clusters)
