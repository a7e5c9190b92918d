"""Pixels as marks of places: two windows that hold one pixel overlap on the map."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

Real = NDArray[np.generic]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Keys = NDArray[np.uint64]

_WORDS = {1: np.uint8, 2: np.uint16, 4: np.uint32, 8: np.uint64}
_FACTOR = np.uint64(0x9E3779B97F4A7C15)
_MIX = np.uint64(0xBF58476D1CE4E5B9)


def number_pixels(*parts: Real) -> list[Ints]:
    """Number the pixels of several sets of windows alike: equal vectors, equal numbers.

    Each part ``(n, size, size, channels)`` of one type; each answer ``(n, size, size)``. Equality
    is bit for bit, told by a 64-bit hash: among a million pixels two unlike ones meet with a
    chance of 3 in 100 million.
    """
    keys = [_keys(part) for part in parts]
    _, number = np.unique(np.concatenate([k.ravel() for k in keys]), return_inverse=True)
    cuts = np.cumsum([k.size for k in keys])[:-1]
    return [
        np.asarray(n, dtype=np.int64).reshape(k.shape)
        for n, k in zip(np.split(number.reshape(-1), cuts), keys, strict=True)
    ]


def marking(number: Ints) -> Bools:
    """Whether each pixel marks a place: those that stand twice in one window do not, ``(n, k, k)``.

    They are padding, or classes, or a coarser raster's; windows far apart may hold them.

    >>> marking(np.array([[[0, 0], [1, 2]]])).tolist()
    [[[False, False], [True, True]]]
    """
    flat = number.reshape(len(number), -1)
    order = np.argsort(flat, axis=1, kind="stable")
    ranked = np.take_along_axis(flat, order, axis=1)
    same = ranked[:, 1:] == ranked[:, :-1]
    nothing = np.zeros((len(flat), 1), dtype=bool)
    repeated = np.hstack([nothing, same]) | np.hstack([same, nothing])
    unique = np.empty(flat.shape, dtype=bool)
    np.put_along_axis(unique, order, ~repeated, axis=1)
    # what repeats in one window marks no place in another either
    return np.asarray(~np.isin(number, np.unique(flat[~unique])))


def symmetries(windows: NDArray[Any]) -> Iterator[NDArray[Any]]:
    """The eight flips and quarter turns of every window, ``(n, size, size)`` each."""
    for flipped in (windows, windows[:, ::-1]):
        for turns in range(4):
            yield np.rot90(flipped, turns, axes=(1, 2))


def window_keys(number: Ints) -> Keys:
    """One hash a window, equal where the windows are equal pixel for pixel, ``(n,)``."""
    return _hashed(np.ascontiguousarray(number).reshape(len(number), -1).astype(np.uint64))


def canonical(number: Ints) -> Keys:
    """One hash a window, equal where the windows are equal up to flips and quarter turns, ``(n,)``.

    >>> w = np.array([[[0, 1], [2, 3]], [[2, 0], [3, 1]], [[0, 3], [2, 1]]])
    >>> [int(k == canonical(w)[0]) for k in canonical(w)]
    [1, 1, 0]
    """
    return np.asarray(np.min([window_keys(turned) for turned in symmetries(number)], axis=0))


def sharing_groups(number: Ints, marks: Bools, links: Ints | None = None) -> Ints:
    """Number the groups of windows that share a marking pixel, ``(n,)``; sharing carries over.

    ``links`` ``(m, 2)`` are further pairs of windows that belong together.

    >>> number = np.array([[[0, 1]], [[1, 2]], [[3, 4]]])
    >>> sharing_groups(number, marking(number)).tolist()
    [0, 0, 1]
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    n = len(number)
    window = np.nonzero(marks)[0]
    pairs = np.column_stack([window, n + number[marks]])
    if links is not None:
        pairs = np.concatenate([pairs, links])
    size = n + int(number.max(initial=-1)) + 1
    graph = coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(size, size))
    label = connected_components(graph, directed=False)[1][:n]
    _, group = np.unique(label, return_inverse=True)
    return np.asarray(group, dtype=np.int64).reshape(-1)


def _keys(windows: Real) -> Keys:
    """Hash of each pixel, ``(n, size, size)``."""
    windows = np.ascontiguousarray(windows)
    return _hashed(windows.view(_WORDS[windows.dtype.itemsize]))


def _hashed(words: NDArray[np.unsignedinteger]) -> Keys:
    """Hash over the last axis, a word at a time, as a splitmix generator mixes."""
    key = np.zeros(words.shape[:-1], dtype=np.uint64)
    for k in range(words.shape[-1]):
        key = (key ^ words[..., k].astype(np.uint64)) * _FACTOR + np.uint64(k + 1)
        key = (key ^ (key >> np.uint64(31))) * _MIX
        key ^= key >> np.uint64(29)
    return key
