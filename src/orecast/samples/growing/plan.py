"""A plan of growth: which method, for which class, and how much."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from orecast.errors import ConfigError, SamplingError
from orecast.samples.growing.rows import Augmenter
from orecast.samples.grown import Grown, places
from orecast.samples.nouns import Ints, Windows

Labels = NDArray[np.float64]

_WHERE = "sampling.grow"
_WORDS = {1.0: "ore", 0.0: "barren"}


@dataclass(frozen=True)
class Step:
    """One method and how much it grows; exactly one of the amounts is named.

    ``balance``: the smaller class until both are even. ``times``: a class to so many times its
    rows. ``n``: so many rows more. ``share``: no row more, but this share of a class's rows is
    changed in place. ``label`` 1 (ore) or 0 (barren) names the class; without one, both are grown,
    each by itself. Raises ConfigError for any other amount.
    """

    build: Callable[[], Augmenter]
    label: float | None = None
    balance: bool = False
    times: float | None = None
    n: int | None = None
    share: float | None = None

    def __post_init__(self) -> None:
        named = [a for a in ("times", "n", "share") if getattr(self, a) is not None]
        named += ["balance"] * (self.balance is not False)
        if len(named) != 1:
            raise ConfigError(
                f"a step of growth takes exactly one of balance, times, n and share, not "
                f"{' and '.join(named) or 'none'}",
                where=_WHERE,
            )
        _require("label", self.label, self.label in (None, 0, 1), "1 (ore) or 0 (barren)")
        _require("balance", self.balance, isinstance(self.balance, bool), "true or false")
        _require("times", self.times, _number(self.times, least=1), "a number of at least 1")
        whole = self.n is None or (isinstance(self.n, int) and _number(self.n, least=0))
        _require("n", self.n, whole, "a whole number of at least 0")
        share = _number(self.share, least=0) and (self.share is None or self.share <= 1)
        _require("share", self.share, share, "a share between 0 and 1")
        if self.balance and self.label is not None:
            raise ConfigError("balance grows the smaller class; leave label out", where=_WHERE)

    def amounts(self, y: Labels) -> dict[float, int]:
        """Rows to make for each class, of what is there before the step.

        Raises SamplingError where a class that is to be grown has no row.
        """
        count = {label: int((y == label).sum()) for label in _WORDS}
        chosen = [float(self.label)] if self.label is not None else list(_WORDS)
        if self.balance:
            chosen = [min(count, key=lambda label: count[label])]
        empty = [_WORDS[label] for label in chosen if not count[label]]
        if empty:
            raise SamplingError(f"there is no {empty[0]} window to grow", where=_WHERE)
        return {label: self._amount(count[label], max(count.values())) for label in chosen}

    def _amount(self, rows: int, most: int) -> int:
        if self.n is not None:
            return self.n
        if self.times is not None:
            return round((self.times - 1) * rows)
        return most - rows if self.share is None else round(self.share * rows)


class Growth(NamedTuple):
    """Grown windows, their labels, groups and origins.

    ``group`` is that of the first origin, -1 of a generator's rows. ``origin`` ``(n, o)`` are rows
    of the ungrown windows, filled up with -1: a window's own number, two of SMOTE's, none of a
    generator's.
    """

    X: Grown
    y: Labels
    group: Ints
    origin: Ints


def grow(X: Windows, y: Labels, group: Ints, plan: Sequence[Step], *, seed: int) -> Growth:
    """Grow windows ``(n, C, k, k)`` by one step after the other, each on what those before made.

    Each class is grown from its own rows alone. Rows that are there keep their order, new ones
    come behind them. Rows without a label are left as they are.

    Raises SamplingError where a class is too small for a method; what a method raises.
    """
    grown, y, group = Grown.of(X), np.asarray(y, dtype=np.float64), np.asarray(group)
    for number, step in enumerate(plan):
        for label, n in step.amounts(y).items():
            if n == 0:
                continue
            seeds = _seeds(seed, number, label)
            among = np.flatnonzero(y == label)
            if step.share is not None:
                grown = _changed(grown, among, n, step, seeds)
                continue
            part = step.build().fit(grown.take(among), seed=seeds[0]).grow(n, seed=seeds[1])
            kin = among[places(part, len(among))]
            grown = grown.added(part, among)
            y = np.append(y, np.full(n, label))
            group = np.append(group, group[kin] if part.origin.shape[1] else np.full(n, -1))
    return Growth(grown, y, group, grown.origin)


def _changed(grown: Grown, among: Ints, n: int, step: Step, seeds: list[int]) -> Grown:
    """Change ``n`` of the rows ``among`` in place."""
    augmenter = step.build()
    if not augmenter.per_row:
        raise ConfigError(
            "only what changes single windows can change a share of them",
            where=f"{_WHERE}.share",
            remedy="choose copy, turns or noise, or name times, n or balance",
        )
    rng = np.random.default_rng([seeds[1], 22])
    chosen = among[np.sort(rng.choice(len(among), n, replace=False))]
    part = augmenter.fit(grown.take(chosen), seed=seeds[0]).grow(n, seed=seeds[1])
    return grown.replaced(part, chosen)


def _seeds(seed: int, number: int, label: float) -> list[int]:
    """Of fitting and of growing, for each step and class."""
    drawn = np.random.default_rng([seed, 23, number, int(label)]).integers(2**63, size=2)
    return [int(s) for s in drawn]


def _number(value: float | None, *, least: float) -> bool:
    """Whether a value is left out, or a number of at least so much."""
    if value is None:
        return True
    known = isinstance(value, int | float) and not isinstance(value, bool)
    return known and least <= value < np.inf


def _require(name: str, value: Any, good: bool, words: str) -> None:
    if not good:
        raise ConfigError(f"must be {words}, not {value!r}", where=f"{_WHERE}.{name}")
