"""Grad-CAM: the parts of a window that raise a convolutional network's score."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from orecast.arrays import Floats32
from orecast.errors import ModelError
from orecast.explanation._drawing import (
    Saved,
    grey_window,
    require_windows,
    row_title,
    shortened,
    shown_layer,
    window_grid,
    window_title,
)
from orecast.sampling.windows import Windows

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from torch import Tensor

    from orecast.training import Network


@dataclass(frozen=True)
class GradCam(Saved):
    """Heat of each cell of n windows, with the scores and a background layer.

    ``heat`` ``(n, size, size)`` in [0, 1]; the hottest cell of each window is 1. ``peak`` ``(n,)``
    is that cell's value before scaling, in logits; ``heat`` times ``peak`` compares two windows. If
    no cell raises the score, both are 0. ``score`` ``(n,)`` are the network's probabilities;
    ``window`` ``(n, size, size)`` the values of ``layer``, the background of the figure.
    """

    heat: Floats32
    peak: Floats32
    score: NDArray[np.float64]
    layer: str
    window: Floats32

    def figure(self) -> Figure:
        """Draw each window as a grey map of the layer, and below it the heat, hot cells bright."""
        figure, (above, below) = window_grid(2, len(self.heat))
        for n, (plain, hot) in enumerate(zip(above, below, strict=True)):
            window_title(plain, f"score {self.score[n]:.2f}")
            grey_window(plain, self.window, n)
            image = hot.imshow(self.heat[n], cmap="inferno", vmin=0, vmax=1)
            window_title(hot, f"peak {self.peak[n]:.2g}")
        row_title(above[0], shortened(self.layer))
        row_title(below[0], "Grad-CAM")
        bar = figure.colorbar(image, ax=below, ticks=[0, 1], shrink=0.8)
        bar.set_ticklabels(["0", "its own\npeak"])
        bar.ax.tick_params(labelsize=7)
        return figure


def grad_cam(network: Network, X: Windows) -> GradCam:
    r"""Gradient-weighted class activation maps of a fitted network at windows ``(n, C, k, k)``.

    .. math:: L = \mathrm{ReLU}\Big(\sum_k \alpha_k A^k\Big), \qquad
              \alpha_k = \frac{1}{Z} \sum_{i,j} \frac{\partial y}{\partial A^k_{ij}}

    with :math:`A^k` the feature maps before the network's head, of :math:`Z` cells, and :math:`y`
    the logit of ore. The map is enlarged to the window by bilinear interpolation. R.R. Selvaraju et
    al. (2017), Grad-CAM: visual explanations from deep networks via gradient-based localization,
    ICCV, 618-626, eqs. 1 and 2.

    Raises ModelError if the features are not maps, or maps of one cell, and as ``predict``;
    SamplingError without windows.
    """
    from orecast.training.acceleration import suited_process
    from orecast.training.data import gathered

    require_windows(X)
    score = network.predict(X)
    maps = np.empty((len(X), X.size, X.size), dtype=np.float32)
    with suited_process(network.net_, X.size):
        for rows, x in gathered(X):
            maps[rows] = _activation(network, x).numpy()
    peak = maps.max(axis=(1, 2))
    heat = np.divide(maps, peak[:, None, None], out=np.zeros_like(maps), where=maps > 0)
    return GradCam(heat, peak, score, *shown_layer(X))


def _activation(network: Network, x: Tensor) -> Tensor:
    """Rectified, weighted sum of the feature maps of windows, in the windows' cells."""
    import torch
    from torch.nn.functional import interpolate

    with torch.no_grad():
        features: Tensor = network.net_.forward_features(x)  # type: ignore[operator]
    _require_maps(network.name, features)
    with torch.enable_grad():
        features.requires_grad_()
        logits: Tensor = network.net_.forward_head(features.clone())  # type: ignore[operator]
        (gradient,) = torch.autograd.grad(logits.sum(), features)
    with torch.no_grad():
        weights = gradient.mean((2, 3), keepdim=True)
        maps = torch.relu((weights * features).sum(1, keepdim=True))
        return interpolate(maps, size=x.shape[2:], mode="bilinear", align_corners=False)[:, 0]


def _require_maps(name: str, features: Tensor) -> None:
    if features.ndim != 4:
        raise ModelError(
            f"Grad-CAM needs feature maps, which {name} does not have",
            remedy="use shapley_values, or choose a convolutional network such as resnet18",
        )
    if features.shape[2] * features.shape[3] == 1:
        raise ModelError(
            f"Grad-CAM needs feature maps of several cells; those of {name} have one cell",
            where="sampling.window",
            remedy="set a larger window, or use shapley_values",
        )
