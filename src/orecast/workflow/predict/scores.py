"""Scores of a prediction, and the finished run that it uses."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from orecast.arrays import Floats, Ints
from orecast.config import Config
from orecast.errors import ModelError, RunError
from orecast.evidence import FAULT_DISTANCE, Evidence, read_evidence
from orecast.mapping import read_raster
from orecast.metrics import Metrics, bootstrap_mean, percentiles, prediction_rate, top_share
from orecast.report.reading import open_run
from orecast.run import file_hash, verify_finished
from orecast.sampling import WEIGHT, deposit_sampling
from orecast.validation.fitted import Saved, read_fitted
from orecast.workflow.scoring import TOP_AREAS

if TYPE_CHECKING:
    import geopandas as gpd

_NEEDED = ("run.toml", "metrics.json", "checks.json", "evidence/evidence.json", "folds.tif")
_MADE = {  # kinds of layers that are made when a recipe is fitted, not from the survey
    "detector": "scores of detectors that are fitted to the run's own map (model.channels)",
    WEIGHT: "the weight of geological knowledge, fitted to the run's own deposits",
}
_OF_PLACES = ("deposit-distance", "random")  # these score a cell by its position


@dataclass(frozen=True)
class Trained:
    """A finished run: its configuration, evidence, fitted recipe, metrics and elements.

    ``folds`` ``(n,)`` are the folds of the places of ``saved``; ``files`` are the files that a
    prediction depends on, each with its hash.
    """

    config: Config
    evidence: Evidence
    saved: Saved
    metrics: Metrics
    symbols: tuple[str, ...]
    folds: NDArray[np.float32]
    files: list[dict[str, str]]

    @property
    def thresholds(self) -> tuple[float, float, float]:
        """Lowest scores of classes A, B and C on the run's own map; infinite for an empty class."""
        found = self.metrics.classes.thresholds
        a, b, c = (float("inf") if value is None else float(value) for value in found)
        return a, b, c


def read_trained(folder: Path) -> Trained:
    """Read a finished run's folder, wherever it was moved; its survey is not needed.

    Raises RunError where the folder holds no finished run, or one without deposits, ModelError
    where its model does not apply to another area.
    """
    verify_finished(folder)
    run = open_run(folder)
    if run.metrics.anomalies:
        raise RunError(
            "the run used no deposits; its map is the mean of several models of its own area",
            where=str(folder),
            remedy="use orecast run on the other survey: it needs no deposits either",
        )
    _refuse_places(run.config)
    saved = read_fitted(folder / "model")
    _refuse_made(saved)
    fold = read_raster(folder / "folds.tif").values
    return Trained(
        run.config,
        read_evidence(folder / "evidence"),
        saved,
        run.metrics,
        tuple(element["symbol"] for element in run.checks["survey"]["elements"]),
        fold[tuple(saved.rows.at.T)],
        _files(folder),
    )


def _refuse_places(config: Config) -> None:
    """Raise ModelError for a model that scores a cell by its position in the run's grid."""
    model = config.model
    for name in (model.name, *model.options.get("members", ())):
        if name in _OF_PLACES:
            raise ModelError(
                f"{name} scores a cell by its position, so it does not apply to another area",
                where="model.name",
                remedy="train a model that reads layers",
            )


def _refuse_made(saved: Saved) -> None:
    for name, kind in zip(saved.names, saved.kinds, strict=True):
        if kind in _MADE and not (kind == WEIGHT and saved.guidance is not None):
            raise ModelError(
                f"the model reads {name}: {_MADE[kind]}. It is not saved with the model",
                where="model",
                remedy="to predict other areas, train the model without it",
            )


def _files(folder: Path) -> list[dict[str, str]]:
    """The files that a prediction depends on, relative to the run's folder, with their hashes."""
    model = sorted(path for path in (folder / "model").rglob("*") if path.is_file())
    paths = [*(folder / name for name in _NEEDED), *model]
    return [
        {"path": path.relative_to(folder).as_posix(), "sha256": file_hash(path)} for path in paths
    ]


Row = dict[str, Any]
UNSEEN = "unseen"


@dataclass(frozen=True)
class Unseen:
    """Cells with deposits that the model never saw ``(n, 2)`` and their groups ``(n,)``.

    Not scored: ``seen`` deposits lie in the training area, ``beyond`` where the map has no value.
    """

    cells: Ints
    group: Ints
    seen: int
    beyond: int

    @classmethod
    def of(cls, deposits: gpd.GeoDataFrame, evidence: Evidence, trained: Trained) -> Unseen:
        """Place deposits on the map; two in a cell are one place.

        A deposit counts as seen if its window may share a cell or a sample with that of a training
        place.
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
        words = f"{n} place{'s' * (n != 1)} with deposits that the model never saw"
        if self.seen:
            words += f"; left out: {self.seen} in or near the training area"
        if self.beyond:
            words += f"; left out: {self.beyond} where the map has no value"
        return words


def _near_training(xy: Floats, evidence: Evidence, trained: Trained) -> NDArray[np.bool_]:
    """Whether positions lie within a window and both surveys' reach of a training place."""
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
    """The map's row of ``metrics.json``, and the row of distance to faults.

    No rows where no place is left to score.
    """
    if not len(found.cells):
        return []
    seed = trained.config.seed
    rows = [_row(trained.metrics.model, "model", score, found, seed)]
    if FAULT_DISTANCE in evidence.names:
        nearness = np.where(np.isfinite(score), -evidence.layer(FAULT_DISTANCE), np.nan)
        rows.append(_row("fault-distance", "baseline", nearness, found, seed))
    return rows


def _row(name: str, role: str, score: NDArray[np.float32], found: Unseen, seed: int) -> Row:
    """Percentile of each place among the map's cells, and the scores derived from it.

    Intervals draw whole groups of places: places whose windows share cells are not independent.
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
