"""Select the elements that separate ore from negative places, as functions of ``(X, y)``.

A fold refits them on its training part. Copied rows (shifted windows) make each statistic too
certain: pass each deposit once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from orecast.arrays import Bools, Floats
from orecast.errors import ModelError, SamplingError, require_among

Definition = Literal["decision", "labels"]
Measures = dict[str, Floats]

THRESHOLDS = {"svm-auc": 2.58, "correlation": 0.2, "pca": 0.3}


@dataclass(frozen=True)
class Screening:
    """The result of a screening; one entry per element.

    ``statistic`` is compared with ``threshold``; ``measures`` are the values it was computed from,
    each ``(n_elements,)``. An element without a statistic (NaN) is dropped, unless it must be kept.
    """

    method: str
    names: tuple[str, ...]
    statistic: Floats
    threshold: float
    kept: Bools
    measures: Mapping[str, Floats]

    def table(self) -> list[dict[str, str | float | bool]]:
        """One row per element: its name, measures, statistic, and whether it is kept."""
        return [
            {
                "element": name,
                **{key: float(values[j]) for key, values in self.measures.items()},
                "statistic": float(self.statistic[j]),
                "kept": bool(self.kept[j]),
            }
            for j, name in enumerate(self.names)
        ]


def screen(
    method: str,
    X: ArrayLike,
    y: ArrayLike,
    names: Sequence[str],
    threshold: float | None = None,
    keep: Sequence[str] = (),
    *,
    definition: Definition = "decision",
    seed: int = 0,
) -> Screening:
    """Screen all elements by one method.

    ``X`` ``(n, n_elements)`` are values at ``n`` places, NaN where missing; ``y`` ``(n,)`` is 1
    for ore, 0 for negative, NaN for places that are left out.

    - "svm-auc": Z_AUC of a one-element support-vector machine above 2.58 (``svm_auc``, ``z_auc``);
      ``definition`` and ``seed`` belong to it.
    - "correlation": absolute point-biserial correlation with ``y`` above 0.2. The papers show
      Pearson's r between elements, but only labels show which element is related to ore.
    - "pca": absolute loading above 0.3 on the component that best separates ore and negatives, of
      the correlation matrix's components with an eigenvalue above one (Kaiser 1960), or the first.
      A loading is the element's correlation with the component. Rows with a NaN are dropped.
    - "none": keeps all.

    Raises ConfigError for an unknown method or element to keep, SamplingError if ``y`` has fewer
    than two places of a class.
    """
    X, y, names = _checked(X, y, names)
    for name in keep:
        require_among(name, names, f"{name!r} is not an element of the survey", "screening.keep")
    statistics: dict[str, Callable[[], tuple[Floats, Measures]]] = {
        "svm-auc": lambda: _by_svm(X, y, definition, seed),
        "correlation": lambda: _by_correlation(X, y),
        "pca": lambda: _by_components(X, y),
        "none": lambda: (np.full(len(names), np.nan), {}),
    }
    require_among(method, statistics, f"unknown screening {method!r}", "screening.method")
    statistic, measures = statistics[method]()
    limit = THRESHOLDS.get(method, -np.inf) if threshold is None else threshold
    named = np.isin(names, list(keep)) | (method == "none")
    return Screening(method, names, statistic, limit, (statistic > limit) | named, measures)


def z_auc(auc: ArrayLike, n_pos: ArrayLike, n_neg: ArrayLike) -> Floats:
    """Z of an AUC against 0.5, by Hanley & McNeil (1982, Radiology 143, 29).

    ``Z = (AUC - 0.5) / SE``, ``SE² = (A(1-A) + (n_pos-1)(Q1-A²) + (n_neg-1)(Q2-A²)) / (n_pos
    n_neg)``, ``Q1 = A / (2-A)``, ``Q2 = 2A² / (1+A)``. An AUC of 0 or 1 has no spread: -inf or inf.

    >>> float(z_auc(0.6762, 122, 122).round(3))
    5.155
    """
    a, p, n = (np.asarray(v, dtype=np.float64) for v in (auc, n_pos, n_neg))
    q1, q2 = a / (2 - a), 2 * a**2 / (1 + a)
    variance = (a * (1 - a) + (p - 1) * (q1 - a**2) + (n - 1) * (q2 - a**2)) / (p * n)
    with np.errstate(divide="ignore"):
        return np.asarray((a - 0.5) / np.sqrt(np.maximum(variance, 0.0)))


def svm_auc(
    x: ArrayLike,
    y: ArrayLike,
    definition: Definition = "decision",
    *,
    folds: int = 5,
    seed: int = 0,
) -> float:
    """AUC of one element under a support-vector machine (RBF kernel, balanced classes).

    ``x`` ``(n,)`` are values, ``y`` ``(n,)`` 1 or 0. Each place is scored by a machine that was not
    fitted on it (stratified folds, at most ``folds``, fewer if the rarer class is small): in its
    own training set this kernel separates even noise. "decision" ranks the places by their
    decision value; "labels" uses the predicted labels, whose AUC is the balanced accuracy, as in
    the published tables. A constant element gives 0.5.

    Raises SamplingError for fewer than two places of a class, ConfigError for a definition.
    """
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import StratifiedKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    methods = {"decision": "decision_function", "labels": "predict"}
    require_among(definition, methods, f"unknown definition of the AUC {definition!r}")
    X, labels, _ = _checked(np.asarray(x, dtype=np.float64)[:, None], y, ("x",))
    if np.ptp(X) == 0:
        return 0.5
    rarer = int(min(labels.sum(), (1 - labels).sum()))
    scores = cross_val_predict(
        make_pipeline(StandardScaler(), SVC(kernel="rbf", class_weight="balanced")),
        X,
        labels,
        cv=StratifiedKFold(min(folds, rarer), shuffle=True, random_state=seed),
        method=methods[definition],
    )
    return float(roc_auc_score(labels, scores))


def _by_svm(X: Floats, y: Floats, definition: Definition, seed: int) -> tuple[Floats, Measures]:
    present = ~np.isnan(X)
    n_pos = (present & (y == 1)[:, None]).sum(axis=0)
    n_neg = (present & (y == 0)[:, None]).sum(axis=0)
    auc = np.full(X.shape[1], np.nan)
    for j in np.flatnonzero((n_pos >= 2) & (n_neg >= 2)):
        rows = present[:, j]
        auc[j] = svm_auc(X[rows, j], y[rows], definition, seed=seed)
    z = np.full_like(auc, np.nan)
    known = ~np.isnan(auc)
    z[known] = z_auc(auc[known], n_pos[known], n_neg[known])
    return z, {"auc": auc, "n_pos": n_pos.astype(float), "n_neg": n_neg.astype(float)}


def _by_correlation(X: Floats, y: Floats) -> tuple[Floats, Measures]:
    r = np.full(X.shape[1], np.nan)
    for j, x in enumerate(X.T):
        rows = ~np.isnan(x)
        if rows.sum() > 2 and np.ptp(x[rows]) > 0 and np.ptp(y[rows]) > 0:
            r[j] = np.corrcoef(x[rows], y[rows])[0, 1]
    return np.abs(r), {"r": r}


def _by_components(X: Floats, y: Floats) -> tuple[Floats, Measures]:
    from sklearn.metrics import roc_auc_score

    loading = np.full(X.shape[1], np.nan)
    varied = np.array([np.unique(x[~np.isnan(x)]).size > 1 for x in X.T])
    rows = ~np.isnan(X[:, varied]).any(axis=1)
    _need_both(y[rows])
    values = X[np.ix_(rows, varied)]
    varied[varied] = values.std(axis=0) > 0
    values = X[np.ix_(rows, varied)]
    if values.shape[1] == 0:
        return loading, {"loading": loading}
    values = (values - values.mean(axis=0)) / values.std(axis=0)
    eigenvalues, vectors = np.linalg.eigh(values.T @ values / len(values))
    eigenvalues, vectors = eigenvalues[::-1], vectors[:, ::-1]
    components = max(1, int((eigenvalues > 1).sum()))
    aucs = np.array([roc_auc_score(y[rows], values @ v) for v in vectors.T[:components]])
    best = int(np.argmax(np.abs(aucs - 0.5)))
    towards_ore = 1.0 if aucs[best] >= 0.5 else -1.0
    loading[varied] = towards_ore * vectors[:, best] * np.sqrt(max(eigenvalues[best], 0.0))
    return np.abs(loading), {"loading": loading}


def _checked(
    X: ArrayLike, y: ArrayLike, names: Sequence[str]
) -> tuple[Floats, Floats, tuple[str, ...]]:
    """The labelled rows; refuse shapes that do not match and invalid labels."""
    X, y = np.asarray(X, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if X.ndim != 2 or y.shape != X.shape[:1] or len(names) != X.shape[1]:
        raise ModelError(
            f"values {X.shape}, labels {y.shape} and {len(names)} names do not match",
            where="screening",
        )
    if np.isinf(X).any():
        name = names[int(np.argmax(np.isinf(X).any(axis=0)))]
        raise ModelError("the layer has infinite values", where=f"layer {name}")
    labelled = ~np.isnan(y)
    _need_both(y[labelled])
    return X[labelled], y[labelled], tuple(names)


def _need_both(y: Floats) -> None:
    n_pos, n_neg = int((y == 1).sum()), int((y == 0).sum())
    if n_pos + n_neg < len(y):
        raise SamplingError("labels must be 1 (ore), 0 (negative) or NaN", where="screening")
    if min(n_pos, n_neg) < 2:
        raise SamplingError(
            f"{n_pos} ore and {n_neg} negative places are too few to screen elements",
            where="screening",
            remedy='set screening.method = "none", or add more deposits',
        )
