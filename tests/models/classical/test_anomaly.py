"""What holds for every detector of anomalies."""

from dataclasses import replace

import numpy as np
import pytest

from orecast.errors import ConfigError, ModelError
from orecast.models.classical.anomaly import (
    IsolationForest,
    Mahalanobis,
    OneClassSVM,
    PCAReconstruction,
    principal_axes,
    squared_lengths,
)
from orecast.sampling import Scaling, Windows

ALL = [Mahalanobis, IsolationForest, OneClassSVM, PCAReconstruction]
CAPPED = [Mahalanobis, IsolationForest, OneClassSVM]
BY_COVARIANCE = [Mahalanobis, PCAReconstruction]

each = pytest.mark.parametrize("cls", ALL)


def windows(table, kinds=()):
    """One window a row of ``(n, p)``, in a stack one row high."""
    table = np.asarray(table, dtype=np.float32)
    n, p = table.shape
    at = np.stack([np.zeros(n, dtype=np.int64), np.arange(n)], axis=1)
    names = tuple(f"E{i}" for i in range(p))
    return Windows(table.T[:, None], names, at, 1, kinds=kinds or ("element",) * p)


def fitted(detector, X, seed=0):
    return detector.fit(X, np.full(len(X), np.nan), np.full(len(X), -1), seed=seed)


def correlated(n=300, p=5, seed=0):
    """Normal values of which two factors tell most."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, 2)) @ rng.normal(size=(2, p)) * 2 + rng.normal(size=(n, p))


def log_ratios(n=300, p=6):
    """Centred log-ratios; rows 0 to 3 are each enriched in a part of their own."""
    logs = np.random.default_rng(1).normal(size=(n, p))
    logs[range(4), range(4)] += 12
    return logs - logs.mean(axis=1, keepdims=True)


@each
def test_planted_outliers_rank_on_top(cls):
    table = correlated()
    table[:6] += np.random.default_rng(1).choice([-25.0, 25.0], size=(6, 5))
    scores = fitted(cls(), windows(table)).predict(windows(table))
    assert set(np.argsort(-scores)[:6]) == set(range(6))


@pytest.mark.parametrize("cls", CAPPED)
def test_singular_log_ratios_are_accepted(cls):
    X = windows(log_ratios())
    scores = fitted(cls(), X).predict(X)
    assert set(np.argsort(-scores)[:4]) == set(range(4))


@pytest.mark.parametrize("cls", CAPPED)
def test_log_ratios_stay_singular_under_a_scaling_and_are_accepted(cls):
    X = windows(log_ratios())
    values = X.stack.reshape(6, -1)
    X = replace(X, scaling=Scaling(values.mean(axis=1), values.std(axis=1)))
    scores = fitted(cls(), X).predict(X)
    assert set(np.argsort(-scores)[:4]) == set(range(4))


@each
def test_a_constant_layer_is_accepted(cls):
    table = correlated()
    table[:, 3] = 0.1
    table[:4, [0, 1, 2, 4]] *= -30
    X = windows(table)
    scores = fitted(cls(), X).predict(X)
    assert scores[:4].min() > np.median(scores[4:])


@pytest.mark.parametrize("cls", BY_COVARIANCE)
def test_a_layer_constant_where_learned_is_not_judged_elsewhere(cls):
    table = correlated()
    without = fitted(cls(), windows(table)).predict(windows(table))
    wider = np.column_stack([table, np.full(300, 0.1)])
    detector = fitted(cls(), windows(wider))
    np.testing.assert_allclose(detector.predict(windows(wider)), without, rtol=1e-6)
    wider[:, 5] = np.arange(300)
    np.testing.assert_allclose(detector.predict(windows(wider)), without, rtol=1e-6)


@each
@pytest.mark.parametrize("value", [0.0, 0.1, -1e6])
def test_nothing_but_constant_layers_is_refused(cls, value):
    with pytest.raises(ModelError, match="no layer varies"):
        fitted(cls(), windows(np.full((30, 3), value)))


@pytest.mark.parametrize("cls", BY_COVARIANCE)
def test_one_window_fewer_than_layers_is_refused(cls):
    with pytest.raises(
        ModelError, match=r"4 training windows; more than 5 are needed for 5 layers"
    ):
        fitted(cls(), windows(correlated(4)))


@pytest.mark.parametrize("cls", [IsolationForest, OneClassSVM])
def test_a_single_window_is_refused(cls):
    with pytest.raises(ModelError, match="1 training windows; more than 1"):
        fitted(cls(), windows(correlated(1)))


@each
def test_labels_change_nothing(cls):
    X = windows(correlated())
    blind = fitted(cls(), X).predict(X)
    rng = np.random.default_rng(0)
    for y in (rng.integers(0, 2, 300).astype(float), np.ones(300)):
        assert np.array_equal(cls().fit(X, y, np.arange(300), seed=0).predict(X), blind)


@each
def test_other_layers_than_elements_are_not_read(cls):
    table = correlated()
    alone = fitted(cls(), windows(table)).predict(windows(table))
    wider = np.insert(table, 2, np.nan, axis=1)
    X = windows(wider, kinds=("element",) * 2 + ("fault",) + ("element",) * 3)
    assert np.array_equal(fitted(cls(), X).predict(X), alone)


@each
def test_all_layers_are_read_where_none_is_an_element(cls):
    table = correlated()
    X = windows(table, kinds=("raster",) * 5)
    elements = windows(table)
    assert np.array_equal(fitted(cls(), X).predict(X), fitted(cls(), elements).predict(elements))


@each
def test_a_gap_is_refused_by_its_layers_name(cls):
    table = correlated()
    table[7, 3] = np.nan
    with pytest.raises(ModelError, match="layer E3: 1 of 300"):
        fitted(cls(), windows(table))


@each
def test_in_parts_or_at_once_it_predicts_the_same(cls, monkeypatch):
    X = windows(correlated())
    detector = fitted(cls(), X)
    whole = detector.predict(X)
    monkeypatch.setattr("orecast.models.classical._base._VALUES_AT_ONCE", 5 * 37)
    monkeypatch.setattr("orecast.models.classical.anomaly._ROWS_AT_ONCE", 7)
    monkeypatch.setattr("orecast.models.classical.anomaly._KERNEL_VALUES_AT_ONCE", 1)
    assert np.array_equal(detector.predict(X), whole)


@each
def test_saved_and_loaded_it_scores_new_cells_bit_for_bit_the_same(cls, tmp_path):
    detector = fitted(cls(), windows(correlated()), seed=3)
    detector.save(tmp_path)
    new = windows(correlated(seed=9) * 3)
    assert np.array_equal(cls.load(tmp_path).predict(new), detector.predict(new))


@pytest.mark.parametrize("cls", CAPPED)
def test_no_more_rows_are_learned_from_than_allowed(cls):
    table = correlated()
    drawn = np.sort(np.random.default_rng([0, 0]).choice(300, 40, replace=False))
    capped = fitted(cls(rows=40), windows(table)).predict(windows(table))
    chosen = fitted(cls(), windows(table[drawn])).predict(windows(table))
    assert np.array_equal(capped, chosen)
    other = fitted(cls(rows=40), windows(table), seed=1).predict(windows(table))
    assert not np.array_equal(capped, other)


@pytest.mark.parametrize("cls", [Mahalanobis, OneClassSVM, PCAReconstruction])
def test_far_outliers_do_not_tie(cls):
    """A forest has no cut beyond the outermost windows; the others have no such bound."""
    X = windows(correlated())
    far = np.outer([50, 100, 101, 1e3, 1e4, 1.1e4], [1, -1, 1, -1, 1])
    assert (np.diff(fitted(cls(), X).predict(windows(far))) > 0).all()


@pytest.mark.parametrize(
    ("cls", "options"),
    [
        (Mahalanobis, {"support": 0.49}),
        (Mahalanobis, {"support": 1.01}),
        (Mahalanobis, {"support": float("nan")}),
        (Mahalanobis, {"rows": 0}),
        (IsolationForest, {"trees": 0}),
        (IsolationForest, {"sample": 1.5}),
        (IsolationForest, {"rows": True}),
        (OneClassSVM, {"nu": 0}),
        (OneClassSVM, {"nu": 1.0}),
        (OneClassSVM, {"nu": "some"}),
        (OneClassSVM, {"gamma": 0}),
        (OneClassSVM, {"gamma": float("inf")}),
        (OneClassSVM, {"rows": -1}),
        (PCAReconstruction, {"share": 0}),
        (PCAReconstruction, {"share": True}),
        (PCAReconstruction, {"share": 80}),
        (PCAReconstruction, {"robust": "yes"}),
    ],
)
def test_impossible_options_are_refused_by_fit(cls, options):
    with pytest.raises(ConfigError, match=rf"model\.options\.{next(iter(options))}"):
        fitted(cls(**options), windows(correlated()))


def test_axes_are_orthonormal_and_leave_out_what_does_not_vary():
    table = np.column_stack([log_ratios(), np.full(300, 7.0)])
    axes = principal_axes(table.astype(np.float32).astype(np.float64))
    assert axes.directions.shape == (7, 5)
    np.testing.assert_allclose(axes.directions.T @ axes.directions, np.eye(5), atol=1e-12)
    assert (np.diff(axes.deviations) <= 0).all()
    assert (axes.deviations**2).sum() == pytest.approx(6, abs=1e-9)  # of standardised layers


def test_squared_lengths_are_those_of_the_matrix_product():
    rng = np.random.default_rng(0)
    values, axes = rng.normal(size=(9000, 6)), rng.normal(size=(6, 4))
    np.testing.assert_allclose(
        squared_lengths(values, axes), ((values @ axes) ** 2).sum(axis=1), rtol=1e-12
    )
