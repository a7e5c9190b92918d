"""The folds of a finished run, cut again: what training reads in each, and what the test reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from orecast.arrays import Bools, Floats, Ints
from orecast.evidence import Evidence, build_evidence, refitted
from orecast.grid import window_rows
from orecast.sampling import Fold, Sampling, SplitProtocol, slide
from orecast.splits import build_protocol
from orecast.splits.paper import Paper
from orecast.survey import Findings, Survey
from orecast.survey.concentrations import lowest_seen
from orecast.validation import published_folds
from orecast.workflow.audit.finished import Finished

_LEAST_LEFT = 0.01  # of a concentration that is lowered to see what follows it


def protocol_of(done: Finished, name: str, *, configured: bool = True) -> SplitProtocol:
    """The protocol as the run built it, or, if not ``configured``, as it is without options."""
    asked = done.config.validation
    options = asked.options if configured and name == asked.protocol else {}
    return build_protocol(name, options, done.ground, n_folds=asked.folds, seed=done.config.seed)


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
            grown, _ = recipe.grown(evidence, sampling, evidence.valid, seed)
            rows = protocol.rows(grown)
            sampling, cut = published_folds(recipe, evidence, rows, protocol, seed=seed)
            return cls(name, sampling, cut, protocol.words, True)
        folds = protocol.folds(sampling, done.evidence.reach)
        return cls(name, sampling, folds, protocol.words, False)


@dataclass(frozen=True)
class Sides:
    """Cells of one fold, ``(rows, columns)``, and places of ore, ``(n, 2)``, on either side.

    ``learned`` are in a window that training may read, ``scaled`` behind the scaling, ``tested``
    in a window of the test; ``ore`` is learned from, ``ore_tested`` tested.
    """

    learned: Bools
    scaled: Bools
    tested: Bools
    ore: Ints
    ore_tested: Ints

    @classmethod
    def of(cls, done: Finished, cut: Cut, fold: Fold) -> Sides:
        """Tell them by the windows themselves, not by what the protocol says of them.

        Training reads the slid copies of its deposits, each window that might be drawn as barren,
        and the cells that the scaling is fitted to. Test reads the window of each cell of the
        fold's region, and those of what is tested. Where windows were grown before the cut, the
        rows are what they are, read where a trim may move them.
        """
        sampling, size = cut.sampling, done.config.sampling.window
        visible = done.evidence.valid & ~fold.hidden
        train, test = sampling.take(fold.train), sampling.take(fold.test)
        ore, free = train.at[train.y == 1], train.at
        if not cut.grown:
            may = visible & ~touching(fold.hidden, size)
            shift, _ = done.config.sampling.growth
            copies = slide(train, shift, size=size, shape=visible.shape).at
            ore = np.concatenate([ore, copies[may[tuple(copies.T)]]])
            free = np.concatenate([ore, np.argwhere(may)])
        region = _at(test.at, visible.shape) | (fold.region & done.evidence.valid)
        trimmed = size + 2 * done.ground.trim if cut.grown else size
        learned, tested = covered(_at(free, visible.shape), trimmed), covered(region, size)
        return cls(learned, visible, tested, ore, test.at[test.y == 1])

    @property
    def read(self) -> Bools:
        """Cells whose values training reads in one way or another."""
        return self.learned | self.scaled


@dataclass(frozen=True)
class Facts:
    """What one fold's sides have in common; metres from centre to centre, infinite for nothing."""

    tested: int  # cells
    shared: int  # of them, also in a training window
    scaled: int  # of them, also behind the scaling
    nearest_m: float  # from what training reads to what the test reads
    samples: int | None  # that moved cells of both, None where their positions are not known
    ore_tested: int  # deposits
    overlapping: int  # of them, whose window shares a cell with that of one learned from
    nearest_ore_m: float  # from a tested deposit to one learned from

    @classmethod
    def of(cls, sides: Sides, done: Finished, xy: Floats | None) -> Facts:
        """Compare the sides; ``xy`` ``(n, 2)`` are the samples."""
        grid, reach = done.evidence.grid, done.evidence.reach
        nearest = _metres_apart(sides, grid.cell_size)
        samples = None
        if xy is not None:  # by the triangle: none farther than twice the reach
            samples = _samples_of_both(sides, done.evidence, xy) if nearest <= 2 * reach else 0
        overlap, nearest_ore = 0, np.inf
        if len(sides.ore) and len(sides.ore_tested):
            near = done.config.sampling.window + done.ground.trim
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


def moved_cells(done: Finished, sides: Sides, fold: Fold, *, refit: bool) -> int | None:
    """Cells read by training that move where the concentrations behind tested cells are lowered.

    The evidence is built twice, from the survey and from the altered one, and with ``refit``
    fitted anew outside ``fold.hidden``, as the run does. None where the samples are not there.
    """
    survey, places = done.survey, sample_positions(done)
    if survey is None or places is None:
        return None
    tested = done.evidence.grid.xy(np.argwhere(sides.tested))
    behind = _nearest(tested, places) <= done.evidence.reach
    built = []
    for other in (survey, lowered(survey, behind, done.config.seed)):
        told = replace(other, findings=Findings())
        evidence = build_evidence(told, done.config)
        built.append(refitted(evidence, told, done.config, fold.hidden) if refit else evidence)
    before, after = (evidence.stack for evidence in built)
    if before.shape[1:] != sides.read.shape:
        return None
    unlike = (before != after) & ~(np.isnan(before) & np.isnan(after))
    return int((unlike.any(axis=0) & sides.read).sum())


def lowered(survey: Survey, rows: Bools, seed: int) -> Survey:
    """The survey with the concentrations of ``rows`` ``(n,)`` lowered at random.

    Zeros stand below the lowest value of all, so theirs may be another everywhere.
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
    return np.column_stack([survey.samples.geometry.x, survey.samples.geometry.y])


def covered(mask: Bools, size: int) -> Bools:
    """Cells in the window of a cell of ``mask``, ``(rows, columns)``."""
    return _or_of(mask, window_rows(np.zeros((1, 2)), size)[0][0])


def touching(mask: Bools, size: int) -> Bools:
    """Cells whose window holds a cell of ``mask``, ``(rows, columns)``."""
    return _or_of(mask, -window_rows(np.zeros((1, 2)), size)[0][0])


def _or_of(mask: Bools, steps: Ints) -> Bools:
    """Whether the mask, moved by some pair of the steps, lies on a cell."""
    for axis in (0, 1):
        moved = np.zeros_like(mask)
        for step in steps:
            to, of = (slice(max(0, s), min(0, s) or None) for s in (step, -step))
            at = (slice(None),) * axis
            moved[(*at, to)] |= mask[(*at, of)]
        mask = moved
    return mask


def _at(cells: Ints, shape: tuple[int, ...]) -> Bools:
    mask = np.zeros(shape, dtype=bool)
    mask[cells[:, 0], cells[:, 1]] = True
    return mask


def _metres_apart(sides: Sides, cell_size: tuple[float, float]) -> float:
    """Metres between the nearest cells of training and of test, centre to centre."""
    from scipy.ndimage import distance_transform_edt

    width, height = cell_size
    if not sides.tested.any() or not sides.read.any():
        return np.inf
    away = distance_transform_edt(~sides.tested, sampling=(height, width))
    return float(away[sides.read].min())


def _samples_of_both(sides: Sides, evidence: Evidence, xy: Floats) -> int:
    """Samples within reach of a training cell and of a test cell."""
    of_both = np.ones(len(xy), dtype=bool)
    for mask in (sides.tested, sides.read):
        of_both &= _nearest(evidence.grid.xy(np.argwhere(mask)), xy) <= evidence.reach
    return int(of_both.sum())


def _nearest(points: NDArray[np.generic], others: NDArray[np.generic], p: float = 2.0) -> Floats:
    """Distance from each of the others to the nearest point, ``(n_others,)``."""
    from scipy.spatial import cKDTree

    return np.asarray(cKDTree(points).query(others, p=p)[0])
