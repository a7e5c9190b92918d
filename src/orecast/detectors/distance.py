"""Distance to the known deposits alone, which no map should lose to."""

from __future__ import annotations

import numpy as np

from orecast.detectors._base import Detector, Floats
from orecast.samples import Windows

REGISTERED = {"deposit-distance": "DepositDistance"}


class DepositDistance(Detector):
    """Nearness to the training deposits, without any layer.

    The score is ``1 / (1 + d / s)``, d the distance in metres to the nearest ore window of the
    training part, s its mean over the barren windows there. It falls with distance everywhere.
    """

    deposits_: Floats  # (m, 2), row and column
    scale_: float  # metres

    def _learn(self, X: Windows, y: Floats, seed: int) -> None:
        self.deposits_ = np.unique(X.at[y == 1], axis=0).astype(np.float64)
        self.scale_ = float(self._metres(X.take(y == 0)).mean()) or X.cell_size

    def _score(self, X: Windows) -> Floats:
        return np.asarray(1 / (1 + self._metres(X) / self.scale_))

    def _metres(self, X: Windows) -> Floats:
        from scipy.spatial import cKDTree

        cells, _ = cKDTree(self.deposits_).query(X.at)
        return np.asarray(cells * X.cell_size, dtype=np.float64)
