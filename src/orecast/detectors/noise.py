"""Chance, to stand beside the other models."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from orecast.detectors._base import Detector, Floats
from orecast.samples import Needs, Windows

REGISTERED = {"random": "Noise"}

Words = NDArray[np.uint64]


class Noise(Detector):
    """Uniform noise that depends on the seed and the cell alone.

    A cell gets the same score in whatever order or part the map is predicted: its row and column
    are mixed by SplitMix64 (Steele, Lea & Flood 2014, OOPSLA), keyed by the seed.
    """

    needs = Needs(labels=False)

    seed_: int

    def _learn(self, X: Windows, y: Floats, seed: int) -> None:
        self.seed_ = seed

    def _score(self, X: Windows) -> Floats:
        key = np.random.SeedSequence(self.seed_).generate_state(1, np.uint64).astype(np.uint64)
        row, column = X.at.astype(np.uint64).T
        mixed = _mixed(_mixed(_mixed(key) + row) + column)
        return (mixed >> np.uint64(11)).astype(np.float64) * 2.0**-53


def _mixed(x: Words) -> Words:
    """SplitMix64's step; unsigned integers wrap around."""
    x = x + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
