"""All that is fitted, as one recipe, and the one cross-validation loop."""

from orecast.validation.crossing import OutOfFold, cross_predict
from orecast.validation.recipe import Fitted, Recipe

__all__ = ["Fitted", "OutOfFold", "Recipe", "cross_predict"]
