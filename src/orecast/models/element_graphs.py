"""Graphs of elements: who is joined with whom, dense layers, and what such networks share.

Every sample has the same elements, so that one fit has one graph: a batch is ``(B, N, F)``, nodes
by features, and the graph one matrix ``(N, N)`` that serves all of it.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from orecast.errors import ConfigError, ModelError, ThresholdError
from orecast.models.blocks import TwoPart
from orecast.models.element_attention import Edges, ResidualAttention
from orecast.samples.nouns import Needs

Threshold = float | Literal["adaptive"]

_WHERE = "model.options.alpha"


class ElementGraph(TwoPart):
    """A network on the graph of a cell's elements.

    Nodes are the N layers, and a node's feature is its value at the window's own cell, a log-ratio
    brought to scale. Two are joined where their values correlate by ``|r| >= alpha`` over the
    training windows (``prepare``); edges have no weights. Before that every pair is joined. Windows
    have an odd number of cells, so that flips and turns leave their own cell in the middle.

    Buffers, saved with the weights: ``correlation`` ``(N, N)`` and ``operator`` ``(N, N)``, what a
    layer multiplies its nodes by.

    Shapes: windows ``(B, N, size, size)``, features ``(B, F)``, logits ``(B,)``: one logit, which
    is the difference of two classes' in a softmax.
    """

    needs: ClassVar[Needs] = Needs(smallest_window=1, parity="odd", elements_only=True)
    searched: ClassVar[Mapping[str, tuple[float, ...]]] = {
        "alpha": (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)
    }

    correlation: Tensor
    operator: Tensor

    def __init__(self, channels: int, size: int, alpha: Threshold) -> None:
        super().__init__()
        self.alpha = require_threshold(alpha)
        self.middle = size // 2
        complete = torch.ones(channels, channels) - torch.eye(channels)
        self.register_buffer("correlation", torch.ones(channels, channels))
        self.register_buffer("operator", self.operator_of(complete))

    @staticmethod
    @abstractmethod
    def operator_of(adjacency: Tensor) -> Tensor:
        """Return what a layer multiplies by, of 1 where two nodes are joined, both ``(N, N)``."""

    @abstractmethod
    def features_of(self, nodes: Tensor) -> Tensor:
        """Return features ``(B, F)`` of nodes ``(B, N, 1)``."""

    def prepare(self, values: Tensor, y: Tensor) -> None:
        """Learn the graph from the windows' own cells ``(n, N)``; labels are not looked at.

        Raises ModelError where no two elements are joined, ConfigError where ``alpha`` has yet to
        be chosen.
        """
        if isinstance(self.alpha, str):
            raise ConfigError(
                "a threshold is chosen before the graph is learned", where=_WHERE, remedy="name it"
            )
        correlation = pearson(values)
        self.operator.copy_(self.operator_of(joined(correlation, self.alpha)))
        self.correlation.copy_(correlation)

    def forward_features(self, x: Tensor) -> Tensor:
        """Return features ``(B, F)`` of windows ``(B, N, size, size)``."""
        return self.features_of(self.nodes(x))

    def nodes(self, x: Tensor) -> Tensor:
        """Return the nodes ``(B, N, 1)`` of windows ``(B, N, size, size)``."""
        return x[:, :, self.middle, self.middle].unsqueeze(2)


def require_threshold(value: object) -> Threshold:
    """Return a threshold of |r|; raises ConfigError unless it is in (0, 1), or "adaptive"."""
    if value == "adaptive":
        return "adaptive"
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1:
        raise ConfigError(
            f'must lie between 0 and 1, or be "adaptive", not {value!r}', where=_WHERE
        )
    return float(value)


def pearson(values: Tensor) -> Tensor:
    """Pearson's correlation of columns ``(n, N)``, ``(N, N)``; 0 with a column that is constant.

    >>> columns = torch.tensor([[1.0, 2.0, 5.0], [2.0, 1.0, 5.0], [3.0, 0.0, 5.0]])
    >>> pearson(columns).round(decimals=6).tolist()
    [[1.0, -1.0, 0.0], [-1.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
    """
    deviations = values.double() - values.double().mean(0)
    length = deviations.norm(dim=0)
    unit = torch.where(length > 0, deviations / length, 0.0)
    return (unit.T @ unit).clamp(-1, 1).fill_diagonal_(1)


def joined(correlation: Tensor, alpha: float) -> Tensor:
    """1 where two elements correlate by ``|r| >= alpha``, else 0, ``(N, N)``; 0 with themselves.

    Raises ModelError where there is one element alone, ThresholdError where no two do.
    """
    strength = correlation.abs().fill_diagonal_(0)
    if len(strength) < 2:
        raise ModelError(
            "one element alone makes no graph",
            where="evidence.layers",
            remedy="name two or more, or choose another model",
        )
    adjacency = (strength >= alpha).to(torch.get_default_dtype())
    if not adjacency.any():
        largest = float(strength.max())
        below = math.floor(100 * largest) / 100
        raise ThresholdError(
            f"no two elements correlate by |r| of {alpha:g} or more in what is learned from, so "
            f"that their graph has no edge; the largest is {largest:.3f}",
            largest=largest,
            where=_WHERE,
            remedy=f'set it to {below:g} or less, or to "adaptive"'
            if below > 0
            else "choose another model",
        )
    return adjacency


def smoothing(adjacency: Tensor) -> Tensor:
    r""":math:`D^{-1/2}(A + I)D^{-1/2}`, with D the row sums of A + I; ``(N, N)``.

    >>> smoothing(torch.tensor([[0.0, 1.0], [1.0, 0.0]])).round(decimals=6).tolist()
    [[0.5, 0.5], [0.5, 0.5]]
    """
    looped = adjacency + torch.eye(len(adjacency))
    scale = looped.sum(1).rsqrt()
    return scale[:, None] * looped * scale


def averaging(adjacency: Tensor) -> Tensor:
    """Rows divided by their sums, ``(..., N, N)``; one that sums to less than 1 is kept as it is.

    So a node without neighbours keeps its row of 0, and a cluster that hardly any node is in has
    hardly any neighbours; to divide by its sum would give slopes without bound.

    >>> averaging(torch.tensor([[0.0, 1.0, 1.0], [1.0, 0.0, 0.0], [0.0, 0.0, 0.0]])).tolist()
    [[0.0, 0.5, 0.5], [1.0, 0.0, 0.0], [0.0, 0.0, 0.0]]
    """
    return adjacency / adjacency.sum(-1, keepdim=True).clamp(min=1)


def summing(adjacency: Tensor) -> Tensor:
    """A + I: each node's neighbours and itself, ``(N, N)``."""
    return adjacency + torch.eye(len(adjacency))


def opening(adjacency: Tensor) -> Tensor:
    """Return what is added to an attention's scores: 0 for neighbours and itself, else -inf."""
    return summing(adjacency).log()


class GraphConvolution(nn.Module):
    r"""Mix each node with its neighbours: :math:`\tilde A H W + b`.

    T. N. Kipf, M. Welling (2017), Semi-supervised classification with graph convolutional
    networks, ICLR, eq. 2, with :math:`\tilde A` as ``smoothing`` gives it. Nodes are mixed first,
    while they are narrow. Weights start as a linear layer's: with biases at zero, all units of a
    first layer would bend at a node's value of 0.

    Shapes: ``(B, N, inputs)`` and ``(N, N)`` to ``(B, N, outputs)``.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.linear = nn.Linear(inputs, outputs)

    def forward(self, nodes: Tensor, smoother: Tensor) -> Tensor:
        """Return mixed nodes ``(B, N, outputs)``."""
        mixed: Tensor = self.linear(smoother @ nodes)
        return mixed


class GraphAttention(nn.Module):
    r"""Mix each node with its neighbours, by how much it attends to each.

    .. math:: h'_i = \sum_j \alpha_{ij} W h_j + b, \quad \alpha_{ij} = \mathrm{softmax}_j\,
        \mathrm{LeakyReLU}_{0.2}(a_1 \cdot W h_i + a_2 \cdot W h_j)

    over the neighbours j of i and i itself; ``heads`` such, side by side, share the outputs.

    P. Veličković et al. (2018), Graph attention networks, ICLR, eqs. 1-5. Attention to all nodes is
    scored at once; ``open`` (``opening``) shuts out those that are no neighbours.

    Shapes: ``(B, N, inputs)`` and ``(N, N)`` to ``(B, N, outputs)``.
    """

    def __init__(self, inputs: int, outputs: int, heads: int) -> None:
        super().__init__()
        self.shape = (heads, outputs // heads)
        self.linear = nn.Linear(inputs, outputs, bias=False)
        self.target = nn.Parameter(nn.init.xavier_uniform_(torch.empty(self.shape)))
        self.source = nn.Parameter(nn.init.xavier_uniform_(torch.empty(self.shape)))
        bound = inputs**-0.5
        self.bias = nn.Parameter(torch.empty(outputs).uniform_(-bound, bound))

    def forward(self, nodes: Tensor, opened: Tensor) -> Tensor:
        """Return mixed nodes ``(B, N, outputs)``."""
        h = self.linear(nodes).unflatten(2, self.shape)  # (B, N, H, D)
        target = (h * self.target).sum(3).transpose(1, 2).unsqueeze(3)  # (B, H, N, 1)
        source = (h * self.source).sum(3).transpose(1, 2).unsqueeze(2)  # (B, H, 1, N)
        scores = nn.functional.leaky_relu(target + source, 0.2) + opened
        mixed = scores.softmax(3) @ h.transpose(1, 2)  # (B, H, N, D)
        beside: Tensor = mixed.transpose(1, 2).flatten(2) + self.bias
        return beside

    def residual(self, nodes: Tensor, kept: Tensor, edges: Edges) -> Tensor:
        """ELU of mixed nodes ``(outputs, N, B)``, and what is ``kept``; compiled, on a CPU."""
        total: Tensor = ResidualAttention.apply(
            nodes, kept, self.linear.weight, self.target, self.source, self.bias, edges
        )
        return total


class MeanAggregation(nn.Module):
    r"""Join each node with the mean of its neighbours: :math:`W_1 h_i + W_2 \bar h_{N(i)} + b`.

    W. L. Hamilton, R. Ying, J. Leskovec (2017), Inductive representation learning on large graphs,
    NeurIPS, 1024-1034, algorithm 1 with the mean aggregator; one product of both, as there, is the
    sum of two. Rows of the ``averager`` are weights of the neighbours (``averaging``).

    Shapes: ``(B, N, inputs)`` and ``(N, N)`` or ``(B, N, N)`` to ``(B, N, outputs)``.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.linear = nn.Linear(2 * inputs, outputs)

    def forward(self, nodes: Tensor, averager: Tensor) -> Tensor:
        """Return joined nodes ``(B, N, outputs)``."""
        mixed: Tensor = self.linear(torch.cat([nodes, averager @ nodes], 2))
        return mixed


class Isomorphism(nn.Module):
    r"""Tell apart what graphs a node stands in: :math:`\mathrm{MLP}(h_i + \sum_j h_j)`.

    K. Xu, W. Hu, J. Leskovec, S. Jegelka (2019), How powerful are graph neural networks?, ICLR,
    eq. 4.1 with the epsilon of 0 that did best there. Two linear layers, batch norm and ReLU after
    each (section 7).

    Shapes: ``(B, N, inputs)`` and ``(N, N)`` (``summing``) to ``(B, N, outputs)``.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.mlp = nn.Sequential(
            nn.Linear(inputs, outputs, bias=False),
            nn.BatchNorm1d(outputs),
            nn.ReLU(),
            nn.Linear(outputs, outputs, bias=False),
            nn.BatchNorm1d(outputs),
            nn.ReLU(),
        )

    def forward(self, nodes: Tensor, adder: Tensor) -> Tensor:
        """Return nodes ``(B, N, outputs)``."""
        rows = (adder @ nodes).flatten(0, 1)  # (B * N, F), what the batch norms count over
        mixed: Tensor = self.mlp(rows).unflatten(0, (-1, adder.shape[0]))
        return mixed
