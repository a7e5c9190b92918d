import numpy as np
import pytest
from scipy.stats import chi2
from sklearn.covariance import MinCovDet
from threadpoolctl import threadpool_info, threadpool_limits

from orecast.composition.logratio import ilr_basis
from orecast.errors import ModelError
from orecast.models.classical.anomaly import Mahalanobis
from orecast.sampling import Windows


def windows(table):
    table = np.asarray(table, dtype=np.float32)
    n, p = table.shape
    at = np.stack([np.zeros(n, dtype=np.int64), np.arange(n)], axis=1)
    return Windows(table.T[:, None], tuple(f"E{i}" for i in range(p)), at, 1)


def fitted(table, seed=0, **options):
    X = windows(table)
    return Mahalanobis(**options).fit(X, np.full(len(X), np.nan), np.full(len(X), -1), seed=seed)


def distances(detector, table):
    """Squared distances, from scores."""
    scores = detector.predict(windows(table))
    return detector.cutoff_ * scores / (1 - scores)


def contaminated(n=400, seed=0):
    rng = np.random.default_rng(seed)
    mixing = rng.normal(size=(4, 4))
    table = rng.normal(size=(n, 4)) @ mixing
    table[: n // 5] += 20
    return table.astype(np.float32).astype(np.float64)


def state(seed):
    return int(np.random.SeedSequence([seed, 1]).generate_state(1)[0])


@pytest.mark.parametrize("support", [0.5, 0.75, 1.0])
@pytest.mark.parametrize("n", [60, 1200])
def test_equals_scikit_learns_estimate(n, support):
    table = contaminated(n)
    theirs = MinCovDet(support_fraction=support, random_state=state(0)).fit(table)
    ours = fitted(table, support=support)
    np.testing.assert_allclose(distances(ours, table), theirs.mahalanobis(table), rtol=1e-6)
    np.testing.assert_allclose(ours.location_, theirs.location_, rtol=1e-6)
    np.testing.assert_allclose(
        ours.whitening_ @ ours.whitening_.T, theirs.precision_, rtol=1e-6, atol=1e-9
    )


def test_singular_log_ratios_have_the_distances_of_their_isometric_coordinates():
    rng = np.random.default_rng(0)
    logs = rng.normal(size=(500, 6)) @ rng.normal(size=(6, 6))
    clr = (logs - logs.mean(axis=1, keepdims=True)).astype(np.float32)
    ilr = clr.astype(np.float64) @ ilr_basis(6)
    theirs = MinCovDet(support_fraction=0.5, random_state=state(0)).fit(ilr)
    ours = fitted(clr)
    np.testing.assert_allclose(distances(ours, clr), theirs.mahalanobis(ilr), rtol=1e-5)
    assert ours.whitening_.shape == (6, 5)
    assert ours.cutoff_ == pytest.approx(chi2(5).ppf(0.975))


def test_a_case_worked_by_hand():
    """Covariance diag(2, 0.5) about the origin, whatever factor makes it consistent."""
    cross = [[2, 0], [-2, 0], [0, 1], [0, -1]]
    detector = fitted(cross, support=1.0)
    origin, arm, top, corner, far = distances(detector, [[0, 0], [2, 0], [0, 1], [2, 1], [0, 3]])
    np.testing.assert_allclose(detector.location_, [0, 0], atol=1e-12)
    assert origin == pytest.approx(0, abs=1e-20)
    assert [top / arm, corner / arm, far / arm] == pytest.approx([1, 2, 9])


def test_the_tightest_share_is_the_background():
    """Of these seven five lie about 2, from which 100 is 98 times as far as 3."""
    detector = fitted([[0], [1], [2], [3], [4], [100], [103]], support=0.6)
    assert detector.location_ == pytest.approx([2])
    near, far = distances(detector, [[3], [100]])
    assert far / near == pytest.approx(98**2)


def test_a_fifth_of_ore_does_not_move_the_background():
    table = contaminated()
    clean = table[80:]
    robust, plain = fitted(table), fitted(table, support=1.0)
    spread = clean.std(axis=0)
    assert (np.abs(robust.location_ - clean.mean(axis=0)) < 0.2 * spread).all()
    assert (np.abs(plain.location_ - clean.mean(axis=0)) > spread).any()
    scores = robust.predict(windows(table))
    assert scores[:80].min() > scores[80:].max()


def test_half_is_the_quantile_that_one_in_forty_normal_windows_exceed():
    rng = np.random.default_rng(0)
    scores = fitted(rng.normal(size=(4000, 3))).predict(windows(rng.normal(size=(20_000, 3))))
    assert (scores > 0.5).mean() == pytest.approx(0.025, abs=0.006)


def test_units_and_mixing_of_layers_do_not_matter():
    table = contaminated()
    mixing = np.random.default_rng(3).normal(size=(4, 4)) * [1, 1e3, 1e-3, 1]
    one, other = fitted(table), fitted(table @ mixing + 5)
    np.testing.assert_allclose(
        distances(other, table @ mixing + 5), distances(one, table), rtol=1e-2
    )


def test_a_layer_that_is_constant_in_most_windows_is_refused_by_name():
    table = contaminated()
    table[:320, 2] = -1.5
    with pytest.raises(ModelError, match=r"layer E2: .* 75 % of the windows"):
        fitted(table, support=0.75)
    assert fitted(table, support=1.0).whitening_.shape == (4, 4)


def test_a_single_layer_that_is_constant_in_most_windows_is_refused():
    table = np.zeros((50, 1))
    table[:5, 0] = np.arange(5)
    with pytest.raises(ModelError, match=r"constant.* in 75 % of the windows"):
        fitted(table, support=0.75)


def test_a_background_of_too_few_windows_is_refused():
    table = np.random.default_rng(0).normal(size=(13, 9))
    with pytest.raises(ModelError, match=r"13 training windows; more than 13"):
        fitted(table, support=0.75)
    assert fitted(np.vstack([table, -table[:1]]), support=0.75).whitening_.shape == (9, 9)


def test_its_many_small_steps_wait_for_no_other_thread(monkeypatch):
    def threads():
        return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}

    at_work, fit = set(), MinCovDet.fit
    monkeypatch.setattr(MinCovDet, "fit", lambda *given: at_work.update(threads()) or fit(*given))
    with threadpool_limits(2, user_api="blas"):
        fitted(contaminated(60))
        assert threads() == {2}
    assert at_work == {1}
