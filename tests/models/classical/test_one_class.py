import numpy as np
import pytest
from sklearn.svm import OneClassSVM as Theirs

from orecast.errors import ModelError
from orecast.models.classical.anomaly import OneClassSVM
from orecast.sampling import Windows

TABLE = np.random.default_rng(0).normal(size=(400, 3)).astype(np.float32)


def windows(table):
    table = np.asarray(table, dtype=np.float32)
    n, p = table.shape
    at = np.stack([np.zeros(n, dtype=np.int64), np.arange(n)], axis=1)
    return Windows(table.T[:, None], tuple(f"E{i}" for i in range(p)), at, 1)


def fitted(table, **options):
    X = windows(table)
    return OneClassSVM(**options).fit(X, np.full(len(X), np.nan), np.full(len(X), -1), seed=0)


def support(detector, table):
    """``f(x)``, from scores."""
    scores = detector.predict(windows(table))
    return np.exp(-detector.threshold_ * scores / (1 - scores))


@pytest.mark.parametrize("gamma", [None, 2.0])
@pytest.mark.parametrize("nu", [0.05, 0.5])
def test_equals_scikit_learns_machine(nu, gamma):
    table = TABLE.astype(np.float64) * [1, 50, 0.02] + [0, 7, 1]
    table = table.astype(np.float32).astype(np.float64)
    standard = (table - table.mean(axis=0)) / table.std(axis=0)
    theirs = Theirs(nu=nu, gamma=gamma or 1 / 3, tol=1e-6).fit(standard)
    ours = fitted(table, nu=nu, gamma=gamma)
    total = theirs.dual_coef_.sum()
    np.testing.assert_allclose(
        support(ours, table), theirs.score_samples(standard) / total, rtol=1e-6
    )
    assert np.exp(-ours.threshold_) == pytest.approx(theirs.offset_[0] / total)
    order = np.argsort(ours.predict(windows(table)), kind="stable")
    assert (np.diff(theirs.score_samples(standard)[order]) <= 1e-12).all()


@pytest.mark.parametrize("gamma", [0.3, 1.0, 4.0])
def test_a_case_worked_by_hand(gamma):
    """Two windows at -1 and 1 weigh one half each; both lie on the boundary."""
    detector = fitted([[-1], [1]], nu=0.5, gamma=gamma)
    rho = (1 + np.exp(-4 * gamma)) / 2
    np.testing.assert_allclose(detector.weights_, [0.5, 0.5])
    at_one, at_zero, beyond = detector.predict(windows([[1], [0], [3]]))
    assert at_one == pytest.approx(0.5)
    assert at_zero == pytest.approx(gamma / (gamma - np.log(rho)))
    u = -np.log((np.exp(-4 * gamma) + np.exp(-16 * gamma)) / 2)
    assert beyond == pytest.approx(u / (u - np.log(rho)))


@pytest.mark.parametrize("nu", [0.02, 0.1, 0.5])
def test_nu_lies_between_the_shares_outside_and_of_support_vectors(nu):
    """Schölkopf et al. (2001), proposition 3."""
    detector = fitted(TABLE, nu=nu)
    outside = (detector.predict(windows(TABLE)) > 0.5 + 1e-6).mean()
    assert outside <= nu <= len(detector.vectors_) / 400


def test_ranks_go_on_where_the_kernel_is_too_small_for_a_number():
    detector = fitted(TABLE)
    far = np.array([[100.0, 0, 0], [101, 0, 0], [0, 1000, 0]])
    assert np.exp(-(100.0**2) / 3) == 0
    assert (np.diff(detector.predict(windows(far))) > 0).all()


def test_units_do_not_matter():
    np.testing.assert_allclose(
        fitted(TABLE * 1024).predict(windows(TABLE * 1024)),
        fitted(TABLE).predict(windows(TABLE)),
        rtol=1e-9,
    )


def test_a_kernel_that_tells_nothing_apart_is_refused():
    with pytest.raises(ModelError, match="too wide"):
        fitted(TABLE, gamma=1e-18)


def test_windows_of_which_most_are_the_same():
    table = np.zeros((200, 2), dtype=np.float32)
    table[:3] = [[1, 0], [0, 1], [5, 5]]
    scores = fitted(table).predict(windows(table))
    assert np.isfinite(scores).all()
    assert scores[:3].min() > scores[3:].max()
