"""What a model declares that it needs, held against what it is given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from orecast.errors import ModelError, SamplingError
from orecast.sampling.windows import WEIGHT, Needs, Windows

if TYPE_CHECKING:
    from torch import Tensor


@runtime_checkable
class Prepared(Protocol):
    """A network that learns something of its windows before its first step."""

    def prepare(self, values: Tensor, y: Tensor) -> None:
        """Learn from the windows' own cells ``(n, C)`` and labels ``(n,)``, into buffers."""


def needs_of(factory: Any, options: dict[str, Any]) -> Needs:
    """What a network needs with its options, where they change it (``needs_for``).

    Raises ConfigError for an impossible option.
    """
    told = getattr(factory, "needs_for", None)
    needs: Needs = factory.needs if told is None else told(**options)
    return needs


def check_window(name: str, needs: Needs, size: int) -> None:
    """Raise ModelError where a window is too small for a model, or of the wrong parity.

    >>> check_window("resnet18", Needs(smallest_window=3), 9)
    """
    if size < needs.smallest_window:
        raise ModelError(
            f"{name} needs windows of at least {needs.smallest_window} cells, not {size}",
            where="sampling.window",
            remedy=f"set it to {needs.smallest_window} or more, or choose another model",
        )
    if needs.parity != "any" and (size % 2 == 1) != (needs.parity == "odd"):
        raise ModelError(
            f"{name} needs windows of an {needs.parity} number of cells, not {size}",
            where="sampling.window",
            remedy=f"set it to {size + 1}, or choose another model",
        )


def check_layers(name: str, needs: Needs, X: Windows) -> None:
    """Raise ModelError where a kind of layer that a model needs is not there."""
    absent = [kind for kind in needs.layers if kind not in X.kinds]
    if absent:
        raise ModelError(
            f"{name} needs layers of the kind {', '.join(absent)}, and there are none",
            where=f"layers {', '.join(X.names)}",
            remedy="give the survey such layers, or choose another model",
        )
    kinds = X.kinds[: -1 if needs.weight else None]
    others = [n for n, kind in zip(X.names, kinds, strict=False) if kind != "element"]
    if needs.elements_only and others:
        raise ModelError(
            f"{name} reads elements alone, and is given {', '.join(others)} too",
            where="evidence.layers",
            remedy="name the elements there, or choose another model",
        )
    if needs.weight and (not X.kinds or X.kinds[-1] != WEIGHT):
        raise ModelError(
            f"{name} needs a weight of geological knowledge at each cell, and there is none",
            where=f"layers {', '.join(X.names)}",
            remedy="give the survey [faults], or name a layer as model.weight",
        )
    if needs.weight and len(X.names) < 2:
        raise ModelError(
            f"{name} is given no layer beside the weight of geological knowledge",
            where="evidence.layers",
            remedy="name more than that of model.weight there",
        )


def check_needs(name: str, needs: Needs, X: Windows, y: NDArray[np.float64]) -> None:
    """Raise ModelError where windows do not meet a model's needs, SamplingError for bad labels."""
    check_window(name, needs, X.size)
    check_layers(name, needs, X)
    if needs.labels:
        check_labels(y, len(X))


def check_labels(y: NDArray[np.float64], n: int) -> None:
    """Raise SamplingError unless there are ``n`` labels, 0 and 1, and both are there."""
    if y.shape != (n,):
        raise SamplingError(f"{n} windows and labels of shape {y.shape} do not go together")
    strange = y[~np.isin(y, (0.0, 1.0))]
    if len(strange):
        raise SamplingError(f"a model learns from labels 0 and 1, not {strange[0]:g}")
    for label, words in ((1.0, "ore"), (0.0, "barren")):
        if label not in y:
            raise SamplingError(
                f"there is no {words} window to learn from, only the other class",
                remedy="see how deposits and negatives were chosen, in [sampling]",
            )
