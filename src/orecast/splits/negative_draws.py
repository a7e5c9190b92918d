"""Anomaly detectors (no training deposits), scored against negatives drawn far from deposits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from orecast.arrays import Bools, Ints
from orecast.errors import SamplingError
from orecast.sampling.places import distance_to, mask_of
from orecast.sampling.windows import Fold, MapGeometry, Sampling
from orecast.splits.cutting import BaseProtocol, check_number, kilometres

REGISTERED = {"negative-draws": "NegativeDrawsProtocol"}

_MOST_DRAWS = 100_000  # enough for four digits of the mean and the spread


@dataclass
class NegativeDrawsProtocol(BaseProtocol):
    """Samples nearest to the deposits against samples drawn far from all of them, many times over.

    The public benchmark OpenGADBench scores anomaly detectors, which use no deposits, in this way:
    the AUC of the deposits' nearest samples against as many samples drawn at least
    ``min_distance`` metres from every one of them; mean and spread over ``draws``. Nothing is
    hidden, since no label can leak. Models that train on labels must not use this protocol.

    Question answered: do deposits differ from areas that are far from all of them? Cells near a
    deposit are never drawn, so the scores are higher than those of ``leave-pair-out``, which
    draws from the whole map. The sampling holds the deposits' nearest samples, found by
    ``nearest_samples``; ``n_folds`` and ``seed`` change nothing in the cut.
    """

    min_distance: float = 5000.0
    draws: int = 20

    def __post_init__(self) -> None:
        """Raise ConfigError for an impossible option."""
        check_number(self.min_distance, "min_distance", low=0)
        check_number(self.draws, "draws", low=2, high=_MOST_DRAWS, whole=True)

    def folds(self, sampling: Sampling, reach: float) -> list[Fold]:
        """One fold: all deposit cells are tested; the region holds the cells to draw from.

        Raises SamplingError where no deposit cell or no candidate is left.
        """
        test = np.flatnonzero(sampling.y == 1)
        if not len(test):
            raise SamplingError(
                "there is no deposit cell to test",
                where="deposits",
                remedy="give deposits within the area of the evidence",
            )
        distance = distance_to(sampling.at[test], self.geometry.shape) * self.geometry.cell_size
        far = distance >= max(self.min_distance, self.geometry.cell_size)
        sampled = sampled_cells(self.geometry)
        region = sampled & far
        what = "cells" if self.geometry.samples is None else "cells with a sample"
        if not region.any():
            raise SamplingError(
                f"none of {sampled.sum()} valid {what} lies {kilometres(self.min_distance)} or "
                f"more from each of {len(test)} deposit cells",
                where="validation.options.min_distance",
                remedy="set it to a smaller distance",
            )
        self.words = (
            f"no training deposits and nothing hidden; {len(test)} deposit cells against "
            f"{self.draws} draws of as many negatives from {region.sum()} valid {what} at least "
            f"{kilometres(self.min_distance)} from each"
        )
        nothing = np.zeros(self.geometry.shape, dtype=bool)
        return [Fold(np.empty(0, dtype=np.int64), test, nothing, region)]


def sampled_cells(geometry: MapGeometry) -> Bools:
    """Valid cells with a sample; all valid ones of a gridded survey, ``(rows, columns)``."""
    if geometry.samples is None:
        return geometry.valid.copy()
    return mask_of(geometry.samples, geometry.shape) & geometry.valid


def nearest_samples(at: Ints, geometry: MapGeometry) -> Ints:
    """Return the valid cell with a sample that is nearest to each cell ``at``, ``(n, 2)``.

    Ties: the northernmost, then the westernmost. Raises SamplingError where there is none.
    """
    cells = np.argwhere(sampled_cells(geometry))
    if not len(cells):
        raise SamplingError(
            "no cell with a sample has a value in every layer",
            where="validation.protocol",
            remedy="set a larger evidence.radius, or set evidence.layers without the layer that "
            "has gaps at the samples",
        )
    at = np.asarray(at, dtype=np.int64).reshape(-1, 2)
    tree = cKDTree(cells)
    distance, _ = tree.query(at)
    found = [min(near) for near in tree.query_ball_point(at, distance * (1 + 1e-9) + 1e-9)]
    return cells[np.array(found, dtype=np.int64)]
