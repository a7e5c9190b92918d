"""Networks without weights: what theirs would take in training, before any memory is taken."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import nn

from orecast.capacity import require_memory
from orecast.errors import ConfigError

WITH_GRADIENT, WITH_ADAM = 8, 16
"""Bytes of a weight in float32: beside its gradient, and beside both means that Adam keeps."""


def outline(
    build: Callable[..., nn.Module],
    options: Mapping[str, Any],
    *,
    a_weight: int,
    name: str,
    where: str,
) -> nn.Module:
    """Build a network on torch's meta device, where weights have shapes and take no memory.

    Raises CapacityError where its weights, of ``a_weight`` bytes each in training, do not fit into
    memory, with a power of two to which one of the ``options`` would have to be lowered; and what
    ``build`` raises of them, which stand at ``where``.
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
    """How many numbers a network learns."""
    return sum(p.numel() for p in net.parameters())


def _power_of_two(
    build: Callable[..., nn.Module], options: Mapping[str, Any], name: str, most: float
) -> int | None:
    """The largest power of two below an option's value that makes at most so many weights."""
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
