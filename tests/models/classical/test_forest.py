import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier

from orecast.errors import ConfigError, ModelError
from orecast.models.classical.trees import RandomForest
from orecast.sampling import Windows

GROUP = np.full(60, -1)
CELLS = np.random.default_rng(1).integers(0, 20, (60, 2))


def textured(size=5, seed=0):
    """Ore in rough ground, barren in smooth, the centres alike."""
    rng = np.random.default_rng(seed)
    stack = rng.normal(size=(2, 60, 60)).astype(np.float32)
    stack[:, :, :30] *= 0.1
    at = np.stack([rng.integers(5, 55, 60), np.where(np.arange(60) % 2, 42, 15)], axis=1)
    stack[:, at[:, 0], at[:, 1]] = 0
    return Windows(stack, ("Au", "Cu"), at, size), (np.arange(60) % 2).astype(float)


def test_equals_scikit_learns_forest_on_the_centres():
    rng = np.random.default_rng(0)
    X = Windows(rng.normal(size=(3, 20, 20)).astype("f4"), ("a", "b", "c"), CELLS, 3)
    y = (X.centre()[:, 0] > 0).astype(float)
    ours = RandomForest(trees=25, leaf=3).fit(X, y, GROUP, seed=0)
    theirs = RandomForestClassifier(
        25,
        min_samples_leaf=3,
        class_weight="balanced",
        random_state=int(np.random.SeedSequence(0).generate_state(1)[0]),
    ).fit(X.centre(), y)
    np.testing.assert_allclose(ours.predict(X), theirs.predict_proba(X.centre())[:, 1], atol=1e-15)


def test_means_and_spreads_of_windows_tell_texture_where_centres_cannot():
    X, y = textured()
    whole = RandomForest(trees=30, features="window").fit(X, y, GROUP, seed=0)
    alone = RandomForest(trees=30).fit(X, y, GROUP, seed=0)
    other, labels = textured(seed=1)
    scores = whole.predict(other)
    assert scores[labels == 1].min() > scores[labels == 0].max()
    assert np.ptp(alone.predict(other)) == 0


def test_window_features_are_value_mean_and_spread(monkeypatch):
    tables = []
    fit = RandomForestClassifier.fit
    monkeypatch.setattr(
        RandomForestClassifier, "fit", lambda self, X, y: tables.append(X) or fit(self, X, y)
    )
    X, y = textured(size=3)
    RandomForest(trees=1, features="window").fit(X, y, GROUP, seed=0)
    batch = X.batch()
    expected = np.hstack([batch[:, :, 1, 1], batch.mean(axis=(2, 3)), batch.std(axis=(2, 3))])
    np.testing.assert_allclose(tables[0], expected, atol=1e-6)


@pytest.mark.parametrize("kind", ["centre", "window"])
def test_threads_move_no_bit(kind):
    X, y = textured()
    far = X.at_cells(np.argwhere(np.ones((50, 50), dtype=bool)) + 5)
    one, three = (
        RandomForest(trees=20, features=kind, jobs=jobs).fit(X, y, GROUP, seed=0) for jobs in (1, 3)
    )
    assert np.array_equal(one.predict(X), three.predict(X))
    assert np.array_equal(one.predict(far), three.predict(far))


def test_a_window_forest_is_saved_and_read_again(tmp_path):
    X, y = textured()
    forest = RandomForest(trees=20, leaf=2, features="window").fit(X, y, GROUP, seed=0)
    forest.save(tmp_path)
    again = RandomForest.load(tmp_path)
    assert (again.trees, again.leaf, again.features) == (20, 2, "window")
    assert np.array_equal(again.predict(X), forest.predict(X))


def test_a_gap_beside_the_centre_matters_to_window_features_alone():
    X, y = textured()
    X.stack[1, X.at[0, 0], X.at[0, 1] + 1] = np.nan
    RandomForest(trees=5).fit(X, y, GROUP, seed=0)
    with pytest.raises(ModelError, match="layer Cu"):
        RandomForest(trees=5, features="window").fit(X, y, GROUP, seed=0)


@pytest.mark.parametrize(
    "options",
    [
        {"trees": 0},
        {"trees": 2.5},
        {"trees": 10**9},
        {"leaf": "two"},
        {"leaf": 10**30},
        {"jobs": True},
        {"jobs": 10**9},
        {"features": "windows"},
    ],
)
def test_impossible_options_are_refused_by_fit(options):
    X, y = textured()
    with pytest.raises(ConfigError, match=rf"model\.options\.{next(iter(options))}"):
        RandomForest(**options).fit(X, y, GROUP, seed=0)
