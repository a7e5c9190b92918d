"""AUC against negatives drawn at random, as benchmarks of anomaly detection report it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from orecast.errors import SamplingError
from orecast.evaluation.intervals import bootstrap_mean
from orecast.evaluation.scores import percentiles


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
