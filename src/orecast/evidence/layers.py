"""Evidence: named layers on one grid, each with origin and reach, in memory and on disk.

On disk it is one tiled GeoTIFF per layer, and their order in ``evidence.json``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from orecast.errors import AlignmentError, ConfigError, InputError, RunError, require_among
from orecast.grid import Grid
from orecast.run import write_json
from orecast.survey.rasters import write_geotiff

Kind = Literal["element", "fault", "lithology", "raster"]

FAULT_DISTANCE = "fault_distance"
"""Name of the layer with the distance in metres to the nearest fault."""
_INDEX = "evidence.json"
_TILED = {"tiled": True, "blockxsize": 256, "blockysize": 256, "predictor": 3}
_LONGEST = 240  # bytes of a name without number and suffix; file systems allow 255 in all


def layers_without(names: Iterable[str], left_out: Iterable[str]) -> str:
    """The line of run.toml that leaves layers out, with their names.

    >>> layers_without(["Au", "gravity"], ["gravity"])
    'set evidence.layers = ["Au"] (without gravity)'
    """
    left_out = list(left_out)
    kept = json.dumps([name for name in names if name not in left_out], ensure_ascii=False)
    return f"set evidence.layers = {kept} (without {', '.join(left_out)})"


@dataclass(frozen=True)
class Evidence:
    """Layers on one grid, ``data`` with dims (y, x), float32, NaN outside the data's reach.

    Attributes of each variable: ``kind``, ``origin`` (how it was made, in one sentence), ``unit``,
    and ``reach``: how far, in metres, a sample or raster value influences a cell.
    """

    grid: Grid
    data: xr.Dataset

    @classmethod
    def empty(cls, grid: Grid) -> Evidence:
        """Evidence without layers."""
        return cls(grid, xr.Dataset(coords={"y": grid.y, "x": grid.x}))

    def adding(
        self,
        name: str,
        values: NDArray[np.floating],
        *,
        kind: Kind,
        origin: str,
        reach: float,
        unit: str = "",
    ) -> Evidence:
        """This evidence with one more layer; ``values`` has the grid's shape."""
        if values.shape != self.grid.shape:
            raise AlignmentError(
                f"the shape {values.shape} differs from the grid's {self.grid.shape}",
                where=f"layer {name}",
            )
        if name in self.data:
            raise ConfigError(
                "two layers have this name", where=f"layer {name}", remedy="rename one of them"
            )
        layer = xr.DataArray(
            np.ascontiguousarray(values, dtype=np.float32),
            dims=("y", "x"),
            attrs={"kind": kind, "origin": origin, "reach": float(reach), "unit": unit},
        )
        return Evidence(self.grid, self.data.assign({name: layer}))

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the layers, in order."""
        return tuple(str(name) for name in self.data.data_vars)

    @property
    def reach(self) -> float:
        """The longest reach of any layer, in metres."""
        return max((float(v.attrs["reach"]) for v in self.data.data_vars.values()), default=0.0)

    def layer(self, name: str) -> NDArray[np.float32]:
        """Values of one layer, ``(rows, columns)``."""
        require_among(name, self.names, f"there is no layer {name!r}")
        values: NDArray[np.float32] = self.data[name].to_numpy()
        return values

    def kind(self, name: str) -> str:
        """Kind of one layer."""
        return str(self.data[name].attrs["kind"])

    @cached_property
    def stack(self) -> NDArray[np.float32]:
        """All layers, ``(n_layers, rows, columns)``; the only copy: the variables are its views."""
        stack = np.stack([self.layer(name) for name in self.names])
        for values, name in zip(stack, self.names, strict=True):
            self.data[name].data = values
        return stack

    @cached_property
    def valid(self) -> NDArray[np.bool_]:
        """Cells where every layer has a value, ``(rows, columns)``."""
        return np.asarray(~np.isnan(self.stack).any(axis=0))


def write_evidence(evidence: Evidence, folder: Path) -> list[Path]:
    """Write each layer as ``<layer>.tif`` into ``folder``, and return the files.

    Tiled, compressed GeoTIFFs, float32, nodata NaN, with kind, origin, reach and unit as tags.
    Layer names become safe file names: ``Au/Al`` becomes ``Au_Al.tif``. Raises RunError if the
    folder cannot be written.
    """
    files = file_names(evidence.names)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, file in files.items():
            write_geotiff(
                folder / file,
                evidence.layer(name),
                evidence.grid,
                name=name,
                tags={key: str(value) for key, value in evidence.data[name].attrs.items()},
                **_TILED,
            )
        index = [{"name": n, "file": f, **evidence.data[n].attrs} for n, f in files.items()]
        write_json(folder / _INDEX, {"layers": index})
    except OSError as error:
        raise RunError(
            f"the layers cannot be written ({error})",
            where=str(folder),
            remedy="free space on the disk, or choose another output folder",
        ) from None
    return [folder / file for file in files.values()]


def read_evidence(folder: Path) -> Evidence:
    """Read the files of ``write_evidence``: the same grid, layers, order and attributes.

    Raises InputError if a file is missing or broken, AlignmentError if the layers' grids differ.
    """
    evidence: Evidence | None = None
    for entry in _read_index(folder / _INDEX):
        values, grid = _read_layer(folder / entry["file"])
        if evidence is None:
            evidence = Evidence.empty(grid)
        elif grid != evidence.grid:
            raise AlignmentError(
                f"its grid ({grid}) differs from that of the other layers ({evidence.grid})",
                where=str(folder / entry["file"]),
            )
        attributes = {key: entry[key] for key in ("kind", "origin", "reach", "unit")}
        evidence = evidence.adding(entry["name"], values, **attributes)
    if evidence is None:
        raise InputError("the list of layers is empty", where=str(folder / _INDEX))
    return evidence


def file_names(names: Iterable[str]) -> dict[str, str]:
    """File name of each layer: word characters only, distinct even if case is ignored.

    >>> file_names(["Au/Al", "Au Al", "CO", "Co"])
    {'Au/Al': 'Au_Al.tif', 'Au Al': 'Au_Al_2.tif', 'CO': 'CO.tif', 'Co': 'Co_2.tif'}
    """
    files: dict[str, str] = {}
    taken: set[str] = set()
    for name in names:
        base = re.sub(r"[^\w.+=-]+", "_", name).strip("._") or "layer"
        base = base.encode()[:_LONGEST].decode(errors="ignore")
        stem, k = base, 1
        while stem.lower() in taken:
            k += 1
            stem = f"{base}_{k}"
        taken.add(stem.lower())
        files[name] = f"{stem}.tif"
    return files


def _read_layer(path: Path) -> tuple[Any, Grid]:
    import rasterio
    from pyproj import CRS

    try:
        with rasterio.open(path) as source:
            grid = Grid(CRS.from_wkt(source.crs.to_wkt()), source.transform, source.shape)
            return source.read(1), grid
    except (rasterio.errors.RasterioError, AttributeError) as error:
        raise InputError(f"the file cannot be read ({error})", where=str(path)) from None


def _read_index(path: Path) -> list[dict[str, Any]]:
    try:
        layers = json.loads(path.read_text(encoding="utf-8"))["layers"]
        for entry in layers:
            if entry["kind"] not in get_args(Kind) or not isinstance(entry["reach"], float | int):
                raise ValueError(f"layer {entry['name']}")
            if Path(entry["file"]).name != entry["file"]:
                raise ValueError(f"file {entry['file']}")
            entry["origin"], entry["unit"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"the file is not a list of layers ({error})",
            where=str(path),
            remedy="build the evidence again",
        ) from None
    return list(layers)
