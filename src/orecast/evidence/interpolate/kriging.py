"""Ordinary kriging in local neighbourhoods."""

from __future__ import annotations

import math

import numpy as np
from numba import prange
from numpy.typing import NDArray

from orecast.evidence.interpolate.base import Interpolator, Part
from orecast.evidence.interpolate.linear import MOST_EQUATIONS, solve
from orecast.evidence.interpolate.neighbours import first_guess, nearest, room
from orecast.evidence.interpolate.variogram import (
    MODELS,
    Variogram,
    empirical_variogram,
    fit_variogram,
)
from orecast.kernels import compiled

REGISTERED = {"kriging": "OrdinaryKriging"}

Floats = NDArray[np.float64]

_CHUNK = 256  # targets that one thread takes at a time


class OrdinaryKriging(Interpolator):
    """Best linear unbiased mean of the nearest samples under a variogram fitted to each layer.

    Weights ``w`` and multiplier ``m`` solve ``C w + m = c, sum(w) = 1`` (Chilès & Delfiner 2012,
    3.4), ``C`` the covariances among the neighbours, ``c`` those with the target. The nugget is
    taken as error of measurement and filtered out: without one the map is exact at the samples,
    with one it is smoother there. A singular system, as near-coincident samples under a Gaussian
    model make, is solved with the least power of ten, from 1e-10 of the sill, on its diagonal.

    The variogram is a statistic of the samples it is fitted on; labels have no part in it. With
    fewer than two places to learn from it is spherical without nugget, its range the radius.

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
        """Say in words how a value came about."""
        return f"ordinary kriging under a variogram fitted to all samples, {super().describe()}"

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
def _covariance(h: float, model: int, sill: float, reach: float) -> float:
    r = h / reach
    if model == 0:
        return sill * (1.0 - 1.5 * r + 0.5 * r * r * r) if r < 1.0 else 0.0
    return sill * math.exp(-3.0 * (r if model == 1 else r * r))


@compiled(parallel=True)
def _krige(  # type: ignore[no-untyped-def]
    buckets, values, targets, count, radius_squared, models, out
) -> None:
    m, layers = out.shape
    for chunk in prange((m + _CHUNK - 1) // _CHUNK):
        found, squared = np.empty(room(count), dtype=np.int64), np.empty(room(count))
        apart, away = np.empty((count, count)), np.empty(count)
        matrix, weights = np.empty((count + 1, count + 1)), np.empty(count + 1)
        guess = first_guess(buckets, count)
        for i in range(chunk * _CHUNK, min((chunk + 1) * _CHUNK, m)):
            x, y = targets[i, 0], targets[i, 1]
            n = nearest(buckets, x, y, count, radius_squared, guess, found, squared)
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
    """Solve the kriging system of one target and layer; the weights lead ``weights``."""
    kind, nugget, sill, reach = int(model[0]), model[1], model[2], model[3]
    for p in range(n):
        if nugget == 0.0 and away[p] == 0.0:  # the sample itself, whatever the matrix's condition
            weights[:n] = 0.0
            weights[p] = 1.0
            return
    jitter = 0.0
    solved = False
    while not solved:
        for p in range(n):
            for q in range(p):
                matrix[p, q] = _covariance(apart[p, q], kind, sill, reach)
                matrix[q, p] = matrix[p, q]
            matrix[p, p] = sill + nugget + jitter
            # The multiplier is measured in sills, so that the matrix keeps one scale.
            matrix[p, n] = sill + nugget
            matrix[n, p] = sill + nugget
            weights[p] = _covariance(away[p], kind, sill, reach)
        matrix[n, n] = 0.0
        weights[n] = sill + nugget
        solved = solve(matrix, weights, n + 1)
        jitter = max(10.0 * jitter, 1e-10 * (sill + nugget))
