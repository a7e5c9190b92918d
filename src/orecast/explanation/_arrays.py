"""What explanations share: windows to explain, and results kept as arrays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from orecast.errors import InputError, SamplingError
from orecast.run import BROKEN_ARRAYS
from orecast.samples.nouns import WEIGHT, Floats, Windows

_AT_ONCE = 256


def require_windows(X: Windows) -> None:
    """Raise SamplingError where there is nothing to explain."""
    if not len(X):
        raise SamplingError("no window is given to explain")


def shown_layer(X: Windows) -> tuple[str, Floats]:
    """Name and values ``(n, size, size)`` of the layer to draw behind what is explained.

    The weight of knowledge where there is one, else the first layer; values as a model reads them.
    """
    layer = X.kinds.index(WEIGHT) if WEIGHT in X.kinds else 0
    return X.names[layer], np.concatenate([values[:, layer] for values in X.batches(_AT_ONCE)])


def read_arrays(path: Path, *names: str) -> list[NDArray[Any]]:
    """Arrays of a saved explanation; raises InputError where the file is missing or broken."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            return [stored[name] for name in names]
    except BROKEN_ARRAYS as error:
        raise InputError(
            f"is no saved explanation of this kind ({error})",
            where=str(path),
            remedy="make it again",
        ) from error
