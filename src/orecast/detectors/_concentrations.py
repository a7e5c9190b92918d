"""What the detectors of geochemical background share: layers chosen, logarithms read, scores."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from orecast.detectors._anomaly import AnomalyDetector
from orecast.detectors._base import Floats, centre, number_of, only
from orecast.errors import ModelError
from orecast.samples import Windows

_MOST = 50.0  # natural logarithm; no ratio of concentrations lies beyond exp(50)


class ConcentrationDetector(AnomalyDetector):
    """Base of the detectors that read the named layer, else all of kind "element".

    All layers are read where there is none of that kind. No labels are needed.
    """

    layer: str | None = None

    def _check_windows(self, X: Windows) -> None:
        if self.layer is not None:
            number_of(X, self.layer)

    def _read(self, X: Windows) -> Windows:
        if self.layer is not None:
            return only(X.of_size(1), number_of(X, self.layer))
        return super()._read(X)


def raw_values(X: Windows) -> Floats:
    """Values before scaling, ``(n, n_layers, size, size)`` float64, NaN where there is none.

    A layer that an infinite spread occludes is its mean everywhere.
    """
    values = replace(X, scaling=None).batch().astype(np.float64)
    if X.scaling is not None:
        for layer in np.flatnonzero(np.isinf(X.scaling.spread)):
            values[:, layer] = X.scaling.mean[layer]
    return values


def own_values(X: Windows) -> Floats:
    """Values before scaling at each window's own cell, ``(n, n_layers)`` float64.

    Raises ModelError for NaN in windows without a scaling; with one, NaN is left.
    """
    if X.scaling is None:
        centre(X)
    return raw_values(X.of_size(1))[:, :, 0, 0]


def logarithms(X: Windows) -> Floats:
    """Natural logarithms of concentrations, ``(n, n_layers, size, size)``, NaN where not measured.

    Layers of kind "element" are logarithms or log-ratios already. Of another kind, a layer is read
    as it is scaled, limited to ±50, as if it were the logarithm of something.

    Raises ModelError for element layers beyond ±50, which are no logarithms.
    """
    if X.kinds and X.kinds[0] != "element":
        return np.clip(X.batch().astype(np.float64), -_MOST, _MOST)
    values = raw_values(X)
    beyond = np.abs(values) > _MOST
    if beyond.any():
        layer = int(np.argmax(beyond.any(axis=(0, 2, 3))))
        raise ModelError(
            f"{values[:, layer][beyond[:, layer]][0]:g} is no logarithm of a concentration",
            where=f"layer {X.names[layer]}",
            remedy='set composition.transform = "clr" or "log", or choose another model',
        )
    return values


def own_logarithms(X: Windows) -> Floats:
    """Logarithms at each window's own cell, ``(n, n_layers)``; NaN is the mean of the scaling.

    Raises ModelError for NaN in windows without a scaling, and for what is no logarithm.
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


def rising(z: Floats) -> Floats:
    """``(1 + z / (1 + |z|)) / 2``: rises everywhere from 0 to 1, so that far values do not tie.

    >>> rising(np.array([-1.0, 0.0, 2.0])).round(4).tolist()
    [0.25, 0.5, 0.8333]
    """
    return np.asarray((1 + z / (1 + np.abs(z))) / 2)
