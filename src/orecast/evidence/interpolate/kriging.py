"""Ordinary kriging and its variograms."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numba import prange

from orecast.arrays import Floats
from orecast.errors import ConfigError, require_among
from orecast.evidence.interpolate.base import Interpolator, Part
from orecast.evidence.interpolate.neighbours import buffer_length, first_guess, nearest_places
from orecast.evidence.interpolate.spline import MOST_EQUATIONS, solve
from orecast.evidence.spacing import nearest_distances
from orecast.kernels import compiled

REGISTERED = {
    "kriging": "OrdinaryKriging",
}

MODELS = ("spherical", "exponential", "gaussian")
_LAGS = 20
_MOST_PLACES = 20_000  # the number of pairs grows with the square; more places are thinned evenly
_BANDS = 64  # of pairs, summed in a fixed order, so that threads cannot change the result


@dataclass(frozen=True)
class Variogram:
    """Semivariance against distance: ``nugget + sill * shape(h / range)``, 0 at ``h = 0``.

    ``sill`` is the partial sill. At ``range`` (metres) a spherical model reaches it, and an
    exponential or Gaussian model reaches 95 % of it (Webster & Oliver 2007, ch. 5).

    >>> Variogram("spherical", nugget=1.0, sill=2.0, range=10.0).at(np.array([0, 5.0, 10, 99]))
    array([0.   , 2.375, 3.   , 3.   ])
    """

    model: str
    nugget: float
    sill: float
    range: float

    def __post_init__(self) -> None:
        require_among(self.model, MODELS, f"unknown variogram {self.model!r}")
        if not (self.nugget >= 0 and self.sill >= 0 and self.range > 0):
            raise ConfigError(
                f"a variogram needs a nugget and a sill of at least 0 and a positive range, not "
                f"{self.nugget!r}, {self.sill!r} and {self.range!r}"
            )

    def at(self, distance: Floats) -> Floats:
        """Semivariance at distances in metres, in the same shape."""
        h = np.asarray(distance, dtype=np.float64)
        rise = self.nugget + self.sill * _rise(self.model, h / self.range)
        return np.where(h > 0, rise, 0.0)

    def __str__(self) -> str:
        return (
            f"{self.model} variogram, nugget {self.nugget:.3g}, sill {self.sill:.3g}, "
            f"range {self.range:.3g} m"
        )


@dataclass(frozen=True)
class EmpiricalVariogram:
    """Mean distance, semivariance and number of pairs of each lag with pairs."""

    distance: Floats  # (n_lags,)
    semivariance: Floats  # (n_lags, n_layers)
    pairs: Floats  # (n_lags,)


def empirical_variogram(places: Floats, values: Floats) -> EmpiricalVariogram:
    """Matheron's estimator, half the mean squared difference of the pairs in each lag.

    ``places`` ``(n, 2)`` are distinct, ``values`` ``(n, n_layers)``. There are twenty lags as wide
    as the median spacing of the places: local kriging uses only its neighbourhood, and lags cut
    from the width of the whole area would put all its pairs into the first lag. Pairs farther apart
    than half the area's diagonal are not representative (Journel & Huijbregts 1978, III.B.7).
    """
    if len(places) > _MOST_PLACES:
        chosen = np.linspace(0, len(places) - 1, _MOST_PLACES).astype(np.int64)
        places, values = places[chosen], values[chosen]
    half = 0.5 * float(np.hypot(*np.ptp(places, axis=0)))
    longest = min(_LAGS * float(np.median(nearest_distances(places))), half)
    bands = np.zeros((_BANDS, _LAGS, 2 + values.shape[1]))
    _sum_pairs(np.ascontiguousarray(places), np.ascontiguousarray(values), longest / _LAGS, bands)
    sums = bands.sum(axis=0)
    sums = sums[sums[:, 0] > 0]
    pairs = sums[:, 0]
    return EmpiricalVariogram(sums[:, 1] / pairs, 0.5 * sums[:, 2:] / pairs[:, None], pairs)


@compiled(parallel=True)
def _sum_pairs(places, values, width, bands) -> None:  # type: ignore[no-untyped-def]
    """Sum by lag the number of pairs, their distances and their squared differences."""
    n, layers = values.shape
    lags = bands.shape[1]
    for band in prange(bands.shape[0]):
        sums = bands[band]
        for i in range(band, n, bands.shape[0]):
            for j in range(i + 1, n):
                dx, dy = places[i, 0] - places[j, 0], places[i, 1] - places[j, 1]
                distance = math.sqrt(dx * dx + dy * dy)
                lag = int(distance / width)
                if lag < lags:
                    sums[lag, 0] += 1
                    sums[lag, 1] += distance
                    for layer in range(layers):
                        difference = values[i, layer] - values[j, layer]
                        sums[lag, 2 + layer] += difference * difference


def fit_variogram(distance: Floats, semivariance: Floats, pairs: Floats) -> Variogram:
    """Fit the best of the three models to an empirical variogram, each array ``(n_lags,)``.

    Weighted least squares with weights ``pairs / distance**2`` (Pebesma 2004, Computers &
    Geosciences 30, 683-691), so that short lags count most. For a given range, nugget and sill are
    linear and at least 0; the range is chosen from a geometric series between half the shortest
    lag and twice the longest. A constant layer gets a spherical model without nugget.
    """
    reference = float(distance.max(initial=0.0)) or 1.0
    if not len(distance) or not semivariance.max() > 0:
        return Variogram("spherical", 0.0, 1.0, reference)
    root = np.sqrt(pairs) / distance
    ranges = np.geomspace(0.5 * distance.min(), 2 * reference, 120)
    best, least = Variogram("spherical", 0.0, 1.0, reference), math.inf
    for model in MODELS:
        for range_ in ranges:
            rise = _rise(model, distance / range_)
            nugget, sill = _nonnegative_line(root, root * rise, root * semivariance)
            misfit = float(np.sum((root * (nugget + sill * rise - semivariance)) ** 2))
            if misfit < least * (1 - 1e-9):
                best, least = Variogram(model, nugget, sill, float(range_)), misfit
    if best.model == "gaussian":
        # Without a nugget its matrices are numerically singular (Posa 1989, Math. Geol. 21, 755).
        return Variogram("gaussian", max(best.nugget, 1e-3 * best.sill), best.sill, best.range)
    return best


def _nonnegative_line(ones: Floats, rise: Floats, target: Floats) -> tuple[float, float]:
    """Coefficients of ``ones`` and ``rise``, both at least 0, that fit ``target`` best."""
    a, b, c = ones @ ones, ones @ rise, rise @ rise
    p, q = ones @ target, rise @ target
    determinant = a * c - b * b
    if determinant > 1e-12 * a * c:
        first, second = (c * p - b * q) / determinant, (a * q - b * p) / determinant
        if first >= 0 and second >= 0:
            return float(first), float(second)
    only_first = max(float(p / a), 0.0)
    only_second = max(float(q / c), 0.0) if c > 0 else 0.0
    # Keep the coefficient that explains more: its gain is (projection)² over the norm.
    if only_second * q > only_first * p:
        return 0.0, only_second
    return only_first, 0.0


def _rise(model: str, ratio: Floats) -> Floats:
    """Shape of a model, rising from 0 to 1, at distances divided by the range."""
    if model == "spherical":
        r = np.minimum(ratio, 1.0)
        return 1.5 * r - 0.5 * r**3
    if model == "exponential":
        return 1.0 - np.exp(-3.0 * ratio)
    return 1.0 - np.exp(-3.0 * ratio**2)


_CHUNK = 256  # targets per thread at a time


class OrdinaryKriging(Interpolator):
    """Best linear unbiased mean of the nearest samples, with a variogram fitted to each layer.

    Weights ``w`` and multiplier ``m`` solve ``C w + m = c, sum(w) = 1`` (Chilès & Delfiner 2012,
    3.4), ``C`` the covariances among the neighbours, ``c`` those with the target. The nugget is
    treated as measurement error and filtered out: without it the map is exact at the samples, with
    it the map is smoother there. A singular system (for example of nearly coincident samples with
    a Gaussian model) is solved by adding the smallest sufficient power of ten, from 1e-10 of the
    sill, to its diagonal.

    The variogram is fitted on samples and uses no labels. With fewer than two places it is
    spherical without nugget, with the radius as its range.

    >>> xy = np.array([[0.0, 0.0], [30.0, 0.0]])
    >>> v = Variogram("exponential", nugget=0.0, sill=1.0, range=60.0)
    >>> kriging = OrdinaryKriging(2, radius=100, variogram=v).fit(xy, np.array([[2.0], [4.0]]))
    >>> kriging.predict(np.array([[15.0, 0.0], [30.0, 0.0]])).round(9).tolist()
    [[3.0], [4.0]]
    """

    learns = True
    most = MOST_EQUATIONS

    def __init__(self, neighbours: int, radius: float, variogram: Variogram | None = None) -> None:
        super().__init__(neighbours, radius)
        self.variogram = variogram

    def describe(self) -> str:
        """The method as text."""
        return f"ordinary kriging with a variogram fitted to all samples, {super().describe()}"

    @property
    def variograms_(self) -> tuple[Variogram, ...]:
        """Variogram of each layer."""
        by_layer = {
            int(layer): variogram
            for part in self.parts_
            for layer, variogram in zip(part.layers, part.learned, strict=True)
        }
        return tuple(by_layer[k] for k in range(self.n_layers_))

    def _learn(self, places: Floats, values: Floats) -> list[Variogram]:
        if self.variogram is not None:
            return [self.variogram] * values.shape[1]
        if len(places) < 2:  # no pair
            return [Variogram("spherical", 0.0, 1.0, self.radius)] * values.shape[1]
        seen = empirical_variogram(places, values)
        return [fit_variogram(seen.distance, layer, seen.pairs) for layer in seen.semivariance.T]

    def _predict(self, part: Part, targets: Floats) -> Floats:
        out = np.empty((len(targets), len(part.layers)))
        models = np.array(
            [[MODELS.index(v.model), v.nugget, v.sill, v.range] for v in part.learned]
        )
        _krige(part.buckets, part.values, targets, part.count, self.radius_squared, models, out)
        return out


@compiled()
def _covariance(h: float, model: int, sill: float, range_: float) -> float:
    r = h / range_
    if model == 0:
        return sill * (1.0 - 1.5 * r + 0.5 * r * r * r) if r < 1.0 else 0.0
    return sill * math.exp(-3.0 * (r if model == 1 else r * r))


@compiled(parallel=True)
def _krige(  # type: ignore[no-untyped-def]
    buckets, values, targets, count, radius_squared, models, out
) -> None:
    m, layers = out.shape
    for chunk in prange((m + _CHUNK - 1) // _CHUNK):
        length = buffer_length(count)
        found, squared = np.empty(length, dtype=np.int64), np.empty(length)
        apart, away = np.empty((count, count)), np.empty(count)
        matrix, weights = np.empty((count + 1, count + 1)), np.empty(count + 1)
        guess = first_guess(buckets, count)
        for i in range(chunk * _CHUNK, min((chunk + 1) * _CHUNK, m)):
            x, y = targets[i, 0], targets[i, 1]
            n = nearest_places(buckets, x, y, count, radius_squared, guess, found, squared)
            out[i] = 0.0 if n else np.nan
            for p in range(n):
                away[p] = math.sqrt(squared[p])
                for q in range(p):
                    dx = buckets.x[found[p]] - buckets.x[found[q]]
                    dy = buckets.y[found[p]] - buckets.y[found[q]]
                    apart[p, q] = math.sqrt(dx * dx + dy * dy)
            for layer in range(layers if n else 0):
                _weights(apart, away, n, models[layer], matrix, weights)
                for p in range(n):
                    out[i, layer] += weights[p] * values[found[p], layer]


@compiled()
def _weights(apart, away, n, model, matrix, weights) -> None:  # type: ignore[no-untyped-def]
    """Solve the kriging system of one target and layer; ``weights`` begins with the weights."""
    kind, nugget, sill, range_ = int(model[0]), model[1], model[2], model[3]
    for p in range(n):
        if nugget == 0.0 and away[p] == 0.0:  # the target is at this sample
            weights[:n] = 0.0
            weights[p] = 1.0
            return
    jitter = 0.0
    solved = False
    while not solved:
        for p in range(n):
            for q in range(p):
                matrix[p, q] = _covariance(apart[p, q], kind, sill, range_)
                matrix[q, p] = matrix[p, q]
            matrix[p, p] = sill + nugget + jitter
            # The multiplier is scaled by the sill, so that the matrix has one scale.
            matrix[p, n] = sill + nugget
            matrix[n, p] = sill + nugget
            weights[p] = _covariance(away[p], kind, sill, range_)
        matrix[n, n] = 0.0
        weights[n] = sill + nugget
        solved = solve(matrix, weights, n + 1)
        jitter = max(10.0 * jitter, 1e-10 * (sill + nugget))
