"""Evidence: from a survey to named layers on one grid, each with its origin and its reach."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from orecast.evidence.building import build_evidence, propose_grid
    from orecast.evidence.nouns import FAULT_DISTANCE, Evidence, Kind
    from orecast.evidence.storage import read_evidence, write_evidence

__all__ = [
    "FAULT_DISTANCE",
    "Evidence",
    "Kind",
    "build_evidence",
    "propose_grid",
    "read_evidence",
    "write_evidence",
]

_HOMES = {
    "FAULT_DISTANCE": "nouns",
    "Evidence": "nouns",
    "Kind": "nouns",
    "build_evidence": "building",
    "propose_grid": "building",
    "read_evidence": "storage",
    "write_evidence": "storage",
}


def __getattr__(name: str) -> Any:
    # xarray, rasterio and numba are imported with the first name that is asked for.
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
