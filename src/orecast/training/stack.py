"""Several models, weighted by how they did on ground that they had not seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from orecast.config import Training
from orecast.errors import ConfigError, SamplingError
from orecast.samples.nouns import Bools, Ints, Windows
from orecast.samples.places import deposit_groups
from orecast.samples.protocols.spatial import halved
from orecast.training.members import Committee, Floats, Progress, member_seed
from orecast.training.needs import check_needs

REGISTERED = {"stack": "Stack"}

_SUREST = 1e-3  # scores of 0 and 1 count as this far from them, since a logit needs to be finite
_RIDGE = 1.0


class Stack(Committee):
    r"""Members joined by a logistic regression on their scores out of part.

    .. math:: s(x) = \sigma\Bigl(b + \sum_j w_j \, \mathrm{logit}(s_j(x))\Bigr), \quad w_j \ge 0

    The training windows are cut into ``inner_folds`` parts, or as many as there are groups of
    deposits: deposits that share windows or a group stay together, parts are compact, and a barren
    window goes with its nearest deposit. Each member scores a part after learning from the windows
    of the others that share no cell with it; weights are fitted to these scores, classes balanced,
    with an L2 penalty of 1. The members are then fitted once more, to all windows.

    D.H. Wolpert (1992), Stacked generalization, Neural Networks 5, 241-259; L. Breiman (1996),
    Stacked regressions, Machine Learning 24, 49-64, for weights that are not negative; K.M. Ting,
    I.H. Witten (1999), Issues in stacked generalization, JAIR 10, 271-289, for probabilities.

    ``members`` and ``member_options`` as in ``Committee``. Learned: ``fitted_``, ``weights_`` of
    the members ``(m,)``, ``intercept_``.
    """

    name = "stack"

    weights_: Floats
    intercept_: float

    def __init__(
        self,
        members: Sequence[str] = ("random-forest", "logistic-regression"),
        inner_folds: int = 3,
        member_options: Mapping[str, Mapping[str, Any]] | None = None,
        *,
        training: Training,
        checkpoints: Path | None = None,
        progress: Progress | None = None,
    ) -> None:
        super().__init__(members, member_options, training, checkpoints, progress)
        self.inner_folds = inner_folds
        if isinstance(inner_folds, bool) or not isinstance(inner_folds, int) or inner_folds < 2:
            raise ConfigError(
                f"must be a whole number of at least 2, not {inner_folds!r}",
                where="model.options.inner_folds",
            )
        if not self.needs.labels:
            raise ConfigError(
                "none of the members learns from labels, so that there is nothing to weight by",
                where="model.options.members",
                remedy='add one that does, or choose the model "ensemble"',
            )

    @property
    def epochs(self) -> int:
        """How often the members' fits call ``progress`` in one of its own, with every part."""
        return self._epochs * (self.inner_folds + 1)

    def fit(self, X: Windows, y: Floats, group: Ints, *, seed: int) -> Self:
        """Weight the members by inner parts, then fit them to all windows.

        Raises SamplingError where a class is absent, as a whole or outside a part, and where the
        deposits are fewer than two groups; ModelError where needs are not met; what members raise.
        """
        y = np.asarray(y, dtype=np.float64)
        check_needs(self.name, self.needs, X, y)
        part = inner_parts(X.at, y, group, X.size, self.inner_folds)
        scores = self._out_of_part(X, y, group, part, seed)
        self.weights_, self.intercept_ = non_negative_logistic(_logits(scores), y)
        self.fitted_ = [
            self._fitted(name, X, y, group, member_seed(seed, number, 0))
            for number, name in enumerate(self.members)
        ]
        return self

    def rehearse(self, X: Windows, y: Floats, group: Ints, *, seed: int) -> None:
        """As of every committee, and where the deposits cannot be cut into parts."""
        super().rehearse(X, y, group, seed=seed)
        part = inner_parts(X.at, y, group, X.size, self.inner_folds)
        for k in range(int(part.max()) + 1):
            _require_classes(y[self._seen(X, part == k)], k)

    def predict(self, X: Windows) -> Floats:
        """Scores in [0, 1], ``(n,)``."""
        from scipy.special import expit

        self._require_fitted()
        logit = np.full(len(X), self.intercept_)
        for weight, model in zip(self.weights_, self.fitted_, strict=True):
            logit += weight * _logits(model.predict(X))
        return np.asarray(expit(logit))

    def _out_of_part(self, X: Windows, y: Floats, group: Ints, part: Ints, seed: int) -> Floats:
        """Each member's score of each window, by a fit to other parts, ``(n, m)``."""
        scores = np.empty((len(X), len(self.members)))
        for k in range(int(part.max()) + 1):
            held = part == k
            seen = self._seen(X, held)
            _require_classes(y[seen], k)
            for number, name in enumerate(self.members):
                own_seed = member_seed(seed, number, k + 1)
                model = self._fitted(name, X.take(seen), y[seen], group[seen], own_seed)
                scores[held, number] = model.predict(X.take(held))
        return scores

    def _seen(self, X: Windows, held: Bools) -> Bools:
        """Windows that share no cell with those ``held`` wherever a trim moves them, ``(n,)``."""
        return apart(X.at, held, X.size + self.training.trim)

    def _options(self) -> dict[str, Any]:
        return {
            "members": list(self.members),
            "inner_folds": self.inner_folds,
            "member_options": self.member_options,
        }

    def _arrays(self) -> dict[str, Floats]:
        return {"weights": self.weights_, "intercept": np.array(self.intercept_)}

    def _restore(self, arrays: dict[str, Floats]) -> None:
        self.weights_ = arrays["weights"]
        self.intercept_ = float(arrays["intercept"])


def inner_parts(at: Ints, y: Floats, group: Ints, size: int, n: int) -> Ints:
    """Cut training windows into up to ``n`` compact parts, ``(n_windows,)`` from 0.

    Ore whose windows of ``size`` cells share a cell, or that is of one ``group`` (-1: of none),
    stays together; barren windows go with the nearest ore. Raises SamplingError where there are
    fewer than two such groups of ore.
    """
    ore = y == 1
    together = _together(at[ore], group[ore], size)
    count = np.bincount(together)
    if len(count) < 2:
        raise SamplingError(
            f"the {int(ore.sum())} ore windows are one group, which shares cells or deposits, and "
            "a stack's members are weighted by groups they have not seen",
            where='model.name = "stack"',
            remedy='choose the model "ensemble", a smaller window, or add deposits',
        )
    centre = np.stack([np.bincount(together, axis) / count for axis in at[ore].T], axis=1)
    part = np.empty(len(at), dtype=np.int64)
    part[ore] = halved(centre, count.astype(np.float64), min(n, len(count)))[together]
    nearest = cKDTree(at[ore]).query(at[~ore])[1]
    part[~ore] = part[ore][nearest]
    return part


def apart(at: Ints, held: Bools, size: int) -> Bools:
    """Windows that share no cell with any of those ``held``, ``(n,)``."""
    nearest = cKDTree(at[held]).query(at, p=np.inf)[0]
    return np.asarray(nearest >= size)


def non_negative_logistic(z: Floats, y: Floats, ridge: float = _RIDGE) -> tuple[Floats, float]:
    """Weights ``(m,)`` of 0 and more, and intercept, that best tell ``y`` from ``z`` ``(n, m)``.

    They minimise the sum of the logistic losses, classes weighted to balance, and half of
    ``ridge`` times the squared weights: the maximum-likelihood weights of a bounded quasi-Newton
    search (Byrd et al. 1995, L-BFGS-B).
    """
    from scipy.optimize import minimize
    from scipy.special import expit

    n = len(y)
    share = np.where(y == 1, n / (2 * np.sum(y == 1)), n / (2 * np.sum(y == 0)))

    def loss(beta: Floats) -> tuple[float, Floats]:
        f = z @ beta[:-1] + beta[-1]
        value = float(share @ (np.logaddexp(0, f) - y * f) + ridge / 2 * beta[:-1] @ beta[:-1])
        slope = share * (expit(f) - y)
        return value, np.append(z.T @ slope + ridge * beta[:-1], slope.sum())

    bounds: list[tuple[float | None, float | None]] = [(0, None)] * z.shape[1] + [(None, None)]
    found = minimize(
        loss,
        np.zeros(z.shape[1] + 1),
        jac=True,
        method="L-BFGS-B",
        bounds=bounds,
        options={"ftol": 1e-15, "gtol": 1e-8, "maxiter": 10_000},
    )
    return np.asarray(found.x[:-1]), float(found.x[-1])


def _together(at: Ints, group: Ints, size: int) -> Ints:
    """Number the groups of places that share cells or a label from 0 on, carried over, ``(n,)``."""
    near = deposit_groups(at, size)
    named = np.flatnonzero(group >= 0)
    _, first, inverse = np.unique(group[named], return_index=True, return_inverse=True)
    pairs = (near[named], near[named[first[inverse]]])
    k = int(near.max()) + 1
    links = coo_array((np.ones(len(named)), pairs), shape=(k, k))
    joined: NDArray[np.int64] = connected_components(links, directed=False)[1]
    return np.asarray(joined[near], dtype=np.int64)


def _logits(scores: Floats) -> Floats:
    from scipy.special import logit

    return np.asarray(logit(np.clip(scores, _SUREST, 1 - _SUREST)))


def _require_classes(y: Floats, part: int) -> None:
    for label, words in ((1.0, "ore"), (0.0, "barren")):
        if label not in y:
            raise SamplingError(
                f"inner part {part} of a stack leaves no {words} window that shares no cell with "
                "it to learn from",
                where="model.options.inner_folds",
                remedy="ask for more inner folds, a smaller window, or another model",
            )
