"""Chance levels: randomly shifted deposits, and repeated draws of negatives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from orecast.arrays import Bools, Floats, Ints
from orecast.errors import SamplingError
from orecast.metrics.intervals import bootstrap_mean, known_groups
from orecast.metrics.results import Figures, LayerNull
from orecast.metrics.scores import percentiles

_FEWEST_INSIDE = 2 / 3  # of the deposits on valid cells, for a shift to be accepted
_TRIES = 200  # shifts tried for each one needed


def toroidal_null(
    stack: ArrayLike,
    names: Sequence[str],
    valid: ArrayLike,
    cells: ArrayLike,
    *,
    seed: int,
    draws: int = 1000,
) -> LayerNull:
    """Null distribution of the best single layer, by toroidal shifts of the deposits.

    ``stack`` ``(n_layers, rows, columns)`` with a name each; ``valid`` ``(rows, columns)``, cells
    where every layer has a value; ``cells`` ``(n, 2)`` row and column of deposits. A layer's value
    is the mean percentile of the deposits among the valid cells, or one minus it where that is
    larger. The
    deposits move together by a random shift, wrapped at the grid's edges. This keeps their pattern
    and the layers' texture and removes only the relation between the two (Lotwick & Silverman 1982,
    J. R. Stat. Soc. B 44, 406). Deposits on cells that are not valid are left out of that shift's
    mean; a shift with fewer than two thirds of them on valid cells is drawn again. The wrap joins
    opposite edges, so p is approximate with few cells and coarse texture. Raises ValueError for NaN
    at valid cells, SamplingError where no deposit is on a valid cell or the valid area is too small
    for shifts.
    """
    layers, inside = np.asarray(stack), np.asarray(valid, dtype=bool)
    observed = np.asarray(cells, dtype=np.int64).reshape(-1, 2)
    observed = observed[_on(inside, observed)]
    if not len(observed):
        raise SamplingError(
            "no deposit lies on a valid cell", remedy="check the deposits' CRS and the study area"
        )
    at = _shifted(observed, inside, draws, np.random.default_rng(seed))
    means = np.stack([_mean_percentiles(layer, inside, at) for layer in layers])  # (n_layers, 1+k)
    strength = np.maximum(means, 1 - means)
    layer = int(np.argmax(strength[:, 0]))
    best = strength.max(axis=0)
    reached = np.sum(best >= best[0] - 1e-9)
    return LayerNull(
        layer=names[layer],
        sign=1 if means[layer, 0] >= 0.5 else -1,
        value=float(best[0]),
        mean=float(best[1:].mean()),
        high=float(np.quantile(best[1:], 0.95)),
        p=float(reached / best.size),
        draws=draws,
        layers=len(names),
    )


def _shifted(cells: Ints, valid: Bools, draws: int, rng: np.random.Generator) -> Ints:
    """Deposits at their own cells and at ``draws`` accepted shifts, ``(1 + draws, n, 2)``."""
    found, count = [cells[None]], 0
    for _ in range(_TRIES):
        shift = rng.integers(0, valid.shape, size=(draws, 1, 2))
        moved = (cells + shift) % valid.shape
        kept = moved[valid[moved[..., 0], moved[..., 1]].mean(axis=1) >= _FEWEST_INSIDE]
        found.append(kept[: draws - count])
        count += len(found[-1])
        if count == draws:
            return np.concatenate(found)
    raise SamplingError(
        f"only {count} of {_TRIES * draws} random shifts leave two thirds of the deposits on "
        "valid cells",
        remedy="use layers that cover more of the area: its valid cells are too few or too "
        "scattered for this test",
    )


def _mean_percentiles(layer: NDArray[np.floating], valid: Bools, at: Ints) -> Floats:
    """Mean percentile over the deposits on valid cells, of each shift, ``(1 + draws,)``."""
    values = layer[valid]
    if np.isnan(values).any():
        raise ValueError("a layer is NaN at valid cells")
    row, column = at[..., 0], at[..., 1]
    counted = valid[row, column]
    ranked = percentiles(layer[row, column], values).reshape(counted.shape)
    total = np.where(counted, ranked, 0.0).sum(axis=1)
    return np.asarray(total / counted.sum(axis=1))


def _on(valid: Bools, cells: Ints) -> Bools:
    """Which cells lie on the grid and are valid."""
    row, column = cells.T
    rows, columns = valid.shape
    on = (row >= 0) & (row < rows) & (column >= 0) & (column < columns)
    return np.asarray(on & valid[row * on, column * on])


@dataclass(frozen=True)
class NegativeDraws(Figures):
    """AUC over draws of negatives: mean and spread, and the interval over distinct deposits.

    ``spread`` is the standard deviation over draws, the published ``±``. It shows the effect of the
    choice of negatives, not of the choice of deposits. For the latter see ``low`` to ``high``, NaN
    with fewer than three ``distinct`` samples behind the deposits.
    """

    mean: float
    spread: float
    low: float
    high: float
    distinct: int
    auc: tuple[float, ...]  # of each draw


def negative_draws(
    deposit_scores: ArrayLike,
    candidate_scores: ArrayLike,
    *,
    seed: int,
    draws: int = 20,
    distinct: ArrayLike | None = None,
) -> NegativeDraws:
    """AUC of deposits against as many negatives, drawn ``draws`` times, as in OpenGADBench.

    ``deposit_scores`` ``(n,)`` are the scores of the samples nearest to the deposits;
    ``candidate_scores`` ``(m,)`` those of the possible negatives, drawn with replacement; NaN left
    out of both. ``distinct`` ``(n,)`` is the sample behind each deposit. Deposits that share a
    sample are not independent, so the interval draws samples. Raises ValueError for fewer than two
    draws, SamplingError where either side is empty.
    """
    if draws < 2:
        raise ValueError(f"at least 2 draws are needed for a spread, not {draws}")
    found, label = known_groups(deposit_scores, distinct)
    candidates = np.asarray(candidate_scores, dtype=np.float64).ravel()
    candidates = candidates[~np.isnan(candidates)]
    if not found.size or not candidates.size:
        raise SamplingError(
            f"{found.size} deposits and {candidates.size} candidates for negatives have a score; "
            "at least 1 of each is needed",
            remedy="check where the scores are NaN",
        )
    rng = np.random.default_rng(seed)
    drawn = rng.choice(candidates, size=(draws, found.size))
    ranks = np.stack([percentiles(found, negatives) for negatives in drawn])  # (draws, n)
    auc = ranks.mean(axis=1)
    over = bootstrap_mean(ranks.mean(axis=0), seed=seed, groups=label)
    return NegativeDraws(
        mean=over.value,
        spread=float(auc.std(ddof=1)),
        low=over.low,
        high=over.high,
        distinct=np.unique(label).size,
        auc=tuple(auc.tolist()),
    )
