"""Scores of a prediction, and what its training held."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from orecast.arrays import Floats, Ints
from orecast.config import Config, read
from orecast.errors import ModelError, RunError
from orecast.evidence import FAULT_DISTANCE, Evidence, read_evidence
from orecast.mapping import read_raster
from orecast.metrics import bootstrap_mean, percentiles, prediction_rate, top_share
from orecast.run import file_hash, verify_finished
from orecast.sampling import WEIGHT, deposit_sampling
from orecast.validation.fitted import Saved, read_fitted
from orecast.workflow.scoring import TOP_AREAS

if TYPE_CHECKING:
    import geopandas as gpd

_AGAIN = "run it again with --overwrite"
_NEEDED = ("run.toml", "metrics.json", "checks.json", "evidence/evidence.json", "folds.tif")
_MADE = {  # kinds of layers that are no evidence but made when a recipe is fitted
    "detector": "scores of detectors that are fitted to the run's own map (model.channels)",
    WEIGHT: "the weight of geological knowledge, fitted to the run's own deposits",
}
_OF_PLACES = ("deposit-distance", "random")  # they score a cell by where it lies


@dataclass(frozen=True)
class Trained:
    """A finished run: its configuration, evidence, fitted recipe, metrics and elements.

    ``folds`` ``(n,)`` are those in which the places of ``saved`` lie; ``files`` name what a
    prediction depends on, each with its hash.
    """

    config: Config
    evidence: Evidence
    saved: Saved
    metrics: dict[str, Any]
    symbols: tuple[str, ...]
    folds: NDArray[np.float32]
    files: list[dict[str, str]]

    @property
    def thresholds(self) -> tuple[float, float, float]:
        """Lowest scores of classes A, B and C on the run's own map; infinite for one left empty."""
        found = self.metrics["classes"]["thresholds"]
        a, b, c = (float("inf") if value is None else float(value) for value in found)
        return a, b, c


def read_trained(folder: Path) -> Trained:
    """Read a finished run's folder, wherever it was moved; the survey behind it is not needed.

    Raises RunError where the folder holds no finished run, or one that learned from no deposits,
    ModelError where its model cannot speak of another area.
    """
    verify_finished(folder)
    metrics = _read_json(folder / "metrics.json")
    if metrics.get("anomalies"):
        raise RunError(
            "the run learned from no deposits; its map is the mean of several models of its own "
            "ground",
            where=str(folder),
            remedy="run the other survey itself by orecast run: it needs no deposits either",
        )
    config = read(folder / "run.toml")
    _refuse_places(config)
    saved = read_fitted(folder / "model")
    _refuse_made(saved)
    checks = _read_json(folder / "checks.json")
    try:
        symbols = tuple(e["symbol"] for e in checks["survey"]["elements"])
        metrics["classes"]["thresholds"], metrics["verdict"]["recommended"], metrics["model"]
    except (KeyError, TypeError) as error:
        raise RunError(
            f"not a finished run: {error} is missing in metrics.json or checks.json",
            where=str(folder),
            remedy=_AGAIN,
        ) from None
    fold = read_raster(folder / "folds.tif").values
    return Trained(
        config,
        read_evidence(folder / "evidence"),
        saved,
        metrics,
        symbols,
        fold[tuple(saved.rows.at.T)],
        _files(folder),
    )


def _refuse_places(config: Config) -> None:
    """Raise ModelError for a model that scores a cell by its place in the run's own grid."""
    model = config.model
    for name in (model.name, *model.options.get("members", ())):
        if name in _OF_PLACES:
            raise ModelError(
                f"{name} scores a cell by where it lies, which says nothing of another area",
                where="model.name",
                remedy="train a model that reads layers",
            )


def _refuse_made(saved: Saved) -> None:
    for name, kind in zip(saved.names, saved.kinds, strict=True):
        if kind in _MADE and not (kind == WEIGHT and saved.guidance is not None):
            raise ModelError(
                f"the model reads {name}: {_MADE[kind]}, and not saved with it",
                where="model",
                remedy="train the model without it to predict other areas",
            )


def _read_json(path: Path) -> dict[str, Any]:
    """Content of a run's own file; RunError where it cannot be read."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(content, dict):
            raise ValueError("no table")
    except (OSError, ValueError) as error:
        raise RunError(f"cannot be read ({error})", where=str(path), remedy=_AGAIN) from None
    return content


def _files(folder: Path) -> list[dict[str, str]]:
    """The files that a prediction depends on, from the run's folder on, with their hashes."""
    model = sorted(path for path in (folder / "model").rglob("*") if path.is_file())
    paths = [*(folder / name for name in _NEEDED), *model]
    return [
        {"path": path.relative_to(folder).as_posix(), "sha256": file_hash(path)} for path in paths
    ]


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
