"""Propose rasters as a gridded survey, as labels or as layers."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np

from orecast.errors import OrecastError
from orecast.survey.concentrations import nothing_detected
from orecast.survey.data import Findings, listed
from orecast.survey.elements import (
    OXIDE_OF,
    Header,
    parse_headers,
)
from orecast.survey.proposal.draft import (
    BARREN,
    DEPOSIT,
    FEWEST_ELEMENTS,
    NO_CRS,
    SET_CRS,
    Draft,
    estimated_units,
)
from orecast.survey.rasters import place_of, read_values

_COORDINATE = re.compile(r"coord|^(?:xx?|yy?|lon|lat|east|north|row|col)$", re.I)


def propose_rasters(paths: list[Path], draft: Draft) -> None:
    """Add rasters as a gridded survey (a folder of elements), as labels, or as layers."""
    by_folder: dict[Path, list[Path]] = {}
    for path in paths:
        by_folder.setdefault(path.parent, []).append(path)
    for folder, files in by_folder.items():
        headers = parse_headers(p.stem for p in files)
        elements = {p: h for p in files if (h := headers[p.stem]) is not None}
        if len(elements) >= FEWEST_ELEMENTS and len(elements) > len(files) / 2:
            _propose_gridded(folder, files, elements, draft)
            files = []
        for path in files:
            _propose_raster(path, draft)


def _propose_gridded(
    folder: Path, files: list[Path], elements: dict[Path, Header], draft: Draft
) -> None:
    suffixes = {p.suffix for p in elements}
    pattern = folder / f"*{suffixes.pop() if len(suffixes) == 1 else '*'}"
    full: dict[Path, int] = {}  # number of cells with a value
    medians, undetected, ignore, findings = {}, {}, {}, Findings()
    for path, header in elements.items():
        values = read_values(path, findings)
        full[path] = int((~np.isnan(values)).sum())
        found = values[values > 0]
        if not len(found):
            undetected[header.symbol] = full[path]
            ignore[path] = "no value above zero"
        elif np.nanmin(values) == np.nanmax(values):
            ignore[path] = "constant"
        else:
            medians[path] = float(np.median(found)), float(found.max())
    if not medians:
        raise nothing_detected(undetected, len(undetected), str(pattern), "")
    for code in dict.fromkeys(f.code for f in findings):
        first, *others = findings.of(code)
        more = f" (and {len(others)} other rasters likewise)" if others else ""
        draft.notes.append(f"{Path(first.where).name}: {first.what}{more}")
    kept: dict[str, Path] = {}
    for path in sorted(medians, key=lambda p: -full[p]):
        symbol = elements[path].symbol
        metal = OXIDE_OF.get(symbol, symbol)
        same = [s for s in kept if s == symbol or {s, symbol} & {metal} == {OXIDE_OF.get(s, s)}]
        if same:
            ignore[path] = f"{kept[same[0]].name} is {metal} too, with {full[kept[same[0]]]} cells"
        else:
            kept[symbol] = path
    if ignore:
        said = [f"{p.name} ({why})" for p, why in ignore.items()]
        draft.notes.append(f"{folder.name}: left out {len(ignore)} rasters: {listed(said, 40)}")
    unnamed = [p.name for p in files if p not in elements]
    if unnamed:
        draft.notes.append(
            f"{folder.name}: left out rasters not named by an element: {listed(unnamed, 20)}"
        )
    bare = {s: medians[p] for s, p in kept.items() if elements[p].unit is None}
    units = estimated_units(bare, folder.name, draft)
    content: dict[str, Any] = {"units": units} if units else {}
    if ignore:
        content["ignore"] = sorted(p.stem for p in ignore)
    draft.symbols[draft.relative(pattern)] = list(kept)
    draft.take("gridded", pattern, content, f"{len(kept)} of {len(files)} rasters")


def _propose_raster(path: Path, draft: Draft) -> None:
    if _COORDINATE.search(path.stem) or _COORDINATE.search(path.parent.name):
        draft.notes.append(f"{path.name}: ignored; it has coordinates")
        return
    findings = Findings()
    try:
        values, place = read_values(path, findings), place_of(path)
    except OrecastError as error:
        draft.leave_out(path, error)
        return
    draft.notes += [f"{path.name}: {f.what}" for f in findings]
    if place is None:
        draft.ask(path, f"{NO_CRS}; {SET_CRS}")
    else:
        draft.places.append((*place, path.name))
    distinct = np.unique(values[~np.isnan(values)])
    section = "barren" if BARREN.search(path.stem) else "deposits"
    if len(distinct) <= 3 and (BARREN.search(path.stem) or DEPOSIT.search(path.stem)):
        rarest = float(min(distinct, key=lambda v: int((values == v).sum())))
        draft.take(section, path, {"value": rarest}, f"cells with the value {rarest:g}")
    else:
        layer: dict[str, Any] = {"path": draft.relative(path)}
        if len(distinct) <= 30 and (values == np.round(values)).all():
            layer["categories"] = True
        draft.table.setdefault("layers", []).append(layer)
        draft.notes.append(f"{path.name}: supporting layer, {values.shape[0]} x {values.shape[1]}")
