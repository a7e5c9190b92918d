"""Validation protocols: each cuts the deposits into folds. ``spatial`` is the default."""

from __future__ import annotations

import dataclasses
from typing import Any

from orecast import registry
from orecast.errors import ConfigError, nearest
from orecast.sampling.windows import MapGeometry, SplitProtocol

__all__ = ["PACKAGE", "build_protocol"]

PACKAGE = "orecast.splits"

_COMMON = ("geometry", "n_folds", "seed", "turn")  # fields that no option sets


def build_protocol(
    name: str, options: dict[str, Any], geometry: MapGeometry, *, n_folds: int, seed: int
) -> SplitProtocol:
    """Return the protocol registered under ``name``; ``options`` are its own fields.

    Raises ConfigError for an unknown name or option, and for an impossible value.
    """
    factory = registry.load(PACKAGE, name, what="protocol", where="validation.protocol")
    known = [f.name for f in dataclasses.fields(factory) if f.init and f.name not in _COMMON]
    for option in options:
        if option not in known:
            raise ConfigError(
                f"{name} has no option {option!r}",
                where="validation.options",
                remedy=nearest(option, known) if known else "leave validation.options out",
            )
    protocol: SplitProtocol = factory(geometry, n_folds, seed, **options)
    return protocol
