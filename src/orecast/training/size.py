"""Memory that a network's weights need in training, computed without using that memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import nn

from orecast.capacity import require_memory
from orecast.errors import ConfigError

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
