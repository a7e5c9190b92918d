"""Inverse distance weighting."""

from __future__ import annotations

import math
from typing import Self

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from orecast.config import EvidenceOptions
from orecast.errors import ConfigError
from orecast.evidence.interpolate.base import Interpolator, Part
from orecast.evidence.interpolate.neighbours import CHUNK, nearest

REGISTERED = {"idw": "InverseDistance"}

Floats = NDArray[np.float64]


class InverseDistance(Interpolator):
    """Mean of the nearest samples, each weighted by its distance to a power; exact at samples.

    Shepard (1968, Proc. 23rd ACM Nat. Conf., 517-524): ``sum(d**-p * z) / sum(d**-p)``.

    >>> xy = np.array([[0.0, 0.0], [30.0, 0.0]])
    >>> idw = InverseDistance(neighbours=2, radius=100).fit(xy, np.array([[0.0], [5.0]]))
    >>> idw.predict(np.array([[10.0, 0.0], [30.0, 0.0], [500.0, 0.0]])).round(9).tolist()
    [[1.0], [5.0], [nan]]
    """

    def __init__(self, neighbours: int, radius: float, power: float = 2.0) -> None:
        super().__init__(neighbours, radius)
        self.power = power

    @classmethod
    def configured(cls, options: EvidenceOptions, radius: float) -> Self:
        """Return the interpolator that a configuration asks for."""
        return cls(options.neighbours, radius, options.power)

    def describe(self) -> str:
        """Say in words how a value came about."""
        return f"inverse distance to the power {self.power:g}, {super().describe()}"

    def _check_options(self) -> None:
        super()._check_options()
        if not (self.power > 0 and math.isfinite(self.power)):
            raise ConfigError(
                f"the power must be positive and finite, not {self.power!r}", where="evidence.power"
            )

    def _predict(self, part: Part, targets: Floats) -> Floats:
        out = np.empty((len(targets), len(part.layers)))
        _weigh(
            part.buckets,
            part.values,
            targets,
            self.neighbours,
            self.radius_squared,
            float(self.power),
            out,
        )
        return out


@njit(parallel=True, cache=True)
def _weigh(  # type: ignore[no-untyped-def]
    buckets, values, targets, count, radius_squared, power, out
) -> None:
    m, layers = out.shape
    for chunk in prange((m + CHUNK - 1) // CHUNK):
        found = np.empty(count, dtype=np.int64)
        squared = np.empty(count)
        n = 0
        for i in range(chunk * CHUNK, min((chunk + 1) * CHUNK, m)):
            x, y = targets[i, 0], targets[i, 1]
            limit = radius_squared
            if n == count:  # the last target's neighbours are no farther than it and its step
                step = math.hypot(x - targets[i - 1, 0], y - targets[i - 1, 1])
                limit = min(limit, (math.sqrt(squared[n - 1]) + step) ** 2 * (1 + 1e-9))
            n = nearest(buckets, x, y, count, limit, found, squared)
            out[i] = 0.0 if n else np.nan
            total = 0.0
            for j in range(n):
                # Relative to the nearest: 1 for it and, where it is the target itself, 0 for others
                ratio = 1.0 if j == 0 else squared[0] / squared[j]
                weight = ratio if power == 2.0 else ratio ** (0.5 * power)
                total += weight
                for layer in range(layers):
                    out[i, layer] += weight * values[found[j], layer]
            for layer in range(layers):
                out[i, layer] /= total if n else 1.0
