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
from orecast.evidence import Evidence, build_evidence, read_evidence, refitted, write_evidence
from orecast.evidence.elements import survey_ratios
from orecast.grid import Grid, window_start
from orecast.papers.experiments import Entry
from orecast.papers.experiments import Windows as AuthorsWindows
from orecast.papers.plan import Reproduction
from orecast.run import write_json
from orecast.sampling import MapGeometry, Sampling
from orecast.sampling.augmentation import Slide, Step
from orecast.simulation import load_preset, presets, simulate, write_district
from orecast.simulation.laboratory import ANALYTES
from orecast.survey import Survey, read_survey
from orecast.training import build_model
from orecast.validation import Fitted, Recipe
from orecast.workflow.audit.windows import read_labels, read_window_pair
from orecast.workflow.places import Places, place_deposits
from orecast.workflow.recipes import model_recipe
from orecast.workflow.run.job import geometry_of

_NOWHERE = CRS.from_epsg(3857)  # rows of a table lie nowhere; a grid has some CRS


@dataclass(frozen=True)
class Rows:
    """Labelled rows on the evidence they are read from, as a paper split them.

    ``train`` and ``test`` are the row numbers of the authors' own split, where it is known.
    """

    evidence: Evidence
    ground: MapGeometry
    sampling: Sampling
    train: Ints | None = None
    test: Ints | None = None


def tile_rows(
    evidence: Evidence,
    ground: MapGeometry,
    ore: Ints,
    *,
    step: int,
    counts: tuple[int, int],
    seed: int,
) -> Rows:
    """Tiles of a window's size cut every ``step`` cells; those that hold a deposit are ore.

    ``ore`` are the deposits' cells ``(n, 2)``; of either class at most ``counts`` are drawn.
    Tiles whose own cell has no value are left out. Raises SamplingError where a class is absent.
    """
    size, start = ground.size, window_start(ground.size)
    first = [np.arange(start, length - size + start + 1, step) for length in ground.shape]
    at = np.stack(np.meshgrid(*first, indexing="ij"), axis=-1).reshape(-1, 2)
    at = at[ground.valid[at[:, 0], at[:, 1]]]
    corner = at - start
    inside = (ore[None] >= corner[:, None]) & (ore[None] < corner[:, None] + size)
    y = np.any(np.all(inside, axis=2), axis=1).astype(np.float64)
    rng = np.random.default_rng([seed, 41])
    return Rows(evidence, ground, _drawn(Sampling.of(at, y), counts, rng))


def _drawn(rows: Sampling, counts: tuple[int, int], rng: np.random.Generator) -> Sampling:
    """At most so many ore and barren rows, in their order."""
    kept = []
    for label, most, what in ((1.0, counts[0], "ore"), (0.0, counts[1], "barren")):
        mine = np.flatnonzero(rows.y == label)
        if not len(mine):
            raise SamplingError(f"there is no {what} tile", where="places")
        kept.append(rng.permutation(mine)[:most])
    chosen = np.sort(np.concatenate(kept))
    return Sampling.of(rows.at[chosen], rows.y[chosen])


@dataclass(frozen=True)
class SamplePlaces:
    """Samples as places: as rows of a table, and as cells of the map.

    ``table`` holds them under the papers' protocol, each with its own values; ``places`` the ore
    ones' cells, grouped by their nearest deposit, and ``barren`` the others' ``(m, 2)``.
    """

    table: Rows
    places: Places
    barren: Ints


def sample_places(
    survey: Survey,
    evidence: Evidence,
    config: Config,
    deposits: Places,
    counts: tuple[int, int],
    seed: int,
) -> SamplePlaces:
    """Label the samples nearest to the known deposits ore, and all others barren.

    ``counts`` are ore and barren ones; where they are fewer than the samples, they are drawn.
    """
    assert survey.samples is not None
    names, values = survey_ratios(survey, config)
    xy = np.column_stack([survey.samples.geometry.x, survey.samples.geometry.y])
    whole = np.isfinite(values).all(axis=1)
    cell = evidence.grid.cell(xy)
    whole &= evidence.grid.inside(cell)
    distance, nearest = cKDTree(deposits.xy).query(xy)
    order = np.argsort(np.where(whole, distance, np.inf), kind="stable")[: whole.sum()]
    n_ore, n_barren = counts
    ore, others = np.sort(order[:n_ore]), np.sort(order[n_ore:])
    rng = np.random.default_rng([seed, 42])
    barren = np.sort(rng.permutation(others)[:n_barren])
    rows = rng.permutation(np.concatenate([ore, barren]))  # in a table, neighbours mean nothing
    labels = np.isin(rows, ore).astype(np.float64)
    return SamplePlaces(
        _as_table(names, values[rows], labels, nearest[rows]),
        _ore_places(cell[ore], nearest[ore], xy[ore], deposits, evidence),
        np.unique(cell[barren], axis=0),
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
    ground = MapGeometry(np.ones((n, 1), dtype=bool), 1.0, 1)
    return Rows(evidence, ground, Sampling.of(at, labels, group))


def _ore_places(
    cells: Ints, nearest: Ints, xy: NDArray[np.float64], deposits: Places, evidence: Evidence
) -> Places:
    """Cells of ore samples as places; each deposit stands at the ore sample nearest to it."""
    seen = evidence.valid[cells[:, 0], cells[:, 1]]
    cells, nearest, xy = cells[seen], nearest[seen], xy[seen]
    at, first = np.unique(cells, axis=0, return_index=True)
    group = deposits.sampling.group[deposits.row][nearest[first]]
    _, closest = cKDTree(xy[first]).query(deposits.xy)
    sampling = Sampling.of(at, 1.0, group)
    return Places(sampling, deposits.deposit, closest, deposits.names, deposits.xy)


def authors_rows(
    files: AuthorsWindows, survey: Survey, evidence: Evidence, ground: MapGeometry, config: Config
) -> Rows:
    """Find the authors' windows, learned from and tested, on the rasters they were cut from.

    A window stands at the cell that holds its middle's very values. Raises InputError where the
    files are missing, or a window is found nowhere: then they are no windows of these rasters.
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
    lost = ~ground.valid[at[:, 0], at[:, 1]]
    if lost.any():
        raise InputError(
            f"{lost.sum()} windows stand where the evidence has no value", where=str(train)
        )
    rows = np.arange(len(y))
    return Rows(evidence, ground, Sampling.of(at, y), rows[:n], rows[n:])


def _found(
    windows: tuple[NDArray[np.floating], NDArray[np.floating]],
    survey: Survey,
    channels: list[str],
    path: Path,
) -> Ints:
    """Cell of each window's middle, ``(n, 2)``."""
    both = np.concatenate(windows).astype(np.float32)
    if both.shape[3] != len(channels) or survey.gridded is None:
        raise InputError(
            f"its windows have {both.shape[3]} channels, the survey {len(channels)} rasters",
            where=str(path),
            remedy="name the rasters that they were cut from",
        )
    shared = [k for k, name in enumerate(channels) if name in survey.symbols]
    columns = [survey.symbols.index(channels[k]) for k in shared]
    known = survey.values[:, columns].astype(np.float32)
    cell = {row.tobytes(): number for number, row in enumerate(known)}
    middle = both.shape[1] // 2
    numbers = [cell.get(row.tobytes()) for row in both[:, middle, middle][:, shared]]
    missing = sum(number is None for number in numbers)
    if missing:
        raise InputError(
            f"{missing} of {len(numbers)} windows are found nowhere on the survey's rasters",
            where=str(path),
            remedy="name the rasters that they were cut from",
        )
    at = np.array([n for n in numbers if n is not None], dtype=np.int64)
    return np.column_stack(np.divmod(at, survey.gridded.shape[1]))


SURVEY, EVIDENCE, FACTS = "survey", "evidence", "survey.json"
SCRATCH = ".orecast/scratch-cells"
"""What only interrupted cells need, and what they share: removed at the end."""
_SEED = 0  # of a simulated survey
Record = Callable[[int, float, float], None]


def prepare_study(plan: Reproduction, folder: Path) -> None:
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
class Study:
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
    def ground(self) -> MapGeometry:
        """What protocols must know of the map."""
        return geometry_of(self.survey, self.evidence, self.config())

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
