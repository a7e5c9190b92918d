"""Classical background and threshold: mean ± 2 SD, contrast, cumulative index."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from orecast.arrays import Floats
from orecast.errors import ConfigError, ModelError
from orecast.models.checks import require_one_of, require_switch
from orecast.models.classical._base import centre, number_of, only, rising
from orecast.models.classical.anomaly import AnomalyDetector
from orecast.sampling import Windows

REGISTERED = {
    "mean-2sd": "MeanTwoSD",
    "contrast": "Contrast",
    "cumulative-index": "CumulativeIndex",
}

_MOST = 50.0  # natural logarithm; no ratio of concentrations exceeds exp(50)


class ConcentrationDetector(AnomalyDetector):
    """Base of the detectors that read one named layer, else all of kind "element".

    All layers are read where there is none of that kind. No labels are needed.
    """

    def _read(self, X: Windows) -> Windows:
        if self.layer is not None:
            return only(X.of_size(1), number_of(X, self.layer))
        return super()._read(X)


def raw_values(X: Windows) -> Floats:
    """Values before scaling, ``(n, n_layers, size, size)`` float64, NaN where there is none.

    A layer with an infinite spread (occluded) is its mean everywhere.
    """
    values = replace(X, scaling=None).batch().astype(np.float64)
    if X.scaling is not None:
        for layer in np.flatnonzero(np.isinf(X.scaling.spread)):
            values[:, layer] = X.scaling.mean[layer]
    return values


def own_values(X: Windows) -> Floats:
    """Values before scaling at each window's own cell, ``(n, n_layers)`` float64.

    Raises ModelError for NaN in windows without a scaling; with one, NaN stays.
    """
    if X.scaling is None:
        centre(X)
    return raw_values(X.of_size(1))[:, :, 0, 0]


def logarithms(X: Windows) -> Floats:
    """Natural logarithms of concentrations, ``(n, n_layers, size, size)``, NaN where not measured.

    Layers of kind "element" are already logarithms or log-ratios. The scaled values of other
    layers are used like logarithms, limited to ±50.

    Raises ModelError for element layers beyond ±50, which are not logarithms.
    """
    if X.kinds and X.kinds[0] != "element":
        return np.clip(X.batch().astype(np.float64), -_MOST, _MOST)
    values = raw_values(X)
    beyond = np.abs(values) > _MOST
    if beyond.any():
        layer = int(np.argmax(beyond.any(axis=(0, 2, 3))))
        raise ModelError(
            f"{values[:, layer][beyond[:, layer]][0]:g} is not a logarithm of a concentration",
            where=f"layer {X.names[layer]}",
            remedy='set composition.transform = "clr" or "log", or choose another model',
        )
    return values


def own_logarithms(X: Windows) -> Floats:
    """Logarithms at each window's own cell, ``(n, n_layers)``; NaN is the mean of the scaling.

    Raises ModelError for NaN in windows without a scaling, and for values beyond ±50.
    """
    if X.scaling is None:
        centre(X)
    values = logarithms(X.of_size(1))[:, :, 0, 0]
    if X.scaling is not None:
        values = np.where(np.isnan(values), X.scaling.mean, values)
    return values


def spread_of(values: Floats) -> Floats:
    """Standard deviation of each column, ``(n_layers,)``; 1 for a constant one."""
    spread = values.std(axis=0)
    return np.where(spread > 1e-9 * np.abs(values).max(axis=0, initial=0.0), spread, 1.0)


_ELEMENTS = "model.options.elements"
MAD_TO_SD = 1.4826  # of a normal distribution


class MeanTwoSD(ConcentrationDetector):
    """Standard deviations above the mean; the classical threshold is 2.

    ``z = (v - m) / s`` with m the mean and s the standard deviation of a layer's values, which are
    logarithms, over the training windows. A cell is anomalous above m + 2 s: Hawkes, H.E. &
    Webb, J.S. (1962), Geochemistry in Mineral Exploration. With ``robust`` m is the median and s
    1.4826 times the median absolute deviation: Reimann, C., Filzmoser, P. & Garrett, R.G. (2005),
    Background and threshold, Science of the Total Environment 346, 1-16.

    The score is ``(1 + z / (1 + |z|)) / 2`` of the largest z among the elements, or of the one
    ``layer``: above 5/6 is anomalous by this rule. A constant layer has s = 1.
    """

    background_: Floats  # (n_layers,)
    spread_: Floats  # (n_layers,)

    def __init__(self, layer: str | None = None, robust: bool = False) -> None:
        self.layer = layer
        self.robust = robust

    def _check_options(self) -> None:
        require_switch("robust", self.robust)

    def _learn(self, X: Windows, y: Floats, seed: int) -> None:
        self.background_, self.spread_ = background(centre(X), robust=self.robust)

    def _score(self, X: Windows) -> Floats:
        return rising(((centre(X) - self.background_) / self.spread_).max(axis=1))


class Contrast(ConcentrationDetector):
    """Ratio of a cell's concentration to the median background.

    ``K = c / c_b`` (Hawkes & Webb 1962), so ``log K = v - v_b`` for layers that are logarithms.
    ``background`` "global" is the median over the training windows, "local" that of the cell's own
    window, which must have a side of at least three cells.

    The score is ``(1 + log K / (1 + |log K|)) / 2`` of the largest K among the elements, or of the
    one ``layer``: one half is the background. The mean over elements would not be informative,
    since the centred log-ratios of a composition sum to zero.
    """

    background_: Floats  # (n_layers,), of "global"

    def __init__(
        self, layer: str | None = None, background: Literal["global", "local"] = "global"
    ) -> None:
        self.layer = layer
        self.background = background

    def _check_options(self) -> None:
        require_one_of("background", self.background, ("global", "local"))

    def _check_windows(self, X: Windows) -> None:
        super()._check_windows(X)
        if self.background == "local" and X.size < 3:
            raise ModelError(
                f"a local background needs windows of at least 3 cells, not {X.size}",
                where="sampling.window",
                remedy='set it to 3 or more, or model.options.background = "global"',
            )

    def _read(self, X: Windows) -> Windows:
        chosen = super()._read(X)
        return chosen.of_size(X.size) if self.background == "local" else chosen

    def _learn(self, X: Windows, y: Floats, seed: int) -> None:
        values = own_logarithms(X)
        if self.background == "global":
            self.background_ = np.median(values, axis=0)

    def _score(self, X: Windows) -> Floats:
        values = own_logarithms(X)
        if self.background == "global":
            return rising((values - self.background_).max(axis=1))
        around = logarithms(X).reshape(*values.shape, -1)
        around[..., 0] = np.where(np.isnan(around).all(axis=2), values, around[..., 0])
        return rising((values - np.nanmedian(around, axis=2)).max(axis=1))


class CumulativeIndex(ConcentrationDetector):
    """Sum over elements of contrasts, or of standardised values.

    ``of`` "contrasts" is the total index ``Z = sum K_i - (n - 1)`` of n elements, with K the ratio
    of a concentration to its median: Saet, Yu.E., Revich, B.A. & Yanin, E.P. (1990), Geochemistry
    of the Environment, without their limit at K = 1, below which cells would tie. "standardised" is
    the sum of ``(v - m) / s``, with m and s the mean and standard deviation of the logarithms.
    ``elements`` names the layers summed; by default all of kind "element". The centred log-ratios
    of a whole composition sum to zero, so the standardised sum of all is not informative: name the
    elements of the ore sought.

    The score is ``(1 + z / (1 + |z|)) / 2``, z being the sum standardised over the training
    windows.
    """

    background_: Floats  # (n_layers,)
    spread_: Floats  # (n_layers,)
    mean_: float  # of the index
    deviation_: float

    def __init__(
        self,
        elements: Sequence[str] | None = None,
        of: Literal["contrasts", "standardised"] = "contrasts",
    ) -> None:
        self.elements = elements
        self.of = of

    def _check_options(self) -> None:
        require_one_of("of", self.of, ("contrasts", "standardised"))
        if self.elements is not None and not (
            isinstance(self.elements, list | tuple) and self.elements
        ):
            raise ConfigError(f"must be a list of layers, not {self.elements!r}", where=_ELEMENTS)

    def _check_windows(self, X: Windows) -> None:
        for name in self.elements or ():
            number_of(X, name, _ELEMENTS)

    def _learn(self, X: Windows, y: Floats, seed: int) -> None:
        values = self._values(X)
        if self.of == "contrasts":
            self.background_, self.spread_ = np.median(values, axis=0), np.ones(values.shape[1])
        else:
            self.background_, self.spread_ = background(values)
        index = self._index(X)
        self.mean_ = float(index.mean())
        self.deviation_ = float(spread_of(index[:, None])[0])

    def _score(self, X: Windows) -> Floats:
        return rising((self._index(X) - self.mean_) / self.deviation_)

    def _read(self, X: Windows) -> Windows:
        return super()._read(X) if self.elements is None else X.of_size(1)

    def _values(self, X: Windows) -> Floats:
        """Logarithms of the layers summed, ``(n, n_summed)``."""
        if self.elements is None:
            return own_logarithms(X)
        return np.hstack([own_logarithms(only(X, number_of(X, n))) for n in self.elements])

    def _index(self, X: Windows) -> Floats:
        z = (self._values(X) - self.background_) / self.spread_
        return total_index(z) if self.of == "contrasts" else z.sum(axis=1)


def background(values: ArrayLike, *, robust: bool = False) -> tuple[Floats, Floats]:
    """Mean and standard deviation of each column, or median and scaled MAD, ``(n_layers,)``.

    ``values`` are ``(n, n_layers)``; a spread of 0 is given as 1.
    """
    table = np.asarray(values, dtype=np.float64)
    if not robust:
        return table.mean(axis=0), spread_of(table)
    middle = np.median(table, axis=0)
    spread = MAD_TO_SD * np.median(np.abs(table - middle), axis=0)
    return middle, np.where(spread > 0, spread, 1.0)


def total_index(log_contrasts: Floats) -> Floats:
    """Saet's total index ``sum K - (n - 1)`` of logarithms of contrasts ``(m, n)``, ``(m,)``.

    >>> total_index(np.log([[2.0, 3.0, 1.0]])).round(9).tolist()
    [4.0]
    """
    return np.asarray(np.exp(log_contrasts).sum(axis=1) - (log_contrasts.shape[1] - 1))
