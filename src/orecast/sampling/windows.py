"""Windows, samplings, folds, a model's interface and needs, map geometry, scaling."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from orecast.arrays import Bools, Floats32, Ints
from orecast.grid import window_rows

WEIGHT = "weight"
"""Kind of the layer with the weight of geological knowledge at a cell, such as of faults."""


@dataclass(frozen=True)
class Sampling:
    """Places with labels; one row per place.

    ``at`` row and column ``(n, 2)``; ``y`` 1 ore, 0 negative, NaN unlabelled; ``group`` deposits
    that must stay together, -1 for none; ``origin`` the row of the original sampling that a slid
    copy came from (its own number if it is not a copy).
    """

    at: Ints
    y: NDArray[np.float64]
    group: Ints
    origin: Ints

    @classmethod
    def of(cls, at: Ints, y: NDArray[np.float64] | float, group: Ints | None = None) -> Sampling:
        """Return a sampling without copies at cells ``at``."""
        at = np.asarray(at, dtype=np.int64).reshape(-1, 2)
        n = len(at)
        labels = np.broadcast_to(np.asarray(y, dtype=np.float64), (n,)).copy()
        return cls(at, labels, np.full(n, -1) if group is None else group, np.arange(n))

    def __len__(self) -> int:
        return len(self.at)

    def take(self, rows: Ints | Bools) -> Sampling:
        """Return some of the rows; origins keep their numbers."""
        return Sampling(self.at[rows], self.y[rows], self.group[rows], self.origin[rows])

    def joined(self, other: Sampling) -> Sampling:
        """Return these rows, then another's; origins of the second continue the numbering."""
        return Sampling(
            np.concatenate([self.at, other.at]),
            np.concatenate([self.y, other.y]),
            np.concatenate([self.group, other.group]),
            np.concatenate([self.origin, other.origin + self.origin.max(initial=-1) + 1]),
        )


@dataclass(frozen=True)
class Scaling:
    """Mean and spread of each layer, ``(n_layers,)``, fitted on visible cells only."""

    mean: Floats32
    spread: Floats32


@dataclass(frozen=True)
class Windows:
    """Lazy ``(n, n_layers, size, size)`` views of a stack; only batches are held in memory.

    ``hidden`` cells read as NaN, so that no fit can use them. Beyond the grid's edge a window reads
    NaN. With a ``scaling``, values are standardised and NaN becomes 0, the mean of visible cells.
    """

    stack: Floats32  # (n_layers, rows, columns)
    names: tuple[str, ...]
    at: Ints  # (n, 2)
    size: int
    hidden: Bools | None = None  # (rows, columns)
    scaling: Scaling | None = None
    # of each layer: element, fault, lithology, raster, detector, weight
    kinds: tuple[str, ...] = field(default=())
    cell_size: float = 1.0  # metres

    def __len__(self) -> int:
        return len(self.at)

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Shape of an array of all windows."""
        return len(self.at), self.stack.shape[0], self.size, self.size

    def take(self, rows: Ints | Bools | slice) -> Windows:
        """Return some of the windows."""
        return replace(self, at=self.at[rows])

    def at_cells(self, at: Ints) -> Windows:
        """Return windows of the same kind at other cells."""
        return replace(self, at=np.asarray(at, dtype=np.int64).reshape(-1, 2))

    def of_size(self, size: int) -> Windows:
        """Return windows of another size at the same cells."""
        return replace(self, size=size)

    def batch(self, rows: Ints | Bools | slice = slice(None)) -> Floats32:
        """Materialise some of the windows, ``(b, n_layers, size, size)`` float32."""
        at = self.at[rows]
        r, c = window_rows(at, self.size)
        height, width = self.stack.shape[1:]
        rr, cc = np.clip(r, 0, height - 1), np.clip(c, 0, width - 1)
        values = self.stack[:, rr[:, :, None], cc[:, None, :]].transpose(1, 0, 2, 3)  # (b, C, k, k)
        outside = ((r != rr)[:, :, None] | (c != cc)[:, None, :])[:, None]  # (b, 1, k, k)
        if self.hidden is not None:
            outside = outside | self.hidden[rr[:, :, None], cc[:, None, :]][:, None]
        values = np.where(outside, np.float32(np.nan), values)
        if self.scaling is not None:
            mean = self.scaling.mean[None, :, None, None]
            spread = self.scaling.spread[None, :, None, None]
            values = (values - mean) / spread
            values[np.isnan(values)] = 0.0
        return np.ascontiguousarray(values, dtype=np.float32)

    def batches(self, size: int = 1024) -> Iterator[Floats32]:
        """All windows in order, a batch at a time."""
        for start in range(0, len(self), size):
            yield self.batch(slice(start, start + size))

    def centre(self) -> Floats32:
        """Values at each window's own cell, ``(n, n_layers)``."""
        return self.of_size(1).batch()[:, :, 0, 0]


@dataclass(frozen=True)
class Needs:
    """What a model needs of its windows."""

    smallest_window: int = 1
    parity: Literal["odd", "even", "any"] = "any"
    labels: bool = True
    layers: tuple[str, ...] = ()  # kinds of layer that must be there, such as "fault"
    weight: bool = False  # the last layer is a weight in [0, 1] at each cell, such as of faults
    elements_only: bool = False  # every layer must be part of the composition


class Model(Protocol):
    """Networks, forests and single layers alike. ``__init__`` only stores; ``fit`` validates."""

    needs: Needs

    def fit(self, X: Windows, y: NDArray[np.float64], group: Ints, *, seed: int) -> Self:
        """Learn from windows ``(n, C, k, k)`` and labels ``(n,)``; learned state ends in ``_``."""
        ...

    def predict(self, X: Windows) -> NDArray[np.float64]:
        """Scores in [0, 1], higher is more like ore, ``(n,)``."""
        ...

    def save(self, folder: Path) -> None:
        """Write what rebuilds the model: JSON, NumPy and safetensors, no pickle."""
        ...

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Rebuild a saved model."""
        ...


@dataclass(frozen=True)
class MapGeometry:
    """The map that a protocol splits: the cells where all layers have a value, and the window.

    ``cell_size`` in metres; ``samples`` the cells that hold a sample ``(m, 2)``, None where the
    survey is gridded and every cell is a sample. Training windows are read up to ``trim`` cells
    beside their places, but never from hidden cells.
    """

    valid: Bools  # (rows, columns)
    cell_size: float
    size: int
    samples: Ints | None = None
    trim: int = 0

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        rows, columns = self.valid.shape
        return rows, columns

    def buffer(self, reach: float) -> float:
        """Metres between the centres of two windows that share no cell and no sample.

        A window, and twice the evidence's ``reach`` in metres.
        """
        return self.size * self.cell_size + 2 * reach


@dataclass(frozen=True)
class Fold:
    """One split: training rows and test rows of the sampling, and the hidden cells.

    ``hidden`` is the test region with its buffer; ``region`` the cells among which this fold's
    test rows are ranked. Both ``(rows, columns)``. Regions of two folds may overlap, as with
    ``leave-pair-out``; then there is no out-of-fold map.
    """

    train: Ints
    test: Ints
    hidden: Bools
    region: Bools


class SplitProtocol(Protocol):
    """Splits a sampling into folds: built from a MapGeometry, a number of folds and a seed."""

    words: str  # describes the split, after ``folds``

    def folds(self, sampling: Sampling, reach: float) -> Sequence[Fold]:
        """Split; ``reach`` is the evidence's, in metres. Folds may be made on access."""
        ...


def fit_scaling(stack: Floats32, visible: Bools) -> Scaling:
    """Mean and standard deviation of each layer over the visible cells, NaN left out.

    ``stack`` is ``(n_layers, rows, columns)``, ``visible`` ``(rows, columns)``. A layer that is
    constant, or nowhere visible, keeps a spread of 1 and so becomes 0.
    """
    mean = np.zeros(len(stack), dtype=np.float32)
    spread = np.ones(len(stack), dtype=np.float32)
    for i, layer in enumerate(stack):
        values = layer[visible]
        values = values[~np.isnan(values)].astype(np.float64)
        if not values.size:
            continue
        mean[i] = values.mean()
        deviation = values.std()
        if deviation > 1e-6 * np.abs(values).max():  # less is the rounding of float32
            spread[i] = deviation
    return Scaling(mean, spread)
