"""The augmenters' contract, and what those share that change one window at a time."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import ClassVar, Protocol, Self

import numpy as np

from orecast.errors import ConfigError, SamplingError
from orecast.samples.grown import Part
from orecast.samples.nouns import Ints, Windows

OPTIONS = "sampling.grow.options"
"""Where an augmenter's options stand in a configuration."""


class Augmenter(Protocol):
    """A way to make training windows of training windows of one class.

    ``__init__`` stores and checks its options. ``fewest`` windows are needed to fit; ``per_row``
    says that each row made is one window changed, and that each window serves as often, give or
    take one.
    """

    name: ClassVar[str]
    fewest: int
    per_row: bool

    def check(self, X: Windows) -> None:
        """Raise SamplingError where it cannot learn from so many windows of that kind."""

    def fit(self, X: Windows, *, seed: int) -> Self:
        """Learn from the windows of one class, ``(n, C, k, k)``; nothing else is read.

        Raises SamplingError where they are fewer than ``fewest``, or a value that it reads is
        missing.
        """

    def grow(self, n: int, *, seed: int) -> Part:
        """Make ``n`` rows."""


class OneRow(ABC):
    """Base of the augmenters that change one window at a time; a subclass makes the part."""

    fewest: int = 1
    per_row: bool = True
    name: ClassVar[str]

    X_: Windows

    def fit(self, X: Windows, *, seed: int) -> Self:
        """Keep the windows; nothing is read of them."""
        self.check(X)
        self.X_ = X
        return self

    def check(self, X: Windows) -> None:
        """Raise SamplingError where there is no window."""
        require_rows(self.name, X, self.fewest)

    def grow(self, n: int, *, seed: int) -> Part:
        """Make ``n`` rows, each window serving as often, give or take one."""
        rng = np.random.default_rng([seed, 21])
        row, turn = rounds(n, len(self.X_), rng)
        return self._part(row, turn, rng)

    @abstractmethod
    def _part(self, row: Ints, turn: Ints, rng: np.random.Generator) -> Part:
        """Rows made of the windows ``row``, each for the ``turn``-th time, ``(n,)`` both."""


def rounds(n: int, m: int, rng: np.random.Generator) -> tuple[Ints, Ints]:
    """Draw ``n`` of ``m`` rows, round after round, each in a random order; and the rounds.

    >>> rows, turn = rounds(5, 2, np.random.default_rng(0))
    >>> sorted(rows[:2].tolist()), turn.tolist()
    ([0, 1], [0, 0, 1, 1, 2])
    """
    turn = np.arange(n) // m
    order = [rng.permutation(m) for _ in range(math.ceil(n / m))]
    return np.concatenate([np.empty(0, np.int64), *order])[:n], turn


def require_rows(name: str, X: Windows, fewest: int, remedy: str | None = None) -> None:
    """Raise SamplingError where there are fewer windows than a method needs."""
    if len(X) < fewest:
        raise SamplingError(
            f"{name} needs at least {fewest} window{'s' * (fewest > 1)} of a class to grow it, "
            f"and is given {len(X)}",
            where="sampling.grow",
            remedy=remedy or "grow this class by another method, such as noise",
        )


def require_whole(option: str, value: object, least: int = 1, most: float = math.inf) -> int:
    """Return an option that counts; raises ConfigError unless it is an int from least to most."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ConfigError(
            f"must be a whole number of at least {least}, not {value!r}",
            where=f"{OPTIONS}.{option}",
        )
    if value > most:
        raise ConfigError(f"must be at most {most:,}, not {value}", where=f"{OPTIONS}.{option}")
    return value


def require_positive(option: str, value: object, most: float = math.inf) -> float:
    """Return an option that is a positive number; raises ConfigError unless it is, up to most."""
    where = f"{OPTIONS}.{option}"
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
        raise ConfigError(f"must be a positive number, not {value!r}", where=where)
    if value > most:
        raise ConfigError(f"must be at most {most:g}, not {value!r}", where=where)
    return float(value)
