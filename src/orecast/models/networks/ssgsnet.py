"""SSGSNet, a residual network with attention beside a transformer; both alone; comparators."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from orecast.errors import ConfigError
from orecast.models.checks import (
    MOST_FEATURES,
    MOST_LAYERS,
    require_count,
)
from orecast.models.networks.blocks import (
    ChannelAttention,
    Classifier,
    SpatialAttention,
    stem,
)
from orecast.sampling.windows import Needs

REGISTERED = {
    "ssgsnet": "SSGSNet",
    "resnet": "AttentionResNet",
    "dualbranch": "DualBranchNet",
    "vit": "VisionTransformer",
}

_LAYERS = 4
_PATCH = 4
_SPREAD = 0.02  # of the initial positions, as in the published code of Dosovitskiy et al.
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
        return self.relu(self.residual(x) + self.shortcut(x))


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


class SelfAttention(nn.Module):
    r"""Multi-head self-attention of tokens ``(B, N, width)``.

    .. math:: \mathrm{softmax}(Q K^\top / \sqrt{d})\,V

    in each head, with ``d = width / heads`` of the projected features; the heads' outputs, side by
    side, are projected again.

    A. Vaswani et al. (2017), Attention is all you need, NeurIPS, 5998-6008, section 3.2.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.project = nn.Linear(width, 3 * width)  # queries, keys and values
        self.merge = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """Return each token's mixture of all tokens, ``(B, N, width)``."""
        q, k, v = self.project(x).chunk(3, 2)
        taken = scaled_dot_product_attention(self._apart(q), self._apart(k), self._apart(v))
        return self.merge(taken.transpose(1, 2).flatten(2))

    def _apart(self, x: Tensor) -> Tensor:
        """Tokens ``(B, N, width)`` split by head, ``(B, heads, N, d)``."""
        return x.view(x.shape[0], x.shape[1], self.heads, -1).transpose(1, 2)


class TransformerBlock(nn.Module):
    r"""Attention, norm, MLP, norm on tokens ``(B, N, width)``, each part added to its input.

    .. math:: x' = \mathrm{LN}(x + \mathrm{MSA}(x)), \qquad y = \mathrm{LN}(x' + \mathrm{MLP}(x'))

    The norm comes after, as in Xiang et al. and Vaswani et al. (2017); in Dosovitskiy et al. it
    comes before. The MLP is that of Dosovitskiy et al.: four times the width, with GELU between.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.attention = SelfAttention(width, heads)
        self.norm = nn.LayerNorm(width)
        self.mlp = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
        )
        self.last_norm = nn.LayerNorm(width)

    def forward(self, x: Tensor) -> Tensor:
        """Return tokens ``(B, N, width)``."""
        x = self.norm(x + self.attention(x))
        return self.last_norm(x + self.mlp(x))


class PatchTransformer(nn.Module):
    """Transformer branch: windows ``(B, channels, size, size)`` to features ``(B, width)``.

    One convolution turns patches, which do not overlap, into tokens. A class token comes first; a
    trained position is added to each token. After ``depth`` blocks the class token is projected to
    the features.

    Raises ConfigError for impossible options (see ``VisionTransformer``).
    """

    def __init__(
        self, channels: int, size: int, width: int, depth: int, heads: int, patch: int | None
    ) -> None:
        super().__init__()
        patch = fitting_patch(size, patch)
        require_heads(heads, width)
        self.patches = nn.Conv2d(channels, width, patch, stride=patch)
        self.first = nn.Parameter(torch.empty(1, 1, width))
        self.positions = nn.Parameter(torch.empty(1, 1 + (size // patch) ** 2, width))
        depth = require_count("depth", depth, MOST_LAYERS)
        self.blocks = nn.Sequential(*(TransformerBlock(width, heads) for _ in range(depth)))
        self.project = nn.Linear(width, width)
        nn.init.trunc_normal_(self.first, std=_SPREAD)
        nn.init.trunc_normal_(self.positions, std=_SPREAD)

    def forward(self, x: Tensor) -> Tensor:
        """Return features ``(B, width)``."""
        patches = self.patches(x).flatten(2).transpose(1, 2)  # (B, N, width)
        first = self.first.expand(patches.shape[0], -1, -1)
        tokens = self.blocks(torch.cat([first, patches], 1) + self.positions)
        return self.project(tokens[:, 0])


class FusedBranches(nn.Module):
    """Both branches of ``ssgsnet``, each weighted by itself, side by side: ``(B, 8 * width)``.

    The features ``f`` of a branch are weighted like the channels of a map of one cell, with
    ``F / 8`` hidden units (Xiang et al. 2026, eqs. 7-10).
    """

    def __init__(
        self, channels: int, size: int, width: int, depth: int, heads: int, patch: int | None
    ) -> None:
        super().__init__()
        features = _FEATURES * width
        self.spectral = ResidualBranch(channels, size, width)
        self.spatial = PatchTransformer(channels, size, features, depth, heads, patch)
        self.spectral_attention = ChannelAttention(features, _REDUCTION)
        self.spatial_attention = ChannelAttention(features, _REDUCTION)

    def forward(self, x: Tensor) -> Tensor:
        """Return fused features ``(B, 8 * width)`` of windows ``(B, channels, k, k)``."""
        spectral = self.spectral_attention(self.spectral(x)[:, :, None, None])
        spatial = self.spatial_attention(self.spatial(x)[:, :, None, None])
        return torch.cat([spectral, spatial], 1).flatten(1)


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
        width = require_count("width", width, MOST_FEATURES)
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
        width = require_count("width", width, MOST_FEATURES)
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
        width = require_count("width", width, MOST_FEATURES)
        super().__init__(SpectralSpatial(channels, width), 4 * width, dropout)


class VisionTransformer(Classifier):
    r"""Transformer over patches of a window, as a separate network (Dosovitskiy et al. 2020).

    .. math:: z_0 = [\mathrm{cls};\ E x_1;\ \dots;\ E x_N] + P, \qquad z_l = \mathrm{block}(z_{l-1})

    with :math:`E` the same projection of every patch :math:`x_i`, :math:`P` learned positions, and
    the features a projection of the class token of the last :math:`z` (``PatchTransformer``).

    A. Dosovitskiy et al. (2020), An image is worth 16 x 16 words, arXiv 2010.11929, in the form of
    Z. Xiang et al. (2026), Earth Science 51(3), 1078-1092, section 1.1.2: the spatial-association
    branch of ``ssgsnet``, and ``ViT`` in its comparison. The paper gives no sizes. ``width`` 256
    is that of its fused features; ``depth`` 6 and 8 ``heads`` are those of the base transformer of
    Vaswani et al. (2017); patches of 4 cells give 64 tokens for its windows of 32.

    Shapes: windows ``(B, channels, size, size)``, features ``(B, width)``, logits ``(B,)``. For two
    classes, softmax with cross-entropy equals the logistic loss of one logit, their difference.

    ``patch`` must divide the window; a larger one is set to the window. By default it is the
    largest from 4 down that gives at least two patches per side: 4 for the paper's 32, 3 for 9.
    Padding would add cells that do not exist, and cropping would lose some. So a window of 7 or 31
    cells is cut into single cells, 49 or 961 tokens.
    ``dropout`` acts on the features. Raises ConfigError where an option is impossible.
    """

    needs: ClassVar[Needs] = Needs(smallest_window=2)

    def __init__(
        self,
        channels: int,
        size: int,
        *,
        width: int = 256,
        depth: int = 6,
        heads: int = 8,
        patch: int | None = None,
        dropout: float = 0.0,
    ) -> None:
        width = require_count("width", width, MOST_FEATURES)
        branch = PatchTransformer(channels, size, width, depth, heads, patch)
        super().__init__(branch, width, dropout)


def fitting_patch(size: int, patch: int | None = None) -> int:
    """Return the width of a patch in cells; it divides the window's width.

    Raises ConfigError where ``patch`` does not.

    >>> fitting_patch(32), fitting_patch(9), fitting_patch(4), fitting_patch(9, 16)
    (4, 3, 2, 9)
    """
    if patch is None:
        return max(p for p in _divisors(size) if p == 1 or p <= min(_PATCH, size // 2))
    patch = min(require_count("patch", patch, MOST_FEATURES), size)
    if size % patch:
        fitting = ", ".join(map(str, _divisors(size)))
        raise ConfigError(
            f"patches of {patch} cells do not divide a window of {size}",
            where="model.options.patch",
            remedy=f"set it to one of {fitting}, leave it out, or change sampling.window",
        )
    return patch


def require_heads(heads: int, width: int) -> None:
    """Raise ConfigError unless the heads divide the width."""
    if width % require_count("heads", heads, MOST_FEATURES):
        fitting = max(n for n in _divisors(width) if n < heads)
        raise ConfigError(
            f"{heads} heads do not divide a width of {width}",
            where="model.options.heads",
            remedy=f"set it to {fitting}, or model.options.width to a multiple of {heads}",
        )


def _divisors(number: int) -> list[int]:
    return [n for n in range(1, number + 1) if number % n == 0]
