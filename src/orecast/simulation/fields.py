"""Gaussian random fields on a grid, by circulant embedding of a covariance model."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy import fft
from scipy.special import ndtr

from orecast.grid import Grid

Floats = NDArray[np.float64]


def gaussian_fields(
    grid: Grid, length: float, count: int, rng: np.random.Generator, *, smoothness: float = 0.5
) -> Floats:
    """Independent stationary fields of mean 0 and variance 1, ``(count, rows, columns)``.

    Matérn covariance of the given ``smoothness`` (0.5 is the exponential), ``length`` its length
    scale in metres. Drawn exactly on a torus of twice the grid's sides, whose few negative
    eigenvalues are cut (Dietrich & Newsam 1997, SIAM J. Sci. Comput. 18, 1088).
    """
    import gstools

    rows, columns = (fft.next_fast_len(2 * n) for n in grid.shape)
    width, height = grid.cell_size
    dy = np.minimum(np.arange(rows), rows - np.arange(rows)) * height
    dx = np.minimum(np.arange(columns), columns - np.arange(columns)) * width
    # rescaled to the usual sqrt(2 nu) h / length, where gstools has sqrt(nu) h / length
    model = gstools.Matern(dim=2, var=1.0, len_scale=length, nu=smoothness, rescale=math.sqrt(2))
    covariance = model.covariance(np.hypot(dy[:, None], dx[None, :]))
    eigenvalues = np.clip(fft.fft2(covariance).real, 0, None)
    amplitude = np.sqrt(eigenvalues / eigenvalues.mean())
    noise = rng.standard_normal((count, rows, columns))
    fields = fft.ifft2(amplitude * fft.fft2(noise)).real
    return np.ascontiguousarray(fields[:, : grid.shape[0], : grid.shape[1]])


def standardised(field: Floats) -> Floats:
    """Shift and scale to mean 0 and standard deviation 1; a constant becomes 0."""
    spread = float(field.std())
    return (field - field.mean()) / spread if spread > 0 else np.zeros_like(field)


def uniform(field: Floats) -> Floats:
    """Carry a field to values between 0 and 1, by the normal distribution of its standard form."""
    return np.asarray(ndtr(standardised(field)))
