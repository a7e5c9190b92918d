"""Deposits of an area that a model never saw: how its map ranks them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from orecast.evaluation import bootstrap_mean, percentiles, prediction_rate, top_share
from orecast.evidence import FAULT_DISTANCE, Evidence
from orecast.samples import deposit_sampling
from orecast.workflow.predicting_trained import Trained
from orecast.workflow.scoring import TOP_AREAS

if TYPE_CHECKING:
    import geopandas as gpd

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Row = dict[str, Any]

UNSEEN = "unseen"


@dataclass(frozen=True)
class Unseen:
    """Cells with deposits that were never seen ``(n, 2)`` and their groups ``(n,)``.

    ``seen`` deposits lie where the model learned, ``beyond`` where the map has no value: neither
    is scored.
    """

    cells: Ints
    group: Ints
    seen: int
    beyond: int

    @classmethod
    def of(cls, deposits: gpd.GeoDataFrame, evidence: Evidence, trained: Trained) -> Unseen:
        """Place deposits on the map; two in a cell are one place.

        A deposit counts as seen where its window may share a cell or a sample with that of any
        place learned from.
        """
        xy = np.column_stack([deposits.geometry.x, deposits.geometry.y])
        seen = _near_training(xy, evidence, trained)
        at = evidence.grid.cell(xy)
        mapped = evidence.grid.inside(at)
        mapped[mapped] = evidence.valid[tuple(at[mapped].T)]
        free = at[mapped & ~seen]
        if not len(free):
            return cls(
                free, np.empty(0, np.int64), int((mapped & seen).sum()), int((~mapped).sum())
            )
        places, _ = deposit_sampling(free, trained.saved.size)
        return cls(places.at, places.group, int((mapped & seen).sum()), int((~mapped).sum()))

    @property
    def sentence(self) -> str:
        """What is scored, and what is left out and why."""
        n = len(self.cells)
        said = f"{n} place{'s' * (n != 1)} with deposits that the model never saw"
        if self.seen:
            said += f"; {self.seen} more lie where it learned and are left out"
        if self.beyond:
            said += f"; {self.beyond} lie where the map has no value"
        return said


def _near_training(xy: Floats, evidence: Evidence, trained: Trained) -> NDArray[np.bool_]:
    """Whether positions lie within a window and both surveys' reach of a place learned from."""
    from pyproj import Transformer
    from scipy.spatial import cKDTree

    then, now = trained.evidence, evidence
    known = then.grid.xy(trained.saved.rows.at)
    if then.grid.crs != now.grid.crs:
        to_now = Transformer.from_crs(then.grid.crs, now.grid.crs, always_xy=True)
        known = np.column_stack(to_now.transform(known[:, 0], known[:, 1]))
    cell = max(*then.grid.cell_size, *now.grid.cell_size)
    within = trained.saved.size * cell + then.reach + now.reach
    known = known[np.isfinite(known).all(axis=1)]
    if not len(known):
        return np.zeros(len(xy), dtype=bool)
    distance, _ = cKDTree(known).query(xy, p=np.inf, distance_upper_bound=within)
    return np.asarray(np.isfinite(distance))


def unseen_rows(
    score: NDArray[np.float32], found: Unseen, evidence: Evidence, trained: Trained
) -> list[Row]:
    """The map's row as ``metrics.json`` holds it, and that of distance to faults beside it.

    None where no place is left to score.
    """
    if not len(found.cells):
        return []
    seed = trained.config.seed
    rows = [_row(trained.metrics["model"], "model", score, found, seed)]
    if FAULT_DISTANCE in evidence.names:
        nearness = np.where(np.isfinite(score), -evidence.layer(FAULT_DISTANCE), np.nan)
        rows.append(_row("fault-distance", "baseline", nearness, found, seed))
    return rows


def _row(name: str, role: str, score: NDArray[np.float32], found: Unseen, seed: int) -> Row:
    """Percentile of each place among the map's cells, and what follows from it.

    Intervals draw whole groups of places: those whose windows share cells are no independent
    witnesses.
    """
    at = tuple(found.cells.T)
    percentile = percentiles(score[at], score[np.isfinite(score)])
    background = np.isfinite(score)
    background[at] = False
    outranked = percentiles(score[at], score[background])
    return {
        "name": name,
        "role": role,
        "protocol": UNSEEN,
        "sentence": found.sentence,
        "percentile": bootstrap_mean(percentile, seed=seed, groups=found.group).as_dict(),
        "auc": bootstrap_mean(outranked, seed=seed, groups=found.group).as_dict(),
        "top_area": {
            str(a): top_share(percentile, a, groups=found.group).as_dict() for a in TOP_AREAS
        },
        "places": percentile.tolist(),
        "prediction_rate": prediction_rate(score, found.cells).as_dict(),
    }
