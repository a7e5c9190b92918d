"""What leak-free protocols share: a region, what is hidden around it, and who may still learn."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, overload

import numpy as np

from orecast.arrays import Bools, Ints
from orecast.errors import ConfigError, SamplingError
from orecast.grid import widened, windows_over, windows_touching
from orecast.sampling.windows import Fold, MapGeometry, Sampling

FEWEST_TO_LEARN_FROM = 2


@dataclass(frozen=True)
class LazyFolds(Sequence[Fold]):
    """Folds made when they are asked for: two maps a fold, thousands never stand in memory."""

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


def cut(ground: MapGeometry, reach: float, sampling: Sampling, test: Ints, region: Bools) -> Fold:
    """Return the fold that tests rows ``test`` in ``region`` and learns from what is left.

    Hidden are the windows of the region and of the tested rows, and whatever lies within twice
    the ``reach`` (metres) of one of their cells; a row learns where its window meets none of it.
    """
    spoken_for = region.copy()
    spoken_for[sampling.at[test, 0], sampling.at[test, 1]] = True
    hidden = concealed(spoken_for, ground, reach)
    return Fold(learners(sampling, test, hidden, ground.size), test, hidden, region)


def concealed(mask: Bools, ground: MapGeometry, reach: float) -> Bools:
    """Cells that the windows of ``mask`` cover, and those within twice the ``reach`` of one.

    ``(rows, columns)``. Only the surroundings of ``mask`` are computed.
    """
    margin = 2 * reach / ground.cell_size
    hidden = np.zeros_like(mask)
    if mask.any():
        pad = ground.size + math.ceil(margin)
        box = tuple(
            slice(max(0, int(at.min()) - pad), int(at.max()) + pad + 1) for at in np.nonzero(mask)
        )
        hidden[box] = widened(windows_over(mask[box], ground.size), margin)
    return hidden


def learners(sampling: Sampling, test: Ints, hidden: Bools, size: int) -> Ints:
    """Rows of ore outside ``test`` whose windows share no cell with ``hidden``."""
    free = ~windows_touching(hidden, size)[sampling.at[:, 0], sampling.at[:, 1]]
    free &= sampling.y == 1
    free[test] = False
    return np.flatnonzero(free)


def spot(at: Ints, radius: float, shape: tuple[int, int]) -> Bools:
    """Cells whose centres lie within ``radius`` cells of the cell ``at``, ``(rows, columns)``."""
    row, column = np.ogrid[: shape[0], : shape[1]]
    # squares of cells are whole numbers, so that a root squared again may not fall short of one
    return np.asarray((row - at[0]) ** 2 + (column - at[1]) ** 2 <= radius**2 + 1e-6)


def kilometres(metres: float) -> str:
    """Metres as protocols say them.

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
        remedy="give such a number, or leave the option out",
    )


def refuse_too_few(what: str, fewest: int, remedy: str) -> None:
    """Raise SamplingError where a fold learns from fewer places than a model needs."""
    if fewest < FEWEST_TO_LEARN_FROM:
        raise SamplingError(
            f"{what} leaves {fewest} places of ore to learn from; a fold needs at least "
            f"{FEWEST_TO_LEARN_FROM}",
            where="validation.protocol",
            remedy=remedy,
        )
