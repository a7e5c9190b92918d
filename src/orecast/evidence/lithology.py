"""Geological polygons as layers: one a class, or one coded layer, at cell centres."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from orecast.arrays import Floats
from orecast.config import Geology
from orecast.errors import AlignmentError, InputError, nearest
from orecast.evidence.nouns import Evidence
from orecast.grid import Bounds, Grid

if TYPE_CHECKING:
    import geopandas as gpd

    from orecast.survey.nouns import Survey


def with_geology(evidence: Evidence, survey: Survey, options: Geology) -> Evidence:
    """Add the layers that the configuration asks of the survey's geology; reach 0, as mapped."""
    if survey.geology is None:
        raise InputError("no polygons were read", where="geology", remedy="give geology.path")
    codes, classes = lithology_codes(survey.geology, options.column, evidence.grid)
    if options.coding == "code":
        legend = "; ".join(f"{k} {name}" for k, name in enumerate(classes, start=1))
        return evidence.adding(
            "geology",
            codes,
            kind="lithology",
            origin=f"{options.column} at the cell's centre, most widespread first: {legend}",
            reach=0,
            unit="class",
        )
    for name, values in one_hot(codes, classes, options.classes).items():
        evidence = evidence.adding(
            f"geology={name}",
            values,
            kind="lithology",
            origin=f"1 where {options.column} at the cell's centre is {name}, 0 where another",
            reach=0,
            unit="0 or 1",
        )
    return evidence


def lithology_codes(
    polygons: gpd.GeoDataFrame, column: str, grid: Grid
) -> tuple[Floats, tuple[str, ...]]:
    """Class at each cell's centre, ``(rows, columns)``, and the names of classes 1, 2, ….

    Class 1 covers most cells, equals in order of name. NaN where no polygon covers the centre, or
    the one that does names no class; where polygons overlap, the later one holds. Raises InputError
    for a missing column or geometries that are no polygons, AlignmentError where no polygon
    covers a cell.
    """
    from rasterio.features import rasterize

    if column not in polygons.columns:
        raise InputError(
            f"there is no column {column!r}",
            where="geology",
            remedy=nearest(column, [str(c) for c in polygons.columns if c != "geometry"]),
        )
    kept = polygons[~(polygons.geometry.isna() | polygons.geometry.is_empty)]
    strange = set(kept.geometry.geom_type) - {"Polygon", "MultiPolygon"}
    if strange:
        raise InputError(
            f"geology must be polygons, not {', '.join(sorted(strange))}", where="geology"
        )
    names = [_class_name(value) for value in kept[column]]
    numbers = {name: k for k, name in enumerate(sorted(set(names) - {""}), start=1)}
    shapes = zip(kept.geometry, (numbers.get(name, 0) for name in names), strict=True)
    # GDAL burns a cell where its centre lies within the polygon.
    burnt = (
        rasterize(shapes, out_shape=grid.shape, transform=grid.transform, fill=0, dtype="int32")
        if len(kept)
        else np.zeros(grid.shape, dtype=np.int32)
    )
    if not burnt.any():
        extent = f" (theirs: {Bounds(*kept.total_bounds)})" if len(kept) else ""
        raise AlignmentError(
            f"no polygon covers a cell of the grid{extent}; the grid: {grid.bounds}",
            where="geology",
            remedy="check the CRS of the geology",
        )
    return _by_area(burnt, sorted(numbers))


def _class_name(value: Any) -> str:
    """Name of a class, empty where there is none."""
    if value is None or value != value:
        return ""
    if isinstance(value, float) and value.is_integer():
        value = int(value)  # codes read as 3.0 beside a missing one
    return str(value).strip()


def _by_area(burnt: NDArray[np.int32], names: list[str]) -> tuple[Floats, tuple[str, ...]]:
    """Renumber the classes by the number of their cells; those without any are dropped."""
    cells = np.bincount(burnt.ravel(), minlength=len(names) + 1)[1:]
    order = [k for k in np.argsort(-cells, kind="stable") if cells[k] > 0]
    rank = np.full(len(names) + 1, np.nan)
    for position, k in enumerate(order, start=1):
        rank[k + 1] = position
    return rank[burnt], tuple(names[k] for k in order)


def one_hot(codes: Floats, classes: tuple[str, ...], most: int) -> dict[str, Floats]:
    """A layer a class for the ``most`` first classes, and "other" for the rest, by name.

    ``codes`` ``(rows, columns)`` number the classes from 1, NaN outside; so are the layers. A
    class that itself is named "other" is counted among the rest.

    >>> one_hot(np.array([[1.0, 2, 3, np.nan]]), ("granite", "schist", "gabbro"), 1)["other"]
    array([[ 0.,  1.,  1., nan]])
    """
    own = [k for k, name in enumerate(classes[:most], start=1) if name != "other"]
    outside = np.isnan(codes)
    layers = {classes[k - 1]: np.where(outside, np.nan, codes == k) for k in own}
    if len(own) < len(classes):
        layers["other"] = np.where(outside, np.nan, ~np.isin(codes, own))
    return layers
