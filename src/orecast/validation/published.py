"""Testing as the papers did it: windows grown, cut and called the way each paper says."""

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
from orecast.validation.answers import FoldAnswer, OutOfFold, answer_path, keep_answer, read_answer
from orecast.validation.fitted import counted, labels_of
from orecast.validation.recipe import Recipe

Progress = Callable[[str, int, int], None]

_ROUNDING = 1e-9
_NOWHERE = np.empty((0, 2), dtype=np.int64)


class PublishedProtocol(Protocol):
    """A paper's way to cut rows: ``Paper``, or ``GivenSplit`` of its authors' own windows."""

    words: str

    @property
    def defined(self) -> Definition:
        """How the paper cut, grew and called."""

    def folds(self, sampling: Sampling, reach: float) -> Sequence[Fold]:
        """Cut the rows; nothing is hidden."""


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
    """Grow, cut and test labelled ``rows`` as a paper did; nothing is hidden from any fit.

    Where the paper grew first, screening, scaling and growth are fitted once to all rows, and the
    grown ones are what is split; otherwise to what a fold learns from, and the tested windows are
    read as those are. ``words`` say how negatives were chosen. The answer's sampling holds all
    rows on either side, numbered as its folds are; ``origin`` is that of the first window behind
    a row, -1 of a generator's.

    A model that is told no labels is tested on the same rows and learns from those of its part
    that no step made: growth by class would tell it labels.

    With ``store`` each finished fold is kept there; growth, which follows from the seed, is made
    again.
    """
    sampling, folds, sides = _cut(recipe, evidence, rows, protocol, seed)
    answers = []
    for k, (fold, (learned, tested)) in enumerate(zip(folds, sides, strict=True)):
        if progress:
            progress("fold", k, len(folds))
        kept = None if store is None else answer_path(store, k)
        if kept is not None and kept.is_file():
            _, answer = read_answer(kept, fold)
        else:
            model = _fitted(recipe, learned, seed)
            scores = model.predict(tested.X)
            answer = FoldAnswer(
                *(fold.train, fold.test, scores),
                *(_NOWHERE, np.empty(0), np.empty(0)),
                hidden_cells=0,
                visible_cells=int(evidence.valid.sum()),
                region_cells=0,
                words=words,
                learned=counted(learned.rows.y) if recipe.labels else (0, 0),
                called=_called(model, protocol.defined, learned, tested, scores),
            )
            if kept is not None:
                keep_answer(kept, None, answer)
        answers.append(answer)
    if progress:
        progress("fold", len(folds), len(folds))
    shape = evidence.grid.shape
    nothing = np.full(shape, np.nan, dtype=np.float32), np.full(shape, -1, dtype=np.int16)
    return OutOfFold(*nothing, sampling, answers, protocol.words)


def published_folds(
    recipe: Recipe, evidence: Evidence, rows: Sampling, protocol: PublishedProtocol, *, seed: int
) -> tuple[Sampling, list[Fold]]:
    """All rows on either side as ``published_predict`` grows and splits them, and its folds."""
    sampling, folds, _ = _cut(recipe, evidence, rows, protocol, seed)
    return sampling, folds


class _Grown(NamedTuple):
    """Windows, what they are, and which of them a step of growth made, ``(n,)``."""

    X: Windows
    rows: Sampling
    made: Bools

    @classmethod
    def of(cls, X: Windows, rows: Sampling, plan: Sequence[Step], seed: int) -> _Grown:
        more = grow(X, rows.y, rows.group, plan, seed=seed)
        first = more.origin[:, 0]
        origin = np.where(first >= 0, rows.origin[first], -1)
        made = np.arange(len(first)) >= len(rows)
        return cls(more.X, Sampling(more.X.at, more.y, more.group, origin), made)

    def take(self, rows: Ints) -> _Grown:
        return _Grown(self.X.take(rows), self.rows.take(rows), self.made[rows])


def _cut(
    recipe: Recipe, evidence: Evidence, rows: Sampling, protocol: PublishedProtocol, seed: int
) -> tuple[Sampling, list[Fold], list[tuple[_Grown, _Grown]]]:
    """All rows on either side, the folds by their numbers, and the two sides of each."""
    defined = protocol.defined
    if defined.grow in ("first", "none"):
        windows = _windows(recipe, evidence, rows, seed)
        whole = _Grown.of(windows, rows, recipe.plan if defined.grow == "first" else (), seed)
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
    told = (
        np.concatenate([getattr(part.rows, name) for part in parts])
        for name in ("at", "y", "group", "origin")
    )
    return Sampling(*told), folds, sides


def _grown_after(
    recipe: Recipe, evidence: Evidence, rows: Sampling, fold: Fold, defined: Definition, seed: int
) -> tuple[_Grown, _Grown]:
    """Both sides of a fold, each grown from its own rows, the tested one if the paper did."""
    train, test = rows.take(fold.train), rows.take(fold.test)
    windows = _windows(recipe, evidence, train, seed)
    plans: tuple[Sequence[Step], Sequence[Step]] = (recipe.plan, ())
    if defined.grow == "each part":
        plans = divided(recipe.plan, train.y, test.y, defined.share)
    other = int(np.random.default_rng([seed, 16]).integers(2**63))
    return (
        _Grown.of(windows, train, plans[0], seed),
        _Grown.of(windows.moved(test.at), test, plans[1], other),
    )


def divided(
    plan: Sequence[Step], train: Floats, test: Floats, share: float
) -> tuple[tuple[Step, ...], tuple[Step, ...]]:
    """A plan for labels ``train`` and ``test`` together, as the plans of the two parts.

    Numbers of rows (``n``, ``to``) are those of both parts: the tested one ends with its ``share``
    of a class, rounded down, as MFAF's 374 barren windows are 300 and 74. Whatever goes by what is
    there (``times``, ``balance``, ``share``, all slides) is the same for either.

    Raises SamplingError where a class has no row, or too many already.
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


def _fitted(recipe: Recipe, part: _Grown, seed: int) -> Model:
    if recipe.labels:
        return recipe.model().fit(part.X, part.rows.y, part.rows.group, seed=seed)
    part = part.take(np.flatnonzero(~part.made))
    untold = np.full(len(part.rows), np.nan)
    return recipe.model().fit(part.X, untold, part.rows.group, seed=seed)


def _called(
    model: Model, defined: Definition, learned: _Grown, tested: _Grown, scores: Floats
) -> Bools:
    """Which tested rows are called ore, as the paper calls them."""
    if defined.threshold == "own":
        return labels_of(model, tested.X)
    threshold = f1_optimal_threshold(learned.rows.y, model.predict(learned.X))
    return np.asarray(scores >= threshold)
