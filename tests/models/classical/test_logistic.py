import numpy as np
import pytest

from orecast.errors import ConfigError
from orecast.models.classical.classifiers import LogisticRegression
from orecast.sampling import Windows

CELLS = np.argwhere(np.ones((10, 10), dtype=bool))
GROUP = np.full(100, -1)


def windows(seed=0, factor=1.0):
    rng = np.random.default_rng(seed)
    stack = (rng.normal(size=(3, 10, 10)) * factor).astype(np.float32)
    X = Windows(stack, ("Au", "Cu", "Zn"), CELLS, 1)
    logit = 2 * stack[0].ravel() / factor - stack[2].ravel() / factor
    return X, (rng.uniform(size=100) < 1 / (1 + np.exp(-logit))).astype(float)


def test_signs_follow_the_truth():
    X, y = windows()
    weights = LogisticRegression().fit(X, y, GROUP, seed=0).weights_
    assert weights[0] > abs(weights[1])
    assert weights[2] < 0


def test_equals_scikit_learns_regression():
    from sklearn.linear_model import LogisticRegression as Theirs

    X, y = windows()
    values = X.centre().astype(np.float64)
    values = (values - values.mean(axis=0)) / values.std(axis=0)
    theirs = Theirs(C=1 / 3, class_weight="balanced").fit(values, y)
    ours = LogisticRegression(strength=3).fit(X, y, GROUP, seed=0)
    np.testing.assert_allclose(ours.predict(X), theirs.predict_proba(values)[:, 1], atol=1e-12)


def test_a_stronger_penalty_means_smaller_weights():
    X, y = windows()
    norms = [
        np.linalg.norm(LogisticRegression(strength=s).fit(X, y, GROUP, seed=0).weights_)
        for s in (0.01, 1, 100)
    ]
    assert norms[0] > norms[1] > norms[2] > 0


def test_the_unit_of_the_layers_does_not_matter():
    X, y = windows()
    other, same = windows(factor=1024.0)
    assert np.array_equal(y, same)
    np.testing.assert_allclose(
        LogisticRegression().fit(other, y, GROUP, seed=0).predict(other),
        LogisticRegression().fit(X, y, GROUP, seed=0).predict(X),
        atol=1e-6,
    )


def test_a_constant_layer_weighs_nothing():
    X, y = windows()
    X.stack[1] = 7
    assert LogisticRegression().fit(X, y, GROUP, seed=0).weights_[1] == 0


@pytest.mark.parametrize("strength", [0, -1, float("inf"), float("nan"), "strong"])
def test_an_impossible_strength_is_refused(strength):
    X, y = windows()
    with pytest.raises(ConfigError, match=r"model\.options\.strength"):
        LogisticRegression(strength=strength).fit(X, y, GROUP, seed=0)
