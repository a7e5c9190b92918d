"""Augmentation: copies, turns, noise, slides and SMOTE, and plans that combine them.

An augmenter is fitted on the training windows of one class and makes further rows from them.
Augmenters that need torch are in ``orecast.training.generators``.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar, NamedTuple, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from orecast.arrays import Bools, Floats, Floats32, Ints
from orecast.errors import ConfigError, OrecastError, SamplingError
from orecast.grid import window_start, windows_touching
from orecast.sampling.windows import WEIGHT, Sampling, Scaling, Windows

REGISTERED = {
    "copy": "Copying",
    "noise": "GaussianNoise",
    "turns": "Turning",
    "slide": "Slide",
    "smote": "Smote",
}


class MadeRows(Protocol):
    """Rows added by one method; a row's values are computed when they are read."""

    @property
    def origin(self) -> Ints:
        """Source rows of each added row, ``(m, o)``.

        ``o`` is 0 where a generator made the row: it has no single source window.
        """

    def batch(self, rows: Ints, view: Windows) -> Floats32:
        """Compute some rows in the layers, size and scaling of ``view``: ``(b, C, size, size)``."""


@dataclass(frozen=True, kw_only=True)
class Grown(Windows):
    """Augmented windows: the original windows, then the added rows. As lazy as ``Windows``.

    ``part`` and ``row`` ``(n,)``: the part that makes a row, and the row's number in that part.
    ``at``: for a slid row the cell it was slid to; for any other the place of its first origin.
    Generated rows get the places of the generator's training rows in turn, so that no new place
    appears. ``origin`` ``(n, o)``: rows of the original windows, filled up with -1.
    """

    parts: tuple[MadeRows, ...]
    part: Ints
    row: Ints
    origin: Ints

    @classmethod
    def of(cls, X: Windows) -> Grown:
        """The windows themselves, no rows added yet."""
        n = np.arange(len(X))
        copies = Copies(X, n[:, None])
        return cls(
            **_settings(X), parts=(copies,), part=np.zeros_like(n), row=n, origin=copies.origin
        )

    def take(self, rows: Ints | Bools | slice) -> Grown:
        """Return some of the windows; origins keep their numbers."""
        at, part, row, origin = self.at[rows], self.part[rows], self.row[rows], self.origin[rows]
        return replace(self, at=at, part=part, row=row, origin=origin)

    def at_cells(self, at: Ints) -> Windows:
        """Return original windows of the same kind at other cells."""
        return Windows(**_settings(self)).at_cells(at)

    def of_size(self, size: int) -> Grown:
        """Return the middle of each window; raises SamplingError for a larger size."""
        if size > self.size:
            raise SamplingError(
                f"windows augmented at {self.size} cells cannot be read at {size}",
                where="sampling.window",
                remedy=f"read them at {self.size} cells or less",
            )
        return replace(self, size=size)

    def batch(self, rows: Ints | Bools | slice = slice(None)) -> Floats32:
        """Materialise some of the windows, ``(b, n_layers, size, size)`` float32."""
        part, row = self.part[rows], self.row[rows]
        values = np.empty((len(part), *self.shape[1:]), dtype=np.float32)
        for number in np.unique(part):
            here = part == number
            values[here] = self.parts[number].batch(row[here], self)
        return values

    def added(self, part: MadeRows, among: Ints) -> Grown:
        """These windows, then a part that was made from the rows ``among``."""
        n = len(part.origin)
        origin = self.origin[among[part.origin]].reshape(n, -1 if n else 0)
        width = max(origin.shape[1], self.origin.shape[1])
        at = part.at if isinstance(part, Slid) else self.at[among][source_rows(part, len(among))]
        return replace(
            self,
            at=np.concatenate([self.at, at]),
            parts=(*self.parts, part),
            part=np.append(self.part, np.full(n, len(self.parts))),
            row=np.append(self.row, np.arange(n)),
            origin=np.concatenate(
                [
                    np.pad(o, ((0, 0), (0, width - o.shape[1])), constant_values=-1)
                    for o in (self.origin, origin)
                ]
            ),
        )

    def replaced(self, part: MadeRows, among: Ints) -> Grown:
        """These windows, with rows of ``among`` replaced by the rows of a part made from them."""
        row, number = self.row.copy(), self.part.copy()
        changed = among[part.origin[:, 0]]
        row[changed], number[changed] = np.arange(len(changed)), len(self.parts)
        return replace(self, parts=(*self.parts, part), part=number, row=row)


def _settings(X: Windows) -> dict[str, Any]:
    return {f.name: getattr(X, f.name) for f in fields(Windows)}


@dataclass(frozen=True)
class _OfWindows:
    """Base of the parts whose rows are made from windows ``source``, rows ``origin`` ``(m, o)``."""

    source: Windows
    origin: Ints

    def originals(self, rows: Ints, view: Windows, number: int = 0) -> Floats32:
        """Values of an origin of each row: layers, size, hidden cells and scaling of ``view``."""
        settings = _settings(view) | {"at": self.source.at}
        return replace(self.source, **settings).batch(self.origin[rows, number])


@dataclass(frozen=True)
class Copies(_OfWindows):
    """Rows of windows as they are."""

    def batch(self, rows: Ints, view: Windows) -> Floats32:
        """The rows' own windows."""
        return self.originals(rows, view)


@dataclass(frozen=True)
class Slid(_OfWindows):
    """Rows of windows at other cells ``at``, ``(m, 2)``, as they lie on the map."""

    at: Ints

    def batch(self, rows: Ints, view: Windows) -> Floats32:
        """The windows at the rows' cells."""
        return view.at_cells(self.at[rows]).batch()


@dataclass(frozen=True)
class Units:
    """Layers, size and scaling of added values: those of the windows they were made from."""

    names: tuple[str, ...]
    size: int
    scaling: Scaling | None

    @classmethod
    def of(cls, X: Windows) -> Self:
        """Units of the values that windows read."""
        return cls(X.names, X.size, X.scaling)

    def converted(self, values: Floats32, view: Windows, *, steps: bool = False) -> Floats32:
        """Values ``(b, C, size, size)`` in the layers, size and scaling of ``view``.

        ``steps`` are differences between values: only their spread is converted, not their mean.
        """
        layers = np.array([self.names.index(name) for name in view.names])
        first = window_start(self.size) - window_start(view.size)
        middle = slice(first, first + view.size)
        mean, spread = _mean_and_spread(self.scaling, len(self.names))[:, layers]
        new_mean, new_spread = _mean_and_spread(view.scaling, len(view.names))
        factor = (spread / new_spread).astype(np.float32)[:, None, None]
        offset = ((mean - new_mean) / new_spread).astype(np.float32)[:, None, None]
        scaled = values[:, layers, middle, middle] * factor
        return np.asarray(scaled if steps else scaled + offset)


def _mean_and_spread(scaling: Scaling | None, layers: int) -> Floats32:
    """Mean and spread, ``(2, n_layers)``."""
    if scaling is None:
        return np.repeat(np.array([[0], [1]], np.float32), layers, axis=1)
    return np.stack([scaling.mean, scaling.spread])


def source_rows(part: MadeRows, n: int) -> Ints:
    """Number, among ``n`` source windows, of the one whose place each added row takes, ``(m,)``."""
    if part.origin.shape[1]:
        return part.origin[:, 0]
    return np.arange(len(part.origin)) % n


def unchanged(X: Windows) -> bool:
    """Whether all windows show the map at their cells: none is turned, mixed or noisy."""
    if not isinstance(X, Grown):
        return True
    used = (X.parts[number] for number in np.unique(X.part))
    return all(
        isinstance(part, Slid) or (isinstance(part, Copies) and unchanged(part.source))
        for part in used
    )


_WHERE = "sampling.grow"
OPTIONS = f"{_WHERE}.options"
"""Where an augmenter's options are in a configuration."""


class Augmenter(ABC):
    """A way to make further training windows from the training windows of one class.

    ``__init__`` stores and checks the options. ``fewest`` windows are needed to fit. ``per_row``:
    each added row is one window changed, and all windows are used equally often (plus or minus
    one); such a method learns nothing.
    """

    name: ClassVar[str]
    fewest: int = 1
    per_row: bool = True

    X_: Windows

    def check(self, X: Windows) -> None:
        """Raise SamplingError where it cannot be fitted to these windows."""
        require_rows(self.name, X, self.fewest)

    def fit(self, X: Windows, *, seed: int) -> Self:
        """Fit to the windows of one class, ``(n, C, k, k)``; nothing else is read.

        Raises SamplingError where they are fewer than ``fewest``, or a value is missing.
        """
        self.check(X)
        self.X_ = X
        return self

    @abstractmethod
    def grow(self, n: int, *, seed: int) -> MadeRows:
        """Make ``n`` rows."""


class OneRow(Augmenter):
    """Base of the augmenters that change one window at a time; a subclass makes the part."""

    def grow(self, n: int, *, seed: int) -> MadeRows:
        """Make ``n`` rows: round after round over all windows, each round in a random order."""
        rng, m = np.random.default_rng([seed, 21]), len(self.X_)
        order = [rng.permutation(m) for _ in range(math.ceil(n / m))]
        row = np.concatenate([np.empty(0, np.int64), *order])[:n]
        return self._part(row, np.arange(n) // m, rng)

    @abstractmethod
    def _part(self, row: Ints, turn: Ints, rng: np.random.Generator) -> MadeRows:
        """Rows made of the windows ``row``, each for the ``turn``-th time, ``(n,)`` both."""


def require_rows(name: str, X: Windows, fewest: int, remedy: str | None = None) -> None:
    """Raise SamplingError where there are fewer windows than a method needs."""
    if len(X) < fewest:
        raise SamplingError(
            f"{name} needs at least {fewest} window{'s' * (fewest > 1)} of a class to augment it; "
            f"there are {len(X)}",
            where=_WHERE,
            remedy=remedy or "augment this class by another method, such as noise",
        )


def require_whole(option: str, value: object, least: int = 1, most: float = math.inf) -> int:
    """Return an option that counts; raises ConfigError unless it is an int from least to most."""
    where = f"{OPTIONS}.{option}"
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ConfigError(f"must be a whole number of at least {least}, not {value!r}", where=where)
    if value > most:
        raise ConfigError(f"must be at most {most:,}, not {value}", where=where)
    return value


def require_positive(option: str, value: object, most: float = math.inf) -> float:
    """Return an option that is a positive number; raises ConfigError unless it is, up to most."""
    where = f"{OPTIONS}.{option}"
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
        raise ConfigError(f"must be a positive number, not {value!r}", where=where)
    if value > most:
        raise ConfigError(f"must be at most {most:g}, not {value!r}", where=where)
    return float(value)


class Copying(OneRow):
    """Each window again, unchanged: the same as a larger weight for its class."""

    name = "copy"

    def _part(self, row: Ints, turn: Ints, rng: np.random.Generator) -> MadeRows:
        return Copies(self.X_, row[:, None])


_MOST_VARIANCE = 1e6  # values have variance 1; far less noise already hides them


class GaussianNoise(OneRow):
    """Gaussian noise of mean 0 on every value of a window.

    ``variance`` 0.01 is that of the multi-scale feature attention framework (2023, Sustainability),
    on the values of the windows: standardised, where they have a scaling. A weight of geological
    knowledge, which lies in [0, 1] and is not a measurement, stays as it is.

    A row's noise depends only on its own key, so it is the same in every batch.
    """

    name = "noise"

    def __init__(self, variance: float = 0.01) -> None:
        self.variance = require_positive("variance", variance, most=_MOST_VARIANCE)

    def _part(self, row: Ints, turn: Ints, rng: np.random.Generator) -> MadeRows:
        key = rng.integers(2**64, size=len(row), dtype=np.uint64)
        return Noisy(self.X_, row[:, None], key, self.variance**0.5, Units.of(self.X_))


@dataclass(frozen=True)
class Noisy(_OfWindows):
    """Rows of windows with noise of a standard deviation ``spread``, drawn from keys ``(m,)``."""

    key: NDArray[np.uint64]
    spread: float
    units: Units

    def batch(self, rows: Ints, view: Windows) -> Floats32:
        """The rows' windows and their noise."""
        values = self.originals(rows, view)
        shape = (1, len(self.units.names), self.units.size, self.units.size)
        weights = [layer for layer, kind in enumerate(view.kinds) if kind == WEIGHT]
        for value, key in zip(values, self.key[rows], strict=True):
            noise = self.spread * keyed_normal(key, shape)
            steps = self.units.converted(noise, view, steps=True)[0]
            steps[weights] = 0
            value += steps
        return values


def keyed_normal(key: np.uint64, shape: tuple[int, ...]) -> Floats32:
    """Standard normal numbers that depend only on a key.

    By the counter-based generator of Salmon et al. (2011), Parallel random numbers: as easy as
    1, 2, 3, SC '11.
    """
    rng = np.random.Generator(np.random.Philox(key=int(key)))
    return rng.standard_normal(shape, dtype=np.float32)


# A way has three bits: 1 flips the columns, 2 flips the rows, 4 then transposes.
_ALL, _ROTATIONS = (1, 2, 3, 4, 5, 6, 7), (3, 5, 6)


class Turning(OneRow):
    """Quarter turns and flips: the seven other orientations of a window.

    Each orientation of a window is used once before any is used again. With ``flips`` false, only
    the three rotations are used, so that ``times = 4`` gives the four rotations of Xiang et al.
    (2026, Earth Science 51(3)). A window of one cell does not change. In a window of an even size
    the own cell lies beside the middle; turning moves it to another side of the middle.
    """

    name = "turns"

    def __init__(self, flips: bool = True) -> None:
        if not isinstance(flips, bool):
            raise ConfigError(f"must be true or false, not {flips!r}", where=f"{OPTIONS}.flips")
        self.flips = flips

    def _part(self, row: Ints, turn: Ints, rng: np.random.Generator) -> MadeRows:
        others = np.array(_ALL if self.flips else _ROTATIONS)
        order = rng.permuted(np.tile(others, (len(self.X_), 1)), axis=1)
        order = np.column_stack([order, np.zeros(len(order), dtype=np.int64)])
        return Turned(self.X_, row[:, None], order[row, turn % order.shape[1]])


@dataclass(frozen=True)
class Turned(_OfWindows):
    """Rows of windows, each turned in its ``way``, ``(m,)``."""

    way: Ints

    def batch(self, rows: Ints, view: Windows) -> Floats32:
        """The rows' windows, turned."""
        values = self.originals(rows, view)
        way = self.way[rows]
        for number in np.unique(way):
            here = way == number
            values[here] = turned(values[here], int(number))
        return values


def turned(values: Floats32, way: int) -> Floats32:
    """Turn windows ``(b, C, k, k)`` in one of eight ways; 0 changes nothing.

    >>> turned(np.array([[[[1, 2], [3, 4]]]], dtype=np.float32), 5)[0, 0].tolist()
    [[2.0, 4.0], [1.0, 3.0]]
    """
    if way & 1:
        values = values[..., ::-1]
    if way & 2:
        values = values[..., ::-1, :]
    return values.swapaxes(-1, -2) if way & 4 else values


def shifted_copies(
    sampling: Sampling, shift: int, *, size: int, shape: tuple[int, int]
) -> Sampling:
    """Return each row and its copies, slid by up to ``shift`` cells in each direction.

    Copies keep label, group and origin. Copies off the grid are left out, and a cell that two rows
    of one label reach is used once. The deposit stays inside its window, as in Gao et al. (2022)
    and Xiang et al. (2026).

    Raises SamplingError where the deposit would leave its window.
    """
    if shift > (size - 1) // 2:
        raise SamplingError(
            f"a shift of {shift} cells moves the deposit out of its window of {size}",
            where="sampling.shift",
            remedy=f"set it to {(size - 1) // 2}" + (" or less" if size > 2 else ""),
        )
    moves = _moves(shift)
    moves = moves[np.argsort(np.abs(moves).sum(axis=1), kind="stable")]  # the place itself first
    at = (sampling.at[None] + moves[:, None]).reshape(-1, 2)
    row = np.tile(np.arange(len(sampling)), len(moves))
    copies = Sampling(at, sampling.y[row], sampling.group[row], sampling.origin[row])
    copies = copies.take(_on_grid(at, shape))
    keys = np.column_stack([copies.at, copies.y])
    _, first = np.unique(keys, axis=0, return_index=True)
    return copies.take(np.sort(first))


def _moves(shift: int, step: int = 1) -> Ints:
    """Rows and columns from -shift to shift, ``(m, 2)``."""
    steps = np.arange(-shift, shift + 1, step)
    return np.stack(np.meshgrid(steps, steps, indexing="ij"), axis=-1).reshape(-1, 2)


def _on_grid(at: Ints, shape: tuple[int, ...]) -> Bools:
    return np.asarray(((at >= 0) & (at < np.array(shape))).all(axis=1))


class Slide(Augmenter):
    """Windows slid by multiples of ``step`` cells, up to ``shift``; the original row stays.

    Positions are a square lattice around a place, ``(2 shift // step + 1)`` on a side. The place
    itself replaces the position nearest to it. With ``shift = 14``, ``step = 4`` a place and its
    slid windows are 8 x 8 = 64 rows, although no step falls on the place. So 11 places make 704
    rows, and with four rotations the 2,816 windows of Xiang et al. (2026, Earth Science 51(3)). A
    cell that two rows of the class reach is used once, by the nearer row. Left out: cells of
    existing rows, cells off the grid, cells without a value in every layer, and cells whose window
    has a hidden cell.

    A step without an amount uses all positions; otherwise that many are drawn at random.

    Learned: ``at_`` and ``origin_`` of all positions, ``(n, 2)`` and ``(n, 1)``.
    """

    name = "slide"
    per_row = False

    at_: Ints
    origin_: Ints

    def __init__(self, shift: int = 1, step: int = 1) -> None:
        self.shift = require_whole("shift", shift)
        self.step = require_whole("step", step)
        if step > 2 * shift:
            raise ConfigError(
                f"a step of {step} cells is wider than the range from {-shift} to {shift}",
                where=f"{OPTIONS}.step",
                remedy=f"set it to {2 * shift} or less",
            )

    def check_window(self, size: int) -> None:
        """Raise SamplingError where the shift moves a place out of its window of ``size`` cells."""
        most = (size - 1) // 2
        if self.shift > most:
            raise SamplingError(
                f"a shift of {self.shift} cells moves the place out of its window of {size}",
                where=f"{OPTIONS}.shift",
                remedy=f"set it to {most} or less"
                if most
                else "leave slide out, or widen the window",
            )

    def check(self, X: Windows) -> None:
        """Raise SamplingError where a place would leave its window, or a window was changed."""
        super().check(X)
        self.check_window(X.size)
        if not unchanged(X):
            raise SamplingError(
                "windows that are turned, mixed or noisy have no map position and cannot be slid",
                where=_WHERE,
                remedy="put slide before the other steps",
            )

    def fit(self, X: Windows, *, seed: int) -> Self:
        """Find the free positions; raises SamplingError as ``check``."""
        super().fit(X, seed=seed)
        moves = _moves(self.shift, self.step)
        moves = moves[np.argsort((moves**2).sum(axis=1), kind="stable")][1:]  # the place is there
        at = (X.at[None] + moves[:, None]).reshape(-1, 2)
        row = np.tile(np.arange(len(X)), len(moves))
        known = _with_values(X, at)
        at, row = at[known], row[known]
        columns = X.stack.shape[2]
        _, first = np.unique(at @ (columns, 1), return_index=True)
        first = np.sort(first)  # the nearest rows' come first
        first = first[~np.isin(at[first] @ (columns, 1), X.at @ (columns, 1))]
        self.at_, self.origin_ = at[first], row[first, None]
        return self

    def grow(self, n: int, *, seed: int) -> MadeRows:
        """Draw ``n`` of the positions; raises SamplingError where there are fewer."""
        most = len(self.at_)
        if n > most:
            raise SamplingError(
                f"{len(self.X_)} windows can be slid to {most} positions, fewer than the {n} "
                "asked for",
                where=_WHERE,
                remedy=f"raise {OPTIONS}.shift, or set a smaller amount",
            )
        rng = np.random.default_rng([seed, 21])
        drawn = np.sort(rng.choice(most, n, replace=False))
        return Slid(self.X_, self.origin_[drawn], self.at_[drawn])


def _with_values(X: Windows, at: Ints) -> Bools:
    """Whether cells lie on the grid, have all values, and no hidden cell in their window."""
    known = _on_grid(at, X.stack.shape[1:])
    row, column = np.where(known[:, None], at, 0).T
    for layer in X.stack:
        known &= np.isfinite(layer[row, column])
    if X.hidden is not None:
        known &= ~windows_touching(X.hidden, X.size)[row, column]
    return known


_VALUES_HELD, _VALUES_AT_ONCE = 2**22, 2**18
_ROWS_AT_ONCE = 1024


class Smote(Augmenter):
    r"""SMOTE: a point on the line from a window to one of its neighbours of the same class.

    .. math:: x = x_i + u \, (x_j - x_i), \quad u \sim U(0, 1)

    with :math:`j` one of the ``neighbours`` nearest windows of :math:`i`, by Euclidean distance
    over all values. All pairs are equally likely. N.V. Chawla, K.W. Bowyer, L.O. Hall, W.P.
    Kegelmeyer (2002), SMOTE: synthetic minority over-sampling technique, JAIR 16, 321-357; drawn
    as in imbalanced-learn. A window is never its own neighbour, even if another one equals it.

    Learned: ``nearest_`` ``(n, neighbours)``.
    """

    name = "smote"
    per_row = False

    nearest_: Ints

    def __init__(self, neighbours: int = 5) -> None:
        self.neighbours = require_whole("neighbours", neighbours)
        self.fewest = self.neighbours + 1

    def check(self, X: Windows) -> None:
        """Raise SamplingError where a window has fewer neighbours than are asked for."""
        fewer = f"set its option neighbours to {len(X) - 1} or less" if len(X) > 1 else None
        require_rows(self.name, X, self.fewest, fewer)

    def fit(self, X: Windows, *, seed: int) -> Self:
        """Find each window's neighbours; they are read a block at a time."""
        super().fit(X, seed=seed)
        self.nearest_ = nearest_windows(X, self.neighbours)
        return self

    def grow(self, n: int, *, seed: int) -> MadeRows:
        """Draw ``n`` pairs of neighbours and a point between them."""
        rng = np.random.default_rng([seed, 21])
        pair = rng.integers(self.nearest_.size, size=n)
        return Between(self.X_, self.pairs(pair), rng.uniform(size=n))

    def pairs(self, pair: Ints) -> Ints:
        """Window and neighbour of pairs numbered through, ``(n, 2)``."""
        i, k = np.divmod(pair, self.neighbours)
        return np.column_stack([i, self.nearest_[i, k]])


@dataclass(frozen=True)
class Between(_OfWindows):
    """Rows on the line from one window to another, a ``share`` ``(m,)`` of the way."""

    share: Floats

    def batch(self, rows: Ints, view: Windows) -> Floats32:
        """The rows' points on their lines."""
        a, b = (self.originals(rows, view, end) for end in (0, 1))
        b -= a
        for start, way, share in zip(a, b, self.share[rows], strict=True):
            start += share * way.astype(np.float64)
        return a


def nearest_windows(X: Windows, k: int) -> Ints:
    """The ``k`` nearest other windows of each, nearest first, ``(n, k)``.

    Each block is compared with all others, which are read a few at a time.
    Raises SamplingError, which names the layer, where a value is missing.
    """
    return np.concatenate([_nearest_of(X, rows, k) for rows in _blocks(X, _VALUES_HELD)])


def _nearest_of(X: Windows, rows: Ints, k: int) -> Ints:
    """The ``k`` nearest other windows of some, ``(b, k)``."""
    a = _read(X, rows)
    best, who = np.full((len(a), k), np.inf), np.full((len(a), k), -1)
    for others in _blocks(X, _VALUES_AT_ONCE):
        b = _read(X, others)
        products = a @ b.T
        a_squared, b_squared = (np.einsum("ij,ij->i", v, v) for v in (a, b))
        distance = a_squared[:, None] - 2 * products + b_squared
        distance[rows[:, None] == others] = np.inf
        best = np.hstack([best, distance])
        who = np.hstack([who, np.broadcast_to(others, distance.shape)])
        order = np.argpartition(best, k - 1, axis=1)[:, :k]
        best, who = (np.take_along_axis(v, order, axis=1) for v in (best, who))
    order = np.argsort(best, axis=1, kind="stable")
    return np.asarray(np.take_along_axis(who, order, axis=1))


def _blocks(X: Windows, values: int) -> list[Ints]:
    """Rows in order, in blocks of at most so many values."""
    step = int(np.clip(values // max(1, math.prod(X.shape[1:])), 1, _ROWS_AT_ONCE))
    return [np.arange(k, min(k + step, len(X))) for k in range(0, len(X), step)]


def _read(X: Windows, rows: Ints) -> Floats:
    """Values of some windows, ``(b, C k k)``; SamplingError, with the layer, if one is missing."""
    batch = X.batch(rows)
    gaps = ~np.isfinite(batch).all(axis=(0, 2, 3))
    if gaps.any():
        raise SamplingError(
            "windows to augment have missing or infinite values",
            where=f"layer {X.names[int(np.argmax(gaps))]}",
            remedy="give the windows a scaling, which sets missing values to the mean",
        )
    return batch.reshape(len(batch), -1).astype(np.float64)


_NAMES = {1.0: "ore", 0.0: "negative"}
_AMOUNTS = ("times", "n", "to", "share")
_MOST_ROWS = 10_000_000  # about 100 bytes each, without values: a gigabyte


@dataclass(frozen=True)
class Step:
    """One augmentation method and its amount; exactly one amount is given.

    ``balance``: add rows to the smaller class until both are equal. ``times``: a class to so many
    times its rows. ``n``: add so many rows. ``to``: so many rows in total. ``share``: add no row,
    but change this share of a class's rows in place. Only ``slide`` may have no amount: it then
    adds all positions that it finds. ``label`` 1 (ore) or 0 (negative) is the class; without it,
    both are augmented, each by itself. Raises ConfigError for any other amount.
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
                f"a step takes exactly one of balance, times, n, to and share, not "
                f"{' and '.join(named) or 'none'}",
                where=_WHERE,
                remedy="keep one of them" if named else "give one; only slide may have none",
            )
        number, whole = (int, float), "a whole number of at least 0"
        possible = {
            "label": (self.label in (None, 0, 1), "1 (ore) or 0 (negative)"),
            "balance": (isinstance(self.balance, bool), "true or false"),
            "times": (_is_amount(self.times, number, least=1), "a number of at least 1"),
            "n": (_is_amount(self.n, int), whole),
            "to": (_is_amount(self.to, int), whole),
            "share": (_is_amount(self.share, number, most=1), "a share between 0 and 1"),
        }
        for name, (good, what) in possible.items():
            if not good:
                value = getattr(self, name)
                raise ConfigError(f"must be {what}, not {value!r}", where=f"{_WHERE}.{name}")
        if self.balance and self.label is not None:
            raise ConfigError(
                "balance already chooses the smaller class, so label cannot be given",
                where=_WHERE,
                remedy="leave label out",
            )

    def slide_distance(self, label: float) -> int:
        """Cells that slid rows need on each side of a row of a class, if all positions are used."""
        augmenter = None if self._named or self.label not in (None, label) else self.build()
        return augmenter.shift if isinstance(augmenter, Slide) else 0

    @property
    def _named(self) -> list[str]:
        """Names of the amounts given."""
        numbers = [name for name in _AMOUNTS if getattr(self, name) is not None]
        return numbers + ["balance"] * (self.balance is not False)

    def amounts(self, y: Floats) -> dict[float, int | None]:
        """Rows to add to each class, from the labels before the step; None: all positions.

        Raises SamplingError where a class to augment has no row or too many already, and where
        the result would have more rows than memory can hold.
        """
        count = {label: int((y == label).sum()) for label in _NAMES}
        chosen = [float(self.label)] if self.label is not None else list(_NAMES)
        if self.balance:
            chosen = [min(count, key=lambda label: count[label])]
        empty = [_NAMES[label] for label in chosen if not count[label]]
        if empty:
            raise SamplingError(
                f"there is no {empty[0]} window to augment",
                where=_WHERE,
                remedy="set label to the class that has windows",
            )
        for label in chosen:
            if self.to is not None and count[label] > self.to:
                raise SamplingError(
                    f"there are {count[label]} {_NAMES[label]} windows already, more than the "
                    f"total of {self.to} asked for",
                    where=f"{_WHERE}.to",
                    remedy=f"set it to {count[label]} or more",
                )
        more = {label: self._amount(count[label], max(count.values())) for label in chosen}
        rows = len(y) + sum(n or 0 for n in more.values())
        if self.share is None and rows > _MOST_ROWS:
            raise SamplingError(
                f"{min(rows, 1e300):.3g} windows would result; the limit is "
                f"{_MOST_ROWS // 10**6} million",
                where=_WHERE,
                remedy="set a smaller amount",
            )
        return {label: None if n is None else round(n) for label, n in more.items()}

    def _amount(self, rows: int, most: int) -> float | None:
        if self.balance:
            return most - rows
        if self.times is not None:
            return (self.times - 1) * rows
        if self.share is not None:
            return self.share * rows
        return self.n if self.to is None else self.to - rows


def _is_amount(
    value: object, kind: type | tuple[type, ...], least: float = 0, most: float = math.inf
) -> bool:
    """Whether a value is None, or a finite number of a kind from ``least`` to ``most``."""
    if value is None:
        return True
    return (
        isinstance(value, kind)
        and not isinstance(value, bool)
        and least <= value <= most  # type: ignore[operator]
        and value != math.inf
    )


class GrowthRecord(NamedTuple):
    """Rows that one step added to a class: ``n`` rows from ``start`` on.

    ``n`` is 0 where the class already had ``enough`` rows, or slide found no free position.
    ``step`` is the number of the step, from 0.
    """

    method: str
    label: float
    start: int
    n: int
    step: int
    enough: bool = False


class Growth(NamedTuple):
    """Augmented windows, their labels and groups.

    ``group`` is that of the first origin, -1 for generated rows. ``made`` lists the rows added by
    each step, in order.
    """

    X: Grown
    y: Floats
    group: Ints
    made: tuple[GrowthRecord, ...] = ()

    @property
    def origin(self) -> Ints:
        """Rows of the original windows ``(n, o)``, filled up with -1.

        A window has its own number, a SMOTE row has two, a generated row has none.
        """
        return self.X.origin


def grow(
    X: Windows,
    y: Floats,
    group: Ints,
    plan: Sequence[Step],
    *,
    seed: int,
    train: bool = True,
) -> Growth:
    """Augment windows ``(n, C, k, k)`` step by step; each step uses the rows of the steps before.

    Each class is augmented from its own rows only. Existing rows keep their order, added rows
    follow. Rows without a label do not change. Without ``train``, turned windows replace the rows
    of trained methods: the number of rows of each class is the same.

    Raises SamplingError where a class is too small for a method, or the result has more rows than
    memory can hold; also what a method raises. The message names the step.
    """
    growth = Growth(Grown.of(X), np.asarray(y, dtype=np.float64), np.asarray(group))
    for number, step in enumerate(plan):
        with naming_step(number):
            for label, n in step.amounts(growth.y).items():
                if n != 0:
                    drawn = np.random.default_rng([seed, 23, number, int(label)])
                    fit, make = (int(k) for k in drawn.integers(2**63, size=2))
                    if step.share is None:
                        growth = _add_rows(growth, label, n, step, number, (fit, make), train)
                    else:
                        growth = _change_rows(growth, label, n, step, (fit, make))
                elif step.share is None and (step.balance or step.label is not None):
                    none = GrowthRecord(
                        step.build().name, label, len(growth.y), 0, number, enough=True
                    )
                    growth = growth._replace(made=(*growth.made, none))
    return growth


@contextmanager
def naming_step(number: int) -> Iterator[None]:
    """Add the number of the step, from 0 as in every list of a run.toml, to errors inside."""
    try:
        yield
    except OrecastError as error:
        where, remedy = (
            text and text.replace(_WHERE, f"{_WHERE}.{number}")
            for text in (error.where, error.remedy)
        )
        raise type(error)(error.what, where=where, remedy=remedy) from error


def _add_rows(
    growth: Growth,
    label: float,
    n: int | None,
    step: Step,
    number: int,
    seeds: tuple[int, int],
    train: bool,
) -> Growth:
    """Add ``n`` rows to one class, or all positions (None); seeds of fitting and of making rows."""
    among = np.flatnonzero(growth.y == label)
    windows, augmenter = growth.X.take(among), step.build()
    name = augmenter.name
    if not (train or augmenter.per_row or isinstance(augmenter, Slide)):
        augmenter.check(windows)
        augmenter = Turning()
    augmenter.fit(windows, seed=seeds[0])
    if n is None:
        assert isinstance(augmenter, Slide)
        n = len(augmenter.at_)
    part = augmenter.grow(n, seed=seeds[1])
    source = among[source_rows(part, len(among))]
    return Growth(
        growth.X.added(part, among),
        np.append(growth.y, np.full(n, label)),
        np.append(growth.group, growth.group[source] if part.origin.shape[1] else np.full(n, -1)),
        (*growth.made, GrowthRecord(name, label, len(growth.y), n, number)),
    )


def _change_rows(
    growth: Growth, label: float, n: int | None, step: Step, seeds: tuple[int, int]
) -> Growth:
    """Change ``n`` rows of one class instead of adding rows."""
    augmenter = step.build()
    if not augmenter.per_row or isinstance(augmenter, Copying):
        raise ConfigError(
            "replacing a window by its copy changes nothing"
            if augmenter.per_row
            else "only a method that changes single windows can change a share of them",
            where=f"{_WHERE}.share",
            remedy="choose turns or noise, or give times, n or balance instead of share",
        )
    among = np.flatnonzero(growth.y == label)
    rng = np.random.default_rng([seeds[1], 22])
    chosen = among[np.sort(rng.choice(len(among), n, replace=False))]
    part = augmenter.fit(growth.X.take(chosen), seed=seeds[0]).grow(len(chosen), seed=seeds[1])
    return growth._replace(X=growth.X.replaced(part, chosen))
