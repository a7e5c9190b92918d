"""From a configuration's files to a ``Survey``, with everything found on the way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from orecast.config import Config, Samples
from orecast.errors import ConfigError, InputError
from orecast.grid import Bounds, Grid
from orecast.survey.analytes import check_totals, choose_elements, doubt_units, limits_by_symbol
from orecast.survey.concentrations import Reading, concentrations
from orecast.survey.deposits import Region, judge_number, note_none_known, read_deposits
from orecast.survey.duplicates import Places, average, places, precision
from orecast.survey.findings import Findings
from orecast.survey.gridded import read_gridded
from orecast.survey.nouns import Element, Raster, Survey
from orecast.survey.points import read_points
from orecast.survey.projection import (
    check_projected,
    moved,
    report_stretch,
    transformed,
    working_crs,
)
from orecast.survey.rasters import on_pixels, read_layer_raster, read_values
from orecast.survey.vectors import bounds_of, read_layer, require_overlap
from orecast.survey.zeros import lowest_seen

if TYPE_CHECKING:
    import geopandas as gpd
    from pyproj import CRS

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

_FEWEST_SAMPLES = 3
# A continuous quantity seldom ties at its very lowest value.
_PILE_COUNT, _PILE_SHARE = 5, 0.002


@dataclass(frozen=True)
class _Geochemistry:
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


def read_survey(config: Config) -> Survey:
    """Read and judge all that a configuration names, in one projected CRS in metres.

    Raises InputError, AlignmentError, SamplingError or ConfigError with file, column, row or
    layer, and the remedy. What can be lived with is in the survey's ``findings``.
    """
    findings = Findings()
    if config.samples is not None:
        geochemistry = _from_samples(config.samples, config.crs, findings)
    elif config.gridded is not None:
        geochemistry = _from_grid(config, findings)
    else:
        raise ConfigError("a run needs either [samples] or [gridded]")
    area = _area(config, geochemistry, findings)
    g = geochemistry
    region = Region(g.crs, g.extent, g.grid, area, g.spacing)
    deposits = None
    if config.deposits is None:
        note_none_known(config, findings)
    else:
        deposits = read_deposits(config.deposits, "deposits", region, findings)
        judge_number(len(deposits), str(config.deposits.path), findings)
    barren = None
    if config.barren is not None:
        barren = read_deposits(config.barren, "barren", region, findings)
    held_back = None
    if config.held_back is not None:
        held_back = read_deposits(config.held_back, "held_back", region, findings)
    return Survey(
        crs=g.crs,
        elements=g.elements,
        values=g.values,
        censored=g.censored,
        findings=findings,
        samples=g.samples,
        gridded=g.grid,
        deposits=deposits,
        barren=barren,
        held_back=held_back,
        faults=_faults(config, g, findings),
        geology=_geology(config, g, findings),
        area=area,
        rasters=_rasters(config, g, findings),
        rows=g.rows,
        zeros=g.zeros if g.zeros.any() else None,
    )


def _from_samples(samples: Samples, crs: str | None, findings: Findings) -> _Geochemistry:
    import geopandas as gpd

    points = read_points(samples, "samples", findings, samples.missing)
    rows = len(points.xy) + sum(len(f.data["rows"]) for f in findings.of("no-position"))
    rows += sum(f.data["n"] for f in findings.of("no-geometry"))
    table = points.table
    if len(points.xy) < _FEWEST_SAMPLES:
        raise InputError(
            f"{len(points.xy)} sample(s) make no survey",
            where=str(table.path),
            remedy="check that the whole table was exported",
        )
    target = working_crs(points.crs, points.xy, crs, str(table.path), findings)
    xy = moved(points.xy, points.crs, target, str(table.path))
    check_projected(target, xy, str(table.path))
    report_stretch(target, xy, str(table.path), findings)
    elements = choose_elements(table, samples, points.position_columns, findings)
    limits = limits_by_symbol(samples.detection_limits, [e.symbol for e in elements])
    reading = Reading(tuple(samples.missing), samples.negatives, samples.zeros)
    read = [
        concentrations(table.frame[e.column], e, table, reading, limits.get(e.symbol), findings)
        for e in elements
    ]
    values, censored, zeros = (np.column_stack(part) for part in zip(*read, strict=True))
    where = str(table.path)
    assumed = [s for f in findings.of("assumed-units") for s in f.data["units"]]
    doubt_units(elements, values, assumed, where, "samples", findings)
    _report_piles(elements, values, censored, where, findings)
    at = places(xy)
    _report_duplicates(at, elements, values, censored, samples.duplicates, where, findings)
    frame = table.frame
    if samples.duplicates == "average" and at.shared:
        values, censored, zeros = average(values, censored, zeros, at)
        # The lowest value is now that of a place, and a fold finds it again among the places.
        values = np.where(zeros, lowest_seen(values, zeros), values)
        frame, xy = frame.iloc[at.first], xy[at.first]
    check_totals(elements, values, where, "samples", findings)
    _judge_medium(samples, findings)
    extent = Bounds(*(float(v) for v in (*xy.min(axis=0), *xy.max(axis=0))))
    _require_spread(extent, where)
    located = gpd.GeoDataFrame(
        frame.reset_index(drop=True), geometry=gpd.points_from_xy(*xy.T), crs=target
    )
    spacing = float(np.sqrt((extent.east - extent.west) * (extent.north - extent.south) / len(xy)))
    return _Geochemistry(
        target,
        elements,
        values,
        censored,
        zeros,
        extent,
        samples=located,
        spacing=spacing,
        rows=rows,
    )


def _from_grid(config: Config, findings: Findings) -> _Geochemistry:
    assert config.gridded is not None
    g = read_gridded(config.gridded, config.crs, findings)
    below = g.censored  # zeros, all of them: a raster knows no other limit
    return _Geochemistry(g.grid.crs, g.elements, g.values, below, below, g.grid.bounds, grid=g.grid)


def _require_spread(extent: Bounds, where: str) -> None:
    if extent.east <= extent.west or extent.north <= extent.south:
        raise InputError(
            f"all samples lie on one line or point ({extent})",
            where=where,
            remedy="check the columns of positions",
        )


def _report_piles(
    elements: tuple[Element, ...], values: Floats, censored: Bools, where: str, findings: Findings
) -> None:
    piles = {}
    for column, e in enumerate(elements):
        detected = values[~censored[:, column] & ~np.isnan(values[:, column]), column]
        lowest = float(detected.min())
        n = int((detected == lowest).sum())
        if n >= max(_PILE_COUNT, _PILE_SHARE * len(detected)):
            share = n / len(detected)
            piles[e] = {"lowest": lowest, "n": n, "share": share}
    if not piles:
        return
    text = "; ".join(
        f"{e.symbol} {p['lowest']:g} {e.unit}, {p['n']} times ({100 * p['share']:.1f} %)"
        for e, p in piles.items()
    )
    limits = ", ".join(f"{e.symbol} = {p['lowest']:g}" for e, p in piles.items())
    findings.warning(
        "piled-up-lowest",
        where,
        f"values of {len(piles)} element(s) pile up at the lowest, probably a detection limit or "
        f"half of one, and are taken as measured: {text}",
        f"set samples.detection_limits = {{{limits}}} where they are limits",
        elements={e.symbol: p for e, p in piles.items()},
    )


def _report_duplicates(
    at: Places,
    elements: tuple[Element, ...],
    values: Floats,
    censored: Bools,
    treatment: str,
    where: str,
    findings: Findings,
) -> None:
    if not at.shared:
        return
    shared_places = int((np.bincount(at.number) > 1).sum())
    what = (
        f"{at.shared} samples stand where an earlier one does ({shared_places} places with "
        "several); they are "
    )
    counts: dict[str, Any] = {"n": at.shared, "places": shared_places}
    if treatment == "average":
        findings.info("duplicate-places", where, f"{what}averaged (geometric mean)", **counts)
    else:
        remedy = 'set samples.duplicates = "average" to make them one'
        findings.warning("duplicate-places", where, f"{what}kept", remedy, **counts)
    spread = {elements[c].symbol: pair for c, pair in precision(values, censored, at).items()}
    if spread:
        worst = sorted(spread, key=lambda s: -spread[s][1])
        text = ", ".join(f"{s} {100 * spread[s][1]:.0f} %" for s in worst)
        findings.info(
            "precision",
            where,
            "coefficient of variation of sampling and analysis, from samples of one place "
            f"(Thompson & Howarth 1973): {text}",
            cv={s: spread[s][1] for s in worst},
            pairs={s: spread[s][0] for s in worst},
        )


def _judge_medium(samples: Samples, findings: Findings) -> None:
    if samples.medium == "stream-sediment":
        findings.warning(
            "stream-sediment",
            str(samples.path),
            "a stream sediment speaks for its catchment upstream, not for the circle around it: "
            "interpolated highs lie downstream of their source",
            "look for the source of a target upstream of its samples",
        )
    elif samples.medium == "unknown":
        findings.info(
            "unknown-medium",
            str(samples.path),
            "what was sampled is not said; a stream sediment would speak for its catchment",
            'set samples.medium to "stream-sediment", "soil", "rock" or "till"',
        )


def _area(config: Config, g: _Geochemistry, findings: Findings) -> gpd.GeoDataFrame | None:
    a = config.area
    if a is None:
        return None
    frame = read_layer(
        a.path,
        "polygon",
        crs=g.crs,
        layer=a.layer,
        configured=a.crs,
        where=a.where,
        setting="area",
        findings=findings,
    )
    require_overlap(
        bounds_of(frame), g.extent, "the area's polygons", str(a.path), "check area.crs"
    )
    if g.samples is not None:
        outside = int((~g.samples.intersects(frame.geometry.union_all())).sum())
        if outside == len(g.samples):
            raise InputError(
                "no sample lies within the area", where=str(a.path), remedy="check area.crs"
            )
        if outside:
            findings.info(
                "samples-outside-area",
                str(a.path),
                f"{outside} of {len(g.samples)} samples lie outside the area; they still inform "
                "its edge",
                n=outside,
            )
    return frame


def _faults(config: Config, g: _Geochemistry, findings: Findings) -> gpd.GeoDataFrame | None:
    f = config.faults
    if f is None:
        return None
    frame = read_layer(
        f.path,
        "line",
        crs=g.crs,
        layer=f.layer,
        configured=f.crs,
        where=f.where,
        setting="faults",
        findings=findings,
    )
    require_overlap(bounds_of(frame), g.extent, "the faults", str(f.path), "check faults.crs")
    return frame


def _geology(config: Config, g: _Geochemistry, findings: Findings) -> gpd.GeoDataFrame | None:
    from orecast.survey.tables import Table

    s = config.geology
    if s is None:
        return None
    frame = read_layer(
        s.path,
        "polygon",
        crs=g.crs,
        layer=s.layer,
        configured=s.crs,
        where=s.where,
        setting="geology",
        findings=findings,
    )
    units = Table(s.path, frame, row_word="feature").column(s.column, "geology.column")
    require_overlap(bounds_of(frame), g.extent, "the geology", str(s.path), "check geology.crs")
    nameless = units.isna() | (units.astype("str").str.strip() == "")
    if nameless.all():
        raise InputError(
            "every polygon's unit is blank",
            where=f"{s.path}, column {s.column!r}",
            remedy="set geology.column to the column of the rock unit",
        )
    if nameless.any():
        findings.warning(
            "nameless-geology",
            f"{s.path}, column {s.column!r}",
            f"{nameless.sum()} of {len(frame)} polygons have no unit",
            n=int(nameless.sum()),
        )
    return frame


def _rasters(config: Config, g: _Geochemistry, findings: Findings) -> tuple[Raster, ...]:
    found: list[Raster] = []
    for number, layer in enumerate(config.layers):
        name = layer.name or layer.path.stem
        if name in (r.name for r in found):
            raise ConfigError(
                f"two layers are named {name!r}",
                where=f"layers[{number}], {layer.path}",
                remedy="set name of one of them",
            )
        if layer.align == "pixels":
            where = f"{layer.path}, layer {name}"
            values = on_pixels(read_values(layer.path), g.grid, where, findings)
            assert g.grid is not None  # on_pixels refused otherwise
            found.append(Raster(name, g.grid, values, str(layer.path)))
        else:
            found.append(
                read_layer_raster(
                    layer.path,
                    name=name,
                    crs=layer.crs,
                    setting=f"layers[{number}].crs",
                    extent=g.extent,
                    survey_crs=g.crs,
                    survey_grid=g.grid,
                )
            )
    _report_gaps(found, g, findings)
    return tuple(found)


def _report_gaps(rasters: list[Raster], g: _Geochemistry, findings: Findings) -> None:
    """Say where samples stand on nodata of a supporting layer: the map will end there."""
    if g.samples is None:
        return
    xy = np.column_stack([g.samples.geometry.x, g.samples.geometry.y])
    for raster in rasters:
        at = raster.grid.cell(transformed(xy, g.crs, raster.grid.crs))
        inside = raster.grid.inside(at)
        bare = np.ones(len(at), dtype=bool)
        bare[inside] = np.isnan(raster.values[tuple(at[inside].T)])
        if bare.any():
            findings.info(
                "layer-gaps",
                f"{raster.source}, layer {raster.name}",
                f"{bare.sum()} of {len(bare)} samples stand where this layer has no value; the map "
                "ends there",
                n=int(bare.sum()),
            )
