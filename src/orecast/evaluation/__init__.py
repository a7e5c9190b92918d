"""How far a map can be trusted: scores, curves and intervals, of arrays alone."""

from orecast.evaluation.calibration import (
    BrierScore,
    Reliability,
    brier,
    log_loss,
    reliability,
)
from orecast.evaluation.conformal import (
    ConformalArea,
    conformal_area,
    conformal_p,
)
from orecast.evaluation.curves import (
    Curve,
    PredictionRate,
    captured_at,
    held_out_curve,
    prediction_rate,
    prediction_rate_of,
    success_rate,
)
from orecast.evaluation.draws import (
    NegativeDraws,
    negative_draws,
)
from orecast.evaluation.held_out import average_precision_of, brier_of, called_scores
from orecast.evaluation.intervals import (
    Interval,
    bootstrap,
    bootstrap_mean,
    share_interval,
)
from orecast.evaluation.nulls import (
    LayerNull,
    toroidal_null,
)
from orecast.evaluation.paired import (
    PairedTest,
    paired_difference,
)
from orecast.evaluation.prediction_area import (
    Intersection,
    PredictionArea,
    prediction_area,
    prediction_area_of,
)
from orecast.evaluation.rank_curve import (
    RankCurve,
    fit_rank_curve,
    rank_threshold,
)
from orecast.evaluation.scores import (
    Confusion,
    auc,
    average_precision,
    confusion,
    f1_optimal_threshold,
    outranked,
    percentiles,
    top_share,
)

__all__ = [
    "BrierScore",
    "ConformalArea",
    "Confusion",
    "Curve",
    "Intersection",
    "Interval",
    "LayerNull",
    "NegativeDraws",
    "PairedTest",
    "PredictionArea",
    "PredictionRate",
    "RankCurve",
    "Reliability",
    "auc",
    "average_precision",
    "average_precision_of",
    "bootstrap",
    "bootstrap_mean",
    "brier",
    "brier_of",
    "called_scores",
    "captured_at",
    "conformal_area",
    "conformal_p",
    "confusion",
    "f1_optimal_threshold",
    "fit_rank_curve",
    "held_out_curve",
    "log_loss",
    "negative_draws",
    "outranked",
    "paired_difference",
    "percentiles",
    "prediction_area",
    "prediction_area_of",
    "prediction_rate",
    "prediction_rate_of",
    "rank_threshold",
    "reliability",
    "share_interval",
    "success_rate",
    "top_share",
    "toroidal_null",
]
