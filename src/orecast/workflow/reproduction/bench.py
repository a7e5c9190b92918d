"""The survey that a reproduction stands on: simulated or real, its evidence, places and recipes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from orecast.config import Config, parse, read_toml
from orecast.errors import ConfigError
from orecast.evidence import Evidence, build_evidence, read_evidence, refitted, write_evidence
from orecast.experiments import Entry
from orecast.run import write_json
from orecast.samples import Ground
from orecast.samples.growing import Step
from orecast.samples.growing.slide import Slide
from orecast.simulation import load_preset, presets, simulate, write_district
from orecast.simulation.elements import ANALYTES
from orecast.survey import Survey, read_survey
from orecast.training import build_model
from orecast.validation import Fitted, Recipe
from orecast.workflow.job import ground_of
from orecast.workflow.places import Places, place_deposits
from orecast.workflow.recipes import model_recipe
from orecast.workflow.reproduction.places import (
    Rows,
    SamplePlaces,
    authors_rows,
    sample_places,
    tile_rows,
)
from orecast.workflow.reproduction.plan import Reproduction

SURVEY, EVIDENCE, FACTS = "survey", "evidence", "survey.json"
SCRATCH = ".orecast/scratch-cells"
"""What only interrupted cells need, and what they share: removed at the end."""

_SEED = 0  # of a simulated survey

Record = Callable[[int, float, float], None]


def prepare_bench(plan: Reproduction, folder: Path) -> None:
    """Write the survey, where it is simulated, its evidence, and what is to be told of it."""
    if plan.simulated:
        write_district(simulate(plan.survey, _SEED), folder / SURVEY)
    path = survey_file(plan, folder)
    config = plan.config(survey_table(path), path.parent)
    survey = read_survey(config)
    _require(plan, [name for name in _needed(plan, config) if name in ANALYTES], survey.symbols)
    if survey.deposits is None:
        raise ConfigError(
            "names no deposits to learn from", where=str(path), remedy="add a table [deposits]"
        )
    evidence = build_evidence(survey, config)
    _require(plan, _needed(plan, config), evidence.names)
    places = place_deposits(survey.deposits, evidence, config.sampling.window, survey.findings)
    write_evidence(evidence, folder / EVIDENCE)
    rows, columns = evidence.grid.shape
    samples = len(survey.values) if survey.gridded is None else 0
    told = f"{samples:,} samples" if samples else "rasters"
    what = f"simulated district {plan.survey}, seed {_SEED}" if plan.simulated else config.title
    write_json(
        folder / FACTS,
        {
            "name": plan.survey,
            "sentence": f"{what}: {told}, {len(places.deposit)} known deposits at "
            f"{len(places.sampling)} places, {rows:,} x {columns:,} cells of "
            f"{min(evidence.grid.cell_size):g} m",
            "deposits": len(places.deposit),
            "cells": int(evidence.valid.sum()),
            "layers": list(plan.layers() or evidence.names),
        },
    )


def _needed(plan: Reproduction, config: Config) -> list[str]:
    """Layers that the entries learn from, and parts of the composition, as far as named."""
    layers = (name for entry in plan.entries for name in plan.layers(entry) or ())
    return list(dict.fromkeys([*layers, *(config.composition.parts or ())]))


def _require(plan: Reproduction, needed: Sequence[str], given: Sequence[str]) -> None:
    """Raise ConfigError where the survey lacks elements, or layers, that entries learn from."""
    absent = [name for name in needed if name not in given]
    if not absent:
        return
    elements = {name for name in needed if name in ANALYTES}
    known = [name for name in presets() if elements <= set(load_preset(name).symbols)]
    raise ConfigError(
        f"{plan.experiment.system} learns from {len(needed)} layers, of which the survey lacks "
        f"{len(absent)}: {', '.join(absent)}",
        where=f"--survey {plan.survey}",
        remedy="name a survey that has them"
        + (f"; of the simulated ones these do: {', '.join(known)}" if known else ""),
    )


def survey_file(plan: Reproduction, folder: Path) -> Path:
    """The survey's run.toml; raises ConfigError where a real one does not exist."""
    if plan.simulated:
        return folder / SURVEY / "run.toml"
    path = Path(plan.survey)
    if not path.is_file():
        raise ConfigError(
            "no such file, and no simulated preset",
            where=plan.survey,
            remedy="go to the folder that holds it, or name a run's file with --survey; "
            "--survey tianshan is a simulated preset, no data of the paper's",
        )
    return path.resolve()


def survey_table(path: Path) -> dict[str, Any]:
    """A run.toml as it is written; raises ConfigError where it is no configuration."""
    table = read_toml(path)
    parse(table, where=str(path))
    return table


@dataclass(frozen=True)
class Bench:
    """What every cell of a reproduction shares."""

    plan: Reproduction
    folder: Path
    _whole: dict[str, Fitted] = field(default_factory=dict)  # by entry

    @cached_property
    def path(self) -> Path:
        """The survey's run.toml."""
        return survey_file(self.plan, self.folder)

    @cached_property
    def _table(self) -> dict[str, Any]:
        return survey_table(self.path)

    def config(self, entry: Entry | None = None, seed: int = 0) -> Config:
        """The configuration of an entry."""
        return self.plan.config(self._table, self.path.parent, entry, seed)

    @cached_property
    def survey(self) -> Survey:
        """What was read."""
        return read_survey(self.config())

    @cached_property
    def evidence(self) -> Evidence:
        """All layers."""
        return read_evidence(self.folder / EVIDENCE)

    @cached_property
    def ground(self) -> Ground:
        """What protocols must know of the map."""
        return ground_of(self.survey, self.evidence, self.config())

    @cached_property
    def deposits(self) -> Places:
        """The known deposits on the evidence."""
        size = self.config().sampling.window
        return place_deposits(self.survey.deposits, self.evidence, size, self.survey.findings)

    @cached_property
    def samples(self) -> SamplePlaces | None:
        """Samples as places, where the paper learned from single samples."""
        places = self.plan.experiment.places
        if places.kind != "samples":
            return None
        counts = self.plan.counts(places.ore, places.barren)
        return sample_places(
            self.survey, self.evidence, self.config(), self.deposits, counts, seed=0
        )

    @cached_property
    def rows(self) -> Rows | None:
        """Rows that the paper split; None where they are slid from the deposits."""
        experiment, places = self.plan.experiment, self.plan.experiment.places
        if self.samples is not None:
            return self.samples.table
        if places.kind == "tiles":
            assert places.step is not None
            return tile_rows(
                self.evidence,
                self.ground,
                self.deposits.sampling.at,
                step=max(1, int(places.step * self.plan.shrink)),
                counts=self.plan.counts(places.ore, places.barren),
                seed=0,
            )
        if experiment.windows is not None and self.survey.gridded is not None:
            return authors_rows(
                experiment.windows, self.survey, self.evidence, self.ground, self.config()
            )
        return None

    @property
    def places(self) -> Places:
        """Places that ``spatial`` holds out."""
        return self.deposits if self.samples is None else self.samples.places

    def recipe(
        self, entry: Entry, seed: int, checkpoints: Path | None = None, record: Record | None = None
    ) -> Recipe:
        """An entry's recipe, over the layers that it learns from.

        ``record`` is told of each epoch of the first network that is trained: its number, the mean
        loss, and the accuracy on what is learned from.
        """
        config = self.config(entry, seed)
        recipe = model_recipe(
            config,
            self.evidence,
            self.survey.barren,
            checkpoints=checkpoints,
            generators=self.folder / SCRATCH / "generators",
        )
        places = len(self.places.sampling)
        known = recipe.barren if self.samples is None else self.samples.barren
        return replace(
            recipe,
            model=_building(config, checkpoints, record),
            layers=self.plan.layers(entry),
            ratio=self.plan.ratio(places, recipe.ratio),
            plan=tuple(_a_place(step, places) for step in recipe.plan),
            barren=known,
        )

    def fitted(self, entry: Entry) -> Fitted:
        """An entry's recipe fitted to all that is known, as a final map is; fitted once.

        Each tenth of its training is kept, as a cell's is.
        """
        if entry.stem not in self._whole:
            seed, evidence = 0, self.evidence
            recipe = self.recipe(entry, seed, self.folder / SCRATCH / f"{entry.stem}--map")
            if self.plan.experiment.places.kind == "tiles" and self.rows is not None:
                rows, words = self.rows.sampling, ""
            else:
                rows, words = recipe.grown(evidence, self.places.sampling, evidence.valid, seed)
            self._whole[entry.stem] = recipe.fit_rows(
                evidence, rows, visible=evidence.valid, hidden=None, seed=seed, words=words
            )
        return self._whole[entry.stem]

    def refit(self, entry: Entry, seed: int) -> Callable[[np.ndarray[Any, Any]], Evidence]:
        """What refits the evidence outside of what a fold hides."""
        config = self.config(entry, seed)
        return lambda hidden: refitted(self.evidence, self.survey, config, hidden)


def _a_place(step: Step, places: int) -> Step:
    """A slide to a number of rows as so many a place, of all ``places``.

    So a fold that learns from fewer places keeps the ratio of ore to barren ground.
    """
    if step.to is None or not isinstance(step.build(), Slide):
        return step
    return replace(step, to=None, times=max(1.0, step.to / places))


def _building(config: Config, checkpoints: Path | None, record: Record | None) -> Callable[[], Any]:
    """What builds a model; the first network that is built tells of its epochs."""
    first = True

    def build() -> Any:
        nonlocal first
        model = build_model(
            config.model.name, config.model.options, config.training, checkpoints=checkpoints
        )
        if first and record is not None and hasattr(model, "record"):
            model.record = record
            first = False
        return model

    return build
