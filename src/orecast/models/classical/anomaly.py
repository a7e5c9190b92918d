"""Anomaly methods: isolation forest, one-class SVM, Mahalanobis distance, PCA."""

from __future__ import annotations

import warnings
from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from orecast.arrays import Floats, Floats32, Ints
from orecast.errors import ModelError
from orecast.models.checks import MOST_TREES, require_count, require_number, require_switch
from orecast.models.classical._base import Detector, centre
from orecast.models.classical.trees import FittedTree, TreeEnsemble
from orecast.sampling import Needs, Windows

if TYPE_CHECKING:
    from sklearn.covariance import MinCovDet

REGISTERED = {
    "isolation-forest": "IsolationForest",
    "one-class-svm": "OneClassSVM",
    "mahalanobis": "Mahalanobis",
    "pca-reconstruction": "PCAReconstruction",
}

_NULL = 1e-5  # of the largest singular value; in float32 a null direction stays below 1e-6
_ROWS_AT_ONCE = 4096


class AnomalyDetector(Detector):
    """Base of the detectors that read only element layers and need no labels.

    They read the layers of kind "element" at each window's own cell, or all layers where there is
    none of that kind.
    """

    needs = Needs(labels=False)

    def _read(self, X: Windows) -> Windows:
        return _element_layers(X.of_size(1))


@dataclass(frozen=True)
class PrincipalAxes:
    """Principal axes of standardised layers; axes without variation are left out.

    ``mean`` and ``spread`` ``(p,)`` standardise; ``directions`` ``(p, r)`` orthonormal columns;
    ``deviations`` ``(r,)`` the standard deviations along them, falling.
    """

    mean: Floats
    spread: Floats
    directions: Floats
    deviations: Floats


def draw_values(X: Windows, rows: int, seed: int) -> Floats:
    """Values of at most ``rows`` windows drawn without replacement, ``(n, p)`` float64, in order.

    Raises ModelError for NaN.
    """
    if len(X) > rows:
        drawn: Ints = np.random.default_rng([seed, 0]).choice(len(X), rows, replace=False)
        X = X.take(np.sort(drawn))
    return centre(X).astype(np.float64)


def standardisation(values: Floats) -> tuple[Floats, Floats]:
    """Mean and standard deviation of each column, ``(p,)``; a constant one has a spread of 1.

    Raises ModelError where all are constant.
    """
    mean, spread = values.mean(axis=0), values.std(axis=0)
    varies = spread > 1e-6 * np.abs(values).max(axis=0)
    if not varies.any():
        raise ModelError(
            "no layer varies among the training windows, so no anomaly can be found",
            remedy="check the layers, or train on more windows",
        )
    return mean, np.where(varies, spread, 1.0)


def principal_axes(values: Floats, spread: Floats | None = None) -> PrincipalAxes:
    """Axes of ``values`` ``(n, p)``, which may be singular, divided by ``spread`` ``(p,)``.

    Centred log-ratios sum to zero, so that their covariance has no inverse. The singular value
    decomposition of the standardised layers gives an orthonormal basis of the space they fill, as
    isometric log-ratios do (Egozcue et al. 2003); the direction without variation is dropped.

    Raises ModelError where there are not more windows than layers, or no layer varies.
    """
    require_windows(values, values.shape[1])
    mean, deviation = standardisation(values)
    spread = deviation if spread is None else spread
    _, singular, directions = np.linalg.svd((values - mean) / spread, full_matrices=False)
    kept = singular > _NULL * singular[0]
    return PrincipalAxes(mean, spread, directions[kept].T, singular[kept] / np.sqrt(len(values)))


def squared_lengths(values: Floats, axes: Floats) -> Floats:
    """Squared length of each row of ``values @ axes``, ``(n,)``; ``(n, p)`` and ``(p, r)``.

    Not a matrix product: its rounding depends on the number of rows.
    """
    lengths = np.empty(len(values))
    for rows in blocks(len(values)):
        block = values[rows]
        product = np.zeros((len(block), axes.shape[1]))
        for column, weights in zip(block.T, axes, strict=True):
            product += column[:, None] * weights
        lengths[rows] = (product**2).sum(axis=1)
    return lengths


def blocks(n: int, size: int = _ROWS_AT_ONCE) -> Iterator[slice]:
    """Slices of at most ``size`` rows that cover ``n`` rows in order."""
    for start in range(0, n, size):
        yield slice(start, start + size)


def require_windows(values: Floats, than: int) -> None:
    """Refuse to train on ``than`` windows or fewer."""
    if len(values) <= than:
        raise ModelError(
            f"there are {len(values)} training windows; more than {than} are needed "
            f"for {values.shape[1]} layers",
            remedy="train on more windows, or on fewer layers",
        )


def _element_layers(X: Windows) -> Windows:
    """Windows with the layers of kind "element", or with all where there are none."""
    kept = [i for i, kind in enumerate(X.kinds) if kind == "element"]
    if not kept or len(kept) == len(X.names):
        return X
    scaling = X.scaling
    if scaling is not None:
        scaling = replace(scaling, mean=scaling.mean[kept], spread=scaling.spread[kept])
    return replace(
        X,
        stack=X.stack[kept],
        names=tuple(X.names[i] for i in kept),
        kinds=("element",) * len(kept),
        scaling=scaling,
    )


class IsolationForest(AnomalyDetector, TreeEnsemble):
    """Isolation forest: number of random cuts that isolate a cell from the others.

    Liu, F.T., Ting, K.M. & Zhou, Z.-H. (2008), Isolation forest, ICDM 2008, 413-422. Each of
    ``trees`` is fitted to ``sample`` windows. The score is the paper's ``2^(-E(h) / c)``, E(h) a
    cell's mean path length over the trees and c that of an unsuccessful search among ``sample``.
    Scores near 0.5 are common cells, near 1 rare ones.

    Trains on at most ``rows`` windows, drawn by the seed. scikit-learn fits the trees; their nodes
    are saved. Needs no labels. Reads the element layers; all layers where there are none.
    """

    sample_: int  # windows that each tree was fitted to

    def __init__(self, trees: int = 200, sample: int = 256, rows: int = 4096) -> None:
        self.trees = trees
        self.sample = sample
        self.rows = rows

    def _check_options(self) -> None:
        require_count("trees", self.trees, MOST_TREES)
        for option in ("sample", "rows"):
            require_count(option, getattr(self, option))

    def _learn(self, X: Windows, y: Floats, seed: int) -> None:
        from sklearn.ensemble import IsolationForest as Forest

        values = draw_values(X, self.rows, seed)
        require_windows(values, 1)
        standardisation(values)  # refuses layers without variation
        self.sample_ = min(self.sample, len(values))
        forest = Forest(
            n_estimators=self.trees,
            max_samples=self.sample_,
            random_state=int(np.random.SeedSequence([seed, 1]).generate_state(1)[0]),
        ).fit(values.astype(np.float32))
        trees = [
            FittedTree(t.children_left, t.children_right, t.feature, t.threshold, _path_lengths(t))
            for t in (estimator.tree_ for estimator in forest.estimators_)
        ]
        self._keep(trees, values.shape[1])

    def _rebuild(self) -> None:
        super()._rebuild()
        sample = vars(self)["sample_"]
        if not isinstance(sample, int) or not 0 < sample < 2**32:
            raise ValueError(f"its trees are fitted to {sample!r} windows")

    def _score(self, X: Windows) -> Floats:
        paths = self._sum_of_leaves(centre(X))
        searches = len(self.nodes_) * float(search_length(self.sample_))
        # A search among one window needs no cut: all cells are equally rare.
        return np.asarray(2.0 ** -(paths / searches if searches else np.ones_like(paths)))


def search_length(n: ArrayLike) -> Floats:
    """Mean length c of an unsuccessful search among ``n`` windows (Liu et al. 2008, eq. 1).

    >>> search_length([1, 2, 256]).round(3).tolist()
    [0.0, 1.0, 10.245]
    """
    n = np.asarray(n, dtype=np.float64)
    length = np.where(n == 2, 1.0, 0.0)
    many = n > 2
    length[many] = 2 * (np.log(n[many] - 1) + np.euler_gamma) - 2 * (n[many] - 1) / n[many]
    return length


def _path_lengths(tree: Any) -> Floats:
    """Cuts from the root to each node, plus those still needed for its windows, ``(m,)``."""
    return np.asarray(tree.compute_node_depths() + search_length(tree.n_node_samples) - 1.0)


class Standardised(Detector):
    """Base of the detectors that standardise the layers on the training windows."""

    mean_: Floats  # (p,)
    spread_: Floats  # (p,)

    def _standardised(self, values: Floats) -> Floats:
        """Store the mean and the spread of training values ``(n, p)``; return them standardised."""
        self.mean_, self.spread_ = standardisation(values)
        return self._standard(values)

    def _standard(self, values: Floats | Floats32) -> Floats:
        return np.asarray((values - self.mean_) / self.spread_)


_KERNEL_VALUES_AT_ONCE = 2**20


class KernelMachine(Standardised):
    """Base of the support-vector machines with the kernel ``exp(-gamma |x - z|²)``."""

    gamma: float | None
    vectors_: Floats  # (m, p), standardised
    weights_: Floats  # (m,)
    width_: float  # gamma

    def _check_options(self) -> None:
        if self.gamma is not None:
            require_number("gamma", self.gamma, 0, with_low=False)

    def _standardised(self, values: Floats) -> Floats:
        self.width_ = 1 / values.shape[1] if self.gamma is None else float(self.gamma)
        return super()._standardised(values)

    def _in_blocks(self, X: Windows) -> Floats:
        """``_of_exponents`` of all windows, ``(n,)``."""
        from scipy.spatial.distance import cdist

        values = self._standard(centre(X))
        size = max(1, _KERNEL_VALUES_AT_ONCE // len(self.vectors_))
        parts = [
            self._of_exponents(self.width_ * cdist(values[rows], self.vectors_, "sqeuclidean"))
            for rows in blocks(len(values), size)
        ]
        return np.concatenate(parts)

    @abstractmethod
    def _of_exponents(self, exponents: Floats) -> Floats:
        """Value of each window from its distances ``gamma |x - x_i|²``, ``(n, m)`` to ``(n,)``."""


class OneClassSVM(AnomalyDetector, KernelMachine):
    """One-class support-vector machine: distance of a cell's elements from the common ones.

    Schölkopf, B. et al. (2001), Estimating the support of a high-dimensional distribution, Neural
    Computation 13, 1443-1471. With the kernel ``k(x, z) = exp(-gamma |x - z|²)`` on standardised
    layers, ``f(x) = Σ a_i k(x, x_i)`` over the m support vectors x_i ``(m, p)``, whose weights a
    ``(m,)`` sum to 1; f is below the threshold ρ for at most the share ``nu`` of the windows.
    ``gamma`` is 1 / p by default.

    The score is ``u / (u + v)`` with u = -ln f(x) and v = -ln ρ: above 0.5, a cell is outside the
    support. It falls as f rises everywhere, also where f is too small for a float.

    Trains on at most ``rows`` windows, drawn by the seed. Needs no labels. Reads the element
    layers; all layers where there are none.
    """

    threshold_: float  # -ln ρ

    def __init__(self, nu: float = 0.1, gamma: float | None = None, rows: int = 4096) -> None:
        self.nu = nu
        self.gamma = gamma
        self.rows = rows

    def _check_options(self) -> None:
        require_number("nu", self.nu, 0, 0.99, with_low=False, with_high=True)
        super()._check_options()
        require_count("rows", self.rows)

    def _learn(self, X: Windows, y: Floats, seed: int) -> None:
        from sklearn.svm import OneClassSVM as Machine

        values = draw_values(X, self.rows, seed)
        require_windows(values, 1)
        standard = self._standardised(values)
        machine = Machine(nu=self.nu, gamma=self.width_, tol=1e-6).fit(standard)
        total = machine.dual_coef_.sum()
        self.vectors_ = machine.support_vectors_
        self.weights_ = machine.dual_coef_[0] / total
        self.threshold_ = -float(np.log(machine.offset_[0] / total))
        if not self.threshold_ > 0:
            raise ModelError(
                "the kernel is too wide: it cannot separate any windows",
                where="model.options.gamma",
                remedy="set a larger gamma, or leave it out",
            )

    def _score(self, X: Windows) -> Floats:
        # By rounding, weights may sum to more than 1.
        u = np.maximum(self._in_blocks(X), 0)
        return np.asarray(u / (u + self.threshold_))

    def _of_exponents(self, exponents: Floats) -> Floats:
        """``-ln f``; the nearest vector's term is factored out."""
        nearest = exponents.min(axis=1)
        kernels = np.exp(nearest[:, None] - exponents)
        return np.asarray(nearest - np.log((kernels * self.weights_).sum(axis=1)))


_FLAT = 1e-10  # of the variance along an axis: above float32 rounding, below any layer's variance


class Mahalanobis(AnomalyDetector):
    """Robust Mahalanobis distance of each cell's elements from the background.

    ``d² = (x - m)ᵀ P (x - m)``, with m ``(p,)`` and P ``(p, p)`` the location and the precision of
    the ``support`` share of windows whose covariance has the least determinant, reweighted once:
    Rousseeuw, P.J. & Van Driessen, K. (1999), A fast algorithm for the minimum covariance
    determinant estimator, Technometrics 41, 212-223. Filzmoser, P., Garrett, R.G. & Reimann, C.
    (2005), Multivariate outlier detection in exploration geochemistry, Computers & Geosciences 31,
    579-587. Rare ore cells therefore do not widen the estimated background.

    Centred log-ratios are singular: the layers are first rotated to the r axes along which they
    vary. There the estimate has full rank; P is zero along the other axes. The score is
    ``d² / (d² + q)``, q the 97.5 % quantile of χ² with r degrees of freedom: above 0.5: outlier
    by the usual rule. Far outliers do not tie, as they do in the χ² distribution.

    Trains on at most ``rows`` windows, drawn by the seed. Needs no labels. Reads the element
    layers; all layers where there are none.
    """

    location_: Floats  # (p,)
    whitening_: Floats  # (p, r), P is whitening_ @ whitening_.T
    cutoff_: float  # q

    def __init__(self, support: float = 0.5, rows: int = 4096) -> None:
        self.support = support
        self.rows = rows

    def _check_options(self) -> None:
        require_number("support", self.support, 0.5, 1, with_high=True)
        require_count("rows", self.rows)

    def _learn(self, X: Windows, y: Floats, seed: int) -> None:
        from scipy.stats import chi2

        values = draw_values(X, self.rows, seed)
        axes = principal_axes(values)
        rank = len(axes.deviations)
        require_windows(values, int(np.ceil((rank + 1) / self.support)) - 1)
        whitening = axes.directions / axes.spread[:, None] / axes.deviations
        estimate = self._estimate((values - axes.mean) @ whitening, seed)
        _refuse_flat(estimate, axes, X.names, self.support)
        along = (axes.directions * axes.deviations) @ estimate.location_
        self.location_ = axes.mean + axes.spread * along
        self.whitening_ = whitening @ np.linalg.cholesky(estimate.precision_)
        self.cutoff_ = float(chi2(rank).ppf(0.975))

    def _estimate(self, values: Floats, seed: int) -> MinCovDet:
        """Minimum covariance determinant of values of full rank, ``(n, r)``.

        On one thread: it takes thousands of steps on matrices of r rows, and several threads would
        mostly wait for each other. n limits the number of steps, so ``rows`` and r limit the time.
        """
        from sklearn.covariance import MinCovDet
        from threadpoolctl import threadpool_limits

        state = int(np.random.SeedSequence([seed, 1]).generate_state(1)[0])
        with threadpool_limits(1, user_api="blas"), warnings.catch_warnings():
            # The warnings are about single subsets; the estimate itself is checked afterwards.
            warnings.simplefilter("ignore")
            try:
                return MinCovDet(support_fraction=self.support, random_state=state).fit(values)
            except ValueError as error:  # all in one point
                raise _flat_error(self.support, None) from error

    def _score(self, X: Windows) -> Floats:
        squared = squared_lengths(centre(X) - self.location_, self.whitening_)
        return np.asarray(squared / (squared + self.cutoff_))


def _refuse_flat(
    estimate: MinCovDet, axes: PrincipalAxes, names: tuple[str, ...], support: float
) -> None:
    """Refuse a background without variation along a direction; name its main layer."""
    variances, directions = np.linalg.eigh(estimate.raw_covariance_)
    if variances[0] > _FLAT:
        return
    weights = axes.directions @ (directions[:, 0] / axes.deviations)
    raise _flat_error(support, names[int(np.argmax(np.abs(weights)))])


def _flat_error(support: float, layer: str | None) -> ModelError:
    return ModelError(
        f"layers are constant, or depend linearly on each other, in {100 * support:.0f} % of the "
        "windows, so the distance of other windows is infinite",
        where=None if layer is None else f"layer {layer}",
        remedy="leave such layers out (evidence.layers), or raise model.options.support",
    )


class PCAReconstruction(AnomalyDetector):
    """Residual of each cell's elements after the leading principal components.

    Jackson, J.E. & Mudholkar, G.S. (1979), Control procedures for residuals associated with
    principal component analysis, Technometrics 21, 341-349. ``Q = Σ_{j > k} (zᵀ v_j)²``, z the
    standardised layers ``(p,)`` and v_j the axes of their covariance by falling variance. k is the
    smallest number of axes with the ``share`` of the variance; at least one of the r axes along
    which the layers vary remains. With ``robust`` layers are divided by their median absolute
    deviation, which ore does not increase, else by their standard deviation.

    The score is ``Q / (Q + q)``, q the mean of Q over the training windows. Needs no labels.
    Reads the element layers; all layers where there are none.
    """

    mean_: Floats  # (p,)
    residual_: Floats  # (p, r - k), v_j divided by the layers' spreads
    cutoff_: float  # q

    def __init__(self, share: float = 0.8, robust: bool = False) -> None:
        self.share = share
        self.robust = robust

    def _check_options(self) -> None:
        require_number("share", self.share, 0, 1, with_low=False, with_high=True)
        require_switch("robust", self.robust)

    def _learn(self, X: Windows, y: Floats, seed: int) -> None:
        values = centre(X).astype(np.float64)
        axes = principal_axes(values, _median_spread(values, X.names) if self.robust else None)
        variances = axes.deviations**2
        held = np.cumsum(variances) / variances.sum()
        # By rounding, the total may be below a share of 1.
        k = min(int((held < self.share - 1e-12).sum()) + 1, len(variances) - 1)
        self.mean_ = axes.mean
        self.residual_ = axes.directions[:, k:] / axes.spread[:, None]
        self.cutoff_ = float(variances[k:].sum())

    def _score(self, X: Windows) -> Floats:
        squared = squared_lengths(centre(X) - self.mean_, self.residual_)
        return np.asarray(squared / (squared + self.cutoff_))


def _median_spread(values: Floats, names: tuple[str, ...]) -> Floats:
    """Median absolute deviation of each layer, ``(p,)``; a constant layer has a spread of 1.

    Scaled to the standard deviation of a normal distribution. Raises ModelError where it is zero in
    a layer that varies.
    """
    spread = np.median(np.abs(values - np.median(values, axis=0)), axis=0) * 1.4826
    varies = np.ptp(values, axis=0) > 0
    flat = np.flatnonzero(varies & (spread == 0))
    if flat.size:
        raise ModelError(
            "half of the windows have the same value, so the median absolute deviation is zero",
            where=f"layer {names[flat[0]]}",
            remedy="leave the layer out (evidence.layers), or set model.options.robust = false",
        )
    return np.asarray(np.where(varies, spread, 1.0))
