"""Propose lines and polygons as faults, geology or the study area."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orecast.errors import InputError
from orecast.survey.data import Findings
from orecast.survey.joining import points_table
from orecast.survey.projection import file_crs
from orecast.survey.proposal.draft import DEPOSIT, MOST_KINDS, NO_CRS, SET_CRS, Draft, best_column
from orecast.survey.proposal.files import layers_of
from orecast.survey.vectors import (
    bounds_of,
    of_shape,
    read_frame,
    shape_of,
)

if TYPE_CHECKING:
    import geopandas as gpd


_MOST_UNITS = 60
_FAULT = re.compile(
    r"fault|lineament|struct|shear|thrust|fracture|fold|dyke|dike|vein|contact|falla|faille|"
    r"lineamient|st[oö]rung|verwerfung|falha|faglia|разлом|断|構造|构造|f[oö]rkast|siirro|ruhje",
    re.I,
)
# Lines of a map that are no evidence.
_OTHER_LINES = re.compile(
    r"(?<![a-z])(?:road|street|track|rail|river|stream|creek|drainage|hydro|contour|pipeline|power|"
    r"fence|flight|route|chemin|rivi[eè]re|stra[sß]|fluss|carretera|camino|estrada|rua)|дорог|рек|"
    r"公路|河",
    re.I,
)
_AREA = re.compile(r"area|boundary|aoi|outline|extent|border|region", re.I)
_UNIT = r"rock_?class|rock_?type|lith|unit|class|formation|rock|geol|name|code|age"


def propose_vectors(path: Path, draft: Draft) -> None:
    """Propose the layers of a vector file; layers of points and lines are kept for later."""
    for layer in layers_of(path):
        try:
            frame = read_frame(path, layer)
            if frame.crs is not None and frame.crs.is_engineering:
                file_crs(frame.crs, None, str(path), "crs")
        except InputError as error:
            draft.leave_out(path, error)
            continue
        place: dict[str, Any] = {} if layer is None else {"layer": layer}
        if frame.crs is None:
            draft.ask(path, f"{NO_CRS}; {SET_CRS}", place)
        else:
            draft.places.append((frame.crs, bounds_of(frame), path.name))
        label = f"{path.stem} {layer or ''}"
        shape = shape_of(frame)
        assert shape is not None  # read_frame refuses a layer without a geometry
        findings = Findings()
        frame = of_shape(frame, shape, path.name, findings)
        draft.notes += [f"{path.name}: {f.what}" for f in findings]
        if shape == "point":
            draft.layers.append((points_table(frame, path), place))
        elif shape == "line":
            words = _words(frame, label)
            if _FAULT.search(words) or not _OTHER_LINES.search(words):
                draft.lines.append((path, place, len(frame), bool(_FAULT.search(words))))
            else:
                draft.notes.append(f"{path.name}: ignored; by its name its lines are no faults")
        else:
            _propose_polygons(path, frame, place, label, draft)


def propose_lines(draft: Draft) -> None:
    """Propose lines as faults: those that are named so first."""
    for path, place, n, named in sorted(draft.lines, key=lambda line: not line[3]):
        if not named and "faults" not in draft.table:
            draft.ask(
                path,
                "nothing in its names says that its lines are faults. If they are not, remove "
                "[faults]",
                place,
            )
        draft.take("faults", path, place, f"{n} lines")


def _words(frame: gpd.GeoDataFrame, label: str) -> str:
    """The names of a layer, of its columns, and the values of its columns of few kinds."""
    table = frame.drop(columns=frame.geometry.name).select_dtypes(exclude="number")
    few = (table[c].unique() for c in table.columns if table[c].nunique() <= MOST_KINDS)
    kinds = [str(value) for values in few for value in values]
    return " ".join([label, *map(str, frame.columns), *kinds])


def _propose_polygons(
    path: Path, frame: gpd.GeoDataFrame, place: dict[str, Any], label: str, draft: Draft
) -> None:
    if len(frame) == 1 or (_AREA.search(label) and len(frame) < 5):
        draft.take("area", path, place, f"{len(frame)} polygon(s)")
        return
    named, other = best_column(frame, _UNIT, "fc", _MOST_UNITS)
    column = named or other
    if column is None:
        draft.notes.append(f"{path.name}: ignored; its polygons have no column of rock units")
        return
    if DEPOSIT.search(label):
        draft.notes.append(
            f"{path.name}: if these polygons are deposits, save their centroids to a file: "
            "deposits must be points"
        )
    classes = frame[column].nunique()
    draft.take(
        "geology",
        path,
        {**place, "column": column},
        f"{len(frame)} polygons, {classes} classes in column {column}; change column if needed",
    )
