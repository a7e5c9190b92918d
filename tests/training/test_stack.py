import numpy as np
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from orecast.config import Training
from orecast.errors import ConfigError, SamplingError
from orecast.sampling.windows import Scaling, Windows
from orecast.training import build_model
from orecast.training.ensembles import Stack, _logits, non_negative_logistic
from orecast.training.inner_parts import apart, inner_parts

FOREST = {"random-forest": {"trees": 10}}


def stack(*members, **options):
    return build_model("stack", {"members": list(members), **options}, Training())


@pytest.fixture
def deposits():
    """Ten deposits of nine cells each on the first layer's highs; the second layer is noise."""
    rng = np.random.default_rng(5)
    centres = np.stack(np.meshgrid([10, 30], np.arange(10, 100, 20)), -1).reshape(-1, 2)
    ore = (centres[:, None] + np.argwhere(np.ones((3, 3))) - 1).reshape(-1, 2)
    far = cdist(np.argwhere(np.ones((40, 100))), centres).min(axis=1).reshape(40, 100)
    barren = rng.permutation(np.argwhere(far > 5))[:90]
    layers = rng.normal(size=(2, 40, 100)).astype(np.float32)
    layers[0] += 2 * np.exp(-((far / 4) ** 2))
    scaling = Scaling(np.zeros(2, np.float32), np.ones(2, np.float32))
    X = Windows(layers, ("Au", "Hg"), np.concatenate([ore, barren]), 3, None, scaling)
    y = np.repeat([1.0, 0.0], 90)
    group = np.concatenate([np.repeat(np.arange(10), 9), np.full(90, -1)])
    return X, y, group


def test_prefers_the_member_that_knows_to_noise(deposits):
    model = stack("logistic-regression", "random").fit(*deposits, seed=0)
    knowing, noise = model.weights_
    assert knowing > 0.5
    assert noise < 0.1
    X, y, _ = deposits
    scores = model.predict(X)
    assert (scores[y == 1][:, None] > scores[y == 0]).mean() > 0.85


def test_a_forest_is_not_weighted_by_how_it_remembers(deposits):
    """A forest on noise recalls its training windows, and is not believed for it."""
    X, y, group = deposits
    noise = Windows(X.stack[1:], ("Hg",), X.at, 3, None, Scaling(*np.array([[0], [1]], "f4")))
    model = stack("random-forest", member_options=FOREST).fit(noise, y, group, seed=0)
    recalled = model.fitted_[0].predict(noise)
    assert (recalled[y == 1][:, None] > recalled[y == 0]).mean() > 0.95
    assert model.weights_[0] < 0.1


def test_no_member_scores_a_window_it_shares_a_cell_with(deposits, monkeypatch):
    X, y, group = deposits
    fits = []
    original = Stack._fitted

    def watched(self, name, X, y, group, seed):
        model = original(self, name, X, y, group, seed)
        predict = model.predict
        own = X.at
        model.predict = lambda asked: fits.append((own, asked.at)) or predict(asked)
        return model

    monkeypatch.setattr(Stack, "_fitted", watched)
    stack("logistic-regression", "deposit-distance").fit(X, y, group, seed=0)
    assert len(fits) == 3 * 2
    for learned, asked in fits:
        assert cdist(learned, asked, "chebyshev").min() >= X.size
    for member in (0, 1):
        asked = np.concatenate([cells for _, cells in fits[member::2]])
        np.testing.assert_array_equal(np.unique(asked, axis=0), np.unique(X.at, axis=0))
        assert len(asked) == len(X)


def test_the_labels_of_a_part_move_no_score_of_it(deposits):
    X, y, group = deposits
    part = inner_parts(X.at, y, group, X.size, 3)
    other = y.copy()
    held = part == 1
    other[held] = 1 - y[held]
    model = stack("logistic-regression", "deposit-distance", "random-forest", member_options=FOREST)
    first, second = (model._out_of_part(X, labels, group, part, 0) for labels in (y, other))
    np.testing.assert_array_equal(first[held], second[held])
    assert not np.array_equal(first[~held], second[~held])


def test_the_members_are_fitted_to_all_windows_in_the_end(deposits):
    X, y, group = deposits
    model = stack("logistic-regression").fit(X, y, group, seed=0)
    alone = build_model("logistic-regression", {}, Training()).fit(X, y, group, seed=0)
    np.testing.assert_array_equal(model.fitted_[0].predict(X), alone.predict(X))
    joined = model.intercept_ + model.weights_[0] * _logits(alone.predict(X))
    np.testing.assert_allclose(model.predict(X), 1 / (1 + np.exp(-joined)), rtol=1e-12)


def test_parts_by_hand():
    ore = np.array([[0, 0], [0, 2], [0, 20], [0, 22], [0, 45], [0, 60]])
    barren = np.array([[5, 1], [5, 23], [5, 49], [5, 54]])
    at, y = np.concatenate([ore, barren]), np.repeat([1.0, 0.0], [6, 4])
    none = np.full(10, -1)
    assert inner_parts(at, y, none, 3, 2).tolist() == [0, 0, 0, 0, 1, 1, 0, 0, 1, 1]
    assert inner_parts(at, y, none, 3, 9).tolist() == [0, 0, 1, 1, 2, 3, 0, 1, 2, 3]
    # one label binds places far apart, and those that share cells with them
    bound = np.array([-1, 7, -1, 7, -1, -1, -1, -1, -1, -1])
    part = inner_parts(at, y, bound, 3, 9)
    assert len(set(part[:4])) == 1
    assert len(set(part)) == 3


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 10_000), n=st.integers(2, 6), size=st.sampled_from([1, 2, 3, 9]))
def test_parts_keep_groups_whole_and_each_has_ore(seed, n, size):
    rng = np.random.default_rng(seed)
    at = rng.integers(0, 60, (40, 2))
    y = np.repeat([1.0, 0.0], 20)
    group = np.where(y == 1, rng.integers(-1, 12, 40), -1)
    try:
        part = inner_parts(at, y, group, size, n)
    except SamplingError:
        reject()
    assert set(part[y == 1]) == set(range(part.max() + 1)) == set(part)
    assert 1 <= part.max() < n
    near = cdist(at, at, "chebyshev") < size
    ore = y == 1
    same = (group[:, None] == group) & (group[:, None] >= 0)
    bound = (near | same) & ore[:, None] & ore
    assert (part[:, None] == part)[bound].all()


def test_apart_is_sharing_no_cell():
    at = np.array([[5, 5], [5, 7], [5, 8], [8, 8], [7, 7], [2, 5]])
    held = np.array([True, False, False, False, False, False])
    assert apart(at, held, 3).tolist() == [False, False, True, True, False, True]


def test_one_group_is_refused(deposits):
    X, y, _ = deposits
    with pytest.raises(SamplingError, match=r'the 90 positive windows are 1 group.*"ensemble"'):
        stack("logistic-regression").fit(X, y, np.where(y == 1, 0, -1), seed=0)


def test_a_trim_widens_what_lies_between_parts(deposits):
    """Windows of three cells three apart share none, and moved by one they share a column."""
    X = deposits[0].at_cells([[5, 5], [5, 8], [5, 9]])
    held = np.array([True, False, False])
    for trim, seen in ((0, [False, True, True]), (1, [False, False, True])):
        assert Stack(training=Training(trim=trim))._seen(X, held).tolist() == seen


def test_a_part_without_negative_training_windows_is_an_error(deposits):
    X, y, group = deposits
    few = np.flatnonzero((y == 1) | (X.at[:, 1] < 15))
    with pytest.raises(SamplingError, match="all negative training windows share cells"):
        stack("logistic-regression").fit(X.take(few), y[few], group[few], seed=0)


def test_weights_are_those_of_logistic_regression_where_none_is_negative():
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(0)
    y = np.repeat([1.0, 0.0], [30, 90])
    z = rng.normal(size=(120, 3)) + np.outer(y, [1.0, 0.5, 0.8])
    oracle = LogisticRegression(C=1.0, class_weight="balanced", tol=1e-10, max_iter=5000).fit(z, y)
    weights, intercept = non_negative_logistic(z, y)
    assert (weights > 0).all()
    np.testing.assert_allclose(weights, oracle.coef_[0], atol=1e-5)
    assert intercept == pytest.approx(oracle.intercept_[0], abs=1e-5)


def test_a_member_that_is_wrong_gets_no_weight():
    rng = np.random.default_rng(1)
    y = np.repeat([1.0, 0.0], 50)
    z = rng.normal(size=(100, 2)) + np.outer(y, [1.5, -1.5])
    weights, _ = non_negative_logistic(z, y)
    assert weights[0] > 0.5
    assert weights[1] == 0
    alone, _ = non_negative_logistic(z[:, :1], y)
    assert weights[0] == pytest.approx(alone[0], abs=1e-6)


def test_scores_of_nought_and_one_have_a_logit():
    np.testing.assert_allclose(_logits(np.array([0.0, 0.5, 1.0])), [-6.906755, 0, 6.906755])


@pytest.mark.parametrize("folds", [1, 2.0, True])
def test_impossible_folds(folds):
    with pytest.raises(ConfigError, match=r"model\.options\.inner_folds"):
        stack("random-forest", inner_folds=folds)


def test_members_that_learn_from_no_labels_cannot_be_weighted():
    with pytest.raises(ConfigError, match="no member learns from labels"):
        stack("random", "fault-distance")


def test_a_check_of_the_fit_meets_what_a_fit_would_and_fits_nothing(deposits):
    X, y, group = deposits
    model = stack("random-forest", "logistic-regression")
    model.check_fit(X, y, group, seed=0)
    assert not hasattr(model, "fitted_")
    with pytest.raises(SamplingError, match="are 1 group"):
        model.check_fit(X, y, np.where(y == 1, 0, -1), seed=0)
