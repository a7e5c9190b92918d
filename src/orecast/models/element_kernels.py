"""Residual graph layers on a CPU, forwards and backwards, along the edges of one graph.

Every sample has the same graph, so that an edge is one addition of whole rows: nodes are
``(N, F, B)`` here, samples last. Products with weights are torch's, all between them is compiled.
The results are those of the plain layers of ``element_graphs``, to rounding.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numba import njit
from numpy.typing import NDArray
from torch import Tensor
from torch.autograd.function import once_differentiable

Floats = NDArray[np.float32]
Edges = tuple[NDArray[np.int64], NDArray[np.int64], Floats]
"""Of node i: ``source[start[i]:start[i + 1]]``, and the weight of each such edge."""

_FAST = {"reassoc", "contract"}  # sums in vectors; their order is fixed once compiled
_compiled = njit(cache=True, fastmath=_FAST, error_model="numpy")


def edges_of(operator: Tensor) -> Edges:
    """Edges of a matrix ``(N, N)``, of which row i weighs what node i hears of.

    >>> start, source, weight = edges_of(torch.tensor([[0.5, 0.5], [0.0, 1.0]]))
    >>> start.tolist(), source.tolist(), weight.tolist()
    ([0, 2, 3], [0, 1, 1], [0.5, 0.5, 1.0])
    """
    dense = operator.numpy()
    target, source = np.nonzero(dense)
    start = np.searchsorted(target, np.arange(len(dense) + 1))
    return start, source, dense[target, source]


def mixes(nodes: Tensor) -> bool:
    """Whether these layers can stand in: float32 on a CPU, outside autocast and compilation."""
    plain = nodes.device.type == "cpu" and nodes.dtype == torch.float32
    return plain and not torch.is_autocast_enabled("cpu") and not torch.compiler.is_compiling()


class ResidualConvolution(torch.autograd.Function):
    """ReLU of a graph convolution, and what is kept, both ``(N, F, B)``."""

    @staticmethod
    def forward(
        ctx: Any, nodes: Tensor, kept: Tensor, weight: Tensor, bias: Tensor, edges: Edges
    ) -> Tensor:
        """Return ``relu(W A nodes + b) + kept``; A is symmetric, by its ``edges``."""
        nodes, kept = nodes.contiguous(), kept.contiguous()
        mixed = torch.empty_like(nodes)
        _mix(nodes.numpy(), *edges, mixed.numpy())
        active = weight @ mixed  # (N, F, B)
        out = torch.empty_like(active)
        _rectify(active.numpy(), bias.detach().numpy(), kept.numpy(), out.numpy())
        ctx.save_for_backward(mixed, active, weight)
        ctx.edges = edges
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        """Return gradients of nodes, what is kept, weight and bias."""
        mixed, active, weight = ctx.saved_tensors
        gradient = gradient.contiguous()
        passed = torch.empty_like(gradient)
        of_bias = weight.new_empty(len(weight))
        _rectify_back(gradient.numpy(), active.numpy(), passed.numpy(), of_bias.numpy())
        of_nodes = None
        if ctx.needs_input_grad[0]:
            of_mixed = weight.T @ passed
            of_nodes = torch.empty_like(mixed)
            start, source, weights = ctx.edges
            _mix(of_mixed.numpy(), start, source, weights, of_nodes.numpy())
        return of_nodes, gradient, _of_weight(passed, mixed), of_bias, None


class ResidualAttention(torch.autograd.Function):
    """ELU of a graph attention, and what is kept, both ``(N, H * D, B)``."""

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
        nodes, kept = nodes.contiguous(), kept.contiguous()
        h = weight @ nodes  # (N, H * D, B)
        heads, n, b = len(target), len(nodes), nodes.shape[2]
        halves = h.new_empty(2, n, heads, b)
        shares = h.new_empty(len(edges[1]), heads, b)
        weights = (target.detach().numpy(), source.detach().numpy())
        _score(h.numpy(), *weights, *edges[:2], halves.numpy(), shares.numpy())
        shares.exp_()
        active = torch.empty_like(h)
        _attend(h.numpy(), *edges[:2], bias.detach().numpy(), shares.numpy(), active.numpy())
        torch.nn.functional.elu_(active)
        ctx.save_for_backward(nodes, h, halves, shares, active, weight, target, source)
        ctx.edges = edges
        return active + kept

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        """Return gradients of nodes, what is kept, and the weights."""
        nodes, h, halves, shares, active, weight, target, source = ctx.saved_tensors
        gradient = gradient.contiguous()
        passed, of_bias = torch.empty_like(active), weight.new_empty(len(weight))
        _elu_back(gradient.numpy(), active.numpy(), passed.numpy(), of_bias.numpy())
        of_h, of_halves = torch.zeros_like(h), torch.zeros_like(halves)
        start, heard = ctx.edges[:2]
        _attend_back(
            passed.numpy(),
            h.numpy(),
            start,
            heard,
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
        of_nodes = weight.T @ of_h if ctx.needs_input_grad[0] else None
        of_weight = _of_weight(of_h, nodes)
        return of_nodes, gradient, of_weight, of_target, of_source, of_bias, None


def _of_weight(outer: Tensor, inner: Tensor) -> Tensor:
    """Gradient ``(F', F)`` of a weight, of what it gave ``(N, F', B)`` and took ``(N, F, B)``."""
    found: Tensor = (outer @ inner.mT).sum(0)
    return found


@_compiled
def _mix(
    nodes: Floats, start: NDArray[np.int64], source: NDArray[np.int64], weight: Floats, out: Floats
) -> None:
    """Add up what each node hears of, ``(N, F, B)``."""
    n, features, b = nodes.shape
    for i in range(n):
        for f in range(features):
            row = out[i, f]
            row[:] = 0
            for k in range(start[i], start[i + 1]):
                other, w = nodes[source[k], f], weight[k]
                for s in range(b):
                    row[s] += w * other[s]


@_compiled
def _rectify(active: Floats, bias: Floats, kept: Floats, out: Floats) -> None:
    """Add the bias to ``active`` and rectify it, in place; ``out`` is that and what is kept."""
    n, features, b = active.shape
    for i in range(n):
        for f in range(features):
            row, beside, total, start = active[i, f], kept[i, f], out[i, f], bias[f]
            for s in range(b):
                row[s] = max(row[s] + start, np.float32(0))
                total[s] = row[s] + beside[s]


@_compiled
def _rectify_back(gradient: Floats, active: Floats, passed: Floats, of_bias: Floats) -> None:
    """Pass the gradient on where a unit is active, and sum it up for the bias."""
    n, features, b = active.shape
    of_bias[:] = 0
    for i in range(n):
        for f in range(features):
            total, row, given, answer = np.float32(0), active[i, f], gradient[i, f], passed[i, f]
            for s in range(b):
                answer[s] = given[s] if row[s] > 0 else np.float32(0)
                total += answer[s]
            of_bias[f] += total


@_compiled
def _score(
    h: Floats,
    target: Floats,
    source: Floats,
    start: NDArray[np.int64],
    origin: NDArray[np.int64],
    halves: Floats,
    scores: Floats,
) -> None:
    """Both halves of the scores ``(2, N, H, B)``, and scores ``(E, H, B)`` less their largest."""
    n, heads, b = h.shape[0], target.shape[0], h.shape[2]
    width = target.shape[1]
    for i in range(n):
        for head in range(heads):
            left, right = halves[0, i, head], halves[1, i, head]
            left[:] = 0
            right[:] = 0
            for d in range(width):
                row, w, v = h[i, head * width + d], target[head, d], source[head, d]
                for s in range(b):
                    left[s] += w * row[s]
                    right[s] += v * row[s]
    largest = np.empty(b, np.float32)
    for i in range(n):
        for head in range(heads):
            left = halves[0, i, head]
            largest[:] = -np.inf
            for k in range(start[i], start[i + 1]):
                right, score = halves[1, origin[k], head], scores[k, head]
                for s in range(b):
                    e = left[s] + right[s]
                    e = max(e, np.float32(0.2) * e)
                    score[s] = e
                    largest[s] = max(largest[s], e)
            for k in range(start[i], start[i + 1]):
                score = scores[k, head]
                for s in range(b):
                    score[s] -= largest[s]


@_compiled
def _attend(
    h: Floats,
    start: NDArray[np.int64],
    origin: NDArray[np.int64],
    bias: Floats,
    shares: Floats,
    out: Floats,
) -> None:
    """Bring ``shares`` ``(E, H, B)`` to a sum of 1 at each node, and mix by them, with the bias."""
    n, heads, b = h.shape[0], shares.shape[1], h.shape[2]
    width = h.shape[1] // heads
    total = np.empty(b, np.float32)
    for i in range(n):
        for head in range(heads):
            total[:] = 0
            for k in range(start[i], start[i + 1]):
                share = shares[k, head]
                for s in range(b):
                    total[s] += share[s]
            for s in range(b):
                total[s] = np.float32(1) / total[s]
            for k in range(start[i], start[i + 1]):
                share = shares[k, head]
                for s in range(b):
                    share[s] *= total[s]
            for f in range(head * width, (head + 1) * width):
                row = out[i, f]
                row[:] = bias[f]
                for k in range(start[i], start[i + 1]):
                    share, other = shares[k, head], h[origin[k], f]
                    for s in range(b):
                        row[s] += share[s] * other[s]


@_compiled
def _elu_back(gradient: Floats, active: Floats, passed: Floats, of_bias: Floats) -> None:
    """Pass the gradient on by the slope of what ELU gave, and sum it up for the bias."""
    n, features, b = active.shape
    of_bias[:] = 0
    for i in range(n):
        for f in range(features):
            total, row, given, answer = np.float32(0), active[i, f], gradient[i, f], passed[i, f]
            for s in range(b):
                answer[s] = given[s] * (min(row[s], np.float32(0)) + np.float32(1))
                total += answer[s]
            of_bias[f] += total


@_compiled
def _attend_back(
    passed: Floats,
    h: Floats,
    start: NDArray[np.int64],
    origin: NDArray[np.int64],
    halves: Floats,
    shares: Floats,
    of_h: Floats,
    of_halves: Floats,
) -> None:
    """Add to the gradients of ``h`` and of both halves of the scores."""
    n, heads, b = h.shape[0], shares.shape[1], h.shape[2]
    width = h.shape[1] // heads
    most = 0
    for i in range(n):
        most = max(most, start[i + 1] - start[i])
    of_shares, mean = np.empty((most, b), np.float32), np.empty(b, np.float32)
    for i in range(n):
        for head in range(heads):
            first = start[i]
            mean[:] = 0
            for k in range(first, start[i + 1]):
                share, of_share = shares[k, head], of_shares[k - first]
                of_share[:] = 0
                for f in range(head * width, (head + 1) * width):
                    given, other, answer = passed[i, f], h[origin[k], f], of_h[origin[k], f]
                    for s in range(b):
                        of_share[s] += given[s] * other[s]
                        answer[s] += share[s] * given[s]
                for s in range(b):
                    mean[s] += share[s] * of_share[s]
            left, of_left = halves[0, i, head], of_halves[0, i, head]
            for k in range(first, start[i + 1]):
                share, of_share = shares[k, head], of_shares[k - first]
                right, of_right = halves[1, origin[k], head], of_halves[1, origin[k], head]
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
    n, heads, b = h.shape[0], target.shape[0], h.shape[2]
    width = target.shape[1]
    of_target[:] = 0
    of_source[:] = 0
    for i in range(n):
        for head in range(heads):
            left, right = of_halves[0, i, head], of_halves[1, i, head]
            for d in range(width):
                row, answer = h[i, head * width + d], of_h[i, head * width + d]
                w, v = target[head, d], source[head, d]
                of_w, of_v = np.float32(0), np.float32(0)
                for s in range(b):
                    answer[s] += w * left[s] + v * right[s]
                    of_w += left[s] * row[s]
                    of_v += right[s] * row[s]
                of_target[head, d] += of_w
                of_source[head, d] += of_v
