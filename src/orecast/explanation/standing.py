"""Elements that stand out: how far an area's layers lie above the rest of the map.

For models that learn from no deposit. Nothing is asked of the model: it calls a place anomalous,
and this says in which elements it is, by the robust z-score of each element's layer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from orecast.evidence import Evidence

_NORMAL = 1.482602218505602  # standard deviations in a median absolute deviation, 1 / Φ⁻¹(3/4)


@dataclass(frozen=True)
class Standing:
    """Mean robust z-score of each element in each area, ``(n_areas, n_elements)``."""

    layers: tuple[str, ...]
    z: NDArray[np.float64]

    def top(self, area: int, n: int = 3) -> list[str]:
        """Elements that lie highest above the map's median in an area; those below are left out."""
        order = np.argsort(-self.z[area], kind="stable")
        return [self.layers[i] for i in order if self.z[area, i] > 0][:n]


def elements_behind(
    evidence: Evidence, areas: Sequence[NDArray[np.int64]], valid: NDArray[np.bool_]
) -> Standing:
    """Compare the element layers in each area's cells ``(n, 2)`` with those of the whole map.

    ``z = (value - median) / (1.4826 MAD)``, median and median absolute deviation over the cells of
    ``valid`` ``(rows, columns)``: the background that Reimann, Filzmoser & Garrett (2005, Science
    of the Total Environment 346, 1-16) set anomalies against, which the anomalies themselves hardly
    move. An area's z is the mean over those of its cells that are valid. NaN where an area has
    none, and for a layer of which more than half the map holds one value, which has no spread.
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
    return Standing(names, z)
