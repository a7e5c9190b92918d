"""The one cross-validation loop."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from orecast.errors import RunError
from orecast.evidence import Evidence
from orecast.samples import Fold, Sampling, SplitProtocol
from orecast.validation.recipe import Fitted, Recipe

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class OutOfFold:
    """What models said of what they had not seen.

    ``map`` and ``fold`` ``(rows, columns)``: each cell's score and the fold whose model gave it,
    NaN and -1 where there is none. ``rows`` the tested rows of ``sampling`` and ``scores`` theirs
    ``(n,)``, each from the fold ``row_fold``. ``spread`` is the standard deviation between the
    folds' models at each cell, where it was asked for.
    """

    map: NDArray[np.float32]
    fold: NDArray[np.int16]
    sampling: Sampling
    rows: Ints
    scores: Floats
    row_fold: Ints
    folds: list[Fold]
    words: str  # how negatives were chosen
    protocol_words: str  # how the folds were cut
    spread: NDArray[np.float32] | None = None


def cross_predict(
    recipe: Recipe,
    evidence: Evidence,
    sampling: Sampling,
    protocol: SplitProtocol,
    *,
    seed: int,
    spread: bool = False,
    store: Path | None = None,
    progress: Progress | None = None,
) -> OutOfFold:
    """Refit ``recipe`` in each fold and let it speak for what the fold hid.

    ``sampling`` holds the places of ore. Under a protocol that grows first, growth and negatives
    are made once, before the cut. With ``spread`` every fold's model predicts the whole map. With
    ``store`` each finished fold is kept there, and found there by a resumed run.
    """
    words = ""
    if protocol.grow_first:
        sampling, words = recipe.grown(evidence, sampling, evidence.valid, seed)
    folds = list(protocol.folds(sampling, evidence.reach))
    collected = _Collected(evidence, spread)
    for k, fold in enumerate(folds):
        if progress:
            progress("fold", k, len(folds))
        kept = None if store is None else store / f"fold-{k}.npz"
        if kept is not None and kept.is_file():
            with np.load(kept, allow_pickle=False) as saved:
                cells, at_cells, at_rows = saved["cells"], saved["at_cells"], saved["at_rows"]
                words = str(saved["words"])
        else:
            fitted = _fit(recipe, evidence, sampling, fold, protocol.grow_first, seed)
            words = fitted.words or words
            asked = evidence.valid if spread else evidence.valid & fold.region
            cells = np.argwhere(asked)
            at_cells = fitted.predict(cells)
            at_rows = fitted.predict(sampling.at[fold.test])
            if kept is not None:
                _keep(kept, cells=cells, at_cells=at_cells, at_rows=at_rows, words=np.array(words))
        collected.add(k, fold, cells, at_cells, at_rows)
    if progress:
        progress("fold", len(folds), len(folds))
    return collected.result(sampling, folds, words, protocol.words)


def _fit(
    recipe: Recipe, evidence: Evidence, sampling: Sampling, fold: Fold, grown: bool, seed: int
) -> Fitted:
    rows = sampling.take(fold.train)
    if grown:
        return recipe.fit_rows(evidence, rows, visible=evidence.valid, hidden=None, seed=seed)
    return recipe.fit(evidence, rows, hidden=fold.hidden, seed=seed)


def _keep(path: Path, **arrays: NDArray[np.generic]) -> None:
    beside = path.with_suffix(".part.npz")
    try:
        np.savez(beside, **arrays)  # type: ignore[arg-type]
        os.replace(beside, path)
    except OSError as error:
        raise RunError(
            f"cannot write ({error.strerror or error})",
            where=str(path),
            remedy="free space or name a writable output folder",
        ) from error


class _Collected:
    """The folds' answers as they come in."""

    def __init__(self, evidence: Evidence, spread: bool) -> None:
        shape = evidence.grid.shape
        self.map = np.full(shape, np.nan, dtype=np.float32)
        self.fold = np.full(shape, -1, dtype=np.int16)
        self.rows: list[Ints] = []
        self.scores: list[Floats] = []
        self.row_fold: list[Ints] = []
        self.spread = spread
        self._n = 0
        self._mean = np.zeros(shape)
        self._squares = np.zeros(shape)

    def add(self, k: int, fold: Fold, cells: Ints, at_cells: Floats, at_rows: Floats) -> None:
        mine = fold.region[cells[:, 0], cells[:, 1]]
        r, c = cells[mine].T
        self.map[r, c] = at_cells[mine]
        self.fold[r, c] = k
        self.rows.append(fold.test)
        self.scores.append(at_rows)
        self.row_fold.append(np.full(len(fold.test), k))
        if self.spread:  # Welford's running variance, one model at a time
            self._n += 1
            r, c = cells.T
            step = at_cells - self._mean[r, c]
            self._mean[r, c] += step / self._n
            self._squares[r, c] += step * (at_cells - self._mean[r, c])

    def result(
        self, sampling: Sampling, folds: list[Fold], words: str, protocol_words: str
    ) -> OutOfFold:
        spread = None
        if self.spread:
            spread = np.sqrt(self._squares / max(1, self._n - 1)).astype(np.float32)
        return OutOfFold(
            self.map,
            self.fold,
            sampling,
            np.concatenate(self.rows),
            np.concatenate(self.scores),
            np.concatenate(self.row_fold),
            folds,
            words,
            protocol_words,
            spread,
        )
