"""Read a survey's elements from its samples table or its rasters, in one projected CRS."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from orecast.arrays import Bools, Floats
from orecast.config import Config, Gridded, Samples
from orecast.errors import AlignmentError, ConfigError, InputError, require_among
from orecast.grid import Bounds, Grid, crs_name
from orecast.survey.analytes import (
    check_totals,
    check_units,
    choose_elements,
    element,
    limits_by_symbol,
    report_assumptions,
    report_impossible,
    units_by_symbol,
)
from orecast.survey.coarse import isolated_in_words, report_coarse
from orecast.survey.concentrations import lowest_seen, read_concentrations, unusable
from orecast.survey.data import Element, Findings, listed
from orecast.survey.duplicates import SharedPlaces, average, places, precision
from orecast.survey.elements import Header, parse_headers
from orecast.survey.extrapolation import report_extrapolated
from orecast.survey.points import read_points, without_crowds
from orecast.survey.projection import (
    check_projected,
    moved,
    parse_crs,
    report_stretch,
    utm_zone,
    working_crs,
)
from orecast.survey.rasters import matches, read_raster, require_held
from orecast.survey.rows import composite, interval_columns
from orecast.survey.ties import heavy_ties, report_ties, tied

if TYPE_CHECKING:
    import geopandas as gpd
    from pyproj import CRS


_FEWEST_SAMPLES = 3
# Single-precision interpolation leaves values up to this share of the median instead of zero.
_RESIDUE = float(np.finfo(np.float32).eps)
_BLOCK_SHARE, _BLOCK_CELLS = 0.5, 25


@dataclass(frozen=True)
class Geochemistry:
    """Concentrations ``values`` ``(n_places, n_elements)`` in the file's units, and their places.

    ``extent`` and ``spacing`` (the side of the square that one sample represents) are in metres.
    A table gives ``samples`` and ``rows`` (its number of rows), rasters give ``grid`` and, if there
    are any, the cells ``extrapolated`` beyond the samples.
    """

    crs: CRS
    elements: tuple[Element, ...]
    values: Floats
    censored: Bools
    zeros: Bools
    extent: Bounds
    samples: gpd.GeoDataFrame | None = None
    grid: Grid | None = None
    spacing: float = 0.0
    rows: int | None = None
    extrapolated: Bools | None = None


def read_geochemistry(config: Config, findings: Findings) -> Geochemistry:
    """Read and check the files of ``[samples]`` or ``[gridded]``.

    Raises ConfigError if both are missing, InputError with file, column and row, AlignmentError if
    the grids of the rasters differ.
    """
    if config.samples is not None:
        return _from_samples(config.samples, config.crs, findings)
    if config.gridded is not None:
        return _from_grid(config.gridded, config.crs, findings)
    raise ConfigError(
        "the configuration has no survey", remedy="add a section [samples] or [gridded]"
    )


def _from_samples(samples: Samples, crs: str | None, findings: Findings) -> Geochemistry:
    import geopandas as gpd

    points = read_points(samples, "samples", findings, samples.missing)
    points = without_crowds(points, samples.most_per_place, findings)
    table = points.table
    if len(points.xy) < _FEWEST_SAMPLES:
        raise InputError(
            f"too few samples: {len(points.xy)} of at least {_FEWEST_SAMPLES}",
            where=str(table.path),
            remedy="check that the whole table was exported",
        )
    target = working_crs(points.crs, points.xy, crs, str(table.path), findings)
    xy = moved(points.xy, points.crs, target, str(table.path))
    check_projected(target, xy, str(table.path))
    report_stretch(target, xy, str(table.path), findings)
    if found := isolated_in_words(table, xy):
        what, remedy, rows = found
        findings.warning("isolated-samples", str(table.path), what, remedy, rows=rows)
    elements, table = choose_elements(table, samples, points.position_columns, findings)
    limits = limits_by_symbol(samples.detection_limits, [e.symbol for e in elements])
    written = {e.symbol: table.lower[e.column] for e in elements if e.column in table.lower}
    if added := {symbol: limit for symbol, limit in written.items() if symbol not in limits}:
        limits |= {symbol: (limit,) for symbol, limit in added.items()}
        findings.info(
            "limits-row",
            str(table.path),
            "a row of the table gives detection limits, and values at or below them are censored: "
            + ", ".join(f"{symbol} {limit:g}" for symbol, limit in added.items()),
            "set samples.detection_limits if one is wrong",
            limits=added,
        )
    read = read_concentrations(elements, table, samples, limits, findings)
    values, censored, zeros = read.values, read.censored, read.zeros
    where = str(table.path)
    assumed = [s for f in findings.of("assumed-units") for s in f.data["units"]]
    check_units(elements, values, assumed, where, "samples", findings)
    ties = heavy_ties(values, censored)
    report_ties(elements, values, censored, ties, where, findings)
    at = places(xy)
    frame, holes = table.frame, samples.intervals == "composite" and interval_columns(table)
    if not holes:
        report_coarse(table, at, values, censored, samples.where, findings)
        coarse = censored | tied(values, ties)
        _report_duplicates(at, elements, values, coarse, samples.duplicates, where, findings)
    if at.shared and (holes or samples.duplicates == "average"):
        if holes:
            values, censored, zeros = composite(table, values, censored, zeros, at, findings)
        else:
            values, censored, zeros = average(values, censored, zeros, at)
        # Zeros now get the lowest value of the averaged places; a fold learns it the same way.
        values = np.where(zeros, lowest_seen(values, zeros), values)
        frame, xy = frame.iloc[at.first], xy[at.first]
    lost = unusable(values, censored)
    if lost and len(lost) < len(elements):
        findings.warning(
            "nothing-detected-at-places",
            where,
            f"left out {len(lost)} element(s) without a detected or varying value after samples "
            f"at one place were averaged: {', '.join(elements[k].symbol for k in lost)}",
            elements=[elements[k].symbol for k in lost],
        )
        kept = [k for k in range(len(elements)) if k not in lost]
        elements = tuple(elements[k] for k in kept)
        values, censored, zeros = values[:, kept], censored[:, kept], zeros[:, kept]
    check_totals(elements, values, where, "samples", findings, [int(row) for row in frame.index])
    _report_medium(samples, findings)
    extent = Bounds(*(float(v) for v in (*xy.min(axis=0), *xy.max(axis=0))))
    if extent.east <= extent.west or extent.north <= extent.south:
        raise InputError(
            f"all samples have the same x or the same y ({extent})",
            where=where,
            remedy="set samples.x and samples.y to the columns with positions",
        )
    located = gpd.GeoDataFrame(
        frame.reset_index(drop=True), geometry=gpd.points_from_xy(*xy.T), crs=target
    )
    spacing = float(np.sqrt((extent.east - extent.west) * (extent.north - extent.south) / len(xy)))
    return Geochemistry(
        target,
        elements,
        values,
        censored,
        zeros,
        extent,
        samples=located,
        spacing=spacing,
        rows=points.n_read,
    )


def _report_duplicates(
    at: SharedPlaces,
    elements: tuple[Element, ...],
    values: Floats,
    coarse: Bools,
    treatment: str,
    where: str,
    findings: Findings,
) -> None:
    """Report shared places, and the precision from values that are not ``coarse``.

    Coarse are censored values and ties: two of them agree without being precise.
    """
    if not at.shared:
        return
    shared_places = int((np.bincount(at.number) > 1).sum())
    what = (
        f"{at.shared} samples are at the place of an earlier sample ({shared_places} places have "
        "several); they are "
    )
    counts: dict[str, Any] = {"n": at.shared, "places": shared_places}
    if treatment == "average":
        findings.info("duplicate-places", where, f"{what}averaged (geometric mean)", **counts)
    else:
        remedy = 'set samples.duplicates = "average" to average them'
        findings.warning(
            "duplicate-places", where, f"{what}kept as separate samples", remedy, **counts
        )
    spread = {elements[c].symbol: pair for c, pair in precision(values, coarse, at).items()}
    equal = [s for s, (_, cv) in spread.items() if cv == 0]
    spread = {s: pair for s, pair in spread.items() if pair[1] > 0}
    if equal:
        findings.info(
            "equal-duplicates",
            where,
            "more than half of the samples at the same place have equal values, so the precision "
            f"cannot be computed: {listed(equal, 20)}",
            "check whether the same samples are listed twice",
            elements=equal,
        )
    if spread:
        worst = sorted(spread, key=lambda s: -spread[s][1])
        text = ", ".join(f"{s} {100 * spread[s][1]:.0f} %" for s in worst)
        findings.info(
            "precision",
            where,
            "coefficient of variation of sampling and analysis, from samples at the same place "
            f"(Thompson & Howarth 1973): {text}",
            cv={s: spread[s][1] for s in worst},
            pairs={s: spread[s][0] for s in worst},
        )


def _report_medium(samples: Samples, findings: Findings) -> None:
    if samples.medium == "stream-sediment":
        findings.warning(
            "stream-sediment",
            str(samples.path),
            "a stream sediment represents its upstream catchment, not the area around its sample: "
            "interpolated highs lie downstream of their source",
            "search for the source of a target upstream of its samples",
        )
    elif samples.medium == "unknown":
        findings.info(
            "unknown-medium",
            str(samples.path),
            "the sampled medium is not given; a stream sediment would represent its upstream "
            "catchment",
            'set samples.medium to "stream-sediment", "soil", "rock" or "till"',
        )


def _from_grid(gridded: Gridded, crs: str | None, findings: Findings) -> Geochemistry:
    """Read one raster per element; files not named by an element are left out."""
    paths = matches(gridded.path)
    headers = _headers(paths, gridded, findings)
    units = units_by_symbol(gridded.units, [h.symbol for h in headers.values()], "gridded.units")
    grid: Grid | None = None
    elements, columns, below = [], [], []
    for path, header in headers.items():
        raster = read_raster(
            path, crs=None, setting="gridded", findings=findings, nodata=gridded.nodata
        )
        if grid is None:
            grid = raster.grid
            _require_projected(grid, crs, path)
            require_held(gridded.path, grid.shape, grid.cell_size[0], rasters=len(headers))
        _require_same(raster.grid, grid, path, next(iter(headers)))
        e = element(header.symbol, path.stem, units.get(header.symbol) or header.unit)
        cells, zeros = _cells(raster.values, e, path, findings)
        elements.append(e)
        columns.append(cells)
        below.append(zeros)
    assert grid is not None
    written = set(units) | {h.symbol for h in headers.values() if h.unit}
    where = str(gridded.path)
    values = np.column_stack(columns)
    highest = np.nanmax(values, axis=0).tolist()
    report_impossible(elements, highest, where, "gridded", findings)
    assumed = report_assumptions(elements, written, where, "gridded", findings)
    check_units(elements, values, assumed, where, "gridded", findings)
    check_totals(elements, values, where, "gridded", findings)
    censored = np.column_stack(below)  # all are zeros: a raster has no other limit
    bounds = grid.bounds
    return Geochemistry(
        grid.crs,
        tuple(elements),
        values,
        censored,
        censored,
        bounds,
        grid=grid,
        extrapolated=report_extrapolated(values, grid, where, findings),
    )


def _headers(paths: list[Path], gridded: Gridded, findings: Findings) -> dict[Path, Header]:
    stems = {p.stem: p for p in paths}
    for name in gridded.ignore:
        require_among(
            name,
            stems,
            f"raster {name!r}, named in gridded.ignore, is not among the files",
            str(gridded.path),
            InputError,
        )
    headers: dict[Path, Header] = {}
    parsed = parse_headers(stems)
    unknown = []
    for path in paths:
        header = parsed[path.stem]
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


def _cells(
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
