"""From the rank of a cell to the probability that it holds a known deposit.

Scores of two folds' models are on different scales. A run therefore brings each cell to its rank
within the region that one model scored, and fits a ``RankCurve`` to the ranks of held-out places.
Its form and its two places at chance were chosen on simulated districts, against Platt's line on
other functions of the rank and the isotonic map (``benchmarks/reliability.py``).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

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


def _log_odds(p: float) -> float:
    return math.log(p / (1 - p))
