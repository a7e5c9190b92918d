"""Layers from geological polygons at cell centres: one per class, or one coded layer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from orecast.arrays import Floats
from orecast.config import Geology
from orecast.errors import AlignmentError, InputError, require_among
from orecast.evidence.layers import Evidence
from orecast.grid import Bounds, Grid

if TYPE_CHECKING:
    import geopandas as gpd

    from orecast.survey.data import Survey


def with_geology(evidence: Evidence, survey: Survey, options: Geology) -> Evidence:
    """Add the configured layers of the survey's geology; their reach is 0."""
    if survey.geology is None:
        raise InputError("there are no polygons", where="geology", remedy="set geology.path")
    codes, classes = lithology_codes(survey.geology, options.column, evidence.grid)
    if options.coding == "code":
        legend = "; ".join(f"{k} {name}" for k, name in enumerate(classes, start=1))
        return evidence.adding(
            "geology",
            codes,
            kind="lithology",
            origin=f"{options.column} at the cell's centre, largest area first: {legend}",
            reach=0,
            unit="class",
        )
    for name, values in one_hot(codes, classes, options.classes).items():
        evidence = evidence.adding(
            f"geology={name}",
            values,
            kind="lithology",
            origin=f"1 if {options.column} at the cell's centre is {name}, else 0",
            reach=0,
            unit="0 or 1",
        )
    return evidence


def lithology_codes(
    polygons: gpd.GeoDataFrame, column: str, grid: Grid
) -> tuple[Floats, tuple[str, ...]]:
    """Class at each cell's centre, ``(rows, columns)``, and the names of classes 1, 2, ….

    Class 1 covers the most cells; ties are in order of name. NaN if no polygon covers the centre,
    or if its polygon has no class. Where polygons overlap, the last one counts. Raises InputError
    for a missing column or for other geometries, AlignmentError if no polygon covers a cell.
    """
    from rasterio.features import rasterize

    require_among(
        column,
        [str(c) for c in polygons.columns if c != "geometry"],
        f"there is no column {column!r}",
        "geology",
        InputError,
    )
    kept = polygons[~(polygons.geometry.isna() | polygons.geometry.is_empty)]
    other = set(kept.geometry.geom_type) - {"Polygon", "MultiPolygon"}
    if other:
        raise InputError(
            f"geology must be polygons, not {', '.join(sorted(other))}",
            where="geology",
            remedy="give the layer of rock units",
        )
    names = [_class_name(value) for value in kept[column]]
    numbers = {name: k for k, name in enumerate(sorted(set(names) - {""}), start=1)}
    shapes = zip(kept.geometry, (numbers.get(name, 0) for name in names), strict=True)
    # GDAL marks a cell if its centre lies within the polygon.
    burnt = (
        rasterize(shapes, out_shape=grid.shape, transform=grid.transform, fill=0, dtype="int32")
        if len(kept)
        else np.zeros(grid.shape, dtype=np.int32)
    )
    if not burnt.any():
        extent = f" (their extent: {Bounds(*kept.total_bounds)})" if len(kept) else ""
        raise AlignmentError(
            f"no polygon covers a cell of the grid{extent}; the grid's is {grid.bounds}",
            where="geology",
            remedy="check the CRS of the geology's file and of the samples. Set geology.crs only "
            "if the file has no CRS",
        )
    in_order = sorted(numbers)
    cells = np.bincount(burnt.ravel(), minlength=len(in_order) + 1)[1:]
    order = [k for k in np.argsort(-cells, kind="stable") if cells[k] > 0]
    rank = np.full(len(in_order) + 1, np.nan)
    rank[np.array(order) + 1] = np.arange(1, len(order) + 1)
    return rank[burnt], tuple(in_order[k] for k in order)


def _class_name(value: Any) -> str:
    """Name of a class, empty if there is none."""
    if value is None or value != value:
        return ""
    if isinstance(value, float) and value.is_integer():
        value = int(value)  # integer codes are read as 3.0 if one is missing
    return str(value).strip()


def one_hot(codes: Floats, classes: tuple[str, ...], most: int) -> dict[str, Floats]:
    """One layer for each of the first ``most`` classes, and "other" for the rest, by name.

    ``codes`` ``(rows, columns)`` number the classes from 1 and are NaN outside, as are the layers.
    A class named "other" is counted with the rest.

    >>> one_hot(np.array([[1.0, 2, 3, np.nan]]), ("granite", "schist", "gabbro"), 1)["other"]
    array([[ 0.,  1.,  1., nan]])
    """
    own = [k for k, name in enumerate(classes[:most], start=1) if name != "other"]
    outside = np.isnan(codes)
    layers = {classes[k - 1]: np.where(outside, np.nan, codes == k) for k in own}
    if len(own) < len(classes):
        layers["other"] = np.where(outside, np.nan, ~np.isin(codes, own))
    return layers
