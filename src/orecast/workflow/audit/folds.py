"""A finished run as an audit reads it, and its folds, cut again.

The folds name the cells that training and test read in each.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from orecast.arrays import Bools, Floats, Ints
from orecast.config import Config
from orecast.errors import OrecastError, RunError
from orecast.evidence import Evidence, build_evidence, read_evidence, refitted
from orecast.grid import windows_over, windows_touching
from orecast.metrics import Metrics, Score
from orecast.report.reading import RunReading, open_run
from orecast.run import file_hash, verify_finished
from orecast.sampling import Fold, MapGeometry, Sampling, SplitProtocol, shifted_copies
from orecast.sampling.places import mask_of
from orecast.splits import build_protocol
from orecast.splits.paper import Paper
from orecast.survey import Findings, Survey, read_survey
from orecast.survey.concentrations import lowest_seen
from orecast.survey.data import xy_of
from orecast.validation import Recipe, published_folds
from orecast.workflow.places import Places, place_deposits
from orecast.workflow.recipes import model_recipe
from orecast.workflow.run.job import geometry_of

_LEAST_LEFT = 0.01  # lowest share that is left of a concentration when it is lowered for a check


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


def protocol_of(done: Finished, name: str, *, configured: bool = True) -> SplitProtocol:
    """The protocol as the run built it; without its options if not ``configured``."""
    settings, seed = done.config.validation, done.config.seed
    options = settings.options if configured and name == settings.protocol else {}
    return build_protocol(name, options, done.geometry, n_folds=settings.folds, seed=seed)


@dataclass(frozen=True)
class Cut:
    """The folds of one protocol. ``grown`` where windows were grown before the cut."""

    protocol: str
    sampling: Sampling
    folds: Sequence[Fold]
    words: str
    grown: bool

    @classmethod
    def of(cls, done: Finished, name: str) -> Cut:
        """Cut as the run did."""
        protocol, sampling = protocol_of(done, name), done.places.sampling
        if isinstance(protocol, Paper):
            evidence = done.evidence
            recipe, seed = done.recipe, done.config.seed
            grown, _ = recipe.labelled_rows(evidence, sampling, evidence.valid, seed)
            rows = protocol.rows(grown)
            sampling, cut = published_folds(recipe, evidence, rows, protocol, seed=seed)
            return cls(name, sampling, cut, protocol.words, True)
        folds = protocol.folds(sampling, done.evidence.reach)
        return cls(name, sampling, folds, protocol.words, False)


@dataclass(frozen=True)
class Sides:
    """Cells, ``(rows, columns)``, and deposit cells, ``(n, 2)``, of both sides of one fold.

    ``learned``: cells in a window that training may read; ``scaled``: cells that the scaling is
    fitted to; ``tested``: cells in a test window. ``ore``: training places; ``ore_tested``: test
    places.
    """

    learned: Bools
    scaled: Bools
    tested: Bools
    ore: Ints
    ore_tested: Ints

    @classmethod
    def of(cls, done: Finished, cut: Cut, fold: Fold) -> Sides:
        """Find them from the windows themselves, not from what the protocol states.

        Training reads the slid copies of its deposits, each window that may be drawn as a negative,
        and the cells that the scaling is fitted to. The test reads the window of each cell of the
        fold's region and of each test row. Where windows were grown before the cut, the rows are
        used as they are, widened by what a trim may move them.
        """
        sampling, size = cut.sampling, done.config.sampling.window
        visible = done.evidence.valid & ~fold.hidden
        train, test = sampling.take(fold.train), sampling.take(fold.test)
        ore, free = train.at[train.y == 1], train.at
        if not cut.grown:
            may = visible & ~windows_touching(fold.hidden, size)
            shift, _ = done.config.sampling.growth
            copies = shifted_copies(train, shift, size=size, shape=visible.shape).at
            ore = np.concatenate([ore, copies[may[tuple(copies.T)]]])
            free = np.concatenate([ore, np.argwhere(may)])
        region = mask_of(test.at, visible.shape) | (fold.region & done.evidence.valid)
        trimmed = size + 2 * done.geometry.trim if cut.grown else size
        learned, tested = (
            windows_over(mask_of(free, visible.shape), trimmed),
            windows_over(region, size),
        )
        return cls(learned, visible, tested, ore, test.at[test.y == 1])

    @property
    def read(self) -> Bools:
        """Cells whose values training reads, in windows or for the scaling."""
        return self.learned | self.scaled


@dataclass(frozen=True)
class Facts:
    """What both sides of one fold share; distances from centre to centre, infinite without any."""

    tested: int  # tested cells
    shared: int  # tested cells that are also in a training window
    scaled: int  # tested cells that the scaling was also fitted to
    nearest_m: float  # from the cells that training reads to those that the test reads
    samples: int | None  # samples that changed cells of both; None if positions are not known
    ore_tested: int  # tested deposits
    overlapping: int  # tested deposits whose window shares a cell with a training deposit's
    nearest_ore_m: float  # from a tested deposit to a training deposit

    @classmethod
    def of(cls, sides: Sides, done: Finished, xy: Floats | None) -> Facts:
        """Compare the sides; ``xy`` ``(n, 2)`` are the samples."""
        from scipy.ndimage import distance_transform_edt

        grid, reach = done.evidence.grid, done.evidence.reach
        nearest, samples = np.inf, None
        if sides.tested.any() and sides.read.any():
            away = distance_transform_edt(~sides.tested, sampling=grid.cell_size[::-1])
            nearest = float(away[sides.read].min())
        if xy is not None:
            of_both = np.full(
                len(xy), nearest <= 2 * reach
            )  # farther apart, no sample reaches both
            for mask in (sides.tested, sides.read) if of_both.any() else ():
                of_both &= _nearest(grid.xy(np.argwhere(mask)), xy) <= reach
            samples = int(of_both.sum())
        overlap, nearest_ore = 0, np.inf
        if len(sides.ore) and len(sides.ore_tested):
            near = done.config.sampling.window + done.geometry.trim
            overlap = int((_nearest(sides.ore, sides.ore_tested, p=np.inf) < near).sum())
            nearest_ore = float(_nearest(grid.xy(sides.ore), grid.xy(sides.ore_tested)).min())
        return cls(
            int(sides.tested.sum()),
            int((sides.tested & sides.learned).sum()),
            int((sides.tested & sides.scaled).sum()),
            nearest,
            samples,
            len(sides.ore_tested),
            overlap,
            nearest_ore,
        )


def changed_cells(done: Finished, sides: Sides, fold: Fold, *, refit: bool) -> int | None:
    """Count the training cells that change if the concentrations near tested cells are lowered.

    The evidence is built twice, from the survey and from the altered one. With ``refit`` it is
    fitted anew outside ``fold.hidden``, as in the run. None if the samples are missing.
    """
    survey, places = done.survey, sample_positions(done)
    if survey is None or places is None:
        return None
    tested = done.evidence.grid.xy(np.argwhere(sides.tested))
    behind = _nearest(tested, places) <= done.evidence.reach
    built = []
    for other in (survey, lowered(survey, behind, done.config.seed)):
        copy = replace(other, findings=Findings())
        evidence = build_evidence(copy, done.config)
        built.append(refitted(evidence, copy, done.config, fold.hidden) if refit else evidence)
    before, after = (evidence.stack for evidence in built)
    if before.shape[1:] != sides.read.shape:
        return None
    unlike = (before != after) & ~(np.isnan(before) & np.isnan(after))
    return int((unlike.any(axis=0) & sides.read).sum())


def lowered(survey: Survey, rows: Bools, seed: int) -> Survey:
    """The survey with the concentrations of ``rows`` ``(n,)`` lowered at random.

    Zeros count as the lowest value of all samples, so their value may change everywhere.
    """
    values = survey.values.copy()
    share = np.random.default_rng([seed, 16]).uniform(_LEAST_LEFT, 1, values[rows].shape)
    values[rows] *= share
    if survey.zeros is not None:
        values = np.where(survey.zeros, lowest_seen(values, survey.zeros), values)
    return replace(survey, values=values)


def sample_positions(done: Finished) -> Floats | None:
    """Where concentrations were measured, ``(n, 2)``: samples, or cells of a gridded survey."""
    survey = done.survey
    if survey is None:
        return None
    if survey.gridded is not None:
        return survey.gridded.xy(np.argwhere(np.ones(survey.gridded.shape, dtype=bool)))
    if survey.samples is None:
        return None
    return xy_of(survey.samples)


def _nearest(points: NDArray[np.generic], others: NDArray[np.generic], p: float = 2.0) -> Floats:
    """Distance from each of the others to the nearest point, ``(n_others,)``."""
    from scipy.spatial import cKDTree

    return np.asarray(cKDTree(points).query(others, p=p)[0])
