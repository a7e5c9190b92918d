"""Inverse distance weighting."""

from __future__ import annotations

import math
from typing import Self

import numpy as np
from numba import prange

from orecast.arrays import Floats
from orecast.config import EvidenceOptions
from orecast.errors import ConfigError
from orecast.evidence.interpolate.base import Interpolator, Part
from orecast.evidence.interpolate.neighbours import (
    CHUNK,
    buffer_length,
    first_guess,
    nearest_places,
    next_guess,
)
from orecast.kernels import compiled

REGISTERED = {"idw": "InverseDistance"}


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
        """The interpolator of a configuration."""
        return cls(options.neighbours, radius, options.power)

    def describe(self) -> str:
        """The method as text."""
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
            part.count,
            self.radius_squared,
            float(self.power),
            out,
        )
        return out


@compiled(parallel=True)
def _weigh(  # type: ignore[no-untyped-def]
    buckets, values, targets, count, radius_squared, power, out
) -> None:
    m, layers = out.shape
    for chunk in prange((m + CHUNK - 1) // CHUNK):
        length = buffer_length(count)
        found, squared = np.empty(length, dtype=np.int64), np.empty(length)
        guess = first_guess(buckets, count)
        for i in range(chunk * CHUNK, min((chunk + 1) * CHUNK, m)):
            x, y = targets[i, 0], targets[i, 1]
            n = nearest_places(buckets, x, y, count, radius_squared, guess, found, squared)
            if n == count and i + 1 < m:
                guess = next_guess(squared, n, targets[i + 1, 0] - x, targets[i + 1, 1] - y)
            total = _to_weights(squared, n, power)
            for layer in range(layers):
                mean = 0.0 if n else np.nan
                for p in range(n):
                    mean += squared[p] * values[found[p], layer]
                out[i, layer] = mean / total


@compiled()
def _to_weights(squared, n, power) -> float:  # type: ignore[no-untyped-def]
    """Replace squared distances with weights; return their sum, or 1 if there are none."""
    least = np.inf
    for p in range(n):
        least = min(least, squared[p])
    total = 0.0 if n else 1.0
    for p in range(n):
        # Relative to the nearest, to avoid overflow: its weight is 1; if the target is at its
        # place, all others are 0.
        ratio = least / squared[p] if squared[p] > 0.0 else 1.0
        squared[p] = ratio if power == 2.0 else ratio ** (0.5 * power)
        total += squared[p]
    return total
