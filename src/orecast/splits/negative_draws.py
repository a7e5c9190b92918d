"""Detectors that learn from no deposit, scored against negatives drawn far from deposits."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy.ndimage import distance_transform_edt
from scipy.spatial import cKDTree

from orecast.arrays import Bools, Ints
from orecast.errors import SamplingError
from orecast.sampling.windows import Fold, MapGeometry, Sampling
from orecast.splits.cutting import check_number, kilometres

REGISTERED = {"negative-draws": "NegativeDraws"}

_MOST_DRAWS = 100_000  # by then a mean and a spread have four digits


@dataclass
class NegativeDraws:
    """Samples nearest to the deposits against samples drawn far from all of them, many times over.

    How the public benchmark OpenGADBench scores detectors of anomalies, which learn from no
    deposit: the AUC of the deposits' nearest samples against as many samples drawn at least
    ``min_distance`` metres from every one of them, its mean and spread over ``draws``. Nothing is
    hidden, for there is no label to leak; a model that learns from labels has no place here.

    Its figures answer: do deposits stand out from ground that is far from all of them? Cells near
    a deposit are never drawn, so the figures run higher than those of ``leave-pair-out``, which
    draws from the whole map. The sampling holds the deposits' nearest samples, found by
    ``nearest_samples``; ``n_folds`` and ``seed`` change nothing in the cut.
    """

    ground: MapGeometry
    n_folds: int = 5
    seed: int = 0
    min_distance: float = 5000.0
    draws: int = 20
    words: str = field(default="", init=False)
    grow_first = False
    labels = False  # for models alone that are fitted to no deposit

    def __post_init__(self) -> None:
        """Raise ConfigError for an impossible option."""
        check_number(self.min_distance, "min_distance", low=0)
        check_number(self.draws, "draws", low=2, high=_MOST_DRAWS, whole=True)

    def folds(self, sampling: Sampling, reach: float) -> list[Fold]:
        """One fold: all places of ore are tested, and its region are the candidates to draw from.

        Raises SamplingError where no place of ore or no candidate is left.
        """
        test = np.flatnonzero(sampling.y == 1)
        if not len(test):
            raise SamplingError("there is no place of ore to test", where="deposits")
        at = sampling.at[test]
        far = np.ones(self.ground.shape, dtype=bool)
        far[at[:, 0], at[:, 1]] = False
        far = distance_transform_edt(far) * self.ground.cell_size >= max(
            self.min_distance, self.ground.cell_size
        )
        sampled = sampled_cells(self.ground)
        region = sampled & far
        what = "cells" if self.ground.samples is None else "cells with a sample"
        if not region.any():
            raise SamplingError(
                f"none of {sampled.sum()} valid {what} lies {kilometres(self.min_distance)} or "
                f"more from each of {len(test)} places of ore",
                where="validation.options.min_distance",
                remedy="lower it",
            )
        self.words = (
            f"nothing learned from deposits and nothing hidden; {len(test)} places of ore, against "
            f"{self.draws} draws of as many negatives from {region.sum()} valid {what} at least "
            f"{kilometres(self.min_distance)} from each"
        )
        nothing = np.zeros(self.ground.shape, dtype=bool)
        return [Fold(np.empty(0, dtype=np.int64), test, nothing, region)]


def sampled_cells(ground: MapGeometry) -> Bools:
    """Valid cells with a sample; all valid ones of a gridded survey, ``(rows, columns)``."""
    if ground.samples is None:
        return ground.valid.copy()
    held = np.zeros(ground.shape, dtype=bool)
    held[ground.samples[:, 0], ground.samples[:, 1]] = True
    return held & ground.valid


def nearest_samples(at: Ints, ground: MapGeometry) -> Ints:
    """Return the valid cell with a sample that is nearest to each cell ``at``, ``(n, 2)``.

    Of equals the northernmost, then the westernmost. Raises SamplingError where there is none.
    """
    cells = np.argwhere(sampled_cells(ground))
    if not len(cells):
        raise SamplingError(
            "no cell with a sample has a value in every layer",
            where="validation.protocol",
            remedy="check the reach of the evidence's layers",
        )
    at = np.asarray(at, dtype=np.int64).reshape(-1, 2)
    distance, _ = cKDTree(cells).query(at)
    found = [
        min(near) for near in cKDTree(cells).query_ball_point(at, distance * (1 + 1e-9) + 1e-9)
    ]
    return cells[np.array(found, dtype=np.int64)]
