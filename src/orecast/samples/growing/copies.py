"""Copies: each window again."""

from __future__ import annotations

import numpy as np

from orecast.samples.growing.rows import OneRow
from orecast.samples.grown import Copies, Part
from orecast.samples.nouns import Ints

REGISTERED = {"copy": "Copying"}


class Copying(OneRow):
    """Each window again, unchanged: no more than a weight of its class."""

    name = "copy"

    def _part(self, row: Ints, turn: Ints, rng: np.random.Generator) -> Part:
        return Copies(self.X_, row[:, None])
