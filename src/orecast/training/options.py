"""Options that every network takes, beside those of its factory."""

from __future__ import annotations

from typing import Any

DEVICE_OPTIONS = ("precision", "compiled")
NETWORK_OPTIONS = (*DEVICE_OPTIONS, "passes", "search_epochs")
"""Options that every network takes beside its factory's."""


def factory_options(options: dict[str, Any]) -> dict[str, Any]:
    """The factory's options, without those of every network.

    >>> factory_options({"width": 16, "precision": "bfloat16"})
    {'width': 16}
    """
    return {n: v for n, v in options.items() if n not in NETWORK_OPTIONS}
