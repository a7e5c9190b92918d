"""Describe a survey in numbers: tables for ``orecast check``, data for ``checks.json``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from orecast.grid import Bounds, crs_name
from orecast.survey.data import Survey, xy_of
from orecast.survey.deposits import chance, interval_half_width
from orecast.survey.duplicates import places
from orecast.survey.vectors import bounds_of


@dataclass(frozen=True)
class SummaryTable:
    """A table to show: title, column names, and rows of numbers and text."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]


def checks(survey: Survey) -> dict[str, Any]:
    """Counts and findings as plain data, for ``checks.json``."""
    shared = None
    if survey.samples is not None:
        xy = xy_of(survey.samples)
        shared = len(places(xy).first)
    n = 0 if survey.deposits is None else len(survey.deposits)
    outside = sum(len(f.data["rows"]) for f in survey.findings.of("deposits-outside"))
    half = interval_half_width(n) if n else None
    return {
        "survey": {
            "kind": "points" if survey.gridded is None else "gridded",
            "crs": crs_name(survey.crs),
            "extent": _extent(survey)._asdict(),
            "samples": len(survey.values),
            "rows": survey.rows,
            "places": shared,
            "duplicates": sum(f.data["n"] for f in survey.findings.of("duplicate-places")),
            "elements": elements(survey),
            "deposits": {"n": n, "outside": outside, "half_width": half},
            "barren": None if survey.barren is None else len(survey.barren),
            "held_back": None if survey.held_back is None else len(survey.held_back),
            "layers": layers(survey),
        },
        "findings": survey.findings.as_dicts(),
    }


def describe(survey: Survey) -> list[SummaryTable]:
    """The survey as tables: overview, elements, layers."""
    found = checks(survey)["survey"]
    b, n = _extent(survey), found["deposits"]["n"]
    what = "cells" if found["kind"] == "gridded" else "samples"
    counted = f"{found['samples']:,}"
    if found["rows"] is not None:
        counted = f"{found['rows']:,} rows, {found['places']:,} places"
    deposits = "none: the run maps anomalies"
    if n:
        deposits = f"{n}; a random map gives a mean percentile of {chance(n)}"
    overview: list[tuple[Any, ...]] = [
        (what, counted),
        ("sharing a place", found["duplicates"]),
        ("CRS", f"{found['crs']} ({survey.crs.name})"),
        ("extent", f"x {b.west:.0f} to {b.east:.0f}, y {b.south:.0f} to {b.north:.0f}"),
        ("deposits", deposits),
    ]
    if survey.gridded is not None:
        overview.insert(1, ("grid", str(survey.gridded)))
    if found["barren"] is not None:
        overview.append(("barren places", found["barren"]))
    if found["held_back"] is not None:
        overview.append(("test-only deposits", f"{found['held_back']}; used only to test the map"))
    columns = (
        "element",
        "column",
        "unit",
        "n",
        "missing",
        "censored",
        "min",
        "median",
        "max",
        "at the lowest",
    )
    rows = tuple(
        (
            *(e[key] for key in ("symbol", "column", "unit", "n", "missing", "censored")),
            *(f"{e[key]:.4g}" for key in ("min", "median", "max")),
            f"{e['at_lowest']} ({100 * e['share_at_lowest']:.1f} %)",
        )
        for e in found["elements"]
    )
    sections = [
        SummaryTable("survey", ("what", "value"), tuple(overview)),
        SummaryTable("elements", columns, rows),
    ]
    if found["layers"]:
        shown = tuple(
            (a["layer"], a["kind"], a["what"], Path(a["source"]).name) for a in found["layers"]
        )
        sections.append(SummaryTable("layers", ("layer", "kind", "what", "file"), shown))
    return sections


def elements(survey: Survey) -> list[dict[str, Any]]:
    """For each element: unit, counts, range, and how many values equal the lowest."""
    found = []
    for column, e in enumerate(survey.elements):
        values, censored = survey.values[:, column], survey.censored[:, column]
        present = values[~np.isnan(values)]
        at_lowest = int((present == present.min()).sum())
        found.append(
            {
                "symbol": e.symbol,
                "column": e.column,
                "unit": e.unit,
                "n": len(present),
                "missing": int(np.isnan(values).sum()),
                "censored": int(censored.sum()),
                "min": float(present.min()),
                "median": float(np.median(present)),
                "max": float(present.max()),
                "at_lowest": at_lowest,
                "share_at_lowest": at_lowest / len(present),
            }
        )
    return found


def layers(survey: Survey) -> list[dict[str, Any]]:
    """For each further layer: kind, size, extent and file."""
    found: list[tuple[str, str, str, Bounds, str]] = []
    for kind in ("faults", "geology", "area"):
        frame = getattr(survey, kind)
        if frame is not None:
            one = "line" if kind == "faults" else "polygon"
            what = f"{len(frame)} {one}{'' if len(frame) == 1 else 's'}"
            found.append((kind, kind, what, bounds_of(frame), ""))
    for r in survey.rasters:
        what = (
            f"{r.grid.shape[0]} x {r.grid.shape[1]} cells of {r.grid.cell_size[0]:g}, "
            f"{crs_name(r.grid.crs)}, {int(np.isnan(r.values).sum())} nodata"
        )
        found.append((r.name, "raster", what, r.grid.bounds, r.source))
    return [
        {"layer": name, "kind": kind, "what": what, "extent": str(extent), "source": source}
        for name, kind, what, extent, source in found
    ]


def _extent(survey: Survey) -> Bounds:
    if survey.gridded is not None:
        return survey.gridded.bounds
    assert survey.samples is not None
    return bounds_of(survey.samples)
