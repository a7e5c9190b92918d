"""The results page of a comparison, and its tables as CSV and Markdown; reads its JSON alone."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from orecast.errors import RunError
from orecast.report import comparison_figures as figures
from orecast.report import html
from orecast.report.comparison_tables import (
    BEST_LAYER,
    SPATIAL,
    claimed,
    is_layer,
    reason,
    survey_tables,
)
from orecast.report.drawing import to_png
from orecast.report.facts import duration
from orecast.report.tables import Table, number

FIRST_LAYERS = 3

Row = Mapping[str, Any]


def write_comparison(folder: Path) -> Path:
    """Write ``comparison.html``, ``.md``, ``.csv`` and ``figures/`` beside ``comparison.json``.

    Returns the page's path. The page holds its pictures and its style, and asks nothing of the
    network. Raises RunError where the JSON is no comparison's, or nothing can be written.
    """
    path = folder / "comparison.json"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        surveys = [survey_tables(s, content["protocols"]) for s in content["surveys"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunError(
            f"is no comparison that can be read ({type(error).__name__}: {error})",
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
        lines += [f"## {survey['title']}", "", *_paragraphs(survey["sentences"])]
        for name, words in tables["declares"].items():
            lines += [f"{name} declares: {'; '.join(words)}.", ""]
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
    told = {
        "title": _title(content),
        "content": content,
        "surveys": list(zip(content["surveys"], surveys, strict=True)),
        "number": number,
        "first_layers": FIRST_LAYERS,
        "spent": duration(sum(cell["seconds"] for cell in content["cells"])),
    }
    return html.render("comparison.html", pictures, told)


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
        found[f"{survey['name']}-percentiles"] = figures.percentiles(maps, survey["reference"])
    protocols = list(dict.fromkeys(row["protocol"] for row in survey["scores"]))
    claims = claimed(survey["scores"])
    if len(protocols) > 1 and claims:
        found[f"{survey['name']}-protocols"] = figures.claims(claims, protocols)
    return found


def _caption(name: str) -> html.Caption:
    if name.endswith("-percentiles"):
        return html.Caption(
            f"Mean percentile of held-out places with 95\u00a0% intervals, at most "
            f"{figures.MOST_MAPS} maps. Orange is the reference, blue the models compared, grey "
            "the baselines; of the single layers the best alone, picked afterwards.",
            "Mean percentile of held-out places with its interval for each map, best on top; the "
            "table below has the same figures.",
        )
    return html.Caption(
        "AUC that each protocol claims for each model. The papers’ own cuts are diamonds.",
        "AUC of each model under each protocol, joined by a line; the table below has the same "
        "figures.",
    )


def _paragraphs(sentences: Sequence[str]) -> list[str]:
    return [line for sentence in sentences for line in (sentence, "")]


def _markdown(table: Table) -> str:
    """A table of Markdown under its caption, figures to the right."""
    rule = ["---:" if k in table.figures else "---" for k in range(len(table.head))]
    lines = [table.head, rule, *table.rows]
    text = "\n".join(f"| {' | '.join(c.replace('|', chr(92) + '|') for c in r)} |" for r in lines)
    return f"{table.caption}\n\n{text}"
