"""Modulated deformable convolution, compiled for CPUs and in torch's own operations elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, embedding, linear, pad

from orecast.errors import ModelError
from orecast.kernels import compiled
from orecast.models.networks.blocks import arrays

_AT_ONCE = 1 << 22  # bytes sampled and multiplied at a time: they fit the processor's cache

_FAST = {"reassoc", "contract"}  # vectorised sums; their order is fixed once compiled
_compiled = compiled(fastmath=_FAST, error_model="numpy")


class DeformableConv2d(nn.Module):
    r"""Modulated deformable convolution of 3 x 3 points with learned positions and weights.

    .. math:: y(p) = \sum_{k=1}^{9} w_k \, m_k(p) \, x(p + p_k + \Delta p_k(p))

    with :math:`p_k` the points of a 3 x 3 kernel, :math:`x` bilinear between cells and 0 beyond
    the map; offsets :math:`\Delta p` and mask :math:`m`, a sigmoid, come from a 3 x 3 convolution
    each of the same input, here computed as one. Both start at zero, which gives half the ordinary
    convolution ``conv`` with the same weights. It has no bias, since batch normalisation follows.

    J. Dai et al. (2017), Deformable convolutional networks, ICCV, 764-773. X. Zhu, H. Hu, S. Lin,
    J. Dai (2019), Deformable ConvNets v2: more deformable, better results, CVPR, 9308-9316, eq. 1.

    Shapes: ``(B, before, h, w)`` to ``(B, after, h, w)``. Weights that start at zero use no random
    numbers, so with one seed all other weights of a network are the same as without offsets.
    """

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(before, after, 3, padding=1, bias=False)
        self.aim_weight = nn.Parameter(torch.zeros(27, before, 3, 3))
        self.aim_bias = nn.Parameter(torch.zeros(27))

    def aim(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Offsets ``(B, 18, h, w)``, down and right for each point, and mask ``(B, 9, h, w)``."""
        aim = conv2d(x, self.aim_weight, self.aim_bias, padding=1)
        return aim[:, :18], aim[:, 18:].sigmoid()

    def sampling(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Positions read for each output cell, ``(B, 9, h, w, 2)``, and mask, ``(B, 9, h, w)``.

        Positions are (row, column) on the input map, 0 being the centre of its first cell.
        """
        offset, mask = self.aim(x)
        return sampling_positions(offset, columns=3, padding=1).permute(0, 3, 1, 2, 4), mask

    def forward(self, x: Tensor) -> Tensor:
        """Return the map ``(B, after, h, w)``."""
        offset, mask = self.aim(x)
        return deform_conv2d(x, offset, mask, self.conv.weight, padding=1)


def deform_conv2d(
    x: Tensor,
    offset: Tensor,
    mask: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    *,
    stride: int = 1,
    padding: int = 0,
    dilation: int = 1,
) -> Tensor:
    """Modulated deformable convolution of ``(B, C, h, w)`` to ``(B, D, h', w')``.

    ``offset`` ``(B, 2 K, h', w')`` holds, in cells, (down, right) for each of the K points of
    ``weight`` ``(D, C, r, s)``, row by row; ``mask`` is ``(B, K, h', w')``. Arguments and results
    are those of ``torchvision.ops.deform_conv2d`` with one group. Positions and values have at
    least float32; a NaN position gives NaN. On a CPU, the same input gives the same values and
    gradients bit for bit. Raises ModelError where the shapes do not match.
    """
    count = weight.shape[2] * weight.shape[3]
    sides = zip(x.shape[2:], weight.shape[2:], strict=True)
    after = [(n + 2 * padding - dilation * (k - 1) - 1) // stride + 1 for n, k in sides]
    _require_shape("the weights' channels", weight[0, :, 0, 0], [x.shape[1]])
    _require_shape("offsets", offset, [len(x), 2 * count, *after])
    _require_shape("the mask", mask, [len(x), count, *after])

    precise = torch.promote_types(x.dtype, torch.float32)
    at = sampling_positions(offset.to(precise), weight.shape[3], stride, padding, dilation)
    at = at.flatten(1, 3)  # (B, h' w' K, 2)
    share = mask.to(precise).permute(0, 2, 3, 1).flatten(1)  # (B, h' w' K)
    values = x.to(precise).permute(0, 2, 3, 1)  # (B, h, w, C)
    kernel = weight.permute(0, 2, 3, 1).flatten(1)  # (D, K C)
    if x.device.type == "cpu":
        out: Tensor = _convolve(values, at, share, kernel.to(precise))
    else:
        out = linear(sampled(values, at, share).view(len(x), -1, kernel.shape[1]), kernel)
    if bias is not None:
        out = out + bias
    return out.view(len(x), *after, -1).permute(0, 3, 1, 2).to(x.dtype)


torch.fx.wrap("deform_conv2d")  # one step to what rewrites a network for prediction


def _require_shape(name: str, tensor: Tensor, shape: list[int]) -> None:
    given = list(tensor.shape)
    if given != shape:
        raise ModelError(f"{name} of a deformable convolution must be {shape}, not {given}")


def sampling_positions(
    offset: Tensor, columns: int, stride: int = 1, padding: int = 0, dilation: int = 1
) -> Tensor:
    """Positions (row, column) of the points of a kernel with ``columns``, ``(B, h', w', K, 2)``.

    ``offset`` is ``(B, 2 K, h', w')``. Positions are in cells of the input map.
    """
    batch, moves, rows, across = offset.shape
    shape = (rows, across, moves // 2)
    point = torch.arange(moves // 2, device=offset.device)
    row = torch.arange(rows, device=offset.device) * stride - padding
    column = torch.arange(across, device=offset.device) * stride - padding
    down = (row[:, None, None] + point // columns * dilation).expand(shape)
    right = (column[:, None] + point % columns * dilation).expand(shape)
    return offset.permute(0, 2, 3, 1).reshape(batch, *shape, 2) + torch.stack([down, right], -1)


def sampled(x: Tensor, at: Tensor, share: Tensor) -> Tensor:
    """Bilinear values of maps ``(B, h, w, C)`` at positions ``(B, P, 2)``, times ``(B, P)``.

    Returns ``(B, P, C)``. Gradients are torch's own.
    """
    batch, h, w, channels = x.shape
    row, column = at.unbind(-1)
    inside = (row >= -1) & (row < h) & (column >= -1) & (column < w)
    unknown = row.isnan() | column.isnan()
    share = torch.where(inside, share, torch.where(unknown, torch.nan, 0.0).to(share))
    row, column = torch.where(inside, row, 0), torch.where(inside, column, 0)
    top, left = row.detach().floor(), column.detach().floor()
    down, right = row - top, column - left
    image = torch.arange(batch, device=x.device)[:, None]
    first = (image * (h + 2) + top.long() + 1) * (w + 2) + left.long() + 1
    cells = pad(x, (0, 0, 1, 1, 1, 1)).reshape(-1, channels)  # a frame of zeros around each map
    corners = {
        0: (1 - down) * (1 - right),
        1: (1 - down) * right,
        w + 2: down * (1 - right),
        w + 3: down * right,
    }
    parts = [
        (share * part)[..., None] * embedding(first + step, cells) for step, part in corners.items()
    ]
    return torch.stack(parts).sum(0)


@torch.library.custom_op("orecast::deformable_convolution", mutates_args=(), device_types="cpu")
def _convolve(x: Tensor, at: Tensor, share: Tensor, kernel: Tensor) -> Tensor:
    """Sample as ``sampled`` does, and multiply by ``(D, K C)`` to ``(B, P / K, D)``."""
    x, at, share = x.contiguous(), at.contiguous(), share.contiguous()
    across = kernel.t().contiguous()
    out = x.new_empty(_shape_after(x, at, kernel))
    for rows, buffer in _chunks(x, at):
        _sample(*arrays(x[rows], at[rows], share[rows], buffer))
        torch.mm(buffer.view(-1, len(across)), across, out=out[rows].view(-1, len(kernel)))
    return out


@_convolve.register_fake
def _(x: Tensor, at: Tensor, share: Tensor, kernel: Tensor) -> Tensor:
    return x.new_empty(_shape_after(x, at, kernel))


def _shape_after(x: Tensor, at: Tensor, kernel: Tensor) -> tuple[int, int, int]:
    return len(x), at.shape[1] * x.shape[3] // kernel.shape[1], len(kernel)


@torch.library.custom_op("orecast::deformable_gradients", mutates_args=(), device_types="cpu")
def _differentiate(
    g: Tensor, x: Tensor, at: Tensor, share: Tensor, kernel: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Gradients of ``_convolve``'s arguments from that of its result, ``(B, P / K, D)``.

    Values are sampled again: this is faster than to store and read them, at nine times the map.
    """
    g, x, at, share = g.contiguous(), x.contiguous(), at.contiguous(), share.contiguous()
    of_x, of_at, of_share = torch.empty_like(x), torch.empty_like(at), torch.empty_like(share)
    of_kernel = kernel.new_zeros(kernel.shape)
    for rows, buffer in _chunks(x, at):
        given = (x[rows], at[rows], share[rows], buffer)
        flat, answer = buffer.view(-1, kernel.shape[1]), g[rows].view(-1, len(kernel))
        _sample(*arrays(*given))
        of_kernel.addmm_(answer.t(), flat)
        torch.mm(answer, kernel, out=flat)
        _sample_backwards(*arrays(*given, of_x[rows], of_at[rows], of_share[rows]))
    return of_x, of_at, of_share, of_kernel


@_differentiate.register_fake
def _(
    g: Tensor, x: Tensor, at: Tensor, share: Tensor, kernel: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    x, at, share, kernel = (t.new_empty(t.shape) for t in (x, at, share, kernel))
    return x, at, share, kernel


def _keep(ctx: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:
    ctx.save_for_backward(*inputs)


def _gradients(ctx: Any, g: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    gradients: tuple[Tensor, Tensor, Tensor, Tensor] = _differentiate(g, *ctx.saved_tensors)
    return gradients


_convolve.register_autograd(_gradients, setup_context=_keep)


def _chunks(x: Tensor, at: Tensor) -> Iterator[tuple[slice, Tensor]]:
    """Images that are sampled at a time, and a buffer ``(b, P, C)`` for the result."""
    batch, positions, channels = len(x), at.shape[1], x.shape[3]
    step = max(1, _AT_ONCE // (x.element_size() * max(1, positions * channels)))
    buffer = x.new_empty(min(step, batch), positions, channels)
    for start in range(0, batch, step):
        yield slice(start, start + step), buffer[: batch - start]


@_compiled
def _sample(x, at, share, found) -> None:  # type: ignore[no-untyped-def]
    """Write the result of ``sampled`` into ``found``."""
    _, h, w, channels = x.shape
    one = x.dtype.type(1)
    for b in range(len(x)):
        cells = _framed(x[b])
        for p in range(at.shape[1]):
            row, column = at[b, p]
            if not (-1 <= row < h and -1 <= column < w):
                found[b, p] = np.nan if np.isnan(row) or np.isnan(column) else 0.0
                continue
            first, down, right = _corner(row, column, w)
            over, under = share[b, p] * (one - down), share[b, p] * down
            nw, ne, sw, se = (
                over * (one - right),
                over * right,
                under * (one - right),
                under * right,
            )
            for k in range(channels):
                found[b, p, k] = (
                    nw * cells[first, k]
                    + ne * cells[first + 1, k]
                    + sw * cells[first + w + 2, k]
                    + se * cells[first + w + 3, k]
                )


@_compiled
def _sample_backwards(x, at, share, g, of_x, of_at, of_share) -> None:  # type: ignore[no-untyped-def]
    """Write the gradients of ``_sample``'s arguments, from that of its result."""
    _, h, w, channels = x.shape
    one = x.dtype.type(1)
    for b in range(len(x)):
        cells = _framed(x[b])
        sums = np.zeros_like(cells)
        for p in range(at.shape[1]):
            row, column = at[b, p]
            if not (-1 <= row < h and -1 <= column < w):
                of_at[b, p] = 0.0
                of_share[b, p] = 0.0
                continue
            first, down, right = _corner(row, column, w)
            up, left = one - down, one - right
            nw = ne = sw = se = one - one  # products of the gradient and each corner
            for k in range(channels):
                nw += g[b, p, k] * cells[first, k]
                ne += g[b, p, k] * cells[first + 1, k]
                sw += g[b, p, k] * cells[first + w + 2, k]
                se += g[b, p, k] * cells[first + w + 3, k]
            m = share[b, p]
            of_share[b, p] = up * (left * nw + right * ne) + down * (left * sw + right * se)
            of_at[b, p, 0] = m * (left * (sw - nw) + right * (se - ne))
            of_at[b, p, 1] = m * (up * (ne - nw) + down * (se - sw))
            nw, ne, sw, se = m * up * left, m * up * right, m * down * left, m * down * right
            for k in range(channels):
                sums[first, k] += nw * g[b, p, k]
                sums[first + 1, k] += ne * g[b, p, k]
                sums[first + w + 2, k] += sw * g[b, p, k]
                sums[first + w + 3, k] += se * g[b, p, k]
        of_x[b] = sums.reshape(h + 2, w + 2, channels)[1:-1, 1:-1]


@_compiled
def _framed(x):  # type: ignore[no-untyped-def]
    """Cells of a map ``(h, w, C)`` in a frame of zeros, ``((h + 2) (w + 2), C)``."""
    h, w, channels = x.shape
    framed = np.zeros((h + 2, w + 2, channels), x.dtype)
    framed[1:-1, 1:-1] = x
    return framed.reshape(-1, channels)


@_compiled
def _corner(row, column, w):  # type: ignore[no-untyped-def]
    """Framed cell to the north-west of a position, and the distance down and right from it."""
    top, left = np.floor(row), np.floor(column)
    return (int(top) + 1) * (w + 2) + int(left) + 1, row - top, column - left
