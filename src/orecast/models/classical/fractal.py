"""Concentration-area and spectrum-area models, and the local singularity index."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from orecast.arrays import Floats
from orecast.errors import ConfigError, ModelError
from orecast.models.checks import require_one_of
from orecast.models.classical._base import centre, rising
from orecast.models.classical.concentrations import (
    ConcentrationDetector,
    logarithms,
    own_logarithms,
    spread_of,
)
from orecast.sampling import Needs, Windows

REGISTERED = {
    "concentration-area": "ConcentrationArea",
    "singularity": "Singularity",
    "spectrum-area": "SpectrumArea",
}

Whole = NDArray[np.intp]
SEGMENTS = (2, 3, 4)
_POINTS = 100  # of the curve, at equal steps of log concentration
_LEAST = 3  # points for a line
_EXACT = 1e-10  # share of the variance that counts as rounding


class ConcentrationArea(ConcentrationDetector):
    """Concentration-area fractal classes of one layer, or of the elements' mean contrast.

    The area A(≥ c) of the cells at or above a concentration follows power laws ``A ∝ c^-β``, whose
    exponent changes at the breaks between background and anomalies: Cheng, Q., Agterberg, F.P. &
    Ballantyne, S.B. (1994), The separation of geochemical anomalies from background by fractal
    methods, Journal of Geochemical Exploration 51, 109-130. The breaks are those of
    ``fit_concentration_area`` over the training windows, each with one cell of area. ``segments``
    is the number of straight lines, 2 to 4; by default the Bayesian information criterion decides.

    Without a ``layer`` the concentration is the mean over elements of the contrast ``c / median``,
    which is positive, as a power law needs. A principal component would have an arbitrary sign, and
    the centred log-ratios of a composition have a mean of zero.

    The score is ``(class + t) / n_classes`` with t in (0, 1) the position of log c in its class:
    cells rank by concentration.
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
        """Position of each value in its class, in (0, 1); the outer classes have no outer end."""
        if not len(self.breaks_):
            return rising((value - self.middle_) / self.spread_)
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

    ``values`` ``(n,)`` are positive; ``areas`` also, ``(n,)`` or one for all. The curve has at
    most 100 of the values, about equally spaced in their logarithm. It is cut into ``segments``
    runs of at least three points with the least squared error; by default, into 2 to 4 segments
    with the lowest Bayesian information criterion. A break lies where two neighbouring lines cross,
    limited to the interval between their points. A curve of fewer than six points is one line; one
    of a single point has none.

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
            "a power law needs positive values and areas; some are not",
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
    """Crossing of two lines ``(slope, intercept)``, limited to an interval; its middle if none."""
    if first[0] == second[0]:
        return float((low + high) / 2)
    return float(np.clip((second[1] - first[1]) / (first[0] - second[0]), low, high))


class LocalAnomaly(ConcentrationDetector):
    """Base of the detectors that join the anomalies of all elements by their "max" or "mean"."""

    def __init__(self, layer: str | None = None, over: Literal["max", "mean"] = "max") -> None:
        self.layer = layer
        self.over = over

    def _check_options(self) -> None:
        require_one_of("over", self.over, ("max", "mean"))

    def _joined(self, z: Floats) -> Floats:
        """Scores ``(n,)`` of anomalies ``(n, n_layers)``."""
        return rising(z.max(axis=1) if self.over == "max" else z.mean(axis=1))


class Singularity(LocalAnomaly):
    """Local singularity index of concentrations in windows of increasing size around a cell.

    In squares of side ε = 1, 3, 5, … cells up to the model's window, the mean concentration
    follows ``C(ε) = c ε^(α - 2)``: the slope of log C on log ε, by least squares, is α - 2. An α
    below 2 means enrichment towards the cell, above 2 depletion, at any regional level:
    Cheng, Q. (2007), Mapping singularities with stream sediment geochemical data, Ore Geology
    Reviews 32, 314-324; Cheng, Q. (2012), Singularity theory and methods for mapping
    geochemical anomalies, Journal of Geochemical Exploration 122, 55-70.

    Cells without values are left out of the means, and squares without values out of the fit.
    ``over`` is the "max" or the "mean" of 2 - α over the elements; ``layer`` reads only one. The
    score is ``(1 + z / (1 + |z|)) / 2`` with z = 2 - α. Only the names of the layers are stored.
    """

    needs = Needs(smallest_window=5, parity="odd", labels=False)

    def _read(self, X: Windows) -> Windows:
        return super()._read(X).of_size(X.size)

    def _learn(self, X: Windows, y: Floats, seed: int) -> None:
        centre(X)  # refuses missing values

    def _score(self, X: Windows) -> Floats:
        centre(X)
        return self._joined(2 - singularity_index(np.exp(logarithms(X))))


def singularity_index(concentrations: Floats) -> Floats:
    """Singularity index α of windows ``(..., k, k)`` of positive values, ``(...)``; k is odd.

    NaN is left out. A window with values in fewer than two squares of different mean size has
    an index of 2.
    """
    k = concentrations.shape[-1]
    side = np.arange(1, k + 1, 2)
    means = np.stack([_mean(concentrations, (k - s) // 2) for s in side])  # (k', ...)
    present = np.isfinite(means)
    shape = (-1,) + (1,) * (means.ndim - 1)
    x = np.where(present, np.log(side).reshape(shape), 0.0)
    log_mean = np.log(means, where=present, out=np.zeros_like(means))
    n = np.maximum(present.sum(axis=0), 1)
    x = np.where(present, x - x.sum(axis=0) / n, 0.0)
    across = (x**2).sum(axis=0)
    slope = (x * log_mean).sum(axis=0) / np.where(across > 0, across, 1.0)
    return np.asarray(2 + slope)


def _mean(concentrations: Floats, margin: int) -> Floats:
    """Mean over the square inside a margin; NaN where it has no value."""
    k = concentrations.shape[-1]
    inner = concentrations[..., margin : k - margin, margin : k - margin]
    measured = ~np.isnan(inner)
    n = measured.sum(axis=(-2, -1))
    total = np.where(measured, inner, 0.0).sum(axis=(-2, -1))
    return np.where(n > 0, total / np.maximum(n, 1), np.nan)


class SpectrumArea(LocalAnomaly):
    """Spectrum-area filter: the part of a map outside the power law of the background's spectrum.

    The number A(≥ E) of wave numbers whose power is E or more follows power laws in E. The break
    between two of them separates a background of high power from an anomaly of low power:
    Cheng, Q., Xu, Y. & Grunsky, E. (2000), Integrated spatial and spectrum method for geochemical
    anomaly separation, Natural Resources Research 9, 43-52. The break is that of
    ``fit_concentration_area`` with two segments, over the upper half of the powers.

    A layer's fill is the mean of its visible cells, its threshold the power at the break of the
    spectrum of the visible map. Cells without values, and hidden ones, get the fill. In prediction
    the filter uses the whole map. Each map is mirrored at its edges into a margin, which is tapered
    to the fill. ``over`` is the "max" or the "mean" over elements of the anomalies, each divided by
    its standard deviation over the training windows; ``layer`` reads only one. The score is
    ``(1 + z / (1 + |z|)) / 2`` of that z.
    """

    fills_: Floats  # (n_layers,)
    thresholds_: Floats  # (n_layers,), power a cell
    spread_: Floats  # (n_layers,), of the anomaly
    _kept: tuple[bytes, NDArray[np.float32]] | None = None  # fingerprint and filtered maps

    def _learn(self, X: Windows, y: Floats, seed: int) -> None:
        centre(X)  # refuses missing values
        fills, thresholds = [], []
        for layer in range(len(X.stack)):
            values = _visible(X, layer)
            fills.append(_map_mean(values))
            thresholds.append(power_threshold(values, fills[-1]))
        self.fills_, self.thresholds_ = np.array(fills), np.array(thresholds)
        self._kept = None
        self.spread_ = spread_of(self._anomalies(X))

    def _score(self, X: Windows) -> Floats:
        centre(X)
        return self._joined(self._anomalies(X) / self.spread_)

    def _anomalies(self, X: Windows) -> Floats:
        """Anomaly of each layer at each window's own cell, ``(n, n_layers)``."""
        return np.asarray(self._filtered(X)[:, X.at[:, 0], X.at[:, 1]].T, dtype=np.float64)

    def _filtered(self, X: Windows) -> NDArray[np.float32]:
        """Anomaly maps ``(n_layers, rows, columns)``; cached for the next part of the same map."""
        key = _fingerprint(X)
        if self._kept is None or self._kept[0] != key:
            maps = np.empty(X.stack.shape, dtype=np.float32)
            for layer, (threshold, fill) in enumerate(
                zip(self.thresholds_, self.fills_, strict=True)
            ):
                maps[layer] = anomaly_filter(_visible(X, layer), threshold, fill)
            self._kept = key, maps
        return self._kept[1]


def power_threshold(values: Floats, fill: float) -> float:
    """Power at the break of the spectrum-area curve of a map ``(rows, columns)``.

    NaN gets the value ``fill``. Power is ``|F|² / n`` with F the Fourier transform of the tapered
    map of n cells, less its fill. A map without a break has an infinite threshold.
    """
    power = _power(_spectrum(values, fill)).ravel()
    # Power from rounding in an empty spectrum is not signal.
    power = power[power > 1e-20 * max(power.max(initial=0.0), np.finfo(float).tiny)]
    if not len(power):
        return float("inf")
    breaks = fit_concentration_area(power[power >= np.median(power)], segments=2).breaks
    return float(breaks[0]) if len(breaks) else float("inf")


def anomaly_filter(values: Floats, threshold: float, fill: float) -> Floats:
    """Part of a map ``(rows, columns)`` whose power lies below a threshold; NaN gets ``fill``."""
    from scipy import fft

    spectrum = _spectrum(values, fill)
    spectrum[_power(spectrum) >= threshold] = 0
    (top, left), shape = _margins(values.shape), spectrum.shape
    whole = fft.ifft2(spectrum, s=shape).real
    rows, columns = values.shape
    return np.asarray(whole[top : top + rows, left : left + columns])


def _spectrum(values: Floats, fill: float) -> NDArray[np.complex128]:
    """Fourier transform of a map less its fill, with mirrored and tapered margins."""
    from scipy import fft

    left = np.where(np.isnan(values), 0.0, values - fill)
    margins = _margins(values.shape)
    padded = np.pad(left, [(m, m) for m in margins], mode="symmetric")
    for axis, margin in enumerate(margins):
        ramp = np.sin(np.pi / 2 * (np.arange(margin) + 0.5) / margin) ** 2
        taper = np.concatenate([ramp, np.ones(values.shape[axis]), ramp[::-1]])
        padded *= taper[:, None] if axis == 0 else taper
    return np.asarray(fft.fft2(padded))


def _power(spectrum: NDArray[np.complex128]) -> Floats:
    return np.asarray(np.abs(spectrum) ** 2 / spectrum.size)


def _margins(shape: tuple[int, ...]) -> tuple[int, int]:
    """Cells added on each side: an eighth of the map, at least one."""
    return max(1, shape[0] // 8), max(1, shape[1] // 8)


def _visible(X: Windows, layer: int) -> Floats:
    """One layer's map ``(rows, columns)``, NaN where hidden, and everywhere if occluded."""
    values = X.stack[layer].astype(np.float64)
    if X.scaling is not None and np.isinf(X.scaling.spread[layer]):
        values[:] = np.nan
    return values if X.hidden is None else np.where(X.hidden, np.nan, values)


def _map_mean(values: Floats) -> float:
    seen = values[~np.isnan(values)]
    return float(seen.mean()) if len(seen) else 0.0


def _fingerprint(X: Windows) -> bytes:
    """Hash of the inputs of the filtered maps: values, hidden cells, occluded layers."""
    from hashlib import blake2b

    digest = blake2b(np.ascontiguousarray(X.stack).data, digest_size=16)
    if X.hidden is not None:
        digest.update(np.ascontiguousarray(X.hidden).data)
    if X.scaling is not None:
        digest.update(np.isinf(X.scaling.spread).tobytes())
    return digest.digest()
