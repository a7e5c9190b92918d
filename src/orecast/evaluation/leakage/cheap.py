"""What a model as cheap as can be scores, and what a random split makes of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from orecast.evaluation.leakage.pixels import Ints
from orecast.evaluation.scores import auc

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class OneCell:
    """Scores of logistic regression on each window's own cell."""

    accuracy: float
    auc: float


@dataclass(frozen=True)
class SplitClaims:
    """Pooled out-of-fold AUC of one cheap model under two ways to cut folds, one a repeat.

    ``random`` and ``grouped`` ``(repeats,)``; empty where the folds cannot be cut.
    """

    random: Floats
    grouped: Floats
    folds: int


def one_cell(train: Floats, y: Ints, test: Floats, y_test: Ints) -> OneCell:
    """Fit logistic regression to the windows' own cells and score it on the test's.

    ``train`` ``(n, channels)`` with labels ``y`` ``(n,)`` 1 or 0, both among them; ``test``
    ``(m, channels)``. Channels are standardised on the training part; the AUC is NaN where the
    test part has one class.
    """
    ore = _model().fit(train, y).predict_proba(test)[:, 1]
    return OneCell(
        float(np.mean((ore > 0.5) == (y_test == 1))), auc(ore[y_test == 1], ore[y_test == 0])
    )


def split_claims(
    values: Floats, y: Ints, group: Ints, *, folds: int = 5, repeats: int = 5
) -> SplitClaims:
    """Cross-validate logistic regression with windows split at random, and with groups kept whole.

    ``values`` ``(n, channels)``, ``y`` ``(n,)`` 1 or 0, ``group`` ``(n,)``. Both keep the share
    of ore in each fold where they can; each repeat deals the folds anew. Fewer folds where a class
    has fewer groups; none, and empty answers, where one has a single group.
    """
    folds = min(folds, *(len(np.unique(group[y == label])) for label in (0, 1)))
    if folds < 2:
        return SplitClaims(np.empty(0), np.empty(0), 0)
    alone = np.arange(len(y))
    return SplitClaims(
        np.array([_pooled(values, y, dealt(y, alone, folds, seed=k)) for k in range(repeats)]),
        np.array([_pooled(values, y, dealt(y, group, folds, seed=k)) for k in range(repeats)]),
        folds,
    )


def dealt(y: Ints, group: Ints, folds: int, *, seed: int) -> Ints:
    """Deal groups to folds at random, each to that with the fewest windows of its class, ``(n,)``.

    Large groups come first; a group of both classes is of its larger one. Of equal folds the one
    with fewer windows in all, so that groups of one window are dealt as evenly as cards.
    """
    members, number, size = np.unique(group, return_inverse=True, return_counts=True)
    ore = 2 * np.bincount(number.reshape(-1), weights=y) > size
    order = np.random.default_rng(seed).permutation(len(members))
    order = order[np.argsort(-size[order], kind="stable")]
    held, fold = np.zeros((2, folds)), np.empty(len(members), dtype=np.int64)
    for g in order:
        mine = held[int(ore[g])]
        fold[g] = np.lexsort((held.sum(axis=0), mine))[0]
        mine[fold[g]] += size[g]
    return np.asarray(fold[number.reshape(-1)])


def _pooled(values: Floats, y: Ints, fold: Ints) -> float:
    score = np.full(len(y), np.nan)
    for k in range(fold.max() + 1):
        test, train = fold == k, fold != k
        if len(np.unique(y[train])) == 2:
            score[test] = _model().fit(values[train], y[train]).predict_proba(values[test])[:, 1]
    return auc(score[y == 1], score[y == 0])


def _model() -> Any:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), LogisticRegression(solver="newton-cholesky"))
