from .augmentation import shifted_copies
from .fault_control import FaultControl, fit_fault_control
from .places import NegativeRule, choose_negatives, deposit_groups, deposit_sampling
from .windows import (
    WEIGHT,
    Fold,
    MapGeometry,
    Model,
    Needs,
    Sampling,
    Scaling,
    SplitProtocol,
    Windows,
    fit_scaling,
)

__all__ = [
    "WEIGHT",
    "FaultControl",
    "Fold",
    "MapGeometry",
    "Model",
    "Needs",
    "NegativeRule",
    "Sampling",
    "Scaling",
    "SplitProtocol",
    "Windows",
    "choose_negatives",
    "deposit_groups",
    "deposit_sampling",
    "fit_fault_control",
    "fit_scaling",
    "shifted_copies",
]
