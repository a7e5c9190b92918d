"""Models that need no torch: single layers, distances, forest, logistic regression.

Each file opens with the table of the names it registers; ``registry.load`` imports one of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orecast.registry import exports

if TYPE_CHECKING:
    from orecast.detectors._base import Detector

__all__ = [
    "Detector",
]

__getattr__ = exports(
    __name__,
    {
        "Detector": "_base",
    },
)
