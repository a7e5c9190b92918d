"""Evidence: from a survey to named layers on one grid, each with its origin and its reach."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orecast.registry import exports

if TYPE_CHECKING:
    from orecast.evidence.building import build_evidence, propose_grid
    from orecast.evidence.density import sampling_density
    from orecast.evidence.nouns import FAULT_DISTANCE, Evidence, Kind
    from orecast.evidence.refitting import refitted
    from orecast.evidence.storage import read_evidence, write_evidence

__all__ = [
    "FAULT_DISTANCE",
    "Evidence",
    "Kind",
    "build_evidence",
    "propose_grid",
    "read_evidence",
    "refitted",
    "sampling_density",
    "write_evidence",
]

__getattr__ = exports(
    __name__,
    {
        "Evidence": "nouns",
        "FAULT_DISTANCE": "nouns",
        "Kind": "nouns",
        "build_evidence": "building",
        "propose_grid": "building",
        "read_evidence": "storage",
        "refitted": "refitting",
        "sampling_density": "density",
        "write_evidence": "storage",
    },
)
