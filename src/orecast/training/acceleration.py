"""Device, precision, compilation, memory of weights and between batches, CPU convolutions."""

from __future__ import annotations

import ctypes
import platform
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import cache, partial
from math import prod
from threading import Lock
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn.functional import unfold

from orecast.capacity import require_memory
from orecast.errors import ConfigError
from orecast.models.checks import require_one_of, require_switch

Precision = Literal["float32", "bfloat16"]
_NARROW, _SMALL = 4_000_000, 16  # below: a narrow network (weights), a small window (cells a side)


@dataclass(frozen=True)
class Acceleration:
    """Settings for one device.

    ``precision`` is that of products in training: "bfloat16" keeps weights and sums in float32.
    Scores are always computed in float32, since bfloat16 changes some by a few hundredths.
    ``channels_last`` is the memory order. ``compiled`` uses torch.compile, which needs a C++
    compiler.
    """

    device: torch.device
    precision: Precision
    channels_last: bool
    compiled: bool = False

    @property
    def trainer_precision(self) -> Literal["bf16-mixed", "32-true"]:
        """Lightning's name for the precision."""
        return "bf16-mixed" if self.precision == "bfloat16" else "32-true"

    def arrange(self, x: Tensor) -> Tensor:
        """Move a batch ``(b, C, k, k)`` to the device, in its memory order."""
        order = torch.channels_last if self.channels_last else torch.contiguous_format
        return x.to(self.device, memory_format=order)

    def arrange_module(self, net: nn.Module) -> nn.Module:
        """Move a module to the device, in its memory order."""
        if self.channels_last:
            return net.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        return net.to(self.device)


def acceleration(
    device: torch.device,
    *,
    channels_last: bool = True,
    precision: Precision | None = None,
    compiled: bool = False,
) -> Acceleration:
    """Return the settings for a device; on a CPU a network may use channels first.

    A GPU trains in bfloat16, with channels last. A CPU uses float32, so that runs are the same on
    every machine. Set ``precision`` to override this: a CPU with bfloat16 products (AVX-512 BF16,
    AMX) is then faster. Raises ConfigError for an impossible option.

    >>> acceleration(torch.device("cpu")).precision
    'float32'
    >>> acceleration(torch.device("cuda")).precision
    'bfloat16'
    """
    if precision is not None:
        require_one_of("precision", precision, get_args(Precision))
    require_switch("compiled", compiled)
    gpu = device.type == "cuda"
    return Acceleration(
        device,
        precision=precision or ("bfloat16" if gpu else "float32"),
        channels_last=gpu or channels_last,
        compiled=compiled,
    )


def suits_channels_last(net: nn.Module, size: int) -> bool:
    """Whether a CPU is faster with channels last, for windows of ``size`` cells a side.

    Measured: 10 to 25 % faster. The exception: kernels of more than 256 channels on maps of a few
    cells take three times as long.
    """
    widest = max(
        (
            m.out_channels
            for m in net.modules()
            if isinstance(m, nn.Conv2d) and max(m.kernel_size) > 1
        ),
        default=0,
    )
    return widest <= 256 or size >= 16


@contextmanager
def suited_process(net: nn.Module, size: int) -> Iterator[None]:
    """Run the block with the number of threads and the memory setting that suit the network.

    A narrow network on small windows uses one CPU thread: its products are shorter than the time
    to synchronise threads. Measured, ResNet-18 of width 16 on 9 x 9 windows, 2 cores: one thread
    6.5 s, two 5.5 s; while another process is busy 6.2 s and 48 s, since waiting threads block a
    core. Other networks keep freed memory between batches. Narrow ones do not: returning the memory
    at the end takes longer than training on a few windows.
    """
    threads = torch.get_num_threads()
    weights = sum(p.numel() for p in net.parameters())
    narrow = weights < _NARROW and size < _SMALL
    try:
        if narrow:
            torch.set_num_threads(1)
        with nullcontext() if narrow else kept_memory():
            yield
    finally:
        if narrow:
            torch.set_num_threads(threads)


def best_device() -> torch.device:
    """Return the first GPU if there is one, else the CPU."""
    return torch.device("cuda", 0) if torch.cuda.is_available() else torch.device("cpu")


_TRIM_THRESHOLD, _MMAP_THRESHOLD, _MMAP_MAX = -1, -3, -4  # mallopt(3)
_LARGEST = 32 * 2**20  # the highest value that glibc itself sets, after it has freed such a block
_BLOCKS = 65536  # glibc's default
_lock = Lock()
_open = 0


@contextmanager
def kept_memory() -> Iterator[None]:
    """Within the block, keep freed memory for the next batch; after it, return it to the system.

    Otherwise glibc returns large blocks to the system at once, and the system clears their pages at
    each new use, in a large network in every layer (``benchmarks/training_step.py resnet50``).
    With another C library nothing changes. Blocks may nest.
    """
    global _open
    with _lock:
        _open += 1
        if _open == 1:
            _set({_MMAP_MAX: 0, _TRIM_THRESHOLD: -1})
    try:
        yield
    finally:
        with _lock:
            _open -= 1
            if _open == 0:
                _set({_MMAP_MAX: _BLOCKS, _MMAP_THRESHOLD: _LARGEST, _TRIM_THRESHOLD: 2 * _LARGEST})
                if library := _glibc():
                    library.malloc_trim(0)


def _set(options: dict[int, int]) -> None:
    if library := _glibc():
        for option, value in options.items():
            library.mallopt(option, value)


@cache
def _glibc() -> ctypes.CDLL | None:
    return ctypes.CDLL(None) if platform.libc_ver()[0] == "glibc" else None


_CHANNEL_PAIRS = 256 * 256
_CELLS = 4


@contextmanager
def unfolded_convolutions(net: nn.Module) -> Iterator[None]:
    """Within the block, compute wide convolutions of small maps as products of unfolded maps.

    On maps of up to four cells a CPU's convolution spends most of its time arranging weights. From
    256 x 256 channels on, the product of the unfolded map and the weights takes half as long,
    forwards and backwards. Results agree to rounding; weights and their names do not change.
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


WITH_GRADIENT, WITH_ADAM = 8, 16
"""Bytes for each weight in float32: with its gradient, and also with both means of Adam."""


def outline(
    build: Callable[..., nn.Module],
    options: Mapping[str, Any],
    *,
    a_weight: int,
    name: str,
    where: str,
) -> nn.Module:
    """Build a network on torch's meta device, where weights have shapes but use no memory.

    Raises CapacityError if its weights, of ``a_weight`` bytes each in training, do not fit into
    memory; the remedy names one of the ``options`` and a power of two that fits. ``where`` is the
    place of the options in the configuration. Also raises what ``build`` raises.
    """
    net = _weightless(build, options)
    count = weights(net)
    counts = {n: v for n, v in options.items() if isinstance(v, int) and not isinstance(v, bool)}
    by_size = sorted(counts, key=counts.__getitem__, reverse=True)

    def remedy(fits: float) -> str:
        for name in by_size:
            lower = _power_of_two(build, options, name, fits / a_weight)
            if lower is not None:
                return f"set {name} to {lower} or less"
        return "choose another model"

    require_memory(
        count * a_weight,
        f"{name} of {count:,} weights",
        where=".".join((where, *by_size[:1])),
        remedy=remedy,
    )
    return net


def weights(net: nn.Module) -> int:
    """Number of weights that a network learns."""
    return sum(p.numel() for p in net.parameters())


def _power_of_two(
    build: Callable[..., nn.Module], options: Mapping[str, Any], name: str, most: float
) -> int | None:
    """The largest power of two below an option's value that gives at most ``most`` weights."""
    fits, beyond = -1, (options[name] - 1).bit_length()
    found = None
    while beyond - fits > 1:
        exponent = (fits + beyond) // 2
        try:
            count = weights(_weightless(build, {**options, name: 2**exponent}))
        except ConfigError:  # such as a width that another option does not divide
            count = 0
        if count > most:
            beyond = exponent
        else:
            fits, found = exponent, 2**exponent if count else None
    return found


def _weightless(build: Callable[..., nn.Module], options: Mapping[str, Any]) -> nn.Module:
    with torch.device("meta"):
        return build(**options)
