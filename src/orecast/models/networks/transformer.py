"""Vision transformer: attention between all patches of a window, at any distance."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from orecast.errors import ConfigError
from orecast.models.networks.blocks import MOST_LAYERS, Classifier, require_count
from orecast.sampling.windows import Needs

REGISTERED = {"vit": "VisionTransformer"}

_PATCH = 4
_SPREAD = 0.02  # of the initial positions, as in the published code of Dosovitskiy et al.


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
        merged: Tensor = self.merge(taken.transpose(1, 2).flatten(2))
        return merged

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
        tokens: Tensor = self.last_norm(x + self.mlp(x))
        return tokens


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
        features: Tensor = self.project(tokens[:, 0])
        return features


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
        width = require_count("width", width)
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
    patch = min(require_count("patch", patch), size)
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
    if width % require_count("heads", heads):
        fitting = max(n for n in _divisors(width) if n < heads)
        raise ConfigError(
            f"{heads} heads do not divide a width of {width}",
            where="model.options.heads",
            remedy=f"set it to {fitting}, or model.options.width to a multiple of {heads}",
        )


def _divisors(number: int) -> list[int]:
    return [n for n in range(1, number + 1) if number % n == 0]
