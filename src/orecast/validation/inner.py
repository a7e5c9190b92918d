"""What is chosen inside a training part: the rank from which to call ore, and probabilities."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from orecast.arrays import Bools, Floats
from orecast.errors import SamplingError
from orecast.evidence import Evidence
from orecast.grid import windows_touching
from orecast.metrics import RankCurve, fit_rank_curve, percentiles, rank_threshold
from orecast.sampling import Sampling, SplitProtocol

if TYPE_CHECKING:
    from orecast.validation.fitted import Fitted
    from orecast.validation.recipe import Recipe


_BACKGROUND = 2000  # cells that stand for an inner fold's region


@dataclass(frozen=True)
class Calibration:
    """From a cell's rank within its region to a call and a probability.

    Scores of two models are on different scales, so that nothing here reads a score: a cell's rank
    is its percentile, 0 to 1, among the cells of the region that one model scored. ``threshold``
    is the rank from which a cell is called ore, ``curve`` how the probability rises with the rank.
    """

    threshold: float
    curve: RankCurve

    @classmethod
    def of(cls, ranks: Floats) -> Calibration:
        """Learn from the ranks of held-out places of ore within their regions, ``(n,)``."""
        return cls(rank_threshold(ranks), fit_rank_curve(ranks))

    def as_dict(self) -> dict[str, float]:
        """As JSON holds it."""
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
    """Cut the training part once more, and learn from what its inner folds held out.

    ``fitted`` is the recipe fitted to the whole part, which serves where it is told no labels.
    ``ore`` are the places a fold may see, ``hidden`` what it may not: no inner fold fits to it or
    scores a window that touches it. None where the part cannot be cut.
    """
    seen = evidence.valid
    if hidden is not None:
        seen = seen & ~hidden & ~windows_touching(hidden, recipe.size)
    rng = np.random.default_rng([seed, 11])
    if not recipe.labels:  # it has not learned its places by heart: no inner fold is cut
        return Calibration.of(_ranks(fitted, ore, seen, hidden, rng))
    ranks = []
    try:
        folds = inner.folds(ore, evidence.reach)
        for fold in folds:
            out = fold.hidden if hidden is None else fold.hidden | hidden
            within = recipe.fit(evidence, ore.take(fold.train), hidden=out, seed=seed)
            ranks.append(_ranks(within, ore.take(fold.test), fold.region & seen, hidden, rng))
    except SamplingError:
        return None
    return Calibration.of(np.concatenate(ranks))


def _ranks(
    fitted: Fitted, ore: Sampling, region: Bools, hidden: Bools | None, rng: np.random.Generator
) -> Floats:
    """Rank of each place within its region, ``(n,)``, among the places and other cells drawn."""
    other = region.copy()
    other[tuple(ore.at.T)] = False
    cells = np.argwhere(other)
    drawn = cells[rng.choice(len(cells), min(len(cells), _BACKGROUND), replace=False)]
    scores = fitted.predict(np.concatenate([ore.at, drawn]), hidden=hidden)
    return percentiles(scores[: len(ore)], scores)
