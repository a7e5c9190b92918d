"""All that is fitted, as one recipe, and the one cross-validation loop."""

from orecast.validation.crossing import FoldAnswer, OutOfFold, cross_predict
from orecast.validation.inner import Calibration
from orecast.validation.recipe import Fitted, Recipe

__all__ = ["Calibration", "Fitted", "FoldAnswer", "OutOfFold", "Recipe", "cross_predict"]
