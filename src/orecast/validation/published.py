"""Testing as the papers did: windows are grown, split and classified as each paper says."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from orecast.arrays import Bools, Floats, Ints
from orecast.evidence import Evidence
from orecast.metrics import f1_optimal_threshold
from orecast.sampling import Fold, Sampling, Windows
from orecast.sampling.augmentation import Step, grow
from orecast.splits.paper import GivenSplit, Paper
from orecast.validation.fitted import counted, labels_of
from orecast.validation.predictions import FoldPrediction, OutOfFold, Progress, each_prediction
from orecast.validation.recipe import Recipe

PublishedProtocol = Paper | GivenSplit

_ROUNDING = 1e-9


def published_predict(
    recipe: Recipe,
    evidence: Evidence,
    rows: Sampling,
    protocol: PublishedProtocol,
    *,
    seed: int,
    negatives_rule: str,
    store: Path | None = None,
    progress: Progress | None = None,
) -> OutOfFold:
    """Grow, split and test labelled ``rows`` as a paper did; nothing is hidden from any fit.

    If the paper grew first, screening, scaling and growth are fitted once to all rows, and the
    grown rows are split. Otherwise they are fitted to the training rows of each fold, and the test
    windows are read in the same way. ``negatives_rule`` is how negatives were chosen. The result's
    sampling holds the training and test rows of all folds, numbered as in the folds. A grown row
    has the ``origin`` of the first window it was made from; a generator's row has -1.

    A model without labels is tested on the same rows. It learns from the training rows that were
    not grown, since growth by class would leak labels.

    With ``store``, each finished fold is written there. A resumed run repeats the growth, which
    depends only on the seed.
    """
    sampling, folds, sides = _split(recipe, evidence, rows, protocol, seed)

    def predict(k: int, fold: Fold) -> tuple[None, FoldPrediction]:
        train, test = sides[k]
        fit, y = train, train.rows.y
        if not recipe.labels:
            fit = train.take(np.flatnonzero(~train.made))
            y = np.full(len(fit.rows), np.nan)
        model = recipe.model().fit(fit.X, y, fit.rows.group, seed=seed)
        scores = model.predict(test.X)
        if protocol.defined.threshold == "own":
            positive = labels_of(model, test.X)
        else:
            positive = scores >= f1_optimal_threshold(train.rows.y, model.predict(train.X))
        return None, FoldPrediction(
            train=fold.train,
            test=fold.test,
            scores=scores,
            visible_cells=int(evidence.valid.sum()),
            negatives_rule=negatives_rule,
            n_training=counted(y),
            positive=positive,
        )

    predictions = [found for _, found in each_prediction(folds, predict, store, progress)]
    shape = evidence.grid.shape
    no_scores, no_folds = np.full(shape, np.nan, np.float32), np.full(shape, -1, np.int32)
    return OutOfFold(no_scores, no_folds, sampling, predictions, protocol.words)


def published_folds(
    recipe: Recipe, evidence: Evidence, rows: Sampling, protocol: PublishedProtocol, *, seed: int
) -> tuple[Sampling, list[Fold]]:
    """Training and test rows as ``published_predict`` grows and splits them, and its folds."""
    sampling, folds, _ = _split(recipe, evidence, rows, protocol, seed)
    return sampling, folds


class _Rows(NamedTuple):
    """Windows, their rows, and which of them growth made, ``(n,)``."""

    X: Windows
    rows: Sampling
    made: Bools

    @classmethod
    def grown(cls, X: Windows, rows: Sampling, plan: Sequence[Step], seed: int) -> _Rows:
        more = grow(X, rows.y, rows.group, plan, seed=seed)
        first = more.origin[:, 0]
        origin = np.where(first >= 0, rows.origin[first], -1)
        made = np.arange(len(first)) >= len(rows)
        return cls(more.X, Sampling(more.X.at, more.y, more.group, origin), made)

    def take(self, rows: Ints) -> _Rows:
        return _Rows(self.X.take(rows), self.rows.take(rows), self.made[rows])


def _split(
    recipe: Recipe, evidence: Evidence, rows: Sampling, protocol: PublishedProtocol, seed: int
) -> tuple[Sampling, list[Fold], list[tuple[_Rows, _Rows]]]:
    """All training and test rows, the folds by row numbers, and both parts of each fold."""
    defined = protocol.defined
    if defined.grow in ("first", "none"):
        windows, _ = recipe.windows(evidence, rows, hidden=None, seed=seed)
        whole = _Rows.grown(windows, rows, recipe.plan if defined.grow == "first" else (), seed)
        folds = protocol.folds(whole.rows, evidence.reach)
        return whole.rows, folds, [(whole.take(f.train), whole.take(f.test)) for f in folds]
    sides = []
    for fold in protocol.folds(rows, evidence.reach):
        train, test = rows.take(fold.train), rows.take(fold.test)
        windows, _ = recipe.windows(evidence, train, hidden=None, seed=seed)
        plans: tuple[Sequence[Step], Sequence[Step]] = (recipe.plan, ())
        if defined.grow == "each part":
            plans = divided(recipe.plan, train.y, test.y, defined.share)
        test_seed = int(np.random.default_rng([seed, 16]).integers(2**63))
        grown = _Rows.grown(windows, train, plans[0], seed)
        sides.append((grown, _Rows.grown(windows.at_cells(test.at), test, plans[1], test_seed)))
    parts = [part.rows for side in sides for part in side]
    ends = np.cumsum([len(part) for part in parts])
    numbers = np.split(np.arange(ends[-1]), ends[:-1])
    nothing = np.zeros(evidence.grid.shape, dtype=bool)
    folds = [
        Fold(*pair, nothing, nothing) for pair in zip(numbers[::2], numbers[1::2], strict=True)
    ]
    return (
        Sampling(
            at=np.concatenate([part.at for part in parts]),
            y=np.concatenate([part.y for part in parts]),
            group=np.concatenate([part.group for part in parts]),
            origin=np.concatenate([part.origin for part in parts]),
        ),
        folds,
        sides,
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
            parts[0].append(step)
            parts[1].append(step)
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
