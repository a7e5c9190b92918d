"""SMOTE: windows on the line between a window and one of its nearest."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from orecast.errors import SamplingError
from orecast.samples.growing.rows import require_rows, require_whole
from orecast.samples.grown import Part, through
from orecast.samples.nouns import Floats, Ints, Windows

REGISTERED = {"smote": "Smote"}

Doubles = NDArray[np.float64]

_VALUES_HELD, _VALUES_AT_ONCE = 2**22, 2**18
_ROWS_AT_ONCE = 1024


class Smote:
    r"""SMOTE: a point on the line from a window to one of its nearest of the same class.

    .. math:: x = x_i + u \, (x_j - x_i), \quad u \sim U(0, 1)

    with :math:`j` one of the ``neighbours`` nearest windows of :math:`i`, by Euclidean distance
    over all their values; pairs are drawn alike. N.V. Chawla, K.W. Bowyer, L.O. Hall, W.P.
    Kegelmeyer (2002), SMOTE: synthetic minority over-sampling technique, JAIR 16, 321-357; as
    imbalanced-learn draws it. A window is never its own neighbour, even where another equals it.

    Learned: ``nearest_`` ``(n, neighbours)``.
    """

    name = "smote"
    per_row = False

    X_: Windows
    nearest_: Ints

    def __init__(self, neighbours: int = 5) -> None:
        self.neighbours = require_whole("neighbours", neighbours)

    @property
    def fewest(self) -> int:
        """A window, and its neighbours."""
        return self.neighbours + 1

    def check(self, X: Windows) -> None:
        """Raise SamplingError where a window has fewer neighbours than are asked for."""
        fewer = f"set its option neighbours to {len(X) - 1} or less" if len(X) > 1 else None
        require_rows(self.name, X, self.fewest, fewer)

    def fit(self, X: Windows, *, seed: int) -> Self:
        """Find each window's neighbours; they are read a block at a time."""
        self.check(X)
        self.X_ = X
        self.nearest_ = nearest(X, self.neighbours)
        return self

    def grow(self, n: int, *, seed: int) -> Part:
        """Draw ``n`` pairs of neighbours and a place between them."""
        rng = np.random.default_rng([seed, 21])
        pair = rng.integers(self.nearest_.size, size=n)
        return Between(self.X_, self.pairs(pair), rng.uniform(size=n))

    def pairs(self, pair: Ints) -> Ints:
        """Window and neighbour of pairs numbered through, ``(n, 2)``."""
        i, k = np.divmod(pair, self.neighbours)
        return np.column_stack([i, self.nearest_[i, k]])


@dataclass(frozen=True)
class Between:
    """Rows on the line from one window to another, a ``share`` ``(m,)`` of the way."""

    source: Windows
    origin: Ints  # (m, 2)
    share: Doubles

    def batch(self, rows: Ints, view: Windows) -> Floats:
        """The rows' points on their lines."""
        source = through(view, self.source)
        a, b = (source.batch(self.origin[rows, end]) for end in (0, 1))
        b -= a
        for start, way, share in zip(a, b, self.share[rows], strict=True):
            start += share * way.astype(np.float64)
        return a


def nearest(X: Windows, k: int) -> Ints:
    """The ``k`` nearest other windows of each, nearest first, ``(n, k)``.

    A block of them is held against all others, which are read a few at a time.
    Raises SamplingError with the layer where a value is missing.
    """
    blocks = _blocks(X, _VALUES_HELD)
    return np.concatenate([_nearest_of(X, rows, k) for rows in blocks])


def _nearest_of(X: Windows, rows: Ints, k: int) -> Ints:
    """The ``k`` nearest other windows of some, ``(b, k)``."""
    a = _read(X, rows)
    best, who = np.full((len(a), k), np.inf), np.full((len(a), k), -1)
    for others in _blocks(X, _VALUES_AT_ONCE):
        apart = _squares_apart(a, _read(X, others))
        apart[rows[:, None] == others] = np.inf
        best = np.hstack([best, apart])
        who = np.hstack([who, np.broadcast_to(others, apart.shape)])
        order = np.argpartition(best, k - 1, axis=1)[:, :k]
        best, who = (np.take_along_axis(v, order, axis=1) for v in (best, who))
    order = np.argsort(best, axis=1, kind="stable")
    return np.asarray(np.take_along_axis(who, order, axis=1))


def _squares_apart(a: Doubles, b: Doubles) -> Doubles:
    """Squared distance of each row of ``a`` to each of ``b``."""
    products = a @ b.T
    own, others = (np.einsum("ij,ij->i", v, v) for v in (a, b))
    return np.asarray(own[:, None] - 2 * products + others)


def _blocks(X: Windows, values: int) -> list[Ints]:
    """Rows in order, as many at a time as hold so many values."""
    step = int(np.clip(values // max(1, math.prod(X.shape[1:])), 1, _ROWS_AT_ONCE))
    return [np.arange(k, min(k + step, len(X))) for k in range(0, len(X), step)]


def _read(X: Windows, rows: Ints) -> Doubles:
    """Values of some windows, ``(b, C k k)``, a few windows at a time."""
    few = max(1, _VALUES_AT_ONCE // math.prod(X.shape[1:]))
    values = np.empty((len(rows), math.prod(X.shape[1:])))
    for start in range(0, len(rows), few):
        batch = X.batch(rows[start : start + few])
        _require_values(batch, X.names)
        values[start : start + few] = batch.reshape(len(batch), -1)
    return values


def _require_values(batch: Floats, names: tuple[str, ...]) -> None:
    gaps = ~np.isfinite(batch).all(axis=(0, 2, 3))
    if gaps.any():
        raise SamplingError(
            "windows that are to be grown hold missing or infinite values",
            where=f"layer {names[int(np.argmax(gaps))]}",
            remedy="give the windows a scaling, which sets missing values to the mean",
        )
