"""Propose a configuration from files; each decision is reported as a note."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import Any

from orecast.errors import InputError
from orecast.survey.data import listed
from orecast.survey.deposits import unanalysed
from orecast.survey.elements import commodities_named
from orecast.survey.joining import WKT, joined, shared_ids
from orecast.survey.packed import PACKED, require_one_inside, suffix_of
from orecast.survey.points import (
    Place,
    propose_places,
)
from orecast.survey.proposal.deposits import propose_points
from orecast.survey.proposal.draft import FEWEST_ELEMENTS, Draft
from orecast.survey.proposal.files import files_of, tables_of
from orecast.survey.proposal.rasters import propose_rasters
from orecast.survey.proposal.samples import choose_samples, propose_table, propose_unnamed
from orecast.survey.proposal.vectors import propose_lines, propose_vectors
from orecast.survey.rasters import is_raster
from orecast.survey.tables import (
    TABLES,
    InputTable,
)
from orecast.survey.vectors import is_vector


def propose(paths: Collection[Path], folder: Path) -> tuple[dict[str, Any], list[str]]:
    """Find samples, deposits, faults, geology, area and layers by the content of the files.

    Tables are recognised by their columns, vector files by their geometry, rasters by their names
    and values. Returns a table for ``orecast.config.parse``, with paths relative to ``folder``,
    and a note for each decision; those that only a person can make come last. Without deposits it
    proposes a map of anomalies.

    Raises InputError if a file cannot be read, or there are no samples.
    """
    draft = Draft(folder)
    files = files_of(paths)
    propose_rasters([p for p in files if is_raster(p)], draft)
    vectors = [p for p in files if is_vector(p)]
    for path in vectors:
        propose_vectors(path, draft)
    tables: list[tuple[InputTable, dict[str, Any]]] = []
    for path in files:
        if suffix_of(path) in TABLES and path not in vectors:
            try:
                tables += tables_of(path, draft)
            except InputError as error:
                draft.leave_out(path, error)
        elif suffix_of(path) in PACKED:
            try:
                require_one_inside(path)
            except InputError as error:
                draft.leave_out(path, error)
        elif not is_raster(path) and path not in vectors:
            draft.notes.append(f"{path.name}: ignored; this kind of file cannot be read")
    places = propose_places([table for table, _ in tables], draft.places)
    located = [
        (*one, place) for one, place in zip(tables, places, strict=True) if place is not None
    ]
    points = [(table, layer, Place({})) for table, layer in draft.layers]
    used = [  # tables and layers that give the positions of others
        _propose_joined(table, layer, [*located, *points], draft)
        for (table, layer), place in zip(tables, places, strict=True)
        if place is None
    ]
    for table, layer, place in [*located, *points]:
        if not any(table is one for one in used):
            frame = table.frame.drop(columns=WKT, errors="ignore")
            keys = _keys(table, layer, place, draft)
            propose_table(replace(table, frame=frame), keys, draft)
    choose_samples(draft)
    propose_points(draft)
    propose_lines(draft)
    _complete(files, draft)
    return draft.table, [*draft.notes, *draft.questions()]


def _keys(table: InputTable, layer: dict[str, Any], place: Place, draft: Draft) -> dict[str, Any]:
    """The keys of a table's section that say where its rows are; and notes on them."""
    draft.notes += [f"{table.path.name}: {note}" for note in place.notes]
    if place.undecided:
        draft.ask(table.path, place.undecided, layer)
    return layer | place.keys


def _propose_joined(
    table: InputTable,
    layer: dict[str, Any],
    located: list[tuple[InputTable, dict[str, Any], Place]],
    draft: Draft,
) -> InputTable | None:
    """Propose a table without positions as samples, with those of another table by their ids.

    ``located`` are the tables with positions, and their keys. Returns the one that was used.
    """
    name = table.path.name
    for other, their_layer, place in located:
        ids = shared_ids(table, other)
        if ids is None:
            continue
        positions = {"path": draft.relative(other.path), **their_layer}
        draft.notes.append(
            f"{name}: positions of {ids.matched} of {len(table.frame)} rows from "
            f"{other.path.name}, by columns {ids.own!r} and {ids.other!r}"
        )
        keys = _keys(table, layer, place, draft) | {"positions": positions}
        propose_table(joined(table, other, ids), keys, draft)
        return other
    draft.notes.append(f"{name}: ignored; it has no position columns")
    return None


def _complete(files: list[Path], draft: Draft) -> None:
    if "samples" in draft.table and "gridded" in draft.table:
        del draft.table["gridded"]
        draft.notes.append("ignored the gridded survey, because there are samples")
    if "samples" not in draft.table and "gridded" not in draft.table:
        propose_unnamed(draft)
    if "samples" not in draft.table and "gridded" not in draft.table:
        raise InputError(
            f"no table with {FEWEST_ELEMENTS} elements and no rasters of elements in: "
            f"{listed([p.name for p in files])}" + "".join(f"; {n}" for n in draft.notes),
            remedy="add the samples file; its headers must name elements, such as Au_ppb",
        )
    survey = draft.table.get("samples") or draft.table["gridded"]
    symbols = draft.symbols.get(survey["path"])
    if "deposits" in draft.table and symbols:
        path = Path(draft.table["deposits"]["path"])
        if missing := unanalysed(path.stem, symbols):
            draft.notes.append(
                f"{path.name}: by its name the deposits are of {' and '.join(missing)}, which the "
                "survey did not analyse: the map is made from the other elements"
            )
        named = commodities_named(path.stem)
        where = "the file name"
        if len(named) != 1 and draft.commodity:
            named, where = [draft.commodity], "their column"
        if len(named) == 1 and named[0] in symbols:
            draft.table["commodity"] = named[0]
            draft.notes.append(f"{path.name}: commodity {named[0]}, from {where}")
    if "deposits" not in draft.table:
        draft.notes.append(
            "no file has deposits: the run will map anomalies with a model that needs no deposits; "
            "add [deposits] to train with known ones, or [held_back] to test the map with them"
        )
