"""Slid copies: the papers' way to make many windows of one deposit."""

from __future__ import annotations

import numpy as np

from orecast.errors import SamplingError
from orecast.samples.nouns import Sampling


def slide(sampling: Sampling, shift: int, *, size: int, shape: tuple[int, int]) -> Sampling:
    """Return each row with its copies slid by up to ``shift`` cells each way.

    Copies keep label, group and origin; those off the grid are left out, and a cell that two
    rows of one label slide onto is taken once. The deposit stays inside its window, as in Gao et
    al. (2022) and Xiang et al. (2026).

    Raises SamplingError where the deposit would leave its window.
    """
    if shift > (size - 1) // 2:
        raise SamplingError(
            f"a shift of {shift} cells moves the deposit out of its window of {size}",
            where="sampling.shift",
            remedy=f"set it to {(size - 1) // 2}" + (" or less" if size > 2 else ""),
        )
    steps = np.arange(-shift, shift + 1)
    moves = np.stack(np.meshgrid(steps, steps, indexing="ij"), axis=-1).reshape(-1, 2)
    moves = moves[np.argsort(np.abs(moves).sum(axis=1), kind="stable")]  # the place itself first
    at = (sampling.at[None] + moves[:, None]).reshape(-1, 2)
    row = np.tile(np.arange(len(sampling)), len(moves))
    on_grid = np.asarray(((at >= 0) & (at < np.array(shape))).all(axis=1))
    grown = Sampling(at, sampling.y[row], sampling.group[row], sampling.origin[row]).take(on_grid)
    keys = np.column_stack([grown.at, grown.y])
    _, first = np.unique(keys, axis=0, return_index=True)
    return grown.take(np.sort(first))
