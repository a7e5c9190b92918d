"""Probabilities: Brier score, reliability, the curve from ranks, conformal areas."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from orecast.arrays import Bools, Floats
from orecast.errors import SamplingError
from orecast.metrics.curves import known_percentiles
from orecast.metrics.intervals import known_groups, share_interval
from orecast.metrics.results import ConformalArea, Reliability

By = Literal["quantile", "width"]


def reliability(
    y: ArrayLike,
    p: ArrayLike,
    weights: ArrayLike | None = None,
    *,
    bins: int = 10,
    by: By = "quantile",
    level: float = 0.95,
) -> Reliability:
    """Reliability table of probabilities (Murphy & Winkler 1977, Appl. Stat. 26, 41).

    ``y`` ``(n,)`` 1 or 0; ``p`` ``(n,)`` within 0 to 1; ``weights`` ``(n,)``; NaN left out. ``by``
    "quantile" cuts at quantiles of the probabilities (ties stay in one bin), "width" at equal steps
    from 0 to 1. Wilson's interval uses the number of places. With weights, the odds of its ends are
    multiplied by the ratio of the two classes' mean weights in the bin; this keeps its coverage
    where each class has one weight (Prentice & Pyke 1979, Biometrika 66, 403). Raises SamplingError
    without places of both classes.
    """
    ore, prob, w = _labelled(y, p, weights)
    edges, member, total = _binned(prob, w, bins, by)
    count = np.bincount(member, minlength=total.size)
    hits = np.bincount(member, ore, total.size).astype(np.int64)
    mean_weight = [_mean_weight(member, w, kind, total.size) for kind in (ore, ~ore)]
    odds = mean_weight[0] / mean_weight[1]
    ends = [share_interval(int(k), int(n), level=level) for k, n in zip(hits, count, strict=True)]
    value, low, high = (
        _moved(np.array([getattr(e, name) for e in ends]), odds)
        for name in ("value", "low", "high")
    )
    predicted = np.full(total.size, np.nan)
    np.divide(np.bincount(member, w * prob, total.size), total, out=predicted, where=total > 0)
    return Reliability(edges, predicted, value, low, high, count, hits, total / total.sum())


def _labelled(
    y: ArrayLike, p: ArrayLike, weights: ArrayLike | None
) -> tuple[Bools, Floats, Floats]:
    """Check labels, probabilities and weights; return those of places that have all three.

    Raises ValueError for lengths that differ, probabilities out of range and weights not above 0,
    SamplingError without places of both classes.
    """
    labels, values = (np.asarray(v, dtype=np.float64).ravel() for v in (y, p))
    w = np.ones(labels.size) if weights is None else np.asarray(weights, np.float64).ravel()
    if not labels.size == values.size == w.size:
        raise ValueError(f"{labels.size} labels, {values.size} values and {w.size} weights")
    known = ~(np.isnan(labels) | np.isnan(values) | np.isnan(w))
    ore, values, w = labels[known] == 1, values[known], w[known]
    if (w <= 0).any():
        raise ValueError("weights (cells that a place represents) must be above 0")
    if ore.all() or not ore.any():
        raise SamplingError(
            f"{ore.sum()} of {ore.size} places are ore; calibration needs ore and background",
            remedy="add deposits, or background cells with their weights",
        )
    if values.min() < 0 or values.max() > 1:
        raise ValueError("probabilities must lie between 0 and 1")
    return ore, values, w


def _binned(p: Floats, w: Floats, bins: int, by: By) -> tuple[Floats, NDArray[np.intp], Floats]:
    """Edges ``(k + 1,)``, the bin of each place, and the weight in each bin ``(k,)``."""
    if bins < 1:
        raise ValueError(f"{bins} bins")
    steps = np.linspace(0, 1, bins + 1)
    edges = steps if by == "width" else np.unique(np.quantile(p, steps))
    if edges.size == 1:
        edges = np.repeat(edges, 2)  # all probabilities are equal
    member = np.searchsorted(edges[1:-1], p, side="left")
    return edges, member, np.bincount(member, w, edges.size - 1).astype(np.float64)


def _mean_weight(member: NDArray[np.intp], w: Floats, kind: Bools, bins: int) -> Floats:
    """Mean weight of a class in each bin; of the whole class where it is not in the bin."""
    count = np.bincount(member[kind], minlength=bins)
    mean = np.full(bins, w[kind].mean())
    np.divide(np.bincount(member[kind], w[kind], bins), count, out=mean, where=count > 0)
    return mean


def _moved(share: Floats, odds: Floats) -> Floats:
    """Multiply the odds of shares."""
    return np.asarray(share * odds / (share * odds + 1 - share))


_AT_CHANCE = 2  # places with a normal score of 0 that are added to the fit
_MARGIN = 1.0  # added to the range of possible intercepts, against rounding


@dataclass(frozen=True)
class RankCurve:
    """Probability that a cell holds ore by its rank: the log-odds are a line in the normal score.

    A cell's rank is its percentile among the cells of its region, 0 to 1. Its normal score is the
    quantile of the standard normal at the rank. Ranks are uniform in any region and for any model,
    so one curve serves all. ``slope`` is at least 0: the probability never falls with the rank, and
    at slope 0 it is the same everywhere. Where ore is rare, the normal scores of deposit cells have
    the mean ``slope`` and the variance 1, and the AUC is
    ``Phi(slope / sqrt(2))``: the binormal ROC of equal variances (Swets 1986, Psychol. Bull. 99,
    181).
    """

    slope: float

    def __call__(self, ranks: ArrayLike, expected: float) -> Floats:
        """Probabilities of all cells of a region, ``(n,)``, by rank; their sum is ``expected``.

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
    """Fit a curve to the ranks of held-out deposit cells, ``(n,)``, each within its own region.

    The slope is the mean of their normal scores and of ``_AT_CHANCE`` further places at 0: the
    posterior mode under a normal prior. It is 0 where the mean is below 0. No background sample is
    needed, since background ranks are uniform.

    >>> round(fit_rank_curve([0.5, 0.841344746, 0.977249868]).slope, 8)  # 0, 1 and 2 of 3 + 2
    0.6
    """
    from scipy import special

    scores = special.ndtri(np.asarray(ranks, dtype=np.float64))
    return RankCurve(max(0.0, float(scores.sum() / (scores.size + _AT_CHANCE))))


def rank_threshold(ranks: ArrayLike) -> float:
    """Rank threshold with the best F1, where ore and background have the same weight.

    ``ranks`` ``(n,)`` of held-out deposit cells, each within its own region. Background ranks are
    uniform, so the share ``1 - r`` of it is predicted positive at threshold ``r``. Ties: the
    highest is taken.

    >>> rank_threshold([0.9, 0.8, 0.1])  # F1 = 2 h / (h + 1 - r + 1): 0.47, 0.71, 0.69
    0.8
    """
    falling = np.sort(np.asarray(ranks, dtype=np.float64))[::-1]
    captured = np.arange(1, falling.size + 1) / falling.size
    return float(falling[np.argmax(captured / (captured + 2 - falling))])


def _log_odds(p: float) -> float:
    return math.log(p / (1 - p))


_ROUNDING = 1e-9  # tolerance for sums of weights


def conformal_area(
    percentiles: ArrayLike, confidence: float, *, groups: ArrayLike | None = None
) -> ConformalArea:
    """Share of the area, from the best down, that contains a further deposit with the confidence.

    ``percentiles`` ``(n,)`` of held-out deposits in their own regions, NaN left out; ``groups``
    ``(n,)``: deposits of one group are not independent. Without groups the result is the
    ``ceil((n + 1) * confidence)``-th smallest of ``1 - percentile``, and the whole map where
    ``n < 1 / (1 - confidence) - 1``. Raises ValueError for a confidence outside 0 to 1,
    SamplingError where no deposit has a percentile.

    >>> conformal_area([0.95, 0.9, 0.8, 0.4], 0.6).area.__round__(3)
    0.2
    >>> conformal_area([0.95, 0.9, 0.8, 0.4], 0.9).enough
    False
    """
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must lie between 0 and 1, not {confidence}")
    known, weight, n = _group_weights(percentiles, groups)
    order = np.argsort(-known, kind="stable")
    reached = np.cumsum(weight[order])
    rank = int(np.searchsorted(reached, confidence * (n + 1) - _ROUNDING))
    if rank == known.size:
        words = (
            f"{n} independent groups of deposits are too few to exclude any part of the map with "
        )
        words += f"{100 * confidence:.0f} % confidence"
        return ConformalArea(1.0, confidence, n, enough=False, sentence=words)
    area = float(1 - known[order[rank]])
    words = (
        f"the best {math.ceil(round(100 * area, 6))} % of the area contain a further deposit of "
        f"this kind with at least {100 * confidence:.0f} % confidence, based on {n} independent "
        "groups of known deposits"
    )
    return ConformalArea(area, confidence, n, enough=True, sentence=words)


def conformal_p(
    percentile_of_targets: ArrayLike, held_out: ArrayLike, *, groups: ArrayLike | None = None
) -> Floats:
    """Conformal p of targets as further deposits, ``(k,)``; NaN where one has no percentile.

    ``percentile_of_targets`` ``(k,)``; ``held_out`` ``(n,)`` percentiles of the known deposits, NaN
    left out, with their ``groups`` ``(n,)``. p = (1 + number of held-out deposits ranked as low or
    lower) / (n + 1). At most the share ``a`` of further deposits has a p of ``a`` or less: known
    deposits rarely rank as low as a target with a low p. Raises SamplingError where no held-out
    deposit has a percentile.

    >>> conformal_p([0.97, 0.5, 0.1], [0.95, 0.9, 0.8, 0.4]).tolist()
    [1.0, 0.4, 0.2]
    """
    targets = np.asarray(percentile_of_targets, dtype=np.float64)
    known, weight, n = _group_weights(held_out, groups)
    order = np.argsort(known, kind="stable")
    reached = np.concatenate([[0.0], np.cumsum(weight[order])])
    as_low = reached[np.searchsorted(known[order], targets, side="right")]
    return np.where(np.isnan(targets), np.nan, (1 + as_low) / (n + 1))


def _group_weights(percentiles: ArrayLike, groups: ArrayLike | None) -> tuple[Floats, Floats, int]:
    """Known percentiles, the weight of each (total 1 per group), and the number of groups."""
    p, member = known_groups(percentiles, groups)
    count = np.bincount(member)
    return known_percentiles(p), 1 / count[member], count.size
