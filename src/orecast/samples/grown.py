"""Grown windows: the training windows, and rows made of them, each kept as a recipe."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Protocol, Self

import numpy as np

from orecast.errors import SamplingError
from orecast.grid import window_start
from orecast.samples.nouns import Bools, Floats, Ints, Scaling, Windows


class Part(Protocol):
    """Rows made by one method; a row's values are made when they are read."""

    @property
    def origin(self) -> Ints:
        """Rows of the windows grown from that each row was made of, ``(m, o)``.

        ``o`` is 0 where a generator made the row: no single window stands behind it.
        """

    def batch(self, rows: Ints, view: Windows) -> Floats:
        """Make some rows, in the layers, size and scaling of ``view``: ``(b, C, size, size)``."""


@dataclass(frozen=True, kw_only=True)
class Grown(Windows):
    """Windows and behind them grown ones; as lazy as they are, and a model sees no difference.

    ``part`` and ``row`` ``(n,)`` tell which part makes a row, and which of its rows it is. ``at``
    is the cell that a slid row was slid to, of any other the place of its first origin; a
    generator's rows stand, in turn, at the places that it learned from, so that a model that reads
    places learns no new one. ``origin`` ``(n, o)`` are rows of the ungrown windows, filled up with
    -1.
    """

    parts: tuple[Part, ...]
    part: Ints
    row: Ints
    origin: Ints

    @classmethod
    def of(cls, X: Windows) -> Grown:
        """The windows themselves, nothing grown yet."""
        n = np.arange(len(X))
        told = {f.name: getattr(X, f.name) for f in fields(Windows)}
        parts = (Copies(X, n[:, None]),)
        return cls(**told, parts=parts, part=np.zeros_like(n), row=n, origin=n[:, None])

    def take(self, rows: Ints | Bools | slice) -> Grown:
        """Return some of the windows; origins keep their numbers."""
        at, part, row, origin = self.at[rows], self.part[rows], self.row[rows], self.origin[rows]
        return replace(self, at=at, part=part, row=row, origin=origin)

    def moved(self, at: Ints) -> Windows:
        """Return ungrown windows of the same kind at other cells."""
        told = {f.name: getattr(self, f.name) for f in fields(Windows)}
        return Windows(**told).moved(at)

    def of_size(self, size: int) -> Grown:
        """Return the middle of each window; raises SamplingError for more than was grown."""
        if size > self.size:
            raise SamplingError(f"windows grown at {self.size} cells cannot be read at {size}")
        return replace(self, size=size)

    def batch(self, rows: Ints | Bools | slice = slice(None)) -> Floats:
        """Materialise some of the windows, ``(b, n_layers, size, size)`` float32."""
        part, row = self.part[rows], self.row[rows]
        values = np.empty((len(part), *self.shape[1:]), dtype=np.float32)
        for number in np.unique(part):
            here = part == number
            values[here] = self.parts[number].batch(row[here], self)
        return values

    def added(self, part: Part, among: Ints) -> Grown:
        """These windows and behind them a part that was grown from the rows ``among``."""
        n = len(part.origin)
        return replace(
            self,
            at=np.concatenate([self.at, cells(part, self.at[among])]),
            parts=(*self.parts, part),
            part=np.append(self.part, np.full(n, len(self.parts))),
            row=np.append(self.row, np.arange(n)),
            origin=_stacked(self.origin, self._origins(part, among)),
        )

    def replaced(self, part: Part, among: Ints) -> Grown:
        """These windows, those of ``among`` changed; each row of the part is made of one."""
        row, number = self.row.copy(), self.part.copy()
        changed = among[part.origin[:, 0]]
        row[changed], number[changed] = np.arange(len(changed)), len(self.parts)
        return replace(self, parts=(*self.parts, part), part=number, row=row)

    def _origins(self, part: Part, among: Ints) -> Ints:
        n, o = part.origin.shape
        return np.asarray(self.origin[among[part.origin]].reshape(n, o * self.origin.shape[1]))


@dataclass(frozen=True)
class Copies:
    """Rows of windows as they are."""

    source: Windows
    origin: Ints  # (m, 1)

    def batch(self, rows: Ints, view: Windows) -> Floats:
        """The rows' own windows."""
        return through(view, self.source).batch(self.origin[rows, 0])


@dataclass(frozen=True)
class Slid:
    """Rows of windows at other cells ``at``, ``(m, 2)``, as they lie on the map."""

    source: Windows
    origin: Ints  # (m, 1)
    at: Ints

    def batch(self, rows: Ints, view: Windows) -> Floats:
        """The windows at the rows' cells."""
        return through(view, self.source.moved(self.at[rows])).batch()


@dataclass(frozen=True)
class Units:
    """What made values stand for: layers, size and scaling of the windows they were made for."""

    names: tuple[str, ...]
    size: int
    scaling: Scaling | None

    @classmethod
    def of(cls, X: Windows) -> Self:
        """Units of the values that windows read."""
        return cls(X.names, X.size, X.scaling)

    def seen(self, values: Floats, view: Windows) -> Floats:
        """Values ``(b, C, size, size)`` as ``view`` reads: layers, middle and scaling."""
        mean, spread = self._ratio(view)
        return np.asarray(self._cut(values, view) * spread + mean)

    def steps_seen(self, steps: Floats, view: Windows) -> Floats:
        """Differences between values ``(b, C, size, size)`` as ``view`` reads them."""
        return np.asarray(self._cut(steps, view) * self._ratio(view)[1])

    def _cut(self, values: Floats, view: Windows) -> Floats:
        first = window_start(self.size) - window_start(view.size)
        middle = slice(first, first + view.size)
        return values[:, self._layers(view), middle, middle]

    def _layers(self, view: Windows) -> Ints:
        return np.array([self.names.index(name) for name in view.names])

    def _ratio(self, view: Windows) -> tuple[Floats, Floats]:
        """What to multiply values with and to add, ``(C, 1, 1)`` each."""
        own = _affine(self.scaling, len(self.names))[:, self._layers(view)]
        other = _affine(view.scaling, len(view.names))
        mean, spread = (own[0] - other[0]) / other[1], own[1] / other[1]
        return mean.astype(np.float32)[:, None, None], spread.astype(np.float32)[:, None, None]


def through(view: Windows, source: Windows) -> Windows:
    """The source's windows, read as ``view`` reads: its layers, size, hidden cells and scaling."""
    return replace(
        source,
        stack=view.stack,
        names=view.names,
        kinds=view.kinds,
        size=view.size,
        hidden=view.hidden,
        scaling=view.scaling,
    )


def places(part: Part, n: int) -> Ints:
    """Of ``n`` windows grown from, the one at whose place each row of a part stands, ``(m,)``."""
    if part.origin.shape[1]:
        return part.origin[:, 0]
    return np.arange(len(part.origin)) % n


def cells(part: Part, at: Ints) -> Ints:
    """Cells ``(m, 2)`` at which rows stand that were grown from windows ``at`` cells ``(n, 2)``."""
    return part.at if isinstance(part, Slid) else at[places(part, len(at))]


def as_they_lie(X: Windows) -> bool:
    """Whether windows are those of the map at their cells: none is turned, mixed or noisy."""
    if not isinstance(X, Grown):
        return True
    used = (X.parts[number] for number in np.unique(X.part))
    return all(
        isinstance(part, Slid) or (isinstance(part, Copies) and as_they_lie(part.source))
        for part in used
    )


def _affine(scaling: Scaling | None, layers: int) -> Floats:
    """Mean and spread, ``(2, n_layers)``."""
    if scaling is None:
        return np.stack([np.zeros(layers, np.float32), np.ones(layers, np.float32)])
    return np.stack([scaling.mean, scaling.spread])


def _stacked(a: Ints, b: Ints) -> Ints:
    """Origins below each other, the narrower filled up with -1."""
    wide = max(a.shape[1], b.shape[1])
    filled = [np.pad(o, ((0, 0), (0, wide - o.shape[1])), constant_values=-1) for o in (a, b)]
    return np.concatenate(filled)
