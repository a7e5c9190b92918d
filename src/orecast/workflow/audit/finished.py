"""A finished run as an audit reads it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from orecast.config import Config, read
from orecast.errors import OrecastError, RunError
from orecast.evidence import Evidence, read_evidence
from orecast.run import file_hash, verify_finished
from orecast.sampling import MapGeometry
from orecast.survey import Findings, Survey, read_survey
from orecast.validation import Recipe
from orecast.workflow.places import Places, place_deposits
from orecast.workflow.recipes import model_recipe
from orecast.workflow.run.job import geometry_of


@dataclass(frozen=True)
class Finished:
    """A finished run; ``survey`` is None where an input file is missing or was changed."""

    config: Config
    evidence: Evidence
    places: Places
    metrics: dict[str, Any]
    findings: list[dict[str, Any]]
    survey: Survey | None

    @property
    def geometry(self) -> MapGeometry:
        """The map geometry that the run's protocols used."""
        return geometry_of(self.survey, self.evidence, self.config)

    @cached_property
    def recipe(self) -> Recipe:
        """The run's recipe."""
        places = None if self.survey is None else self.survey.barren
        return model_recipe(self.config, self.evidence, places)

    @property
    def lacks_negatives(self) -> bool:
        """Whether the run learned from places known to be barren, whose file is missing now."""
        return self.config.barren is not None and self.survey is None

    def row(self, protocol: str) -> dict[str, Any] | None:
        """The model's own row of scores under a protocol, None where it has none."""
        rows = (r for r in self.metrics["scores"] if r.get("role") == "model")
        return next((r for r in rows if r.get("protocol") == protocol), None)


def read_finished(folder: Path) -> Finished:
    """Read a finished run's folder, and its survey if the input files are unchanged.

    Raises RunError if the folder holds no finished run, or a run without deposits.
    """
    verify_finished(folder)
    metrics = _read_json(folder / "metrics.json", "folds", "scores")
    if metrics.get("anomalies"):
        raise RunError(
            "the run used no deposits, so there are no leaks to look for",
            where=str(folder),
            remedy="audit a run whose run.toml names [deposits]",
        )
    config = read(folder / "run.toml")
    evidence = read_evidence(folder / "evidence")
    deposits = _read_deposits(folder / "targets.gpkg")
    places = place_deposits(deposits, evidence, config.sampling.window, Findings())
    findings = _read_json(folder / "checks.json", "findings")["findings"]
    return Finished(config, evidence, places, metrics, findings, _read_survey(config, folder))


def _read_deposits(path: Path) -> Any:
    import geopandas as gpd
    from pyogrio.errors import DataLayerError, DataSourceError

    try:
        return gpd.read_file(path, layer="deposits")
    except (DataSourceError, DataLayerError) as error:
        raise RunError(f"cannot be read ({error})", where=str(path), remedy=_AGAIN) from None


_AGAIN = "run it again with --overwrite"


def _read_json(path: Path, *needed: str) -> dict[str, Any]:
    """Content of a run's own file; RunError where it cannot be read or a needed key is missing."""
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        lacking = [key for key in needed if key not in content]
        if lacking or not isinstance(content, dict):
            raise ValueError(f"{', '.join(lacking) or 'a table'} is missing")
    except (OSError, ValueError, TypeError) as error:
        raise RunError(f"cannot be read ({error})", where=str(path), remedy=_AGAIN) from None
    return content


def _read_survey(config: Config, folder: Path) -> Survey | None:
    """The survey, if every input file still exists and is unchanged."""
    for entry in _read_json(folder / "provenance.json", "inputs")["inputs"]:
        path = Path(entry["path"])
        if not path.is_file() or file_hash(path) != entry["sha256"]:
            return None
    try:
        return read_survey(config)
    except OrecastError:  # the run's folder may have been moved away from its input files
        return None
