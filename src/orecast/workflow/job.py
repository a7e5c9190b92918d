"""What the stages of a run hand on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from orecast.config import Classes, Config
from orecast.errors import ConfigError
from orecast.evaluation import percentiles
from orecast.evidence import Evidence, refitted, sampling_density
from orecast.mapping import classify, read_raster, write_raster
from orecast.run import Run
from orecast.samples import Ground, SplitProtocol, build_protocol
from orecast.survey import Survey
from orecast.training import build_model
from orecast.training.trimming import fitting_trim
from orecast.validation import Recipe
from orecast.workflow.places import Places
from orecast.workflow.provenance import Provenance
from orecast.workflow.recipes import Baseline, baselines, model_recipe, trusted

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
    _refitted: dict[int, Evidence] = field(default_factory=dict)  # a fold's, for every baseline

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
            generators=self.run.scratch("generators"),
            progress=epochs,
        )

    def recipe_told(
        self, what: str, where: str, fits: int = 1
    ) -> tuple[Recipe, Callable[[str, int, int], None]]:
        """Return the recipe, and what tells its folds of ``fits`` each and their epochs as one bar.

        Epochs of networks are told by the recipe; folds by what is returned, before their epochs.
        """
        model = trusted(self.config)
        built = build_model(model.name, model.options, self.config.training)
        parts = fits * max(1, int(getattr(built, "epochs", 0)))
        fold, folds, told = 0, 1, 0

        def at_fold(_: str, done: int, total: int) -> None:
            nonlocal fold, folds, told
            fold, folds, told = done, total, 0
            self.progress(what, done * parts, total * parts)

        def at_epoch(done: int, total: int, loss: float) -> None:
            nonlocal told
            told = min(told + 1, parts - 1)
            self.progress(what, fold * parts + told, folds * parts)

        return self.recipe(where, at_epoch), at_fold

    @cached_property
    def ground(self) -> Ground:
        """What protocols must know of the map."""
        return ground_of(self.survey, self.evidence, self.config)

    def protocol(self, name: str, folds: int | None = None) -> SplitProtocol:
        """Return a protocol for this run's window and grid; ``spatial`` takes no options.

        Without deposits the configured options are those of ``negative-draws``.
        """
        options = self.config.validation
        taking = options.protocol if self.survey.deposits is not None else "negative-draws"
        return build_protocol(
            name,
            options.options if name == taking else {},
            self.ground,
            n_folds=folds or options.folds,
            seed=self.seed,
        )

    @property
    def inner(self) -> SplitProtocol | None:
        """What cuts a training part once more, or None where nothing is chosen inside."""
        folds = self.config.validation.inner_folds
        return self.protocol("spatial", folds) if folds else None

    def refit(self, hidden: NDArray[np.bool_]) -> Evidence:
        """Return the evidence with all that is fitted to samples fitted outside ``hidden``."""
        return refitted(self.evidence, self.survey, self.config, hidden)

    def refit_kept(self, hidden: NDArray[np.bool_]) -> Evidence:
        """Return the same, kept for the next model; for the few folds of ``spatial``."""
        key = hash(np.packbits(hidden).tobytes())
        if key not in self._refitted:
            self._refitted[key] = self.refit(hidden)
        return self._refitted[key]

    def rivals(self) -> tuple[dict[str, Baseline], dict[str, str]]:
        """Return the baselines by name, and those that cannot be had here with the reason."""
        density = None
        if self.survey.gridded is None:
            density = sampling_density(self.survey, self.evidence.grid, self.evidence.reach)
        recipe = self.recipe("baselines", lambda done, total, loss: None)
        return baselines(self.config, self.evidence, recipe, density)

    def class_options(self, *scores: NDArray[np.floating]) -> Classes:
        """Return how classes are drawn: by share of area where one's histogram allows of none."""
        options = self.config.classes
        try:
            for score in scores:
                classify(np.atleast_2d(score), options)
        except ConfigError as error:
            if options.rule != "histogram":
                raise
            self.survey.findings.refusal(
                "classes-by-histogram",
                "classes.rule",
                f"{error.what}; classes are drawn by share of area instead",
                error.remedy or "",
            )
            return options.model_copy(update={"rule": "area"})
        return options

    def held_out_percentiles(self) -> NDArray[np.float32]:
        """Percentile of each cell among those of its fold's region, ``(rows, columns)``."""
        held_out = read_raster(self.run.folder / "out_of_fold.tif").values
        fold = read_raster(self.run.folder / "folds.tif").values
        ranks = np.full(held_out.shape, np.nan, dtype=np.float32)
        for k in np.unique(fold[np.isfinite(fold)]):
            mine = fold == k
            ranks[mine] = percentiles(held_out[mine], held_out[mine])
        return ranks

    def write(self, path: Path, values: NDArray[np.float32], description: str) -> None:
        """Write a map on the evidence's grid."""
        write_raster(path, values, self.evidence.grid, description=description)


def ground_of(survey: Survey | None, evidence: Evidence, config: Config) -> Ground:
    """The map that protocols cut, with the cells that hold samples where the survey is there."""
    grid, samples = evidence.grid, None
    if survey is not None and survey.samples is not None:
        points = survey.samples.geometry
        at = grid.cell(np.column_stack([points.x, points.y]))
        samples = np.unique(at[grid.inside(at)], axis=0)
    window = config.sampling.window
    trim = fitting_trim(config.training.trim, window)
    return Ground(evidence.valid, min(grid.cell_size), window, samples, trim)
