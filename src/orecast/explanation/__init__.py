"""Why here: one attribution method a file."""

from orecast.explanation.occlusion import Attribution, occlusion

__all__ = ["Attribution", "occlusion"]
