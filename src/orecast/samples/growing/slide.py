"""Slid windows: those that begin a few cells beside a window."""

from __future__ import annotations

from typing import Self

import numpy as np

from orecast.errors import ConfigError, SamplingError
from orecast.grid import windows_touching
from orecast.samples.growing.rows import OPTIONS, require_rows, require_whole
from orecast.samples.grown import Part, Slid, as_they_lie
from orecast.samples.nouns import Bools, Ints, Windows

REGISTERED = {"slide": "Slide"}


class Slide:
    """Windows slid by every ``step`` cells up to ``shift`` each way; the row itself stays.

    Positions are a square lattice around a place, ``(2 shift // step + 1)`` on a side, and the
    place itself counts as the one of them that is nearest to it: with ``shift = 14``, ``step = 4``
    a place and its slid windows are 8 x 8 = 64 rows, though the steps pass the place by. So 11
    places make 704, and turned four ways the 2,816 windows of Xiang et al. (2026, Earth Science
    51(3)). A cell that two rows of the class slide onto is taken once, by the nearer one, and none
    is taken on which a row stands. A cell beyond the grid is left out, so is one without a value in
    every layer, and, where cells are hidden, each whose window touches one.

    A step that names no amount takes all positions; otherwise so many are drawn at random.

    Learned: ``at_`` and ``origin_`` of all positions, ``(n, 2)`` and ``(n, 1)``.
    """

    name = "slide"
    fewest = 1
    per_row = False

    X_: Windows
    at_: Ints
    origin_: Ints

    def __init__(self, shift: int = 1, step: int = 1) -> None:
        self.shift = require_whole("shift", shift)
        self.step = require_whole("step", step)
        if step > 2 * shift:
            raise ConfigError(
                f"a step of {step} cells is wider than the way from {-shift} to {shift}",
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
        """Raise SamplingError where a window would lose its own cell, or is turned or mixed."""
        require_rows(self.name, X, self.fewest)
        self.check_window(X.size)
        if not as_they_lie(X):
            raise SamplingError(
                "windows that are turned, mixed or noisy lie nowhere on the map to be slid",
                where="sampling.grow",
                remedy="let slide come before the other steps",
            )

    def fit(self, X: Windows, *, seed: int) -> Self:
        """Find the positions that are free; raises SamplingError as ``check``."""
        self.check(X)
        moves = self._moves()
        at = (X.at[None] + moves[:, None]).reshape(-1, 2)
        row = np.tile(np.arange(len(X)), len(moves))
        known = _with_values(X, at)
        at, row = at[known], row[known]
        columns = X.stack.shape[2]
        _, first = np.unique(at @ (columns, 1), return_index=True)
        first = np.sort(first)  # the nearest rows' come first
        own = np.isin(at[first] @ (columns, 1), X.at @ (columns, 1))
        self.X_, self.at_, self.origin_ = X, at[first[~own]], row[first[~own], None]
        return self

    @property
    def most(self) -> int:
        """How many positions there are."""
        return len(self.at_)

    def grow(self, n: int, *, seed: int) -> Part:
        """Draw ``n`` of the positions; raises SamplingError where there are fewer."""
        if n > self.most:
            raise SamplingError(
                f"{len(self.X_)} windows can be slid to {self.most} positions, and {n} are asked "
                "for",
                where="sampling.grow",
                remedy=f"raise {OPTIONS}.shift, or ask for fewer",
            )
        rng = np.random.default_rng([seed, 21])
        drawn = np.sort(rng.choice(self.most, n, replace=False))
        return Slid(self.X_, self.origin_[drawn], self.at_[drawn])

    def _moves(self) -> Ints:
        """Rows and columns to slide by, nearest first, without the one that stays, ``(m, 2)``."""
        steps = np.arange(-self.shift, self.shift + 1, self.step)
        moves = np.stack(np.meshgrid(steps, steps, indexing="ij"), axis=-1).reshape(-1, 2)
        return moves[np.argsort((moves**2).sum(axis=1), kind="stable")][1:]


def _with_values(X: Windows, at: Ints) -> Bools:
    """Whether cells lie on the grid, have all values, and no hidden cell in their window."""
    shape = X.stack.shape[1:]
    known = np.asarray(((at >= 0) & (at < np.array(shape))).all(axis=1))
    row, column = np.where(known[:, None], at, 0).T
    for layer in X.stack:
        known &= np.isfinite(layer[row, column])
    if X.hidden is not None:
        known &= ~windows_touching(X.hidden, X.size)[row, column]
    return known
