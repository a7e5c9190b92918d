import numpy as np
import pytest
from scipy.special import logit
from sklearn.svm import SVC

from orecast.errors import ConfigError
from orecast.models.classical.classifiers import SupportVectors
from orecast.sampling import Windows

RNG = np.random.default_rng(0)
TABLE = RNG.normal(size=(300, 3)).astype(np.float32)
LABELS = (np.hypot(TABLE[:, 0], TABLE[:, 1]) + RNG.normal(0, 0.3, 300) < 0.8).astype(float)


def windows(table):
    table = np.asarray(table, dtype=np.float32)
    n, p = table.shape
    at = np.stack([np.zeros(n, dtype=np.int64), np.arange(n)], axis=1)
    return Windows(table.T[:, None], tuple(f"E{i}" for i in range(p)), at, 1)


def fitted(table, y, **options):
    X = windows(table)
    return SupportVectors(**options).fit(X, np.asarray(y, float), np.full(len(X), -1), seed=0)


@pytest.mark.parametrize("gamma", [None, 2.0])
@pytest.mark.parametrize("cost", [0.1, 10])
def test_equals_scikit_learns_machine(cost, gamma):
    table = (TABLE * [1, 50, 0.02] + [0, 7, 1]).astype(np.float32).astype(np.float64)
    standard = (table - table.mean(axis=0)) / table.std(axis=0)
    theirs = SVC(C=cost, gamma=gamma or 1 / 3, class_weight="balanced").fit(standard, LABELS)
    scores = fitted(table, LABELS, cost=cost, gamma=gamma).predict(windows(table))
    np.testing.assert_allclose(logit(scores), theirs.decision_function(standard), atol=1e-9)
    assert np.array_equal(scores > 0.5, theirs.predict(standard) == 1)


@pytest.mark.parametrize("gamma", [0.3, 1.0])
def test_a_case_worked_by_hand(gamma):
    """Two windows at -1 and 1, free to weigh what they need: f is 1 at ore, -1 at the other."""
    detector = fitted([[-1], [1]], [0, 1], gamma=gamma, cost=100.0)
    a = 1 / (1 - np.exp(-4 * gamma))
    np.testing.assert_allclose(detector.weights_, [-a, a], rtol=1e-3)
    ore, barren, between, x = detector.predict(windows([[1], [-1], [0], [0.5]]))
    assert logit(ore) == pytest.approx(1, rel=1e-3)
    assert logit(barren) == pytest.approx(-1, rel=1e-3)
    assert between == pytest.approx(0.5, abs=1e-3)
    expected = a * (np.exp(-gamma * 0.25) - np.exp(-gamma * 2.25))
    assert logit(x) == pytest.approx(expected, rel=1e-3)


def test_a_cost_that_binds_is_divided_between_the_classes():
    """Of 1 ore to 3 barren the ore's cost is 2, each barren one's 2/3; the classes' sums agree."""
    detector = fitted([[0], [0.1], [-0.1], [0.02]], [1, 0, 0, 0], cost=0.01)
    np.testing.assert_allclose(np.sort(detector.weights_), [*[-0.01 * 2 / 3] * 3, 0.02])


def test_far_from_all_windows_the_score_is_that_of_the_intercept():
    detector = fitted(TABLE, LABELS)
    far = detector.predict(windows([[1000, 0, 0], [0, -2000, 0]]))
    np.testing.assert_allclose(logit(far), detector.intercept_)


def test_rows_of_which_any_number_is_scored_at_once_score_the_same(monkeypatch):
    detector = fitted(TABLE, LABELS)
    whole = detector.predict(windows(TABLE))
    monkeypatch.setattr("orecast.models.classical.anomaly._KERNEL_VALUES_AT_ONCE", 7)
    assert np.array_equal(detector.predict(windows(TABLE)), whole)


@pytest.mark.parametrize("option", ["cost", "gamma"])
@pytest.mark.parametrize("value", [0, -1, float("inf"), float("nan"), "wide", True])
def test_an_impossible_option_is_refused(option, value):
    with pytest.raises(ConfigError, match=rf"model\.options\.{option}"):
        fitted(TABLE, LABELS, **{option: value})
