"""What the anomaly detectors share: layers read, rows learned from, axes, exact distances.

They learn what is common and score what is not, without labels: nothing known of ore enters.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from orecast.detectors._base import Detector, Floats, Ints, centre
from orecast.errors import ConfigError, ModelError
from orecast.samples import Needs, Windows

_NULL = 1e-5  # of the largest singular value; float32 layers keep a null direction below 1e-6
_ROWS_AT_ONCE = 4096


class AnomalyDetector(Detector):
    """Base of the detectors that read element layers alone and need no labels.

    They read the layers of kind "element" at each window's own cell; all layers where there is
    none of that kind.
    """

    needs = Needs(labels=False)

    def _read(self, X: Windows) -> Windows:
        return _element_layers(X.of_size(1))


@dataclass(frozen=True)
class Axes:
    """Principal axes of standardised layers; those along which nothing varies are left out.

    ``mean`` and ``spread`` ``(p,)`` standardise; ``directions`` ``(p, r)`` orthonormal columns;
    ``deviations`` ``(r,)`` the standard deviations along them, falling.
    """

    mean: Floats
    spread: Floats
    directions: Floats
    deviations: Floats


def sampled(X: Windows, rows: int, seed: int) -> Floats:
    """Values of at most ``rows`` windows drawn without replacement, ``(n, p)`` float64, in order.

    Raises ModelError for NaN.
    """
    if len(X) > rows:
        drawn: Ints = np.random.default_rng([seed, 0]).choice(len(X), rows, replace=False)
        X = X.take(np.sort(drawn))
    return centre(X).astype(np.float64)


def standardisation(values: Floats) -> tuple[Floats, Floats]:
    """Mean and standard deviation of each column, ``(p,)``; a constant one has a spread of 1.

    Raises ModelError where all are constant.
    """
    mean, spread = values.mean(axis=0), values.std(axis=0)
    varies = spread > 1e-6 * np.abs(values).max(axis=0)
    if not varies.any():
        raise ModelError(
            "no layer varies among the windows learned from, so that nothing can stand out",
            remedy="check the layers, or learn from more windows",
        )
    return mean, np.where(varies, spread, 1.0)


def principal_axes(values: Floats, spread: Floats | None = None) -> Axes:
    """Axes of ``values`` ``(n, p)``, which may be singular, divided by ``spread`` ``(p,)``.

    Centred log-ratios sum to zero, so that their covariance has no inverse. The singular value
    decomposition of the standardised layers gives an orthonormal basis of the space they fill, as
    isometric log-ratios do (Egozcue et al. 2003); the direction in which nothing varies is dropped.

    Raises ModelError where there are not more windows than layers, or no layer varies.
    """
    need_more_windows(values, values.shape[1])
    mean, deviation = standardisation(values)
    spread = deviation if spread is None else spread
    _, singular, directions = np.linalg.svd((values - mean) / spread, full_matrices=False)
    kept = singular > _NULL * singular[0]
    return Axes(mean, spread, directions[kept].T, singular[kept] / np.sqrt(len(values)))


def squared_lengths(values: Floats, axes: Floats) -> Floats:
    """Squared length of each row of ``values @ axes``, ``(n,)``; ``(n, p)`` and ``(p, r)``.

    Not a matrix product, whose rounding follows the number of rows.
    """
    lengths = np.empty(len(values))
    for rows in blocks(len(values)):
        block = values[rows]
        product = np.zeros((len(block), axes.shape[1]))
        for column, weights in zip(block.T, axes, strict=True):
            product += column[:, None] * weights
        lengths[rows] = (product**2).sum(axis=1)
    return lengths


def blocks(n: int, size: int = _ROWS_AT_ONCE) -> Iterator[slice]:
    """Slices of at most ``size`` rows that cover ``n`` rows in order."""
    for start in range(0, n, size):
        yield slice(start, start + size)


def need_more_windows(values: Floats, than: int) -> None:
    """Refuse to learn from ``than`` windows or fewer."""
    if len(values) <= than:
        raise ModelError(
            f"there are {len(values)} windows to learn from, and more than {than} are needed "
            f"for {values.shape[1]} layers",
            remedy="learn from more windows, or from fewer layers",
        )


def positive_number(value: Any, option: str) -> None:
    """Refuse what is not a finite number above zero."""
    if not _is_number(value) or not 0 < value < np.inf:
        raise ConfigError(
            f"must be a positive number, not {value!r}", where=f"model.options.{option}"
        )


def need_share(value: Any, option: str, *, lowest: float = 0.0, highest: float = 1.0) -> None:
    """Refuse what is not a number from ``lowest`` to ``highest``, or is 0."""
    if not _is_number(value) or value == 0 or not lowest <= value <= highest:
        raise ConfigError(
            f"must be a share from {lowest:g} to {highest:g}, not {value!r}",
            where=f"model.options.{option}",
        )


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _element_layers(X: Windows) -> Windows:
    """Windows on the layers of kind "element", or on all where there are none."""
    kept = [i for i, kind in enumerate(X.kinds) if kind == "element"]
    if not kept or len(kept) == len(X.names):
        return X
    scaling = X.scaling
    if scaling is not None:
        scaling = replace(scaling, mean=scaling.mean[kept], spread=scaling.spread[kept])
    return replace(
        X,
        stack=X.stack[kept],
        names=tuple(X.names[i] for i in kept),
        kinds=("element",) * len(kept),
        scaling=scaling,
    )
