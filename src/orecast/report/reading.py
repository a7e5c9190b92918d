"""A finished run as the report reads it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from orecast.config import Config, read
from orecast.errors import RunError
from orecast.grid import Bounds, crs_name
from orecast.metrics import Metrics
from orecast.run import why_broken
from orecast.targets import GROUNDS

if TYPE_CHECKING:
    import geopandas as gpd
    import pandas as pd


_NEEDED = (
    "run.toml",
    "provenance.json",
    "checks.json",
    "metrics.json",
    "prospectivity.tif",
    "uncertainty.tif",
    "classes.tif",
    "targets.gpkg",
    "targets.csv",
)
_REMEDY = "finish the run first: orecast run run.toml --resume"
_MOST_PIXELS = 900  # on the longer side of a map, which 200 dpi print 4.5 inches long


@dataclass(frozen=True)
class MapImage:
    """One band, no finer than a page can show; nodata is NaN."""

    values: NDArray[np.float32]  # (rows, columns), decimated
    bounds: Bounds
    crs: str

    @property
    def extent_km(self) -> tuple[float, float, float, float]:
        """West, east, south, north in kilometres, as matplotlib's ``extent``."""
        west, south, east, north = (edge / 1000 for edge in self.bounds)
        return west, east, south, north


@dataclass(frozen=True)
class LayerFile:
    """An evidence layer's file and its tags."""

    path: Path
    name: str
    kind: str
    unit: str
    origin: str
    reach: float  # metres; NaN if the file has none


@dataclass(frozen=True)
class RunReading:
    """What a run's folder holds; rasters and tables are read on first use."""

    folder: Path
    newer: Path  # files of the stage being written, read in place of the folder's own
    config: Config
    metrics: Metrics
    checks: dict[str, Any]
    provenance: dict[str, Any]

    def path(self, name: str) -> Path:
        """Return a file's path; raises RunError if it is missing."""
        return _path_of(name, self.folder, self.newer)

    def has(self, name: str) -> bool:
        """Whether a file exists that only some runs write."""
        return any((place / name).is_file() for place in (self.newer, self.folder))

    @property
    def has_recommended(self) -> bool:
        """Whether a baseline is recommended instead of the model and its map was drawn."""
        other = self.metrics.verdict.recommended != self.metrics.model
        return other and self.has("recommended.tif")

    def raster(self, name: str, most: int = _MOST_PIXELS) -> MapImage:
        """Read ``<name>.tif`` with at most ``most`` pixels on its longer side."""
        return read_raster(self.path(f"{name}.tif"), most)

    @cached_property
    def targets(self) -> gpd.GeoDataFrame:
        """Targets, those on new ground first, ``(n_targets,)`` polygons; possibly none."""
        columns = ["rank", "class", "ground"]
        return _in_order(_read_layer(self.path("targets.gpkg"), "targets", columns))

    @cached_property
    def deposits(self) -> gpd.GeoDataFrame:
        """Known deposits, ``(n_deposits,)`` points."""
        return _read_layer(self.path("targets.gpkg"), "deposits", [])

    @cached_property
    def left_out(self) -> NDArray[np.bool_]:
        """Which deposits no fold held out, ``(n_deposits,)``: the evidence has no value there.

        None of them where the run does not say which it held out.
        """
        tested = self.metrics.tested
        return ~np.isin(np.arange(len(self.deposits)), [*tested]) & bool(tested)

    @cached_property
    def target_table(self) -> pd.DataFrame:
        """Targets as a table, those on new ground first, with lon/lat."""
        import pandas as pd

        path = self.path("targets.csv")
        try:
            # "NA" is not a missing value here: Na, the element, may be a target's first.
            table = pd.read_csv(path, keep_default_na=False, na_values=[""])
        except pd.errors.EmptyDataError:
            return pd.DataFrame()
        except (OSError, ValueError) as error:
            raise RunError(f"cannot be read ({error})", where=str(path), remedy=_REMEDY) from None
        return _in_order(table) if {"rank", "ground"} <= set(table.columns) else table

    @cached_property
    def layers(self) -> list[LayerFile]:
        """Evidence layers by kind and name; elements first."""
        order = {"element": 0, "fault": 1, "lithology": 2, "raster": 3}
        found = [_layer_file(path) for path in sorted((self.folder / "evidence").glob("*.tif"))]
        return sorted(found, key=lambda layer: (order.get(layer.kind, 4), layer.name))

    @cached_property
    def mapped_cells(self) -> tuple[int, float]:
        """How many cells have a prospectivity, and their area in square kilometres."""
        with opened(self.path("prospectivity.tif")) as source:
            windows = (window for _, window in source.block_windows(1))
            cells = sum(int(np.isfinite(source.read(1, window=w)).sum()) for w in windows)
            cell_area = abs(source.transform.a * source.transform.e)
        return cells, cells * cell_area / 1e6


def open_run(folder: Path, newer: Path | None = None) -> RunReading:
    """Open a run's folder; a file that is in ``newer`` is read from there.

    Raises RunError naming the file that is missing or broken, and the entry of ``metrics.json``
    that is at fault.
    """
    newer = newer or folder
    paths = {name: _path_of(name, folder, newer) for name in _NEEDED}
    try:
        metrics = Metrics.model_validate(_read_object(paths["metrics.json"]))
    except ValidationError as error:
        where = str(paths["metrics.json"])
        raise RunError(why_broken(error), where=where, remedy=_REMEDY) from None
    written = {
        "out_of_fold.tif": not metrics.anomalies,
        "applicability.tif": metrics.applicability is not None,
        "probability.tif": metrics.calibration is not None,
    }
    for name in written:
        if written[name]:
            _path_of(name, folder, newer)
    return RunReading(
        folder,
        newer,
        read(paths["run.toml"]),
        metrics,
        _read_object(paths["checks.json"], "survey", "findings"),
        _read_object(paths["provenance.json"], "inputs"),
    )


def _path_of(name: str, folder: Path, newer: Path) -> Path:
    for place in (newer, folder):
        if (place / name).is_file():
            return place / name
    raise RunError("is missing", where=str(folder / name), remedy=_REMEDY)


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """Open a raster; RunError where it cannot be read."""
    import rasterio

    try:
        with rasterio.open(path) as source:
            yield source
    except rasterio.errors.RasterioError as error:
        raise RunError(f"cannot be read ({error})", where=str(path), remedy=_REMEDY) from None


def read_raster(path: Path, most: int = _MOST_PIXELS) -> MapImage:
    """Read a raster's first band decimated, from its overviews where it has them.

    Averages where the values are measured, the nearest where they are classes (whole numbers).
    """
    from rasterio.enums import Resampling

    with opened(path) as source:
        step = max(1.0, max(source.shape) / most)
        shape = tuple(max(1, round(n / step)) for n in source.shape)
        is_class = np.dtype(source.dtypes[0]).kind in "iu"
        how = Resampling.nearest if is_class else Resampling.average
        band = source.read(1, out_shape=shape, masked=True, resampling=how)
        values = np.ma.filled(band.astype(np.float32), np.nan)
        return MapImage(values, Bounds(*source.bounds), crs_name(source.crs))


def _read_object(path: Path, *needed: str) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RunError(f"cannot be read ({error})", where=str(path), remedy=_REMEDY) from None
    if not isinstance(content, dict):
        raise RunError("is not a JSON object", where=str(path), remedy=_REMEDY)
    for key in needed:
        if key not in content:
            raise RunError(f"it lacks {key!r}", where=str(path), remedy=_REMEDY)
    return content


def _in_order(targets: Any) -> Any:
    """Targets, those on new ground first, in order of rank."""
    ground = targets["ground"].map({name: k for k, name in enumerate(GROUNDS)})
    order = np.lexsort((targets["rank"], ground))
    return targets.iloc[order].reset_index(drop=True)


def _read_layer(path: Path, layer: str, columns: list[str]) -> gpd.GeoDataFrame:
    import geopandas as gpd
    import pyogrio

    try:
        frame = gpd.read_file(path, layer=layer)
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError) as error:
        raise RunError(
            f"cannot be read ({error})", where=f"{path}, layer {layer}", remedy=_REMEDY
        ) from None
    for column in columns:
        if column not in frame:
            raise RunError("is missing", where=f"{path}, layer {layer}, column {column}")
    return frame


def _layer_file(path: Path) -> LayerFile:
    with opened(path) as source:
        tags = {k.lower(): v for k, v in (source.tags() | source.tags(1)).items()}
        name = tags.get("name") or source.descriptions[0] or path.stem
    try:
        reach = float(tags.get("reach", "nan"))
    except ValueError:
        raise RunError(f"reach {tags['reach']!r} is not a number", where=str(path)) from None
    kind, unit, origin = (tags.get(key, "") for key in ("kind", "unit", "origin"))
    return LayerFile(path, name, kind, unit, origin, reach)
