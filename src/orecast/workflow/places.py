"""Deposits of a survey as places: cells on the evidence's grid."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from orecast.arrays import Ints
from orecast.errors import ConfigError, SamplingError
from orecast.evidence import Evidence, layers_without
from orecast.grid import Grid, windows_touching
from orecast.sampling import Sampling, deposit_sampling
from orecast.survey import Findings
from orecast.survey.data import xy_of

if TYPE_CHECKING:
    import geopandas as gpd


FEWEST_DEPOSITS = 3
_NAMES = ("name", "deposit_name", "deposit", "site", "mine", "id")  # the best first
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
            _use_deposits(evidence, at[inside & ~usable]),
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


def _use_deposits(evidence: Evidence, at: Ints) -> str:
    """How to use deposits in cells ``at``, ``(n, 2)``, that lack a value in some layer."""
    remedy = "set a larger search radius, evidence.radius"
    gaps = {name: int(np.isnan(evidence.layer(name)[tuple(at.T)]).sum()) for name in evidence.names}
    most = max(gaps, key=lambda name: gaps[name], default="")
    if len(gaps) < 2 or not gaps[most]:
        return remedy
    line = layers_without(evidence.names, [most])
    return f"{remedy}; or {line}, which has no value at {gaps[most]} of them"


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
    columns = {str(column).strip().lower(): column for column in deposits.columns}
    column = next((columns[name] for name in _NAMES if name in columns), None)
    if column is None:
        return [str(i + 1) for i in range(len(deposits))]
    texts = [str(v).strip() if v == v and v is not None else "" for v in deposits[column]]
    counts = Counter(texts)
    return [
        str(i + 1) if not text else f"{text} {i + 1}" if counts[text] > 1 else text
        for i, text in enumerate(texts)
    ]
