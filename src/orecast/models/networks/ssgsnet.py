"""SSGSNet: a residual network with attention beside a transformer, and its comparators."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from orecast.models.networks.blocks import (
    ChannelAttention,
    Classifier,
    SpatialAttention,
    require_count,
    stem,
)
from orecast.models.networks.transformer import PatchTransformer
from orecast.sampling.windows import Needs

REGISTERED = {
    "ssgsnet": "SSGSNet",
    "resnet": "AttentionResNet",
    "dualbranch": "DualBranchNet",
}

_LAYERS = 4
_FEATURES = 4  # features of a branch per channel of the stem: 256 to 64
_REDUCTION = 8  # features per hidden unit of the fusion: 256 to 32


class AttentionBlock(nn.Module):
    r"""Improved residual block: the residual is weighted by channel, then by cell.

    .. math:: y = \mathrm{ReLU}(h(x) + \mathrm{SA}(\mathrm{CA}(F(x))))

    with :math:`F` conv-BN-ReLU-conv-BN of 3 x 3 cells and :math:`h` the identity, or a 1 x 1
    convolution with BN where the shape changes (Xiang et al. 2026, Table 1).

    Shapes: ``(B, before, h, w)`` to ``(B, after, h / stride, w / stride)``, rounded up.
    """

    def __init__(self, before: int, after: int, stride: int) -> None:
        super().__init__()
        self.residual = nn.Sequential(
            nn.Conv2d(before, after, 3, stride=stride, padding=1, bias=False),
            nn.BatchNorm2d(after),
            nn.ReLU(inplace=True),
            nn.Conv2d(after, after, 3, padding=1, bias=False),
            nn.BatchNorm2d(after),
            ChannelAttention(after),
            SpatialAttention(),
        )
        self.shortcut = nn.Sequential()
        if stride != 1 or before != after:
            self.shortcut.append(nn.Conv2d(before, after, 1, stride=stride, bias=False))
            self.shortcut.append(nn.BatchNorm2d(after))
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        """Return the map after the block."""
        y: Tensor = self.relu(self.residual(x) + self.shortcut(x))
        return y


class ResidualBranch(nn.Sequential):
    """Spectral-spatial branch: windows ``(B, channels, k, k)`` to features ``(B, 4 * width)``.

    Stem, four layers of two improved residual blocks with ``width``, 2, 4 and 8 times ``width``
    channels, of which the latter three halve the map; mean over the map, linear projection.
    """

    def __init__(self, channels: int, size: int, width: int) -> None:
        layers = nn.Sequential()
        before = width
        for number in range(_LAYERS):
            after = width * 2**number
            first = AttentionBlock(before, after, stride=1 if number == 0 else 2)
            layers.append(nn.Sequential(first, AttentionBlock(after, after, stride=1)))
            before = after
        super().__init__()
        self.stem = stem(channels, width, size)
        self.layers = layers
        self.pool = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.project = nn.Linear(before, _FEATURES * width)


class FeatureAttention(nn.Module):
    r"""Weight a branch's features by themselves, ``(B, F)`` to the same.

    .. math:: a = \sigma(W_2\,\mathrm{ReLU}(W_1 f)), \qquad \tilde f = a f

    with ``F / 8`` hidden units, at least one, and no biases (Xiang et al. 2026, eqs. 7-10).
    """

    def __init__(self, features: int) -> None:
        super().__init__()
        hidden = max(1, features // _REDUCTION)
        self.squeeze = nn.Linear(features, hidden, bias=False)
        self.excite = nn.Linear(hidden, features, bias=False)

    def forward(self, f: Tensor) -> Tensor:
        """Return weighted features ``(B, F)``."""
        return f * torch.sigmoid(self.excite(torch.relu(self.squeeze(f))))


class FusedBranches(nn.Module):
    """Both branches of ``ssgsnet``, each weighted by itself, side by side: ``(B, 8 * width)``."""

    def __init__(
        self, channels: int, size: int, width: int, depth: int, heads: int, patch: int | None
    ) -> None:
        super().__init__()
        features = _FEATURES * width
        self.spectral = ResidualBranch(channels, size, width)
        self.spatial = PatchTransformer(channels, size, features, depth, heads, patch)
        self.spectral_attention = FeatureAttention(features)
        self.spatial_attention = FeatureAttention(features)

    def forward(self, x: Tensor) -> Tensor:
        """Return fused features ``(B, 8 * width)`` of windows ``(B, channels, k, k)``."""
        spectral = self.spectral_attention(self.spectral(x))
        spatial = self.spatial_attention(self.spatial(x))
        return torch.cat([spectral, spatial], 1)


class SSGSNet(Classifier):
    r"""Residual attention branch beside a vision transformer, fused (Xiang et al. 2026).

    .. math:: f = [a_{ss} f_{ss};\ a_{sc} f_{sc}], \qquad
              a = \sigma(W_2\,\mathrm{ReLU}(W_1 f_\cdot))

    with :math:`f_{ss}` the local features of a residual network with attention to channels and
    cells (``ResidualBranch``), and :math:`f_{sc}` those of patches with attention to each other
    (``PatchTransformer``); one linear unit separates the classes.

    Z. Xiang, L. Wang, H. Zheng, B. Zhang, H. Liu (2026), A dual-branch geochemical prospecting
    anomaly detection model with spectral-spatial and spatial correlation fusion, Earth Science
    51(3), 1078-1092, doi 10.3799/dqkx.2026.061. Published for 14 elements and a fault layer on
    windows of 32 x 32 cells.

    Not given in the paper, chosen here: the stem is ``blocks.stem``, which keeps the size of such
    windows, as Table 1 has 64 channels and no stride; second blocks have the channels of the first,
    since their shortcut is the identity (Table 1 has 64 to 128 in block 4); channels are reduced to
    a sixteenth (Hu et al. 2018); no attention has a bias, as in the equations. The transformer's
    sizes are those of ``vit``. The paper's softmax over two classes with cross-entropy equals the
    logistic loss of one logit, the difference of the two, which is used here.

    Shapes: windows ``(B, channels, size, size)``, features ``(B, 8 * width)``, logits ``(B,)``.

    ``width`` 64, of the stem, scales all, the transformer being 4 times as wide; ``depth``,
    ``heads`` and ``patch`` are the transformer's (see ``vit``); ``dropout`` acts on the fused
    features. Raises ConfigError where an option is impossible.
    """

    needs: ClassVar[Needs] = Needs(smallest_window=2)

    def __init__(
        self,
        channels: int,
        size: int,
        *,
        width: int = 64,
        depth: int = 6,
        heads: int = 8,
        patch: int | None = None,
        dropout: float = 0.0,
    ) -> None:
        width = require_count("width", width)
        branches = FusedBranches(channels, size, width, depth, heads, patch)
        super().__init__(branches, 2 * _FEATURES * width, dropout)


class AttentionResNet(Classifier):
    """Residual network with channel and spatial attention: only that branch of ssgsnet.

    ``ResNet`` in the comparison of Xiang et al. (2026), taken as the residual branch of
    ``ssgsnet``. So the two differ only by the transformer and the fusion. Published ResNets without
    attention are ``resnet18``, ``resnet34`` and ``resnet50``. One logit replaces two classes, as in
    ``ssgsnet``.

    Shapes: windows ``(B, channels, size, size)``, features ``(B, 4 * width)``, logits ``(B,)``.

    ``width`` 64 scales all; ``dropout`` acts on the features. Raises ConfigError where either is
    impossible.
    """

    needs: ClassVar[Needs] = Needs(smallest_window=3)

    def __init__(self, channels: int, size: int, *, width: int = 64, dropout: float = 0.0) -> None:
        width = require_count("width", width)
        super().__init__(ResidualBranch(channels, size, width), _FEATURES * width, dropout)


class SpectralSpatial(nn.Module):
    """Two convolutions of a window and an MLP of its mean: ``(B, C, k, k)`` to ``(B, 4 w)``."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.spatial = nn.Sequential(
            nn.Conv2d(channels, width, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(2, ceil_mode=True),
            nn.Conv2d(width, 2 * width, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(2, ceil_mode=True),
        )
        self.spectral = nn.Sequential(
            nn.Linear(channels, width),
            nn.ReLU(inplace=True),
            nn.Linear(width, 2 * width),
            nn.ReLU(inplace=True),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return features ``(B, 4 * width)``, spatial before spectral."""
        return torch.cat([self.spatial(x).mean((2, 3)), self.spectral(x.mean((2, 3)))], 1)


class DualBranchNet(Classifier):
    """Two convolutions and an MLP of the window's mean, for comparison (Xiang et al. 2026).

    ``DualBranchNet`` in their comparison: two convolutions with pooling for spatial patterns, and
    an MLP of the mean of each of the 15 channels for relations between elements. The paper reports
    no more. Chosen here: kernels are 3 x 3 and pools 2 x 2; channels are ``width`` and twice
    ``width``, as in the first layers of ``ssgsnet``, also in the MLP; no batch norm, since none is
    named; the last map is averaged, so that any window size works. One logit replaces two classes,
    as in ``ssgsnet``.

    Shapes: windows ``(B, channels, size, size)``, features ``(B, 4 * width)``, logits ``(B,)``.

    ``dropout`` acts on the features. Raises ConfigError where an option is impossible.
    """

    needs: ClassVar[Needs] = Needs(smallest_window=3)

    def __init__(self, channels: int, size: int, *, width: int = 64, dropout: float = 0.0) -> None:
        width = require_count("width", width)
        super().__init__(SpectralSpatial(channels, width), 4 * width, dropout)
