"""What is known of a model before it is built; checks of its options, windows and labels."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from orecast.errors import ConfigError, ModelError, SamplingError, nearest
from orecast.sampling.windows import WEIGHT, Needs, Windows

CLASS_WORDS = ((1.0, "positive"), (0.0, "negative"))


@dataclass(frozen=True)
class Properties:
    """What is known of a model before it is built.

    ``epochs`` is how often one fit reports progress. ``caveats`` are sentences to print with the
    model's scores, about data that it used although a fold should hide them.
    """

    needs: Needs
    epochs: int = 0
    caveats: tuple[str, ...] = ()


def check_window(name: str, needs: Needs, size: int) -> None:
    """Raise ModelError if a window is too small for a model, or of the wrong parity.

    >>> check_window("resnet18", Needs(smallest_window=3), 9)
    """
    if size < needs.smallest_window:
        raise ModelError(
            f"{name} needs windows of at least {needs.smallest_window} cells, not {size}",
            where="sampling.window",
            remedy=f"set sampling.window to {needs.smallest_window} or more, or choose another "
            "model",
        )
    if needs.parity != "any" and (size % 2 == 1) != (needs.parity == "odd"):
        raise ModelError(
            f"{name} needs windows of an {needs.parity} number of cells, not {size}",
            where="sampling.window",
            remedy=f"set sampling.window to {size + 1}, or choose another model",
        )


def check_fitted(name: str, fitted: bool) -> None:
    """Raise ModelError if a model has not been fitted."""
    if not fitted:
        raise ModelError(f"{name} has not been fitted", remedy="call fit first")


def check_same_layers(name: str, fitted: tuple[str, ...], given: tuple[str, ...]) -> None:
    """Raise ModelError if a model was fitted on other layers."""
    if fitted != given:
        raise ModelError(
            f"{name} was fitted on the layers {', '.join(fitted)}, not on {', '.join(given)}",
            remedy="give the same layers in the same order",
        )


def check_layers(name: str, needs: Needs, X: Windows) -> None:
    """Raise ModelError if the layers are not those that a model needs."""
    absent = [kind for kind in needs.layers if kind not in X.kinds]
    if absent:
        raise ModelError(
            f"{name} needs layers of the kind {', '.join(absent)}, but there are none",
            where=f"layers {', '.join(X.names)}",
            remedy="add such layers to the survey, or choose another model",
        )
    kinds = X.kinds[: -1 if needs.weight else None]
    others = [n for n, kind in zip(X.names, kinds, strict=False) if kind != "element"]
    if needs.elements_only and others:
        raise ModelError(
            f"{name} reads only elements; these layers are not: {', '.join(others)}",
            where="evidence.layers",
            remedy="list only elements in evidence.layers, or choose another model",
        )
    if needs.weight and (not X.kinds or X.kinds[-1] != WEIGHT):
        raise ModelError(
            f"{name} needs a weight of geological knowledge at each cell, but there is none",
            where=f"layers {', '.join(X.names)}",
            remedy="add [faults] to the survey, or set model.weight to a layer",
        )
    if needs.weight and len(X.names) < 2:
        raise ModelError(
            f"{name} needs at least one layer besides the weight of geological knowledge",
            where="evidence.layers",
            remedy="list another layer than model.weight in evidence.layers",
        )


def check_needs(name: str, needs: Needs, X: Windows, y: NDArray[np.float64]) -> None:
    """Raise ModelError if windows do not meet a model's needs, SamplingError for bad labels.

    There is one label for each window. If the model learns from them, each is 0 or 1, and both
    classes are there.
    """
    check_window(name, needs, X.size)
    check_layers(name, needs, X)
    if y.shape != (len(X),):
        raise SamplingError(
            f"{len(X)} windows need {len(X)} labels, not labels of shape {y.shape}",
            remedy="give one label for each window",
        )
    if not needs.labels:
        return
    strange = y[~np.isin(y, (0.0, 1.0))]
    if len(strange):
        raise SamplingError(
            f"labels must be 0 or 1, not {strange[0]:g}",
            remedy="label deposits 1 and negatives 0",
        )
    for label, words in CLASS_WORDS:
        if label not in y:
            raise SamplingError(
                f"there are no {words} training windows",
                where="[sampling]",
                remedy="check how deposits and negatives are chosen in [sampling]",
            )


MOST_TREES, MOST_JOBS, MOST_FEATURES, MOST_LAYERS = 10_000, 256, 2**20, 1000
"""Limits: a larger width needs terabytes of memory; deeper networks are not trained in practice."""


def require_known(given: Iterable[str], known: Iterable[str], owner: str, where: str) -> None:
    """Refuse options that ``owner`` does not have."""
    known = list(known)
    for option in given:
        if option not in known:
            remedy = nearest(option, known) if known else f"delete {where}"
            raise ConfigError(f"{owner} has no option {option!r}", where=where, remedy=remedy)


def require_count(
    option: str,
    value: object,
    most: int = 2**31 - 1,
    *,
    least: int = 1,
    where: str | None = None,
    remedy: str = "",
) -> int:
    """Return a whole number from ``least`` to ``most``."""
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise ConfigError(
            f"must be a whole number from {least} to {most:,}, not {value!r}",
            where=where or f"model.options.{option}",
            remedy=remedy,
        )
    return value


def require_number(
    option: str,
    value: object,
    low: float,
    high: float = math.inf,
    *,
    with_low: bool = True,
    with_high: bool = False,
) -> float:
    """Return a number from ``low`` to ``high``; ``with_low``, ``with_high``: limits included."""
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or not low <= value <= high
        or (value == low and not with_low)
        or (value == high and not with_high)
    ):
        words = f"{'of at least' if with_low else 'above'} {low:g}"
        if high < math.inf:
            words += f" and {'at most' if with_high else 'below'} {high:g}"
        raise ConfigError(
            f"must be a number {words}, not {value!r}", where=f"model.options.{option}"
        )
    return float(value)


def require_switch(option: str, value: object) -> bool:
    """Return true or false."""
    if not isinstance(value, bool):
        raise ConfigError(f"must be true or false, not {value!r}", where=f"model.options.{option}")
    return value


def require_one_of(option: str, value: object, known: tuple[str, ...]) -> None:
    """Refuse a value that is not one of the known words."""
    if value not in known:
        raise ConfigError(
            f"unknown value {value!r}",
            where=f"model.options.{option}",
            remedy=nearest(str(value), known),
        )
