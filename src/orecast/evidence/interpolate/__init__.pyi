from .base import Interpolator

__all__ = [
    "Interpolator",
]
