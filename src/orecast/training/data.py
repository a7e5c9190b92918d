"""Batches of windows in training, flipped and trimmed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import KW_ONLY, dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from orecast.arrays import Floats32, Ints
from orecast.errors import ModelError
from orecast.sampling.windows import Windows
from orecast.training.reading import Trims, fitting_trim

Flips = bool | Literal["alone"]


@dataclass
class TrainingBatches:
    """Windows and labels in batches, in an order that depends only on the seed and the epoch.

    Yields ``(b, n_layers, k, k)`` and ``(b,)``, float32. Every window comes once per epoch. A last
    batch of one window joins the batch before it, since batch normalisation needs two. With
    ``flips``, each window becomes one of its eight flips and quarter turns at random; with "alone",
    one of the four flips along rows and columns. With ``trim``, each window is moved by up to
    ``trim`` cells (``reading.Trims``); windows of one cell stay. Set ``epoch`` before iterating.
    Raises SamplingError for a trim that moves a place out of its window.
    """

    X: Windows
    y: NDArray[np.floating]
    batch: int
    _: KW_ONLY
    seed: int
    flips: Flips
    trim: int = 0
    epoch: int = 0

    def __post_init__(self) -> None:
        self.y = np.asarray(self.y, dtype=np.float32)
        self.trims = Trims(self.X, self.trim) if fitting_trim(self.trim, self.X.size) else None

    def __len__(self) -> int:
        return len(batch_bounds(len(self.X), self.batch))

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        rng = np.random.default_rng([self.seed, 5, self.epoch])
        moves = np.random.default_rng([self.seed, 24, self.epoch])
        order = rng.permutation(len(self.X))
        for start, stop in batch_bounds(len(self.X), self.batch):
            rows = order[start:stop]
            if self.trims is None:
                x = gather(self.X, rows)
            else:
                x = gather(self.trims.drawn(rows, moves), slice(None))
            if self.flips:
                x = turned(x, rng, quarters=self.flips != "alone")
            yield x, torch.from_numpy(self.y[rows])


def batch_bounds(n: int, batch: int) -> list[tuple[int, int]]:
    """First row and end of each batch; no batch has one row, unless there is only one.

    >>> batch_bounds(7, 3)
    [(0, 3), (3, 7)]
    """
    starts = [start for start in range(0, n, batch) if start == 0 or n - start > 1]
    return list(zip(starts, [*starts[1:], n], strict=True))


def gather(X: Windows, rows: Ints | slice) -> Tensor:
    """Read some windows, ``(b, n_layers, k, k)`` float32.

    Raises ModelError, with the layer, if a value is missing or infinite.
    """
    values = X.batch(rows)
    with np.errstate(over="ignore", invalid="ignore"):
        suspect = not np.isfinite(values.sum())
    if suspect:
        _require_finite(values, X.names)
    return torch.from_numpy(values)


def gathered(X: Windows) -> Iterator[tuple[slice, Tensor]]:
    """Read all windows in batches, each with its rows; raises as ``gather``."""
    step = windows_at_once(X.size)
    for start in range(0, len(X), step):
        rows = slice(start, start + step)
        yield rows, gather(X, rows)


def _require_finite(values: Floats32, names: tuple[str, ...]) -> None:
    bad = np.asarray(~np.isfinite(values).all(axis=(0, 2, 3)))
    if bad.any():
        layers = [names[number] for number in np.flatnonzero(bad)]
        raise ModelError(
            "a network cannot read missing or infinite values",
            where=f"layer {', '.join(layers)}",
            remedy="pass windows with a scaling, which replaces missing values by the mean",
        )


def turned(x: Tensor, rng: np.random.Generator, *, quarters: bool = True) -> Tensor:
    """Flip and turn each window at random, all eight ways equally likely; ``(b, C, k, k)``.

    Without ``quarters`` there are only flips along rows and columns, four ways.
    """
    ways = torch.from_numpy(rng.integers(0, 2, size=(2 + quarters, len(x), 1, 1, 1)).astype(bool))
    x = torch.where(ways[0], x.flip(-1), x)
    x = torch.where(ways[1], x.flip(-2), x)
    return torch.where(ways[2], x.transpose(-1, -2), x) if quarters else x


def windows_at_once(size: int) -> int:
    """Number of windows of ``size`` cells a side to read at once.

    About 20,000 cells a layer: so the results of a network's layers fit into the processor's cache.

    >>> windows_at_once(9), windows_at_once(64)
    (246, 16)
    """
    return int(np.clip(20_000 // size**2, 16, 2048))
