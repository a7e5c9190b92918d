"""Clusters by k-means, each with its share of ore."""

from __future__ import annotations

import numpy as np

from orecast.detectors._anomaly import standardisation
from orecast.detectors._base import Detector, Floats, centre, whole_number
from orecast.detectors.neighbours import closeness
from orecast.errors import SamplingError
from orecast.samples import Windows

REGISTERED = {"kmeans": "Clusters"}

_STARTS = 10


class Clusters(Detector):
    r"""Clusters by k-means: share of ore in the clusters that a cell lies near.

    Lloyd, S.P. (1982), Least squares quantization in PCM, IEEE Transactions on Information Theory
    28, 129-137. Training windows are clustered without their labels, in layers standardised on
    them, from ten seedings of k-means++ (Arthur, D., Vassilvitskii, S. 2007, SODA, 1027-1035);
    each cluster then has its share of ore :math:`p_j`, classes weighted to balance.

    The study that compares with k-means says neither how clusters become classes nor how many
    there are. A cell given the share of its own cluster alone would tie with all others there, so
    shares are mixed by the cell's memberships in the clusters, at distances :math:`d_j` from their
    means:

    .. math:: s = \sum_j u_j p_j, \qquad u_j = d_j^{-2} \Big/ \sum_i d_i^{-2}

    the memberships of fuzzy c-means with the customary exponent of 2 (Bezdek, J.C. 1981, Pattern
    recognition with fuzzy objective function algorithms, Plenum). At a cluster's mean the score is
    its share, between two it passes from one to the other, and far from all it is the mean of
    all shares. ``clusters`` are five by default, as in ``sampling.clusters``.
    """

    mean_: Floats  # (p,)
    spread_: Floats  # (p,)
    centres_: Floats  # (k, p), standardised
    shares_: Floats  # (k,)

    def __init__(self, clusters: int = 5) -> None:
        self.clusters = clusters

    def _check_options(self) -> None:
        whole_number(self.clusters, "clusters")

    def _learn(self, X: Windows, y: Floats, seed: int) -> None:
        values = centre(X).astype(np.float64)
        distinct = len(np.unique(values, axis=0))
        if distinct < self.clusters:
            raise SamplingError(
                f"{distinct} distinct windows to learn from make no {self.clusters} clusters",
                where="model.options.clusters",
                remedy="ask for fewer, or learn from more windows",
            )
        self.mean_, self.spread_ = standardisation(values)
        standard = (values - self.mean_) / self.spread_
        self.centres_, cluster = _clustered(standard, self.clusters, seed)
        ore = np.bincount(cluster, y / y.sum(), self.clusters)
        barren = np.bincount(cluster, (1 - y) / (1 - y).sum(), self.clusters)
        self.shares_ = ore / (ore + barren)

    def _score(self, X: Windows) -> Floats:
        from scipy.spatial.distance import cdist

        values = (centre(X) - self.mean_) / self.spread_
        membership = closeness(cdist(values, self.centres_, "sqeuclidean"))  # (n, k)
        return np.asarray((membership * self.shares_).sum(axis=1) / membership.sum(axis=1))


def _clustered(values: Floats, clusters: int, seed: int) -> tuple[Floats, np.ndarray]:
    """Means of the clusters ``(k, p)`` and each row's cluster ``(n,)``.

    By one thread: several add up in the order in which they finish, which moves the last bits.
    """
    from sklearn.cluster import KMeans
    from threadpoolctl import threadpool_limits

    state = int(np.random.SeedSequence(seed).generate_state(1)[0])
    with threadpool_limits(limits=1):
        fit = KMeans(clusters, n_init=_STARTS, random_state=state).fit(values)
    return np.asarray(fit.cluster_centers_, dtype=np.float64), np.asarray(fit.labels_)
