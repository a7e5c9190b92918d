"""The recipe that is fitted in each fold, and the cross-validation loop."""

from orecast.validation.answers import GENERATED, FoldAnswer, OutOfFold, answer_path, examined
from orecast.validation.crossing import cross_predict
from orecast.validation.fitted import Fitted
from orecast.validation.inner import Calibration
from orecast.validation.published import published_folds, published_predict
from orecast.validation.recipe import Recipe

__all__ = [
    "GENERATED",
    "Calibration",
    "Fitted",
    "FoldAnswer",
    "OutOfFold",
    "Recipe",
    "answer_path",
    "cross_predict",
    "examined",
    "published_folds",
    "published_predict",
]
