import numpy as np
import pytest
from sklearn.decomposition import PCA

from orecast.errors import ModelError
from orecast.models.classical.anomaly import PCAReconstruction
from orecast.sampling import Windows


def windows(table):
    table = np.asarray(table, dtype=np.float32)
    n, p = table.shape
    at = np.stack([np.zeros(n, dtype=np.int64), np.arange(n)], axis=1)
    return Windows(table.T[:, None], tuple(f"E{i}" for i in range(p)), at, 1)


def fitted(table, **options):
    X = windows(table)
    labels, group = np.full(len(X), np.nan), np.full(len(X), -1)
    return PCAReconstruction(**options).fit(X, labels, group, seed=0)


def residuals(detector, table):
    """Q, from scores."""
    scores = detector.predict(windows(table))
    return detector.cutoff_ * scores / (1 - scores)


def factors(n=300, p=6):
    rng = np.random.default_rng(0)
    table = rng.normal(size=(n, 2)) @ rng.normal(size=(2, p)) + 0.5 * rng.normal(size=(n, p))
    return (table * np.geomspace(0.01, 100, p) + 3).astype(np.float32).astype(np.float64)


@pytest.mark.parametrize("share", [0.3, 0.5, 0.8, 0.95])
def test_equals_what_scikit_learns_components_leave(share):
    table = factors()
    z = (table - table.mean(axis=0)) / table.std(axis=0)
    theirs = PCA(n_components=share, svd_solver="full").fit(z)
    assert theirs.n_components_ < 6
    rest = ((z - theirs.inverse_transform(theirs.transform(z))) ** 2).sum(axis=1)
    ours = fitted(table, share=share)
    assert ours.residual_.shape == (6, 6 - theirs.n_components_)
    np.testing.assert_allclose(residuals(ours, table), rest, rtol=1e-6)
    assert ours.cutoff_ == pytest.approx(rest.mean())


def test_a_case_worked_by_hand():
    """Along the diagonal all is explained; of six windows two leave 0.5 / 1.75 each."""
    table = [[1, 1], [-1, -1], [2, 2], [-2, -2], [0.5, -0.5], [-0.5, 0.5]]
    detector = fitted(table)
    assert detector.cutoff_ == pytest.approx(2 * (0.5 / 1.75) / 6)
    scores = detector.predict(windows(table))
    np.testing.assert_allclose(scores, [0, 0, 0, 0, 0.75, 0.75], atol=1e-12)


def test_something_is_left_over_of_a_single_layer_and_of_a_whole_share():
    detector = fitted([[0], [1], [2]], share=1.0)
    np.testing.assert_allclose(residuals(detector, [[1], [2]]), [0, 1.5], atol=1e-12)
    assert fitted(factors(), share=1.0).residual_.shape == (6, 1)


def test_what_breaks_the_correlation_stands_out_though_each_value_is_common():
    table = factors()
    order = np.argsort(table[:, 0])
    table[order[0], 1:] = table[order[-1], 1:]
    scores = fitted(table, share=0.5).predict(windows(table))
    plain = fitted(factors(), share=0.5).predict(windows(factors()))
    assert scores[order[0]] > plain[order[0]]
    assert (scores > scores[order[0]]).mean() < 0.05


def test_log_ratios_leave_their_null_direction_out():
    logs = np.random.default_rng(0).normal(size=(200, 5))
    table = logs - logs.mean(axis=1, keepdims=True)
    detector = fitted(table, share=1.0)
    assert detector.residual_.shape == (5, 1)
    assert residuals(detector, table).mean() > 0.01


def test_robust_scaling_divides_by_the_median_absolute_deviation():
    table = factors()
    mad = np.median(np.abs(table - np.median(table, axis=0)), axis=0) * 1.4826
    z = (table - table.mean(axis=0)) / mad
    theirs = PCA(n_components=0.8, svd_solver="full").fit(z)
    rest = ((z - theirs.inverse_transform(theirs.transform(z))) ** 2).sum(axis=1)
    np.testing.assert_allclose(residuals(fitted(table, robust=True), table), rest, rtol=1e-6)


def test_robust_scaling_is_refused_where_half_of_a_layer_is_one_value():
    table = factors()
    table[:200, 4] = 9
    with pytest.raises(ModelError, match="layer E4: half of the windows"):
        fitted(table, robust=True)
    table[:, 4] = 9
    assert fitted(table, robust=True).residual_.shape[0] == 6
