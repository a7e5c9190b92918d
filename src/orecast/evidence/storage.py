"""Evidence on disk: one tiled GeoTIFF per layer, and their order in ``evidence.json``."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, get_args

import numpy as np

from orecast.errors import AlignmentError, InputError, RunError
from orecast.evidence.layers import Evidence, Kind
from orecast.grid import Grid
from orecast.run import write_json

_INDEX = "evidence.json"
_LONGEST = 240  # bytes of a name without number and suffix; file systems allow 255 in all


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
            _write_layer(evidence, name, folder / file)
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


def _write_layer(evidence: Evidence, name: str, path: Path) -> None:
    import rasterio
    from rasterio.io import MemoryFile

    rows, columns = evidence.grid.shape
    profile = {
        "driver": "GTiff",
        "height": rows,
        "width": columns,
        "count": 1,
        "dtype": "float32",
        "nodata": np.nan,
        "crs": rasterio.crs.CRS.from_wkt(evidence.grid.crs.to_wkt()),
        "transform": evidence.grid.transform,
        "tiled": True,
        "blockxsize": 256,
        "blockysize": 256,
        "compress": "deflate",
        "predictor": 3,
    }
    # Made in memory: on a full disk GDAL can write a truncated file without an error.
    with MemoryFile() as assembled:
        with assembled.open(**profile) as target:
            target.write(evidence.layer(name), 1)
            target.set_band_description(1, name)
            target.update_tags(**{k: str(v) for k, v in evidence.data[name].attrs.items()})
        path.write_bytes(assembled.getbuffer())


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
