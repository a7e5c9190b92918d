"""Plain facts of a run in words: its area, what was found in the data, how it was made."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import takewhile
from typing import Any

from orecast.report.html import typeset
from orecast.report.metrics import Metrics
from orecast.report.reading import RunReading
from orecast.report.tables import number

_MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
_HEADINGS = {
    "refusal": "Refused: left out of the run",
    "warning": "Warnings: may mislead",
    "info": "For information",
}
_BASELINES = {
    "best-layer": "The one layer that ranks the training deposits best, chosen anew in each fold",
    "deposit-distance": "Nearness to the training deposits, no layer used",
    "fault-distance": "Nearness to a mapped fault, the nearest always being best",
    "sampling-density": "How densely the ground was sampled, which says where people looked",
    "random": "Noise, which knows nothing",
    "layer X": "Layer X alone, whether high or low is best being learned in each fold, of "
    "fault_distance too",
}
_CLASSES = {1: "ore", 0: "barren"}
_WELL_COVERED = 0.8


@dataclass(frozen=True)
class Finding:
    """One thing found in the data."""

    where: str
    what: str
    remedy: str


def area_sentence(run: RunReading) -> str:
    """Say how large the map is and where it lies."""
    raster = run.raster("prospectivity", most=1)
    cells, square_km = run.mapped_cells
    b = raster.bounds
    where = f"{number((b.east - b.west) / 1000, 0)} × {number((b.north - b.south) / 1000, 0)} km"
    centre = _lon_lat(run, (b.west + b.east) / 2, (b.south + b.north) / 2)
    return (
        f"{number(square_km, 0)} km² mapped ({number(cells, 0)} cells) within {where}, "
        f"{raster.crs}, centred on {centre}"
    )


def findings(checks: Mapping[str, Any], folder: str = "") -> list[tuple[str, list[Finding]]]:
    """Findings by level under a heading, refusals first; a level without any is left out.

    ``folder``, which all input files share, is left off their paths.
    """
    found = checks.get("findings", [])
    return [
        (
            heading,
            [_finding(f, folder) for f in found if f.get("level") == level],
        )
        for level, heading in _HEADINGS.items()
        if any(f.get("level") == level for f in found)
    ]


def _finding(found: Mapping[str, str], folder: str) -> Finding:
    texts = (found.get(key) or "" for key in ("where", "what", "remedy"))
    shown = (text.replace(folder, "") if folder else text for text in texts)
    return Finding(*(typeset(text) for text in shown))


def counts(checks: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What was read, counted, as name and text; what there is none of is left out."""
    survey = checks.get("survey", {})
    deposits = survey.get("deposits") or {}
    facts = {
        "Cells" if survey.get("kind") == "gridded" else "Samples": survey.get("samples"),
        "Samples that share a place": survey.get("duplicates"),
        "Elements": len(survey.get("elements", [])),
        "Deposits": deposits.get("n"),
        "Deposits outside the area": deposits.get("outside"),
        "Places known to be barren": survey.get("barren"),
    }
    return [(name, number(count, 0)) for name, count in facts.items() if count]


def chance(metrics: Metrics) -> str:
    """Say how far chance alone moves the mean percentile of so many places; empty if unknown.

    The mean of n independent uniform percentiles has a standard deviation of 1 / sqrt(12 n).
    """
    model = next((s for s in metrics.fair if s.is_model), None)
    n = sum(map(math.isfinite, model.places)) if model else 0
    if model is None or not n:
        return ""
    shared = " (deposits in one cell are one place)" if n < len(model.per_deposit) else ""
    whose = "deposits kept back" if metrics.anomalies else "held-out deposits"
    half = number(196 / math.sqrt(12 * n), 0)
    return (
        f"If the {n} places of {whose}{shared} were independent of each other, chance "
        f"alone would keep their mean within 50\u00a0±\u00a0{half} in 95\u00a0% of cases. "
        "Neighbours are not independent, so chance reaches further than that"
        + (
            "."
            if metrics.anomalies
            else "; the interval beside each score allows for it by drawing neighbours together."
        )
    )


def gaps(run: RunReading) -> list[str]:
    """Say what share of the area was mapped where it is small, and which deposits fell outside."""
    said = []
    share = _data(run.checks, "coverage").get("share")
    if isinstance(share, int | float) and share < _WELL_COVERED:
        said.append(
            f"{number(100 * share, 0)}\u00a0% of the area could be mapped; elsewhere some layer "
            "has no value."
        )
    named = _data(run.checks, "deposits-without-evidence").get("deposits") or []
    n, of = int(run.left_out.sum()) or len(named), len(run.deposits)
    if n:
        lie, they = ("lies", "it was") if n == 1 else ("lie", "they were")
        said.append(
            f"{n} of {of} known deposits {lie} where the evidence has no value; {they} neither "
            "learned from nor tested."
        )
    return said


def _data(checks: Mapping[str, Any], code: str) -> Mapping[str, Any]:
    """What the first finding of a code holds; nothing where there is none."""
    found = (f.get("data") for f in checks.get("findings", []) if f.get("code") == code)
    return next(found, None) or {}


def meanings(names: Iterable[str]) -> list[tuple[str, str]]:
    """What maps of these names are, each once, in their order; a single layer is ``layer X``.

    A model's options, behind a colon, are left off.
    """
    from orecast.training import model_names

    words = model_names() | _BASELINES
    kinds = ("layer X" if n.startswith("layer ") else n.partition(":")[0] for n in names)
    return [(kind, words[kind].rstrip(".")) for kind in dict.fromkeys(kinds) if kind in words]


def home(provenance: Mapping[str, Any]) -> str:
    """Return the folder that all input files share, with its closing slash; empty if none.

    >>> home({"inputs": [{"path": "/data/a/x.csv"}, {"path": "/data/a/b/y.tif"}]})
    '/data/a/'
    """
    folders = [str(i.get("path", "")).split("/")[:-1] for i in provenance.get("inputs", [])]
    levels = zip(*folders, strict=False)
    shared = [names[0] for names in takewhile(lambda names: len(set(names)) == 1, levels)]
    return "/".join([*shared, ""]) if any(shared) else ""


def made(run: RunReading) -> list[tuple[str, str]]:
    """Seed, buffer, cost and versions, as name and text; what was not recorded is left out."""
    p = run.provenance
    buffer = run.metrics.protocol.hidden_buffer_m
    stages = ", ".join(f"{name} {duration(s)}" for name, s in p.get("seconds", {}).items())
    versions = {"orecast": p.get("orecast"), "Python": p.get("python"), **p.get("libraries", {})}
    facts = {
        "Model": run.metrics.model,
        "Seed": str(run.config.seed),
        "Folds": str(run.metrics.protocol.folds or ""),
        "Hidden buffer": "" if math.isnan(buffer) else f"{number(buffer / 1000, 1)} km",
        "Learned from": _learned_from(run.metrics),
        "Grown rows": " ".join(_grown(run.metrics)),
        "Begun": when(p.get("started")),
        "Duration before this page": duration(p.get("total_seconds")),
        "By stage": stages,
        "Peak memory": _memory(p.get("peak_memory_mib")),
        "Versions": ", ".join(f"{name} {v}" for name, v in versions.items() if v),
        "Platform": p.get("platform") or "",
    }
    return [(name, text) for name, text in facts.items() if text]


def _learned_from(metrics: Metrics) -> str:
    """Windows of either class, the rule of the barren ones, and what each step of growth added."""
    found = metrics.learned_from
    if found is None:
        return ""
    rule = f" ({found.rule})" if found.rule else ""
    said = f"{found.ore} windows of ore and {found.barren} barren{rule}"
    added = [f"{a.rows} {_CLASSES[a.label]} by {a.method}" for a in found.added if a.rows]
    return f"{said}; growth added {', '.join(added)}" if added else said


def _grown(metrics: Metrics) -> list[str]:
    """A sentence or more for each class that a generator grew."""
    return [
        f"{g.rows} {_CLASSES[g.label]} windows by {g.method}. {g.sentence}" for g in metrics.grown
    ]


def when(moment: object) -> str:
    """Write an ISO moment as a date that cannot be misread; as it stands where it is none.

    >>> when("2026-03-04T09:26:00+00:00"), when(None)
    ('4 March 2026, 09:26 UTC', '')
    """
    try:
        at = datetime.fromisoformat(str(moment))
    except ValueError:
        return str(moment or "")
    zone = f" {at.tzname()}" if at.tzinfo else ""
    return f"{at.day} {_MONTHS[at.month - 1]} {at.year}, {at:%H:%M}{zone}"


def duration(seconds: object) -> str:
    """Write a length of time.

    >>> duration(3.24), duration(101), duration(7384.0), duration(None)
    ('3.2 s', '1 min 41 s', '2 h 3 min', '')
    """
    if not isinstance(seconds, int | float):
        return ""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def _memory(mib: object) -> str:
    if not isinstance(mib, int | float):
        return ""
    return f"{mib / 1024:.1f} GiB" if mib >= 1024 else f"{mib:.0f} MiB"


def _lon_lat(run: RunReading, x: float, y: float) -> str:
    import rasterio
    from pyproj import Transformer

    with rasterio.open(run.path("prospectivity.tif")) as source:
        crs = source.crs
    lon, lat = Transformer.from_crs(crs.to_wkt(), "EPSG:4326", always_xy=True).transform(x, y)
    return f"{abs(lat):.2f}° {'N' if lat >= 0 else 'S'}, {abs(lon):.2f}° {'E' if lon >= 0 else 'W'}"
