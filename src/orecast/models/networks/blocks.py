"""Shared parts of the networks: heads, stems, attention, initial weights, option checks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from orecast.models.checks import require_number

REDUCTION = 16
"""Channels per hidden unit of the channel attention (Hu et al. 2018, section 6.1)."""


class ChannelAttention(nn.Module):
    r"""Weight channels by their values over the whole map (squeeze and excitation).

    .. math:: s = \sigma(W_2\,\mathrm{ReLU}(W_1 z)), \qquad \tilde x_c = s_c\,x_c

    with :math:`z_c` the channel's mean over the map, or with ``maximum`` its mean plus its
    maximum. ``channels / reduction`` hidden units, at least one, and no biases, as in the equation.
    So at the start, when batch norm gives means near zero, no unit is zero for all inputs.

    J. Hu, L. Shen, G. Sun (2018), Squeeze-and-excitation networks, CVPR, 7132-7141, eqs. 2-4.
    The maximum is S. Woo et al.'s (2018), CBAM, ECCV, 3-19, summed before the two layers, not
    after them.

    Shapes: ``(B, channels, h, w)`` to the same.
    """

    def __init__(self, channels: int, reduction: int = REDUCTION, *, maximum: bool = False) -> None:
        super().__init__()
        hidden = max(1, channels // reduction)
        self.maximum = maximum
        self.squeeze = nn.Linear(channels, hidden, bias=False)
        self.excite = nn.Linear(hidden, channels, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return the map with its channels weighted, ``(B, channels, h, w)``."""
        z = x.mean((2, 3))  # (B, C)
        if self.maximum:
            z = z + x.amax((2, 3))
        weights = torch.sigmoid(self.excite(torch.relu(self.squeeze(z))))
        return x * weights[:, :, None, None]


class SpatialAttention(nn.Module):
    r"""Weight cells by their values over all channels.

    .. math:: M = \sigma(f^{7\times 7}[\mathrm{mean}_c\,x;\ \max_c\,x]), \qquad \tilde x = M\,x

    with :math:`f` a convolution of 7 x 7 cells, padded by zeros and without a bias, as in the
    equation.

    S. Woo, J. Park, J.-Y. Lee, I. S. Kweon (2018), CBAM: convolutional block attention module,
    ECCV, 3-19, eq. 3.

    Shapes: ``(B, C, h, w)`` to the same, for any number of channels.
    """

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 1, 7, padding=3, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return the map with its cells weighted, ``(B, C, h, w)``."""
        mean, maximum = x.mean(1, keepdim=True), x.max(1, keepdim=True).values  # (B, 1, h, w)
        return x * torch.sigmoid(self.conv(torch.cat([mean, maximum], 1)))


LARGE_WINDOW = 64
"""From this window size on, a residual network reduces the window before its first block."""


def stem(channels: int, width: int, size: int) -> nn.Sequential:
    """First layers of a residual network, ``(B, channels, k, k)`` to ``(B, width, k', k')``.

    Windows of 64 cells and more are reduced fourfold by a 7 x 7 convolution of stride 2 and a
    max-pool, as on ImageNet; smaller ones keep their size under a 3 x 3 convolution, as on CIFAR
    (He et al. 2016, sections 3.3 and 4.2).
    """
    large = size >= LARGE_WINDOW
    layers: list[nn.Module] = [
        nn.Conv2d(channels, width, 7, stride=2, padding=3, bias=False)
        if large
        else nn.Conv2d(channels, width, 3, padding=1, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(inplace=True),
    ]
    if large:
        layers.append(nn.MaxPool2d(3, stride=2, padding=1))
    return nn.Sequential(*layers)


class TwoPart(nn.Module, ABC):
    """Base of the networks: features of windows, and a ``head`` that maps them to logits."""

    head: nn.Module

    @abstractmethod
    def forward_features(self, x: Tensor) -> Tensor:
        """Return features of windows ``(B, C, k, k)``; the shape depends on the network."""

    def forward_head(self, features: Tensor) -> Tensor:
        """Return logits ``(B,)`` of features."""
        return self.head(features)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits ``(B,)`` of windows ``(B, C, k, k)``."""
        return self.forward_head(self.forward_features(x))


class FeatureHead(nn.Module):
    """Dropout and one linear unit: features ``(B, F)`` to logits ``(B,)``."""

    def __init__(self, features: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.linear = nn.Linear(features, 1)

    def forward(self, features: Tensor) -> Tensor:
        """Return logits ``(B,)``."""
        return self.linear(self.dropout(features)).squeeze(1)


class Head(FeatureHead):
    """Mean over the map, dropout, and one linear unit: ``(B, F, h, w)`` to logits ``(B,)``."""

    def forward(self, features: Tensor) -> Tensor:
        """Return logits ``(B,)``."""
        return super().forward(features.mean((2, 3)))


def initialise(net: nn.Module) -> None:
    """Draw the convolutions' weights for rectified units (He et al. 2015, eq. 10, by fan-out).

    PyTorch uses the fan-out of all groups instead of one group. The outputs of depthwise
    convolutions would then be too small, and predictions after few steps constant.
    """
    for module in net.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            with torch.no_grad():
                module.weight.mul_(module.groups**0.5)


class Classifier(TwoPart):
    """A branch and one linear unit: ``(B, C, k, k)`` to features ``(B, F)`` to logits ``(B,)``.

    ``dropout`` acts on the features. Raises ConfigError where it is not a share.
    """

    def __init__(self, branch: nn.Module, features: int, dropout: float) -> None:
        super().__init__()
        self.branch = branch
        self.head = FeatureHead(features, require_number("dropout", dropout, 0, 1))
        initialise(self)

    def forward_features(self, x: Tensor) -> Tensor:
        """Return features ``(B, F)``."""
        return self.branch(x)


def arrays(*tensors: Tensor) -> Iterator[NDArray[Any]]:
    """The tensors as arrays that share their memory, for a compiled kernel."""
    return (tensor.detach().numpy() for tensor in tensors)
