"""Propose a table as the samples: its rows, columns, units and medium."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np

from orecast.config import Samples, inline
from orecast.errors import InputError
from orecast.survey.analytes import element
from orecast.survey.coarse import (
    MOST_DUPLICATES,
    coarse_kinds,
    crowded,
    isolated_in_words,
    precision_column,
)
from orecast.survey.columns import TEXT, ColumnChoice, choose_columns, with_over_range
from orecast.survey.concentrations import decisions, nothing_detected
from orecast.survey.coverage import LEAST_SHARE, coverage, keep_covering
from orecast.survey.data import Finding, Findings, listed
from orecast.survey.points import (
    position_columns,
    positions_of,
)
from orecast.survey.proposal.draft import (
    DEPOSIT,
    FEWEST_ELEMENTS,
    MOST_KINDS,
    Candidate,
    Draft,
    estimated_units,
    label_of,
)
from orecast.survey.rows import (
    interval_columns,
    long_columns,
    looks_like_deposits,
    mixed_rows,
    require_surface,
    wanted_rows,
    widened,
)
from orecast.survey.tables import InputTable
from orecast.survey.vectors import matching

_MEDIA = {
    "stream-sediment": r"stream|sediment|drainage|水系",
    "soil": r"soil|土壤",
    "till": r"till|moraine",
    "rock": r"rock|outcrop|岩石",
}


def propose_table(table: InputTable, place: dict[str, Any], draft: Draft) -> None:
    """Keep a table as possible samples if it has three elements or more, else as deposits."""
    draft.notes += [f"{table.path.name}: {remark}" for remark in table.remarks]
    findings = Findings()
    table, rows = _rows_of_samples(table, place, findings, draft)
    positions = set(position_columns(table))
    samples = Samples.model_construct(path=table.path)
    choice = choose_columns(table, samples, positions, findings)
    if len(choice.columns) + choice.unusable < FEWEST_ELEMENTS:
        draft.points.append((table, place))
        if choice.columns or choice.near:
            draft.unnamed.append((table, place, choice.near))
        return
    draft.candidates.append(Candidate(table, place | rows, choice, findings))


def _rows_of_samples(
    table: InputTable, place: dict[str, Any], findings: Findings, draft: Draft
) -> tuple[InputTable, dict[str, Any]]:
    """The table with one row for each sample, and the keys that say how."""
    name, keys = table.path.name, dict[str, Any]()
    if found := long_columns(table):
        keys["long"] = found
        table = widened(table, Samples.model_construct(path=table.path, long=found), findings)
    where: dict[str, list[str]] = {}
    precision = precision_column(table)
    if precision is not None and precision.coarse.any() and (fine := precision.where(table)):
        where |= fine
        draft.notes.append(
            f"{name}: {precision.coarse.sum()} of {len(table.frame)} rows are left out: their "
            f"position has an error of more than 1 km by column {precision.column}, "
            f"{coarse_kinds(table, precision)}; to use them, change samples.where"
        )
        table = _matching(table, where)
    while mixed := mixed_rows(table, where):
        if mixed.media and mixed.share < LEAST_SHARE:
            kinds = {mixed.kept: mixed.n, **mixed.others}
            line = {mixed.column: [mixed.kept]} | where
            several = listed([f"{v} ({n})" for v, n in kinds.items()], MOST_KINDS)
            question = (
                f"column {mixed.column} has several media, none of which has half of the rows: "
                f"{several}. All are used; to use one, set where = {inline(line)}"
            )
            draft.ask(table.path, question, place)
            break
        where[mixed.column] = wanted = wanted_rows(table, mixed)
        left_out = listed([f"{v} ({n})" for v, n in mixed.others.items()], MOST_KINDS)
        draft.notes.append(
            f"{name}: of column {mixed.column}, only {', '.join(wanted)} are used as samples, not "
            f"{left_out}; to use others, change samples.where"
        )
        table = _matching(table, where)
    if where:
        keys["where"] = where
    if {"x", "y"} <= place.keys():
        xy = positions_of(table, place["x"], place["y"])
        if far := isolated_in_words(table, xy):
            draft.ask(table.path, f"{far[0]}; {far[1]}", place)
        if many := int(crowded(xy[np.isfinite(xy).all(axis=1)], MOST_DUPLICATES).sum()):
            draft.notes.append(
                f"{name}: {many} of {len(xy)} rows share their position with "
                f"{MOST_DUPLICATES} others or more: it may be approximate; for samples, "
                f"most_per_place = {MOST_DUPLICATES} leaves them out"
            )
    if interval_columns(table):
        try:
            require_surface(table, Samples.model_construct(path=table.path))
        except InputError as error:
            draft.ask(table.path, f"{error.what}; {error.remedy}", place)
    return table, keys


def _matching(table: InputTable, where: dict[str, list[str]]) -> InputTable:
    rows: Any = matching(table, where, "samples.where")
    return replace(table, frame=table.frame[rows.to_numpy()])


def choose_samples(draft: Draft) -> None:
    """Of the tables with elements, take the one with most samples; deposits may have grades."""

    def rank(candidate: Candidate) -> tuple[bool, bool, int]:
        table = candidate.table
        label = label_of(table, candidate.place)
        return (
            not looks_like_deposits(table.frame.columns),
            not DEPOSIT.search(label),
            len(table.frame) * len(candidate.choice.columns),
        )

    ordered = sorted(draft.candidates, key=rank, reverse=True)
    for number, candidate in enumerate(ordered):
        table, place, choice = candidate.table, candidate.place, candidate.choice
        of_deposits = looks_like_deposits(table.frame.columns) or DEPOSIT.search(
            label_of(table, place)
        )
        if number and of_deposits:
            draft.points.append((table, place))
            continue
        if "samples" in draft.table:
            first = draft.table["samples"]
            draft.ask(
                draft.folder / first["path"],
                f"{label_of(table, place).strip()} has samples too ({len(table.frame)} rows, "
                f"{len(choice.columns)} elements) and is not used. A run reads one table of "
                "samples: to use both, put their rows into one file, or choose the other: "
                f"set path = {draft.relative(table.path)!r}",
                first,
            )
            continue
        detected = [c for c in choice.columns.values() if c.unusable is None]
        if not detected and len(choice.columns) >= FEWEST_ELEMENTS:
            counts = {c.symbol: int(c.present.sum()) for c in choice.columns.values()}
            raise nothing_detected(counts, len(counts), str(table.path), "")
        draft.notes += [f"{table.path.name}: {_note(f)}" for f in candidate.findings]
        content = place | _samples(table, choice, place, draft)
        ignored = content.get("ignore", ())
        kept = [c.symbol for c in choice.columns.values() if c.name not in ignored]
        draft.symbols.setdefault(draft.relative(table.path), kept)
        draft.take("samples", table.path, content, f"{len(kept)} elements, {table.how}".strip(" ,"))


def _note(finding: Finding) -> str:
    return f"{finding.what}; {finding.remedy}" if finding.remedy else finding.what


def _samples(
    table: InputTable, choice: ColumnChoice, place: dict[str, Any], draft: Draft
) -> dict[str, Any]:
    """Units, columns to ignore and the medium of a table of samples."""
    name = table.path.name
    reruns = {column: second.name for column, second in choice.over_range.items()}
    # Text may be the marks of another column's values; it is no element anyhow.
    ignore = [c for c, why in choice.left_out.items() if c not in reruns.values() and why != TEXT]
    sparse = _sparse(table, choice, place)
    if sparse:
        ignore += sparse
        said = [f"{c} ({100 * share:.0f} %)" for c, share in sparse.items()]
        draft.notes.append(
            f"{name}: left out {len(sparse)} column(s), each with the share of the area in which "
            "it has values, because the map has a value only where each element has one, and less "
            f"than half of the area would be left: {listed(said, 40)}; to use one, remove it from "
            "samples.ignore"
        )
    kept = {c.symbol: c for c in choice.columns.values() if c.name not in ignore}
    content: dict[str, Any] = {}
    bare = {s: (c.median, c.highest) for s, c in kept.items() if c.unit is None}
    units = estimated_units(bare, name, draft)
    if units:
        content["units"] = units
    if ignore:
        content["ignore"] = ignore
    if reruns:
        content["over_range"] = reruns
    samples = Samples.model_construct(path=table.path, **content)  # a file's name may be odd
    chosen = [
        replace(
            element(s, c.name, units.get(s) or c.supposed_unit),
            qualifier=choice.qualifiers.get(c.name),
        )
        for s, c in kept.items()
    ]
    complete = with_over_range(table, choice)
    decided, undecided = decisions(chosen, complete, samples)
    draft.notes += [f"{name}: {text}" for text in decided]
    for text in undecided:
        draft.ask(table.path, text, place)
    medium = next((m for m, words in _MEDIA.items() if re.search(words, name, re.I)), None)
    if medium:
        content["medium"] = medium
        draft.notes.append(f"{name}: medium {medium}, from the file name")
    else:
        draft.ask(table.path, 'set medium = "soil", "stream-sediment", "till" or "rock"', place)
    return content


def _sparse(table: InputTable, choice: ColumnChoice, place: dict[str, Any]) -> dict[str, float]:
    """The columns that leave the map less than half of the area, and their share of it."""
    columns = list(choice.columns.values())
    present = np.column_stack([c.present for c in columns])
    has = present
    if {"x", "y"} <= place.keys():
        xy = positions_of(table, place["x"], place["y"])
        known = np.isfinite(xy).all(axis=1)
        if known.mean() > LEAST_SHARE:
            has = coverage(xy[known], present[known])
    keep = keep_covering(has, FEWEST_ELEMENTS)
    return {
        c.name: float(share)
        for c, share, kept in zip(columns, has.mean(axis=0), keep, strict=True)
        if not kept
    }


def propose_unnamed(draft: Draft) -> None:
    """Propose the table with the most headers that are nearly elements as samples."""
    for table, place, near in sorted(draft.unnamed, key=lambda found: -len(found[2])):
        if len(near) + 1 < FEWEST_ELEMENTS:
            continue
        path = draft.relative(table.path)
        if draft.table.get("deposits", {}).get("path") == path:
            del draft.table["deposits"]
        draft.table["samples"] = {"path": path, **place}
        question = (
            "the elements of its columns are not certain. If these are right, set "
            f"rename = {inline(near)}"
        )
        draft.ask(table.path, question, place)
        return
