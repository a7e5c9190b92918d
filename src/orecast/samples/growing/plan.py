"""A plan of growth: which method, for which class, and how much."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from orecast.errors import ConfigError, OrecastError, SamplingError
from orecast.samples.growing.rows import Augmenter
from orecast.samples.growing.slide import Slide
from orecast.samples.growing.turns import Turning
from orecast.samples.grown import Grown, places
from orecast.samples.nouns import Ints, Windows

Labels = NDArray[np.float64]

_WHERE = "sampling.grow"
_WORDS = {1.0: "ore", 0.0: "barren"}
_AMOUNTS = ("times", "n", "to", "share")
_MOST_ROWS = 10_000_000  # of about 100 bytes each: a gigabyte, their values not counted


@dataclass(frozen=True)
class Step:
    """One method and how much it grows; exactly one of the amounts is named.

    ``balance``: the smaller class until both are even. ``times``: a class to so many times its
    rows. ``n``: so many rows more. ``to``: so many rows in all. ``share``: no row more, but this
    share of a class's rows is changed in place. ``slide`` alone may come without any: a class then
    grows by all the positions that it finds. ``label`` 1 (ore) or 0 (barren) names the class;
    without one, both are grown, each by itself. Raises ConfigError for any other amount.
    """

    build: Callable[[], Augmenter]
    label: float | None = None
    balance: bool = False
    times: float | None = None
    n: int | None = None
    share: float | None = None
    to: int | None = None

    def __post_init__(self) -> None:
        named = self._named
        if len(named) != 1 and (named or not isinstance(self.build(), Slide)):
            raise ConfigError(
                f"a step of growth takes exactly one of balance, times, n, to and share, not "
                f"{' and '.join(named) or 'none'}",
                where=_WHERE,
                remedy=None if named else "name one; slide alone may come without",
            )
        _require("label", self.label, self.label in (None, 0, 1), "1 (ore) or 0 (barren)")
        _require("balance", self.balance, isinstance(self.balance, bool), "true or false")
        _require("times", self.times, _number(self.times, least=1), "a number of at least 1")
        for name in ("n", "to"):
            count = getattr(self, name)
            whole = count is None or (isinstance(count, int) and _number(count, least=0))
            _require(name, count, whole, "a whole number of at least 0")
        share = _number(self.share, least=0) and (self.share is None or self.share <= 1)
        _require("share", self.share, share, "a share between 0 and 1")
        if self.balance and self.label is not None:
            raise ConfigError("balance grows the smaller class; leave label out", where=_WHERE)

    def room(self, label: float) -> int:
        """Cells around a row of a class that it takes up each way, if slid to all positions."""
        augmenter = None if self._named or self.label not in (None, label) else self.build()
        return augmenter.shift if isinstance(augmenter, Slide) else 0

    @property
    def _named(self) -> list[str]:
        """Amounts that are named."""
        numbers = [name for name in _AMOUNTS if getattr(self, name) is not None]
        return numbers + ["balance"] * (self.balance is not False)

    def amounts(self, y: Labels) -> dict[float, int | None]:
        """Rows to make for each class, of what is there before the step; None for all there are.

        Raises SamplingError where a class that is to be grown has no row, or too many already, and
        where more rows would result than can be held.
        """
        count = {label: int((y == label).sum()) for label in _WORDS}
        chosen = [float(self.label)] if self.label is not None else list(_WORDS)
        if self.balance:
            chosen = [min(count, key=lambda label: count[label])]
        empty = [_WORDS[label] for label in chosen if not count[label]]
        if empty:
            raise SamplingError(f"there is no {empty[0]} window to grow", where=_WHERE)
        for label in chosen:
            if self.to is not None and count[label] > self.to:
                raise SamplingError(
                    f"there are {count[label]} {_WORDS[label]} windows already, more than the "
                    f"{self.to} to grow to",
                    where=f"{_WHERE}.to",
                    remedy=f"set it to {count[label]} or more",
                )
        more = {label: self._amount(count[label], max(count.values())) for label in chosen}
        if self.share is None:
            _require_room(len(y) + sum(n or 0 for n in more.values()))
        return {label: None if n is None else round(n) for label, n in more.items()}

    def _amount(self, rows: int, most: int) -> float | None:
        if self.balance:
            return most - rows
        if self.times is not None:
            return (self.times - 1) * rows
        if self.share is not None:
            return self.share * rows
        return self.n if self.to is None else self.to - rows


class Made(NamedTuple):
    """Rows that one step made of a class: those from ``start`` on, of the class's rows before.

    None, where it was to even out or to grow one class and none was missing.
    """

    method: str
    label: float
    start: int
    n: int


class Growth(NamedTuple):
    """Grown windows, their labels, groups and origins.

    ``group`` is that of the first origin, -1 of a generator's rows. ``origin`` ``(n, o)`` are rows
    of the ungrown windows, filled up with -1: a window's own number, two of SMOTE's, none of a
    generator's. ``made`` tells the steps that added rows, in order.
    """

    X: Grown
    y: Labels
    group: Ints
    origin: Ints
    made: tuple[Made, ...] = ()


def grow(X: Windows, y: Labels, group: Ints, plan: Sequence[Step], *, seed: int) -> Growth:
    """Grow windows ``(n, C, k, k)`` by one step after the other, each on what those before made.

    Each class is grown from its own rows alone. Rows that are there keep their order, new ones
    come behind them. Rows without a label are left as they are.

    Raises SamplingError where a class is too small for a method, or more rows would result than
    can be held; what a method raises. A message names the step.
    """
    grown, y, group = Grown.of(X), np.asarray(y, dtype=np.float64), np.asarray(group)
    growth = Growth(grown, y, group, grown.origin)
    for number, step in enumerate(plan):
        with naming_step(number):
            for label, n in step.amounts(growth.y).items():
                if n != 0:
                    growth = _grown(growth, label, n, step, _seeds(seed, number, label))
                elif step.share is None and (step.balance or step.label is not None):
                    idle = Made(step.build().name, label, len(growth.y), 0)
                    growth = growth._replace(made=(*growth.made, idle))
    return growth


def rehearse(X: Windows, y: Labels, group: Ints, plan: Sequence[Step], *, seed: int) -> Growth:
    """Grow as ``grow`` does, but for what must be learned first: turned windows stand for that.

    As many rows of each class, and all that ``grow`` raises but what learning itself does.
    """
    steps = [replace(step, build=partial(_rehearsed, step.build)) for step in plan]
    return grow(X, y, group, steps, seed=seed)


class _StandIn(Turning):
    """Turned windows in place of those of a method that learns, under that method's conditions."""

    per_row = False

    def __init__(self, learner: Augmenter) -> None:
        super().__init__()
        self.learner = learner

    def check(self, X: Windows) -> None:
        self.learner.check(X)


def _rehearsed(build: Callable[[], Augmenter]) -> Augmenter:
    augmenter = build()
    learns = not (augmenter.per_row or isinstance(augmenter, Slide))
    return _StandIn(augmenter) if learns else augmenter


@contextmanager
def naming_step(number: int) -> Iterator[None]:
    """Let an error about growth name the step, counted from 0 as in every list of a run.toml."""
    try:
        yield
    except OrecastError as error:
        where, remedy = (
            text and text.replace(_WHERE, f"{_WHERE}.{number}")
            for text in (error.where, error.remedy)
        )
        raise type(error)(error.what, where=where, remedy=remedy) from error


def _grown(growth: Growth, label: float, n: int | None, step: Step, seeds: list[int]) -> Growth:
    """Grow one class by ``n`` rows, or by all there are, or change as many in place."""
    grown, y, group, _, made = growth
    among = np.flatnonzero(y == label)
    if n is not None and step.share is not None:
        return growth._replace(X=_changed(grown, among, n, step, seeds))
    augmenter = step.build().fit(grown.take(among), seed=seeds[0])
    if n is None:
        assert isinstance(augmenter, Slide)
        n = augmenter.most
    part = augmenter.grow(n, seed=seeds[1])
    kin = among[places(part, len(among))]
    grown = grown.added(part, among)
    return Growth(
        grown,
        np.append(y, np.full(n, label)),
        np.append(group, group[kin] if part.origin.shape[1] else np.full(n, -1)),
        grown.origin,
        (*made, Made(augmenter.name, label, len(y), n)),
    )


def _changed(grown: Grown, among: Ints, n: int, step: Step, seeds: list[int]) -> Grown:
    """Change ``n`` of the rows ``among`` in place."""
    augmenter = step.build()
    if not augmenter.per_row:
        raise ConfigError(
            "only what changes single windows can change a share of them",
            where=f"{_WHERE}.share",
            remedy="choose turns or noise, or name times, n or balance",
        )
    if augmenter.name == "copy":
        raise ConfigError(
            "a copy in the place of its own window changes nothing",
            where=f"{_WHERE}.share",
            remedy="choose turns or noise, or name times, n or balance",
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


def _require_room(rows: float) -> None:
    """Raise SamplingError for more rows than memory has room for."""
    if rows > _MOST_ROWS:
        raise SamplingError(
            f"{min(rows, 1e300):.3g} windows would result, and memory is meant to hold "
            f"{_MOST_ROWS // 10**6} million",
            where=_WHERE,
            remedy="ask for fewer",
        )


def _require(name: str, value: Any, good: bool, words: str) -> None:
    if not good:
        raise ConfigError(f"must be {words}, not {value!r}", where=f"{_WHERE}.{name}")
