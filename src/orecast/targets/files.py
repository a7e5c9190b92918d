"""Files of the targets and tiles: a GeoPackage, with styles for QGIS, and a table."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orecast.errors import RunError
from orecast.targets.delineation import COLUMNS

if TYPE_CHECKING:
    import geopandas as gpd

_LAYERS = {"targets": "MultiPolygon", "deposits": "Point"}
_GEOMETRY = "geom"
_RESERVED = ("fid", _GEOMETRY)  # columns that every layer of a GeoPackage has

_DECIMALS = {
    "area_km2": 6,
    "score_max": 4,
    "score_mean": 4,
    "uncertainty_mean": 4,
    "nearest_deposit_km": 3,
    "x": 2,
    "y": 2,
    "lon": 6,
    "lat": 6,
}
_DECIMALS_OF_EXTRA = 4

# As QGIS creates it. QGIS finds a style only if catalogue and schema are empty text, not NULL.
_STYLE_TABLE = """
CREATE TABLE layer_styles (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    f_table_catalog TEXT(256),
    f_table_schema TEXT(256),
    f_table_name TEXT(256),
    f_geometry_column TEXT(256),
    styleName TEXT(30),
    styleQML TEXT,
    styleSLD TEXT,
    useAsDefault BOOLEAN,
    description TEXT,
    owner TEXT(30),
    ui TEXT(30),
    update_time DATETIME DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ','now'))
)
"""
_REGISTER_TABLE = """
INSERT INTO gpkg_contents (table_name, data_type, identifier)
VALUES ('layer_styles', 'attributes', 'layer_styles')
"""
_ADD_STYLE = """
INSERT INTO layer_styles (f_table_catalog, f_table_schema, f_table_name, f_geometry_column,
                          styleName, styleQML, styleSLD, useAsDefault, description, owner)
VALUES ('', '', ?, ?, ?, ?, '', 1, 'Written by orecast', '')
"""


def write_targets(
    targets: gpd.GeoDataFrame, deposits: gpd.GeoDataFrame | None, folder: Path
) -> None:
    """Write ``targets.gpkg`` (layers ``targets`` and ``deposits``, styled) and ``targets.csv``.

    ``targets`` are those of ``delineate``. ``deposits`` are written in the targets' CRS with all
    their columns. Without targets or deposits, their layer is empty. The table has the same columns
    without the outlines, rounded to meaningful digits. Raises RunError if a file cannot be written.
    """
    import pyogrio

    path = folder / "targets.gpkg"
    with _writing("targets", folder):
        path.unlink(missing_ok=True)
        layers = {"targets": targets, "deposits": _deposits_like(targets, deposits)}
        for name, frame in layers.items():
            pyogrio.write_dataframe(
                frame,
                path,
                layer=name,
                driver="GPKG",
                geometry_type=_LAYERS[name] if frame.empty else None,
                layer_options={"GEOMETRY_NAME": _GEOMETRY},
            )
        _add_styles(path)
        table = targets.drop(columns=targets.geometry.name)
        extra = [name for name in table.columns if name not in COLUMNS]
        table = table.round(_DECIMALS | dict.fromkeys(extra, _DECIMALS_OF_EXTRA))
        table.to_csv(folder / "targets.csv", index=False, encoding="utf-8")


def write_tiles(tiles: gpd.GeoDataFrame, folder: Path) -> None:
    """Write ``tiles.gpkg`` and ``tiles.csv``; raises RunError if they cannot be written."""
    import pyogrio

    with _writing("tiles", folder):
        pyogrio.write_dataframe(tiles, folder / "tiles.gpkg", layer="tiles", driver="GPKG")
        table = tiles.drop(columns="geometry").round({"score_max": 4, "score_mean": 4})
        table.to_csv(folder / "tiles.csv", index=False, encoding="utf-8")


@contextmanager
def _writing(what: str, folder: Path) -> Iterator[None]:
    """Raise RunError where a file cannot be written; pyogrio's errors are RuntimeErrors."""
    try:
        yield
    except (OSError, RuntimeError, sqlite3.Error) as error:
        raise RunError(
            f"the {what} cannot be written ({error})",
            where=str(folder),
            remedy="free disk space, or choose an output folder that you can write to",
        ) from error


def _deposits_like(
    targets: gpd.GeoDataFrame, deposits: gpd.GeoDataFrame | None
) -> gpd.GeoDataFrame:
    """Deposits in the targets' CRS, with columns that a GeoPackage can hold."""
    import geopandas as gpd

    if deposits is None:
        return gpd.GeoDataFrame(geometry=[], crs=targets.crs)
    geometry = deposits.geometry.to_crs(targets.crs)
    table = deposits.drop(columns=deposits.geometry.name)
    return gpd.GeoDataFrame(
        table.set_axis(_distinct(table.columns), axis="columns"), geometry=geometry
    )


def _distinct(names: Iterable[Any]) -> list[str]:
    """Column names as text, not reserved, and distinct even if case is ignored.

    >>> _distinct(["Name", "NAME", "fid", 7])
    ['Name', 'NAME_2', 'fid_2', '7']
    """
    taken, distinct = {*_RESERVED, "geometry"}, []
    for name in map(str, names):
        free, n = name, 1
        while free.lower() in taken:
            n += 1
            free = f"{name}_{n}"
        taken.add(free.lower())
        distinct.append(free)
    return distinct


def _add_styles(path: Path) -> None:
    """Add the table from which QGIS reads a layer's default style."""
    with closing(sqlite3.connect(path)) as database, database:
        database.execute(_STYLE_TABLE)
        database.execute(_REGISTER_TABLE)
        for layer in _LAYERS:
            qml = resources.files("orecast.targets").joinpath(f"{layer}.qml")
            database.execute(_ADD_STYLE, (layer, _GEOMETRY, layer, qml.read_text("utf-8")))
