"""Explanations of scores."""

from orecast.explanation.areas import Attribution, anomalous_elements, occlusion
from orecast.explanation.grad_cam import GradCam, grad_cam
from orecast.explanation.offsets import SamplingOffsets, sampling_offsets
from orecast.explanation.shapley import Shapley, shapley_values

__all__ = [
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
