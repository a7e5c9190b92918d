"""Checks of a model's options; each raises ConfigError with the option's place."""

from __future__ import annotations

import math
from collections.abc import Iterable

from orecast.errors import ConfigError, nearest

MOST_TREES, MOST_JOBS, MOST_FEATURES, MOST_LAYERS = 10_000, 256, 2**20, 1000
"""Limits: a larger width needs terabytes of memory; deeper networks are not trained in practice."""


def require_known(given: Iterable[str], known: Iterable[str], owner: str, where: str) -> None:
    """Refuse options that ``owner`` does not have."""
    known = list(known)
    for option in given:
        if option not in known:
            remedy = nearest(option, known) if known else f"delete {where}"
            raise ConfigError(f"{owner} has no option {option!r}", where=where, remedy=remedy)


def require_count(
    option: str,
    value: object,
    most: int = 2**31 - 1,
    *,
    least: int = 1,
    where: str | None = None,
    remedy: str = "",
) -> int:
    """Return a whole number from ``least`` to ``most``."""
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise ConfigError(
            f"must be a whole number from {least} to {most:,}, not {value!r}",
            where=where or f"model.options.{option}",
            remedy=remedy,
        )
    return value


def require_number(
    option: str,
    value: object,
    low: float,
    high: float = math.inf,
    *,
    with_low: bool = True,
    with_high: bool = False,
) -> float:
    """Return a number from ``low`` to ``high``; ``with_low``, ``with_high``: limits included."""
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or not low <= value <= high
        or (value == low and not with_low)
        or (value == high and not with_high)
    ):
        words = f"{'of at least' if with_low else 'above'} {low:g}"
        if high < math.inf:
            words += f" and {'at most' if with_high else 'below'} {high:g}"
        raise ConfigError(
            f"must be a number {words}, not {value!r}", where=f"model.options.{option}"
        )
    return float(value)


def require_switch(option: str, value: object) -> bool:
    """Return true or false."""
    if not isinstance(value, bool):
        raise ConfigError(f"must be true or false, not {value!r}", where=f"model.options.{option}")
    return value


def require_one_of(option: str, value: object, known: tuple[str, ...]) -> None:
    """Refuse a value that is not one of the known words."""
    if value not in known:
        raise ConfigError(
            f"unknown value {value!r}",
            where=f"model.options.{option}",
            remedy=nearest(str(value), known),
        )
