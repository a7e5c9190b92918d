"""Read known deposits and barren places: points, or marked cells of a raster."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from orecast.arrays import Bools, Floats
from orecast.config import Config, Deposits
from orecast.errors import AlignmentError, InputError, SamplingError
from orecast.grid import Bounds
from orecast.survey.data import Findings, Region, listed
from orecast.survey.duplicates import places
from orecast.survey.elements import OXIDE_OF, commodities_named
from orecast.survey.points import WGS84, read_points
from orecast.survey.projection import moved, transformed
from orecast.survey.rasters import is_raster, read_placed
from orecast.survey.tables import require_file

if TYPE_CHECKING:
    import geopandas as gpd


FEWEST = 3
FEW = 10
HOLD_BACK = (
    "rename [deposits] to [held_back]: the run then maps anomalies without them, and they test it"
)
_ONE_PLACE = 3.0  # spacings
_UNIFORM_SPREAD = 1 / np.sqrt(12)  # of a percentile of a random map


def read_deposits(
    section: Deposits, setting: str, region: Region, findings: Findings
) -> gpd.GeoDataFrame:
    """Read deposits, or barren places, in the region; others are listed and left out.

    Several records at one place are one deposit. Raises AlignmentError, with both extents, if all
    lie outside.
    """
    import geopandas as gpd

    require_file(section.path)
    if is_raster(section.path):
        table, xy = _marked_cells(section, setting, region, findings)
    else:
        table, xy = _points(section, setting, region, findings)
    keep = _within(section, setting, table, xy, region, findings)
    table, xy = table[keep], xy[keep]
    at = places(xy, tolerance=1.0)
    if at.shared:
        rows = sorted(set(range(len(xy))) - set(at.first.tolist()))
        findings.info(
            f"{setting}-merged",
            str(section.path),
            f"ignored {at.shared} of {len(xy)} {setting} at the place of an earlier one: "
            f"{table.index.name or 'row'} {listed([int(table.index[r]) for r in rows])}",
            n=at.shared,
        )
    geometry = gpd.points_from_xy(xy[at.first, 0], xy[at.first, 1])
    kept = table.iloc[at.first].reset_index(drop=True)
    return gpd.GeoDataFrame(kept, geometry=geometry, crs=region.crs)


def require_enough_deposits(n: int, where: str, findings: Findings) -> None:
    """Refuse fewer than three deposits; warn below ten.

    On a random map the percentile of a held-out deposit is uniform, with a standard deviation of
    1/√12; the mean of n has a 95 % interval of ± 1.96 / √(12 n).

    Raises SamplingError.
    """
    if n < FEWEST:
        raise SamplingError(
            f"too few deposits: {n} in the survey; training and testing need at least {FEWEST}",
            where=where,
            remedy="add deposits, remove a condition from deposits.where, or enlarge the area",
        )
    half = interval_half_width(n)
    if n < FEW:
        findings.warning(
            "few-deposits",
            where,
            f"{n} deposits are too few for a conclusion: with a random map the mean percentile of "
            f"held-out deposits is {chance(n)} (95 % interval)",
            "use the map as a hypothesis, or add deposits",
            n=n,
            half_width=half,
        )


def report_one_place(
    deposits: gpd.GeoDataFrame, spacing: float, where: str, findings: Findings
) -> None:
    """Warn if all deposits lie within three ``spacing`` (metres) of the samples: one place."""
    west, south, east, north = deposits.total_bounds
    span = float(np.hypot(east - west, north - south))
    if span < _ONE_PLACE * spacing:
        findings.warning(
            "deposits-in-one-place",
            where,
            f"all {len(deposits)} deposits lie within {span:,.0f} m, and the samples are "
            f"{spacing:,.0f} m apart: for the map they are one place, which cannot be divided into "
            "training and test",
            f"{HOLD_BACK}; or add deposits elsewhere",
            span=span,
        )


def unanalysed(name: str, symbols: Iterable[str]) -> list[str]:
    """The metals that a name of deposits holds and that are not among the survey's symbols.

    >>> unanalysed("gold_and_copper.csv", ["Cu", "Zn"])
    ['Au']
    """
    analysed = {OXIDE_OF.get(symbol, symbol) for symbol in symbols}
    return [metal for metal in commodities_named(name) if metal not in analysed]


def report_unanalysed(section: Deposits, symbols: Iterable[str], findings: Findings) -> None:
    """Report the metals of the deposits' file or condition that the survey does not have."""
    values = [str(v) for found in section.where.values() for v in np.atleast_1d(found)]
    missing = unanalysed(" ".join([section.path.stem, section.layer or "", *values]), symbols)
    if missing:
        metals = " and ".join(missing)
        findings.warning(
            "commodity-not-analysed",
            str(section.path),
            f"by the name of their file or deposits.where, the deposits are of {metals}, but the "
            f"survey has no values of {metals}: the map is made from the other elements",
            f"if {metals} was analysed, add its column: see samples.ignore and samples.rename",
            elements=missing,
        )


def report_no_deposits(config: Config, findings: Findings) -> None:
    """Report that a run without deposits maps anomalies, what tests it and what is not used."""
    what = "no deposits are given: the run maps anomalies with a model that needs no deposits"
    if config.held_back is not None:
        findings.warning(
            "no-deposits", "deposits", f"{what}; the deposits of [held_back] test the map"
        )
    else:
        findings.warning(
            "no-deposits",
            "deposits",
            f"{what}; nothing tests the map",
            "add known deposits as [deposits] to train with them, or as [held_back] to test the "
            "map",
        )
    if config.barren is not None:
        findings.warning(
            "barren-unused",
            str(config.barren.path),
            "the barren places are not used: training needs deposits too",
            "add [deposits], or remove [barren]",
        )


def chance(n: int) -> str:
    """As text: the 95 % interval of the mean percentile (0 to 100) for a random map.

    >>> chance(3), chance(48)
    ('50 ± 33', '50 ± 8')
    """
    return f"50 ± {100 * interval_half_width(n):.0f}"


def interval_half_width(n: int) -> float:
    """Half the 95 % interval of the mean percentile of ``n`` held-out deposits, random map.

    >>> round(interval_half_width(3), 2), round(interval_half_width(48), 2)
    (0.33, 0.08)
    """
    return float(1.96 * _UNIFORM_SPREAD / np.sqrt(n))


def _points(
    section: Deposits, setting: str, region: Region, findings: Findings
) -> tuple[Any, Floats]:
    if section.align == "pixels":
        raise AlignmentError(
            'align = "pixels" is for a raster of labels; this is a table or vector file',
            where=str(section.path),
            remedy=f"remove {setting}.align",
        )
    points = read_points(section, setting, findings)
    points.table.frame.index.name = points.table.row_word
    return points.table.frame, moved(points.xy, points.crs, region.crs, str(section.path))


def _marked_cells(
    section: Deposits, setting: str, region: Region, findings: Findings
) -> tuple[Any, Floats]:
    import pandas as pd
    from scipy.ndimage import label

    if section.where:
        raise InputError(
            f"{setting}.where selects rows of a table; this is a raster",
            where=str(section.path),
            remedy=f"remove {setting}.where; set {setting}.value to the value that marks a deposit",
        )
    where = str(section.path)
    raster = read_placed(
        section.path,
        None,
        section.align,
        section.crs,
        setting,
        region,
        findings,
        nodata=(),  # the marks of a raster of labels may be 255 or -9999
    )
    marked = raster.values == np.float32(section.value)
    at = np.argwhere(marked)
    if not len(at):
        there = listed([f"{v:g}" for v in np.unique(raster.values[~np.isnan(raster.values)])])
        raise InputError(
            f"no cell has the value {section.value:g}",
            where=where,
            remedy=f"set {setting}.value to one of {there}",
        )
    groups = int(label(marked, structure=np.ones((3, 3)))[1])
    if groups < len(at):
        findings.info(
            "touching-cells",
            where,
            f"the {len(at)} cells of {setting} form {groups} groups: cells that touch may be one "
            "deposit",
            n=len(at),
            places=groups,
        )
    names = [f"cell {r}, {c}" for r, c in at]
    table = pd.DataFrame({"name": names, "row": at[:, 0], "column": at[:, 1]})
    xy = transformed(raster.grid.xy(at), raster.grid.crs, region.crs)
    return table.rename_axis("cell"), xy


def _within(
    section: Deposits,
    setting: str,
    table: Any,
    xy: Floats,
    region: Region,
    findings: Findings,
) -> Bools:
    inside = region.contains(xy)
    if inside.all():
        return inside
    border = "the study area" if region.area is not None else "the survey's extent"
    if not inside.any():
        theirs = Bounds(*xy.min(axis=0), *xy.max(axis=0))
        remedy = f"check {setting}.crs"
        lonlat = transformed(xy, region.crs, WGS84)
        if region.contains(xy[:, ::-1]).any():
            remedy += ": x and y look swapped"
        elif region.contains(transformed(lonlat[:, ::-1], WGS84, region.crs)).any():
            remedy = (
                f"exchange longitude and latitude in one of the two files: those of {setting} or "
                "of the survey are swapped"
            )
        raise AlignmentError(
            f"all {len(xy)} {setting} lie outside {border}: their extent is {theirs}; "
            f"the survey's is {region.extent}",
            where=str(section.path),
            remedy=remedy,
        )
    word = table.index.name or "row"
    rows = [int(r) for r in table.index[~inside]]
    findings.warning(
        f"{setting}-outside",
        str(section.path),
        f"ignored {len(rows)} of {len(xy)} {setting} outside {border}: {word} {listed(rows)}",
        "check their positions, or enlarge the area",
        rows=rows,
        positions=[[round(float(x), 1), round(float(y), 1)] for x, y in xy[~inside]],
    )
    return inside
