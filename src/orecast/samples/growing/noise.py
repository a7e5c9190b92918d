"""Gaussian noise on windows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from orecast.samples.growing.rows import OneRow, require_positive
from orecast.samples.grown import Part, Units, through
from orecast.samples.nouns import WEIGHT, Floats, Ints, Windows

REGISTERED = {"noise": "Noise"}

_MOST_VARIANCE = 1e6  # of values of variance 1: nothing is left of them long before


class Noise(OneRow):
    """Gaussian noise of mean 0 on every value of a window.

    ``variance`` 0.01 is that of the multi-scale feature attention framework (2023, Sustainability),
    on values as the windows read them: standardised, where they have a scaling. A weight of
    geological knowledge, which lies in [0, 1] and is no measurement, is left as it is.

    A row's noise follows from its own key, so that it is the same in whatever batch it is read.
    """

    name = "noise"

    def __init__(self, variance: float = 0.01) -> None:
        self.variance = require_positive("variance", variance, most=_MOST_VARIANCE)

    def _part(self, row: Ints, turn: Ints, rng: np.random.Generator) -> Part:
        key = rng.integers(2**64, size=len(row), dtype=np.uint64)
        return Noisy(self.X_, row[:, None], key, self.variance**0.5, Units.of(self.X_))


@dataclass(frozen=True)
class Noisy:
    """Rows of windows with noise of a standard deviation ``spread``, drawn from keys ``(m,)``."""

    source: Windows
    origin: Ints  # (m, 1)
    key: NDArray[np.uint64]
    spread: float
    units: Units

    def batch(self, rows: Ints, view: Windows) -> Floats:
        """The rows' windows and their noise."""
        values = through(view, self.source).batch(self.origin[rows, 0])
        shape = (1, len(self.units.names), self.units.size, self.units.size)
        weights = [layer for layer, kind in enumerate(view.kinds) if kind == WEIGHT]
        for value, key in zip(values, self.key[rows], strict=True):
            steps = self.units.steps_seen(self.spread * keyed_normal(key, shape), view)[0]
            steps[weights] = 0
            value += steps
        return values


def keyed_normal(key: np.uint64, shape: tuple[int, ...]) -> Floats:
    """Standard normal numbers that follow from a key alone.

    By the counter-based generator of Salmon et al. (2011), Parallel random numbers: as easy as
    1, 2, 3, SC '11.
    """
    rng = np.random.Generator(np.random.Philox(key=int(key)))
    return rng.standard_normal(shape, dtype=np.float32)
