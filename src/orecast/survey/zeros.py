"""Zeros without a known detection limit: below the lowest value seen, and seen where."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


def lowest_seen(values: Floats, zeros: Bools, rows: Bools | None = None) -> Floats:
    """Lowest value of each element that is no zero, ``(n_elements,)``; infinite where none is.

    ``zeros`` ``(n, n_elements)`` marks the values that stand for zeros, whose limit this is. It is
    learned from ``rows`` ``(n,)``, from all where they are left out; NaN is passed over.

    >>> values, zeros = np.array([[3.0], [3.0], [9.0]]), np.array([[True], [False], [False]])
    >>> lowest_seen(values, zeros).tolist()
    [3.0]
    >>> lowest_seen(values, zeros, np.array([True, False, True])).tolist()
    [9.0]
    """
    known = ~zeros & ~np.isnan(values)
    if rows is not None:
        known &= rows[:, None]
    return np.asarray(values.min(axis=0, initial=np.inf, where=known))
