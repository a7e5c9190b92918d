"""The cross-validation loop."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from orecast.arrays import Bools, Floats, Ints
from orecast.evidence import Evidence
from orecast.grid import windows_touching
from orecast.sampling import Fold, Sampling, SplitProtocol
from orecast.splits.paper import Paper
from orecast.validation.fitted import Fitted
from orecast.validation.inner import Calibration, calibrate_inside
from orecast.validation.predictions import (
    Draws,
    FoldPrediction,
    OutOfFold,
    prediction_path,
    read_prediction,
    write_prediction,
)
from orecast.validation.published import Progress, published_predict
from orecast.validation.recipe import Recipe

Refit = Callable[[Bools], Evidence]

_SEEN_CELLS = 20_000  # drawn from the cells that are not hidden from a fold
_BACKGROUND_CELLS = 2_000  # drawn from a region's cells without a known deposit


def cross_predict(
    recipe: Recipe,
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
        grown, words = recipe.labelled_rows(evidence, sampling, evidence.valid, seed)
        rows = protocol.rows(grown)
        return published_predict(
            *(recipe, evidence, rows, protocol),
            seed=seed,
            words=words,
            store=store,
            progress=progress,
        )
    if spread and cells is not None:
        raise ValueError("spread needs the whole map: leave out cells")
    folds = protocol.folds(sampling, evidence.reach)
    collected = _Collected(evidence, spread)
    for k, fold in enumerate(folds):
        if progress:
            progress("fold", k, len(folds))
        kept = None if store is None else prediction_path(store, k)
        if kept is not None and kept.is_file():
            draws, prediction = read_prediction(kept, fold)
        else:
            own, ore = evidence if refit is None else refit(fold.hidden), sampling.take(fold.train)
            fitted = recipe.fit(own, ore, hidden=fold.hidden, seed=seed)
            calibration = None
            if inner is not None:
                calibration = calibrate_inside(
                    recipe, fitted, own, ore, inner, hidden=fold.hidden, seed=seed
                )
            task = _FoldTask(own, sampling, fold, spread, own_labels, cells, seed, k)
            draws, prediction = task.predict(fitted, calibration)
            if kept is not None:
                write_prediction(kept, draws, prediction)
        collected.add(k, draws, prediction)
    if progress:
        progress("fold", len(folds), len(folds))
    words = protocol.words
    if any(prediction.drawn for prediction in collected.folds):
        words += f"; each place is ranked among at most {cells:,} random cells of its region"
    return collected.result(sampling, words)


@dataclass(frozen=True)
class _FoldTask:
    """What one fold's model is to predict."""

    evidence: Evidence
    sampling: Sampling
    fold: Fold
    spread: bool
    own_labels: bool
    cells: int | None
    seed: int
    number: int  # of the fold

    def predict(
        self, fitted: Fitted, calibration: Calibration | None
    ) -> tuple[Draws | None, FoldPrediction]:
        """Draws at every valid cell (only with ``spread``), and the fold's prediction."""
        fold, valid, at = self.fold, self.evidence.valid, self.sampling.at[self.fold.test]
        region = np.argwhere(valid & fold.region)
        cells = self._some(region, self.cells, 14)
        draws, seen = None, np.empty(0)
        if self.spread:
            everywhere = np.argwhere(valid)
            scores = fitted.predict(everywhere)
            draws = fitted.draws(everywhere, scores)
            cell_scores = scores[fold.region[valid]]
            seen = _seen_scores(fitted, valid, fold, self.seed)
        else:
            cell_scores = fitted.predict(cells)
        assert fitted.learned is not None
        return draws, FoldPrediction(
            fold.train,
            fold.test,
            fitted.predict(at),
            cells,
            cell_scores,
            seen,
            int(fold.hidden.sum()),
            int((valid & ~fold.hidden).sum()),
            len(region),
            fitted.words,
            fitted.learned,
            calibration,
            fitted.labels(at) if self.own_labels else None,
            self._false_positive_rate(fitted, cells) if self.own_labels else None,
        )

    def _false_positive_rate(self, fitted: Fitted, cells: Ints) -> float | None:
        """Share of the ``cells`` without a known deposit that are predicted positive."""
        ore = np.zeros(self.evidence.valid.shape, dtype=bool)
        ore[tuple(self.sampling.at.T)] = True
        background = self._some(cells[~ore[tuple(cells.T)]], _BACKGROUND_CELLS, 15)
        return float(fitted.labels(background).mean()) if len(background) else None

    def _some(self, cells: Ints, most: int | None, stream: int) -> Ints:
        """At most ``most`` of the cells, drawn at random, in their order."""
        if most is None or len(cells) <= most:
            return cells
        rng = np.random.default_rng([self.seed, stream, self.number])
        return cells[np.sort(rng.choice(len(cells), most, replace=False))]


def _seen_scores(fitted: Fitted, valid: Bools, fold: Fold, seed: int) -> Floats:
    """Scores of random cells that do not depend on hidden data.

    Their windows touch no hidden cell, and models that read the whole map read it without them.
    """
    cells = np.argwhere(valid & ~windows_touching(fold.hidden, fitted.windows.size))
    drawn = np.random.default_rng([seed, 12]).permutation(len(cells))[:_SEEN_CELLS]
    return fitted.predict(cells[drawn], hidden=fold.hidden)


class _Collected:
    """Collects the folds' answers."""

    def __init__(self, evidence: Evidence, spread: bool) -> None:
        shape = evidence.grid.shape
        self.map = np.full(shape, np.nan, dtype=np.float32)
        self.fold = np.full(shape, -1, dtype=np.int16)
        self.folds: list[FoldPrediction] = []
        self.spread = spread
        self._valid = evidence.valid
        self._n = 0
        self._mean = np.zeros(int(self._valid.sum()))
        self._squares = np.zeros_like(self._mean)

    def add(self, k: int, draws: Draws | None, prediction: FoldPrediction) -> None:
        r, c = prediction.cells.T
        self.map[r, c] = prediction.cell_scores
        self.fold[r, c] = k
        self.folds.append(prediction)
        for scores in () if draws is None else draws:  # Welford's running variance
            self._n += 1
            step = scores - self._mean
            self._mean += step / self._n
            self._squares += step * (scores - self._mean)

    def result(self, sampling: Sampling, protocol_words: str) -> OutOfFold:
        spread = None
        if self.spread:
            spread = np.full(self.map.shape, np.nan, dtype=np.float32)
            spread[self._valid] = np.sqrt(self._squares / max(1, self._n - 1))
        return OutOfFold(self.map, self.fold, sampling, self.folds, protocol_words, spread)
