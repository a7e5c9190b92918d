"""A finished run as what it has learned, read for a prediction of another area."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from orecast.config import Config, read
from orecast.errors import ModelError, RunError
from orecast.evidence import Evidence, read_evidence
from orecast.mapping import read_raster
from orecast.run import file_hash, verify_finished
from orecast.samples import WEIGHT
from orecast.validation.saved import Saved, read_fitted

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
