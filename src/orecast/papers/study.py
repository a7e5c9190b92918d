"""The survey, evidence and places of a reproduction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from pyproj import CRS
from scipy.spatial import cKDTree

from orecast.arrays import Ints
from orecast.config import Config, parse, read_toml
from orecast.errors import ConfigError, InputError, SamplingError
from orecast.evidence import Evidence, build_evidence, read_evidence, write_evidence
from orecast.evidence.elements import survey_ratios
from orecast.grid import Grid, window_start
from orecast.papers.experiments import AuthorsWindows, PaperEntry
from orecast.papers.plan import Reproduction
from orecast.run import Run, write_json
from orecast.sampling import MapGeometry, Sampling
from orecast.sampling.augmentation import Slide, Step
from orecast.simulation import load_preset, presets, simulate, write_district
from orecast.simulation.laboratory import ANALYTES
from orecast.splits import build_protocol
from orecast.splits.paper import GivenSplit
from orecast.survey import Survey, read_survey
from orecast.survey.data import xy_of
from orecast.training import build_model
from orecast.validation import Fitted, Recipe
from orecast.workflow.audit.windows import read_labels, read_window_pair
from orecast.workflow.places import Places, place_deposits
from orecast.workflow.recipes import model_recipe
from orecast.workflow.run.job import Job, job_of

_NOWHERE = CRS.from_epsg(3857)  # rows of a table have no position, but a grid needs a CRS


@dataclass(frozen=True)
class Rows:
    """Labelled rows on their evidence, as split by a paper.

    ``train`` and ``test`` are the row numbers of the authors' own split, if it is known.
    """

    evidence: Evidence
    geometry: MapGeometry
    sampling: Sampling
    train: Ints | None = None
    test: Ints | None = None


def tile_rows(
    evidence: Evidence,
    geometry: MapGeometry,
    ore: Ints,
    *,
    step: int,
    counts: tuple[int, int],
    seed: int,
) -> Rows:
    """Tiles of a window's size, cut every ``step`` cells; a tile with a deposit is ore.

    ``ore`` are the deposits' cells ``(n, 2)``; at most ``counts`` tiles of each class are drawn.
    Tiles whose middle cell has no value are left out. Raises SamplingError where a class is absent.
    """
    size, start = geometry.size, window_start(geometry.size)
    first = [np.arange(start, length - size + start + 1, step) for length in geometry.shape]
    at = np.stack(np.meshgrid(*first, indexing="ij"), axis=-1).reshape(-1, 2)
    at = at[geometry.valid[at[:, 0], at[:, 1]]]
    corner = at - start
    inside = (ore[None] >= corner[:, None]) & (ore[None] < corner[:, None] + size)
    y = np.any(np.all(inside, axis=2), axis=1).astype(np.float64)
    rng = np.random.default_rng([seed, 41])
    return Rows(evidence, geometry, _drawn(Sampling.of(at, y), counts, rng))


def _drawn(rows: Sampling, counts: tuple[int, int], rng: np.random.Generator) -> Sampling:
    """At most ``counts`` rows of ore and negatives, in their order."""
    kept = []
    for label, most, what in ((1.0, counts[0], "with"), (0.0, counts[1], "without")):
        mine = np.flatnonzero(rows.y == label)
        if not len(mine):
            raise SamplingError(
                f"there is no tile {what} a deposit",
                where="places",
                remedy="name another survey with --survey",
            )
        kept.append(rng.permutation(mine)[:most])
    chosen = np.sort(np.concatenate(kept))
    return Sampling.of(rows.at[chosen], rows.y[chosen])


@dataclass(frozen=True)
class SamplePlaces:
    """Samples as places: as rows of a table, and as cells of the map.

    ``table`` holds all samples with their own values, for the papers' protocol. ``places`` are the
    cells of ore samples, grouped by their nearest deposit; ``negative`` those of the others,
    ``(m, 2)``.
    """

    table: Rows
    places: Places
    negative: Ints


def sample_places(
    survey: Survey,
    evidence: Evidence,
    config: Config,
    deposits: Places,
    counts: tuple[int, int],
    seed: int,
) -> SamplePlaces:
    """Label the samples nearest to the known deposits as ore, and all others as negative.

    ``counts`` are the numbers of ore and negatives; negatives are drawn if there are more.
    """
    assert survey.samples is not None
    names, values = survey_ratios(survey, config)
    xy = xy_of(survey.samples)
    whole = np.isfinite(values).all(axis=1)
    cell = evidence.grid.cell(xy)
    whole &= evidence.grid.inside(cell)
    distance, nearest = cKDTree(deposits.xy).query(xy)
    order = np.argsort(np.where(whole, distance, np.inf), kind="stable")[: whole.sum()]
    n_ore, n_negative = counts
    ore, others = np.sort(order[:n_ore]), np.sort(order[n_ore:])
    rng = np.random.default_rng([seed, 42])
    negative = np.sort(rng.permutation(others)[:n_negative])
    rows = rng.permutation(np.concatenate([ore, negative]))  # the order of a table has no meaning
    labels = np.isin(rows, ore).astype(np.float64)
    return SamplePlaces(
        _as_table(names, values[rows], labels, nearest[rows]),
        _ore_places(cell[ore], nearest[ore], xy[ore], deposits, evidence),
        np.unique(cell[negative], axis=0),
    )


def _as_table(
    names: tuple[str, ...], values: NDArray[np.float64], labels: NDArray[np.float64], group: Ints
) -> Rows:
    """Rows of a table as a map of one column, whose cells are windows of one cell."""
    n = len(values)
    grid = Grid(_NOWHERE, Affine(1, 0, 0, 0, -1, 0), (n, 1))
    evidence = Evidence.empty(grid)
    for name, column in zip(names, values.T, strict=True):
        evidence = evidence.adding(
            name, column[:, None], kind="element", origin="the samples' own values", reach=0.0
        )
    at = np.column_stack([np.arange(n), np.zeros(n, dtype=np.int64)])
    geometry = MapGeometry(np.ones((n, 1), dtype=bool), 1.0, 1)
    return Rows(evidence, geometry, Sampling.of(at, labels, group))


def _ore_places(
    cells: Ints, nearest: Ints, xy: NDArray[np.float64], deposits: Places, evidence: Evidence
) -> Places:
    """Cells of ore samples as places; each deposit is placed at its nearest ore sample."""
    seen = evidence.valid[cells[:, 0], cells[:, 1]]
    cells, nearest, xy = cells[seen], nearest[seen], xy[seen]
    at, first = np.unique(cells, axis=0, return_index=True)
    group = deposits.sampling.group[deposits.row][nearest[first]]
    _, closest = cKDTree(xy[first]).query(deposits.xy)
    sampling = Sampling.of(at, 1.0, group)
    return Places(sampling, deposits.deposit, closest, deposits.names, deposits.xy)


def authors_rows(
    files: AuthorsWindows, survey: Survey, evidence: Evidence, geometry: MapGeometry, config: Config
) -> Rows:
    """Find the positions of the authors' training and test windows on their rasters.

    A window lies at the cell with exactly the values of its middle. Raises InputError where the
    files are missing, or a window is not found: then it was not cut from these rasters.
    """
    assert config.gridded is not None
    folder = config.gridded.path.parent.parent
    train, test = (folder / part[0] for part in (files.train, files.test))
    windows = read_window_pair(train, test)
    labels = [
        read_labels(folder / part[1], len(array))
        for part, array in zip((files.train, files.test), windows, strict=True)
    ]
    channels = sorted(path.stem for path in config.gridded.path.parent.glob("*.tif"))
    at = _found(windows, survey, channels, test)
    y = np.concatenate(labels).astype(np.float64)
    n = len(windows[0])
    lost = ~geometry.valid[at[:, 0], at[:, 1]]
    if lost.any():
        raise InputError(
            f"{lost.sum()} windows lie where the evidence has no value",
            where=str(train),
            remedy="set a larger evidence.radius, or set evidence.layers without the layer "
            "that covers least",
        )
    rows = np.arange(len(y))
    return Rows(evidence, geometry, Sampling.of(at, y), rows[:n], rows[n:])


def _found(
    windows: tuple[NDArray[np.floating], NDArray[np.floating]],
    survey: Survey,
    channels: list[str],
    path: Path,
) -> Ints:
    """Cell of each window's middle, ``(n, 2)``."""
    both = np.concatenate(windows).astype(np.float32)
    remedy = "name the rasters that they were cut from in the survey's [gridded]"
    if both.shape[3] != len(channels) or survey.gridded is None:
        what = f"its windows have {both.shape[3]} channels, the survey has {len(channels)} rasters"
        raise InputError(what, where=str(path), remedy=remedy)
    shared = [k for k, name in enumerate(channels) if name in survey.symbols]
    columns = [survey.symbols.index(channels[k]) for k in shared]
    known = survey.values[:, columns].astype(np.float32)
    cell = {row.tobytes(): number for number, row in enumerate(known)}
    middle = both.shape[1] // 2
    numbers = [cell.get(row.tobytes(), -1) for row in both[:, middle, middle][:, shared]]
    if missing := numbers.count(-1):
        what = f"{missing} of {len(numbers)} windows are not found on the survey's rasters"
        raise InputError(what, where=str(path), remedy=remedy)
    return np.column_stack(np.divmod(np.array(numbers), survey.gridded.shape[1]))


SURVEY, EVIDENCE, FACTS = "survey", "evidence", "survey.json"
_SEED = 0  # of a simulated survey
Record = Callable[[int, float, float], None]


def prepare_study(plan: Reproduction, folder: Path) -> None:
    """Write the survey if it is simulated, its evidence, and its description."""
    if plan.simulated:
        write_district(simulate(plan.survey, _SEED), folder / SURVEY)
    path = survey_file(plan, folder)
    config = plan.config(survey_table(path), path.parent)
    survey = read_survey(config)
    _require(plan, [name for name in _needed(plan, config) if name in ANALYTES], survey.symbols)
    if survey.deposits is None:
        raise ConfigError(
            "the survey names no deposits", where=str(path), remedy="add a table [deposits]"
        )
    evidence = build_evidence(survey, config)
    _require(plan, _needed(plan, config), evidence.names)
    places = place_deposits(survey.deposits, evidence, config.sampling.window, survey.findings)
    write_evidence(evidence, folder / EVIDENCE)
    rows, columns = evidence.grid.shape
    data = "rasters" if survey.gridded is not None else f"{len(survey.values):,} samples"
    what = f"simulated district {plan.survey}, seed {_SEED}" if plan.simulated else config.title
    write_json(
        folder / FACTS,
        {
            "name": plan.survey,
            "sentence": f"{what}: {data}, {len(places.deposit)} known deposits at "
            f"{len(places.sampling)} places, {rows:,} x {columns:,} cells of "
            f"{min(evidence.grid.cell_size):g} m",
            "deposits": len(places.deposit),
            "cells": int(evidence.valid.sum()),
            "layers": list(plan.layers() or evidence.names),
        },
    )


def _needed(plan: Reproduction, config: Config) -> list[str]:
    """The named layers that the entries learn from, and the named parts of the composition."""
    layers = (name for entry in plan.entries for name in plan.layers(entry) or ())
    return list(dict.fromkeys([*layers, *(config.composition.parts or ())]))


def _require(plan: Reproduction, needed: Sequence[str], given: Sequence[str]) -> None:
    """Raise ConfigError if the survey has not all elements or layers that entries learn from."""
    absent = [name for name in needed if name not in given]
    if not absent:
        return
    elements = {name for name in needed if name in ANALYTES}
    known = [name for name in presets() if elements <= set(load_preset(name).symbols)]
    raise ConfigError(
        f"the survey has no {', '.join(absent)} ({len(absent)} of the {len(needed)} layers that "
        f"{plan.experiment.system} needs)",
        where=f"--survey {plan.survey}",
        remedy="name a survey that has them"
        + (f", such as the simulated {', '.join(known)}" if known else ""),
    )


def survey_file(plan: Reproduction, folder: Path) -> Path:
    """The survey's run.toml; raises ConfigError where a real one does not exist."""
    if plan.simulated:
        return folder / SURVEY / "run.toml"
    path = Path(plan.survey)
    if not path.is_file():
        raise ConfigError(
            "neither a file nor a simulated preset",
            where=plan.survey,
            remedy="go to the folder that holds the file, or name a run's file with --survey; "
            "--survey tianshan is a simulated preset, not the paper's data",
        )
    return path.resolve()


def survey_table(path: Path) -> dict[str, Any]:
    """The table of a run.toml; raises ConfigError where it is not a valid configuration."""
    table = read_toml(path)
    parse(table, where=str(path))
    return table


@dataclass(frozen=True)
class Study:
    """The data that all cells of a reproduction share."""

    plan: Reproduction
    run: Run
    _whole: dict[str, Fitted] = field(default_factory=dict)  # by entry

    @cached_property
    def _file(self) -> tuple[dict[str, Any], Path]:
        """The table of the survey's run.toml, and its folder."""
        path = survey_file(self.plan, self.run.folder)
        return survey_table(path), path.parent

    def config(self, entry: PaperEntry | None = None, seed: int = 0) -> Config:
        """The configuration of an entry."""
        return self.plan.config(*self._file, entry, seed)

    @cached_property
    def job(self) -> Job:
        """The survey as read, all evidence layers, and the known deposits on them."""
        config, evidence = self.config(), read_evidence(self.run.folder / EVIDENCE)
        return job_of(config, self.run, read_survey(config), evidence)

    @cached_property
    def samples(self) -> SamplePlaces | None:
        """Samples as places, if the paper learned from single samples."""
        places = self.plan.experiment.places
        if places.kind != "samples":
            return None
        job, counts = self.job, self.plan.counts(places.ore, places.barren)
        return sample_places(job.survey, job.evidence, job.config, job.places, counts, seed=0)

    @cached_property
    def rows(self) -> Rows | None:
        """Rows that the paper split; None if they are slid from the deposits."""
        job, places = self.job, self.plan.experiment.places
        if self.samples is not None:
            return self.samples.table
        if places.kind == "tiles":
            assert places.step is not None
            return tile_rows(
                job.evidence,
                job.geometry,
                job.places.sampling.at,
                step=max(1, int(places.step * self.plan.shrink)),
                counts=self.plan.counts(places.ore, places.barren),
                seed=0,
            )
        windows = self.plan.experiment.windows
        if windows is not None and job.survey.gridded is not None:
            return authors_rows(windows, job.survey, job.evidence, job.geometry, job.config)
        return None

    @property
    def places(self) -> Places:
        """Places that the protocol ``spatial`` holds out."""
        return self.job.places if self.samples is None else self.samples.places

    def paper_split(self, entry: PaperEntry | None = None, seed: int = 0) -> Any:
        """The paper's own split of its rows, or the one by the recipe's definition."""
        rows = self.rows
        if rows is not None and rows.train is not None and rows.test is not None:
            return GivenSplit(rows.train, rows.test, rows.geometry, self.plan.experiment.system)
        options = self.config(entry, seed).validation
        geometry = self.job.geometry if rows is None else rows.geometry
        return build_protocol("paper", options.options, geometry, n_folds=options.folds, seed=seed)

    def recipe(
        self,
        entry: PaperEntry,
        seed: int,
        checkpoints: Path | None = None,
        record: Record | None = None,
    ) -> Recipe:
        """An entry's recipe, with the layers that it learns from.

        ``record`` is called after each epoch of the first trained network, with the epoch's number,
        mean loss and training accuracy.
        """
        config = self.config(entry, seed)
        recipe = model_recipe(
            config,
            self.job.evidence,
            self.job.survey.barren,
            checkpoints=checkpoints,
            generators=self.run.scratch("generators"),
        )
        places = len(self.places.sampling)
        negative = recipe.barren if self.samples is None else self.samples.negative
        return replace(
            recipe,
            model=_building(config, checkpoints, record),
            layers=self.plan.layers(entry),
            ratio=self.plan.ratio(places, recipe.ratio),
            plan=tuple(_a_place(step, places) for step in recipe.plan),
            barren=negative,
        )

    def fitted(self, entry: PaperEntry) -> Fitted:
        """An entry's recipe fitted to all known places, as for a final map; fitted once.

        Each tenth of the training is kept, as in a cell.
        """
        if entry.stem not in self._whole:
            evidence = self.job.evidence
            recipe = self.recipe(entry, 0, self.run.scratch(f"{entry.stem}--map"))
            if self.plan.experiment.places.kind == "tiles" and self.rows is not None:
                rows, rule = self.rows.sampling, ""
            else:
                sampling = self.places.sampling
                rows, rule = recipe.labelled_rows(evidence, sampling, evidence.valid, 0)
            self._whole[entry.stem] = recipe.fit_rows(
                evidence, rows, hidden=None, seed=0, negatives_rule=rule
            )
        return self._whole[entry.stem]


def _a_place(step: Step, places: int) -> Step:
    """Change a slide to a total number of rows into one with a number of rows for each place.

    So a fold with fewer training places keeps the ratio of ore to negatives.
    """
    if step.to is None or not isinstance(step.build(), Slide):
        return step
    return replace(step, to=None, times=max(1.0, step.to / places))


def _building(config: Config, checkpoints: Path | None, record: Record | None) -> Callable[[], Any]:
    """A function that builds a model; the first network built records its epochs."""
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
