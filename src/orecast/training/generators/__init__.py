"""Generators of training windows, which need torch; and every augmenter by its name.

A generator learns the distribution of one class's windows and draws new ones from it. torch is
imported only when a generator is built. Augmenters without torch are in
``orecast.sampling.augmentation``.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from orecast import registry
from orecast.errors import ConfigError, nearest
from orecast.models.checks import require_known
from orecast.sampling.augmentation import Augmenter, Step

__all__ = ["augmenter_names", "build_augmenter", "build_step", "outline_step"]

_PLAIN, _GENERATORS = "orecast.sampling.augmentation", "orecast.training.generators"
_WHERE = "sampling.grow"
_AMOUNTS = ("label", "balance", "times", "n", "to", "share")


def augmenter_names() -> dict[str, str]:
    """Every augmenter's name and the first line of its description; no augmenter is imported."""
    return {name: entry.summary for name, entry in sorted(_augmenters().items())}


def build_augmenter(
    method: str, options: Mapping[str, Any] | None = None, *, checkpoints: Path | None = None
) -> Augmenter:
    """Return an unfitted augmenter by its registered name.

    ``checkpoints`` is a folder for fitted generators, from which later fits to the same windows
    read them. Raises ConfigError for an unknown name or option and for an impossible value.
    """
    options = options or {}
    factory = _entry(method).load()
    taken = [p for p in inspect.signature(factory).parameters if p not in ("args", "kwargs")]
    require_known(options, taken, method, f"{_WHERE}.options")
    augmenter: Augmenter = factory(**options)
    if hasattr(augmenter, "checkpoints"):
        augmenter.checkpoints = checkpoints
    return augmenter


def build_step(
    method: str,
    options: Mapping[str, Any] | None = None,
    *,
    checkpoints: Path | None = None,
    **amount: Any,
) -> Step:
    """Return a growth step from its table in the configuration, such as ``balance=True``.

    Its method and options are checked at once; ``checkpoints`` as in ``build_augmenter``. Raises
    ConfigError for anything impossible.

    >>> build_step("smote", {"neighbours": 3}, balance=True).build().neighbours
    3
    """
    require_known(amount, _AMOUNTS, "a growth step", _WHERE)
    chosen = dict(options or {})
    build_augmenter(method, chosen)
    return Step(lambda: build_augmenter(method, chosen, checkpoints=checkpoints), **amount)


def outline_step(method: str, options: Mapping[str, Any] | None = None, **amount: Any) -> Step:
    """Return a step without importing torch; raises as ``build_step``.

    A generator is replaced by copies, and its options are not checked.

    >>> outline_step("gan", {"epochs": 3}, n=9).build().name
    'copy'
    """
    generates = _entry(method).module.startswith(_GENERATORS)
    return build_step("copy" if generates else method, {} if generates else options, **amount)


def _entry(method: str) -> registry.Entry:
    known = _augmenters()
    if method not in known:
        raise ConfigError(
            f"unknown method {method!r}",
            where=f"{_WHERE}.method",
            remedy=nearest(str(method), known),
        )
    return known[method]


def _augmenters() -> Mapping[str, registry.Entry]:
    return registry.entries(_PLAIN, _GENERATORS)
