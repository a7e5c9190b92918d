"""Testing as the papers did: windows are grown, split and classified as each paper says."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np

from orecast.arrays import Bools, Floats, Ints
from orecast.evidence import Evidence
from orecast.metrics import f1_optimal_threshold
from orecast.sampling import Fold, Model, Sampling, Windows
from orecast.sampling.augmentation import Step, grow
from orecast.splits.paper import Definition
from orecast.validation.fitted import counted, labels_of
from orecast.validation.predictions import (
    FoldPrediction,
    OutOfFold,
    prediction_path,
    read_prediction,
    write_prediction,
)
from orecast.validation.recipe import Recipe

Progress = Callable[[str, int, int], None]

_ROUNDING = 1e-9
_NOWHERE = np.empty((0, 2), dtype=np.int64)


class PublishedProtocol(Protocol):
    """A paper's way to split rows: ``Paper``, or ``GivenSplit`` of its authors' own windows."""

    words: str

    @property
    def defined(self) -> Definition:
        """How the paper split, grew and classified windows."""

    def folds(self, sampling: Sampling, reach: float) -> Sequence[Fold]:
        """Split the rows; nothing is hidden."""


def published_predict(
    recipe: Recipe,
    evidence: Evidence,
    rows: Sampling,
    protocol: PublishedProtocol,
    *,
    seed: int,
    words: str,
    store: Path | None = None,
    progress: Progress | None = None,
) -> OutOfFold:
    """Grow, split and test labelled ``rows`` as a paper did; nothing is hidden from any fit.

    If the paper grew first, screening, scaling and growth are fitted once to all rows, and the
    grown rows are split. Otherwise they are fitted to the training rows of each fold, and the test
    windows are read in the same way. ``words`` say how negatives were chosen. The result's sampling
    holds the training and test rows of all folds, numbered as in the folds. A grown row has the
    ``origin`` of the first window it was made from; a generator's row has -1.

    A model without labels is tested on the same rows. It learns from the training rows that were
    not grown, since growth by class would leak labels.

    With ``store``, each finished fold is written there. A resumed run repeats the growth, which
    depends only on the seed.
    """
    sampling, folds, sides = _split(recipe, evidence, rows, protocol, seed)
    predictions = []
    for k, (fold, (learned, tested)) in enumerate(zip(folds, sides, strict=True)):
        if progress:
            progress("fold", k, len(folds))
        kept = None if store is None else prediction_path(store, k)
        if kept is not None and kept.is_file():
            _, prediction = read_prediction(kept, fold)
        else:
            model = _fitted(recipe, learned, seed)
            scores = model.predict(tested.X)
            prediction = FoldPrediction(
                *(fold.train, fold.test, scores),
                *(_NOWHERE, np.empty(0), np.empty(0)),
                hidden_cells=0,
                visible_cells=int(evidence.valid.sum()),
                region_cells=0,
                words=words,
                learned=counted(learned.rows.y) if recipe.labels else (0, 0),
                positive=_predicted_positive(model, protocol.defined, learned, tested, scores),
            )
            if kept is not None:
                write_prediction(kept, None, prediction)
        predictions.append(prediction)
    if progress:
        progress("fold", len(folds), len(folds))
    shape = evidence.grid.shape
    nothing = np.full(shape, np.nan, dtype=np.float32), np.full(shape, -1, dtype=np.int16)
    return OutOfFold(*nothing, sampling, predictions, protocol.words)


def published_folds(
    recipe: Recipe, evidence: Evidence, rows: Sampling, protocol: PublishedProtocol, *, seed: int
) -> tuple[Sampling, list[Fold]]:
    """Training and test rows as ``published_predict`` grows and splits them, and its folds."""
    sampling, folds, _ = _split(recipe, evidence, rows, protocol, seed)
    return sampling, folds


class _Part(NamedTuple):
    """Windows, their rows, and which of them growth made, ``(n,)``."""

    X: Windows
    rows: Sampling
    made: Bools

    @classmethod
    def of(cls, X: Windows, rows: Sampling, plan: Sequence[Step], seed: int) -> _Part:
        more = grow(X, rows.y, rows.group, plan, seed=seed)
        first = more.origin[:, 0]
        origin = np.where(first >= 0, rows.origin[first], -1)
        made = np.arange(len(first)) >= len(rows)
        return cls(more.X, Sampling(more.X.at, more.y, more.group, origin), made)

    def take(self, rows: Ints) -> _Part:
        return _Part(self.X.take(rows), self.rows.take(rows), self.made[rows])


def _split(
    recipe: Recipe, evidence: Evidence, rows: Sampling, protocol: PublishedProtocol, seed: int
) -> tuple[Sampling, list[Fold], list[tuple[_Part, _Part]]]:
    """All training and test rows, the folds by row numbers, and both parts of each fold."""
    defined = protocol.defined
    if defined.grow in ("first", "none"):
        windows = _windows(recipe, evidence, rows, seed)
        whole = _Part.of(windows, rows, recipe.plan if defined.grow == "first" else (), seed)
        folds = list(protocol.folds(whole.rows, evidence.reach))
        return whole.rows, folds, [(whole.take(f.train), whole.take(f.test)) for f in folds]
    sides = [
        _grown_after(recipe, evidence, rows, fold, defined, seed)
        for fold in protocol.folds(rows, evidence.reach)
    ]
    parts = [part for pair in sides for part in pair]
    ends = np.cumsum([0, *(len(part.rows) for part in parts)])
    numbers = [np.arange(*span) for span in pairwise(ends)]
    nothing = np.zeros(evidence.grid.shape, dtype=bool)
    folds = [
        Fold(*pair, nothing, nothing) for pair in zip(numbers[::2], numbers[1::2], strict=True)
    ]
    columns = (
        np.concatenate([getattr(part.rows, name) for part in parts])
        for name in ("at", "y", "group", "origin")
    )
    return Sampling(*columns), folds, sides


def _grown_after(
    recipe: Recipe, evidence: Evidence, rows: Sampling, fold: Fold, defined: Definition, seed: int
) -> tuple[_Part, _Part]:
    """Training and test part of a fold; the test part is grown only if the paper grew it."""
    train, test = rows.take(fold.train), rows.take(fold.test)
    windows = _windows(recipe, evidence, train, seed)
    plans: tuple[Sequence[Step], Sequence[Step]] = (recipe.plan, ())
    if defined.grow == "each part":
        plans = divided(recipe.plan, train.y, test.y, defined.share)
    other = int(np.random.default_rng([seed, 16]).integers(2**63))
    return (
        _Part.of(windows, train, plans[0], seed),
        _Part.of(windows.moved(test.at), test, plans[1], other),
    )


def divided(
    plan: Sequence[Step], train: Floats, test: Floats, share: float
) -> tuple[tuple[Step, ...], tuple[Step, ...]]:
    """Divide a growth plan for labels ``train`` and ``test`` into a plan for each part.

    Numbers of rows (``n``, ``to``) count both parts: the test part gets its ``share`` of a class,
    rounded down. So MFAF's 374 negative windows become 300 and 74. Steps that depend on the rows of
    a part (``times``, ``balance``, ``share``, all slides) are the same for both.

    Raises SamplingError if a class has no row, or already more than asked for.
    """
    parts: tuple[list[Step], list[Step]] = [], []
    for step in plan:
        if step.n is None and step.to is None:
            for part in parts:
                part.append(step)
            continue
        for label, more in step.amounts(np.concatenate([train, test])).items():
            assert more is not None
            there = int((train == label).sum()), int((test == label).sum())
            total = sum(there) + more
            tested = math.floor(share * total + _ROUNDING)
            tested = min(max(tested, there[1]), total - there[0])
            for part, rows, ends in zip(parts, there, (total - tested, tested), strict=True):
                n, to = (ends - rows, None) if step.to is None else (None, ends)
                part.append(replace(step, label=label, n=n, to=to))
    return tuple(parts[0]), tuple(parts[1])


def _windows(recipe: Recipe, evidence: Evidence, rows: Sampling, seed: int) -> Windows:
    return recipe.windows(evidence, rows, visible=evidence.valid, hidden=None, seed=seed)


def _fitted(recipe: Recipe, part: _Part, seed: int) -> Model:
    if recipe.labels:
        return recipe.model().fit(part.X, part.rows.y, part.rows.group, seed=seed)
    part = part.take(np.flatnonzero(~part.made))
    no_labels = np.full(len(part.rows), np.nan)
    return recipe.model().fit(part.X, no_labels, part.rows.group, seed=seed)


def _predicted_positive(
    model: Model, defined: Definition, learned: _Part, tested: _Part, scores: Floats
) -> Bools:
    """Test rows predicted positive, by the paper's rule."""
    if defined.threshold == "own":
        return labels_of(model, tested.X)
    threshold = f1_optimal_threshold(learned.rows.y, model.predict(learned.X))
    return np.asarray(scores >= threshold)
