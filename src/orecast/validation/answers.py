"""What a fold predicts, and the rows it grew."""

from __future__ import annotations

import json
from dataclasses import dataclass
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


@dataclass(frozen=True)
class FoldAnswer:
    """What one fold's model said.

    ``train`` and ``test`` rows of the sampling, ``scores`` of the tested ``(n_test,)``; ``cells``
    of the fold's region ``(m, 2)`` and ``cell_scores`` theirs ``(m,)``, among which the tested are
    ranked: all of the ``region_cells``, or as many as were drawn; ``seen`` scores of cells that
    know nothing of what was hidden, where the whole map was asked for. ``called`` ``(n_test,)``
    says which tested rows are called ore, and ``alarm`` which share of the region's cells without
    a known deposit, where the model was asked for its own labels or a paper calls so.
    """

    train: Ints
    test: Ints
    scores: Floats
    cells: Ints
    cell_scores: Floats
    seen: Floats
    hidden_cells: int
    visible_cells: int  # with evidence, that the fold may see
    region_cells: int  # with evidence
    words: str  # how negatives were chosen
    learned: tuple[int, int]  # rows of ore and barren ground, grown ones among them
    calibration: Calibration | None = None
    called: Bools | None = None
    alarm: float | None = None

    @property
    def drawn(self) -> bool:
        """Whether the tested rows are ranked among some of the region's cells only."""
        return len(self.cells) < self.region_cells

    @cached_property
    def ranks(self) -> Floats:
        """Percentile of each of the ``cells`` among them, ``(m,)``."""
        return percentiles(self.cell_scores, self.cell_scores)


@dataclass(frozen=True)
class OutOfFold:
    """What models said of what they had not seen.

    ``map`` and ``fold`` ``(rows, columns)``: each cell's score and the fold whose model gave it,
    NaN and -1 where there is none. ``spread`` is the standard deviation between all the models
    that scored a cell (folds, seeds, passes), where it was asked for. ``sampling`` holds the rows
    that were split, grown ones among them where a paper grew them.
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
    def ranks(self) -> Floats:
        """Percentile of each cell among those of its fold's region, ``(rows, columns)``."""
        ranks = np.full(self.map.shape, np.nan)
        for answer in self.answers:
            ranks[tuple(answer.cells.T)] = answer.ranks
        return ranks

    @cached_property
    def probabilities(self) -> NDArray[np.float64] | None:
        """Probability that a cell holds a known place, by its own fold, ``(rows, columns)``.

        The sum over a region is the number of all tested places times the region's share of the
        cells: how many of them it holds is what is tested. None where a fold has no calibration,
        and where only some of a region's cells were scored.
        """
        if any(a.calibration is None or a.drawn for a in self.answers):
            return None
        share = len(np.unique(self.rows)) / sum(a.region_cells for a in self.answers)
        found = np.full(self.map.shape, np.nan)
        for a in self.answers:
            assert a.calibration is not None
            found[tuple(a.cells.T)] = a.calibration.curve(a.ranks, share * len(a.cells))
        return found

    @cached_property
    def called(self) -> Bools | None:
        """Which tested rows are called ore, ``(n,)``; None where a fold does not say."""
        called = [a.called for a in self.answers if a.called is not None]
        return np.concatenate(called) if len(called) == len(self.answers) else None

    @cached_property
    def row_fold(self) -> Ints:
        """Fold of each tested row, ``(n,)``."""
        return np.repeat(np.arange(len(self.answers)), [len(a.test) for a in self.answers])


def answer_path(store: Path, fold: int) -> Path:
    """File of a finished fold, by its number from 0."""
    return store / f"fold-{fold}.npz"


def keep_answer(path: Path, draws: Draws | None, answer: FoldAnswer) -> None:
    """Write a fold's draws and answer to a file; raises RunError where the disk refuses."""
    said = {
        "words": answer.words,
        "visible_cells": answer.visible_cells,
        "region_cells": answer.region_cells,
        "learned": answer.learned,
        "calibration": None if answer.calibration is None else answer.calibration.as_dict(),
        "alarm": answer.alarm,
    }
    arrays = {
        "scores": answer.scores,
        "cells": answer.cells,
        "cell_scores": answer.cell_scores,
        "seen": answer.seen,
        "said": np.array(json.dumps(said)),
    }
    if draws is not None:
        arrays["draws"] = draws
    if answer.called is not None:
        arrays["called"] = answer.called
    try:
        with written_whole(path) as stream:
            np.savez(stream, **arrays)  # type: ignore[arg-type]
    except OSError as error:
        raise RunError(
            f"cannot write ({error.strerror or error})",
            where=str(path),
            remedy="free space or name a writable output folder",
        ) from error


def read_answer(path: Path, fold: Fold) -> tuple[Draws | None, FoldAnswer]:
    """Read what ``keep_answer`` wrote of a fold; raises RunError where the file is damaged."""
    try:
        return _read_answer(path, fold)
    except BROKEN_ARRAYS:
        raise damaged_file(path) from None


def _read_answer(path: Path, fold: Fold) -> tuple[Draws | None, FoldAnswer]:
    with np.load(path, allow_pickle=False) as saved:
        told = json.loads(str(saved["said"]))
        calibration, learned = told["calibration"], told["learned"]
        return saved.get("draws"), FoldAnswer(
            fold.train,
            fold.test,
            saved["scores"],
            saved["cells"],
            saved["cell_scores"],
            saved["seen"],
            int(fold.hidden.sum()),
            told["visible_cells"],
            told["region_cells"],
            told["words"],
            (learned[0], learned[1]),
            None if calibration is None else Calibration.from_dict(calibration),
            saved.get("called"),
            told["alarm"],
        )


GENERATED = ("smote", "vae", "gan")
"""Methods whose rows are no window changed, so that they may be unlike the real ones, or copies."""
_FEWEST, _MOST = 4, 2000  # rows that can be examined, and that suffice


def examined(growth: Growth) -> list[dict[str, Any]]:
    """Hold what each generator made against the rows it learned from, as the model reads them.

    By their windows' own cells: how each layer is distributed, how layers correlate, and whether
    rows are copies (``evaluation.growth.examine``). A class with too few rows is left out.
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
        told = {"method": step.method, "label": int(step.label), "rows": step.n}
        found.append(told | {"learned_from": len(real)} | report)
    return found


def _some(rows: np.ndarray[Any, np.dtype[np.int64]]) -> np.ndarray[Any, np.dtype[np.int64]]:
    """At most so many of the rows, evenly drawn."""
    return rows[np.unique(np.linspace(0, len(rows) - 1, _MOST).astype(np.int64))]
