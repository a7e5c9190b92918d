"""Shapley values: what each layer adds to a score, as a mean over orders of the layers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import permutations as all_orders
from math import factorial
from typing import TYPE_CHECKING

import numpy as np

from orecast.arrays import Bools, Floats, Floats32, Ints
from orecast.errors import ConfigError, ModelError
from orecast.explanation._drawing import (
    Saved,
    means_figure,
    require_windows,
    swarm_figure,
)
from orecast.grid import window_start
from orecast.sampling.windows import Windows

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Predict = Callable[[Windows], Floats]

_WRITTEN = 1 << 24  # window values in memory at a time, 64 MiB
_SAME = 1e-3  # scores that differ by less count as equal


@dataclass(frozen=True)
class Shapley(Saved):
    """What each of C layers adds to the scores of n windows; every row sums to score - ``base``.

    ``values`` ``(n, C)`` in units of the score; ``features`` ``(n, C)`` the mean over the window of
    each layer's values as the model reads them; ``base`` the mean score of the background.
    """

    names: tuple[str, ...]
    values: Floats
    features: Floats32
    base: float

    def ranked(self) -> Ints:
        """Numbers of the layers, largest mean |value| first."""
        return np.argsort(-np.abs(self.values).mean(axis=0), kind="stable")

    def swarm(self) -> Figure:
        """Draw each window's value of each layer, coloured by the layer's own value there."""
        order = self.ranked()
        return swarm_figure(self._named(order), self.values[:, order], self.features[:, order])

    def means(self) -> Figure:
        """Draw the mean absolute value of each layer."""
        order = self.ranked()
        return means_figure(self._named(order), np.abs(self.values[:, order]).mean(axis=0))

    def _named(self, order: Ints) -> list[str]:
        return [self.names[layer] for layer in order]


def shapley_values(
    predict: Predict,
    X: Windows,
    background: Windows,
    *,
    drawn: int = 16,
    permutations: int = 2,
    seed: int,
) -> Shapley:
    r"""Shapley values of the layers of windows ``(n, C, k, k)`` for any model's ``predict``.

    .. math:: \phi_i = \frac{1}{B\,P} \sum_{b=1}^{B} \sum_{\pi}
              f(x_{\pi \le i}, b_{\pi > i}) - f(x_{\pi < i}, b_{\pi \ge i})

    A layer is one player. Layers up to :math:`i` in the order :math:`\pi` come from the window;
    the others come from a background window :math:`b`, as whole maps (interventional values,
    Lundberg & Lee 2017, NIPS, 4765-4774). B = ``drawn`` windows are drawn from the ``background``,
    or all are taken if there are not more. For each of them P orders are drawn (Strumbelj &
    Kononenko 2014, Knowl. Inf. Syst. 41, 647-665). Half of them are the reverse of the other half,
    so the joint effect of two layers is divided exactly (Mitchell, Cooper, Frank & Holmes 2022,
    JMLR 23(43)). If P is C! or more, all orders are used and the values are exact for that
    background. All windows use the same draws. A model computes up to :math:`n B P (C - 1)` scores.

    Raises SamplingError without windows, ConfigError unless ``drawn`` is at least 1 and
    ``permutations`` even and at least 2, ModelError if the background has other layers or another
    size, or if the model reads more than its windows.
    """
    require_windows(X)
    require_windows(background)
    _require_alike(X, background)
    _require_counts(drawn, permutations)
    rng = np.random.default_rng([seed, 6])
    if len(background) > drawn:
        background = background.take(rng.choice(len(background), drawn, replace=False))
    layers = len(X.names)
    walks = [_orders(layers, permutations, rng) for _ in range(len(background))]

    whole, none = predict(X), predict(background)
    values = np.empty((len(X), layers))
    features = np.empty((len(X), layers), dtype=np.float32)
    most = 1 + min(len(walks[0]) * (layers - 1), 2**layers)  # coalitions of one background window
    step = max(1, _WRITTEN // (most * layers * X.size**2))
    others = _raw(background)
    for start in range(0, len(X), step):
        rows = slice(start, start + step)
        own = _raw(X.take(rows))
        _require_windows_suffice(predict(_written(own, X)), whole[rows])
        added = [
            _added(predict, X, own, other, walk, whole[rows], score)
            for other, walk, score in zip(others, walks, none, strict=True)
        ]
        values[rows] = np.mean(added, axis=0)
        features[rows] = _means(X.batch(rows))
    return Shapley(X.names, values, features, float(none.mean()))


def _added(
    predict: Predict,
    X: Windows,
    own: Floats32,
    other: Floats32,
    walk: Ints,
    whole: Floats,
    none: float,
) -> Floats:
    """Mean of what each layer adds in orders ``(P, C)`` to windows ``(b, C, k, k)``, ``(b, C)``.

    ``whole`` ``(b,)`` are the scores with all layers of the window, ``none`` that with no layer.
    """
    place = np.argsort(walk, axis=1)  # (P, C)
    count, layers = walk.shape
    inside = place[:, None, :] < np.arange(1, layers)[:, None]  # (P, C - 1, C)
    coalitions, which = np.unique(inside.reshape(-1, layers), axis=0, return_inverse=True)
    scores = np.empty((count, layers + 1, len(own)))
    scores[:, 0], scores[:, -1] = none, whole
    if layers > 1:
        met = _scores(predict, X, own, other, coalitions)
        scores[:, 1:-1] = met[which.reshape(count, layers - 1)]
    steps = np.diff(scores, axis=1)  # (P, C, b), in the order of the walk
    by_layer = np.take_along_axis(steps, place[:, :, None], axis=1)
    return np.asarray(by_layer.mean(axis=0).T)


def _scores(
    predict: Predict, X: Windows, own: Floats32, other: Floats32, coalitions: Bools
) -> Floats:
    """Scores of windows whose layers are their own where ``coalitions`` ``(m, C)``, else others."""
    mixed = np.where(coalitions[:, None, :, None, None], own, other)  # (m, b, C, k, k)
    return predict(_written(mixed.reshape(-1, *own.shape[1:]), X)).reshape(len(coalitions), -1)


def _raw(X: Windows) -> Floats32:
    """Values of windows as in the stack, ``(n, C, k, k)``; NaN where nothing is read."""
    return replace(X, scaling=None).batch()


def _means(values: Floats32) -> Floats32:
    """Mean of each layer over the window's cells with a value, ``(n, C)``; NaN if none has one."""
    missing = np.isnan(values)
    with np.errstate(invalid="ignore"):
        total = np.where(missing, 0, values).sum(axis=(2, 3))
        return np.asarray(total / (~missing).sum(axis=(2, 3)), dtype=np.float32)


def _written(values: Floats32, X: Windows) -> Windows:
    """Windows like ``X`` with the values ``(n, C, k, k)``, placed below each other in a stack."""
    n, layers, size, _ = values.shape
    stack = np.ascontiguousarray(values.transpose(1, 0, 2, 3)).reshape(layers, n * size, size)
    own = window_start(size)
    at = np.column_stack([np.arange(n) * size + own, np.full(n, own)])
    return Windows(
        stack, X.names, at, size, scaling=X.scaling, kinds=X.kinds, cell_size=X.cell_size
    )


def _orders(layers: int, count: int, rng: np.random.Generator) -> Ints:
    """Orders of the layers ``(P, C)``: all if ``count`` is large enough, else random ones."""
    if count >= factorial(layers):
        return np.array(list(all_orders(range(layers))))
    half = rng.permuted(np.tile(np.arange(layers), (count // 2, 1)), axis=1)
    return np.concatenate([half, half[:, ::-1]])


def _require_alike(X: Windows, background: Windows) -> None:
    if (X.names, X.size) != (background.names, background.size):
        raise ModelError(
            "the background windows have other layers or another size than the explained windows",
            remedy="make the background from the same windows, such as by Windows.moved",
        )


def _require_counts(drawn: int, permutations: int) -> None:
    if drawn < 1:
        raise ConfigError(f"must be at least 1, not {drawn}", where="drawn")
    if permutations < 2 or permutations % 2:
        raise ConfigError(
            f"must be even and at least 2, not {permutations}: each order comes with its reverse",
            where="permutations",
        )


def _require_windows_suffice(written: Floats, scores: Floats) -> None:
    """Raise ModelError if scores of windows change when the windows are cut out of their map."""
    if not np.allclose(written, scores, rtol=0, atol=_SAME, equal_nan=True):
        raise ModelError(
            "Shapley values need a model that reads only its windows; this model reads more of "
            "the map",
            remedy="choose a model that reads only windows",
        )
