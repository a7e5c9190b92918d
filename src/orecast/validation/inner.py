"""What is chosen inside a training part: the score from which to call ore, and probabilities."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from orecast.errors import SamplingError
from orecast.evaluation import Platt, f1_optimal_threshold, fit_platt
from orecast.evidence import Evidence
from orecast.grid import windows_touching
from orecast.samples import Sampling, SplitProtocol

if TYPE_CHECKING:
    from orecast.validation.fitted import Fitted
    from orecast.validation.recipe import Recipe

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]

_BACKGROUND = 2000  # cells that stand for an inner fold's region


@dataclass(frozen=True)
class Calibration:
    """A threshold and a calibration, learned from places and cells that were held out within.

    ``threshold`` gives the best F1 of ore where ore and background weigh the same; ``platt`` turns
    a score into the probability that a cell holds a known deposit.
    """

    threshold: float
    platt: Platt

    @classmethod
    def of(cls, scores: Floats, y: Floats, weights: Floats) -> Calibration:
        """Learn from held-out ``scores`` of ore (1) and background (0), ``(n,)`` each.

        A background cell's weight is the number of cells that it stands for.
        """
        even = np.where(y == 1, weights / weights[y == 1].sum(), weights / weights[y == 0].sum())
        threshold = f1_optimal_threshold(y, scores, weights=even)
        return cls(threshold, fit_platt(scores, y, weights))

    def as_dict(self) -> dict[str, Any]:
        """As JSON holds it."""
        return {"threshold": self.threshold, "platt": self.platt.as_dict()}

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> Calibration:
        """Return what ``as_dict`` wrote."""
        return cls(float(content["threshold"]), Platt.from_dict(content["platt"]))


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
    if not recipe.labels:
        return _calibrated_alone(fitted, ore, seen, hidden, rng)
    scores, y, weights = [], [], []
    try:
        folds = inner.folds(ore, evidence.reach)
    except SamplingError:
        return None
    for fold in folds:
        out = fold.hidden if hidden is None else fold.hidden | hidden
        cells = np.argwhere(fold.region & seen)
        if not len(cells):
            continue
        drawn = cells[rng.choice(len(cells), min(len(cells), _BACKGROUND), replace=False)]
        try:
            within = recipe.fit(evidence, ore.take(fold.train), hidden=out, seed=seed)
        except SamplingError:
            return None
        at_ore = within.predict(ore.at[fold.test], hidden=hidden)
        scores += [at_ore, within.predict(drawn, hidden=hidden)]
        y += [np.ones(len(at_ore)), np.zeros(len(drawn))]
        weights += [np.ones(len(at_ore)), np.full(len(drawn), len(cells) / len(drawn))]
    if not scores:
        return None
    return Calibration.of(np.concatenate(scores), np.concatenate(y), np.concatenate(weights))


def _calibrated_alone(
    fitted: Fitted, ore: Sampling, seen: Bools, hidden: Bools | None, rng: np.random.Generator
) -> Calibration:
    """A model that is told no labels has not learned its places by heart: no inner fold is cut."""
    cells = np.argwhere(seen)
    drawn = cells[rng.choice(len(cells), min(len(cells), _BACKGROUND), replace=False)]
    scores = np.concatenate([fitted.predict(at, hidden=hidden) for at in (ore.at, drawn)])
    y = np.repeat([1.0, 0.0], [len(ore), len(drawn)])
    weights = np.where(y == 1, 1.0, len(cells) / len(drawn))
    return Calibration.of(scores, y, weights)
