import numpy as np
import pytest
from sklearn.ensemble import IsolationForest as Theirs

from orecast.models.classical.anomaly import IsolationForest
from orecast.sampling import Windows

TABLE = np.random.default_rng(0).normal(size=(400, 3)).astype(np.float32)


def windows(table):
    table = np.asarray(table, dtype=np.float32)
    n, p = table.shape
    at = np.stack([np.zeros(n, dtype=np.int64), np.arange(n)], axis=1)
    return Windows(table.T[:, None], tuple(f"E{i}" for i in range(p)), at, 1)


def scores(table, at=None, seed=0, **options):
    X = windows(table)
    forest = IsolationForest(**options)
    forest.fit(X, np.full(len(X), np.nan), np.full(len(X), -1), seed=seed)
    return forest.predict(X if at is None else windows(at))


@pytest.mark.parametrize("sample", [256, 1000])
def test_equals_scikit_learns_forest(sample):
    state = int(np.random.SeedSequence([4, 1]).generate_state(1)[0])
    theirs = Theirs(n_estimators=50, max_samples=min(sample, 400), random_state=state).fit(TABLE)
    ours = scores(TABLE, seed=4, trees=50, sample=sample)
    assert np.array_equal(ours, -theirs.score_samples(TABLE))


def test_a_case_worked_by_hand():
    """Of 0, 1, 10 a first cut in [0, 10] sets 10 apart with chance 0.9, else 0.

    So the mean path lengths are 1.9, 2 and 1.1, and that of a search among three is
    2 (ln 2 + 0.5772) - 4 / 3 = 1.2074.
    """
    expected = 2 ** (-np.array([1.9, 2.0, 1.1]) / 1.2074)
    np.testing.assert_allclose(scores([[0], [1], [10]], trees=1500), expected, atol=0.015)


def test_trees_of_two_windows_tell_nothing():
    """Every path is one cut long, as long as that of a search among two."""
    assert set(scores(TABLE, sample=2, trees=20)) == {0.5}


def test_the_unit_of_the_layers_does_not_matter():
    np.testing.assert_allclose(scores(TABLE * 1024, trees=50), scores(TABLE, trees=50), atol=1e-12)


def test_seeds_grow_different_forests_of_like_opinion():
    one, other = (scores(TABLE, seed=seed) for seed in (0, 1))
    assert not np.array_equal(one, other)
    assert np.corrcoef(one, other)[0, 1] > 0.95
