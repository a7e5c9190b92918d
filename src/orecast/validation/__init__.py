"""The recipe that is fitted in each fold, and the cross-validation loop."""

from orecast.validation.choice import FEWEST_GROUPS, RecipeChoice
from orecast.validation.crossing import cross_predict
from orecast.validation.fitted import Fitted
from orecast.validation.inner import Calibration
from orecast.validation.predictions import (
    GENERATED,
    FoldPrediction,
    OutOfFold,
    examined,
    prediction_path,
)
from orecast.validation.published import published_folds, published_predict
from orecast.validation.recipe import Recipe

__all__ = [
    "FEWEST_GROUPS",
    "GENERATED",
    "Calibration",
    "Fitted",
    "FoldPrediction",
    "OutOfFold",
    "Recipe",
    "RecipeChoice",
    "cross_predict",
    "examined",
    "prediction_path",
    "published_folds",
    "published_predict",
]
