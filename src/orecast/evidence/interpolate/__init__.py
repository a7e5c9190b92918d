"""Interpolation of scattered samples; one method a file, registered by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orecast.registry import exports

if TYPE_CHECKING:
    from orecast.evidence.interpolate.base import Interpolator

__all__ = [
    "Interpolator",
]

__getattr__ = exports(
    __name__,
    {
        "Interpolator": "base",
    },
)
