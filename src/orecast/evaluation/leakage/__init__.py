"""How much of what is tested has been learned from, found in the windows themselves.

Windows are ``(n, size, size, channels)``; a pixel is its vector over the channels, bit for bit.
"""

from orecast.evaluation.leakage.cheap import OneCell, SplitClaims, one_cell, split_claims
from orecast.evaluation.leakage.copies import near_copies
from orecast.evaluation.leakage.pixels import (
    canonical,
    marking,
    number_pixels,
    sharing_groups,
    window_keys,
)
from orecast.evaluation.leakage.scaled import scaled_together
from orecast.evaluation.leakage.shifts import cells_apart

__all__ = [
    "OneCell",
    "SplitClaims",
    "canonical",
    "cells_apart",
    "marking",
    "near_copies",
    "number_pixels",
    "one_cell",
    "scaled_together",
    "sharing_groups",
    "split_claims",
    "window_keys",
]
