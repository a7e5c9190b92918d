"""Graphs of correlated elements, and attention on them."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from orecast.arrays import Ints
from orecast.errors import ConfigError, ModelError, ThresholdError
from orecast.kernels import compiled
from orecast.models.networks.blocks import TwoPart, arrays
from orecast.sampling.windows import Needs

Threshold = float | Literal["adaptive"]
_WHERE = "model.options.alpha"


class ElementGraph(TwoPart):
    """A network on the graph of a cell's elements.

    Nodes are the N layers, and a node's feature is its value at the window's own cell, a
    standardised log-ratio. Two nodes are joined where their values correlate by ``|r| >= alpha``
    over the training windows (``prepare``); edges have no weights. Before ``prepare`` every pair is
    joined. Windows have an odd number of cells, so that flips and turns keep the own cell in the
    middle.

    Buffers, saved with the weights: ``correlation`` ``(N, N)`` and ``operator`` ``(N, N)``, the
    matrix that multiplies a layer's nodes.

    Shapes: windows ``(B, N, size, size)``, features ``(B, F)``, logits ``(B,)``: one logit, the
    difference of the two in a softmax of two classes.
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
        """Return a layer's matrix from the adjacency (1 where joined), both ``(N, N)``."""

    @abstractmethod
    def features_of(self, nodes: Tensor) -> Tensor:
        """Return features ``(B, F)`` of nodes ``(B, N, 1)``."""

    def prepare(self, values: Tensor, y: Tensor) -> None:
        """Build the graph from the windows' own cells ``(n, N)``; labels are not used.

        Raises ModelError where no two elements are joined, ConfigError where ``alpha`` is not yet
        a number.
        """
        if isinstance(self.alpha, str):
            raise ConfigError(
                "the graph needs a threshold, which is not chosen yet",
                where=_WHERE,
                remedy="set it to a number between 0 and 1",
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
    """1 where two elements correlate by ``|r| >= alpha``, else 0, ``(N, N)``; 0 on the diagonal.

    Raises ModelError where there is only one element, ThresholdError where no two correlate so.
    """
    strength = correlation.abs().fill_diagonal_(0)
    if len(strength) < 2:
        raise ModelError(
            "a graph needs at least two elements; there is one",
            where="evidence.layers",
            remedy="name two or more, or choose another model",
        )
    adjacency = (strength >= alpha).to(torch.get_default_dtype())
    if not adjacency.any():
        largest = float(strength.max())
        below = math.floor(100 * largest) / 100
        raise ThresholdError(
            f"no two elements correlate by |r| of {alpha:g} or more in the training windows, so "
            f"their graph has no edge; the largest is {largest:.3f}",
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
    """Rows divided by their sums, ``(..., N, N)``; a row with a sum below 1 stays the same.

    So a node without neighbours keeps its row of 0, and an almost empty cluster keeps small
    values; division by a sum near 0 would give unbounded gradients.

    >>> averaging(torch.tensor([[0.0, 1.0, 1.0], [1.0, 0.0, 0.0], [0.0, 0.0, 0.0]])).tolist()
    [[0.0, 0.5, 0.5], [1.0, 0.0, 0.0], [0.0, 0.0, 0.0]]
    """
    return adjacency / adjacency.sum(-1, keepdim=True).clamp(min=1)


def summing(adjacency: Tensor) -> Tensor:
    """A + I: each node's neighbours and the node itself, ``(N, N)``."""
    return adjacency + torch.eye(len(adjacency))


def opening(adjacency: Tensor) -> Tensor:
    """Return the mask added to an attention's scores: 0 for neighbours and itself, else -inf."""
    return summing(adjacency).log()


class GraphConvolution(nn.Module):
    r"""Mix each node with its neighbours: :math:`\tilde A H W + b`.

    T. N. Kipf, M. Welling (2017), Semi-supervised classification with graph convolutional
    networks, ICLR, eq. 2, with :math:`\tilde A` from ``smoothing``. Nodes are mixed first, while
    they have few features. Initial weights are a linear layer's: with biases of zero, all units of
    the first layer would have their kink at a node's value of 0.

    Shapes: ``(B, N, inputs)`` and ``(N, N)`` to ``(B, N, outputs)``.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.linear = nn.Linear(inputs, outputs)

    def forward(self, nodes: Tensor, smoother: Tensor) -> Tensor:
        """Return mixed nodes ``(B, N, outputs)``."""
        return self.linear(smoother @ nodes)


class GraphAttention(nn.Module):
    r"""Mix each node with its neighbours, weighted by attention.

    .. math:: h'_i = \sum_j \alpha_{ij} W h_j + b, \quad \alpha_{ij} = \mathrm{softmax}_j\,
        \mathrm{LeakyReLU}_{0.2}(a_1 \cdot W h_i + a_2 \cdot W h_j)

    over the neighbours j of i and i itself; ``heads`` of them, side by side, share the outputs.

    P. Veličković et al. (2018), Graph attention networks, ICLR, eqs. 1-5. Scores of all pairs of
    nodes are computed at once; ``opened`` (from ``opening``) masks pairs that are not neighbours.

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
        return mixed.transpose(1, 2).flatten(2) + self.bias

    def residual(self, nodes: Tensor, kept: Tensor, edges: Edges) -> Tensor:
        """ELU of mixed nodes ``(outputs, N, B)`` plus ``kept``; compiled, on a CPU."""
        total: Tensor = ResidualAttention.apply(
            nodes, kept, self.linear.weight, self.target, self.source, self.bias, edges
        )
        return total


class MeanAggregation(nn.Module):
    r"""Join each node with the mean of its neighbours: :math:`W_1 h_i + W_2 \bar h_{N(i)} + b`.

    W. L. Hamilton, R. Ying, J. Leskovec (2017), Inductive representation learning on large graphs,
    NeurIPS, 1024-1034, algorithm 1 with the mean aggregator; its one product of both is the sum of
    the two products. Rows of the ``averager`` are weights of the neighbours (``averaging``).

    Shapes: ``(B, N, inputs)`` and ``(N, N)`` or ``(B, N, N)`` to ``(B, N, outputs)``.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.linear = nn.Linear(2 * inputs, outputs)

    def forward(self, nodes: Tensor, averager: Tensor) -> Tensor:
        """Return joined nodes ``(B, N, outputs)``."""
        return self.linear(torch.cat([nodes, averager @ nodes], 2))


class Isomorphism(nn.Module):
    r"""Graph isomorphism layer: :math:`\mathrm{MLP}(h_i + \sum_j h_j)`.

    K. Xu, W. Hu, J. Leskovec, S. Jegelka (2019), How powerful are graph neural networks?, ICLR,
    eq. 4.1 with epsilon 0, the best one there. Two linear layers, batch norm and ReLU after each
    (section 7).

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
        return self.mlp(rows).unflatten(0, (-1, adder.shape[0]))


Edges = tuple[Ints, Ints]
"""``start`` and ``origin``: the neighbours of node i are ``origin[start[i]:start[i + 1]]``."""
_FAST = {"reassoc", "contract"}  # vectorised sums; their order is fixed once compiled
_compiled = compiled(fastmath=_FAST, error_model="numpy")


def edges_of(opened: Tensor) -> Edges:
    """Edges of an attention's mask, ``(N, N)``: 0 where there is an edge, else -inf.

    >>> start, origin = edges_of(torch.tensor([[0.0, 0.0], [-torch.inf, 0.0]]))
    >>> start.tolist(), origin.tolist()
    ([0, 2, 3], [0, 1, 1])
    """
    edges = opened.numpy() == 0
    node, origin = np.nonzero(edges)
    return np.searchsorted(node, np.arange(len(edges) + 1)), origin


def runs_compiled(nodes: Tensor) -> bool:
    """Whether the compiled layer can be used: float32 on a CPU, no autocast, no compilation."""
    plain = nodes.device.type == "cpu" and nodes.dtype == torch.float32
    return plain and not torch.is_autocast_enabled("cpu") and not torch.compiler.is_compiling()


class ResidualAttention(torch.autograd.Function):
    """ELU of a graph attention plus ``kept``, both ``(H * D, N, B)``."""

    @staticmethod
    def forward(
        ctx: Any,
        nodes: Tensor,
        kept: Tensor,
        weight: Tensor,
        target: Tensor,
        source: Tensor,
        bias: Tensor,
        edges: Edges,
    ) -> Tensor:
        """Return ``elu(attention + b) + kept``, with both halves of the scores ``(H, D)``."""
        h = _product(weight, nodes)
        start, origin = edges
        heads, (_, n, b) = len(target), nodes.shape
        halves = h.new_empty(2, heads, n, b)
        shares = h.new_empty(heads, len(origin), b)
        _score(*arrays(h, target, source), start, origin, *arrays(halves, shares))
        shares.exp_()
        active = torch.empty_like(h)
        _attend(*arrays(h), start, origin, *arrays(bias, shares, active))
        out = active.clamp(max=0).exp_()
        _elu(*arrays(active, kept.contiguous(), out))
        ctx.save_for_backward(nodes, h, halves, shares, active, weight, target, source)
        ctx.edges = edges
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        """Return gradients of the nodes, of ``kept`` and of the weights."""
        nodes, h, halves, shares, active, weight, target, source = ctx.saved_tensors
        start, origin = ctx.edges
        gradient = gradient.contiguous()
        passed, of_bias = torch.empty_like(active), weight.new_empty(len(weight))
        _elu_back(*arrays(gradient, active, passed, of_bias))
        of_h, of_halves = torch.zeros_like(h), torch.zeros_like(halves)
        _attend_back(*arrays(passed, h), start, origin, *arrays(halves, shares, of_h, of_halves))
        of_target, of_source = torch.empty_like(target), torch.empty_like(source)
        _score_back(*arrays(h, target, source, of_halves, of_h, of_target, of_source))
        of_nodes = _product(weight.T, of_h) if ctx.needs_input_grad[0] else None
        of_weight = _of_weight(of_h, nodes)
        return of_nodes, gradient, of_weight, of_target, of_source, of_bias, None


def _product(weight: Tensor, nodes: Tensor) -> Tensor:
    """Weights ``(F', F)`` times nodes ``(F, N, B)``, ``(F', N, B)``."""
    return (weight @ nodes.flatten(1)).view(-1, *nodes.shape[1:])


def _of_weight(outer: Tensor, inner: Tensor) -> Tensor:
    """Gradient ``(F', F)`` of a weight, from that of its output ``(F', N, B)`` and its input."""
    return outer.flatten(1) @ inner.flatten(1).T


@_compiled
def _score(h, target, source, start, origin, halves, scores) -> None:  # type: ignore[no-untyped-def]
    """Both halves of the scores ``(2, H, N, B)``; scores ``(H, E, B)`` minus their largest."""
    (heads, width), (_, n, b) = target.shape, h.shape
    largest = np.empty(b, np.float32)
    for head in range(heads):
        halves[:, head] = 0
        for d in range(width):
            w, v = target[head, d], source[head, d]
            for i in range(n):
                row = h[head * width + d, i]
                left, right = halves[0, head, i], halves[1, head, i]
                for s in range(b):
                    left[s] += w * row[s]
                    right[s] += v * row[s]
        for i in range(n):
            left = halves[0, head, i]
            largest[:] = -np.inf
            for k in range(start[i], start[i + 1]):
                right, score = halves[1, head, origin[k]], scores[head, k]
                for s in range(b):
                    e = left[s] + right[s]
                    e = max(e, np.float32(0.2) * e)
                    score[s] = e
                    largest[s] = max(largest[s], e)
            for k in range(start[i], start[i + 1]):
                score = scores[head, k]
                for s in range(b):
                    score[s] -= largest[s]


@_compiled
def _attend(h, start, origin, bias, shares, out) -> None:  # type: ignore[no-untyped-def]
    """Normalise ``shares`` ``(H, E, B)`` to a sum of 1 per node, mix nodes, add the bias."""
    heads, n, b = shares.shape[0], h.shape[1], h.shape[2]
    width = h.shape[0] // heads
    total = np.empty(b, np.float32)
    for head in range(heads):
        for i in range(n):
            total[:] = 0
            for k in range(start[i], start[i + 1]):
                share = shares[head, k]
                for s in range(b):
                    total[s] += share[s]
            for s in range(b):
                total[s] = np.float32(1) / total[s]
            for k in range(start[i], start[i + 1]):
                share = shares[head, k]
                for s in range(b):
                    share[s] *= total[s]
        for f in range(head * width, (head + 1) * width):
            for i in range(n):
                row = out[f, i]
                row[:] = bias[f]
                for k in range(start[i], start[i + 1]):
                    share, other = shares[head, k], h[f, origin[k]]
                    for s in range(b):
                        row[s] += share[s] * other[s]


@_compiled
def _elu(active, kept, out) -> None:  # type: ignore[no-untyped-def]
    """Apply ELU to ``active`` in place; ``out``, first ``exp(min(active, 0))``, becomes ELU + kept.

    Near 0 it is exact to the rounding of 1; torch's own ELU is exact to the rounding of x.
    """
    features, n, b = active.shape
    for f in range(features):
        for i in range(n):
            row, beside, total = active[f, i], kept[f, i], out[f, i]
            for s in range(b):
                row[s] = max(row[s], np.float32(0)) + (total[s] - np.float32(1))
                total[s] = row[s] + beside[s]


@_compiled
def _elu_back(gradient, active, passed, of_bias) -> None:  # type: ignore[no-untyped-def]
    """Gradient before the ELU, from the gradient after it; its sum is the bias's gradient."""
    features, n, b = active.shape
    for f in range(features):
        total = np.float32(0)
        for i in range(n):
            row, given, answer = active[f, i], gradient[f, i], passed[f, i]
            for s in range(b):
                answer[s] = given[s] * (min(row[s], np.float32(0)) + np.float32(1))
                total += answer[s]
        of_bias[f] = total


@_compiled
def _attend_back(passed, h, start, origin, halves, shares, of_h, of_halves) -> None:  # type: ignore[no-untyped-def]
    """Add to the gradients of ``h`` and of both halves of the scores."""
    heads, n, b = shares.shape[0], h.shape[1], h.shape[2]
    width = h.shape[0] // heads
    of_shares = np.empty((len(origin), b), np.float32)
    mean = np.empty(b, np.float32)
    for head in range(heads):
        of_shares[:] = 0
        for f in range(head * width, (head + 1) * width):
            for i in range(n):
                given = passed[f, i]
                for k in range(start[i], start[i + 1]):
                    other, answer = h[f, origin[k]], of_h[f, origin[k]]
                    share, of_share = shares[head, k], of_shares[k]
                    for s in range(b):
                        of_share[s] += given[s] * other[s]
                        answer[s] += share[s] * given[s]
        for i in range(n):
            mean[:] = 0
            for k in range(start[i], start[i + 1]):
                share, of_share = shares[head, k], of_shares[k]
                for s in range(b):
                    mean[s] += share[s] * of_share[s]
            left, of_left = halves[0, head, i], of_halves[0, head, i]
            for k in range(start[i], start[i + 1]):
                share, of_share = shares[head, k], of_shares[k]
                right, of_right = halves[1, head, origin[k]], of_halves[1, head, origin[k]]
                for s in range(b):
                    slope = np.float32(1) if left[s] + right[s] > 0 else np.float32(0.2)
                    step = slope * share[s] * (of_share[s] - mean[s])
                    of_left[s] += step
                    of_right[s] += step


@_compiled
def _score_back(h, target, source, of_halves, of_h, of_target, of_source) -> None:  # type: ignore[no-untyped-def]
    """Add the scores' part to the gradient of ``h``; set the gradients of the scores' weights."""
    (heads, width), (_, n, b) = target.shape, h.shape
    for head in range(heads):
        for d in range(width):
            w, v = target[head, d], source[head, d]
            of_w, of_v = np.float32(0), np.float32(0)
            for i in range(n):
                row, answer = h[head * width + d, i], of_h[head * width + d, i]
                left, right = of_halves[0, head, i], of_halves[1, head, i]
                for s in range(b):
                    answer[s] += w * left[s] + v * right[s]
                    of_w += left[s] * row[s]
                    of_v += right[s] * row[s]
            of_target[head, d] = of_w
            of_source[head, d] = of_v
