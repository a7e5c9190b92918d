"""Explanations of scores, one method in each file."""

from orecast.explanation.anomalous import AnomalousElements, anomalous_elements
from orecast.explanation.grad_cam import GradCam, grad_cam
from orecast.explanation.occlusion import Attribution, occlusion
from orecast.explanation.offsets import SamplingOffsets, sampling_offsets
from orecast.explanation.shapley import Shapley, shapley_values

__all__ = [
    "AnomalousElements",
    "Attribution",
    "GradCam",
    "SamplingOffsets",
    "Shapley",
    "anomalous_elements",
    "grad_cam",
    "occlusion",
    "sampling_offsets",
    "shapley_values",
]
