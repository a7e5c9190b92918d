"""The base class of all interpolators: places, missing values, reach."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from orecast.arrays import Bools, Floats, Ints
from orecast.config import EvidenceOptions
from orecast.errors import ConfigError, InputError
from orecast.evidence.interpolate.neighbours import Buckets, fill_buckets


@dataclass(frozen=True)
class Part:
    """Layers with values at the same places."""

    layers: Ints  # (n_part,) their numbers
    buckets: Buckets  # of n places
    values: Floats  # (n, n_part), in the order of the buckets
    count: int  # most neighbours of a target
    learned: Any = None  # result of the method's fit


class Interpolator(ABC):
    """A local, linear interpolator that uses no labels, only the nearest places in the radius.

    It uses at most ``neighbours`` places within the search radius, ``radius`` metres, for each
    layer separately: a sample without a value is replaced by the next one with a value. If
    ``neighbours`` exceeds the number of places, all are used, but at most ``most``. Samples within
    a millimetre of each other are one place with their mean. A target with fewer than ``fewest``
    places in its radius is NaN.

    A method implements ``_predict`` and, if it fits something, ``_learn`` and ``learns``:

    >>> class Mean(Interpolator):
    ...     def _predict(self, part, targets):
    ...         return np.broadcast_to(part.values.mean(axis=0), (len(targets), len(part.layers)))
    >>> xy = np.array([[0.0, 0.0], [100.0, 0.0]])
    >>> Mean(neighbours=2, radius=500).fit(xy, np.array([[1.0], [3.0]])).predict(xy).tolist()
    [[2.0], [2.0]]
    """

    fewest: int = 1
    most: float = math.inf
    """The most neighbours for an acceptable computing time."""
    learns: bool = False
    """Whether the method fits something to the samples' values."""

    def __init__(self, neighbours: int, radius: float) -> None:
        self.neighbours = neighbours
        self.radius = radius

    @classmethod
    def configured(cls, options: EvidenceOptions, radius: float) -> Self:
        """The interpolator of a configuration."""
        return cls(neighbours=options.neighbours, radius=radius)

    @property
    def reach(self) -> float:
        """How far a sample influences a value, in metres: the search radius."""
        return float(self.radius)

    def describe(self) -> str:
        """The method as text; call it after ``fit``."""
        return f"{self.neighbours} nearest samples within {self.radius:g} m"

    def fit(self, xy: Floats, values: Floats, fitted_on: Bools | None = None) -> Self:
        """Fit samples at ``xy`` ``(n, 2)`` with ``values`` ``(n, n_layers)``, NaN where missing.

        A method fits on the samples ``fitted_on`` ``(n,)``, by default all; it interpolates all.

        Raises ConfigError for an impossible radius or number of neighbours, and for more
        neighbours than ``most``; InputError for infinite positions or values, and for a layer
        without values.
        """
        self._check_options()
        xy = np.asarray(xy, dtype=np.float64)
        values = np.asarray(values, dtype=np.float64)
        _check_samples(xy, values)
        self.n_layers_ = values.shape[1]
        seen = np.ones(len(xy), dtype=np.bool_) if fitted_on is None else fitted_on
        self.parts_ = [
            self._fit_part(layers, xy[rows], values[np.ix_(rows, layers)], seen[rows])
            for layers, rows in _complete_parts(values)
        ]
        return self

    def predict(self, xy: Floats) -> Floats:
        """Values at targets ``(m, 2)``, ``(m, n_layers)``, NaN beyond the reach."""
        targets = np.asarray(xy, dtype=np.float64).reshape(-1, 2)
        out = np.full((len(targets), self.n_layers_), np.nan)
        for part in self.parts_:
            corner = np.array([part.buckets.west, part.buckets.south])
            out[:, part.layers] = self._predict(part, targets - corner)
        return out

    @property
    def radius_squared(self) -> float:
        """Square of the radius, enlarged for rounding of coordinates in a regular grid."""
        return float(self.radius) ** 2 * (1 + 1e-9)

    def _check_options(self) -> None:
        if self.neighbours < 1:
            raise ConfigError(
                f"neighbours must be at least 1, not {self.neighbours}",
                where="evidence.neighbours",
                remedy="set it to 12",
            )
        if self.neighbours < self.fewest:
            raise ConfigError(
                f"this interpolator needs {self.fewest} neighbours, not {self.neighbours}",
                where="evidence.neighbours",
                remedy=f'set at least {self.fewest}, or evidence.interpolator = "idw"',
            )
        if not (self.radius > 0 and np.isfinite(self.radius)):
            raise ConfigError(
                f"the search radius must be positive and finite, not {self.radius!r}",
                where="evidence.radius",
                remedy="set a finite radius in metres",
            )

    def _fit_part(self, layers: Ints, xy: Floats, values: Floats, seen: Bools) -> Part:
        buckets, means = _in_buckets(xy, values)
        count = min(self.neighbours, len(means))
        if count > self.most:
            raise ConfigError(
                f"{self.neighbours} neighbours of {len(means)} places give {count} equations per "
                f"cell; the limit is {self.most:g}",
                where="evidence.neighbours",
                remedy=f'set it to {self.most:g} or less, or set evidence.interpolator = "idw"',
            )
        known = (buckets.places, means)
        if not seen.all():
            known = _places_in_order(xy[seen], values[seen])
        return Part(layers, buckets, means, count, self._learn(*known))

    def _learn(self, places: Floats, values: Floats) -> Any:
        """Fit what the method needs on places ``(n, 2)`` and values ``(n, n_part)``.

        They are empty if all samples with a value are hidden.
        """
        return None

    @abstractmethod
    def _predict(self, part: Part, targets: Floats) -> Floats:
        """Values of a part's layers at targets measured from the buckets' corner."""


def distinct_places(xy: Floats, values: Floats) -> tuple[Floats, Floats]:
    """Join samples within a millimetre: places ``(p, 2)`` and mean values ``(p, n_layers)``.

    >>> xy = np.array([[5.0, 0.0], [0.0, 0.0], [5.0, 0.0]])
    >>> distinct_places(xy, np.array([[1.0], [7.0], [3.0]]))[1].tolist()
    [[7.0], [2.0]]
    """
    millimetres = np.round((xy - xy.min(axis=0)) * 1000)
    _, owner, counts = np.unique(millimetres, axis=0, return_inverse=True, return_counts=True)
    owner = owner.ravel()

    def mean(column: Floats) -> Floats:
        return np.asarray(np.bincount(owner, weights=column) / counts)

    places = np.column_stack([mean(column) for column in xy.T])
    return places, np.column_stack([mean(column) for column in values.T])


def _in_buckets(xy: Floats, values: Floats) -> tuple[Buckets, Floats]:
    """Buckets of the distinct places, and the mean values in their order."""
    places, means = distinct_places(xy, values)
    buckets, order = fill_buckets(places)
    return buckets, np.ascontiguousarray(means[order])


def _places_in_order(xy: Floats, values: Floats) -> tuple[Floats, Floats]:
    """Distinct places and their mean values, in the order of the buckets."""
    if not len(xy):
        return xy, values
    buckets, means = _in_buckets(xy, values)
    return buckets.places, means


def _complete_parts(values: Floats) -> Iterator[tuple[Ints, Bools]]:
    """Group the layers by the samples that have a value: their numbers, and those samples."""
    present = np.isfinite(values)
    patterns, owner = np.unique(present.T, axis=0, return_inverse=True)
    for k, pattern in enumerate(patterns):
        yield np.flatnonzero(owner.ravel() == k), pattern


def _check_samples(xy: Floats, values: Floats) -> None:
    if xy.ndim != 2 or xy.shape[1] != 2 or values.ndim != 2 or len(xy) != len(values):
        raise InputError(
            f"positions of shape {xy.shape} and values of shape {values.shape} do not match",
            where="samples",
            remedy="pass (n, 2) and (n, n_layers)",
        )
    for what, array in (("position", ~np.isfinite(xy)), ("value", np.isinf(values))):
        rows = np.flatnonzero(array.any(axis=1))
        if len(rows):
            raise InputError(
                f"the {what} is not finite",
                where=f"sample {rows[0] + 1} of {len(xy)} (after averaging)",
                remedy="correct it, or remove the sample",
            )
    empty = np.flatnonzero(~np.isfinite(values).any(axis=0))
    if len(empty) or not len(xy):
        raise InputError(
            "no sample has a value",
            where=f"layer number {empty[0] + 1}" if len(empty) else "samples",
            remedy="leave out the layer",
        )
