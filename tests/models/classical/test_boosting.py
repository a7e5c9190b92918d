import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier
from threadpoolctl import threadpool_info, threadpool_limits

from orecast.errors import ConfigError
from orecast.models.classical.trees import GradientBoosting
from orecast.sampling import Windows

GROUP = np.full(60, -1)


def textured(size=5, seed=0):
    """Ore in rough ground, barren in smooth, the centres alike."""
    rng = np.random.default_rng(seed)
    stack = rng.normal(size=(2, 60, 60)).astype(np.float32)
    stack[:, :, :30] *= 0.1
    at = np.stack([rng.integers(5, 55, 60), np.where(np.arange(60) % 2, 42, 15)], axis=1)
    stack[:, at[:, 0], at[:, 1]] = 0
    return Windows(stack, ("Au", "Cu"), at, size), (np.arange(60) % 2).astype(float)


def scattered(n=200):
    rng = np.random.default_rng(0)
    cells = np.argwhere(np.ones((20, 20), dtype=bool))[:n] + 1
    X = Windows(rng.normal(size=(3, 22, 22)).astype("f4"), ("a", "b", "c"), cells, 3)
    values = X.centre()
    return X, (values[:, 0] * values[:, 1] > 0.3).astype(float)


def fitted(X, y, seed=0, **options):
    return GradientBoosting(**options).fit(X, y, np.full(len(y), -1), seed=seed)


def test_equals_scikit_learns_trees_on_the_centres():
    X, y = scattered()
    theirs = HistGradientBoostingClassifier(
        max_iter=30,
        learning_rate=0.2,
        max_leaf_nodes=6,
        min_samples_leaf=4,
        class_weight="balanced",
        early_stopping=False,
    ).fit(X.centre(), y)
    ours = fitted(X, y, trees=30, rate=0.2, leaves=6, leaf=4)
    np.testing.assert_allclose(ours.predict(X), theirs.predict_proba(X.centre())[:, 1], atol=1e-12)


def test_one_stump_worked_by_hand():
    """Balanced classes start at F = 0, where the gradients are ±1/2 and the Hessians 1/4.

    A cut that is pure gives leaves of ±(1/2) / (1/4) = ±2, of which the rate takes a tenth.
    """
    values = np.repeat([0.0, 1.0], 10).astype(np.float32)
    at = np.stack([np.zeros(20, dtype=np.int64), np.arange(20)], axis=1)
    X = Windows(values[None, None], ("Au",), at, 1)
    scores = fitted(X, values.astype(float), trees=1, rate=0.1, leaves=2).predict(X)
    low, high = 1 / (1 + np.exp(0.2)), 1 / (1 + np.exp(-0.2))
    np.testing.assert_allclose(scores, np.repeat([low, high], 10), atol=1e-6)


def test_classes_are_weighted_to_balance():
    X, y = scattered()
    mean = fitted(X, y, trees=1, rate=1e-9).predict(X)
    np.testing.assert_allclose(mean, 0.5, atol=1e-6)
    assert y.mean() < 0.4


def test_layers_that_act_together_are_told_where_none_tells_alone():
    X, y = scattered(400)
    train, test = np.arange(300), np.arange(300, 400)
    scores = fitted(X.take(train), y[train]).predict(X.take(test))
    assert scores[y[test] == 1].mean() > scores[y[test] == 0].mean() + 0.4


def test_means_and_spreads_of_windows_tell_texture_where_centres_cannot():
    X, y = textured()
    whole, alone = fitted(X, y, features="window"), fitted(X, y)
    other, labels = textured(seed=1)
    scores = whole.predict(other)
    assert scores[labels == 1].min() > scores[labels == 0].max()
    assert np.ptp(alone.predict(other)) == 0


@pytest.mark.parametrize("features", ["centre", "window"])
def test_saved_it_is_read_again_bit_for_bit(features, tmp_path):
    X, y = scattered()
    machine = fitted(X, y, seed=3, trees=20, rate=0.3, leaves=5, leaf=2, features=features)
    machine.save(tmp_path)
    again = GradientBoosting.load(tmp_path)
    assert (again.trees, again.rate, again.leaves, again.leaf) == (20, 0.3, 5, 2)
    assert np.array_equal(again.predict(X), machine.predict(X))


def test_it_is_fitted_on_one_thread_whatever_the_machine_has(monkeypatch):
    """Scoring is the walk's own, and asks scikit-learn for nothing."""
    seen = []

    def watched(call):
        def told(*given):
            info = threadpool_info()
            seen.append({pool["num_threads"] for pool in info if pool["user_api"] == "openmp"})
            return call(*given)

        return told

    for name in ("fit", "predict_proba"):
        call = getattr(HistGradientBoostingClassifier, name)
        monkeypatch.setattr(HistGradientBoostingClassifier, name, watched(call))
    X, y = scattered()
    with threadpool_limits(2, user_api="openmp"):
        fitted(X, y, trees=2).predict(X)
    assert seen == [{1}]


def test_prediction_in_parts_equals_that_at_once(monkeypatch):
    X, y = scattered()
    machine = fitted(X, y, trees=10, features="window")
    whole = machine.predict(X)
    monkeypatch.setattr("orecast.models.classical._base._VALUES_AT_ONCE", 27 * 7)
    assert np.array_equal(machine.predict(X), whole)


@pytest.mark.parametrize(
    "options",
    [
        {"trees": 0},
        {"rate": 0},
        {"rate": "fast"},
        {"rate": float("nan")},
        {"leaves": 1},
        {"leaf": 2.5},
        {"trees": 10**9},
        {"leaves": 10**30},
        {"features": "windows"},
    ],
)
def test_impossible_options_are_refused_by_fit(options):
    X, y = textured()
    with pytest.raises(ConfigError, match=rf"model\.options\.{next(iter(options))}"):
        fitted(X, y, **options)
