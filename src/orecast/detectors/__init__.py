"""Models that need no torch: single layers, distances, forest, logistic regression.

Each file opens with the table of the names it registers; ``registry.load`` imports one of them.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from orecast.detectors._base import Detector

__all__ = ["Detector"]


def __getattr__(name: str) -> Any:
    if name == "Detector":
        from orecast.detectors._base import Detector

        return Detector
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
