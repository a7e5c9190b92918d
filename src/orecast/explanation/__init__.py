"""Explanations of scores."""

from orecast.explanation.areas import Attribution, anomalous_elements, occlusion
from orecast.explanation.networks import GradCam, SamplingOffsets, grad_cam, sampling_offsets
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
