"""Residual networks on element graphs."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

from orecast.models.blocks import MOST_LAYERS, FeatureHead, require_count, require_share
from orecast.models.element_attention import edges_of, runs_compiled
from orecast.models.element_graphs import (
    ElementGraph,
    GraphAttention,
    GraphConvolution,
    Threshold,
    opening,
    smoothing,
)
from orecast.models.transformer import require_heads

REGISTERED = {"resgcn": "ResGCN", "resgat": "ResGAT"}


class ResidualGraph(ElementGraph):
    r"""Residual network on a graph: each layer learns what to add to its nodes.

    .. math:: H^{(l+1)} = F(H^{(l)}, W^{(l)}) + H^{(l)}, \qquad
        z = \frac1N \sum_i H^{(L)}_i, \qquad s = w \cdot z + b

    with :math:`F` a graph layer and its activation. The system of the Pangxidong study (2024):
    residual graph networks on 16 elements, each sample a graph, Adam at 1e-3, dropout 0.5. The
    equations are the paper's (2-4); where it is silent or cannot be read, as here:

    - three layers of ``width`` 64, as graph classifiers commonly have;
    - the first layer widens a node from one number, so that its shortcut is a linear map without
      a bias (He et al. 2016, eq. 2); the others' are the identity;
    - the activation is inside F, since equation 2 has none around the sum;
    - the read-out is the mean over nodes, whose scale does not follow the number of elements;
    - dropout acts on the read-out, where it leaves every node its neighbours;
    - the graph is that of the training part, one for a fit; ``alpha`` 0.6 did best there, and
      "adaptive" chooses among the paper's seven thresholds by inner validation.

    Shapes: nodes ``(B, N, 1)``, then ``(B, N, width)``; features ``(B, width)``, logits ``(B,)``.
    """

    def __init__(
        self,
        channels: int,
        size: int,
        layer: Callable[[int, int], nn.Module],
        activation: Callable[[Tensor], Tensor],
        *,
        width: int,
        layers: int,
        dropout: float,
        alpha: Threshold,
    ) -> None:
        super().__init__(channels, size, alpha)
        width = require_count("width", width)
        layers = require_count("layers", layers, MOST_LAYERS)
        self.activation = activation
        self.shortcut = nn.Linear(1, width, bias=False)
        self.layers = nn.ModuleList(layer(1 if n == 0 else width, width) for n in range(layers))
        self.head = FeatureHead(width, require_share("dropout", dropout))

    def features_of(self, nodes: Tensor) -> Tensor:
        """Return the mean of the last layer's nodes, ``(B, width)``."""
        kept = self.shortcut(nodes)
        for layer in self.layers:
            nodes = self.activation(layer(nodes, self.operator)) + kept  # (B, N, width)
            kept = nodes
        return nodes.mean(1)


class ResGCN(ResidualGraph):
    r"""Residual graph convolutions on the graph of correlated elements.

    :math:`F = \mathrm{ReLU}(\tilde A H W + b)` (``element_graphs.GraphConvolution``).
    Options and shapes as ``ResidualGraph``; raises ConfigError where one is impossible.
    """

    operator_of = staticmethod(smoothing)

    def __init__(
        self,
        channels: int,
        size: int,
        *,
        width: int = 64,
        layers: int = 3,
        dropout: float = 0.5,
        alpha: Threshold = 0.6,
    ) -> None:
        super().__init__(
            channels,
            size,
            GraphConvolution,
            torch.relu,
            width=width,
            layers=layers,
            dropout=dropout,
            alpha=alpha,
        )


class ResGAT(ResidualGraph):
    r"""Residual graph attention on the graph of correlated elements.

    :math:`F = \mathrm{ELU}(\cdot)` of ``heads`` attentions side by side
    (``element_graphs.GraphAttention``); eight of eight features make the 64, as Veličković et al.
    (2018, section 3.3) have them, and the activation is theirs too. Options and shapes otherwise
    as ``ResidualGraph``. Raises ConfigError where one is impossible, or the heads do not divide
    the width.
    """

    operator_of = staticmethod(opening)

    def __init__(
        self,
        channels: int,
        size: int,
        *,
        width: int = 64,
        layers: int = 3,
        heads: int = 8,
        dropout: float = 0.5,
        alpha: Threshold = 0.6,
    ) -> None:
        require_heads(heads, require_count("width", width))
        super().__init__(
            channels,
            size,
            partial(GraphAttention, heads=heads),
            nn.functional.elu,
            width=width,
            layers=layers,
            dropout=dropout,
            alpha=alpha,
        )

    def features_of(self, nodes: Tensor) -> Tensor:
        """Return the mean of the last layer's nodes, ``(B, width)``; compiled on a CPU."""
        if not runs_compiled(nodes):
            return super().features_of(nodes)
        edges = edges_of(self.operator)
        nodes = nodes.permute(2, 1, 0).contiguous()  # (1, N, B)
        kept = self.shortcut.weight[:, :, None] * nodes
        for layer in self.layers:
            assert isinstance(layer, GraphAttention)
            nodes = kept = layer.residual(nodes, kept, edges)  # (width, N, B)
        return nodes.mean(1).T
