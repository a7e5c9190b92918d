"""The one cross-validation loop."""

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
from orecast.validation.answers import (
    Draws,
    FoldAnswer,
    OutOfFold,
    answer_path,
    keep_answer,
    read_answer,
)
from orecast.validation.fitted import Fitted
from orecast.validation.inner import Calibration, calibrate_inside
from orecast.validation.published import Progress, published_predict
from orecast.validation.recipe import Recipe

Refit = Callable[[Bools], Evidence]

_SEEN_CELLS = 20_000  # that stand for all cells a fold may see
_ALARM_CELLS = 2_000  # that stand for a region's cells without a known deposit


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
    """Refit ``recipe`` in each fold and let it speak for what the fold hid.

    ``sampling`` holds the places of ore. Under ``Paper`` windows are grown, cut and called as the
    paper did (see ``published_predict``). ``inner`` cuts each training part once more, to choose
    its threshold and calibration. ``refit`` gives the evidence with all that is fitted to
    concentrations fitted outside a fold's hidden cells. With ``spread`` every fold's model
    predicts the whole map. With ``own_labels`` each fold tells what its model itself calls ore.
    ``cells`` ranks tested places among at most so many cells of their region, drawn at random,
    where a whole map is out of reach; it and ``spread`` exclude each other (ValueError). With
    ``store`` each finished fold is kept there, and found there by a resumed run.
    """
    if isinstance(protocol, Paper):
        grown, words = recipe.grown(evidence, sampling, evidence.valid, seed)
        rows = protocol.rows(grown)
        return published_predict(
            *(recipe, evidence, rows, protocol),
            seed=seed,
            words=words,
            store=store,
            progress=progress,
        )
    if spread and cells is not None:
        raise ValueError("the spread is that of the whole map, and only some cells are asked for")
    folds = protocol.folds(sampling, evidence.reach)
    collected = _Collected(evidence, spread)
    for k, fold in enumerate(folds):
        if progress:
            progress("fold", k, len(folds))
        kept = None if store is None else answer_path(store, k)
        if kept is not None and kept.is_file():
            draws, answer = read_answer(kept, fold)
        else:
            own, ore = evidence if refit is None else refit(fold.hidden), sampling.take(fold.train)
            fitted = recipe.fit(own, ore, hidden=fold.hidden, seed=seed)
            calibration = None
            if inner is not None:
                calibration = calibrate_inside(
                    recipe, fitted, own, ore, inner, hidden=fold.hidden, seed=seed
                )
            asked = _Question(own, sampling, fold, spread, own_labels, cells, seed, k)
            draws, answer = asked.put_to(fitted, calibration)
            if kept is not None:
                keep_answer(kept, draws, answer)
        collected.add(k, draws, answer)
    if progress:
        progress("fold", len(folds), len(folds))
    words = protocol.words
    if any(answer.drawn for answer in collected.answers):
        words += f"; each place is ranked among at most {cells:,} cells of its region, at random"
    return collected.result(sampling, words)


@dataclass(frozen=True)
class _Question:
    """What one fold's model is asked."""

    evidence: Evidence
    sampling: Sampling
    fold: Fold
    spread: bool
    own_labels: bool
    cells: int | None
    seed: int
    number: int  # of the fold

    def put_to(
        self, fitted: Fitted, calibration: Calibration | None
    ) -> tuple[Draws | None, FoldAnswer]:
        """Draws at every valid cell where the spread is asked for, and the fold's answer."""
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
        return draws, FoldAnswer(
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
            self._alarm(fitted, cells) if self.own_labels else None,
        )

    def _alarm(self, fitted: Fitted, cells: Ints) -> float | None:
        """Share of the ``cells`` without a known deposit that the model calls ore."""
        ore = np.zeros(self.evidence.valid.shape, dtype=bool)
        ore[tuple(self.sampling.at.T)] = True
        background = self._some(cells[~ore[tuple(cells.T)]], _ALARM_CELLS, 15)
        return float(fitted.labels(background).mean()) if len(background) else None

    def _some(self, cells: Ints, most: int | None, stream: int) -> Ints:
        """At most so many of the cells, at random and in their order."""
        if most is None or len(cells) <= most:
            return cells
        rng = np.random.default_rng([self.seed, stream, self.number])
        return cells[np.sort(rng.choice(len(cells), most, replace=False))]


def _seen_scores(fitted: Fitted, valid: Bools, fold: Fold, seed: int) -> Floats:
    """Scores at cells at random that follow from nothing hidden.

    No window of theirs touches it, and models that read the whole map read it without.
    """
    cells = np.argwhere(valid & ~windows_touching(fold.hidden, fitted.windows.size))
    drawn = np.random.default_rng([seed, 12]).permutation(len(cells))[:_SEEN_CELLS]
    return fitted.predict(cells[drawn], hidden=fold.hidden)


class _Collected:
    """The folds' answers as they come in."""

    def __init__(self, evidence: Evidence, spread: bool) -> None:
        shape = evidence.grid.shape
        self.map = np.full(shape, np.nan, dtype=np.float32)
        self.fold = np.full(shape, -1, dtype=np.int16)
        self.answers: list[FoldAnswer] = []
        self.spread = spread
        self._valid = evidence.valid
        self._n = 0
        self._mean = np.zeros(int(self._valid.sum()))
        self._squares = np.zeros_like(self._mean)

    def add(self, k: int, draws: Draws | None, answer: FoldAnswer) -> None:
        r, c = answer.cells.T
        self.map[r, c] = answer.cell_scores
        self.fold[r, c] = k
        self.answers.append(answer)
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
        return OutOfFold(self.map, self.fold, sampling, self.answers, protocol_words, spread)
