"""Read a configuration's files into a ``Survey`` with its findings."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from orecast.config import Config, Geology, Vectors
from orecast.errors import ConfigError, InputError
from orecast.survey.coverage import report_costs
from orecast.survey.data import Findings, Raster, Region, Survey, xy_of
from orecast.survey.deposits import (
    read_deposits,
    report_no_deposits,
    report_one_place,
    report_unanalysed,
    require_enough_deposits,
)
from orecast.survey.geochemistry import Geochemistry, read_geochemistry
from orecast.survey.projection import transformed
from orecast.survey.rasters import read_placed
from orecast.survey.tables import InputTable
from orecast.survey.vectors import read_layer

if TYPE_CHECKING:
    import geopandas as gpd


def read_survey(config: Config) -> Survey:
    """Read and check all files of a configuration; return them in one projected CRS in metres.

    Raises InputError, AlignmentError, SamplingError or ConfigError with file, column, row or
    layer, and the remedy. Problems that do not stop a run are in the survey's ``findings``.
    """
    findings = Findings()
    g = read_geochemistry(config, findings)
    region = Region(g.crs, g.extent, g.grid, None, g.spacing)
    area = _area(config.area, g, region, findings)
    region = replace(region, area=area)
    deposits = None
    if config.deposits is None:
        report_no_deposits(config, findings)
    else:
        deposits = read_deposits(config.deposits, "deposits", region, findings)
        require_enough_deposits(len(deposits), str(config.deposits.path), findings)
        spacing = g.spacing if g.grid is None else g.grid.cell_size[0]
        report_one_place(deposits, spacing, str(config.deposits.path), findings)
        report_unanalysed(config.deposits, [e.symbol for e in g.elements], findings)
    barren, held_back = (
        None if section is None else read_deposits(section, setting, region, findings)
        for section, setting in ((config.barren, "barren"), (config.held_back, "held_back"))
    )
    if g.samples is not None and config.samples is not None:
        report_costs(
            g.elements,
            g.values,
            g.samples.get_coordinates().to_numpy(),
            None if deposits is None else deposits.get_coordinates().to_numpy(),
            config.evidence.radius,
            str(config.samples.path),
            findings,
        )
    faults = config.faults
    if faults is not None:
        faults = read_layer(faults, "line", "faults", "the faults", region, findings)
    masks = {
        name: read_layer(section, "polygon", f"targets.{name}", "the polygons", region, findings)
        for name in ("within", "not_within")
        if (section := getattr(config.targets, name)) is not None
    }
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
        faults=faults,
        geology=_geology(config.geology, region, findings),
        area=area,
        **masks,
        rasters=_rasters(config, g, region, findings),
        rows=g.rows,
        zeros=g.zeros if g.zeros.any() else None,
        extrapolated=g.extrapolated,
    )


def _area(
    a: Vectors | None, g: Geochemistry, region: Region, findings: Findings
) -> gpd.GeoDataFrame | None:
    if a is None:
        return None
    frame = read_layer(a, "polygon", "area", "the area's polygons", region, findings)
    if g.samples is not None:
        outside = int((~g.samples.intersects(frame.geometry.union_all())).sum())
        if outside == len(g.samples):
            raise InputError(
                "all samples lie outside the area",
                where=str(a.path),
                remedy="check the CRS of the area's file and of the samples. Set area.crs only if "
                "the file has no CRS",
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


def _geology(s: Geology | None, region: Region, findings: Findings) -> gpd.GeoDataFrame | None:
    if s is None:
        return None
    frame = read_layer(s, "polygon", "geology", "the geology", region, findings)
    units = InputTable(s.path, frame, row_word="feature").column(s.column, "geology.column")
    nameless = units.isna() | (units.astype("str").str.strip() == "")
    if nameless.all():
        raise InputError(
            "no polygon has a rock unit in this column",
            where=f"{s.path}, column {s.column!r}",
            remedy="set geology.column to the column with the rock unit",
        )
    if nameless.any():
        findings.warning(
            "nameless-geology",
            f"{s.path}, column {s.column!r}",
            f"{nameless.sum()} of {len(frame)} polygons have no rock unit",
            n=int(nameless.sum()),
        )
    return frame


def _rasters(
    config: Config, g: Geochemistry, region: Region, findings: Findings
) -> tuple[Raster, ...]:
    found: list[Raster] = []
    for number, layer in enumerate(config.layers):
        name = layer.name or layer.path.stem
        if name in (r.name for r in found):
            raise ConfigError(
                f"two layers are named {name!r}",
                where=f"layers[{number}], {layer.path}",
                remedy="give one of them another name",
            )
        setting = f"layers[{number}]"
        raster = read_placed(
            layer.path,
            name,
            layer.align,
            layer.crs,
            setting,
            region,
            findings,
            band=layer.band,
            nodata=layer.nodata,
        )
        if np.isnan(raster.values).all():
            raise InputError(
                "every cell is nodata",
                where=f"{layer.path}, layer {name}",
                remedy="remove it from [[layers]]",
            )
        found.append(raster)
    if g.samples is None:
        return tuple(found)
    xy = xy_of(g.samples)
    for raster in found:
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
    return tuple(found)
