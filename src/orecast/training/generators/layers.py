"""Layers of windows turned to their principal axes, in which a generator learns and draws."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from orecast.errors import SamplingError
from orecast.samples.nouns import Windows
from orecast.training.data import gather, windows_at_once

_LEAST = 1e-9  # of the largest variance; what lies below is rounding


@dataclass(frozen=True)
class Axes:
    """Principal axes of layers over the cells of windows, ``(r, C)``, scaled to a variance of 1.

    What is made in them keeps every linear relation that the layers have, such as the centred
    log-ratios' sum of zero; layers that are constant stay so.
    """

    mean: Tensor  # (C,)
    there: Tensor  # (C, r)
    back: Tensor  # (r, C)

    @classmethod
    def of(cls, X: Windows) -> Self:
        """Axes of the windows' cells, read a batch at a time.

        Raises SamplingError where all cells are alike, ModelError where a value is missing.
        """
        mean, covariance = _moments(X)
        variance, axes = np.linalg.eigh(covariance)
        kept = variance > _LEAST * max(variance[-1], _LEAST)
        if not kept.any():
            raise SamplingError(
                f"the {len(X)} windows that a generator is to learn from hold one value throughout",
                where="sampling.grow",
                remedy="copy them",
            )
        spread, axes = np.sqrt(variance[kept]), axes[:, kept]
        arrays = (mean, axes / spread, (axes * spread).T)
        return cls(*(torch.from_numpy(a.astype(np.float32)) for a in arrays))

    def forth(self, x: Tensor) -> Tensor:
        """Windows ``(b, C, k, k)`` on the axes, ``(b, r, k, k)``."""
        return torch.einsum("bchw,cr->brhw", x - self.mean[:, None, None], self.there)

    def back_to_layers(self, z: Tensor) -> Tensor:
        """Windows ``(b, C, k, k)`` of what stands on the axes, ``(b, r, k, k)``."""
        return torch.einsum("brhw,rc->bchw", z, self.back) + self.mean[:, None, None]


def _moments(X: Windows) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean ``(C,)`` and covariance ``(C, C)`` of the windows' cells."""
    layers, step = len(X.names), windows_at_once(X.size)
    n, total, squares = 0, np.zeros(layers), np.zeros((layers, layers))
    shift = gather(X, slice(0, 1)).double().mean((0, 2, 3)).numpy()  # near the mean: no cancelling
    for start in range(0, len(X), step):
        x = gather(X, slice(start, start + step)).double().movedim(1, -1).reshape(-1, layers)
        cells = x.numpy() - shift
        n, total, squares = n + len(cells), total + cells.sum(axis=0), squares + cells.T @ cells
    mean = total / n
    return mean + shift, squares / n - np.outer(mean, mean)
