"""Why here: one attribution method a file."""

from orecast.explanation.occlusion import Attribution, occlusion
from orecast.explanation.standing import Standing, elements_behind

__all__ = ["Attribution", "Standing", "elements_behind", "occlusion"]
