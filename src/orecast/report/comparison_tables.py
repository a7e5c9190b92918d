"""The tables of a comparison, set as plain text from what its JSON says of a survey."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from orecast.report.facts import meanings
from orecast.report.metrics import Estimate
from orecast.report.tables import DASH, Table, estimate, number, probability

BEST_LAYER = "best-layer"  # chosen inside each fold, by how it ranks the training deposits
SPATIAL = "spatial"

Row = Mapping[str, Any]


def survey_tables(survey: Row, protocols: Sequence[str]) -> dict[str, Any]:
    """Every table of one survey: ``spatial``, ``layers``, ``claims``, ``others`` and ``failed``.

    None stands for one with nothing to show. ``declares`` is what models say must be said with
    their scores, by name; ``meanings`` what the maps are.
    """
    rows = survey["scores"]
    spatial = [r for r in rows if r["protocol"] == SPATIAL]
    others = [p for p in protocols if p != SPATIAL and any(r["protocol"] == p for r in rows)]
    others.sort(key=is_leaky)  # the fair ones before the papers'
    maps = [r for r in spatial if not is_layer(r)]
    scored = any("percentile" in r for r in maps)
    return {
        "spatial": spatial_table(maps, survey["reference"]) if scored else None,
        "layers": spatial_table([r for r in spatial if is_layer(r)], survey["reference"]),
        "claims": claims_table(rows, [SPATIAL, *others]) if others else None,
        "others": [
            (p, _words(rows, p), other_table([r for r in rows if r["protocol"] == p], p))
            for p in others
        ],
        "words": _words(rows, SPATIAL),
        "failed": failed_table(rows),
        "declares": {r["name"]: r["declares"] for r in rows if r.get("declares")},
        "meanings": meanings(r["name"] for r in spatial),
    }


def spatial_table(rows: Sequence[Row], reference: str) -> Table:
    """Set maps beside each other under leak-free folds, the best first."""
    rivals = [n for n in dict.fromkeys((reference, BEST_LAYER)) if _anyone_against(rows, n)]
    head = (
        "Map",
        "Percentile",
        "± between seeds",
        *(f"Against {name}" for name in rivals),
        *("AUC", "Top 5\u00a0% (%)", "Average precision", "Brier skill (%)", "Seconds"),
    )
    body = [
        (
            _named(row),
            estimate(_estimate(row.get("percentile")), percent=True, digits=0),
            _points(row.get("seeds_sd")),
            *(_difference(row.get("paired", {}).get(name)) for name in rivals),
            number(_known(row.get("auc"))),
            _points((row.get("top_area") or {}).get("0.05"), digits=0),
            _two_figures(row.get("average_precision")),
            _points(row.get("brier_skill"), digits=2),
            number(row["seconds"], 1),
        )
        for row in rows
    ]
    stressed = {k: "reference" for k, row in enumerate(rows) if row["name"] == reference}
    caption = "Held-out places under spatial folds; 95\u00a0% intervals in brackets"
    return Table(caption, head, body, frozenset(range(1, len(head))), stressed)


def other_table(rows: Sequence[Row], protocol: str) -> Table:
    """Set the models under another protocol, in the order of ``spatial``."""
    head = (
        *("Map", "Percentile", "± between seeds", "AUC", "Top 5\u00a0% (%)"),
        *("Accuracy", "F1", "MCC", "Seconds"),
    )
    body = [
        (
            _named(row),
            estimate(_estimate(row.get("percentile")), percent=True, digits=0),
            _points(row.get("seeds_sd")),
            number(_known(row.get("auc"))),
            _points((row.get("top_area") or {}).get("0.05"), digits=0),
            *(number(_known((row.get("extra") or {}).get(n))) for n in ("accuracy", "f1", "mcc")),
            number(row["seconds"], 1),
        )
        for row in rows
    ]
    leaky = ", which leaks: what is tested has all but been learned from"
    caption = f"Protocol {protocol}{leaky if is_leaky(protocol) else ''}"
    return Table(caption, head, body, frozenset(range(1, len(head)))).filled()


def claims_table(rows: Sequence[Row], protocols: Sequence[str]) -> Table:
    """Set the AUC that each protocol claims for the same model; leaky ones last, with the gap."""
    found = claimed(rows)
    leaky = [p for p in protocols if is_leaky(p)]
    head = ("Model", *(f"AUC, {p}" for p in protocols), *(f"{p} − {SPATIAL}" for p in leaky))
    body = [
        (
            name,
            *(number(auc.get(p)) for p in protocols),
            *(
                number(auc[p] - auc[SPATIAL] if p in auc and SPATIAL in auc else None)
                for p in leaky
            ),
        )
        for name, auc in found.items()
    ]
    caption = "What each protocol claims for the same model: AUC, mean over seeds"
    return Table(caption, head, body, frozenset(range(1, len(head))))


def claimed(rows: Sequence[Row]) -> dict[str, dict[str, float]]:
    """AUC by model and protocol, of the compared models, in the order of ``spatial``."""
    found: dict[str, dict[str, float]] = {}
    for row in rows:
        if row["role"] == "model" and row.get("auc") is not None:
            found.setdefault(row["name"], {})[row["protocol"]] = row["auc"]
    return found


def failed_table(rows: Sequence[Row]) -> Table | None:
    """Set what could not be computed, once a reason; None where everything could."""
    found: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        for failed in row["failed"]:
            found.setdefault((row["protocol"], failed["what"]), []).append(
                {"name": row["name"], "role": row["role"], "seed": failed["seed"]}
            )
    body = [
        (protocol, ", ".join(map(str, sorted({f["seed"] for f in those}))), why, _maps(those))
        for (protocol, why), those in found.items()
    ]
    if not body:
        return None
    return Table("What could not be computed", ("Protocol", "Seeds", "Why", "Maps"), body)


def _maps(rows: Sequence[Row]) -> str:
    """Names of maps, each once; single layers, which are many, are counted."""
    named = dict.fromkeys(row["name"] for row in rows if not is_layer(row))
    layers = len({row["name"] for row in rows if is_layer(row)})
    return ", ".join([*named, *([f"{layers} single layer{'s' * (layers > 1)}"] if layers else [])])


def is_layer(row: Row) -> bool:
    """Whether a row is a single layer's, picked afterwards."""
    return bool(row["role"] == "baseline" and row["name"].startswith("layer "))


def is_leaky(protocol: str) -> bool:
    """Whether a protocol, by its label, tests what has all but been learned from."""
    return protocol.partition(":")[0] == "paper"


def reason(row: Row) -> str:
    """Why seeds failed: each reason once."""
    return "; ".join(dict.fromkeys(failed["what"] for failed in row["failed"]))


def _anyone_against(rows: Sequence[Row], name: str) -> bool:
    return any(name in row.get("paired", {}) for row in rows)


def _words(rows: Sequence[Row], protocol: str) -> str:
    """How a protocol cut, as its first finished cell says."""
    said = (r["sentence"] for r in rows if r["protocol"] == protocol and r["sentence"])
    text = next(said, "")
    return f"{text[:1].upper()}{text[1:].rstrip('.')}." if text else ""


def _named(row: Row) -> str:
    if not row["failed"]:
        return str(row["name"])
    seeds = ", ".join(str(failed["seed"]) for failed in row["failed"])
    return f"{row['name']} (failed, seed {seeds})"


def _difference(test: Row | None) -> str:
    """A paired difference in points, with interval and p."""
    if test is None:
        return DASH
    text = estimate(_estimate(test), percent=True, digits=0)
    p = probability(_known(test["p"]))
    return text if p == DASH else f"{text}, p\u00a0{p}"


def _points(share: float | None, digits: int = 1) -> str:
    return number(None if share is None else 100 * share, digits)


def _two_figures(value: float | None) -> str:
    return DASH if value is None else f"{value:#.2g}"


def _known(value: float | None) -> float:
    return float("nan") if value is None else value


def _estimate(value: Row | None) -> Estimate:
    nothing = {"value": None, "low": None, "high": None}
    return Estimate.model_validate(value or nothing)
