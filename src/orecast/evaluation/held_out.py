"""Scores of held-out places, each against the cells of its own region; intervals over places.

Scores of two folds come from two models and are on no common scale, so that nothing here compares
them: a place is ranked among the cells of its own region, and called ore where its rank reaches its
own fold's threshold.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from orecast.evaluation.intervals import Interval, bootstrap
from orecast.evaluation.scores import Confusion

Floats = NDArray[np.float64]

CALLED = (
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


def called_scores(
    hit: ArrayLike, false_alarm: ArrayLike, *, groups: ArrayLike, seed: int
) -> dict[str, Interval]:
    """Accuracy and its kin where each place stands against one cell drawn from its region.

    ``hit`` ``(n,)`` is 1 where a held-out place reached its fold's threshold; ``false_alarm``
    ``(n,)`` the share of its region's cells that did. The counts are those expected when one such
    cell is drawn for each place: ore and background weigh the same, as in the published tables.
    Background is not known to be barren; what is called ore there is unproven rather than wrong.
    NaN places are left out.
    """
    h, f, g = _known(hit, false_alarm, groups=groups)
    if not h.size:
        return {name: Interval(math.nan, math.nan, math.nan) for name in CALLED}

    def of(weights: Floats) -> Floats:
        hits, alarms, n = weights @ h, weights @ f, weights.sum(axis=1)
        counts = zip(hits.tolist(), alarms.tolist(), n.tolist(), strict=True)
        calls = [Confusion(tn=k - b, fp=b, fn=k - a, tp=a).scores() for a, b, k in counts]
        return np.array([[call[name] for name in CALLED] for call in calls])

    return dict(zip(CALLED, bootstrap(of, g, seed=seed), strict=True))


def average_precision_of(
    percentiles: ArrayLike, n_cells: int, *, groups: ArrayLike, seed: int
) -> Interval:
    """Average precision of held-out places among ``n_cells`` background cells.

    ``percentiles`` ``(n,)`` within each place's own region stand in for scores, which two folds do
    not share: the place at percentile p has ``(1 - p) * n_cells`` cells above it. As low as the
    share of ore in the map for a random one.
    """
    p, g = _known(percentiles, groups=groups)
    if not p.size:
        return Interval(math.nan, math.nan, math.nan)
    order = np.argsort(-p, kind="stable")
    p, g = p[order], g[order]
    last = np.searchsorted(-p, -p, side="right") - 1  # ties enter together
    above = (1 - p) * n_cells

    def of(weights: Floats) -> Floats:
        taken = np.cumsum(weights, axis=1)[:, last]
        called = taken + above
        # a place that was not drawn, with no cell above it, has no precision and no weight
        precision = np.divide(taken, called, out=np.zeros_like(taken), where=called > 0)
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
    """Brier score of a calibrated map, and its skill over the same chance everywhere.

    ``at_places`` ``(n,)`` is the probability given to each held-out place; ``background_squares``
    the sum of squared probabilities over the other of ``n_cells`` cells; ``reference`` the constant
    chance, deposits by cells. Skill is 1 - Brier / Brier of the reference
    (Murphy 1973, J. Appl. Meteorol. 12, 595); under 0 the map is worse than knowing nothing.
    """
    p, g = _known(at_places, groups=groups)
    if not p.size:
        nothing = Interval(math.nan, math.nan, math.nan)
        return nothing, nothing

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
