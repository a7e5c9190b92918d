"""Weights of evidence, with its tests of conditional independence."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from orecast.arrays import Bools, Floats
from orecast.errors import ModelError
from orecast.models.checks import require_number
from orecast.models.classical._base import Detector
from orecast.models.classical.concentrations import own_values
from orecast.sampling import Windows

REGISTERED = {"weights-of-evidence": "WeightsOfEvidence"}


@dataclass(frozen=True)
class Weights:
    """Weights of binary patterns; each field a number, or an array of them.

    ``plus`` where the pattern is present, ``minus`` where it is absent, ``contrast`` their
    difference; ``s_plus``, ``s_minus`` the standard deviations; ``studentised`` the contrast
    divided by its own.
    """

    plus: Floats
    minus: Floats
    contrast: Floats
    s_plus: Floats
    s_minus: Floats
    studentised: Floats


def weights(
    n_ore_in: ArrayLike, n_ore: ArrayLike, n_cells_in: ArrayLike, n_cells: ArrayLike
) -> Weights:
    """Weights of patterns from counts of unit cells, numbers or arrays of one shape.

    ``n_ore_in`` of ``n_ore`` cells with ore lie within the pattern, which covers ``n_cells_in`` of
    all ``n_cells``, those with ore among them. With B the pattern, D ore:

        W+ = ln P(B|D) / P(B|not D)            s²(W+) = 1/n(B, D) + 1/n(B, not D)
        W- = ln P(not B|D) / P(not B|not D)    s²(W-) = 1/n(not B, D) + 1/n(not B, not D)
        C = W+ - W-                            s²(C) = s²(W+) + s²(W-)

    Bonham-Carter, G.F., Agterberg, F.P. & Wright, D.F. (1989), Weights of evidence modelling, in:
    Geological Survey of Canada Paper 89-9, 171-183. Where one of the four counts is 0, a half is
    added to all four (Haldane 1956, Anscombe 1956), so that every weight is finite.

    Raises ModelError for inconsistent counts.
    """
    given = (np.asarray(v, dtype=np.float64) for v in (n_ore_in, n_ore, n_cells_in, n_cells))
    ore_in, ore, cells_in, cells = np.broadcast_arrays(*given)
    counts = np.stack([ore_in, ore - ore_in, cells_in - ore_in, cells - ore - cells_in + ore_in])
    if (counts < 0).any():
        raise ModelError("a part of the area has more cells than the whole area")
    a, b, c, d = counts + np.where((counts == 0).any(axis=0), 0.5, 0.0)
    plus = np.log(a / (a + b)) - np.log(c / (c + d))
    minus = np.log(b / (a + b)) - np.log(d / (c + d))
    s_plus, s_minus = np.sqrt(1 / a + 1 / c), np.sqrt(1 / b + 1 / d)
    contrast = plus - minus
    return Weights(plus, minus, contrast, s_plus, s_minus, contrast / np.hypot(s_plus, s_minus))


@dataclass(frozen=True)
class Independence:
    """Tests of conditional independence of patterns given ore.

    ``chi_squared`` and ``pairwise`` ``(n_patterns, n_patterns)``: the statistic of each pair among
    the ore cells, one degree of freedom, and its p-value. ``expected`` T is the sum of posterior
    probabilities over the area, ``deviation`` its standard deviation s(T), ``observed`` n; ``p`` is
    the chance of so large a T - n, or a larger one, under independence.
    """

    chi_squared: Floats
    pairwise: Floats
    expected: float
    deviation: float
    observed: int
    p: float


def conditional_independence(
    present: ArrayLike, ore: ArrayLike, found: Weights, prior: float, areas: ArrayLike = 1.0
) -> Independence:
    """Test whether patterns are independent given ore.

    ``present`` ``(n, n_patterns)`` is 1 where a pattern is present, 0 where absent, NaN where
    unknown; ``ore`` ``(n,)`` is true for rows with ore; ``found`` are the patterns' weights,
    ``prior`` the prior probability of a unit cell, ``areas`` the unit cells that each row
    represents, ``(n,)`` or one for all. Each row of ore is one event.

    Pairs: Pearson's chi-square of the two by two table among rows of ore (Bonham-Carter, G.F. 1994,
    Geographic Information Systems for Geoscientists). All together: under independence T, the sum
    of posterior probabilities, equals the number n of events, and ``(T - n) / s(T)`` is tested on
    one tail (Agterberg, F.P. & Cheng, Q. 2002, Natural Resources Research 11, 249-255), with

        s²(P) = P² (1/n + sum s²(W)),    s²(T) = sum over unique conditions of (area s(P))²
    """
    from scipy.special import ndtr

    pattern = np.asarray(present, dtype=np.float64)
    events = np.asarray(ore, dtype=bool)
    n = int(events.sum())
    chi_squared, pairwise = _pairs(pattern[events])
    posterior = posterior_probability(pattern, found, prior)
    variance = _by_state(pattern, np.square(found.s_plus), np.square(found.s_minus)).sum(axis=1)
    deviation = posterior * np.sqrt(1 / n + variance)
    area = np.broadcast_to(np.asarray(areas, dtype=np.float64), posterior.shape)
    _, condition = np.unique(np.nan_to_num(pattern, nan=2.0), axis=0, return_inverse=True)
    of_condition = np.bincount(condition.ravel(), weights=area * deviation)
    expected, s = float((area * posterior).sum()), float(np.sqrt((of_condition**2).sum()))
    return Independence(chi_squared, pairwise, expected, s, n, float(ndtr((n - expected) / s)))


def posterior_probability(present: Floats, found: Weights, prior: float) -> Floats:
    """Posterior probability from patterns ``(n, n_patterns)``, ``(n,)``; NaN has weight 0."""
    from scipy.special import expit, logit

    return np.asarray(expit(logit(prior) + _by_state(present, found.plus, found.minus).sum(axis=1)))


class WeightsOfEvidence(Detector):
    """Weights of evidence: the posterior probability of ore from layers cut in two.

    Bonham-Carter, Agterberg & Wright (1989); Bonham-Carter (1994); see ``weights``. Each layer is
    cut where the studentised contrast C / s(C) is largest in the training part, for either side as
    ore. A layer whose largest value is below ``studentised`` is left out. If all are left out, the
    posterior probability is the prior one everywhere. Missing values have weight 0.

        logit P(D|layers) = logit P(D) + sum of W+ or W-

    Negative rows represent the whole area without ore. ``prior`` is the prior probability of a
    cell; by default the share of ore rows among the visible cells with values. The score is the
    posterior probability. It has only as many values as there are combinations of patterns, so
    cells tie. Choosing the best of many cuts, and slid copies of one deposit, make the contrast
    look more significant than it is.

    Stored for each layer: ``thresholds_``, ``high_`` (ore is at or above), weights, and ``kept_``;
    for the kept layers also the tests of ``conditional_independence``.
    """

    thresholds_: Floats  # (n_layers,), in the layers' own units
    high_: Bools  # (n_layers,)
    kept_: Bools  # (n_layers,)
    plus_: Floats  # (n_layers,), as the next
    minus_: Floats
    s_plus_: Floats
    s_minus_: Floats
    studentised_: Floats
    prior_: float
    chi_squared_: Floats  # (n_kept, n_kept)
    pairwise_: Floats
    expected_: float
    expected_deviation_: float
    omnibus_p_: float

    def __init__(self, studentised: float = 1.96, prior: float | None = None) -> None:
        self.studentised = studentised
        self.prior = prior

    def _check_options(self) -> None:
        require_number("studentised", self.studentised, 0)
        if self.prior is not None:
            require_number("prior", self.prior, 0, 1, with_low=False)

    def _learn(self, X: Windows, y: Floats, seed: int) -> None:
        values, ore = own_values(X), y == 1
        cuts = [best_cut(column, ore) for column in values.T]
        self.thresholds_ = np.array([cut[0] for cut in cuts])
        self.high_ = np.array([cut[1] for cut in cuts])
        for name in ("plus", "minus", "s_plus", "s_minus", "studentised"):
            setattr(self, f"{name}_", np.array([float(getattr(cut[2], name)) for cut in cuts]))
        self.kept_ = self.studentised_ >= self.studentised
        self.prior_ = self.prior if self.prior is not None else _share_of_ore(X, y)
        self._test(self._present(values), ore)

    def _test(self, present: Floats, ore: Bools) -> None:
        """Test independence; each negative row represents its share of the area."""
        n, negative = int(ore.sum()), int((~ore).sum())
        areas = np.where(ore, 1.0, n * (1 - self.prior_) / self.prior_ / negative)
        tests = conditional_independence(present, ore, self._weights(), self.prior_, areas)
        self.chi_squared_, self.pairwise_ = tests.chi_squared, tests.pairwise
        self.expected_, self.expected_deviation_ = tests.expected, tests.deviation
        self.omnibus_p_ = tests.p

    def _score(self, X: Windows) -> Floats:
        return posterior_probability(self._present(own_values(X)), self._weights(), self.prior_)

    def _present(self, values: Floats) -> Floats:
        """1 where a kept layer's pattern is present, 0 absent, NaN unknown, ``(n, n_kept)``."""
        kept = values[:, self.kept_]
        inside = (kept >= self.thresholds_[self.kept_]) == self.high_[self.kept_]
        return np.where(np.isnan(kept), np.nan, inside)

    def _weights(self) -> Weights:
        """Weights of the kept layers."""
        every = (self.plus_, self.minus_, self.plus_ - self.minus_, self.s_plus_, self.s_minus_)
        return Weights(*(v[self.kept_] for v in (*every, self.studentised_)))


def best_cut(values: Floats, ore: Bools) -> tuple[float, bool, Weights]:
    """Threshold of the largest studentised contrast, whether ore is at or above it, and weights.

    ``values`` ``(n,)``, NaN left out, ``ore`` ``(n,)``. Where ore lies below the threshold, the
    pattern is what lies below: no contrast is negative. A layer of one value has weights of 0.
    """
    known = ~np.isnan(values)
    distinct, place = np.unique(values[known], return_inverse=True)
    if len(distinct) < 2:
        zero, one = np.float64(0.0), np.float64(1.0)
        return 0.0, True, Weights(*map(np.asarray, (zero, zero, zero, one, one, zero)))
    cells = np.cumsum(np.bincount(place)[::-1])[::-1]  # at or above each value
    with_ore = np.cumsum(np.bincount(place, weights=ore[known])[::-1])[::-1]
    above = weights(with_ore[1:], with_ore[0], cells[1:], cells[0])
    best = int(np.argmax(np.abs(above.studentised)))
    high = bool(above.contrast[best] >= 0)
    found = Weights(*(np.asarray(v[best]) for v in vars(above).values()))
    if not high:  # the other side is the pattern
        found = replace(
            found,
            plus=found.minus,
            minus=found.plus,
            contrast=-found.contrast,
            s_plus=found.s_minus,
            s_minus=found.s_plus,
            studentised=-found.studentised,
        )
    return float(distinct[best + 1]), high, found


def _by_state(present: Floats, inside: Floats, outside: Floats) -> Floats:
    """Value of each row for each pattern: one inside, another outside, 0 if unknown."""
    return np.where(np.isnan(present), 0.0, np.where(present == 1, inside, outside))


def _pairs(present: Floats) -> tuple[Floats, Floats]:
    """Chi-square and p-value of every pair of patterns; rows unknown in either are left out."""
    from scipy.special import chdtrc

    known = ~np.isnan(present)
    inside, outside = ((known & (present == v)).astype(np.float64) for v in (1, 0))
    a, b, c, d = (i.T @ j for i in (inside, outside) for j in (inside, outside))
    margins = (a + b) * (c + d) * (a + c) * (b + d)
    n = a + b + c + d
    statistic = np.where(margins > 0, n * (a * d - b * c) ** 2 / np.maximum(margins, 1.0), 0.0)
    np.fill_diagonal(statistic, 0.0)
    return statistic, np.asarray(chdtrc(1, statistic))


def _share_of_ore(X: Windows, y: Floats) -> float:
    """Distinct ore cells among the visible cells with values, kept below one half."""
    seen = ~np.isnan(X.stack).any(axis=0)
    if X.hidden is not None:
        seen &= ~X.hidden
    ore = len(np.unique(X.at[y == 1], axis=0))
    return ore / max(int(seen.sum()), 2 * ore)
