"""What is learned from: places with labels, lazy windows, negatives, and how folds are cut."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orecast.registry import exports

if TYPE_CHECKING:
    from orecast.samples.growth import slide
    from orecast.samples.knowledge import FaultControl, fit_fault_control
    from orecast.samples.negatives import NegativeRule, choose_negatives
    from orecast.samples.nouns import (
        WEIGHT,
        Fold,
        Ground,
        Model,
        Needs,
        Sampling,
        Scaling,
        SplitProtocol,
        Windows,
    )
    from orecast.samples.places import deposit_groups, deposit_sampling
    from orecast.samples.protocols.building import build_protocol
    from orecast.samples.scaling import fit_scaling

__all__ = [
    "WEIGHT",
    "FaultControl",
    "Fold",
    "Ground",
    "Model",
    "Needs",
    "NegativeRule",
    "Sampling",
    "Scaling",
    "SplitProtocol",
    "Windows",
    "build_protocol",
    "choose_negatives",
    "deposit_groups",
    "deposit_sampling",
    "fit_fault_control",
    "fit_scaling",
    "slide",
]

__getattr__ = exports(
    __name__,
    {
        "WEIGHT": "nouns",
        "FaultControl": "knowledge",
        "Fold": "nouns",
        "Ground": "nouns",
        "Model": "nouns",
        "Needs": "nouns",
        "NegativeRule": "negatives",
        "Sampling": "nouns",
        "Scaling": "nouns",
        "SplitProtocol": "nouns",
        "Windows": "nouns",
        "build_protocol": "protocols.building",
        "choose_negatives": "negatives",
        "deposit_groups": "places",
        "deposit_sampling": "places",
        "fit_fault_control": "knowledge",
        "fit_scaling": "scaling",
        "slide": "growth",
    },
)
