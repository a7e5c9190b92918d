"""The one cross-validation loop."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from orecast.errors import RunError
from orecast.evidence import Evidence
from orecast.grid import windows_touching
from orecast.samples import Fold, Sampling, SplitProtocol
from orecast.samples.protocols.paper import Paper
from orecast.validation.inner import Calibration, calibrate_inside
from orecast.validation.recipe import Fitted, Recipe

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

Progress = Callable[[str, int, int], None]
Refit = Callable[[Bools], Evidence]

_SEEN_CELLS = 20_000  # that stand for all cells a fold may see


@dataclass(frozen=True)
class FoldAnswer:
    """What one fold's model said.

    ``train`` and ``test`` rows of the sampling, ``scores`` of the tested ``(n_test,)``; ``cells``
    of the fold's region ``(m, 2)`` and ``cell_scores`` theirs ``(m,)``, among which the tested are
    ranked; ``seen`` scores of cells that know nothing of what was hidden, where the whole map was
    asked for.
    """

    train: Ints
    test: Ints
    scores: Floats
    cells: Ints
    cell_scores: Floats
    seen: Floats
    hidden_cells: int
    visible_cells: int  # with evidence, that the fold may see
    words: str  # how negatives were chosen
    calibration: Calibration | None = None


@dataclass(frozen=True)
class OutOfFold:
    """What models said of what they had not seen.

    ``map`` and ``fold`` ``(rows, columns)``: each cell's score and the fold whose model gave it,
    NaN and -1 where there is none. ``spread`` is the standard deviation between all the models
    that scored a cell (folds, seeds, passes), where it was asked for.
    """

    map: NDArray[np.float32]
    fold: NDArray[np.int16]
    sampling: Sampling
    answers: list[FoldAnswer]
    protocol_words: str  # how the folds were cut
    spread: NDArray[np.float32] | None = None

    @property
    def words(self) -> str:
        """How negatives were chosen."""
        return self.answers[-1].words

    @cached_property
    def rows(self) -> Ints:
        """Tested rows of the sampling, fold by fold, ``(n,)``."""
        return np.concatenate([a.test for a in self.answers])

    @cached_property
    def scores(self) -> Floats:
        """Scores of the tested rows, ``(n,)``."""
        return np.concatenate([a.scores for a in self.answers])

    @cached_property
    def row_fold(self) -> Ints:
        """Fold of each tested row, ``(n,)``."""
        return np.repeat(np.arange(len(self.answers)), [len(a.test) for a in self.answers])


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
    store: Path | None = None,
    progress: Progress | None = None,
) -> OutOfFold:
    """Refit ``recipe`` in each fold and let it speak for what the fold hid.

    ``sampling`` holds the places of ore. Under a protocol that grows first, growth and negatives
    are made once, before the cut. ``inner`` cuts each training part once more, to choose its
    threshold and calibration. ``refit`` gives the evidence with all that is fitted to
    concentrations fitted outside a fold's hidden cells. With ``spread`` every fold's model
    predicts the whole map. With ``store`` each finished fold is kept there, and found there by a
    resumed run.
    """
    words = ""
    if isinstance(protocol, Paper):
        grown, words = recipe.grown(evidence, sampling, evidence.valid, seed)
        sampling = protocol.rows(grown)
    folds = protocol.folds(sampling, evidence.reach)
    collected = _Collected(evidence, spread)
    for k, fold in enumerate(folds):
        if progress:
            progress("fold", k, len(folds))
        kept = None if store is None else store / f"fold-{k}.npz"
        if kept is not None and kept.is_file():
            draws, answer = _read(kept, fold)
        else:
            own = evidence if refit is None else refit(fold.hidden)
            if protocol.grow_first:
                fitted = recipe.fit_rows(
                    evidence,
                    sampling.take(fold.train),
                    visible=evidence.valid,
                    hidden=None,
                    seed=seed,
                    words=words,
                )
                calibration = None
            else:
                ore = sampling.take(fold.train)
                fitted = recipe.fit(own, ore, hidden=fold.hidden, seed=seed)
                calibration = None
                if inner is not None:
                    calibration = calibrate_inside(
                        recipe, fitted, own, ore, inner, hidden=fold.hidden, seed=seed
                    )
            draws, answer = _asked(fitted, own, sampling, fold, calibration, spread, seed)
            if kept is not None:
                _keep(kept, draws, answer)
        collected.add(k, draws, answer)
    if progress:
        progress("fold", len(folds), len(folds))
    return collected.result(sampling, protocol.words)


def _asked(
    fitted: Fitted,
    evidence: Evidence,
    sampling: Sampling,
    fold: Fold,
    calibration: Calibration | None,
    spread: bool,
    seed: int,
) -> tuple[NDArray[np.float32] | None, FoldAnswer]:
    """Draws at every valid cell where ``spread`` asks for them, and the fold's answer."""
    valid = evidence.valid
    cells = np.argwhere(valid & fold.region)
    draws, seen = None, np.empty(0)
    if spread:
        everywhere = np.argwhere(valid)
        scores = fitted.predict(everywhere)
        draws = fitted.draws(everywhere, scores)
        cell_scores = scores[fold.region[valid]]
        seen = _seen_scores(fitted, valid, fold, seed)
    else:
        cell_scores = fitted.predict(cells)
    return draws, FoldAnswer(
        fold.train,
        fold.test,
        fitted.predict(sampling.at[fold.test]),
        cells,
        cell_scores,
        seen,
        int(fold.hidden.sum()),
        int((valid & ~fold.hidden).sum()),
        fitted.words,
        calibration,
    )


def _seen_scores(fitted: Fitted, valid: Bools, fold: Fold, seed: int) -> Floats:
    """Scores at cells at random that follow from nothing hidden.

    No window of theirs touches it, and models that read the whole map read it without.
    """
    cells = np.argwhere(valid & ~windows_touching(fold.hidden, fitted.windows.size))
    drawn = np.random.default_rng([seed, 12]).permutation(len(cells))[:_SEEN_CELLS]
    return fitted.predict(cells[drawn], hidden=fold.hidden)


def _keep(path: Path, draws: NDArray[np.float32] | None, answer: FoldAnswer) -> None:
    calibration = None if answer.calibration is None else answer.calibration.as_dict()
    beside = path.with_suffix(".part.npz")
    try:
        np.savez(
            beside,
            draws=np.empty(0, dtype=np.float32) if draws is None else draws,
            scores=answer.scores,
            cells=answer.cells,
            cell_scores=answer.cell_scores,
            seen=answer.seen,
            visible_cells=np.array(answer.visible_cells),
            said=np.array(json.dumps([answer.words, calibration])),
        )
        os.replace(beside, path)
    except OSError as error:
        raise RunError(
            f"cannot write ({error.strerror or error})",
            where=str(path),
            remedy="free space or name a writable output folder",
        ) from error


def _read(path: Path, fold: Fold) -> tuple[NDArray[np.float32] | None, FoldAnswer]:
    with np.load(path, allow_pickle=False) as saved:
        words, calibration = json.loads(str(saved["said"]))
        draws = saved["draws"]
        return draws if draws.size else None, FoldAnswer(
            fold.train,
            fold.test,
            saved["scores"],
            saved["cells"],
            saved["cell_scores"],
            saved["seen"],
            int(fold.hidden.sum()),
            int(saved["visible_cells"]),
            words,
            None if calibration is None else Calibration.from_dict(calibration),
        )


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

    def add(self, k: int, draws: NDArray[np.float32] | None, answer: FoldAnswer) -> None:
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
