"""Tell gridded elements, labels and supporting layers apart by names and values."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np

from orecast.survey.concentrations import nothing_detected
from orecast.survey.draft import (
    BARREN,
    DEPOSIT,
    FEWEST_ELEMENTS,
    NO_CRS,
    SET_CRS,
    Draft,
    judged_units,
)
from orecast.survey.elements import parse_header
from orecast.survey.rasters import place_of, read_values

_COORDINATE = re.compile(r"coord|^(?:xx?|yy?|lon|lat|east|north|row|col)$", re.I)


def propose_rasters(paths: list[Path], draft: Draft) -> None:
    """Add what the rasters are: a gridded survey where a folder holds elements, labels, layers."""
    by_folder: dict[Path, list[Path]] = {}
    for path in paths:
        by_folder.setdefault(path.parent, []).append(path)
    for folder, files in by_folder.items():
        elements = [p for p in files if parse_header(p.stem) is not None]
        if len(elements) >= FEWEST_ELEMENTS and len(elements) > len(files) / 2:
            _propose_gridded(folder, files, elements, draft)
            files = []
        for path in files:
            _propose_raster(path, draft)


def _propose_gridded(folder: Path, files: list[Path], elements: list[Path], draft: Draft) -> None:
    suffixes = {p.suffix for p in elements}
    pattern = folder / f"*{suffixes.pop() if len(suffixes) == 1 else '*'}"
    found, void = {}, {}
    for path in elements:
        values = read_values(path)
        header = parse_header(path.stem)
        assert header is not None  # the elements are those whose names are headers
        if (values > 0).any():
            found[header.symbol] = (header, float(np.median(values[values > 0])))
        else:
            void[header.symbol] = int((~np.isnan(values)).sum())
    if not found:
        raise nothing_detected(void, len(void), str(pattern), "")
    units = judged_units(found, folder.name, draft)
    content = {"units": units} if units else {}
    draft.take("gridded", pattern, content, f"{len(elements)} of {len(files)} rasters")


def _propose_raster(path: Path, draft: Draft) -> None:
    if _COORDINATE.search(path.stem) or _COORDINATE.search(path.parent.name):
        draft.notes.append(f"{path.name}: holds coordinates; left out")
        return
    values, place = read_values(path), place_of(path)
    if place is None:
        draft.notes.append(f"{path.name}: {NO_CRS}; {SET_CRS}")
    else:
        draft.places.append((*place, path.name))
    distinct = np.unique(values[~np.isnan(values)])
    if len(distinct) <= 3 and BARREN.search(path.stem):
        rarest = _rarest(values, distinct)
        draft.take("barren", path, {"value": rarest}, f"the cells that hold {rarest:g}")
    elif len(distinct) <= 3 and DEPOSIT.search(path.stem):
        rarest = _rarest(values, distinct)
        draft.take("deposits", path, {"value": rarest}, f"the cells that hold {rarest:g}")
    else:
        layer: dict[str, Any] = {"path": draft.relative(path)}
        if len(distinct) <= 30 and (values == np.round(values)).all():
            layer["categories"] = True
        draft.table.setdefault("layers", []).append(layer)
        draft.notes.append(f"{path.name}: supporting layer, {values.shape[0]} x {values.shape[1]}")


def _rarest(values: Any, distinct: Any) -> float:
    return float(min(distinct, key=lambda v: int((values == v).sum())))
