"""Detect leaks in published windows: near-copies, shared pixels, joint scaling, split effects."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from orecast.arrays import Bools, Floats, Ints
from orecast.metrics.scores import auc

Real = NDArray[np.generic]
Floating = NDArray[np.floating]
Keys = NDArray[np.uint64]
_WORDS = {1: np.uint8, 2: np.uint16, 4: np.uint32, 8: np.uint64}
_FACTOR = np.uint64(0x9E3779B97F4A7C15)
_MIX = np.uint64(0xBF58476D1CE4E5B9)


def number_pixels(*parts: Real) -> list[Ints]:
    """Number the pixels of several sets of windows together: equal vectors get equal numbers.

    Each part ``(n, size, size, channels)`` of one type; each result ``(n, size, size)``. Equality
    is bit for bit, by a 64-bit hash: among a million pixels the chance that two different ones get
    the same number is 3 in 100 million.
    """
    keys = [_keys(part) for part in parts]
    _, number = np.unique(np.concatenate([k.ravel() for k in keys]), return_inverse=True)
    cuts = np.cumsum([k.size for k in keys])[:-1]
    return [
        np.asarray(n, dtype=np.int64).reshape(k.shape)
        for n, k in zip(np.split(number.reshape(-1), cuts), keys, strict=True)
    ]


def marking(number: Ints) -> Bools:
    """Whether each pixel identifies a place, ``(n, k, k)``; one repeated in a window does not.

    Repeated pixels are padding, classes or a coarser raster; distant windows may contain them.

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
    # a pixel repeated in one window identifies no place in any window
    return np.asarray(~np.isin(number, np.unique(flat[~unique])))


def symmetries(windows: NDArray[Any]) -> Iterator[NDArray[Any]]:
    """The eight flips and quarter turns of every window, ``(n, size, size)`` each."""
    for flipped in (windows, windows[:, ::-1]):
        for turns in range(4):
            yield np.rot90(flipped, turns, axes=(1, 2))


def window_keys(number: Ints) -> Keys:
    """One hash per window, equal where the windows are equal pixel for pixel, ``(n,)``."""
    return _hashed(np.ascontiguousarray(number).reshape(len(number), -1).astype(np.uint64))


def canonical(number: Ints) -> Keys:
    """One hash per window, equal where the windows are equal after flips and quarter turns.

    >>> w = np.array([[[0, 1], [2, 3]], [[2, 0], [3, 1]], [[0, 3], [2, 1]]])
    >>> [int(k == canonical(w)[0]) for k in canonical(w)]
    [1, 1, 0]
    """
    return np.asarray(np.min([window_keys(turned) for turned in symmetries(number)], axis=0))


def sharing_groups(number: Ints, marks: Bools, links: Ints | None = None) -> Ints:
    """Number the groups of windows that share a marking pixel, ``(n,)``; sharing is transitive.

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
    """Hash over the last axis, one word at a time, mixed as in splitmix64."""
    key = np.zeros(words.shape[:-1], dtype=np.uint64)
    for k in range(words.shape[-1]):
        key = (key ^ words[..., k].astype(np.uint64)) * _FACTOR + np.uint64(k + 1)
        key = (key ^ (key >> np.uint64(31))) * _MIX
        key ^= key >> np.uint64(29)
    return key


_DIMENSIONS = 64
_ROWS_AT_ONCE = 512
_BY_CHANCE = 0.01  # share of windows that may lie as near by chance
_CLOSEST = 0.25  # of the typical distance between two random windows


def near_copies(windows: NDArray[np.floating], group: Ints) -> Ints:
    """Near-copy of each window in another group, -1 where it has none, ``(n,)``.

    ``windows`` ``(n, size, size, channels)``; ``group`` ``(n,)``: windows of one group are never
    compared (they share pixels and are known copies). A near-copy is nearer than a quarter of the
    typical distance between two windows, and nearer than 1 % of windows would be by chance: of
    ``n`` points in ``d`` dimensions a share ``n t**d`` has another within ``t`` typical distances.
    ``d`` is the participation ratio of the windows' principal components, so the limit ``t`` is
    smaller for smooth maps of few elements.

    Channels are standardised over all windows. Distances are computed in 64 random projections,
    which keep them to about 10 % (Johnson & Lindenstrauss 1984, Contemp. Math. 26, 189).
    """
    points = _projected(windows)
    n = len(points)
    if n < 3:
        return np.full(n, -1)
    spread = np.linalg.svd(points - points.mean(axis=0), compute_uv=False) ** 2
    if spread.sum() == 0:
        return np.full(n, -1)
    dimensions = spread.sum() ** 2 / (spread**2).sum()
    nearest, distance = _nearest(points, group)
    limit = min(_CLOSEST, (_BY_CHANCE / n) ** (1 / dimensions)) * _typical(points)
    return np.where(distance < limit, nearest, -1)


def _projected(windows: NDArray[np.floating]) -> Floats:
    flat = windows.reshape(-1, windows.shape[-1])
    mean, spread = flat.mean(axis=0, dtype=np.float64), flat.std(axis=0, dtype=np.float64)
    spread[spread == 0] = 1.0
    rng = np.random.default_rng(0)
    features = int(np.prod(windows.shape[1:]))
    axes = rng.normal(0, 1 / np.sqrt(_DIMENSIONS), (features, _DIMENSIONS))
    parts = [
        ((windows[k : k + _ROWS_AT_ONCE] - mean) / spread).reshape(-1, features) @ axes
        for k in range(0, len(windows), _ROWS_AT_ONCE)
    ]
    return np.concatenate(parts) if parts else np.empty((0, _DIMENSIONS))


def _nearest(points: Floats, group: Ints) -> tuple[Ints, Floats]:
    """The nearest point of another group, and its distance."""
    n, squares = len(points), (points**2).sum(axis=1)
    nearest = np.empty(n, dtype=np.int64)
    for k in range(0, n, _ROWS_AT_ONCE):
        rows = slice(k, k + _ROWS_AT_ONCE)
        squared = squares - 2 * points[rows] @ points.T  # less each row's own square
        squared[group[rows, None] == group] = np.inf
        nearest[rows] = squared.argmin(axis=1)
    distance = np.sqrt(((points - points[nearest]) ** 2).sum(axis=1))
    distance[group == group[nearest]] = np.inf  # no other group
    return nearest, distance


def _typical(points: Floats) -> float:
    """Median distance between two random points."""
    rng = np.random.default_rng(1)
    a, b = rng.integers(0, len(points), (2, 20_000))
    distance = np.sqrt(((points[a] - points[b]) ** 2).sum(axis=1))
    return float(np.median(distance[a != b]))


_EXACT, _DIFFERENT = 1e-4, 1e-3  # of a spread: below is rounding, above is not


def scaled_together(train: Floating, test: Floating) -> Literal["standardised", "ranged"] | None:
    """Kind of scaling that was fitted to training and test together; None if not detected.

    Windows ``(n, size, size, channels)``. "standardised": every channel has mean 0 and standard
    deviation 1 over both parts, but not over the training windows. "ranged": every channel runs
    from 0 to 1 over both, but not over the training windows. Constant channels, and those with
    only 0 and 1 (classes), are ignored. A scaling fitted to the whole map cannot be detected.
    """
    a, b = (part.reshape(-1, part.shape[-1]) for part in (train, test))
    both = np.concatenate([a, b])
    informative = ((both != 0) & (both != 1)).any(axis=0) & (np.ptp(both, axis=0) > 0)
    if not informative.any():
        return None
    a, both = a[:, informative], both[:, informative]
    if _off_standard(both) < _EXACT and _off_standard(a) > _DIFFERENT:
        return "standardised"
    if _off_range(both) < _EXACT and _off_range(a) > _DIFFERENT:
        return "ranged"
    return None


def _off_standard(values: Floating) -> float:
    n, spread = len(values), values.std(axis=0, dtype=np.float64)
    corrected = spread * np.sqrt(n / max(1, n - 1))  # some divide by n - 1
    off = (
        np.abs(values.mean(axis=0, dtype=np.float64)),
        np.minimum(np.abs(spread - 1), np.abs(corrected - 1)),
    )
    return float(np.max(off))


def _off_range(values: Floating) -> float:
    off = np.abs(values.min(axis=0)), np.abs(values.max(axis=0) - 1)
    return float(np.max(off))


_ENOUGH = 0.5  # share of two windows' overlap that must be equal


def cells_apart(
    train: Ints, test: Ints, train_marks: Bools, test_marks: Bools
) -> NDArray[np.float64]:
    """Cells from each test window to the nearest training window of the same area, ``(m,)``.

    ``train`` ``(n, size, size)`` and ``test`` ``(m, size, size)`` hold numbers of pixels from
    ``number_pixels``. Two windows show one patch slid by ``(dr, dc)`` where at least half of their
    overlap at that shift is equal; a test window may be flipped or turned. The distance is the
    larger of the two shifts: 0 for the same window, 1 for a neighbour (also a diagonal one).
    Infinite where no window overlaps.
    """
    size = train.shape[1]
    where = np.nonzero(train_marks)
    order = np.argsort(train[where], kind="stable")
    known = train[where][order]
    place = np.column_stack(where)[order]  # window, row, column
    answer = np.full(len(test), np.inf)
    for j in np.flatnonzero(np.isin(test, known).any(axis=(1, 2))):
        views = zip(symmetries(test[j : j + 1]), symmetries(test_marks[j : j + 1]), strict=True)
        answer[j] = min(
            _nearest_shift(known, place, view[0], marks[0], size) for view, marks in views
        )
    return answer


def _nearest_shift(known: Ints, place: Ints, window: Ints, marks: Bools, size: int) -> float:
    cells = np.column_stack(np.nonzero(marks))
    low, high = (np.searchsorted(known, window[marks], side) for side in ("left", "right"))
    count = high - low
    cell = np.repeat(np.arange(len(cells)), count)
    nth = np.arange(len(cell)) - np.repeat(np.cumsum(count) - count, count)
    match = place[low[cell] + nth]
    shift = match[:, 1:] - cells[cell]
    pairs, equal = np.unique(np.column_stack([match[:, 0], shift]), axis=0, return_counts=True)
    apart = np.abs(pairs[:, 1:])
    same = equal >= _ENOUGH * (size - apart).prod(axis=1)
    return float(apart[same].max(axis=1).min()) if same.any() else np.inf


@dataclass(frozen=True)
class OneCell:
    """Scores of logistic regression on each window's own cell."""

    accuracy: float
    auc: float


@dataclass(frozen=True)
class SplitClaims:
    """Pooled out-of-fold AUC of a simple model under two kinds of folds, one per repeat.

    ``random`` and ``grouped`` ``(repeats,)``; empty where no folds can be made.
    """

    random: Floats
    grouped: Floats
    folds: int


def one_cell(train: Floats, y: Ints, test: Floats, y_test: Ints) -> OneCell:
    """Fit logistic regression to the training windows' own cells and score it on the test cells.

    ``train`` ``(n, channels)`` with labels ``y`` ``(n,)``, both 1 and 0; ``test``
    ``(m, channels)``. Channels are standardised on the training part; the AUC is NaN where the
    test part has one class.
    """
    ore = _model().fit(train, y).predict_proba(test)[:, 1]
    return OneCell(
        float(np.mean((ore > 0.5) == (y_test == 1))), auc(ore[y_test == 1], ore[y_test == 0])
    )


def split_claims(
    values: Floats, y: Ints, group: Ints, *, folds: int = 5, repeats: int = 5
) -> SplitClaims:
    """Cross-validate logistic regression with random folds, and with folds of whole groups.

    ``values`` ``(n, channels)``, ``y`` ``(n,)`` 1 or 0, ``group`` ``(n,)``. Both keep the share
    of ore in each fold where possible; each repeat has new folds. There are fewer folds where a
    class has fewer groups; none, and empty results, where a class has a single group.
    """
    folds = min(folds, *(len(np.unique(group[y == label])) for label in (0, 1)))
    if folds < 2:
        return SplitClaims(np.empty(0), np.empty(0), 0)
    random, grouped = (
        np.array([_pooled(values, y, assign_folds(y, g, folds, seed=k)) for k in range(repeats)])
        for g in (np.arange(len(y)), group)
    )
    return SplitClaims(random, grouped, folds)


def assign_folds(y: Ints, group: Ints, folds: int, *, seed: int) -> Ints:
    """Assign groups to folds, each to the fold with fewest windows of its class, ``(n,)``.

    Groups come in random order, large ones first; a group of both classes counts as the larger
    class. Ties: the fold with fewer windows in total.
    """
    members, number, size = np.unique(group, return_inverse=True, return_counts=True)
    ore = 2 * np.bincount(number.reshape(-1), weights=y) > size
    order = np.random.default_rng(seed).permutation(len(members))
    order = order[np.argsort(-size[order], kind="stable")]
    held, fold = np.zeros((2, folds)), np.empty(len(members), dtype=np.int64)
    for g in order:
        mine = held[int(ore[g])]
        fold[g] = np.lexsort((held.sum(axis=0), mine))[0]
        mine[fold[g]] += size[g]
    return np.asarray(fold[number.reshape(-1)])


def _pooled(values: Floats, y: Ints, fold: Ints) -> float:
    score = np.full(len(y), np.nan)
    for k in range(fold.max() + 1):
        test, train = fold == k, fold != k
        if len(np.unique(y[train])) == 2:
            score[test] = _model().fit(values[train], y[train]).predict_proba(values[test])[:, 1]
    return auc(score[y == 1], score[y == 0])


def _model() -> Any:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), LogisticRegression(solver="newton-cholesky"))
