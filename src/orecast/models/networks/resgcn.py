"""ResGCN and ResGAT, and the networks of other kinds for comparison."""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, linear, mse_loss

from orecast.models.checks import (
    MOST_FEATURES,
    MOST_LAYERS,
    require_count,
    require_number,
)
from orecast.models.networks.blocks import (
    FeatureHead,
    TwoPart,
)
from orecast.models.networks.element_graphs import (
    ElementGraph,
    GraphAttention,
    GraphConvolution,
    Isomorphism,
    MeanAggregation,
    Threshold,
    averaging,
    edges_of,
    opening,
    runs_compiled,
    smoothing,
    summing,
)
from orecast.models.networks.ssgsnet import require_heads
from orecast.sampling.windows import Needs

REGISTERED = {
    "resgcn": "ResGCN",
    "resgat": "ResGAT",
    "gin": "GIN",
    "diffpool": "DiffPool",
    "graphsage": "GraphSAGE",
    "autoencoder": "Autoencoder",
}


class LayeredGraph(ElementGraph):
    """A network of ``layers`` graph layers of ``width``, with ``dropout`` on its features."""

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
        super().__init__(channels, size, alpha)
        width = require_count("width", width, MOST_FEATURES)
        features = self._build(width, require_count("layers", layers, MOST_LAYERS))
        self.head = FeatureHead(features, require_number("dropout", dropout, 0, 1))

    @abstractmethod
    def _build(self, width: int, layers: int) -> int:
        """Make the layers; return the number of features."""


class ResidualGraph(LayeredGraph):
    r"""Residual network on a graph: each layer learns a change of its nodes.

    .. math:: H^{(l+1)} = F(H^{(l)}, W^{(l)}) + H^{(l)}, \qquad
        z = \frac1N \sum_i H^{(L)}_i, \qquad s = w \cdot z + b

    with :math:`F` a graph layer and its activation. The system of the Pangxidong study (2024):
    residual graph networks on 16 elements, each sample a graph, Adam at 1e-3, dropout 0.5. The
    equations are the paper's (2-4). Missing or unclear in the paper, chosen here:

    - three layers of ``width`` 64, as is common in graph classifiers;
    - the first layer widens a node from one number, so its shortcut is a linear map without a bias
      (He et al. 2016, eq. 2); the other shortcuts are the identity;
    - the activation is inside F, since equation 2 has none around the sum;
    - the read-out is the mean over nodes, whose scale does not depend on the number of elements;
    - dropout acts on the read-out, so that no node loses its neighbours;
    - the graph is that of the training part, one per fit; ``alpha`` 0.6 was best in the paper, and
      "adaptive" chooses among its seven thresholds by inner validation.

    Shapes: nodes ``(B, N, 1)``, then ``(B, N, width)``; features ``(B, width)``, logits ``(B,)``.
    """

    @staticmethod
    @abstractmethod
    def activation(input: Tensor) -> Tensor:
        """Return activated values, of the same shape."""

    def _build(self, width: int, layers: int) -> int:
        self.shortcut = nn.Linear(1, width, bias=False)
        self.layers = nn.ModuleList(
            self._layer(1 if n == 0 else width, width) for n in range(layers)
        )
        return width

    @abstractmethod
    def _layer(self, inputs: int, outputs: int) -> nn.Module:
        """One graph layer, called with nodes ``(B, N, inputs)`` and ``operator``."""

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
    activation = staticmethod(torch.relu)

    def _layer(self, inputs: int, outputs: int) -> nn.Module:
        return GraphConvolution(inputs, outputs)


class ResGAT(ResidualGraph):
    r"""Residual graph attention on the graph of correlated elements.

    :math:`F = \mathrm{ELU}(\cdot)` of ``heads`` attentions side by side
    (``element_graphs.GraphAttention``); eight heads of eight features give the 64, as in Veličković
    et al. (2018, section 3.3); the activation is also theirs. Other options and shapes as
    ``ResidualGraph``. Raises ConfigError where one is impossible, or the heads do not divide the
    width.
    """

    operator_of = staticmethod(opening)
    activation = staticmethod(nn.functional.elu)

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
        require_heads(heads, require_count("width", width, MOST_FEATURES))
        self.heads = heads
        super().__init__(channels, size, width=width, layers=layers, dropout=dropout, alpha=alpha)

    def _layer(self, inputs: int, outputs: int) -> nn.Module:
        return GraphAttention(inputs, outputs, self.heads)

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


_NO_SHARE = 1e-15


class GIN(LayeredGraph):
    r"""Graph isomorphism network on the graph of correlated elements.

    .. math:: h_i^{(l+1)} = \mathrm{MLP}\Bigl(h_i^{(l)} + \sum_{j \in N(i)} h_j^{(l)}\Bigr), \qquad
        z = \Big\Vert_{l=0}^{L} \sum_i h_i^{(l)}

    K. Xu, W. Hu, J. Leskovec, S. Jegelka (2019), How powerful are graph neural networks?, ICLR,
    eqs. 4.1 and 4.2: the sums over nodes of every layer, including the input, side by side. Depth,
    width, dropout and graph are those of ``resgcn``, so that only the layers differ.

    Shapes: features ``(B, 1 + layers * width)``, logits ``(B,)``. Raises ConfigError where an
    option is impossible.
    """

    operator_of = staticmethod(summing)

    def _build(self, width: int, layers: int) -> int:
        self.layers = nn.ModuleList(
            Isomorphism(1 if n == 0 else width, width) for n in range(layers)
        )
        return 1 + layers * width

    def features_of(self, nodes: Tensor) -> Tensor:
        """Return the sums over nodes of each layer, ``(B, 1 + layers * width)``."""
        sums = [nodes.sum(1)]
        for layer in self.layers:
            nodes = layer(nodes, self.operator)
            sums.append(nodes.sum(1))
        return torch.cat(sums, 1)


class GraphSAGE(LayeredGraph):
    r"""Graph of correlated elements, each joined with the mean of its neighbours.

    .. math:: h_i^{(l+1)} = \mathrm{ReLU}\bigl(W^{(l)} [h_i^{(l)};\ \bar h_{N(i)}^{(l)}]\bigr),
        \qquad z = \frac1N \sum_i h_i^{(L)}

    W. L. Hamilton, R. Ying, J. Leskovec (2017), Inductive representation learning on large graphs,
    NeurIPS, 1024-1034, algorithm 1 with the mean aggregator, over all neighbours, since there are
    few. Nodes are not scaled to unit length: their size is the concentration. Depth, width,
    read-out, dropout and graph are those of ``resgcn``, so that only the layers differ.

    Shapes: features ``(B, width)``, logits ``(B,)``. Raises ConfigError where an option is
    impossible.
    """

    operator_of = staticmethod(averaging)

    def _build(self, width: int, layers: int) -> int:
        self.stack = MeanStack(1, [width] * layers)
        return width

    def features_of(self, nodes: Tensor) -> Tensor:
        """Return the mean of the last layer's nodes, ``(B, width)``."""
        return torch.relu(self.stack(nodes, self.operator)).mean(1)


class DiffPool(ElementGraph):
    r"""Graph of correlated elements, pooled to a few trained clusters.

    .. math:: S = \mathrm{softmax}(\mathrm{GNN}_1(A, X)), \quad X' = S^\top \mathrm{GNN}_2(A, X),
        \quad A' = S^\top A S, \quad z = \mathrm{mean}\ \mathrm{GNN}_3(A', X')

    R. Ying et al. (2018), Hierarchical graph representation learning with differentiable pooling,
    NeurIPS, 4800-4810, eqs. 3-6. Two levels: elements, and a quarter as many clusters (the paper's
    share for small graphs; at least two). Each GNN is two layers of ``graphsage``, as in the paper;
    means between clusters are divided by at least 1. The loss is the cross-entropy plus two
    auxiliary losses: the difference of :math:`S S^\top` from the graph, as the root mean square
    over pairs, so that it does not grow with the number of elements; and the mean entropy of a
    node's clusters. Width, dropout and graph are those of ``resgcn``.

    Shapes: S ``(B, N, K)``, features ``(B, width)``, logits ``(B,)``. Raises ConfigError where an
    option is impossible.
    """

    def __init__(
        self,
        channels: int,
        size: int,
        *,
        width: int = 64,
        dropout: float = 0.5,
        alpha: Threshold = 0.6,
    ) -> None:
        super().__init__(channels, size, alpha)
        width = require_count("width", width, MOST_FEATURES)
        clusters = max(2, math.ceil(channels / 4))
        self.assign = MeanStack(1, [width, clusters])
        self.embed = MeanStack(1, [width, width])
        self.coarse = MeanStack(width, [width, width])
        self.head = FeatureHead(width, require_number("dropout", dropout, 0, 1))

    @staticmethod
    def operator_of(adjacency: Tensor) -> Tensor:
        """Return the graph itself, since its edges are summed between clusters."""
        return adjacency.clone()

    def assignment(self, nodes: Tensor) -> Tensor:
        """Return the share of each node ``(B, N, 1)`` in each cluster, ``(B, N, K)``."""
        return self.assign(nodes, averaging(self.operator)).softmax(2)

    def features_of(self, nodes: Tensor) -> Tensor:
        """Return the mean of the clusters, ``(B, width)``."""
        return self._pooled(nodes, self.assignment(nodes))

    def _pooled(self, nodes: Tensor, shares: Tensor) -> Tensor:
        """Pool nodes ``(B, N, 1)`` by their shares ``(B, N, K)``; return the clusters' mean."""
        embedded = torch.relu(self.embed(nodes, averaging(self.operator)))  # (B, N, F)
        clusters = shares.mT @ embedded  # (B, K, F)
        between = shares.mT @ (self.operator @ shares)  # (B, K, K)
        return torch.relu(self.coarse(clusters, averaging(between))).mean(1)

    def training_loss(self, x: Tensor, y: Tensor) -> Tensor:
        """Mean cross-entropy and auxiliary losses of windows ``(B, N, size, size)``."""
        nodes = self.nodes(x)
        shares = self.assignment(nodes)
        logits = self.forward_head(self._pooled(nodes, shares))
        cross_entropy = binary_cross_entropy_with_logits(logits.float(), y)
        shares = shares.float()
        return cross_entropy + link_error(self.operator, shares) + assignment_entropy(shares)


class MeanStack(nn.Module):
    """Mean aggregations with ReLU between: ``(B, N, inputs)`` to ``(B, N, widths[-1])``.

    The neighbours' weights are ``(N, N)`` or ``(B, N, N)``.
    """

    def __init__(self, inputs: int, widths: list[int]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            MeanAggregation(before, after)
            for before, after in zip([inputs, *widths], widths, strict=False)
        )

    def forward(self, nodes: Tensor, averager: Tensor) -> Tensor:
        """Return nodes ``(B, N, widths[-1])``."""
        for number, layer in enumerate(self.layers):
            nodes = layer(torch.relu(nodes) if number else nodes, averager)
        return nodes


def link_error(adjacency: Tensor, shares: Tensor) -> Tensor:
    """Root mean square of A - S S^T over the pairs of a graph, mean over the batch.

    >>> link_error(torch.tensor([[0.0, 1.0], [1.0, 0.0]]), torch.eye(2)[None]).item()
    1.0
    """
    missed: Tensor = adjacency - shares @ shares.mT  # (B, N, N)
    return missed.square().mean((1, 2)).sqrt().mean()


def assignment_entropy(shares: Tensor) -> Tensor:
    """Entropy of a node's clusters ``(B, N, K)``, mean over nodes and batch.

    Its gradient stays finite at a share of 0, which a softmax can round to.
    """
    entropy = -(shares * (shares + _NO_SHARE).log()).sum(2)
    return entropy.mean()


class Autoencoder(TwoPart):
    r"""Autoencoder of a cell's layers; its code is classified, both in one training.

    .. math:: c = W_2\,\mathrm{ReLU}(W_1 x + b_1) + b_2, \quad
        \hat x = W_1^\top \mathrm{ReLU}(W_2^\top c), \quad
        L = \mathrm{BCE}(w \cdot c + b,\ y) + \lambda\,\mathrm{MSE}(\hat x, x)

    The comparator AE of the Pangxidong study (2024), which reports only its name. Chosen here: one
    hidden layer of ``width`` 64, as in that study's networks, and a ``code`` of 8, half of its 16
    elements, so that the code compresses. Reconstruction and classification are trained together,
    with ``reconstruction`` (lambda) 1; this helps the classifier with few labels (L. Le,
    A. Patterson, M. White 2018, Supervised autoencoders, NeurIPS, 107-117). The decoder has the
    encoder's weights transposed (P. Vincent et al. 2010, Stacked denoising autoencoders, JMLR 11,
    3371-3408, section 2.2), and no biases, since standardised layers have mean 0. ``dropout`` acts
    on the code.

    Shapes: windows ``(B, channels, size, size)``, only the own cell is read; code
    ``(B, code)``, logits ``(B,)``. Raises ConfigError where an option is impossible.
    """

    needs: ClassVar[Needs] = Needs(smallest_window=1, parity="odd")

    def __init__(
        self,
        channels: int,
        size: int,
        *,
        width: int = 64,
        code: int = 8,
        reconstruction: float = 1.0,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        width, code = (
            require_count("width", width, MOST_FEATURES),
            require_count("code", code, MOST_FEATURES),
        )
        self.middle = size // 2
        self.reconstruction = require_number("reconstruction", reconstruction, 0)
        self.outer = nn.Linear(channels, width)
        self.inner = nn.Linear(width, code)
        self.head = FeatureHead(code, require_number("dropout", dropout, 0, 1))

    def forward_features(self, x: Tensor) -> Tensor:
        """Return codes ``(B, code)`` of windows ``(B, channels, size, size)``."""
        return self._encoded(self._own(x))

    def decoded(self, code: Tensor) -> Tensor:
        """Return layers ``(B, channels)`` restored from codes ``(B, code)``."""
        return linear(torch.relu(linear(code, self.inner.weight.T)), self.outer.weight.T)

    def training_loss(self, x: Tensor, y: Tensor) -> Tensor:
        """Mean cross-entropy of the code's logit plus ``reconstruction`` times the mean square."""
        own = self._own(x)
        code = self._encoded(own)
        cross_entropy = binary_cross_entropy_with_logits(self.forward_head(code).float(), y)
        return cross_entropy + self.reconstruction * mse_loss(self.decoded(code).float(), own)

    def _own(self, x: Tensor) -> Tensor:
        """Values of the windows' own cells, ``(B, channels)``."""
        return x[:, :, self.middle, self.middle]

    def _encoded(self, own: Tensor) -> Tensor:
        return self.inner(torch.relu(self.outer(own)))
