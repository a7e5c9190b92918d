"""Wide convolutions of very small maps, trained as matrix products."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from math import prod

from torch import Tensor, nn
from torch.nn.functional import unfold

_CHANNEL_PAIRS = 256 * 256
_CELLS = 4


@contextmanager
def unfolded_convolutions(net: nn.Module) -> Iterator[None]:
    """Within the block, compute a network's wide convolutions of small maps on unfolded windows.

    On maps of up to four cells a CPU's convolution spends most of its time arranging weights; the
    product of the unfolded map and the weights takes half as long, forwards and backwards, from
    256 x 256 channels on. Results agree to rounding; weights and their names stay as they are.
    """
    chosen = [m for m in net.modules() if isinstance(m, nn.Conv2d) and _is_wide(m)]
    plain = [conv.forward for conv in chosen]
    try:
        for conv, forward in zip(chosen, plain, strict=True):
            conv.forward = partial(_convolve, conv, forward)  # type: ignore[method-assign]
        yield
    finally:
        for conv in chosen:
            del conv.forward


def _is_wide(conv: nn.Conv2d) -> bool:
    plain = conv.groups == 1 and conv.padding_mode == "zeros" and not isinstance(conv.padding, str)
    pairs = conv.in_channels * conv.out_channels
    return plain and max(conv.kernel_size) > 1 and pairs >= _CHANNEL_PAIRS


def _convolve(conv: nn.Conv2d, forward: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """Convolve ``(B, C, h, w)`` to ``(B, D, h', w')``."""
    shape = _shape_after(conv, x)
    if prod(shape) > _CELLS:
        return forward(x)
    padding = _padding(conv)
    columns = unfold(x, conv.kernel_size, conv.dilation, padding, conv.stride)  # (B, C k k, L)
    flat = columns.transpose(1, 2).flatten(0, 1)  # (B L, C k k)
    out = nn.functional.linear(flat, conv.weight.flatten(1), conv.bias)  # (B L, D)
    return out.view(len(x), -1, conv.out_channels).transpose(1, 2).reshape(len(x), -1, *shape)


def _padding(conv: nn.Conv2d) -> tuple[int, ...]:
    assert not isinstance(conv.padding, str)
    return conv.padding


def _shape_after(conv: nn.Conv2d, x: Tensor) -> list[int]:
    """Height and width of a convolution's map."""
    sides = zip(
        x.shape[2:], conv.kernel_size, conv.stride, _padding(conv), conv.dilation, strict=True
    )
    return [(n + 2 * p - d * (k - 1) - 1) // s + 1 for n, k, s, p, d in sides]
