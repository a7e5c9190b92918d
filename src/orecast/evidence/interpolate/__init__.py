"""Interpolation of scattered samples; one method a file, registered by name."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from orecast.evidence.interpolate.base import Interpolator

__all__ = ["Interpolator"]


def __getattr__(name: str) -> Any:
    # numba is imported with the first name that is asked for.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.base"), name)
