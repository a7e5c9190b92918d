"""Build evidence layers on one grid; refit the fitted ones in a fold."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from orecast.arrays import Bools
from orecast.capacity import require_memory
from orecast.composition.censored import FRACTION, median_measured
from orecast.config import Config, EvidenceOptions
from orecast.errors import AlignmentError, ConfigError, InputError, nearest
from orecast.evidence.alignment import with_rasters
from orecast.evidence.elements import (
    interpolated_layers,
    interpolator_class,
    limits_of_zeros,
    parts_of,
    sample_places,
    survey_ratios,
    with_elements,
)
from orecast.evidence.layers import Evidence, layers_without
from orecast.evidence.lithology import with_geology
from orecast.evidence.proximity import with_faults
from orecast.evidence.spacing import propose_cell_size, round_down, round_up
from orecast.grid import Bounds, Grid
from orecast.survey.data import Findings, listed

if TYPE_CHECKING:
    import geopandas as gpd

    from orecast.survey.data import Survey


def refitted(evidence: Evidence, survey: Survey, config: Config, hidden: Bools) -> Evidence:
    """Evidence with everything that is fitted refitted on the data outside ``hidden``.

    ``evidence`` comes from ``build_evidence``; ``hidden`` ``(rows, columns)`` are the cells that a
    fold must not use. Fitted are kriging variograms, log-normals of censored values, and limits of
    zeros without a known limit. All samples are still interpolated: farther than the reach from
    ``hidden``, no concentration within it changes a value.

    Only element layers are new; the others are shared, and the same cells have values. If no
    fitted value would change, the same object is returned. Raises InputError if the samples
    outside are not enough, for example an element measured only within ``hidden``.
    """
    seen = seen_rows(survey, evidence.grid, hidden)
    names = [name for name in evidence.names if evidence.kind(name) == "element"]
    if not names or seen.all() or not _changes(survey, config, seen):
        return evidence
    quiet = replace(survey, findings=Findings())  # its findings are reported already
    ratios, values = survey_ratios(quiet, config, seen)
    kept = [k for k, name in enumerate(ratios) if name in names]
    layers, _, _ = interpolated_layers(values[:, kept], evidence.grid, quiet, config, seen)
    data = evidence.data
    for k, layer in zip(kept, layers, strict=True):
        before = data[ratios[k]]
        layer[np.isnan(before.to_numpy())] = np.nan  # beyond the study area
        data = data.assign({ratios[k]: before.copy(data=layer)})
    return Evidence(evidence.grid, data)


def seen_rows(survey: Survey, grid: Grid, hidden: Bools) -> Bools:
    """Samples, or cells of a gridded survey, outside ``hidden`` ``(rows, columns)``, ``(n,)``.

    A sample outside the grid belongs to its nearest cell, which is at least as near to a fold's
    region: every sample within the fold's buffer is hidden, on the grid or outside.
    """
    if survey.gridded is not None:
        return ~hidden.ravel()
    at = np.clip(grid.cell(sample_places(survey)), 0, np.array(grid.shape) - 1)
    return np.asarray(~hidden[at[:, 0], at[:, 1]])


def _changes(survey: Survey, config: Config, seen: Bools) -> bool:
    """Whether any fitted value can change if it is fitted on the rows ``seen``."""
    if survey.gridded is None and interpolator_class(config).learns:
        return True
    columns = parts_of(survey, config)
    values, censored = survey.values[:, columns], survey.censored[:, columns]
    if config.composition.censored != "multiplicative" and censored.any():
        return True
    replaced = FRACTION * values
    of_all, of_seen = (
        np.fmin(replaced, median_measured(values[rows], censored[rows]))
        for rows in (slice(None), seen)
    )
    if (censored & (of_all != of_seen)).any():
        return True
    if survey.zeros is None:
        return False
    columns = [k for k in columns if survey.zeros[:, k].any()]
    limits = limits_of_zeros(survey, columns, seen)
    return bool((survey.zeros[:, columns] & (survey.values[:, columns] != limits)).any())


_A_LAYER, _A_CELL = 9, 48
"""Bytes per cell: of a layer, its copy in the stack and its mask; and while computing distances."""
_LITTLE = 0.9  # of the cells that the others cover; a layer that covers less is reported


def build_evidence(survey: Survey, config: Config) -> Evidence:
    """Build all configured layers on one grid.

    First elements, then faults, geology and supporting rasters. A cell beyond the data's reach,
    or with its centre outside the study area, is NaN. Proposed values and the coverage of the
    layers are added to ``survey.findings``. Raises ConfigError for a layer that does not exist,
    AlignmentError if the layers have no cell in common.
    """
    grid = propose_grid(survey, config.evidence, _expected_layers(survey, config))
    evidence = with_elements(Evidence.empty(grid), survey, config)
    if config.faults is not None:
        evidence = with_faults(evidence, survey, config.faults)
    if config.geology is not None:
        evidence = with_geology(evidence, survey, config.geology)
    evidence = with_rasters(evidence, survey, config)
    evidence = _selected(evidence, config.evidence.layers)
    inside = area_mask(survey.area, grid)
    for name in evidence.names if not inside.all() else ():
        evidence.layer(name)[~inside] = np.nan  # built here, so nothing else uses it
    report_coverage(evidence, inside, survey.findings)
    return evidence


def propose_grid(survey: Survey, options: EvidenceOptions, layers: int = 1) -> Grid:
    """The grid of a gridded survey; for samples, one over the study area or over the samples.

    Its edges are multiples of the cell size, which is configured or proposed from the spacing.
    Half a cell is added around the samples, so that none lies on the outer edge. Raises
    ConfigError if the cells are too large for the area, CapacityError if so many ``layers`` do
    not fit into memory.
    """
    if survey.gridded is not None:
        return survey.gridded
    xy = sample_places(survey)
    size = options.cell_size
    if size is None:
        size = propose_cell_size(xy)
        survey.findings.info(
            "cell-size-proposed",
            "evidence.cell_size",
            f"proposed cells of {size:g} m: half the mean distance between nearest samples or less",
            "to change it, set evidence.cell_size",
            cell_size=size,
        )
    extent = _around(xy, 0)
    if survey.area is None:
        _check_cells(extent, size, layers, margin=1, stray=_stray(xy))
        return Grid.covering(_around(xy, size), size, survey.crs)
    bounds = Bounds(*map(float, survey.area.total_bounds))
    if not bounds.overlaps(_around(xy, size)):
        raise AlignmentError(
            f"all samples lie outside the study area. Extent of the area: {bounds}; "
            f"of the samples: {extent}",
            where="area",
            remedy="check the CRS of the area's file and of the samples. Set area.crs only if the "
            "file has no CRS",
        )
    _check_cells(bounds, size, layers)
    return Grid.covering(bounds, size, survey.crs)


def _around(xy: NDArray[np.float64], size: float) -> Bounds:
    (west, south), (east, north) = xy.min(axis=0) - size / 2, xy.max(axis=0) + size / 2
    return Bounds(float(west), float(south), float(east), float(north))


def _check_cells(
    extent: Bounds, size: float, layers: int, *, margin: int = 0, stray: str = ""
) -> None:
    """Raise ConfigError for cells too large for an extent, CapacityError for too many for memory.

    ``margin`` is the number of cells added to the extent along each axis.
    """
    sides = extent.north - extent.south, extent.east - extent.west
    if min(sides) < (2 - margin) * size:
        raise ConfigError(
            f"cells of {size:g} m are too large: a side of the survey ({sides[1]:g} m by "
            f"{sides[0]:g} m) has fewer than two",
            where="evidence.cell_size",
            remedy=f"set it to {round_down(min(sides) / 2):g} or less"
            if min(sides) > 0
            else "add the study area as [area]: the samples lie on one line",
        )

    def taken(cell: float) -> float:
        cells = (sides[0] / cell + margin) * (sides[1] / cell + margin)
        return cells * (layers * _A_LAYER + _A_CELL)

    def remedy(fits: float) -> str:
        cell = size
        while taken(cell) > fits:
            cell *= 1.05
        cell = round_up(cell)
        larger = f"set it to {cell:g} or more" if min(sides) >= (2 - margin) * cell else ""
        return ", or ".join(filter(None, (larger, stray))) or "set a smaller study area as [area]"

    counts = (side / size + margin for side in sides)
    rows, columns = (f"{n:,.0f}" if n < 1e9 else f"{n:.2g}" for n in counts)
    require_memory(
        taken(size),
        f"a grid of {rows} x {columns} cells of {size:g} m with {layers} layers",
        where="evidence.cell_size",
        remedy=remedy,
    )


def _stray(xy: NDArray[np.float64]) -> str:
    """As text: correct a sample, if the others lie in a tenth of the extent."""
    low, high = np.quantile(xy, (0.05, 0.95), axis=0)
    if not (high - low < 0.1 * np.ptp(xy, axis=0)).any():
        return ""
    x, y = xy[np.abs(xy - np.median(xy, axis=0)).sum(axis=1).argmax()]
    return f"correct or remove the sample at {x:.0f}, {y:.0f}, far from the others"


def _expected_layers(survey: Survey, config: Config) -> int:
    """The largest number of layers that the configuration can give."""
    names, faults, geology = config.evidence.layers, config.faults, config.geology
    count = len(parts_of(survey, config))
    count = count if names is None else min(count, len(names))
    if faults is not None:
        parts = (faults.distance, faults.rings, faults.density is not None, faults.intersections)
        count += sum(map(bool, parts))
    if geology is not None and survey.geology is not None:
        known = survey.geology.get(geology.column, ())
        count += (
            1 if geology.coding == "code" else min(geology.classes, len(set(map(str, known)))) + 1
        )
    return count + len(survey.rasters)


def area_mask(area: gpd.GeoDataFrame | None, grid: Grid) -> Bools:
    """Cells with their centres in the study area, ``(rows, columns)``; without area, all."""
    if area is None:
        return np.ones(grid.shape, dtype=np.bool_)
    from rasterio.features import geometry_mask

    mask = geometry_mask(area.geometry, out_shape=grid.shape, transform=grid.transform, invert=True)
    if not mask.any():
        raise AlignmentError(
            "no cell has its centre in the study area. Extent of the area: "
            f"{Bounds(*area.total_bounds)}; of the grid: {grid.bounds}",
            where="area",
            remedy="draw an area that is larger than a cell; or check the CRS of its file: set "
            "area.crs only if the file has no CRS",
        )
    return np.asarray(mask)


def _selected(evidence: Evidence, names: list[str] | None) -> Evidence:
    """Keep the named layers, in this order."""
    for name in names or ():
        if name not in evidence.names:
            raise ConfigError(
                f"there is no layer {name!r}",
                where="evidence.layers",
                remedy=nearest(name, evidence.names) if evidence.names else None,
            )
    kept = evidence if names is None else replace(evidence, data=evidence.data[names])
    if not kept.names:
        raise InputError(
            "the evidence has no layer", remedy="add samples, rasters, faults or geology"
        )
    return kept


def report_coverage(evidence: Evidence, inside: Bools, findings: Findings) -> None:
    """Report the share of the area that has all layers, and layers with large gaps.

    ``inside`` ``(rows, columns)`` is the study area. Raises AlignmentError if no cell has all
    layers.
    """
    valid, area = evidence.valid & inside, int(inside.sum())
    shares = {
        n: float((~np.isnan(evidence.layer(n)) & inside).sum() / area) for n in evidence.names
    }
    if not valid.any():
        listed = ", ".join(f"{name} {100 * share:.0f} %" for name, share in shares.items())
        least = min(shares, key=lambda name: shares[name])
        raise AlignmentError(
            "no cell has a value in all layers; share of the area that each layer covers: "
            f"{listed}",
            where="evidence",
            remedy="set a larger evidence.radius"
            + (
                f"; or {layers_without(evidence.names, [least])}, which covers "
                f"{100 * shares[least]:.0f} % of the area"
                if len(shares) > 1
                else ""
            ),
        )
    findings.info(
        "coverage",
        "evidence",
        f"{100 * valid.sum() / area:.0f} % of the area's {area} cells have a value in all layers "
        f"(a value influences cells up to {evidence.reach:g} m away); the others are nodata",
        share=float(valid.sum() / area),
        layers=shares,
    )
    _report_gaps(evidence, inside, findings)


def _report_gaps(evidence: Evidence, inside: Bools, findings: Findings) -> None:
    """Report layers without which the map would cover clearly more.

    Layers with the same coverage, such as the classes of one geological map, are one group.
    """
    coverages: dict[bytes, list[str]] = {}
    for name in evidence.names:
        mask = np.packbits(np.isnan(evidence.layer(name)))
        coverages.setdefault(mask.tobytes(), []).append(name)
    gaps = [np.isnan(evidence.layer(names[0])) & inside for names in coverages.values()]
    missing = np.sum(gaps, axis=0, dtype=np.int32)
    valid = int(((missing == 0) & inside).sum())
    for names, gap in zip(coverages.values(), gaps, strict=True):
        alone = int((gap & (missing == 1)).sum())
        if valid < _LITTLE * (valid + alone):
            findings.warning(
                "layer-covers-little",
                f"layer {', '.join(names)}",
                f"{listed(list(names), 5)}: missing in {100 * alone / (valid + alone):.0f} % of "
                "the area that all other layers cover",
                "use a layer that covers the area"
                + (f"; or {layers_without(evidence.names, names)}" if len(gaps) > 1 else ""),
                cells=alone,
            )
