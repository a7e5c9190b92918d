"""Explanations of networks: Grad-CAM, and the sampling points of deformable convolutions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from orecast.arrays import Floats32
from orecast.errors import ModelError
from orecast.explanation._drawing import (
    BLUE,
    FAINT,
    INK,
    MOST_WINDOWS,
    VERMILION,
    Saved,
    grey_window,
    note,
    require_windows,
    row_title,
    shortened,
    shown_layer,
    window_grid,
    window_title,
)
from orecast.grid import window_start
from orecast.sampling.windows import Windows

if TYPE_CHECKING:
    from matplotlib.axes import Axes
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


_LARGEST_DOT = 34.0  # points squared, at a modulation of 1


@dataclass(frozen=True)
class SamplingOffsets(Saved):
    """Points that each of L deformable convolutions reads at the middle of each of n windows.

    ``positions`` ``(L, n, 9, 2)`` are (row, column) in cells of the window; 0 is the centre of the
    first cell. Points outside the window read 0. ``regular`` ``(L, 9, 2)`` are the points of the
    same kernel without offsets; ``modulation`` ``(L, n, 9)`` in [0, 1] is the weight of each point.
    ``window`` ``(n, size, size)`` holds the values of ``layer``, the background of the figure.
    """

    positions: Floats32
    regular: Floats32
    modulation: Floats32
    layer: str
    window: Floats32

    def figure(self) -> Figure:
        """Draw each convolution's points over windows: crosses regular, dots with offsets."""
        figure, grid = window_grid(len(self.positions), len(self.window))
        for number, row in enumerate(grid):
            row_title(row[0], f"deformable {number + 1}")
            for n, axes in enumerate(row):
                self._draw_points(axes, number, n)
        for n, axes in enumerate(grid[0]):
            window_title(axes, f"window {n + 1}")
        note(
            figure,
            f"over {shortened(self.layer)}; + regular kernel, ○ the window's own cell,\n"
            "dots: sampling points, larger for more weight",
        )
        return figure

    def _draw_points(self, axes: Axes, number: int, n: int) -> None:
        from matplotlib.patches import Rectangle

        size = self.window.shape[1]
        own = window_start(size)
        at, regular = self.positions[number, n], self.regular[number]
        grey_window(axes, self.window, n)
        edge = Rectangle((-0.5, -0.5), size, size, fill=False, edgecolor=FAINT, linewidth=0.5)
        axes.add_patch(edge)
        for (row, column), (old_row, old_column) in zip(at, regular, strict=True):
            axes.plot([old_column, column], [old_row, row], color=VERMILION, linewidth=0.5)
        axes.plot(own, own, "o", markersize=7, markerfacecolor="none", color=INK, linewidth=0.6)
        axes.plot(regular[:, 1], regular[:, 0], "+", color=BLUE, markersize=4, markeredgewidth=0.8)
        area = _LARGEST_DOT * self.modulation[number, n]
        axes.scatter(at[:, 1], at[:, 0], s=area, color=VERMILION, alpha=0.85, linewidth=0, zorder=3)
        low, high = self._limits(number)
        axes.set(xlim=(low, high), ylim=(high, low))

    def _limits(self, number: int) -> tuple[float, float]:
        """Between which rows and columns a convolution's points and the windows lie."""
        drawn = self.positions[number, :MOST_WINDOWS]
        last = self.window.shape[1] - 1
        return min(0.0, float(drawn.min())) - 0.5, max(last, float(drawn.max())) + 0.5


def sampling_offsets(network: Network, X: Windows) -> SamplingOffsets:
    """Where the deformable convolutions of a fitted network look, from each window's own cell.

    J. Dai et al. (2017), Deformable convolutional networks, ICCV, 764-773, fig. 5, for windows
    ``(n, C, k, k)``. On a halved map, the cell that contains the window's own cell is used.
    Positions are always in cells of the window.

    Raises ModelError for a network without deformable convolutions, and as ``predict``;
    SamplingError without windows.
    """
    from orecast.training.data import gathered

    require_windows(X)
    network.predict(X.take(slice(0, 1)))  # raises if layers or size differ from training
    if not hasattr(network.net_, "sampling"):
        raise ModelError(
            f"{network.name} has no deformable convolutions",
            where="model.name",
            remedy="set model.name to dcn or gk-dcn",
        )
    parts = [_from_the_middle(network, x) for _, x in gathered(X)]
    positions, regular, modulation = zip(*parts, strict=True)
    return SamplingOffsets(
        np.concatenate(positions, axis=1),
        regular[0],
        np.concatenate(modulation, axis=1),
        *shown_layer(X),
    )


def _from_the_middle(network: Network, x: Tensor) -> tuple[Floats32, Floats32, Floats32]:
    """Positions ``(L, b, 9, 2)``, regular ``(L, 9, 2)`` and modulation ``(L, b, 9)`` of windows."""
    import torch

    with torch.inference_mode():
        sampled = network.net_.sampling(x)  # type: ignore[operator]
    positions, regular, modulation = [], [], []
    for at, mask in sampled:  # (b, 9, h, w, 2) and (b, 9, h, w)
        cell, stride = _middle(x.shape[2], at.shape[2])
        kernel = cell + np.argwhere(np.ones((3, 3))) - 1
        positions.append(_in_window_cells(at[:, :, cell, cell].numpy(), stride))
        regular.append(_in_window_cells(kernel.astype(np.float32), stride))
        modulation.append(mask[:, :, cell, cell].numpy())
    return np.stack(positions), np.stack(regular), np.stack(modulation)


def _middle(size: int, side: int) -> tuple[int, int]:
    """Cell of a map of ``side`` cells that contains the window's own cell, and the map's stride.

    A map is the window halved zero or more times, rounded down.

    >>> _middle(9, 9), _middle(9, 4), _middle(3, 1)
    ((4, 1), (2, 2), (0, 2))
    """
    stride = 1 << (size // side).bit_length() - 1
    return window_start(size) // stride, stride


def _in_window_cells(at: Floats32, stride: int) -> Floats32:
    """Convert positions on a map to cells of the window; 0 is the centre of the first cell."""
    return ((at + np.float32(0.5)) * stride - np.float32(0.5)).astype(np.float32)
