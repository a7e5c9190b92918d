"""Measures of a map's quality: scores, curves and intervals. Input and output are arrays."""

from orecast.metrics.calibration import (
    RankCurve,
    conformal_area,
    conformal_p,
    fit_rank_curve,
    rank_threshold,
    reliability,
)
from orecast.metrics.curves import (
    held_out_curve,
    prediction_area_of,
    prediction_rate,
    success_rate,
)
from orecast.metrics.intervals import (
    bootstrap,
    bootstrap_mean,
    paired_difference,
    share_interval,
)
from orecast.metrics.nulls import negative_draws, toroidal_null
from orecast.metrics.results import Curve, Interval, Metrics, Score
from orecast.metrics.scores import (
    Confusion,
    auc,
    average_precision,
    average_precision_of,
    brier_of,
    confusion,
    f1_optimal_threshold,
    outranked,
    percentiles,
    threshold_scores,
    top_share,
)

__all__ = [
    "Confusion",
    "Curve",
    "Interval",
    "Metrics",
    "RankCurve",
    "Score",
    "auc",
    "average_precision",
    "average_precision_of",
    "bootstrap",
    "bootstrap_mean",
    "brier_of",
    "conformal_area",
    "conformal_p",
    "confusion",
    "f1_optimal_threshold",
    "fit_rank_curve",
    "held_out_curve",
    "negative_draws",
    "outranked",
    "paired_difference",
    "percentiles",
    "prediction_area_of",
    "prediction_rate",
    "rank_threshold",
    "reliability",
    "share_interval",
    "success_rate",
    "threshold_scores",
    "top_share",
    "toroidal_null",
]
