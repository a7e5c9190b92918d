"""Scores of a map or of labels: AUC, average precision, percentiles, confusion."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from orecast.arrays import Floats, Ints
from orecast.metrics.intervals import bootstrap, known_groups, share_interval
from orecast.metrics.results import UNKNOWN, Interval

Real = NDArray[np.floating]
THRESHOLD_SCORES = (
    "accuracy",
    "balanced_accuracy",
    "precision",
    "recall",
    "specificity",
    "f1",
    "macro_f1",
    "mcc",
    "kappa",
)
_BLOCK = 1 << 15  # cells that are sorted at a time: they stay in the processor's cache
_ROUNDING = 1e-12  # tolerance, so that a percentile of 0.95 lies within the best 0.05


def percentiles(deposit_scores: ArrayLike, region_scores: ArrayLike) -> Floats:
    """Share of a region's cells that each deposit outranks; a tie counts half, ``(n,)``.

    ``deposit_scores`` ``(n,)``; ``region_scores`` of any shape, NaN cells not counted. The region
    includes the deposits' own cells, which tie with their deposits. So the mean over all possible
    positions of a deposit is exactly 0.5 for any map. A perfect map of ``m`` cells gives
    ``1 - 0.5 / m``. NaN where the deposit's score is NaN or the region is empty.

    >>> percentiles([0.9, 0.2, np.nan], [0.1, 0.2, 0.3, 0.9, np.nan]).tolist()
    [0.875, 0.375, nan]
    """
    scores = _flat(deposit_scores)
    below, up_to, known = outranked(scores, region_scores)
    if not known:
        return np.full(scores.shape, np.nan)
    return np.where(np.isnan(scores), np.nan, (below + up_to) / (2 * known))


def outranked(levels: ArrayLike, cells: ArrayLike) -> tuple[Ints, Ints, int]:
    """Count the cells below each level, the cells up to it, and all cells; NaN cells do not count.

    ``levels`` ``(k,)``, a NaN has no useful count; ``cells`` of any shape. The comparison uses the
    coarser of the two types, so that a deposit ties with its own cell. Cells are sorted in blocks,
    never all at once: few levels among ten million cells need one pass and no copy.

    >>> below, up_to, known = outranked([0.2], [0.1, 0.2, 0.2, np.nan])
    >>> below.tolist(), up_to.tolist(), known
    ([1], [3], 3)
    """
    wanted, values = _flat(levels), _flat(cells)
    coarser = min(wanted.dtype, values.dtype)
    wanted = wanted.astype(coarser)
    below, up_to = np.zeros(wanted.size, np.int64), np.zeros(wanted.size, np.int64)
    known = 0
    step = max(_BLOCK, wanted.size)  # larger blocks are faster for many levels
    for start in range(0, values.size, step):
        block = values[start : start + step].astype(coarser)
        block.sort()  # NaN comes last
        below += np.searchsorted(block, wanted, side="left")
        up_to += np.searchsorted(block, wanted, side="right")
        known += int(np.searchsorted(block, np.nan))
    return below, up_to, known


def top_share(percentile: ArrayLike, area: float, *, groups: ArrayLike | None = None) -> Interval:
    """Share of places within the best ``area`` (a share) of their regions, with Wilson's interval.

    ``percentile`` ``(n,)`` of each held-out place among its own region's cells, NaN left out;
    ``groups`` ``(n,)``: places of one group are not independent, and the interval counts groups.

    >>> top_share([0.99, 0.95, 0.4, 0.2], 0.05).value
    0.5
    """
    p, member = known_groups(percentile, groups)
    n = int(member.max(initial=-1)) + 1
    share = float(np.mean(p >= 1 - area - _ROUNDING)) if n else 0.0
    return share_interval(share * n, n)


def auc(positive: ArrayLike, negative: ArrayLike) -> float:
    """Area under the ROC curve: how often a positive outranks a negative; a tie counts half.

    The Mann-Whitney statistic (Hanley & McNeil 1982, Radiology 143, 29). NaN scores are left
    out; NaN where one class is empty.

    >>> auc([0.9, 0.4], [0.1, 0.4])
    0.875
    """
    share = percentiles(positive, negative)
    share = share[~np.isnan(share)]
    return float(share.mean()) if share.size else math.nan


def average_precision(y: ArrayLike, scores: ArrayLike) -> float:
    """Mean of the precision at each score, weighted by the recall gained there.

    ``y`` ``(n,)`` 1 or 0; ``scores`` ``(n,)``. Ties enter together, no interpolation
    (Davis & Goadrich 2006, ICML). NaN without positives.

    >>> round(average_precision([1, 0, 1], [0.9, 0.8, 0.7]), 4)
    0.8333
    """
    hits, taken, _ = _descending(y, scores)
    if not hits.size or hits[-1] == 0:
        return math.nan
    return float(np.sum(np.diff(hits, prepend=0) * hits / taken) / hits[-1])


def f1_optimal_threshold(
    y: ArrayLike, scores: ArrayLike, weights: ArrayLike | None = None
) -> float:
    """Score threshold with the best F1 of the positive class, as used in papers' tables.

    ``y`` ``(n,)`` 1 or 0; ``scores`` ``(n,)``; ``weights`` ``(n,)`` of the places, equal by
    default. Ties: the highest threshold is taken. Use it on training rows, never on test rows. NaN
    without positives.

    >>> f1_optimal_threshold([1, 0, 1, 0], [0.9, 0.8, 0.7, 0.1])
    0.7
    """
    hits, taken, thresholds = _descending(y, scores, weights)
    if not hits.size or hits[-1] == 0:
        return math.nan
    return float(thresholds[np.argmax(2 * hits / (taken + hits[-1]))])


@dataclass(frozen=True)
class Confusion:
    """Counts of a two-class decision, or expected counts, and the scores computed from them.

    Example: the 144 tiles of Gao et al. (2022, Appl. Sci. 12, 11433). Their published "AUC" 0.7454
    is the balanced accuracy, and their F1 0.7653 is the macro mean:

    >>> tiles = Confusion(tn=108, fp=7, fn=13, tp=16)
    >>> [round(s, 4) for s in (tiles.accuracy, tiles.balanced_accuracy, tiles.macro_f1, tiles.f1)]
    [0.8611, 0.7454, 0.7653, 0.6154]
    """

    tn: float
    fp: float
    fn: float
    tp: float

    @property
    def n(self) -> float:
        """Number of places."""
        return self.tn + self.fp + self.fn + self.tp

    @property
    def accuracy(self) -> float:
        """Share of places predicted correctly."""
        return _ratio(self.tp + self.tn, self.n)

    @property
    def recall(self) -> float:
        """Share of the ore that is predicted positive (sensitivity)."""
        return _ratio(self.tp, self.tp + self.fn)

    @property
    def specificity(self) -> float:
        """Share of the negatives that is predicted negative."""
        return _ratio(self.tn, self.tn + self.fp)

    @property
    def balanced_accuracy(self) -> float:
        """Mean of recall and specificity; equals the AUC of hard labels."""
        return (self.recall + self.specificity) / 2

    @property
    def precision(self) -> float:
        """Share of the predicted positive that is ore."""
        return _ratio(self.tp, self.tp + self.fp)

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall, of the ore class."""
        return _ratio(2 * self.tp, 2 * self.tp + self.fp + self.fn)

    @property
    def macro_f1(self) -> float:
        """Mean of the F1 of the ore class and of the negative class."""
        return (self.f1 + _ratio(2 * self.tn, 2 * self.tn + self.fp + self.fn)) / 2

    @property
    def mcc(self) -> float:
        """Matthews correlation coefficient (Matthews 1975, Biochim. Biophys. Acta 405, 442)."""
        rows = (self.tp + self.fn) * (self.tn + self.fp)
        columns = (self.tp + self.fp) * (self.tn + self.fn)
        return _ratio(self.tp * self.tn - self.fp * self.fn, math.sqrt(rows * columns))

    @property
    def kappa(self) -> float:
        """Agreement beyond chance (Cohen 1960, Educ. Psychol. Meas. 20, 37)."""
        crossed = (self.tp + self.fn) * (self.tn + self.fn)
        crossed += (self.tp + self.fp) * (self.tn + self.fp)
        return _ratio(2 * (self.tp * self.tn - self.fp * self.fn), crossed)

    def scores(self) -> dict[str, float]:
        """Every score by name."""
        return {name: getattr(self, name) for name in THRESHOLD_SCORES}


def confusion(y: ArrayLike, scores: ArrayLike, threshold: float = 0.5) -> Confusion:
    """Count right and wrong predictions; a score of ``threshold`` or more is predicted positive.

    ``y`` ``(n,)`` 1 or 0; ``scores`` ``(n,)``. Places with a NaN label or score are left out.

    >>> confusion([1, 1, 0, 0], [0.9, 0.2, 0.5, 0.1])
    Confusion(tn=1, fp=1, fn=1, tp=1)
    """
    ore, values, _ = _labelled(y, scores)
    positive = values >= threshold
    return Confusion(
        tn=int(np.sum(~ore & ~positive)),
        fp=int(np.sum(~ore & positive)),
        fn=int(np.sum(ore & ~positive)),
        tp=int(np.sum(ore & positive)),
    )


def _descending(
    y: ArrayLike, scores: ArrayLike, weights: ArrayLike | None = None
) -> tuple[Floats, Floats, Floats]:
    """Counts of positives and of places down to each distinct score; the scores, highest first."""
    ore, values, counts = _labelled(y, scores, weights)
    order = np.argsort(-values, kind="stable")
    ore, values, counts = ore[order], values[order], counts[order]
    last = np.flatnonzero(np.diff(values, append=-np.inf))  # the last place of each tie
    taken, hits = np.cumsum(counts)[last], np.cumsum(ore * counts)[last]
    return hits, taken, values[last].astype(np.float64)


def _labelled(
    y: ArrayLike, scores: ArrayLike, weights: ArrayLike | None = None
) -> tuple[NDArray[np.bool_], Real, Floats]:
    labels, values = _flat(y), _flat(scores)
    if labels.shape != values.shape:
        raise ValueError(f"{labels.size} labels but {values.size} scores")
    known = ~(np.isnan(labels) | np.isnan(values))
    counts = np.ones(labels.size) if weights is None else np.asarray(weights, dtype=np.float64)
    return labels[known] == 1, values[known], counts.ravel()[known]


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else math.nan


def _flat(values: ArrayLike) -> Real:
    array = np.asarray(values).ravel()
    # a float32 map stays float32, which needs half the memory
    return array if array.dtype == np.float32 else array.astype(np.float64, copy=False)


def threshold_scores(
    hit: ArrayLike, false_alarm: ArrayLike, *, groups: ArrayLike, seed: int
) -> dict[str, Interval]:
    """Accuracy, precision, recall and the other scores in ``THRESHOLD_SCORES``, with intervals.

    ``hit`` ``(n,)`` is 1 where a held-out place reached its fold's threshold; ``false_alarm``
    ``(n,)`` is the share of its region's cells that did. The counts are those expected when one
    cell of the region is drawn for each place: ore and background have the same weight, as in
    published tables. Background is not known to be barren: a predicted positive there is not proven
    wrong. NaN places are left out.
    """
    h, f, g = _known(hit, false_alarm, groups=groups)
    if not h.size:
        return dict.fromkeys(THRESHOLD_SCORES, UNKNOWN)

    def of(weights: Floats) -> Floats:
        hits, false_positives, n = weights @ h, weights @ f, weights.sum(axis=1)
        counts = zip(hits.tolist(), false_positives.tolist(), n.tolist(), strict=True)
        scores = [Confusion(tn=k - b, fp=b, fn=k - a, tp=a).scores() for a, b, k in counts]
        return np.array([[*found.values()] for found in scores])

    return dict(zip(THRESHOLD_SCORES, bootstrap(of, g, seed=seed), strict=True))


def average_precision_of(
    percentiles: ArrayLike, n_cells: int, *, groups: ArrayLike, seed: int
) -> Interval:
    """Average precision of held-out places among ``n_cells`` background cells.

    ``percentiles`` ``(n,)`` within each place's own region replace the scores, whose scales differ
    between folds: a place at percentile p has ``(1 - p) * n_cells`` cells above it. A random map
    gives the share of ore in the map.
    """
    p, g = _known(percentiles, groups=groups)
    if not p.size:
        return UNKNOWN
    order = np.argsort(-p, kind="stable")
    p, g = p[order], g[order]
    last = np.searchsorted(-p, -p, side="right") - 1  # ties enter together
    above = (1 - p) * n_cells

    def of(weights: Floats) -> Floats:
        taken = np.cumsum(weights, axis=1)[:, last]
        positive = taken + above
        # a place that was not drawn, with no cell above it, has no precision and no weight
        precision = np.divide(taken, positive, out=np.zeros_like(taken), where=positive > 0)
        return np.asarray((weights * precision).sum(axis=1) / weights.sum(axis=1))[:, None]

    return bootstrap(of, g, seed=seed)[0]


def brier_of(
    at_places: ArrayLike,
    background_squares: float,
    n_cells: int,
    reference: float,
    *,
    groups: ArrayLike,
    seed: int,
) -> tuple[Interval, Interval]:
    """Brier score of a calibrated map, and its skill over a constant probability.

    ``at_places`` ``(n,)`` is the probability at each held-out place; ``background_squares`` the sum
    of squared probabilities over the other of ``n_cells`` cells; ``reference`` the constant
    probability, deposits per cell. Skill is 1 - Brier / Brier of the reference
    (Murphy 1973, J. Appl. Meteorol. 12, 595); below 0 the map is worse than the constant.
    """
    p, g = _known(at_places, groups=groups)
    if not p.size:
        return UNKNOWN, UNKNOWN

    def of(weights: Floats) -> Floats:
        n = weights.sum(axis=1)
        brier = (weights @ (1 - p) ** 2 + background_squares) / n_cells
        plain = (n * (1 - reference) ** 2 + (n_cells - n) * reference**2) / n_cells
        return np.column_stack([brier, 1 - brier / plain])

    score, skill = bootstrap(of, g, seed=seed)
    return score, skill


def _known(*columns: ArrayLike, groups: ArrayLike) -> tuple[Any, ...]:
    """Columns and groups of the places that have every column."""
    arrays = [np.asarray(c, dtype=np.float64) for c in columns]
    known = ~np.isnan(np.stack(arrays)).any(axis=0)
    return *(a[known] for a in arrays), np.asarray(groups)[known]
