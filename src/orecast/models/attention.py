"""Attention that weights a feature map: which channels count, and which cells."""

from __future__ import annotations

import torch
from torch import Tensor, nn

REDUCTION = 16
"""Channels to one hidden unit of the channel attention (Hu et al. 2018, section 6.1)."""


class ChannelAttention(nn.Module):
    r"""Weigh channels by what stands in them over the whole map (squeeze and excitation).

    .. math:: s = \sigma(W_2\,\mathrm{ReLU}(W_1 z)), \qquad \tilde x_c = s_c\,x_c

    with :math:`z_c` the channel's mean over the map, or with ``maximum`` its mean plus its
    maximum. ``channels / reduction`` hidden units, at least one, and no biases, as the equation
    has none; so at first, where batch norm leaves means about zero, no unit is dead throughout.

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
    r"""Weigh cells by what stands in them over all channels.

    .. math:: M = \sigma(f^{7\times 7}[\mathrm{mean}_c\,x;\ \max_c\,x]), \qquad \tilde x = M\,x

    with :math:`f` a convolution of 7 x 7 cells, padded by zeros and without a bias, as the
    equation has none.

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
