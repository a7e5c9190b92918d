"""The cross-validation loop."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from orecast.arrays import Bools, Floats, Ints
from orecast.evidence import Evidence
from orecast.sampling import Fold, Sampling, SplitProtocol
from orecast.sampling.places import mask_of
from orecast.splits.paper import Paper
from orecast.validation.choice import RecipeChoice
from orecast.validation.fitted import Fitted
from orecast.validation.inner import calibrate_inside
from orecast.validation.predictions import (
    Draws,
    FoldPrediction,
    OutOfFold,
    Progress,
    each_prediction,
)
from orecast.validation.published import published_predict
from orecast.validation.recipe import Recipe

Refit = Callable[[Bools], Evidence]

_VISIBLE_CELLS = 20_000  # drawn from the cells that are not hidden from a fold
_BACKGROUND_CELLS = 2_000  # drawn from a region's cells without a known deposit


def cross_predict(
    recipe: Recipe | RecipeChoice,
    evidence: Evidence,
    sampling: Sampling,
    protocol: SplitProtocol,
    *,
    seed: int,
    inner: SplitProtocol | None = None,
    refit: Refit | None = None,
    spread: bool = False,
    own_labels: bool = False,
    cells: int | None = None,
    store: Path | None = None,
    progress: Progress | None = None,
) -> OutOfFold:
    """Refit ``recipe`` in each fold and predict the cells that the fold hides.

    ``sampling`` holds the deposits. Under ``Paper``, windows are grown, split and classified as in
    the paper (see ``published_predict``). ``inner`` splits each training part again, to choose its
    threshold and calibration. ``refit`` returns the evidence for a fold, with everything that is
    fitted to concentrations fitted without the hidden cells. With ``spread``, every fold's model
    predicts the whole map. With ``own_labels``, each fold stores the model's own labels. ``cells``
    is the most cells of a region among which test rows are ranked, drawn at random; use it where a
    whole map takes too long. ``cells`` and ``spread`` together raise ValueError. With ``store``,
    each finished fold is written there, and a resumed run reads it.
    """
    if isinstance(protocol, Paper):
        assert isinstance(recipe, Recipe)
        rows, rule = recipe.labelled_rows(evidence, sampling, evidence.valid, seed)
        return published_predict(
            recipe,
            evidence,
            protocol.rows(rows),
            protocol,
            seed=seed,
            negatives_rule=rule,
            store=store,
            progress=progress,
        )
    if spread and cells is not None:
        raise ValueError("spread needs the whole map: leave out cells")

    def predict(k: int, fold: Fold) -> tuple[Draws | None, FoldPrediction]:
        here, ore = evidence if refit is None else refit(fold.hidden), sampling.take(fold.train)
        fitted = recipe.fit(here, ore, hidden=fold.hidden, seed=seed)
        calibration = fitted.calibration
        if inner is not None and not isinstance(recipe, RecipeChoice):
            calibration = calibrate_inside(
                recipe, fitted, here, ore, inner, hidden=fold.hidden, seed=seed
            )
        region, test_at = np.argwhere(here.valid & fold.region), sampling.at[fold.test]
        ranked = _drawn(region, cells, [seed, 14, k])
        draws, visible_scores = None, np.empty(0)
        if spread:
            everywhere = np.argwhere(here.valid)
            scores = fitted.predict(everywhere)
            draws = fitted.draws(everywhere, scores)
            cell_scores = scores[fold.region[here.valid]]
            visible_scores = _visible_scores(fitted, recipe.free(here, fold.hidden), fold, seed)
        else:
            cell_scores = fitted.predict(ranked)
        assert fitted.n_training is not None
        return draws, FoldPrediction(
            train=fold.train,
            test=fold.test,
            scores=fitted.predict(test_at),
            cells=ranked,
            cell_scores=cell_scores,
            visible_scores=visible_scores,
            hidden_cells=int(fold.hidden.sum()),
            visible_cells=int((here.valid & ~fold.hidden).sum()),
            region_cells=len(region),
            negatives_rule=fitted.negatives_rule,
            n_training=fitted.n_training,
            calibration=calibration,
            chosen=fitted.chosen,
            positive=fitted.labels(test_at) if own_labels else None,
            false_positive_rate=_false_positive_rate(fitted, ranked, sampling.at, [seed, 15, k])
            if own_labels
            else None,
        )

    shape, valid = evidence.grid.shape, evidence.valid
    score = np.full(shape, np.nan, dtype=np.float32)
    number = np.full(shape, -1, dtype=np.int32)
    predictions, n_draws = [], 0
    mean = np.zeros(int(valid.sum()))
    squares = np.zeros_like(mean)
    folds = protocol.folds(sampling, evidence.reach)
    for k, (draws, prediction) in enumerate(each_prediction(folds, predict, store, progress)):
        predictions.append(prediction)
        at = tuple(prediction.cells.T)
        score[at], number[at] = prediction.cell_scores, k
        for scores in () if draws is None else draws:  # Welford's running variance
            n_draws += 1
            step = scores - mean
            mean += step / n_draws
            squares += step * (scores - mean)
    deviation = None
    if spread:
        deviation = np.full(shape, np.nan, dtype=np.float32)
        deviation[valid] = np.sqrt(squares / max(1, n_draws - 1))
    words = protocol.words
    if any(prediction.drawn for prediction in predictions):
        words += f"; each place is ranked among at most {cells:,} random cells of its region"
    return OutOfFold(score, number, sampling, predictions, words, deviation)


def _visible_scores(fitted: Fitted, free: Bools, fold: Fold, seed: int) -> Floats:
    """Scores of random cells that do not depend on hidden data.

    The windows of ``free`` cells touch no hidden cell, and models that read the whole map read it
    without them.
    """
    cells = np.argwhere(free)
    drawn = np.random.default_rng([seed, 12]).permutation(len(cells))[:_VISIBLE_CELLS]
    return fitted.predict(cells[drawn], hidden=fold.hidden)


def _false_positive_rate(fitted: Fitted, cells: Ints, ore: Ints, seed: list[int]) -> float | None:
    """Share of the ``cells`` without a known deposit that are predicted positive."""
    known = mask_of(ore, fitted.windows.stack.shape[1:])
    background = _drawn(cells[~known[tuple(cells.T)]], _BACKGROUND_CELLS, seed)
    return float(fitted.labels(background).mean()) if len(background) else None


def _drawn(cells: Ints, most: int | None, seed: list[int]) -> Ints:
    """At most ``most`` of the cells, drawn at random, in their order."""
    if most is None or len(cells) <= most:
        return cells
    drawn = np.random.default_rng(seed).choice(len(cells), most, replace=False)
    return cells[np.sort(drawn)]
