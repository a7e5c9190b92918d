"""Whether a scaling was fitted to training and test windows together."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

Real = NDArray[np.floating]

_EXACT, _APART = 1e-4, 1e-3  # of a spread: what rounding leaves, and what it cannot


def scaled_together(train: Real, test: Real) -> Literal["standardised", "ranged"] | None:
    """How both parts were scaled as one, None where nothing of the kind shows.

    Windows ``(n, size, size, channels)``. "standardised": every channel has mean 0 and standard
    deviation 1 over both parts, and not over the training windows alone. "ranged": every channel
    runs from 0 to 1 over both, and not over the training windows alone. Constant channels, and
    those of 0 and 1 alone (classes), tell nothing. A scaling fitted to the whole map leaves no
    such trace in its windows.
    """
    a, b = (part.reshape(-1, part.shape[-1]) for part in (train, test))
    both = np.concatenate([a, b])
    telling = ((both != 0) & (both != 1)).any(axis=0) & (np.ptp(both, axis=0) > 0)
    if not telling.any():
        return None
    a, both = a[:, telling], both[:, telling]
    if _off_standard(both) < _EXACT and _off_standard(a) > _APART:
        return "standardised"
    if _off_range(both) < _EXACT and _off_range(a) > _APART:
        return "ranged"
    return None


def _off_standard(values: Real) -> float:
    n, spread = len(values), values.std(axis=0, dtype=np.float64)
    corrected = spread * np.sqrt(n / max(1, n - 1))  # some divide by n - 1
    off = (
        np.abs(values.mean(axis=0, dtype=np.float64)),
        np.minimum(np.abs(spread - 1), np.abs(corrected - 1)),
    )
    return float(np.max(off))


def _off_range(values: Real) -> float:
    off = np.abs(values.min(axis=0)), np.abs(values.max(axis=0) - 1)
    return float(np.max(off))
