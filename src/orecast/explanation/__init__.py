"""Explanations of scores, one method in each file."""

from orecast.explanation.grad_cam import GradCam, grad_cam
from orecast.explanation.occlusion import Attribution, occlusion
from orecast.explanation.offsets import SamplingOffsets, sampling_offsets
from orecast.explanation.shapley import Shapley, shapley_values
from orecast.explanation.standing import Standing, elements_behind

__all__ = [
    "Attribution",
    "GradCam",
    "SamplingOffsets",
    "Shapley",
    "Standing",
    "elements_behind",
    "grad_cam",
    "occlusion",
    "sampling_offsets",
    "shapley_values",
]
