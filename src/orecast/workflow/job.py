"""What the stages of a run hand on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from orecast import registry
from orecast.config import Config
from orecast.evidence import Evidence
from orecast.mapping import write_raster
from orecast.run import Run
from orecast.survey import Survey
from orecast.validation import Recipe
from orecast.workflow.places import Places
from orecast.workflow.provenance import Provenance
from orecast.workflow.recipes import model_recipe

Progress = Callable[[str, int, int], None]


@dataclass
class Job:
    """A run in the making: what is known so far, and where it is written."""

    config: Config
    run: Run
    provenance: Provenance
    progress: Progress
    survey: Survey
    evidence: Evidence
    places: Places
    metrics: dict[str, Any] = field(default_factory=dict)

    @property
    def seed(self) -> int:
        """The run's seed."""
        return self.config.seed

    def recipe(self, where: str, epochs: Callable[[int, int, float], None]) -> Recipe:
        """Return the configured model's recipe, its checkpoints kept apart under ``where``."""
        return model_recipe(
            self.config,
            self.evidence,
            self.survey.barren,
            checkpoints=self.run.scratch(f"checkpoints/{where}"),
            progress=epochs,
        )

    def protocol(self, name: str) -> Any:
        """Return a protocol for this run's folds, window and grid."""
        factory = registry.load("orecast.samples", name, what="protocol")
        grid = self.evidence.grid
        folds, window = self.config.validation.folds, self.config.sampling.window
        protocol = factory(folds, window, grid.shape, min(grid.cell_size))
        return protocol if name == "spatial" else replace(protocol, seed=self.seed)

    def write(self, path: Path, values: NDArray[np.float32], description: str) -> None:
        """Write a map on the evidence's grid."""
        write_raster(path, values, self.evidence.grid, description=description)
