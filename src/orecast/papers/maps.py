"""Maps of a reproduction, and their explanations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from orecast.arrays import Ints
from orecast.config import ClassOptions
from orecast.errors import METHOD_ERRORS, ConfigError, RunError
from orecast.evidence import Evidence, build_evidence
from orecast.evidence.elements import survey_ratios
from orecast.explanation import grad_cam, sampling_offsets, shapley_values
from orecast.mapping import classify
from orecast.mapping.classes import NAMES
from orecast.papers.experiments import PaperEntry, PaperTable
from orecast.papers.plan import Reproduction
from orecast.papers.study import Study, survey_table
from orecast.run import BROKEN_ARRAYS
from orecast.sampling import Sampling, fit_scaling
from orecast.sampling.places import tile_sampling
from orecast.simulation import simulate, write_district
from orecast.survey import read_survey
from orecast.survey.data import xy_of
from orecast.training import Network
from orecast.validation import Fitted
from orecast.workflow.places import Places, place_deposits

SAMPLES, LAYERS, SHAPLEY = "samples.npz", "evidence.npz", "shapley.npz"
GRAD_CAM, OFFSETS = "grad-cam.npz", "offsets.npz"
_EXPLAINED = {"smoke": 8, "hour": 100, "full": 400}  # windows for Shapley values
_POINTS = 40_000  # points of a layer in a figure
_DRAWN = 6  # deposits whose windows are shown


def explained_entries(plan: Reproduction) -> list[PaperEntry]:
    """The entries whose scores are explained."""
    return [entry for entry in (_weighed(plan), _guided(plan)) if entry is not None]


def _weighed(plan: Reproduction) -> PaperEntry | None:
    """The entry for Shapley values: the first that is mapped, if the paper has such figures."""
    experiment, run = plan.experiment, {entry.stem for entry in plan.entries}
    if all(figure.kind != "shap" for figure in experiment.paper.figures):
        return None
    sources = (experiment.source(entry) for entry in experiment.entries_in("map"))
    return next((source for source in sources if source.stem in run), None)


def _guided(plan: Reproduction) -> PaperEntry | None:
    return next((entry for entry in plan.entries if entry.model == "gk-dcn"), None)


def explain(study: Study, folder: Path) -> None:
    """Write the data of the paper's figures: samples, layers, heat maps and offsets."""
    experiment = study.plan.experiment
    if any(figure.kind == "boxplot" for figure in experiment.paper.figures):
        _write_samples(study, folder / SAMPLES)
    if any(figure.id == "elements" for figure in experiment.paper.figures):
        _write_layers(study, folder / LAYERS)
    weighed, guided = _weighed(study.plan), _guided(study.plan)
    if weighed is not None:
        with suppress(*METHOD_ERRORS):  # its cells hold the reason
            _weigh_layers(study, study.fitted(weighed), folder / SHAPLEY)
    if guided is not None:
        with suppress(*METHOD_ERRORS):
            _draw_guided(study, guided, folder)


def _write_samples(study: Study, path: Path) -> None:
    """Concentrations of complete samples in mg/kg, and their log-ratios."""
    config = study.job.config
    options = config.composition.model_copy(update={"transform": "none"})
    names, raw = survey_ratios(study.job.survey, config.model_copy(update={"composition": options}))
    _, clr = survey_ratios(study.job.survey, config)
    whole = np.isfinite(raw).all(axis=1)
    np.savez_compressed(path, names=names, raw=raw[whole], clr=clr[whole])


def _write_layers(study: Study, path: Path) -> None:
    """The training layers, on a lattice of cells."""
    evidence, names = study.job.evidence, study.plan.layers() or study.job.evidence.names
    step = lattice_step(evidence, _POINTS)
    values = np.stack([evidence.layer(name)[::step, ::step] for name in names])
    np.savez_compressed(path, names=names, values=values)


def _weigh_layers(study: Study, fitted: Fitted, path: Path) -> None:
    """Shapley values of the layers at windows of the map, relative to other windows."""
    cells = np.argwhere(study.job.evidence.valid)
    most = _EXPLAINED[study.plan.kind]
    drawn = np.random.default_rng([0, 43]).choice(len(cells), 2 * most, replace=False)
    windows = fitted.windows.at_cells(cells[drawn])
    found = shapley_values(fitted.model.predict, windows.take(slice(most)), windows, seed=0)
    found.save(path)


def _draw_guided(study: Study, entry: PaperEntry, folder: Path) -> None:
    """Heat maps and sampling offsets of the guided network at windows of deposits."""
    fitted = study.fitted(entry)
    model = fitted.model
    assert isinstance(model, Network)
    windows = fitted.windows.at_cells(study.job.places.sampling.at[:_DRAWN])
    grad_cam(model, windows).save(folder / GRAD_CAM)
    sampling_offsets(model, windows).save(folder / OFFSETS)


MAPS, SECOND = "maps", "second-area"
_MAPPED = ("map", "classes", SECOND)  # tables whose figures come from a map
_WINDOWS = {"smoke": 400, "hour": 4000, "full": 40_000}  # of a map if the paper gives no number
_SMALLEST = 2  # lattice points of a prospect
Arrays = Mapping[str, NDArray[Any]]
Facts = dict[str, dict[str, dict[str, Any]]]
"""By table, row and column: a figure, or the reason why there is none."""


@dataclass(frozen=True)
class ScoredMap:
    """A map on a lattice of every ``step`` cells, and the numbered areas predicted as ore.

    ``score`` and ``tiles`` ``(rows, columns)``: row 0 is the northernmost, NaN where nothing was
    scored, 0 outside areas. ``predicted`` are the numbers of areas predicted as ore, ``known`` of
    those that hold a deposit; ``deposits`` ``(n, 2)`` are row and column on the lattice.
    """

    score: NDArray[Any]
    step: int
    deposits: NDArray[Any]
    tiles: NDArray[Any]
    predicted: Ints
    known: Ints

    def save(self, path: Path) -> None:
        """Write the arrays as ``.npz``."""
        np.savez_compressed(path, **vars(self))

    @classmethod
    def load(cls, path: Path) -> ScoredMap:
        """Read what was saved; raises RunError where it cannot be read."""
        arrays = read_arrays(path)
        try:
            return cls(
                arrays["score"].astype(np.float64),
                int(arrays["step"]),
                arrays["deposits"].astype(np.float64).reshape(-1, 2),
                *(arrays[name].astype(np.int64) for name in ("tiles", "predicted", "known")),
            )
        except KeyError as error:
            raise _unreadable(path, f"has no {error.args[0]}") from None


def read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """Read all arrays of an ``.npz``; raises RunError where it cannot be read."""
    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except BROKEN_ARRAYS as error:
        raise _unreadable(path, f"cannot be read ({error})") from None


def _unreadable(path: Path, what: str) -> RunError:
    return RunError(what, where=str(path), remedy="remove it and reproduce again")


def map_tiles(
    fitted: Fitted, evidence: Evidence, places: Places, tiles: tuple[int, int]
) -> ScoredMap:
    """Score numbered tiles, ``(down, across)``, each by the window at its middle, on all cells."""
    numbers = evidence.grid.numbered_tiles(*tiles)
    rows = tile_sampling(numbers, places.sampling.at)
    seen = evidence.valid[rows.at[:, 0], rows.at[:, 1]]
    scores = np.full(len(rows) + 1, np.nan, dtype=np.float32)
    number = 1 + np.flatnonzero(seen)
    scores[number] = fitted.predict(rows.at[seen])
    return ScoredMap(
        scores[numbers],
        1,
        places.sampling.at,
        numbers,
        number[fitted.labels(rows.at[seen])],
        1 + np.flatnonzero(rows.y == 1),
    )


def map_lattice(fitted: list[Fitted], evidence: Evidence, places: Places, most: int) -> ScoredMap:
    """Score a lattice of cells, by the mean of the models.

    The numbered areas are connected cells predicted as ore.
    """
    from scipy.ndimage import label

    step = lattice_step(evidence, most)
    chosen = np.zeros(evidence.grid.shape, dtype=bool)
    chosen[::step, ::step] = True
    at = np.argwhere(chosen & evidence.valid)
    shape = chosen[::step, ::step].shape
    score = np.full(shape, np.nan, dtype=np.float32)
    on = tuple((at // step).T)
    score[on] = np.mean([one.predict(at) for one in fitted], axis=0)
    areas, count = label(np.nan_to_num(score) >= 0.5, structure=np.ones((3, 3)))
    size = np.bincount(areas.ravel(), minlength=count + 1)
    deposits = np.minimum(places.sampling.at // step, np.array(shape) - 1)
    return ScoredMap(
        score,
        step,
        deposits,
        areas.astype(np.int32),
        np.flatnonzero(size[1:] >= _SMALLEST) + 1,
        np.setdiff1d(areas[tuple(deposits.T)], [0]),
    )


def mapped_entries(plan: Reproduction) -> list[PaperEntry]:
    """The entries that are mapped."""
    every = [] if plan.experiment.places.unknown is None else list(plan.entries)
    source = plan.experiment.source
    return every + [source(entry) for _, entries in _tables(plan) for entry in entries]


def make_maps(study: Study, folder: Path) -> Facts:
    """Write the maps of all entries shown in tables of maps; return the figures of these tables."""
    plan, facts = study.plan, Facts()
    if plan.experiment.places.unknown is not None:  # windows of the whole area are predicted
        for entry in plan.entries:
            with suppress(*METHOD_ERRORS):  # its cells hold the reason
                mapped = _mapped(study, [study.fitted(entry)])
                mapped.save(folder / f"{entry.stem}.npz")
                predicted = float(np.isfinite(mapped.score).sum())
                facts["windows"] = {"grown": {"unknown": predicted}}
    for table, entries in _tables(plan):
        try:
            facts[table.id] = _read_off(study, table, entries, folder)
        except METHOD_ERRORS as error:
            blank = {column.name: error.what for column in table.columns}
            facts[table.id] = {row.name: dict(blank) for row in table.rows}
    return facts


def _tables(plan: Reproduction) -> Iterator[tuple[PaperTable, tuple[PaperEntry, ...]]]:
    """The requested tables whose figures come from maps, with their entries that are run."""
    run = {entry.stem for entry in plan.entries}
    for table in plan.experiment.paper.tables:
        wanted = not plan.tables or table.id in plan.tables
        shown = plan.experiment.entries_in(table.id)
        entries = tuple(e for e in shown if plan.experiment.source(e).stem in run)
        if table.id in _MAPPED and wanted and entries:
            yield table, entries


def _read_off(
    study: Study, table: PaperTable, entries: tuple[PaperEntry, ...], folder: Path
) -> dict[str, dict[str, Any]]:
    sources = [study.plan.experiment.source(entry) for entry in entries]
    fitted = [study.fitted(entry) for entry in sources]
    row = table.rows[0].name
    names = tuple(column.name for column in table.columns)
    if table.id == SECOND:
        return {row: {names[0]: _covered(study, fitted[0], folder)}}
    mapped = _mapped(study, fitted)
    mapped.save(folder / f"{sources[0].stem}.npz")
    if table.id == "classes":
        return _classes(mapped)
    if len(names) == 3:
        # Areas predicted as ore, those on known ore, and new ones.
        known = int(np.isin(mapped.predicted, mapped.known).sum())
        every = len(mapped.predicted)
        return {row: dict(zip(names, (every, known, every - known), strict=True))}
    return {row: dict(zip(names, _in_class_a(study, mapped), strict=True))}


def _mapped(study: Study, fitted: list[Fitted]) -> ScoredMap:
    tiles = _tiles(study)
    most = study.plan.experiment.places.unknown or _WINDOWS["full"]
    most = min(most, _WINDOWS[study.plan.kind])
    if tiles is not None:
        return map_tiles(fitted[0], study.job.evidence, study.job.places, tiles)
    return map_lattice(fitted, study.job.evidence, study.job.places, most)


def _tiles(study: Study) -> tuple[int, int] | None:
    """Number of tiles, down and across, if the paper's map has tiles."""
    places, size = study.plan.experiment.places, study.job.geometry.size
    if places.tested_tiles is not None:
        return places.tested_tiles
    if places.kind == "tiles":
        rows, columns = study.job.geometry.shape
        return max(1, rows // size), max(1, columns // size)
    return None


def _classes(mapped: ScoredMap) -> dict[str, dict[str, float]]:
    """Limits of classes A, B and C by the histogram's rule; none where it gives no classes."""
    try:
        limits = classify(mapped.score, ClassOptions(rule="histogram")).thresholds
    except ConfigError:
        return {}
    above = (float(np.nanmax(mapped.score)), *limits[:2])
    return {
        name: {"from": float(low), "to": float(high)}
        for name, low, high in zip(NAMES, limits, above, strict=True)
    }


def _in_class_a(study: Study, mapped: ScoredMap) -> tuple[float, float]:
    """Number of known deposits, and of test-only deposits (later discoveries), in class A."""
    try:
        values = classify(mapped.score, ClassOptions(rule="histogram")).values
    except ConfigError:
        return np.nan, np.nan
    held_back = study.job.survey.held_back
    known = float((values[tuple(mapped.deposits.T)] == 1).sum())
    if held_back is None:
        return known, np.nan
    at = study.job.evidence.grid.cell(xy_of(held_back))
    at = at[study.job.evidence.grid.inside(at)] // mapped.step
    at = np.minimum(at, np.array(values.shape) - 1)
    return known, float((values[tuple(at.T)] == 1).sum())


def _covered(study: Study, fitted: Fitted, folder: Path) -> float:
    """Share of a second district's tiles with known ore that the trained model predicts as ore.

    The district's layers are standardised separately, as the paper normalises each map.
    """
    second = study.plan.experiment.second_area
    assert second is not None
    path = write_district(simulate(second.survey, second.seed), folder / SECOND)
    plan = replace(study.plan, survey=str(path))
    config = plan.config(survey_table(path), path.parent)
    survey = read_survey(config)
    evidence = build_evidence(survey, config)
    places = place_deposits(survey.deposits, evidence, config.sampling.window, survey.findings)
    stack = np.stack([evidence.layer(name) for name in fitted.names])
    windows = replace(fitted.windows, stack=stack, scaling=fit_scaling(stack, evidence.valid))
    nowhere = Sampling.of(np.empty((0, 2), dtype=np.int64), np.nan)
    there = Fitted(fitted.model, windows, nowhere, fitted.negatives_rule)
    tiles = _tiles(study)
    assert tiles is not None
    mapped = map_tiles(there, evidence, places, tiles)
    mapped.save(folder / f"{SECOND}.npz")
    return float(np.isin(mapped.known, mapped.predicted).mean())


def lattice_step(evidence: Evidence, most: int) -> int:
    """Cells between points of a lattice of at most ``most`` points."""
    return max(1, int(np.ceil(np.sqrt(evidence.valid.sum() / most))))
