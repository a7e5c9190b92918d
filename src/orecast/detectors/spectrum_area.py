"""Spectrum-area fractal filter."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from orecast.detectors._base import Floats, centre, one_of
from orecast.detectors._concentrations import ConcentrationDetector, rising, spread_of
from orecast.detectors.concentration_area import fit_concentration_area
from orecast.samples import Windows

REGISTERED = {"spectrum-area": "SpectrumArea"}


class SpectrumArea(ConcentrationDetector):
    """Spectrum-area filter: the part of a map whose power lies beyond the background's power law.

    The number A(≥ E) of wave numbers whose power is E or more follows power laws in E; at the break
    between two of them the map parts into a background of high power and an anomaly of low power:
    Cheng, Q., Xu, Y. & Grunsky, E. (2000), Integrated spatial and spectrum method for geochemical
    anomaly separation, Natural Resources Research 9, 43-52. The break is that of
    ``fit_concentration_area`` with two segments, over the upper half of the powers.

    A layer's fill is the mean of its visible cells, a threshold the power at the break of the
    spectrum of the visible map; cells without values, and hidden ones, take the fill. In prediction
    the filter runs over the whole map. Each map is mirrored at its edges into a margin, there
    tapered to the fill. ``over`` takes the "max" or the "mean" over elements of the anomalies, each
    divided by its standard deviation over the windows learned from; ``layer`` reads one alone. The
    score is ``(1 + z / (1 + |z|)) / 2`` of that z.
    """

    fills_: Floats  # (n_layers,)
    thresholds_: Floats  # (n_layers,), power a cell
    spread_: Floats  # (n_layers,), of the anomaly
    _kept: tuple[bytes, NDArray[np.float32]] | None = None  # fingerprint and filtered maps

    def __init__(self, layer: str | None = None, over: Literal["max", "mean"] = "max") -> None:
        self.layer = layer
        self.over = over

    def _check_options(self) -> None:
        super()._check_options()
        one_of(self.over, "over", ("max", "mean"))

    def _learn(self, X: Windows, y: Floats, seed: int) -> None:
        centre(X)  # refuses what it could not score
        fills, thresholds = [], []
        for layer in range(len(X.stack)):
            values = _visible(X, layer)
            fills.append(_mean(values))
            thresholds.append(power_threshold(values, fills[-1]))
        self.fills_, self.thresholds_ = np.array(fills), np.array(thresholds)
        self._kept = None
        self.spread_ = spread_of(self._anomalies(X))

    def _score(self, X: Windows) -> Floats:
        centre(X)
        z = self._anomalies(X) / self.spread_
        return rising(z.max(axis=1) if self.over == "max" else z.mean(axis=1))

    def _anomalies(self, X: Windows) -> Floats:
        """Anomaly of each layer at each window's own cell, ``(n, n_layers)``."""
        return np.asarray(self._filtered(X)[:, X.at[:, 0], X.at[:, 1]].T, dtype=np.float64)

    def _filtered(self, X: Windows) -> NDArray[np.float32]:
        """Anomaly maps ``(n_layers, rows, columns)``; kept for the next part of the same map."""
        key = _fingerprint(X)
        if self._kept is None or self._kept[0] != key:
            maps = np.empty(X.stack.shape, dtype=np.float32)
            for layer, (threshold, fill) in enumerate(
                zip(self.thresholds_, self.fills_, strict=True)
            ):
                maps[layer] = anomaly_filter(_visible(X, layer), threshold, fill)
            self._kept = key, maps
        return self._kept[1]


def power_threshold(values: Floats, fill: float) -> float:
    """Power at the break of the spectrum-area curve of a map ``(rows, columns)``.

    NaN takes the value ``fill``. Power is ``|F|² / n`` with F the Fourier transform of the tapered
    map of n cells, less its fill. A map without a break has a threshold of infinity.
    """
    power = _power(_spectrum(values, fill)).ravel()
    # Rounding's power in an empty spectrum is no signal.
    power = power[power > 1e-20 * max(power.max(initial=0.0), np.finfo(float).tiny)]
    if not len(power):
        return float("inf")
    breaks = fit_concentration_area(power[power >= np.median(power)], segments=2).breaks
    return float(breaks[0]) if len(breaks) else float("inf")


def anomaly_filter(values: Floats, threshold: float, fill: float) -> Floats:
    """Part of a map ``(rows, columns)`` whose power lies below a threshold; NaN takes ``fill``."""
    from scipy import fft

    spectrum = _spectrum(values, fill)
    spectrum[_power(spectrum) >= threshold] = 0
    (top, left), shape = _margins(values.shape), spectrum.shape
    whole = fft.ifft2(spectrum, s=shape).real
    rows, columns = values.shape
    return np.asarray(whole[top : top + rows, left : left + columns])


def _spectrum(values: Floats, fill: float) -> NDArray[np.complex128]:
    """Fourier transform of a map less its fill, with mirrored and tapered margins."""
    from scipy import fft

    left = np.where(np.isnan(values), 0.0, values - fill)
    margins = _margins(values.shape)
    padded = np.pad(left, [(m, m) for m in margins], mode="symmetric")
    for axis, margin in enumerate(margins):
        ramp = np.sin(np.pi / 2 * (np.arange(margin) + 0.5) / margin) ** 2
        taper = np.concatenate([ramp, np.ones(values.shape[axis]), ramp[::-1]])
        padded *= taper[:, None] if axis == 0 else taper
    return np.asarray(fft.fft2(padded))


def _power(spectrum: NDArray[np.complex128]) -> Floats:
    return np.asarray(np.abs(spectrum) ** 2 / spectrum.size)


def _margins(shape: tuple[int, ...]) -> tuple[int, int]:
    """Cells added on each side: an eighth of the map, at least one."""
    return max(1, shape[0] // 8), max(1, shape[1] // 8)


def _visible(X: Windows, layer: int) -> Floats:
    """One layer's map ``(rows, columns)``, NaN where hidden, and everywhere if occluded."""
    values = X.stack[layer].astype(np.float64)
    if X.scaling is not None and np.isinf(X.scaling.spread[layer]):
        values[:] = np.nan
    return values if X.hidden is None else np.where(X.hidden, np.nan, values)


def _mean(values: Floats) -> float:
    seen = values[~np.isnan(values)]
    return float(seen.mean()) if len(seen) else 0.0


def _fingerprint(X: Windows) -> bytes:
    """What the filtered maps follow from: values, hidden cells, occluded layers."""
    from hashlib import blake2b

    digest = blake2b(np.ascontiguousarray(X.stack).data, digest_size=16)
    if X.hidden is not None:
        digest.update(np.ascontiguousarray(X.hidden).data)
    if X.scaling is not None:
        digest.update(np.isinf(X.scaling.spread).tobytes())
    return digest.digest()
