"""Residual graph attention on a CPU, forwards and backwards, along the edges of one graph.

Every sample has the same graph, so that an edge is one addition of whole rows: nodes are
``(F, N, B)`` here, samples last, and a layer's weights are one matrix product. Products are
torch's, all between them is compiled. The results are those of the plain layer
(``element_graphs.GraphAttention``), to rounding.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.autograd.function import once_differentiable

from orecast.kernels import compiled

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]
Edges = tuple[Ints, Ints]
"""Of node i: whom it hears of is ``origin[start[i]:start[i + 1]]``."""

_FAST = {"reassoc", "contract"}  # sums in vectors; their order is fixed once compiled
_compiled = compiled(fastmath=_FAST, error_model="numpy")


def edges_of(opened: Tensor) -> Edges:
    """Edges of what is added to an attention's scores, ``(N, N)``: 0 where there is one, else -inf.

    >>> start, origin = edges_of(torch.tensor([[0.0, 0.0], [-torch.inf, 0.0]]))
    >>> start.tolist(), origin.tolist()
    ([0, 2, 3], [0, 1, 1])
    """
    heard = opened.numpy() == 0
    node, origin = np.nonzero(heard)
    return np.searchsorted(node, np.arange(len(heard) + 1)), origin


def runs_compiled(nodes: Tensor) -> bool:
    """Whether this layer can stand in: float32 on a CPU, outside autocast and compilation."""
    plain = nodes.device.type == "cpu" and nodes.dtype == torch.float32
    return plain and not torch.is_autocast_enabled("cpu") and not torch.compiler.is_compiling()


class ResidualAttention(torch.autograd.Function):
    """ELU of a graph attention, and what is kept, both ``(H * D, N, B)``."""

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
        weights = (target.detach().numpy(), source.detach().numpy())
        _score(h.numpy(), *weights, start, origin, halves.numpy(), shares.numpy())
        shares.exp_()
        active = torch.empty_like(h)
        _attend(h.numpy(), start, origin, bias.detach().numpy(), shares.numpy(), active.numpy())
        out = active.clamp(max=0).exp_()
        _elu(active.numpy(), kept.contiguous().numpy(), out.numpy())
        ctx.save_for_backward(nodes, h, halves, shares, active, weight, target, source)
        ctx.edges = edges
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        """Return gradients of nodes, what is kept, and the weights."""
        nodes, h, halves, shares, active, weight, target, source = ctx.saved_tensors
        start, origin = ctx.edges
        gradient = gradient.contiguous()
        passed, of_bias = torch.empty_like(active), weight.new_empty(len(weight))
        _elu_back(gradient.numpy(), active.numpy(), passed.numpy(), of_bias.numpy())
        of_h, of_halves = torch.zeros_like(h), torch.zeros_like(halves)
        _attend_back(
            passed.numpy(),
            h.numpy(),
            start,
            origin,
            halves.numpy(),
            shares.numpy(),
            of_h.numpy(),
            of_halves.numpy(),
        )
        of_target, of_source = torch.empty_like(target), torch.empty_like(source)
        _score_back(
            h.numpy(),
            target.detach().numpy(),
            source.detach().numpy(),
            of_halves.numpy(),
            of_h.numpy(),
            of_target.numpy(),
            of_source.numpy(),
        )
        of_nodes = _product(weight.T, of_h) if ctx.needs_input_grad[0] else None
        of_weight = _of_weight(of_h, nodes)
        return of_nodes, gradient, of_weight, of_target, of_source, of_bias, None


def _product(weight: Tensor, nodes: Tensor) -> Tensor:
    """Weights ``(F', F)`` times nodes ``(F, N, B)``, ``(F', N, B)``."""
    return (weight @ nodes.flatten(1)).view(-1, *nodes.shape[1:])


def _of_weight(outer: Tensor, inner: Tensor) -> Tensor:
    """Gradient ``(F', F)`` of a weight, of what it gave ``(F', N, B)`` and took ``(F, N, B)``."""
    return outer.flatten(1) @ inner.flatten(1).T


@_compiled
def _score(
    h: Floats,
    target: Floats,
    source: Floats,
    start: Ints,
    origin: Ints,
    halves: Floats,
    scores: Floats,
) -> None:
    """Both halves of the scores ``(2, H, N, B)``, and scores ``(H, E, B)`` less their largest."""
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
def _attend(
    h: Floats,
    start: Ints,
    origin: Ints,
    bias: Floats,
    shares: Floats,
    out: Floats,
) -> None:
    """Bring ``shares`` ``(H, E, B)`` to a sum of 1 at each node, and mix by them, with the bias."""
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
def _elu(active: Floats, kept: Floats, out: Floats) -> None:
    """Bend ``active`` by ELU, in place; ``out`` is ``exp(min(active, 0))``, then that and ``kept``.

    Near 0 it is exact to the rounding of 1, where torch's own is to that of x.
    """
    features, n, b = active.shape
    for f in range(features):
        for i in range(n):
            row, beside, total = active[f, i], kept[f, i], out[f, i]
            for s in range(b):
                row[s] = max(row[s], np.float32(0)) + (total[s] - np.float32(1))
                total[s] = row[s] + beside[s]


@_compiled
def _elu_back(gradient: Floats, active: Floats, passed: Floats, of_bias: Floats) -> None:
    """Pass the gradient on by the slope of what ELU gave, and sum it up for the bias."""
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
def _attend_back(
    passed: Floats,
    h: Floats,
    start: Ints,
    origin: Ints,
    halves: Floats,
    shares: Floats,
    of_h: Floats,
    of_halves: Floats,
) -> None:
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
def _score_back(
    h: Floats,
    target: Floats,
    source: Floats,
    of_halves: Floats,
    of_h: Floats,
    of_target: Floats,
    of_source: Floats,
) -> None:
    """Add to the gradient of ``h`` what the scores give, and set those of their weights."""
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
