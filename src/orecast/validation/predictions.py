"""Predictions of a fold, how they are stored, and a check of generated rows."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from orecast.arrays import Bools, Floats, Ints
from orecast.errors import RunError
from orecast.metrics import percentiles
from orecast.metrics.growth import examine
from orecast.run import BROKEN_ARRAYS, damaged_file, written_whole
from orecast.sampling import Fold, Sampling
from orecast.sampling.augmentation import Growth
from orecast.validation.inner import Calibration

Draws = NDArray[np.float32]  # (m, n_cells)
Progress = Callable[[str, int, int], None]


def _none() -> Floats:
    return np.empty(0)


@dataclass(frozen=True, kw_only=True)
class FoldPrediction:
    """Predictions of one fold's model.

    ``train`` and ``test`` are rows of the sampling; ``scores`` ``(n_test,)`` belong to the test
    rows. ``cells`` ``(m, 2)`` lie in the fold's region and have ``cell_scores`` ``(m,)``; test rows
    are ranked among them. They are all cells of the region, or a random draw. ``visible_scores``
    are scores of cells that do not depend on hidden data; there are none unless the whole map was
    predicted. ``positive`` ``(n_test,)`` marks test rows predicted positive.
    ``false_positive_rate`` is the share of the region's cells without a known deposit that are
    predicted positive. Both need the model's own labels; ``positive`` is also set where a paper
    defines it.
    """

    train: Ints
    test: Ints
    scores: Floats
    cells: Ints = field(default_factory=lambda: np.empty((0, 2), dtype=np.int64))
    cell_scores: Floats = field(default_factory=_none)
    visible_scores: Floats = field(default_factory=_none)
    hidden_cells: int = 0
    visible_cells: int  # with evidence, not hidden from the fold
    region_cells: int = 0  # with evidence
    negatives_rule: str  # how negatives were chosen
    n_training: tuple[int, int]  # positive and negative training rows, with grown rows
    chosen: str = ""  # the recipe that was chosen inside the fold
    calibration: Calibration | None = None
    positive: Bools | None = None
    false_positive_rate: float | None = None

    @property
    def drawn(self) -> bool:
        """Whether the test rows are ranked among only some of the region's cells."""
        return len(self.cells) < self.region_cells

    @cached_property
    def ranks(self) -> Floats:
        """Percentile of each cell among all ``cells``, ``(m,)``."""
        return percentiles(self.cell_scores, self.cell_scores)


@dataclass(frozen=True)
class OutOfFold:
    """Out-of-fold predictions: each comes from a model that did not learn from the place.

    ``map`` and ``fold`` ``(rows, columns)``: each cell's score and the fold whose model gave it,
    NaN and -1 where there is none. ``spread``, if requested, is the standard deviation between all
    models that scored a cell (folds, seeds, passes). ``sampling`` holds the rows that were split;
    where a paper grew rows before the split, it includes them.
    """

    map: NDArray[np.float32]
    fold: NDArray[np.int32]
    sampling: Sampling
    folds: list[FoldPrediction]
    protocol_words: str  # how the folds were cut
    spread: NDArray[np.float32] | None = None

    @property
    def negatives_rule(self) -> str:
        """How negatives were chosen."""
        return self.folds[-1].negatives_rule

    @cached_property
    def rows(self) -> Ints:
        """Test rows of the sampling, fold by fold, ``(n,)``."""
        return np.concatenate([a.test for a in self.folds])

    @cached_property
    def scores(self) -> Floats:
        """Scores of the test rows, ``(n,)``."""
        return np.concatenate([a.scores for a in self.folds])

    @cached_property
    def ranks(self) -> Floats:
        """Percentile of each cell among the cells of its fold's region, ``(rows, columns)``."""
        ranks = np.full(self.map.shape, np.nan)
        for prediction in self.folds:
            ranks[tuple(prediction.cells.T)] = prediction.ranks
        return ranks

    @cached_property
    def probabilities(self) -> NDArray[np.float64] | None:
        """Probability that a cell holds a known deposit, by its fold's model, ``(rows, columns)``.

        The sum over a region is the number of all test rows times the region's share of the cells.
        It does not use the region's own number of deposits, since that is what is tested. None if
        a fold has no calibration or scored only some cells of its region.
        """
        if any(a.calibration is None or a.drawn for a in self.folds):
            return None
        share = len(np.unique(self.rows)) / sum(a.region_cells for a in self.folds)
        found = np.full(self.map.shape, np.nan)
        for a in self.folds:
            assert a.calibration is not None
            found[tuple(a.cells.T)] = a.calibration.curve(a.ranks, share * len(a.cells))
        return found

    @cached_property
    def positive(self) -> Bools | None:
        """Test rows predicted positive, ``(n,)``; None if a fold has no labels."""
        positive = [a.positive for a in self.folds if a.positive is not None]
        return np.concatenate(positive) if len(positive) == len(self.folds) else None

    @cached_property
    def row_fold(self) -> Ints:
        """Fold of each test row, ``(n,)``."""
        return np.repeat(np.arange(len(self.folds)), [len(a.test) for a in self.folds])


def prediction_path(store: Path, fold: int) -> Path:
    """File of a finished fold; ``fold`` counts from 0."""
    return store / f"fold-{fold}.npz"


def each_prediction(
    folds: Sequence[Fold],
    predict: Callable[[int, Fold], tuple[Draws | None, FoldPrediction]],
    store: Path | None,
    progress: Progress | None,
) -> Iterator[tuple[Draws | None, FoldPrediction]]:
    """Draws and prediction of each fold in turn, by ``predict`` from its number and itself.

    With ``store``, each finished fold is written there, and a resumed run reads it.
    """
    for k, fold in enumerate(folds):
        if progress:
            progress("fold", k, len(folds))
        path = None if store is None else prediction_path(store, k)
        if path is not None and path.is_file():
            yield read_prediction(path, fold)
            continue
        draws, prediction = predict(k, fold)
        if path is not None:
            write_prediction(path, draws, prediction)
        yield draws, prediction
    if progress:
        progress("fold", len(folds), len(folds))


def write_prediction(path: Path, draws: Draws | None, prediction: FoldPrediction) -> None:
    """Write a fold's draws and prediction; raises RunError if the file cannot be written."""
    content = {
        "negatives_rule": prediction.negatives_rule,
        "visible_cells": prediction.visible_cells,
        "region_cells": prediction.region_cells,
        "n_training": prediction.n_training,
        "chosen": prediction.chosen,
        "calibration": None if prediction.calibration is None else prediction.calibration.as_dict(),
        "false_positive_rate": prediction.false_positive_rate,
    }
    arrays = {
        "scores": prediction.scores,
        "cells": prediction.cells,
        "cell_scores": prediction.cell_scores,
        "visible_scores": prediction.visible_scores,
        "content": np.array(json.dumps(content)),
        "draws": draws,
        "positive": prediction.positive,
    }
    try:
        with written_whole(path) as stream:
            np.savez(stream, **{k: v for k, v in arrays.items() if v is not None})  # type: ignore[arg-type]
    except OSError as error:
        raise RunError(
            f"the fold cannot be written ({error.strerror or error})",
            where=str(path),
            remedy="free disk space, or choose an output folder that you can write to",
        ) from error


def read_prediction(path: Path, fold: Fold) -> tuple[Draws | None, FoldPrediction]:
    """Read a file of ``write_prediction``; raises RunError if it is damaged."""
    try:
        with np.load(path, allow_pickle=False) as saved:
            content = json.loads(str(saved["content"]))
            calibration, (positive, negative) = content["calibration"], content["n_training"]
            return saved.get("draws"), FoldPrediction(
                train=fold.train,
                test=fold.test,
                scores=saved["scores"],
                cells=saved["cells"],
                cell_scores=saved["cell_scores"],
                visible_scores=saved["visible_scores"],
                hidden_cells=int(fold.hidden.sum()),
                visible_cells=content["visible_cells"],
                region_cells=content["region_cells"],
                negatives_rule=content["negatives_rule"],
                n_training=(positive, negative),
                chosen=content["chosen"],
                calibration=None if calibration is None else Calibration.from_dict(calibration),
                positive=saved.get("positive"),
                false_positive_rate=content["false_positive_rate"],
            )
    except BROKEN_ARRAYS:
        raise damaged_file(path) from None


GENERATED = ("smote", "vae", "gan")
"""Growth methods that make new windows. These may differ from real ones, or copy them."""
_FEWEST, _MOST = 4, 2000  # rows that the check needs, and rows that it uses at most


def examined(growth: Growth) -> list[dict[str, Any]]:
    """Compare the rows of each generator with the rows it learned from, as the model reads them.

    Only the middle cells of the windows are compared: the distribution of each layer, the
    correlation of layers, and copies (``metrics.growth.examine``). A class with fewer than four
    rows is left out.
    """
    found = []
    for step in growth.made:
        if step.method not in GENERATED:
            continue
        real = np.flatnonzero(growth.y[: step.start] == step.label)
        new = np.arange(step.start, step.start + step.n)
        if min(len(real), len(new)) < _FEWEST:
            continue
        known, made = (growth.X.take(_some(rows)).centre() for rows in (real, new))
        report = examine(known, made, growth.X.names).as_dict()
        facts = {"method": step.method, "label": int(step.label), "rows": step.n}
        found.append(facts | {"learned_from": len(real)} | report)
    return found


def _some(rows: Ints) -> Ints:
    """At most 2,000 of the rows, at even steps."""
    return rows[np.unique(np.linspace(0, len(rows) - 1, _MOST).astype(np.int64))]
