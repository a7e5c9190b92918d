"""Read a configuration's files into a ``Survey`` with its findings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from orecast.config import Config, Vectors
from orecast.errors import ConfigError, InputError
from orecast.survey.data import Findings, Raster, Survey
from orecast.survey.deposits import Region, check_number, read_deposits, report_no_deposits
from orecast.survey.geochemistry import Geochemistry, read_geochemistry
from orecast.survey.projection import transformed
from orecast.survey.rasters import on_pixels, read_layer_raster, read_values
from orecast.survey.vectors import bounds_of, read_layer, require_overlap

if TYPE_CHECKING:
    import geopandas as gpd


def read_survey(config: Config) -> Survey:
    """Read and check all files of a configuration; return them in one projected CRS in metres.

    Raises InputError, AlignmentError, SamplingError or ConfigError with file, column, row or
    layer, and the remedy. Problems that do not stop a run are in the survey's ``findings``.
    """
    findings = Findings()
    g = read_geochemistry(config, findings)
    area = _area(config, g, findings)
    region = Region(g.crs, g.extent, g.grid, area, g.spacing)
    deposits = None
    if config.deposits is None:
        report_no_deposits(config, findings)
    else:
        deposits = read_deposits(config.deposits, "deposits", region, findings)
        check_number(len(deposits), str(config.deposits.path), findings)
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


def _area(config: Config, g: Geochemistry, findings: Findings) -> gpd.GeoDataFrame | None:
    a = config.area
    if a is None:
        return None
    frame = _features(a, "polygon", "area", "the area's polygons", g, findings)
    if g.samples is not None:
        outside = int((~g.samples.intersects(frame.geometry.union_all())).sum())
        if outside == len(g.samples):
            raise InputError(
                "all samples lie outside the area", where=str(a.path), remedy="check area.crs"
            )
        if outside:
            findings.info(
                "samples-outside-area",
                str(a.path),
                f"{outside} of {len(g.samples)} samples lie outside the area; they are used to "
                "interpolate its edge",
                n=outside,
            )
    return frame


def _faults(config: Config, g: Geochemistry, findings: Findings) -> gpd.GeoDataFrame | None:
    if config.faults is None:
        return None
    return _features(config.faults, "line", "faults", "the faults", g, findings)


def _geology(config: Config, g: Geochemistry, findings: Findings) -> gpd.GeoDataFrame | None:
    from orecast.survey.tables import Table

    s = config.geology
    if s is None:
        return None
    frame = _features(s, "polygon", "geology", "the geology", g, findings)
    units = Table(s.path, frame, row_word="feature").column(s.column, "geology.column")
    nameless = units.isna() | (units.astype("str").str.strip() == "")
    if nameless.all():
        raise InputError(
            "no polygon has a unit",
            where=f"{s.path}, column {s.column!r}",
            remedy="set geology.column to the column with the rock unit",
        )
    if nameless.any():
        findings.warning(
            "nameless-geology",
            f"{s.path}, column {s.column!r}",
            f"{nameless.sum()} of {len(frame)} polygons have no unit",
            n=int(nameless.sum()),
        )
    return frame


def _features(
    vectors: Vectors,
    kind: Literal["line", "polygon"],
    setting: str,
    words: str,
    g: Geochemistry,
    findings: Findings,
) -> gpd.GeoDataFrame:
    """Read a vector file into the survey's CRS; refuse one that does not overlap the survey."""
    frame = read_layer(
        vectors.path,
        kind,
        crs=g.crs,
        layer=vectors.layer,
        configured=vectors.crs,
        where=vectors.where,
        setting=setting,
        findings=findings,
    )
    where = str(vectors.path)
    require_overlap(bounds_of(frame), g.extent, words, where, f"check {setting}.crs")
    return frame


def _rasters(config: Config, g: Geochemistry, findings: Findings) -> tuple[Raster, ...]:
    found: list[Raster] = []
    for number, layer in enumerate(config.layers):
        name = layer.name or layer.path.stem
        if name in (r.name for r in found):
            raise ConfigError(
                f"two layers are named {name!r}",
                where=f"layers[{number}], {layer.path}",
                remedy="give one of them another name",
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


def _report_gaps(rasters: list[Raster], g: Geochemistry, findings: Findings) -> None:
    """Report samples at which a supporting layer has no value: the map has no value there."""
    if g.samples is None:
        return
    xy = np.column_stack([g.samples.geometry.x, g.samples.geometry.y])
    for raster in rasters:
        at = raster.grid.cell(transformed(xy, g.crs, raster.grid.crs))
        inside = raster.grid.inside(at)
        missing = np.ones(len(at), dtype=bool)
        missing[inside] = np.isnan(raster.values[tuple(at[inside].T)])
        if missing.any():
            findings.info(
                "layer-gaps",
                f"{raster.source}, layer {raster.name}",
                f"this layer has no value at {missing.sum()} of {len(missing)} samples; the map "
                "has no value there",
                n=int(missing.sum()),
            )
