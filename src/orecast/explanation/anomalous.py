"""Anomalous elements of an area: how far its layers lie above the rest of the map.

For models without labels. The model marks an area as anomalous. The robust z-score of each
element's layer shows which elements are anomalous; it does not use the model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from orecast.evidence import Evidence

_NORMAL = 1.482602218505602  # standard deviations in a median absolute deviation, 1 / Φ⁻¹(3/4)


@dataclass(frozen=True)
class AnomalousElements:
    """Mean robust z-score of each element in each area, ``(n_areas, n_elements)``."""

    layers: tuple[str, ...]
    z: NDArray[np.float64]

    def top(self, area: int, n: int = 3) -> list[str]:
        """Elements above the map's median in an area, highest first."""
        order = np.argsort(-self.z[area], kind="stable")
        return [self.layers[i] for i in order if self.z[area, i] > 0][:n]


def anomalous_elements(
    evidence: Evidence, areas: Sequence[NDArray[np.int64]], valid: NDArray[np.bool_]
) -> AnomalousElements:
    """Compare the element layers in each area's cells ``(n, 2)`` with those of the whole map.

    ``z = (value - median) / (1.4826 MAD)``, with median and median absolute deviation over the
    cells of ``valid`` ``(rows, columns)``: the background of Reimann, Filzmoser & Garrett (2005,
    Science of the Total Environment 346, 1-16), which anomalies hardly change. An area's z is the
    mean over its valid cells. NaN for an area without valid cells, and for a layer with one value
    in more than half of the map, since its MAD is 0.
    """
    names = tuple(name for name in evidence.names if evidence.kind(name) == "element")
    z = np.full((len(areas), len(names)), np.nan)
    inside = [cells[valid[cells[:, 0], cells[:, 1]]] for cells in areas]
    for column, name in enumerate(names):
        values = evidence.layer(name)
        background = values[valid].astype(np.float64)
        median = np.median(background) if background.size else np.nan
        spread = _NORMAL * np.median(np.abs(background - median)) if background.size else 0.0
        if spread > 0:
            for row, cells in enumerate(inside):
                if len(cells):
                    mean = values[cells[:, 0], cells[:, 1]].mean(dtype=np.float64)
                    z[row, column] = (mean - median) / spread
    return AnomalousElements(names, z)
