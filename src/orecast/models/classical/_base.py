"""Base of the detectors: checks, prediction in parts, saving and loading."""

from __future__ import annotations

import inspect
import json
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import numpy as np

from orecast import registry
from orecast.arrays import Floats, Floats32, Ints
from orecast.errors import ConfigError, ModelError, RunError, nearest
from orecast.models import CLASSICAL
from orecast.models.checks import check_fitted, check_needs, check_same_layers
from orecast.run import BROKEN_ARRAYS, why_broken, write_json
from orecast.sampling import Needs, Windows

_STATE, _ARRAYS = "detector.json", "detector.npz"
_VALUES_AT_ONCE = 2**24


class Detector(ABC):
    """Base of the models that need no torch; a subclass defines ``_learn`` and ``_score``.

    ``__init__`` stores options under their own names. ``_learn`` stores the fitted state in
    attributes that end in ``_``: arrays, numbers, texts. These and the options are saved.
    ``_score`` returns scores in [0, 1] for one part of the windows.

    >>> class Northern(Detector):
    ...     needs = Needs(labels=False)
    ...     def _learn(self, X, y, seed):
    ...         self.last_row_ = X.stack.shape[1] - 1
    ...     def _score(self, X):
    ...         return 1 - X.at[:, 0] / self.last_row_
    >>> X = Windows(np.zeros((1, 3, 1), np.float32), ("Au",), np.array([[0, 0], [2, 0]]), 1)
    >>> Northern().fit(X, np.full(2, np.nan), np.full(2, -1), seed=0).predict(X).tolist()
    [1.0, 0.0]
    """

    needs: Needs = Needs()
    layer: str | None = None  # an option of detectors that can read one layer alone
    names_: tuple[str, ...]

    def fit(self, X: Windows, y: Floats, group: Ints, *, seed: int) -> Self:
        """Fit to windows ``(n, C, k, k)`` and labels ``(n,)``, 1 ore and 0 negative.

        Raises ConfigError for an impossible option, SamplingError for labels of another number,
        or of one class where labels are needed, ModelError for windows that do not meet the needs
        or have NaN.
        """
        self.check_fit(X, y, group, seed=seed)
        self.names_ = X.names
        self._learn(self._read(X), np.asarray(y, dtype=np.float64), seed)
        return self

    def check_fit(self, X: Windows, y: Floats, group: Ints, *, seed: int) -> None:
        """Raise the errors of ``fit`` that need no training."""
        self.check_options()
        check_needs(self.name, self.needs, X, np.asarray(y, dtype=np.float64))
        self._check_windows(X)

    @property
    def name(self) -> str:
        """Its registered name; the class's name if it has none."""
        known = registry.entries(CLASSICAL).values()
        own = type(self).__name__
        return next((entry.name for entry in known if entry.attribute == own), own)

    def predict(self, X: Windows) -> Floats:
        """Scores in [0, 1], higher is more like ore, ``(n,)``.

        Raises ModelError before ``fit``, for other layers than those of ``fit``, and for NaN.
        """
        check_fitted(self.name, "names_" in vars(self))
        check_same_layers(self.name, self.names_, X.names)
        scores = [self._score(part) for part in _parts(self._read(X))]
        return np.concatenate(scores) if scores else np.empty(0)

    def save(self, folder: Path) -> None:
        """Write options and fitted state as JSON and NumPy arrays."""
        check_fitted(self.name, "names_" in vars(self))
        learned = {k: v for k, v in vars(self).items() if k.endswith("_")}
        arrays: dict[str, Any] = {k: v for k, v in learned.items() if isinstance(v, np.ndarray)}
        folder.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(folder / _ARRAYS, **arrays)
        state = {
            "detector": type(self).__name__,
            "options": {k: getattr(self, k) for k in _option_names(type(self))},
            "learned": {k: v for k, v in learned.items() if k not in arrays},
        }
        write_json(folder / _STATE, state)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Rebuild a saved detector; it predicts the same, bit for bit.

        Raises RunError where the files cannot be read, ModelError where they hold another model.
        """
        try:
            state = json.loads((folder / _STATE).read_text(encoding="utf-8"))
            with np.load(folder / _ARRAYS, allow_pickle=False) as stored:
                learned: dict[str, Any] = state["learned"] | dict(stored)
            kind, learned["names_"] = state["detector"], tuple(learned["names_"])
            if kind != cls.__name__:
                raise ModelError(f"contains a {kind}, not a {cls.__name__}", where=str(folder))
            detector = cls(**state["options"])
            detector.check_options()
            for name, value in learned.items():
                setattr(detector, name, value)
            detector._rebuild()
        except (*BROKEN_ARRAYS, ConfigError) as error:
            raise RunError(
                f"the saved model cannot be read: {why_broken(error)}",
                where=str(folder),
                remedy="run the stage that fits the model again",
            ) from error
        return detector

    def check_options(self) -> None:
        """Raise ConfigError for an impossible option."""
        self._check_options()

    def _check_options(self) -> None:  # noqa: B027 - most options are free
        """Refuse impossible options."""

    def _check_windows(self, X: Windows) -> None:
        """Refuse windows that do not fit the options."""
        if self.layer is not None:
            number_of(X, self.layer)

    def _read(self, X: Windows) -> Windows:
        """Return the part of the windows that is read: their own cells, unless overridden."""
        return X.of_size(1)

    @abstractmethod
    def _learn(self, X: Windows, y: Floats, seed: int) -> None:
        """Store the fitted state in attributes that end in ``_``."""

    @abstractmethod
    def _score(self, X: Windows) -> Floats:
        """Scores in [0, 1] of one part of the windows, ``(n,)``."""

    def _rebuild(self) -> None:  # noqa: B027 - most states are saved whole
        """Compute state that is not saved from state that is."""


def centre(X: Windows) -> Floats32:
    """Values at each window's own cell, ``(n, n_layers)``; NaN is refused."""
    values = X.centre()
    _refuse_gaps(values, X.names)
    return values


def features(X: Windows, kind: str) -> Floats32:
    """Features of each window: values at its own cell, with "window" also its mean and spread.

    ``(n, n_layers)``, or ``(n, 3 * n_layers)``: values, means, standard deviations. NaN is refused.
    """
    if kind == "centre":
        return centre(X)
    blocks = []
    for part in _parts(X):
        batch = part.batch()  # (b, C, k, k)
        _refuse_gaps(batch, X.names)
        mean, spread = (f(batch, axis=(2, 3), dtype=np.float64) for f in (np.mean, np.std))
        blocks.append(np.hstack([centre(part), mean, spread]).astype(np.float32))
    return np.concatenate(blocks)


def only(X: Windows, layer: int) -> Windows:
    """Windows with one layer."""
    scaling, here = X.scaling, slice(layer, layer + 1)
    if scaling is not None:
        scaling = replace(scaling, mean=scaling.mean[here], spread=scaling.spread[here])
    return replace(
        X, stack=X.stack[here], names=X.names[here], kinds=X.kinds[here], scaling=scaling
    )


def rising(z: Floats) -> Floats:
    """``(1 + z / (1 + |z|)) / 2``: rises from 0 to 1 everywhere, so that far values do not tie.

    >>> rising(np.array([-1.0, 0.0, 2.0])).round(4).tolist()
    [0.25, 0.5, 0.8333]
    """
    return np.asarray((1 + z / (1 + np.abs(z))) / 2)


def number_of(X: Windows, layer: str, where: str = "model.options.layer") -> int:
    """Number of the layer of that name; ConfigError, with the nearest name, if there is none."""
    if layer not in X.names:
        remedy = nearest(str(layer), X.names)
        raise ConfigError(f"no layer {layer!r}", where=where, remedy=remedy)
    return X.names.index(layer)


def _parts(X: Windows) -> Iterator[Windows]:
    """Windows in order, in parts of bounded memory."""
    _, layers, height, width = X.shape
    size = max(1, _VALUES_AT_ONCE // (layers * height * width))
    for start in range(0, len(X), size):
        yield X.take(slice(start, start + size))


def _refuse_gaps(values: Floats32, names: tuple[str, ...]) -> None:
    gaps = ~np.isfinite(values)
    if not gaps.any():
        return
    layer = int(np.argmax(gaps.any(axis=tuple(a for a in range(values.ndim) if a != 1))))
    windows = gaps[:, layer].reshape(len(values), -1).any(axis=1)
    raise ModelError(
        f"{int(windows.sum())} of {len(values)} windows have missing or infinite values",
        where=f"layer {names[layer]}",
        remedy="leave those cells out, or give the windows a scaling, which fills them",
    )


def _option_names(cls: type[Detector]) -> list[str]:
    return [name for name in inspect.signature(cls).parameters if name not in ("args", "kwargs")]
