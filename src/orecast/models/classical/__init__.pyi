from ._base import Detector

__all__ = [
    "Detector",
]
