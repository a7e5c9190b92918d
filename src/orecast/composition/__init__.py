"""Compositional data as arrays: censored values, closure, log-ratios, screening of elements."""

from orecast.composition.censored import impute
from orecast.composition.logratio import (
    alr,
    closure,
    clr,
    ilr,
    ilr_basis,
    inverse_alr,
    inverse_clr,
    inverse_ilr,
    log,
    log_ratios,
)
from orecast.composition.screening import Screening, screen, svm_auc, z_auc

__all__ = [
    "Screening",
    "alr",
    "closure",
    "clr",
    "ilr",
    "ilr_basis",
    "impute",
    "inverse_alr",
    "inverse_clr",
    "inverse_ilr",
    "log",
    "log_ratios",
    "screen",
    "svm_auc",
    "z_auc",
]
