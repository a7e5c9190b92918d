"""Local singularity index."""

from __future__ import annotations

from typing import Literal

import numpy as np

from orecast.detectors._base import Floats, centre, one_of
from orecast.detectors._concentrations import ConcentrationDetector, logarithms, rising
from orecast.errors import ModelError
from orecast.samples import Needs, Windows

REGISTERED = {"singularity": "Singularity"}


class Singularity(ConcentrationDetector):
    """Local singularity index of concentrations in windows that grow around a cell.

    In squares of side ε = 1, 3, 5, … cells up to the model's window, the mean concentration
    follows ``C(ε) = c ε^(α - 2)``: the slope of log C on log ε, by least squares, is α - 2. Below
    2, α means enrichment towards the cell, above 2 depletion, whatever the level around:
    Cheng, Q. (2007), Mapping singularities with stream sediment geochemical data, Ore Geology
    Reviews 32, 314-324; Cheng, Q. (2012), Singularity theory and methods for mapping
    geochemical anomalies, Journal of Geochemical Exploration 122, 55-70.

    Cells without values are left out of the means, and squares without any out of the fit. ``over``
    takes the "max" of 2 - α among the elements, or its "mean"; ``layer`` reads one alone. The score
    is ``(1 + z / (1 + |z|)) / 2`` with z = 2 - α. Nothing is learned but the names of the layers.
    """

    needs = Needs(smallest_window=5, parity="odd", labels=False)

    def __init__(self, layer: str | None = None, over: Literal["max", "mean"] = "max") -> None:
        self.layer = layer
        self.over = over

    def _check_options(self) -> None:
        super()._check_options()
        one_of(self.over, "over", ("max", "mean"))

    def _check_windows(self, X: Windows) -> None:
        super()._check_windows(X)
        if X.size < self.needs.smallest_window or X.size % 2 == 0:
            raise ModelError(
                f"singularity needs windows of an odd number of cells, at least 5, not {X.size}",
                where="sampling.window",
                remedy="set it to 5 or more, odd, or choose another model",
            )

    def _read(self, X: Windows) -> Windows:
        return super()._read(X).of_size(X.size)

    def _learn(self, X: Windows, y: Floats, seed: int) -> None:
        centre(X)  # refuses what it could not score

    def _score(self, X: Windows) -> Floats:
        centre(X)
        enrichment = 2 - singularity_index(np.exp(logarithms(X)))  # (n, n_layers)
        return rising(enrichment.max(axis=1) if self.over == "max" else enrichment.mean(axis=1))


def singularity_index(concentrations: Floats) -> Floats:
    """Singularity index α of windows ``(..., k, k)`` of positive values, ``(...)``; k is odd.

    NaN is left out. A window with values in fewer than two squares of different mean size has
    an index of 2.
    """
    k = concentrations.shape[-1]
    side = np.arange(1, k + 1, 2)
    means = np.stack([_mean(concentrations, (k - s) // 2) for s in side])  # (k', ...)
    present = np.isfinite(means)
    shape = (-1,) + (1,) * (means.ndim - 1)
    x = np.where(present, np.log(side).reshape(shape), 0.0)
    log_mean = np.log(means, where=present, out=np.zeros_like(means))
    n = np.maximum(present.sum(axis=0), 1)
    x = np.where(present, x - x.sum(axis=0) / n, 0.0)
    across = (x**2).sum(axis=0)
    slope = (x * log_mean).sum(axis=0) / np.where(across > 0, across, 1.0)
    return np.asarray(2 + slope)


def _mean(concentrations: Floats, margin: int) -> Floats:
    """Mean over the square that leaves out a margin; NaN where it holds no value."""
    k = concentrations.shape[-1]
    inner = concentrations[..., margin : k - margin, margin : k - margin]
    measured = ~np.isnan(inner)
    n = measured.sum(axis=(-2, -1))
    total = np.where(measured, inner, 0.0).sum(axis=(-2, -1))
    return np.where(n > 0, total / np.maximum(n, 1), np.nan)
