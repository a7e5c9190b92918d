"""Are probabilities what they say? Brier score, log loss, and the reliability table.

Background cells are usually a sample of all cells. ``weights`` then says how many cells each stands
for (1 for a deposit's cell), and every figure here speaks of all cells.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from orecast.errors import SamplingError
from orecast.evaluation.intervals import share_interval

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
By = Literal["quantile", "width"]


@dataclass(frozen=True)
class BrierScore:
    """Brier score and its parts: ``value = reliability - resolution + uncertainty + within``.

    ``reliability`` is the cost of bins whose mean probability is not the share observed (0 is
    best), ``resolution`` the gain of bins that differ in that share (more is better),
    ``uncertainty`` what knowing the overall share alone would cost. ``within`` is what binning
    hides: 0 where a bin holds one probability.
    """

    value: float
    reliability: float
    resolution: float
    uncertainty: float
    within: float

    @property
    def skill(self) -> float:
        """Share of the uncertainty that is removed; below 0 the overall share does better."""
        return 1 - self.value / self.uncertainty


def brier(
    y: ArrayLike,
    p: ArrayLike,
    weights: ArrayLike | None = None,
    *,
    bins: int = 10,
    by: By = "width",
) -> BrierScore:
    """Mean squared error of probabilities (Brier 1950, Mon. Weather Rev. 78, 1), in Murphy's parts.

    ``y`` ``(n,)`` 1 or 0; ``p`` ``(n,)`` within 0 to 1; ``weights`` ``(n,)``; NaN left out. The
    parts are Murphy's (1973, J. Appl. Meteorol. 12, 595) over ``bins``, and the rest that binned
    probabilities leave (Stephenson, Coelho & Jolliffe 2008, Weather Forecast. 23, 752). Raises
    SamplingError without places of both classes.
    """
    ore, prob, w = _labelled(y, p, weights)
    ore_share = float(np.average(ore, weights=w))
    _, member, total = _binned(prob, w, bins, by)
    mass = np.where(total > 0, total, 1.0)
    observed = np.bincount(member, w * ore, total.size) / mass
    predicted = np.bincount(member, w * prob, total.size) / mass
    share = total / total.sum()
    value = float(np.average((prob - ore) ** 2, weights=w))
    reliability = float(share @ (predicted - observed) ** 2)
    resolution = float(share @ (observed - ore_share) ** 2)
    uncertainty = ore_share * (1 - ore_share)
    off, missed = prob - predicted[member], ore - observed[member]
    within = float(np.average(off**2 - 2 * off * missed, weights=w))
    return BrierScore(value, reliability, resolution, uncertainty, within)


def log_loss(y: ArrayLike, p: ArrayLike, weights: ArrayLike | None = None) -> float:
    """Mean negative log-likelihood in nats (Good 1952, J. R. Stat. Soc. B 14, 107).

    Arguments as in ``brier``. Infinite where what came had probability 0: nothing is clipped.
    """
    ore, prob, w = _labelled(y, p, weights)
    with np.errstate(divide="ignore"):
        loss = -np.where(ore, np.log(prob), np.log1p(-prob))
    return float(np.average(loss, weights=w))


@dataclass(frozen=True)
class Reliability:
    """Probabilities told and shares observed, bin by bin; a bin without places is NaN, its count 0.

    ``edges`` ``(k + 1,)``, a bin holding its upper edge; the others ``(k,)``: weighted mean
    ``predicted``, weighted share ``observed`` with Wilson's interval ``low`` to ``high``, ``count``
    of places, ``ore`` of them positive, and the ``share`` of all weight.
    """

    edges: Floats
    predicted: Floats
    observed: Floats
    low: Floats
    high: Floats
    count: NDArray[np.int64]
    ore: NDArray[np.int64]
    share: Floats

    @property
    def expected_calibration_error(self) -> float:
        """Mean of |observed - predicted|, by the bins' weight.

        Naeini, Cooper & Hauskrecht (2015, AAAI). Few places in a bin raise it by themselves.
        """
        held = self.count > 0
        return float(self.share[held] @ np.abs(self.observed - self.predicted)[held])

    def as_dict(self) -> dict[str, list[float]]:
        """Lists by name."""
        return {name: array.tolist() for name, array in vars(self).items()}


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
    "quantile" cuts at quantiles of the places' probabilities, equals falling together, "width" at
    equal steps from 0 to 1. Wilson's interval is that of the places counted; with weights its ends
    move, as odds, by the ratio of the two classes' mean weights in the bin, which keeps its
    coverage where a class has one weight (Prentice & Pyke 1979, Biometrika 66, 403). Raises
    SamplingError without places of both classes.
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
    """Labels, probabilities and weights of the places that have all three, checked.

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
        raise ValueError("a weight is the number of cells a place stands for, above 0")
    if ore.all() or not ore.any():
        raise SamplingError(
            f"{ore.sum()} of {ore.size} places are ore; calibration needs both kinds",
            remedy="add deposits, or background cells with their weights",
        )
    if values.min() < 0 or values.max() > 1:
        raise ValueError("a probability lies between 0 and 1")
    return ore, values, w


def _binned(p: Floats, w: Floats, bins: int, by: By) -> tuple[Floats, NDArray[np.intp], Floats]:
    """Edges ``(k + 1,)``, the bin of each place, and the weight in each bin ``(k,)``."""
    if bins < 1:
        raise ValueError(f"{bins} bins")
    steps = np.linspace(0, 1, bins + 1)
    edges = steps if by == "width" else np.unique(np.quantile(p, steps))
    if edges.size == 1:
        edges = np.repeat(edges, 2)  # every place says the same
    member = np.searchsorted(edges[1:-1], p, side="left")
    return edges, member, np.bincount(member, w, edges.size - 1).astype(np.float64)


def _mean_weight(member: NDArray[np.intp], w: Floats, kind: Bools, bins: int) -> Floats:
    """Mean weight of a class in each bin, and of the whole class where the bin has none of it."""
    count = np.bincount(member[kind], minlength=bins)
    mean = np.full(bins, w[kind].mean())
    np.divide(np.bincount(member[kind], w[kind], bins), count, out=mean, where=count > 0)
    return mean


def _moved(share: Floats, odds: Floats) -> Floats:
    """Shares whose odds are multiplied."""
    return np.asarray(share * odds / (share * odds + 1 - share))
