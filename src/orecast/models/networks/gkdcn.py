"""GK-DCN: deformable convolutions guided by geological knowledge, and its comparison networks.

Four networks: ordinary or deformable, with or without knowledge; equal in all else.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, mse_loss

from orecast.grid import window_start
from orecast.models.checks import (
    MOST_FEATURES,
    require_count,
    require_number,
)
from orecast.models.networks.blocks import TwoPart, initialise
from orecast.models.networks.deformable import DeformableConv2d
from orecast.sampling.windows import Needs

REGISTERED = {"cnn": "CNN", "dcn": "DCN", "gk-cnn": "GKCNN", "gk-dcn": "GKDCN"}


class CNN(TwoPart):
    """Three ordinary convolutions: the simplest of the four networks around GK-DCN.

    Zhang, X., Xiong, Y., Chen, Z. (2026), Recognizing geochemical spatial patterns using deformable
    convolutional networks guided with geological knowledge, Geosci. Model Dev. 19, 2219. The
    authors' own CNN differs from their GK-DCN also in its head and its training. Here only the
    second and third convolution differ, so that a difference in scores has one cause.

    Shapes: windows ``(B, channels, k, k)`` → conv 3 x 3, BN, ReLU ``(B, width, k, k)`` → the same →
    max-pool 2 → conv 3 x 3, BN, ReLU: features ``(B, 2 * width, k // 2, k // 2)`` → mean over the
    map → linear, ReLU ``(B, width)`` → dropout → linear: logits ``(B,)``. As published, ``width``
    is 64 and ``dropout`` 0.5. Not given in the paper, chosen here: convolutions have no bias, since
    batch normalisation would remove it; initial weights are those of He et al. (2015); with one
    seed all four start from the same weights. Raises ConfigError where an option is impossible.
    """

    needs: ClassVar[Needs] = Needs(smallest_window=3)
    deformable: ClassVar[bool] = False

    def __init__(self, channels: int, size: int, *, width: int = 64, dropout: float = 0.5) -> None:
        super().__init__()
        width = require_count("width", width, MOST_FEATURES)
        conv = DeformableConv2d if self.deformable else _ordinary
        self.first = _normalised(_ordinary(channels, width), width)
        self.second = _normalised(conv(width, width), width)
        self.pool = nn.MaxPool2d(2)
        self.third = _normalised(conv(width, 2 * width), 2 * width)
        self.head = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(2 * width, width),
            nn.ReLU(inplace=True),
            nn.Dropout(require_number("dropout", dropout, 0, 1)),
            nn.Linear(width, 1),
            nn.Flatten(0),
        )
        initialise(self)

    def forward_features(self, x: Tensor) -> Tensor:
        """Return feature maps ``(B, 2 * width, k // 2, k // 2)``."""
        return self.third(self.pool(self.second(self.first(x))))


class DCN(CNN):
    """Deformable convolutional network: the second and third convolution learn their positions.

    As ``CNN``, with ``deformable.DeformableConv2d`` for these two (Zhang et al. 2026).
    """

    deformable = True

    def sampling(self, x: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Positions and masks of each deformable convolution, in the network's order.

        Positions ``(B, 9, h, w, 2)``, (row, column) on the convolution's own map, and masks
        ``(B, 9, h, w)``: first on the window's cells, then on those of the map that the max-pool
        halves. Dropout has no effect; batch normalisation follows the network's mode.
        """
        before = self.first(x)
        after = self.pool(self.second(before))
        return [self.second[0].sampling(before), self.third[0].sampling(after)]  # type: ignore[operator]


class GKCNN(CNN):
    r"""Ordinary convolutions guided by geological knowledge in the loss.

    .. math:: L = \mathrm{BCE}(P, y) + \lambda \, \mathrm{MSE}(P, P_g), \quad
              P_g = \sigma(a w + b)

    with :math:`P` the network's probability, which is also the prediction, and :math:`w` in [0, 1]
    the weight of geological knowledge at the window's own cell: its last channel there, such as
    from ``samples.knowledge``. That channel is not an input of the network. :math:`a` and
    :math:`b` are trained from 0.1 and 0; :math:`\lambda` is ``knowledge``, 0.1 as published
    (Zhang et al. 2026). Shapes and other options as ``CNN``. Windows have an odd number of cells,
    so that a flipped window keeps its own cell. Raises ConfigError where an option is impossible.
    """

    needs: ClassVar[Needs] = Needs(smallest_window=3, parity="odd", weight=True)

    def __init__(
        self,
        channels: int,
        size: int,
        *,
        width: int = 64,
        dropout: float = 0.5,
        knowledge: float = 0.1,
    ) -> None:
        super().__init__(channels - 1, size, width=width, dropout=dropout)
        self.knowledge = require_number("knowledge", knowledge, 0, with_low=False)
        self.own = window_start(size)
        self.slope = nn.Parameter(torch.tensor(0.1))  # a
        self.level = nn.Parameter(torch.tensor(0.0))  # b

    def forward_features(self, x: Tensor) -> Tensor:
        """Return feature maps of all channels except the last."""
        return super().forward_features(x[:, :-1])

    def geology(self, x: Tensor) -> Tensor:
        """Probabilities of ore from geological knowledge only, ``(B,)``."""
        return torch.sigmoid(self.slope * x[:, -1, self.own, self.own] + self.level)

    def training_loss(self, x: Tensor, y: Tensor) -> Tensor:
        """Mean loss of windows ``(B, channels, k, k)`` and labels ``(B,)``."""
        logits = self(x).float()
        distance = mse_loss(torch.sigmoid(logits), self.geology(x))
        return binary_cross_entropy_with_logits(logits, y) + self.knowledge * distance


class GKDCN(GKCNN, DCN):
    """GK-DCN: deformable convolutions guided by geological knowledge in the loss.

    The network of ``DCN`` under the loss of ``GKCNN`` (Zhang et al. 2026). Published with Adam at
    1e-4, batches of 64, 80 epochs, on windows of 9 x 9 cells of 39 elements.
    """

    def sampling(self, x: Tensor) -> list[tuple[Tensor, Tensor]]:
        """As ``DCN.sampling``, for all channels except the last."""
        return super().sampling(x[:, :-1])


def _ordinary(before: int, after: int) -> nn.Conv2d:
    return nn.Conv2d(before, after, 3, padding=1, bias=False)


def _normalised(conv: nn.Module, width: int) -> nn.Sequential:
    return nn.Sequential(conv, nn.BatchNorm2d(width), nn.ReLU(inplace=True))
