"""Deposits of a survey as places: cells on the evidence's grid."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from orecast.arrays import Ints
from orecast.errors import ConfigError, SamplingError
from orecast.evidence import Evidence
from orecast.grid import Grid, windows_touching
from orecast.sampling import Sampling, deposit_sampling
from orecast.survey import Findings
from orecast.survey.data import xy_of

if TYPE_CHECKING:
    import geopandas as gpd


FEWEST_DEPOSITS = 3
NONE_MAPPED = "none of these deposits lies where the map has a value"


@dataclass(frozen=True)
class Places:
    """One row of ``sampling`` for each place. ``deposit`` are the survey's deposits that lie on
    the evidence, ``(n,)``; ``row`` is the place of each, ``(n,)``.
    """

    sampling: Sampling
    deposit: Ints
    row: Ints
    names: tuple[str, ...]  # of those deposits, (n,)
    xy: NDArray[np.float64]  # and their positions, (n, 2)

    @property
    def cells(self) -> Ints:
        """Cell of each deposit, ``(n, 2)``."""
        return self.sampling.at[self.row]


NOWHERE = Places(
    Sampling.of(np.empty((0, 2), dtype=np.int64), 1.0),
    np.empty(0, dtype=np.int64),
    np.empty(0, dtype=np.int64),
    (),
    np.empty((0, 2)),
)


def mapped_cells(deposits: gpd.GeoDataFrame, evidence: Evidence) -> Ints:
    """Cells of the deposits that lie where the evidence has a value, ``(n, 2)``."""
    at = evidence.grid.cell(xy_of(deposits))
    at = at[evidence.grid.inside(at)]
    return np.asarray(at[evidence.valid[tuple(at.T)]])


def place_deposits(
    deposits: gpd.GeoDataFrame | None, evidence: Evidence, size: int, findings: Findings
) -> Places:
    """Find the cell of every deposit; deposits where the evidence is nodata are reported, not used.

    Without deposits there are no places. Raises SamplingError if fewer than three places are left.
    """
    if deposits is None:
        return NOWHERE
    xy = xy_of(deposits)
    at = evidence.grid.cell(xy)
    inside = evidence.grid.inside(at)
    usable = inside.copy()
    usable[inside] = evidence.valid[at[inside, 0], at[inside, 1]]
    names = deposit_names(deposits)
    if not usable.all():
        lost = [names[i] for i in np.flatnonzero(~usable)]
        findings.warning(
            "deposits-without-evidence",
            "deposits",
            f"{len(lost)} of {len(names)} deposits are not used: the evidence has no value there: "
            f"{', '.join(lost[:10])}{' …' if len(lost) > 10 else ''}",
            "set a larger search radius, evidence.radius, or leave out the layer that covers least",
            deposits=lost,
        )
    sampling, row = deposit_sampling(at[usable], size)
    if len(sampling) < FEWEST_DEPOSITS:
        raise SamplingError(
            f"only {len(sampling)} places have a deposit and evidence; a map needs at least "
            f"{FEWEST_DEPOSITS}",
            where="deposits",
            remedy="check their coordinates, set a larger search radius (evidence.radius), or add "
            "deposits",
        )
    if len(sampling) < usable.sum():
        findings.info(
            "deposits-share-cells",
            "deposits",
            f"{usable.sum()} deposits lie in {len(sampling)} cells. Deposits in one cell are one "
            f"place: the model is trained and tested on {len(sampling)} places",
        )
    return Places(
        sampling,
        np.flatnonzero(usable),
        row,
        tuple(names[i] for i in np.flatnonzero(usable)),
        xy[usable],
    )


def require_window_fits(grid: Grid, window: int) -> None:
    """Raise ConfigError where a window is larger than the grid."""
    rows, columns = grid.shape
    if window > min(rows, columns):
        raise ConfigError(
            f"windows of {window} cells are larger than the grid of {rows} x {columns} cells",
            where="sampling.window",
            remedy=f"set it far below {min(rows, columns)}, or lower evidence.cell_size",
        )


def report_gaps(evidence: Evidence, window: int, findings: Findings) -> None:
    """Report how many windows extend beyond the evidence, and which values they read there."""
    beyond = np.pad(~evidence.valid, window, constant_values=True)
    near = windows_touching(beyond, window)[window:-window, window:-window] & evidence.valid
    if near.any():
        findings.info(
            "windows-with-gaps",
            "sampling.window",
            f"{near.sum():,} of {evidence.valid.sum():,} windows of {window} cells extend beyond "
            "the area that the evidence covers; a missing value there counts as its layer's mean",
        )


def deposit_names(deposits: gpd.GeoDataFrame) -> list[str]:
    """Name of each deposit. A number is added to repeated names, or replaces missing ones."""
    numbers = [str(i + 1) for i in range(len(deposits))]
    columns = {str(column).strip().lower(): column for column in deposits.columns}
    for key in ("name", "deposit_name", "deposit", "site", "id"):
        if key in columns:
            given = deposits[columns[key]]
            texts = given.astype("str").where(given.notna(), "").str.strip()
            if texts.duplicated()[texts != ""].any():
                texts = texts.where(texts == "", texts + " " + numbers)
            return list(texts.where(texts != "", numbers))
    return numbers
