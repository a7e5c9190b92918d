"""Shared by the protocols: their base, test region, hidden cells around it, training rows."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, overload

import numpy as np

from orecast.arrays import Bools, Ints
from orecast.errors import ConfigError, SamplingError
from orecast.grid import widened, windows_over, windows_touching
from orecast.sampling.places import mask_of
from orecast.sampling.windows import Fold, MapGeometry, Sampling

FEWEST_TO_TRAIN = 2


@dataclass
class BaseProtocol:
    """Base of the protocols: a subclass splits with ``folds``, which sets ``words``."""

    geometry: MapGeometry
    n_folds: int = 5
    seed: int = 0
    words: str = field(default="", init=False)

    def buffer_words(self, reach: float) -> str:
        """Text of the distance between training and test."""
        return f"{kilometres(self.geometry.buffer(reach))} (a window plus twice the reach)"

    def training_words(self, reach: float, fewest: int) -> str:
        """Text of the distance between training and test, and of the least training places."""
        return (
            f"training stays {self.buffer_words(reach)} from the tested cells; each fold trains on "
            f"at least {fewest} deposit cells"
        )


@dataclass(frozen=True)
class LazyFolds(Sequence[Fold]):
    """Folds that are made on access. A fold holds two maps, so not all are kept in memory."""

    n: int
    make: Callable[[int], Fold]

    def __len__(self) -> int:
        return self.n

    @overload
    def __getitem__(self, k: int) -> Fold: ...
    @overload
    def __getitem__(self, k: slice) -> LazyFolds: ...
    def __getitem__(self, k: int | slice) -> Fold | LazyFolds:
        numbers = range(self.n)[k if isinstance(k, slice) else operator.index(k)]
        if isinstance(numbers, int):
            return self.make(numbers)
        return LazyFolds(len(numbers), lambda i: self.make(numbers[i]))


def cut(geometry: MapGeometry, reach: float, sampling: Sampling, test: Ints, region: Bools) -> Fold:
    """Return the fold that tests rows ``test`` in ``region`` and trains on what is left.

    Hidden cells: the windows of the region and of the tested rows, and all cells within twice the
    ``reach`` (metres) of them. A row is in training where its window has no hidden cell.
    """
    hidden = hidden_around(region | mask_of(sampling.at[test], region.shape), geometry, reach)
    return Fold(training_rows(sampling, test, hidden, geometry.size), test, hidden, region)


def hidden_around(mask: Bools, geometry: MapGeometry, reach: float) -> Bools:
    """Cells that the windows of ``mask`` cover, and cells within twice the ``reach`` of these.

    ``(rows, columns)``. Only the surroundings of ``mask`` are computed.
    """
    margin = 2 * reach / geometry.cell_size
    hidden = np.zeros_like(mask)
    if mask.any():
        pad = geometry.size + math.ceil(margin)
        box = tuple(
            slice(max(0, int(at.min()) - pad), int(at.max()) + pad + 1) for at in np.nonzero(mask)
        )
        hidden[box] = widened(windows_over(mask[box], geometry.size), margin)
    return hidden


def training_rows(sampling: Sampling, test: Ints, hidden: Bools, size: int) -> Ints:
    """Rows of ore outside ``test`` whose windows have no ``hidden`` cell."""
    free = ~windows_touching(hidden, size)[tuple(sampling.at.T)]
    free &= sampling.y == 1
    free[test] = False
    return np.flatnonzero(free)


def disc(at: Ints, radius: float, shape: tuple[int, int]) -> Bools:
    """Cells whose centres lie within ``radius`` cells of the cell ``at``, ``(rows, columns)``."""
    row, column = np.ogrid[: shape[0], : shape[1]]
    # distances squared are whole numbers; 1e-6 makes up for a radius rounded down
    return np.asarray((row - at[0]) ** 2 + (column - at[1]) ** 2 <= radius**2 + 1e-6)


def kilometres(metres: float) -> str:
    """Metres as text in kilometres, three digits.

    >>> kilometres(12_345)
    '12.3 km'
    """
    return f"{metres / 1000:.3g} km"


def check_number(
    value: Any, option: str, *, low: float, high: float = math.inf, whole: bool = False
) -> None:
    """Raise ConfigError unless an option's value is a number from ``low`` to ``high``."""
    kind = int if whole else (int, float)
    if isinstance(value, kind) and not isinstance(value, bool) and low <= value <= high:
        return
    what = "a whole number" if whole else "a number"
    span = f"of {low:g} or more" if high == math.inf else f"from {low:g} to {high:g}"
    raise ConfigError(
        f"{option} must be {what} {span}, not {value!r}",
        where=f"validation.options.{option}",
        remedy=f"set {option} to such a number, or leave it out",
    )


def require_training(what: str, fewest: int, remedy: str) -> None:
    """Raise SamplingError where a fold has fewer training places than a model needs."""
    if fewest < FEWEST_TO_TRAIN:
        raise SamplingError(
            f"{what} leaves {fewest} deposit cells to train on; a fold needs at least "
            f"{FEWEST_TO_TRAIN}",
            where="validation.protocol",
            remedy=remedy,
        )
