"""A finished run as an audit reads it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from orecast.config import Config
from orecast.errors import OrecastError, RunError
from orecast.evidence import Evidence, read_evidence
from orecast.metrics import Metrics, Score
from orecast.report.reading import RunReading, open_run
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
    metrics: Metrics
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

    def row(self, protocol: str) -> Score | None:
        """The model's own row of scores under a protocol, None where it has none."""
        rows = (r for r in self.metrics.scores if r.is_model)
        return next((r for r in rows if r.protocol == protocol), None)


def read_finished(folder: Path) -> Finished:
    """Read a finished run's folder, and its survey if the input files are unchanged.

    Raises RunError if the folder holds no finished run, or a run without deposits.
    """
    verify_finished(folder)
    run = open_run(folder)
    if run.metrics.anomalies:
        raise RunError(
            "the run used no deposits, so there are no leaks to look for",
            where=str(folder),
            remedy="audit a run whose run.toml names [deposits]",
        )
    evidence, config = read_evidence(folder / "evidence"), run.config
    places = place_deposits(run.deposits, evidence, config.sampling.window, Findings())
    findings, survey = run.checks["findings"], _read_survey(run)
    return Finished(config, evidence, places, run.metrics, findings, survey)


def _read_survey(run: RunReading) -> Survey | None:
    """The survey, if every input file still exists and is unchanged."""
    for entry in run.provenance["inputs"]:
        path = Path(entry["path"])
        if not path.is_file() or file_hash(path) != entry["sha256"]:
            return None
    try:
        return read_survey(run.config)
    except OrecastError:  # the run's folder may have been moved away from its input files
        return None
