"""The page, tables and figures of a comparison."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orecast.errors import RunError
from orecast.metrics import Interval
from orecast.report import html
from orecast.report.drawing import (
    FAINT,
    INK,
    MODEL,
    OTHERS,
    RECOMMENDED,
    RULE,
    add_legend,
    colour_names,
    lettering,
    mark_chance,
    name_rows,
    new_figure,
    to_png,
)
from orecast.report.sentences import duration, meanings
from orecast.report.tables import DASH, Table, by_columns, estimate, number, probability

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_MAPS = 25
_WIDTH = 6.3
_LETTERS = 34
Row = Mapping[str, Any]


def percentiles(rows: Sequence[Row], reference: str) -> Figure:
    """Draw each map's mean percentile with its interval, the best on top.

    Compared models are filled, baselines grey; others are compared with
    ``reference``.
    """
    drawn = rows[:MOST_MAPS]
    figure = new_figure(_WIDTH, 0.95 + 0.26 * len(drawn))
    axes = figure.add_subplot()
    mark_chance(axes, 50)
    ends = [0.0]
    for k, row in enumerate(drawn):
        colour = _colour(row, reference)
        p = row["percentile"]
        if p["low"] is not None and p["high"] is not None:
            ends.append(100 * p["low"])
            axes.plot([100 * p["low"], 100 * p["high"]], [k, k], color=colour, linewidth=1.6)
        axes.plot(100 * p["value"], k, "o", color=colour, markersize=5.5, zorder=4)
    axes.set_xlim(min(ends), 100)
    axes.set_xlabel("Mean percentile of held-out places (50 is chance)", fontsize=8.5, color=INK)
    labels = [
        lettering(row["name"], _LETTERS) + (" (reference)" if row["name"] == reference else "")
        for row in drawn
    ]
    name_rows(axes, labels)
    colour_names(axes, [_colour(row, reference) for row in drawn])
    return figure


def claims(auc: Mapping[str, Mapping[str, float]], protocols: Sequence[str]) -> Figure:
    """Draw the AUC that each protocol claims for a model, ``{model: {protocol: AUC}}``.

    ``spatial`` comes first among ``protocols``; the papers' are the colour of a warning.
    """
    figure = new_figure(_WIDTH, 1.25 + 0.3 * len(auc) + 0.1 * len(protocols))
    axes = figure.add_subplot()
    mark_chance(axes, 0.5)
    for k, values in enumerate(auc.values()):
        axes.plot([min(values.values()), max(values.values())], [k, k], color=RULE, linewidth=2)
    colours = claim_colours(protocols)
    for protocol in protocols:
        rows = [k for k, values in enumerate(auc.values()) if protocol in values]
        if rows:
            axes.scatter(
                [list(auc.values())[k][protocol] for k in rows],
                rows,
                s=42 if protocol == protocols[0] else 30,
                color=colours[protocol],
                marker="D" if colours[protocol] == RECOMMENDED else "o",
                label=lettering(protocol, _LETTERS),
                zorder=3,
            )
    lowest = min((v for values in auc.values() for v in values.values()), default=0.5)
    axes.set_xlim(min(0.4, math.floor(10 * lowest) / 10), 1.01)
    axes.set_xlabel("AUC (0.5 is chance)", fontsize=8.5, color=INK)
    name_rows(axes, [lettering(name, _LETTERS) for name in auc])
    add_legend(figure, "upper left", ncols=min(len(protocols), 3))
    return figure


def claim_colours(protocols: Sequence[str]) -> dict[str, str]:
    """A colour for each protocol: the first one's is the model's, the papers' that of a warning."""
    others = [p for p in protocols[1:] if p.partition(":")[0] != "paper"]
    found = {p: (*OTHERS, INK)[k % (len(OTHERS) + 1)] for k, p in enumerate(others)}
    return {protocols[0]: MODEL} | found | {p: RECOMMENDED for p in protocols[1:] if p not in found}


def _colour(row: Row, reference: str) -> str:
    if row["name"] == reference:
        return RECOMMENDED
    return MODEL if row["role"] == "model" else FAINT


BEST_LAYER = "best-layer"  # chosen inside each fold, by how it ranks the training deposits
SPATIAL = "spatial"


def survey_tables(survey: Row, protocols: Sequence[str]) -> dict[str, Any]:
    """Every table of one survey: ``spatial``, ``layers``, ``claims``, ``others`` and ``failed``.

    None is a table with nothing to show. ``caveats`` are sentences that go with a
    model's scores, by name; ``meanings`` what the maps are.
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
        "caveats": {r["name"]: r["caveats"] for r in rows if r.get("caveats")},
        "meanings": meanings(r["name"] for r in spatial),
    }


def spatial_table(rows: Sequence[Row], reference: str) -> Table:
    """Set maps beside each other under leak-free folds, the best first."""
    references = [
        name
        for name in dict.fromkeys((reference, BEST_LAYER))
        if any(name in row.get("paired", {}) for row in rows)
    ]
    columns: dict[str, Callable[[Row], str]] = {
        "Map": _named,
        "Percentile": _percentile,
        "± between seeds": lambda row: _points(row.get("seeds_sd")),
    }
    for name in references:
        columns[f"Difference: this map minus {name} (points)"] = partial(_difference, name=name)
    columns |= {
        "AUC": lambda row: number(_known(row.get("auc"))),
        "Deposits in the top 5\u00a0% of area (%)": _top,
        "Average precision": lambda row: _two_figures(row.get("average_precision")),
        "Brier skill (%)": lambda row: _points(row.get("brier_skill"), digits=2),
        "Seconds": lambda row: number(row["seconds"], 1),
    }
    stressed = {k: "reference" for k, row in enumerate(rows) if row["name"] == reference}
    caption = "Held-out places under spatial folds; 95\u00a0% intervals in brackets"
    return by_columns(caption, rows, columns, stressed=stressed)


def other_table(rows: Sequence[Row], protocol: str) -> Table:
    """Set the models under another protocol, in the order of ``spatial``."""
    columns: dict[str, Callable[[Row], str]] = {
        "Map": _named,
        "Percentile": _percentile,
        "± between seeds": lambda row: _points(row.get("seeds_sd")),
        "AUC": lambda row: number(_known(row.get("auc"))),
        "Deposits in the top 5\u00a0% of area (%)": _top,
        "Accuracy": partial(_extra, name="accuracy"),
        "F1": partial(_extra, name="f1"),
        "MCC": partial(_extra, name="mcc"),
        "Seconds": lambda row: number(row["seconds"], 1),
    }
    leaky = ", which leaks: tested windows are near-copies of training windows"
    caption = f"Protocol {protocol}{leaky if is_leaky(protocol) else ''}"
    return by_columns(caption, rows, columns).filled()


def claims_table(rows: Sequence[Row], protocols: Sequence[str]) -> Table:
    """Set the AUC of the same model under each protocol; leaky ones last, with the gap."""
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
    caption = "AUC of the same model under each protocol, mean over seeds"
    return Table(caption, head, body, frozenset(range(1, len(head))))


def claimed(rows: Sequence[Row]) -> dict[str, dict[str, float]]:
    """AUC by model and protocol, of the compared models, in the order of ``spatial``."""
    found: dict[str, dict[str, float]] = {}
    for row in rows:
        if row["role"] == "model" and row.get("auc") is not None:
            found.setdefault(row["name"], {})[row["protocol"]] = row["auc"]
    return found


def failed_table(rows: Sequence[Row]) -> Table | None:
    """Set what could not be computed, by reason; None if everything could."""
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
    """Whether a row is a single layer's, which is one of many."""
    return bool(row["role"] == "baseline" and row["name"].startswith("layer "))


def is_leaky(protocol: str) -> bool:
    """Whether a protocol, by its label, tests near-copies of what was learned from."""
    return protocol.partition(":")[0] == "paper"


def reason(row: Row) -> str:
    """Why seeds failed: each reason once."""
    return "; ".join(dict.fromkeys(failed["what"] for failed in row["failed"]))


def _words(rows: Sequence[Row], protocol: str) -> str:
    """Return how a protocol made its folds, from its first finished cell."""
    sentences = (r["sentence"] for r in rows if r["protocol"] == protocol and r["sentence"])
    text = next(sentences, "")
    return f"{text[:1].upper()}{text[1:].rstrip('.')}." if text else ""


def _named(row: Row) -> str:
    if not row["failed"]:
        return str(row["name"])
    seeds = ", ".join(str(failed["seed"]) for failed in row["failed"])
    return f"{row['name']} (failed, seed {seeds})"


def _percentile(row: Row) -> str:
    return estimate(_interval(row.get("percentile")), percent=True, digits=0)


def _top(row: Row) -> str:
    return _points((row.get("top_area") or {}).get("0.05"), digits=0)


def _extra(row: Row, name: str) -> str:
    return number(_known((row.get("extra") or {}).get(name)))


def _difference(row: Row, name: str) -> str:
    """A paired difference in points, with interval and p."""
    test = row.get("paired", {}).get(name)
    if test is None:
        return DASH
    text = estimate(_interval(test), percent=True, digits=0)
    p = probability(_known(test["p"]))
    return text if p == DASH else f"{text}, p\u00a0{p}"


def _points(share: float | None, digits: int = 1) -> str:
    return number(None if share is None else 100 * share, digits)


def _two_figures(value: float | None) -> str:
    return DASH if value is None else f"{value:#.2g}"


def _known(value: float | None) -> float:
    return float("nan") if value is None else value


def _interval(value: Row | None) -> Interval | None:
    if value is None:
        return None
    return Interval(*(_known(value[key]) for key in ("value", "low", "high")))


FIRST_LAYERS = 3


def write_comparison(folder: Path) -> Path:
    """Write ``comparison.html``, ``.md``, ``.csv`` and ``figures/`` beside ``comparison.json``.

    Returns the page's path. The page holds its pictures and its style, and loads nothing
    from the network. Raises RunError if the JSON is not a comparison's, or writing fails.
    """
    path = folder / "comparison.json"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        surveys = [survey_tables(s, content["protocols"]) for s in content["surveys"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunError(
            f"not a comparison, or damaged ({type(error).__name__}: {error})",
            where=str(path),
            remedy="make it again with orecast compare",
        ) from None
    pngs = {name: to_png(figure) for s in content["surveys"] for name, figure in _drawn(s).items()}
    beside = {f"figures/{name}.png": png for name, png in pngs.items()}
    beside["comparison.csv"] = to_csv(content).encode("utf-8-sig")
    beside["comparison.md"] = to_markdown(content, surveys).encode("utf-8")
    return html.write_page(folder, "comparison.html", _page(content, surveys, pngs), beside)


def to_csv(content: Row) -> str:
    """Every map under every protocol as one table, figures as they are."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    keys = ("value", "low", "high")
    tests = (*keys, "p")
    head = ["survey", "map", "role", "protocol", "seeds"]
    head += [f"percentile_{k}" for k in keys] + ["seeds_sd", "auc", "top_0.01", "top_0.05"]
    head += ["top_0.1", "average_precision", "brier_skill", "accuracy", "mcc", "seconds"]
    head += [f"against_{who}_{k}" for who in ("reference", "best_layer") for k in tests]
    writer.writerow([*head, "failed"])
    for survey in content["surveys"]:
        for row in survey["scores"]:
            top, extra, paired = (row.get(k) or {} for k in ("top_area", "extra", "paired"))
            line = [survey["name"], row["name"], row["role"], row["protocol"], len(row["seeds"])]
            line += [(row.get("percentile") or {}).get(k) for k in keys]
            line += [row.get("seeds_sd"), row.get("auc")]
            line += [top.get(share) for share in ("0.01", "0.05", "0.1")]
            line += [row.get("average_precision"), row.get("brier_skill")]
            line += [extra.get("accuracy"), extra.get("mcc"), row["seconds"]]
            for who in (survey["reference"], BEST_LAYER):
                line += [paired.get(who, {}).get(k) for k in tests]
            writer.writerow([*line, reason(row) if row["failed"] else None])
    return stream.getvalue()


def to_markdown(content: Row, surveys: Sequence[Row]) -> str:
    """The page's sentences and tables without its pictures."""
    lines = [f"# {_title(content)}", ""]
    for survey, tables in zip(content["surveys"], surveys, strict=True):
        lines += [f"## {survey['title']}", ""]
        lines += [line for sentence in survey["sentences"] for line in (sentence, "")]
        for name, words in tables["caveats"].items():
            lines += [f"Note on {name}: {'; '.join(words)}.", ""]
        layers = tables["layers"].part(0, FIRST_LAYERS) if tables["spatial"] else None
        for table in (
            tables["spatial"],
            layers,
            tables["claims"],
            *(t for _, _, t in tables["others"]),
            tables["failed"],
        ):
            lines += [_markdown(table), ""] if table and table.rows else []
    versions = ", ".join(f"{name} {v}" for name, v in content["versions"].items())
    return "\n".join([*lines, f"Made by `{content['command']}` with {versions}.", ""])


def _page(content: Row, surveys: Sequence[Row], pngs: Mapping[str, bytes]) -> str:
    pictures = {name: html.Picture.of(png, _caption(name)) for name, png in pngs.items()}
    values = {
        "title": _title(content),
        "content": content,
        "surveys": list(zip(content["surveys"], surveys, strict=True)),
        "number": number,
        "first_layers": FIRST_LAYERS,
        "spent": duration(sum(cell["seconds"] for cell in content["cells"])),
    }
    return html.render_template("comparison.html", pictures, values)


def _title(content: Row) -> str:
    titles = [survey["title"] for survey in content["surveys"]]
    return f"Models compared: {titles[0] if len(titles) == 1 else f'{len(titles)} surveys'}"


def _drawn(survey: Row) -> dict[str, Any]:
    """Both figures of a survey, where there is something to draw."""
    spatial = [r for r in survey["scores"] if r["protocol"] == SPATIAL and "percentile" in r]
    layers = [r for r in spatial if is_layer(r)]
    maps = [r for r in spatial if not is_layer(r) or r in layers[:1]]
    found = {}
    if maps:
        found[f"{survey['name']}-percentiles"] = percentiles(maps, survey["reference"])
    protocols = list(dict.fromkeys(row["protocol"] for row in survey["scores"]))
    rows = claimed(survey["scores"])
    if len(protocols) > 1 and rows:
        found[f"{survey['name']}-protocols"] = claims(rows, protocols)
    return found


def _caption(name: str) -> html.Caption:
    if name.endswith("-percentiles"):
        return html.Caption(
            f"Mean percentile of held-out places with 95\u00a0% intervals, at most "
            f"{MOST_MAPS} maps. Orange is the reference, blue the models compared, grey "
            "the baselines. Of the single layers only the best is drawn; it was chosen after "
            "seeing the test results.",
            "Mean percentile of held-out places with its interval for each map, best on top; the "
            "table below has the same figures.",
        )
    return html.Caption(
        "AUC of each model under each protocol. The papers’ own protocols are diamonds.",
        "AUC of each model under each protocol, joined by a line; the table below has the same "
        "figures.",
    )


def _markdown(table: Table) -> str:
    """A table of Markdown under its caption, figures to the right."""
    rule = ["---:" if k in table.figures else "---" for k in range(len(table.head))]
    lines = [table.head, rule, *table.rows]
    text = "\n".join(f"| {' | '.join(c.replace('|', chr(92) + '|') for c in r)} |" for r in lines)
    return f"{table.caption}\n\n{text}"
