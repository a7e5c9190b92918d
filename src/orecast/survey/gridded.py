"""Read a gridded survey: one raster per element, all on one grid."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from orecast.arrays import Bools, Floats
from orecast.config import Gridded
from orecast.errors import AlignmentError, InputError, nearest
from orecast.grid import Grid, crs_name
from orecast.survey.analytes import (
    check_totals,
    check_units,
    element,
    report_assumed_units,
    report_element_and_oxide,
    units_by_symbol,
)
from orecast.survey.data import Element, Findings, listed
from orecast.survey.elements import Header, parse_header
from orecast.survey.projection import parse_crs, utm_zone
from orecast.survey.rasters import matches, read_raster, require_held

# Single-precision interpolation leaves values up to this share of the median instead of zero.
_RESIDUE = float(np.finfo(np.float32).eps)
_BLOCK_SHARE, _BLOCK_CELLS = 0.5, 25


@dataclass(frozen=True)
class GriddedElements:
    """Elements on one grid: values and censored ``(rows * columns, n_elements)``, row-major."""

    grid: Grid
    elements: tuple[Element, ...]
    values: Floats
    censored: Bools


def read_gridded(gridded: Gridded, crs: str | None, findings: Findings) -> GriddedElements:
    """Read the rasters of a gridded survey; files not named by an element are left out.

    Raises InputError if no file is named by an element, a layer is empty or constant, or the CRS
    is not projected; AlignmentError, with the raster's name, if the grids differ.
    """
    paths = matches(gridded.path)
    headers = _headers(paths, gridded, findings)
    units = units_by_symbol(gridded.units, [h.symbol for h in headers.values()], "gridded.units")
    grid: Grid | None = None
    elements, columns, below = [], [], []
    for path, header in headers.items():
        raster = read_raster(path, crs=None, setting="gridded.crs")
        if grid is None:
            grid = raster.grid
            _require_projected(grid, crs, path)
            require_held(gridded.path, grid.shape, grid.cell_size[0], rasters=len(headers))
        _require_same(raster.grid, grid, path, next(iter(headers)))
        e = element(header.symbol, path.stem, units.get(header.symbol) or header.unit)
        values, censored = _concentrations(raster.values, e, path, findings)
        elements.append(e)
        columns.append(values)
        below.append(censored)
    assert grid is not None
    written = set(units) | {h.symbol for h in headers.values() if h.unit}
    where = str(gridded.path)
    values = np.column_stack(columns)
    report_assumed_units(elements, written, where, "gridded", findings)
    report_element_and_oxide([e.symbol for e in elements], where, "gridded", findings)
    assumed = [e.symbol for e in elements if e.symbol not in written]
    check_units(elements, values, assumed, where, "gridded", findings)
    check_totals(elements, values, where, "cells", findings)
    return GriddedElements(grid, tuple(elements), values, np.column_stack(below))


def _headers(paths: list[Path], gridded: Gridded, findings: Findings) -> dict[Path, Header]:
    stems = {p.stem: p for p in paths}
    for name in gridded.ignore:
        if name not in stems:
            raise InputError(
                f"there is no raster {name!r}; it is named in gridded.ignore",
                where=str(gridded.path),
                remedy=nearest(name, stems),
            )
    headers: dict[Path, Header] = {}
    unknown = []
    for path in paths:
        header = parse_header(path.stem)
        if path.stem in gridded.ignore:
            continue
        if header is None:
            unknown.append(path.name)
            continue
        twin = next((p for p, h in headers.items() if h.symbol == header.symbol), None)
        if twin is not None:
            raise InputError(
                f"{twin.name} and {path.name} are both {header.symbol}",
                where=str(gridded.path),
                remedy="add one of them to gridded.ignore",
            )
        headers[path] = header
    if not headers:
        raise InputError(
            f"no raster is named by an element: {listed([p.name for p in paths])}",
            where=str(gridded.path),
            remedy="rename the files by their element, such as Au.tif",
        )
    if unknown:
        findings.info(
            "unrecognised-rasters",
            str(gridded.path),
            f"ignored {len(unknown)} raster(s) not named by a known element: {listed(unknown)}",
            "if one is an element, rename the file by its symbol, such as Au.tif",
            files=unknown,
        )
    return headers


def _require_projected(grid: Grid, crs: str | None, path: Path) -> None:
    wanted = parse_crs(crs, "crs") if crs is not None else grid.crs
    if not grid.crs.is_projected:
        zone = crs_name(utm_zone(np.array([grid.bounds[:2], grid.bounds[2:]])))
        raise InputError(
            f"a gridded survey needs a projected CRS in metres; this is {crs_name(grid.crs)}",
            where=str(path),
            remedy="first reproject the rasters to a projected CRS "
            f"(QGIS: Raster > Projections > Warp, or gdalwarp -t_srs {zone})",
        )
    if not wanted.equals(grid.crs, ignore_axis_order=True):
        raise InputError(
            f"the rasters are in {crs_name(grid.crs)}, but crs is {crs_name(wanted)}; "
            "a gridded survey keeps its own CRS",
            where=str(path),
            remedy="remove crs, or warp the rasters first",
        )


def _require_same(grid: Grid, first: Grid, path: Path, reference: Path) -> None:
    same = grid.shape == first.shape and grid.crs == first.crs
    if not (same and grid.transform.almost_equals(first.transform, precision=1e-3)):
        raise AlignmentError(
            f"its grid ({grid}) differs from that of {reference.name} ({first})",
            where=f"{path}, layer {path.stem}",
            remedy="warp it to the grid of the others, or add it to gridded.ignore",
        )


def _concentrations(
    cells: NDArray[np.float32], e: Element, path: Path, findings: Findings
) -> tuple[Floats, Bools]:
    values, shape = cells.astype(np.float64).ravel(), cells.shape
    where = f"{path}, layer {e.symbol}"
    remedy = f"add {path.stem!r} to gridded.ignore"
    positive = values[values > 0]
    if not len(positive):
        raise InputError("no cell has a value above zero", where=where, remedy=remedy)
    if np.nanmin(values) == np.nanmax(values):
        raise InputError(
            f"all cells have the same value ({positive[0]:g})", where=where, remedy=remedy
        )
    below = values <= _RESIDUE * np.median(positive)
    if below.any():
        lowest = float(positive[positive > _RESIDUE * np.median(positive)].min())
        block = _largest_block(below.reshape(shape))
        unmeasured = ""
        if block > _BLOCK_SHARE * below.sum() and block > _BLOCK_CELLS:
            unmeasured = f"; {block} of them are connected: probably nothing was measured there"
        findings.warning(
            "zeros",
            where,
            f"{below.sum()} cells of {e.symbol} are zero or negative; they are read as below "
            f"{lowest:g} {e.unit}, the lowest other value{unmeasured}",
            f"if nothing was measured there, set these cells to nodata, or {remedy}",
            n=int(below.sum()),
            limit=lowest,
            largest_block=block,
        )
        values[below] = lowest
    return values, below


def _largest_block(marked: Bools) -> int:
    from scipy.ndimage import label

    numbers, n = label(marked)
    return int(np.bincount(numbers.ravel())[1:].max()) if n else 0
