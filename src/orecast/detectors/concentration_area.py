"""Concentration-area fractal model."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from orecast.detectors._base import Floats
from orecast.detectors._concentrations import ConcentrationDetector, own_logarithms, spread_of
from orecast.errors import ConfigError, ModelError
from orecast.samples import Windows

REGISTERED = {"concentration-area": "ConcentrationArea"}

Whole = NDArray[np.intp]

SEGMENTS = (2, 3, 4)
_POINTS = 100  # of the curve, at equal steps of log concentration
_LEAST = 3  # points that a line is fitted to
_EXACT = 1e-10  # share of the variance that counts as rounding


class ConcentrationArea(ConcentrationDetector):
    """Concentration-area fractal classes of one layer, or of the elements' mean contrast.

    The area A(≥ c) of the cells at or above a concentration follows power laws ``A ∝ c^-β``, whose
    exponent changes at the breaks between background and anomalies: Cheng, Q., Agterberg, F.P. &
    Ballantyne, S.B. (1994), The separation of geochemical anomalies from background by fractal
    methods, Journal of Geochemical Exploration 51, 109-130. The breaks are those of
    ``fit_concentration_area`` over the windows learned from, each one cell of area; ``segments``
    straight lines, 2 to 4, by the Bayesian information criterion when left out.

    Without a ``layer`` the concentration is the mean over elements of the contrast ``c / median``,
    which is positive as a power law asks. A principal component would have no sign of its own, and
    the centred log-ratios of a composition have a mean of zero.

    The score is ``(class + t) / n_classes`` with t in (0, 1) the place of log c within its class:
    cells rank as their concentrations do.
    """

    background_: Floats  # (n_layers,), logarithms
    breaks_: Floats  # (n_classes - 1,), logarithms, rising
    slopes_: Floats  # (n_classes,), -β
    middle_: float  # mean of the logarithms
    spread_: float  # and their standard deviation

    def __init__(self, layer: str | None = None, segments: int | None = None) -> None:
        self.layer = layer
        self.segments = segments

    def _check_options(self) -> None:
        super()._check_options()
        if self.segments is not None and self.segments not in SEGMENTS:
            raise ConfigError(
                f"must be 2, 3 or 4, not {self.segments!r}", where="model.options.segments"
            )

    def _learn(self, X: Windows, y: Floats, seed: int) -> None:
        self.background_ = np.median(own_logarithms(X), axis=0)
        index = self._log_concentration(X)
        fitted = fit_concentration_area(np.exp(index), segments=self.segments)
        self.breaks_ = np.log(fitted.breaks)
        self.slopes_ = fitted.slopes
        self.middle_ = float(index.mean())
        self.spread_ = float(spread_of(index[:, None])[0])

    def _score(self, X: Windows) -> Floats:
        value = self._log_concentration(X)
        number = np.searchsorted(self.breaks_, value, side="right")
        return np.asarray((number + self._within(value, number)) / (len(self.breaks_) + 1))

    def _log_concentration(self, X: Windows) -> Floats:
        """Logarithm of the mean contrast, ``(n,)``."""
        return np.asarray(np.log(np.exp(own_logarithms(X) - self.background_).mean(axis=1)))

    def _within(self, value: Floats, number: Whole) -> Floats:
        """Place of each value within its class, in (0, 1); the outer classes have no end."""
        if not len(self.breaks_):
            z = (value - self.middle_) / self.spread_
            return np.asarray((1 + z / (1 + np.abs(z))) / 2)
        edges = np.concatenate([[-np.inf], self.breaks_, [np.inf]])
        low, high = edges[number], edges[number + 1]
        below = 1 / (1 + (high - value) / self.spread_)
        above = 1 - 1 / (1 + (value - low) / self.spread_)
        width = np.where(np.isfinite(high - low) & (high > low), high - low, 1.0)
        between = (value - low) / width
        return np.where(np.isinf(low), below, np.where(np.isinf(high), above, between))


@dataclass(frozen=True)
class PowerLaws:
    """Power laws that meet at breaks: ``breaks`` ``(k - 1,)`` rising, ``slopes`` ``(k,)``."""

    breaks: Floats
    slopes: Floats


def fit_concentration_area(
    values: ArrayLike, areas: ArrayLike = 1.0, *, segments: int | None = None
) -> PowerLaws:
    """Fit straight lines to log area at or above a value on log value.

    ``values`` ``(n,)`` are positive, ``areas`` theirs ``(n,)`` or one for all. The curve is read at
    no more than 100 of the values, about equally spaced in their logarithm. Among all ways to cut
    it into ``segments`` runs of at least three points, that of least squared error is taken; when
    left out, among 2 to 4 segments the one of least Bayesian information criterion. A break lies
    where two neighbouring lines cross, or at the nearer of the points between which they part.
    A curve of fewer than six points is one line, one of a single point has none.

    Raises ModelError for values or areas that are not positive.
    """
    x, y = _curve(np.asarray(values, dtype=np.float64), np.asarray(areas, dtype=np.float64))
    most = len(x) // _LEAST
    if len(x) < 2:
        return PowerLaws(np.empty(0), np.empty(0))
    wanted = SEGMENTS if segments is None else (segments,)
    numbers = [k for k in wanted if k <= most] or [max(1, min(most, min(wanted)))]
    cuts, errors = _best_cuts(x, y, max(numbers))
    floor = _EXACT * max(float(((y - y.mean()) ** 2).sum()), np.finfo(float).tiny)
    n = len(x)
    criterion = [
        n * np.log(max(errors[k - 1], floor) / n) + (3 * k - 1) * np.log(n) for k in numbers
    ]
    best = cuts[numbers[int(np.argmin(criterion))] - 1]
    lines = [np.polyfit(x[i:j], y[i:j], 1) for i, j in pairwise(best)]
    breaks = [
        _crossing(lines[s], lines[s + 1], x[cut - 1], x[cut]) for s, cut in enumerate(best[1:-1])
    ]
    return PowerLaws(np.exp(np.array(breaks)), np.array([line[0] for line in lines]))


def _curve(values: Floats, areas: Floats) -> tuple[Floats, Floats]:
    """Logarithms of distinct values and of the area at or above each, rising values."""
    if not ((values > 0) & np.isfinite(values)).all() or not (areas > 0).all():
        raise ModelError(
            "a power law is fitted to positive values and areas",
            remedy="give concentrations, not logarithms",
        )
    distinct, inverse = np.unique(values, return_inverse=True)
    weights = np.broadcast_to(areas, values.shape).ravel()
    area = np.bincount(inverse.ravel(), weights=weights, minlength=len(distinct))
    x, y = np.log(distinct), np.log(np.cumsum(area[::-1])[::-1])
    if len(x) <= _POINTS:
        return x, y
    steps = np.searchsorted(x, np.linspace(x[0], x[-1], _POINTS))
    chosen = np.unique(np.minimum(steps, len(x) - 1))
    return x[chosen], y[chosen]


def _best_cuts(x: Floats, y: Floats, most: int) -> tuple[list[list[int]], list[float]]:
    """Ends of the best runs for 1 to ``most`` segments, and their squared errors."""
    n = len(x)
    error = _line_errors(x, y)  # of a line through points i to j - 1
    total = error[0].copy()
    came: list[Whole] = []
    ends, errors = [[0, n]], [float(total[n])]
    for _ in range(1, most):
        joined = total[:, None] + error  # (i, j)
        came.append(joined.argmin(axis=0))
        total = joined.min(axis=0)
        cut, path = n, [n]
        for step in reversed(came):
            cut = int(step[cut])
            path.append(cut)
        ends.append([0, *path[::-1]])
        errors.append(float(total[n]))
    return ends, errors


def _line_errors(x: Floats, y: Floats) -> Floats:
    """Squared error of the line through points i to j - 1, ``(n + 1, n + 1)``; inf where few."""
    x, y = x - x.mean(), y - y.mean()
    sums = [
        np.concatenate([[0.0], np.cumsum(v)]) for v in (np.ones_like(x), x, y, x * x, x * y, y * y)
    ]
    n, sx, sy, sxx, sxy, syy = (s[None, :] - s[:, None] for s in sums)
    count = np.maximum(n, 1)
    xx, xy, yy = sxx - sx * sx / count, sxy - sx * sy / count, syy - sy * sy / count
    left = yy - xy * xy / np.where(xx > 0, xx, 1.0)
    least = _LEAST if len(x) >= 2 * _LEAST else 2
    return np.where(n >= least, np.maximum(left, 0.0), np.inf)


def _crossing(first: Floats, second: Floats, low: float, high: float) -> float:
    """Where two lines ``(slope, intercept)`` cross, kept between two points; halfway if never."""
    if first[0] == second[0]:
        return float((low + high) / 2)
    return float(np.clip((second[1] - first[1]) / (first[0] - second[0]), low, high))
