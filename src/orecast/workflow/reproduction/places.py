"""Places of a reproduction: deposits, numbered tiles, single samples, or the authors' windows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from pyproj import CRS
from scipy.spatial import cKDTree

from orecast.config import Config
from orecast.errors import InputError, SamplingError
from orecast.evidence import Evidence
from orecast.evidence.elements import survey_ratios
from orecast.experiments import Windows as AuthorsWindows
from orecast.grid import Grid, window_start
from orecast.samples import Ground, Sampling
from orecast.survey import Survey
from orecast.workflow.places import Places
from orecast.workflow.window_files import read_labels, read_window_pair

Ints = NDArray[np.int64]

_NOWHERE = CRS.from_epsg(3857)  # rows of a table lie nowhere; a grid has some CRS


@dataclass(frozen=True)
class Rows:
    """Labelled rows on the evidence they are read from, as a paper split them.

    ``train`` and ``test`` are the row numbers of the authors' own split, where it is known.
    """

    evidence: Evidence
    ground: Ground
    sampling: Sampling
    train: Ints | None = None
    test: Ints | None = None


def tile_rows(
    evidence: Evidence, ground: Ground, ore: Ints, *, step: int, counts: tuple[int, int], seed: int
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
    ground = Ground(np.ones((n, 1), dtype=bool), 1.0, 1)
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
    files: AuthorsWindows, survey: Survey, evidence: Evidence, ground: Ground, config: Config
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
