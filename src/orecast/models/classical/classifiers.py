"""Logistic regression, SVM, nearest neighbours, k-means."""

from __future__ import annotations

from typing import Literal

import numpy as np

from orecast.arrays import Floats
from orecast.errors import SamplingError
from orecast.models.checks import require_count, require_number, require_one_of
from orecast.models.classical._base import centre
from orecast.models.classical.anomaly import KernelMachine, Standardised
from orecast.sampling import Windows

REGISTERED = {
    "logistic-regression": "LogisticRegression",
    "svm": "SupportVectors",
    "knn": "NearestNeighbours",
    "kmeans": "Clusters",
}


class LogisticRegression(Standardised):
    """Logistic regression with an L2 penalty on each cell's layers.

    Cox, D.R. (1958), The regression analysis of binary sequences, JRSS B 20, 215-242. ``strength``
    is that of the penalty on standardised layers, 1 by default; classes have equal total weight.
    The layers are standardised again on the training windows, so that the penalty does not depend
    on their scaling.
    """

    weights_: Floats  # (n_layers,)
    intercept_: float

    def __init__(self, strength: float = 1.0) -> None:
        self.strength = strength

    def _check_options(self) -> None:
        require_number("strength", self.strength, 0, with_low=False)

    def _learn(self, X: Windows, y: Floats, seed: int) -> None:
        from sklearn.linear_model import LogisticRegression as Regression

        values = centre(X).astype(np.float64)
        spread = values.std(axis=0)
        self.mean_ = values.mean(axis=0)
        self.spread_ = np.where(spread > 0, spread, 1.0)
        regression = Regression(C=1 / self.strength, class_weight="balanced", max_iter=1000)
        regression.fit(self._standard(values), y)
        self.weights_ = regression.coef_[0]
        self.intercept_ = float(regression.intercept_[0])

    def _score(self, X: Windows) -> Floats:
        from scipy.special import expit

        # Not a matrix product: its rounding depends on the number of rows.
        logit = (self._standard(centre(X)) * self.weights_).sum(axis=1)
        return np.asarray(expit(logit + self.intercept_))


class SupportVectors(KernelMachine):
    """Support-vector machine: side of the widest margin on which a cell's layers lie.

    Cortes, C., Vapnik, V. (1995), Support-vector networks, Machine Learning 20, 273-297. With the
    kernel ``k(x, z) = exp(-gamma |x - z|²)`` on layers standardised on the training windows,
    ``f(x) = b + Σ a_i k(x, x_i)`` over the m support vectors x_i ``(m, p)``, weights a ``(m,)``.
    ``cost`` is that of a window within the margin or on the wrong side, with equal totals for both
    classes; ``gamma`` is 1 / p by default.

    The score is ``1 / (1 + exp(-f))``: it ranks as f does, and 0.5 is the boundary. It is not a
    probability. Far from all support vectors f is b, and cells there tie.
    """

    intercept_: float

    def __init__(self, cost: float = 1.0, gamma: float | None = None) -> None:
        self.cost = cost
        self.gamma = gamma

    def _check_options(self) -> None:
        require_number("cost", self.cost, 0, with_low=False)
        super()._check_options()

    def _learn(self, X: Windows, y: Floats, seed: int) -> None:
        from sklearn.svm import SVC

        values = self._standardised(centre(X).astype(np.float64))
        machine = SVC(C=self.cost, gamma=self.width_, class_weight="balanced").fit(values, y)
        self.vectors_ = machine.support_vectors_
        self.weights_ = machine.dual_coef_[0]  # above 0 for ore
        self.intercept_ = float(machine.intercept_[0])

    def _score(self, X: Windows) -> Floats:
        from scipy.special import expit

        return np.asarray(expit(self._in_blocks(X)))

    def _of_exponents(self, exponents: Floats) -> Floats:
        # Not a matrix product: its rounding depends on the number of rows.
        return np.asarray((np.exp(-exponents) * self.weights_).sum(axis=1) + self.intercept_)


class NearestNeighbours(Standardised):
    """Nearest neighbours: share of ore among the training windows most similar to a cell.

    Cover, T., Hart, P. (1967), Nearest neighbor pattern classification, IEEE Transactions on
    Information Theory 13, 21-27. Over the ``neighbours`` training windows nearest in standardised
    layers, at Euclidean distances d ``(k,)``, the score is ``Σ_ore v / Σ v``. A weight v is divided
    by the number of training windows of its class, so that both classes have equal weight.

    ``votes`` "distance", the default, also divides v by d: a plain count of 5 neighbours has few
    levels, and most of a map would tie. Where a training window is at d = 0, only windows at d = 0
    count. "equal" is the plain count.

    S.A. Dudani (1976), The distance-weighted k-nearest-neighbor rule, IEEE Transactions on Systems,
    Man, and Cybernetics 6, 325-327.
    """

    table_: Floats  # (n, p), standardised
    labels_: Floats  # (n,)

    def __init__(
        self, neighbours: int = 5, votes: Literal["distance", "equal"] = "distance"
    ) -> None:
        self.neighbours = neighbours
        self.votes = votes

    def _check_options(self) -> None:
        require_count("neighbours", self.neighbours)
        require_one_of("votes", self.votes, ("distance", "equal"))

    def _learn(self, X: Windows, y: Floats, seed: int) -> None:
        values = centre(X).astype(np.float64)
        if len(values) < self.neighbours:
            raise SamplingError(
                f"{len(values)} training windows, fewer than {self.neighbours} neighbours",
                where="model.options.neighbours",
                remedy=f"set it to {len(values)} or less, or train on more windows",
            )
        self.table_ = self._standardised(values)
        self.labels_ = y
        self._rebuild()

    def _rebuild(self) -> None:
        from scipy.spatial import cKDTree

        self._tree = cKDTree(self.table_)
        ore = self.labels_ == 1
        self._votes = np.where(ore, 1 / ore.sum(), 1 / (~ore).sum())

    def _score(self, X: Windows) -> Floats:
        values = self._standard(centre(X))
        distance, found = self._tree.query(values, k=np.arange(1, self.neighbours + 1))
        votes = self._votes[found]  # (n, k)
        if self.votes == "distance":
            votes = votes * closeness(distance)
        return np.asarray((votes * self.labels_[found]).sum(axis=1) / votes.sum(axis=1))


def closeness(distance: Floats) -> Floats:
    """Inverse distances ``(n, k)`` relative to the nearest; where that is 0, only zeros count.

    >>> closeness(np.array([[1.0, 4.0], [0.0, 2.0], [0.0, 0.0]])).tolist()
    [[1.0, 0.25], [1.0, 0.0], [1.0, 1.0]]
    """
    nearest = distance.min(axis=1, keepdims=True)
    even = np.ones_like(distance)
    return np.asarray(np.divide(nearest, distance, out=even, where=distance > 0))


_STARTS = 10


class Clusters(Standardised):
    r"""Clusters by k-means: share of ore in the clusters near a cell.

    Lloyd, S.P. (1982), Least squares quantization in PCM, IEEE Transactions on Information Theory
    28, 129-137. Training windows are clustered without labels, in standardised layers, from ten
    starts of k-means++ (Arthur, D., Vassilvitskii, S. 2007, SODA, 1027-1035). Each cluster has a
    share of ore :math:`p_j`, with equal total weight of both classes.

    The study that compares with k-means does not report how clusters become classes, nor their
    number. With the share of its own cluster alone, a cell would tie with all others there. So the
    shares are averaged with the cell's memberships in the clusters, at distances :math:`d_j` from
    their means:

    .. math:: s = \sum_j u_j p_j, \qquad u_j = d_j^{-2} \Big/ \sum_i d_i^{-2}

    the memberships of fuzzy c-means with the customary exponent of 2 (Bezdek, J.C. 1981, Pattern
    recognition with fuzzy objective function algorithms, Plenum). At a cluster's mean the score is
    its share; between two it changes gradually; far from all it is the mean of all shares. There
    are five ``clusters`` by default, as in ``sampling.clusters``.
    """

    centres_: Floats  # (k, p), standardised
    shares_: Floats  # (k,)

    def __init__(self, clusters: int = 5) -> None:
        self.clusters = clusters

    def _check_options(self) -> None:
        require_count("clusters", self.clusters)

    def _learn(self, X: Windows, y: Floats, seed: int) -> None:
        values = centre(X).astype(np.float64)
        distinct = len(np.unique(values, axis=0))
        if distinct < self.clusters:
            raise SamplingError(
                f"{distinct} distinct training windows are too few for {self.clusters} clusters",
                where="model.options.clusters",
                remedy=f"set it to {distinct} or less, or train on more windows",
            )
        standard = self._standardised(values)
        self.centres_, cluster = _clustered(standard, self.clusters, seed)
        ore = np.bincount(cluster, y / y.sum(), self.clusters)
        negative = np.bincount(cluster, (1 - y) / (1 - y).sum(), self.clusters)
        self.shares_ = ore / (ore + negative)

    def _score(self, X: Windows) -> Floats:
        from scipy.spatial.distance import cdist

        values = self._standard(centre(X))
        membership = closeness(cdist(values, self.centres_, "sqeuclidean"))  # (n, k)
        return np.asarray((membership * self.shares_).sum(axis=1) / membership.sum(axis=1))


def _clustered(values: Floats, clusters: int, seed: int) -> tuple[Floats, np.ndarray]:
    """Means of the clusters ``(k, p)`` and each row's cluster ``(n,)``.

    On one thread: several threads add in a random order, which changes the last bits.
    """
    from sklearn.cluster import KMeans
    from threadpoolctl import threadpool_limits

    state = int(np.random.SeedSequence(seed).generate_state(1)[0])
    with threadpool_limits(limits=1):
        fit = KMeans(clusters, n_init=_STARTS, random_state=state).fit(values)
    return np.asarray(fit.cluster_centers_, dtype=np.float64), np.asarray(fit.labels_)
