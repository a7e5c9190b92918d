"""What chance alone gives: shifted deposits, and other draws of negatives."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from orecast.arrays import Bools, Floats, Ints
from orecast.errors import SamplingError
from orecast.metrics.intervals import bootstrap_mean
from orecast.metrics.scores import percentiles

_FEWEST_INSIDE = 2 / 3  # of the deposits, for a shift to count
_TRIES = 200  # shifts tried for each that is wanted


@dataclass(frozen=True)
class LayerNull:
    """The best single layer, and what the best one scores on deposits shifted at random.

    ``layer`` its number and ``sign`` (1 high values are ore, -1 low ones); ``value`` its mean
    percentile of the deposits. ``mean`` and ``high`` are the mean and the 95 % quantile of the best
    value over ``draws`` shifts, each free to choose its own layer and sign; ``p`` the share of
    shifts, the observed place among them, that reach ``value``.
    """

    layer: int
    sign: int
    value: float
    mean: float
    high: float
    p: float
    draws: int

    def as_dict(self) -> dict[str, float]:
        """Numbers by name."""
        return asdict(self)


def toroidal_null(
    stack: ArrayLike, valid: ArrayLike, cells: ArrayLike, *, seed: int, draws: int = 1000
) -> LayerNull:
    """Null of the best layer chosen afterwards, by toroidal shifts of the deposits.

    ``stack`` ``(n_layers, rows, columns)``; ``valid`` ``(rows, columns)``, cells where every layer
    has a value; ``cells`` ``(n, 2)`` row and column of deposits. A layer's value is the mean
    percentile of the deposits among the valid cells, or one minus it where that is more. The
    deposits move together by a random shift, wrapped at the grid's edges, which keeps their pattern
    and the layers' texture and breaks only the tie between the two (Lotwick & Silverman 1982, J. R.
    Stat. Soc. B 44, 406). Deposits on cells that are not valid are left out of that shift's mean; a
    shift with fewer than two thirds of them on valid cells is drawn again. The wrap sews edges
    together that do not belong together: with few cells and wide texture p is approximate. Raises
    ValueError for NaN at valid cells, SamplingError where no deposit is on a valid cell or the
    valid area is too small to shift in.
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
        layer=layer,
        sign=1 if means[layer, 0] >= 0.5 else -1,
        value=float(best[0]),
        mean=float(best[1:].mean()),
        high=float(np.quantile(best[1:], 0.95)),
        p=float(reached / best.size),
        draws=draws,
    )


def _shifted(cells: Ints, valid: Bools, draws: int, rng: np.random.Generator) -> Ints:
    """Deposits where they are and at ``draws`` accepted shifts, ``(1 + draws, n, 2)``."""
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
        f"of {_TRIES * draws} random shifts only {count} leave two thirds of the deposits on "
        "valid cells",
        remedy="the valid area is too small or too ragged for this null",
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
class NegativeDraws:
    """AUC over draws of negatives: mean and spread, and the interval over distinct deposits.

    ``spread`` is the standard deviation over draws, the ``±`` that is published. It says how much
    the choice of negatives matters, and nothing of how much the choice of deposits does: that is
    ``low`` to ``high``, NaN with fewer than three ``distinct`` samples behind the deposits.
    """

    mean: float
    spread: float
    low: float
    high: float
    distinct: int
    auc: tuple[float, ...]  # of each draw

    def as_dict(self) -> dict[str, Any]:
        """Numbers by name."""
        return asdict(self) | {"auc": list(self.auc)}


def negative_draws(
    deposit_scores: ArrayLike,
    candidate_scores: ArrayLike,
    *,
    seed: int,
    draws: int = 20,
    distinct: ArrayLike | None = None,
) -> NegativeDraws:
    """AUC of deposits against as many negatives, drawn anew ``draws`` times, as OpenGADBench does.

    ``deposit_scores`` ``(n,)`` are the scores of the samples nearest to the deposits;
    ``candidate_scores`` ``(m,)`` those of the samples that may stand for barren ground, drawn with
    replacement; NaN left out of both. ``distinct`` ``(n,)`` names the sample behind each deposit:
    several deposits often share one, which is one witness and not several, so that the interval
    draws samples. Raises ValueError for fewer than two draws, SamplingError where either side is
    empty.
    """
    if draws < 2:
        raise ValueError("a spread over draws needs two of them")
    found = np.asarray(deposit_scores, dtype=np.float64).ravel()
    label = np.arange(found.size) if distinct is None else np.asarray(distinct).ravel()
    if label.shape != found.shape:
        raise ValueError(f"{found.size} deposits but {label.size} labels of samples")
    label, found = label[~np.isnan(found)], found[~np.isnan(found)]
    barren = np.asarray(candidate_scores, dtype=np.float64).ravel()
    barren = barren[~np.isnan(barren)]
    if not found.size or not barren.size:
        raise SamplingError(
            f"{found.size} deposits and {barren.size} candidates for negatives have a score",
            remedy="check where the scores are NaN",
        )
    rng = np.random.default_rng(seed)
    drawn = rng.choice(barren, size=(draws, found.size))
    outranked = np.stack([percentiles(found, negatives) for negatives in drawn])  # (draws, n)
    auc = outranked.mean(axis=1)
    over = bootstrap_mean(outranked.mean(axis=0), seed=seed, groups=label)
    return NegativeDraws(
        mean=over.value,
        spread=float(auc.std(ddof=1)),
        low=over.low,
        high=over.high,
        distinct=np.unique(label).size,
        auc=tuple(auc.tolist()),
    )
