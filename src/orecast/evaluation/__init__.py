"""How far a map can be trusted: scores, curves and intervals, of arrays alone."""

from orecast.evaluation.curves import Curve, captured_at, success_rate
from orecast.evaluation.intervals import Interval, bootstrap_mean, share_interval
from orecast.evaluation.scores import (
    Confusion,
    auc,
    average_precision,
    confusion,
    f1_optimal_threshold,
    percentiles,
)

__all__ = [
    "Confusion",
    "Curve",
    "Interval",
    "auc",
    "average_precision",
    "bootstrap_mean",
    "captured_at",
    "confusion",
    "f1_optimal_threshold",
    "percentiles",
    "share_interval",
    "success_rate",
]
