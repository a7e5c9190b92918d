"""From the ground to a table: where samples are taken, and what a laboratory writes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from orecast.grid import Grid
from orecast.simulation.elements import Analyte
from orecast.simulation.preset import Preset

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
_CANDIDATES = 6


def sample_sites(grid: Grid, count: int, drainage: Floats, rng: np.random.Generator) -> Floats:
    """Positions of ``count`` samples, ``(count, 2)``: one a block, at its best small stream.

    As in the field, the area is cut into equal blocks, and in each the sampler takes the place
    with the largest catchment that is not yet a river (no larger than eight blocks).
    """
    bounds = grid.bounds
    width, height = bounds.east - bounds.west, bounds.north - bounds.south
    across = math.ceil(math.sqrt(count * width / height))
    down = math.ceil(count / across)
    blocks = np.sort(rng.permutation(across * down)[:count])
    inside = rng.uniform(0.02, 0.98, (_CANDIDATES, count, 2))
    inside[:, :, 0] += blocks % across
    inside[:, :, 1] += blocks // across
    size = np.array([width / across, height / down])
    places = np.round(np.array([bounds.west, bounds.south]) + inside * size, 0)
    at = grid.cell(places.reshape(-1, 2))
    catchment = drainage[at[:, 0], at[:, 1]].reshape(_CANDIDATES, count)
    river = 8 * size.prod() / grid.cell_area
    best = np.where(catchment <= river, catchment, -1).argmax(axis=0)
    return np.asarray(places[best, np.arange(count)])


def analysed(truth: Floats, analytes: list[Analyte], rng: np.random.Generator) -> Floats:
    """Measured values in the analytes' units, ``(n_samples, n_elements)``, from mg/kg.

    Error as Thompson & Howarth (1978, Journal of Geochemical Exploration 9, 23) found it, a
    standard deviation s0 + k·c, with s0 a third of the detection limit and k the precision. A
    reading may be negative; what is below the limit the laboratory does not tell.
    """
    in_unit = truth / [a.to_ppm for a in analytes]
    s0 = np.array([a.limit / 3 for a in analytes])
    k = np.array([a.precision for a in analytes])
    return np.asarray(in_unit + rng.standard_normal(truth.shape) * (s0 + k * in_unit))


def as_written(value: float, limit: float) -> str:
    """A value as laboratories write it: three digits, none finer than the limit's, or ``<limit``.

    >>> [as_written(v, 0.5) for v in (0.31, 0.514, 7.26, 1234.5)]
    ['<0.5', '0.51', '7.26', '1230']
    """
    if value < limit:
        return f"<{limit:g}"
    finest = 1 - math.floor(math.log10(limit))
    decimals = min(finest, 2 - math.floor(math.log10(value)))
    return f"{round(value, decimals):.{max(decimals, 0)}f}"


def survey_table(
    preset: Preset, grid: Grid, sediment: Floats, drainage: Floats, rng: np.random.Generator
) -> pd.DataFrame:
    """The samples as delivered: ``sample``, ``X``, ``Y``, and a column an analyte, as text.

    Field duplicates stand behind the rest, the same place under a name that ends in D. Headers
    read ``Au_ppb``, ``Fe2O3_%``.
    """
    import pandas as pd

    sampling = preset.sampling
    xy = sample_sites(grid, sampling.samples - sampling.duplicates, drainage, rng)
    again = np.sort(rng.choice(len(xy), sampling.duplicates, replace=False))
    site = np.concatenate([np.arange(len(xy)), again])
    at = grid.cell(xy[site])
    there = sediment[:, at[:, 0], at[:, 1]].T  # (n_samples, n_elements)
    taken = there * np.exp(rng.normal(0, sampling.scatter, there.shape))
    analytes = list(preset.elements.values())
    values = analysed(taken, analytes, rng)
    names = [f"S{n + 1:05d}" for n in range(len(xy))] + [f"S{n + 1:05d}D" for n in again]
    table = {"sample": names, "X": xy[site, 0], "Y": xy[site, 1]}
    for k, (symbol, analyte) in enumerate(preset.elements.items()):
        table[header(symbol, analyte)] = [as_written(v, analyte.limit) for v in values[:, k]]
    return pd.DataFrame(table)


def header(symbol: str, analyte: Analyte) -> str:
    """The column's name, such as ``Au_ppb``."""
    return f"{symbol}_{analyte.unit}"
