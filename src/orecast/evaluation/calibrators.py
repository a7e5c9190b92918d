"""From ranks, or from the scores of one model, to probabilities that a cell holds a known deposit.

Scores of two folds' models are on different scales. A run therefore brings each cell to its rank
within the region that one model scored, and fits a ``RankCurve`` to the ranks of held-out places.
Its form and its two places at chance were chosen on simulated districts, against Platt's line on
other functions of the rank and the isotonic map (``benchmarks/reliability.py``).

``fit_platt`` and ``fit_isotonic`` take scores of one model. Background cells are a sample: weighted
by the number of cells each stands for, they make the probability that of all cells. Fit on held-out
scores, never on those of the training places. With fewer than about fifty deposits take
``fit_platt``. Sixty thousand cells whose log-odds are
linear in a normal score, 2000 of them drawn as background, the mean of 100 draws: log loss beyond
that of the true probabilities, in 1e-5 nats, of the base rate alone, of Platt on that score and on
its squared rank, and of the isotonic map, which is infinite unless it is clipped, here at 1e-6:

    deposits   base rate   Platt   on bent scores   isotonic
          10          12     2.0              2.9         85
          20          24     1.4              3.5        177
          50          59     2.3              7.5        294
         200         232     2.2             21.9        567

The isotonic map calls all below the last deposit impossible and all above the last drawn background
cell certain. It wants hundreds of deposits and all cells, not a sample of them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from orecast.evaluation.calibration import labelled

Floats = NDArray[np.float64]

_STEPS = 100  # of Newton's method; a dozen do
_CLOSE = 1e-8  # a step as small as that was the last: the next would be its square
_ROUNDING = 1e-12  # of the loss
_AT_CHANCE = 2  # places that a rank curve adds, of a normal score of 0
_MARGIN = 1.0  # around the intercepts that there can be, against rounding


@dataclass(frozen=True)
class RankCurve:
    """Probability that a cell holds ore by its rank: the log-odds are a line in the normal score.

    A cell's rank is its percentile among the cells of its region, 0 to 1, its normal score the
    quantile of the standard normal there. Ranks are spread evenly over any region and by any
    model, so that one curve serves all. ``slope`` is at least 0: the probability never falls where
    the rank rises, and at 0 it is the same everywhere. Where ore is rare the normal scores of
    places of ore have the mean ``slope`` and the variance 1, and the AUC is
    ``Phi(slope / sqrt(2))``: the binormal ROC of equal variances (Swets 1986, Psychol. Bull. 99,
    181).
    """

    slope: float

    def __call__(self, ranks: ArrayLike, expected: float) -> Floats:
        """Probabilities of all cells of a region, ``(n,)``, by their ranks; the sum is expected.

        ``ranks`` ``(n,)`` within 0 to 1, both excluded; ``expected`` the number of cells with ore.
        Raises ValueError unless it lies between 0 and the number of cells.
        """
        from scipy import optimize, special

        line: Floats = self.slope * special.ndtri(np.asarray(ranks, dtype=np.float64))
        if not line.size:
            return line
        if not 0 < expected < line.size:
            raise ValueError(f"{expected} cells with ore among {line.size}")

        def missing(intercept: float) -> float:
            return float(special.expit(intercept + line).sum()) - expected

        share = _log_odds(expected / line.size)
        low, high = share - line.max() - _MARGIN, share - line.min() + _MARGIN
        return np.asarray(special.expit(optimize.brentq(missing, low, high) + line))


def fit_rank_curve(ranks: ArrayLike) -> RankCurve:
    """Fit a curve to the ranks of held-out places of ore, ``(n,)``, each within its own region.

    The slope is the mean of their normal scores, ``_AT_CHANCE`` places more counted at 0: the
    posterior mode under a normal prior, 0 where the mean is below. The background needs no sample,
    since its ranks are spread evenly.

    >>> round(fit_rank_curve([0.5, 0.841344746, 0.977249868]).slope, 8)  # 0, 1 and 2 of 3 + 2
    0.6
    """
    from scipy import special

    scores = special.ndtri(np.asarray(ranks, dtype=np.float64))
    return RankCurve(max(0.0, float(scores.sum() / (scores.size + _AT_CHANCE))))


def rank_threshold(ranks: ArrayLike) -> float:
    """Lowest rank to call ore for the best F1, where ore and background weigh the same.

    ``ranks`` ``(n,)`` of held-out places of ore, each within its own region, over which those of
    the background are spread evenly. From rank ``r`` on the share ``1 - r`` of it is called ore.
    Of equals the highest.

    >>> rank_threshold([0.9, 0.8, 0.1])  # F1 = 2 h / (h + 1 - r + 1): 0.47, 0.71, 0.69
    0.8
    """
    falling = np.sort(np.asarray(ranks, dtype=np.float64))[::-1]
    captured = np.arange(1, falling.size + 1) / falling.size
    return float(falling[np.argmax(captured / (captured + 2 - falling))])


class Calibrator(Protocol):
    """Turns scores into probabilities, and itself into JSON."""

    def __call__(self, scores: ArrayLike) -> Floats:
        """Probabilities, of the scores' shape; NaN where the score is NaN."""
        ...

    def as_dict(self) -> dict[str, Any]:
        """What ``read_calibrator`` needs."""
        ...


@dataclass(frozen=True)
class Platt:
    """``p = 1 / (1 + exp(-(slope * score + intercept)))``.

    ``slope`` is the change in log-odds by one of score. Below 0 the held-out deposits scored lower
    than the background: the map is then worth nothing, and whoever fits must look at it, for
    the probabilities turn the map's order round. Near 0 they say little but the base rate.
    """

    slope: float
    intercept: float

    kind: ClassVar[str] = "platt"

    def __call__(self, scores: ArrayLike) -> Floats:
        """Probabilities, of the scores' shape."""
        from scipy import special

        s = np.asarray(scores, dtype=np.float64)
        return np.asarray(special.expit(self.slope * s + self.intercept))

    def as_dict(self) -> dict[str, Any]:
        """As it goes to JSON."""
        return {"kind": self.kind, "slope": self.slope, "intercept": self.intercept}

    @classmethod
    def from_dict(cls, stored: dict[str, Any]) -> Platt:
        """Rebuild what ``as_dict`` gave."""
        return cls(float(stored["slope"]), float(stored["intercept"]))


@dataclass(frozen=True)
class Isotonic:
    """A rising line through ``(scores, probabilities)``, level beyond its ends."""

    scores: tuple[float, ...]
    probabilities: tuple[float, ...]

    kind: ClassVar[str] = "isotonic"

    def __call__(self, scores: ArrayLike) -> Floats:
        """Probabilities, of the scores' shape."""
        s = np.asarray(scores, dtype=np.float64)
        return np.asarray(np.interp(s, self.scores, self.probabilities))

    def as_dict(self) -> dict[str, Any]:
        """As it goes to JSON."""
        return {
            "kind": self.kind,
            "scores": list(self.scores),
            "probabilities": list(self.probabilities),
        }

    @classmethod
    def from_dict(cls, stored: dict[str, Any]) -> Isotonic:
        """Rebuild what ``as_dict`` gave."""
        return cls(tuple(stored["scores"]), tuple(stored["probabilities"]))


def read_calibrator(stored: dict[str, Any]) -> Calibrator:
    """Rebuild a calibrator from its ``as_dict``. Raises ValueError for a kind that is none."""
    for kind in (Platt, Isotonic):
        if stored.get("kind") == kind.kind:
            return kind.from_dict(stored)
    raise ValueError(f"no calibrator of the kind {stored.get('kind')!r}")


def fit_platt(scores: ArrayLike, y: ArrayLike, weights: ArrayLike | None = None) -> Platt:
    """Fit a logistic line to scores (Platt 1999, Advances in Large Margin Classifiers, 61).

    ``scores`` ``(n,)`` on any scale, ``y`` ``(n,)`` 1 or 0, ``weights`` ``(n,)`` the number of
    cells each place stands for (``1 / sampled share`` for background); NaN left out. Platt's
    targets ``(W1 + 1) / (W1 + 2)`` and ``1 / (W0 + 2)``, with the classes' sums of weights, keep
    the line finite where scores part the classes, and move the expected number of deposits by less
    than one. A constant score has the slope 0. Newton's method with halved steps (Lin, Lin & Weng
    2007, Mach. Learn. 68, 267); a million places take seconds, so that of a large map a weighted
    sample will do. Raises SamplingError without places of both classes, ValueError for infinite
    scores.
    """
    ore, s, w = labelled(y, scores, weights, within=False)
    target = np.where(ore, (w[ore].sum() + 1) / (w[ore].sum() + 2), 1 / (w[~ore].sum() + 2))
    if np.ptp(s) == 0:
        return Platt(0.0, _log_odds(np.average(target, weights=w)))
    centre, scale = float(s.mean()), float(s.std())
    slope, intercept = _logistic((s - centre) / scale, target, w)
    return Platt(slope / scale, intercept - slope * centre / scale)


def fit_isotonic(scores: ArrayLike, y: ArrayLike, weights: ArrayLike | None = None) -> Isotonic:
    """Fit a rising step function to scores, straight between its steps.

    Zadrozny & Elkan (2002, KDD); pool adjacent violators (Barlow et al. 1972). Arguments and
    errors as in ``fit_platt``. Equal scores are one.
    """
    from scipy.optimize import isotonic_regression

    ore, s, w = labelled(y, scores, weights, within=False)
    level, member = np.unique(s, return_inverse=True)
    mass = np.bincount(member, w)
    fitted = isotonic_regression(np.bincount(member, w * ore) / mass, weights=mass).x
    step = np.diff(fitted) != 0
    knot = np.concatenate([[True], step]) | np.concatenate([step, [True]])  # ends of each level
    return Isotonic(tuple(level[knot].tolist()), tuple(np.clip(fitted[knot], 0, 1).tolist()))


def _logistic(z: Floats, target: Floats, w: Floats) -> tuple[float, float]:
    """Slope and intercept of the weighted logistic fit to targets between 0 and 1."""
    from scipy import special

    def loss(beta: Floats) -> float:
        line = beta[0] * z + beta[1]
        return float(w @ (np.logaddexp(0, line) - target * line))

    beta = np.array([0.0, _log_odds(np.average(target, weights=w))])
    least = loss(beta)
    for _ in range(_STEPS):
        p = special.expit(beta[0] * z + beta[1])
        off, bend = w * (p - target), w * p * (1 - p)
        mixed = bend @ z
        hessian = np.array([[(bend * z) @ z, mixed], [mixed, bend.sum()]])
        step = np.linalg.solve(hessian, [off @ z, off.sum()])
        while (new := loss(beta - step)) > least * (1 + _ROUNDING):
            step /= 2
        beta, least = beta - step, new
        if np.abs(step).max() <= _CLOSE:
            break
    return float(beta[0]), float(beta[1])


def _log_odds(p: float) -> float:
    return math.log(p / (1 - p))
