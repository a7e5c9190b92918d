"""What generators made of the rows that a recipe learned from."""

from __future__ import annotations

from typing import Any

import numpy as np

from orecast.evaluation.growth import examine
from orecast.samples.growing import Growth

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
