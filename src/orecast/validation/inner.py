"""What is fitted inside a training part: the rank threshold, and probabilities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from orecast.arrays import Bools, Floats
from orecast.errors import SamplingError
from orecast.evidence import Evidence
from orecast.metrics import RankCurve, fit_rank_curve, percentiles, rank_threshold
from orecast.sampling import Fold, Sampling, SplitProtocol

if TYPE_CHECKING:
    from orecast.validation.fitted import Fitted
    from orecast.validation.recipe import Recipe


_BACKGROUND = 2000  # cells drawn from an inner fold's region


@dataclass(frozen=True)
class Calibration:
    """From a cell's rank within its region to a label and a probability.

    Scores of two models are on different scales, so ranks are used: a cell's rank is its
    percentile, 0 to 1, among the cells of the region that one model scored. Cells are predicted
    positive from the rank ``threshold`` on; ``curve`` gives the probability for a rank.
    """

    threshold: float
    curve: RankCurve

    @classmethod
    def of(cls, ranks: Floats) -> Calibration:
        """Fit to the ranks of held-out deposits within their regions, ``(n,)``."""
        return cls(rank_threshold(ranks), fit_rank_curve(ranks))

    def as_dict(self) -> dict[str, float]:
        """Return the JSON form."""
        return {"threshold": self.threshold, "slope": self.curve.slope}

    @classmethod
    def from_dict(cls, content: dict[str, float]) -> Calibration:
        """Return what ``as_dict`` wrote."""
        return cls(content["threshold"], RankCurve(content["slope"]))


def calibrate_inside(
    recipe: Recipe,
    fitted: Fitted,
    evidence: Evidence,
    ore: Sampling,
    inner: SplitProtocol,
    *,
    hidden: Bools | None,
    seed: int,
) -> Calibration | None:
    """Split the training part again, and fit the calibration to the held-out deposits.

    ``fitted`` is the recipe fitted to the whole part; a model without labels is calibrated by it,
    with no inner folds. ``ore`` are the training deposits. ``hidden`` cells are hidden from the
    fold: no inner fold fits to them or scores a window that touches them. None if the part cannot
    be split.
    """
    free = recipe.free(evidence, hidden)
    rng = np.random.default_rng([seed, 11])
    if not recipe.labels:  # it did not learn from the deposits, so no inner folds are needed
        return Calibration.of(_ranks(fitted, ore, free, hidden, rng))
    try:
        folds = inner.folds(ore, evidence.reach)
        ranks = held_out_ranks(recipe, evidence, ore, folds, hidden=hidden, seed=seed)
    except SamplingError:
        return None
    return Calibration.of(ranks[np.isfinite(ranks)])


def held_out_ranks(
    recipe: Recipe,
    evidence: Evidence,
    ore: Sampling,
    folds: Sequence[Fold],
    *,
    hidden: Bools | None,
    seed: int,
    whole: Fitted | None = None,
) -> Floats:
    """Rank of each training deposit among random cells, by a fit that its inner fold leaves out.

    ``(n,)``, NaN where no fold holds it out. ``hidden`` cells are hidden from the whole part. A
    model without labels learns from no deposit, so it is fitted once, to the ``whole`` part.
    """
    free = recipe.free(evidence, hidden)
    rng = np.random.default_rng([seed, 11])
    ranks = np.full(len(ore), np.nan)
    if not recipe.labels and whole is None:
        whole = recipe.fit(evidence, ore, hidden=hidden, seed=seed)
    for fold in folds:
        within = None if recipe.labels else whole
        if within is None:
            both_hidden = fold.hidden if hidden is None else fold.hidden | hidden
            within = recipe.fit(evidence, ore.take(fold.train), hidden=both_hidden, seed=seed)
        ranks[fold.test] = _ranks(within, ore.take(fold.test), fold.region & free, hidden, rng)
    return ranks


def _ranks(
    fitted: Fitted, ore: Sampling, region: Bools, hidden: Bools | None, rng: np.random.Generator
) -> Floats:
    """Rank of each deposit within its region, ``(n,)``, among the deposits and random cells."""
    other = region.copy()
    other[tuple(ore.at.T)] = False
    cells = np.argwhere(other)
    drawn = cells[rng.choice(len(cells), min(len(cells), _BACKGROUND), replace=False)]
    scores = fitted.predict(np.concatenate([ore.at, drawn]), hidden=hidden)
    return percentiles(scores[: len(ore)], scores)
