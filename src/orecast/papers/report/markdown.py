"""Write a reproduction as Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from orecast.papers.experiments import Publication
from orecast.papers.report.tables import (
    OURS,
    PAPER,
    PUBLISHED,
    SPATIAL,
    is_misnamed,
    is_ours_alone,
    is_renamed,
    ranked_columns,
    score_words,
)
from orecast.report.tables import DASH, Table, number

_WHOSE = {
    PUBLISHED: "paper",
    PAPER: "ours, the paper's split",
    SPATIAL: "ours, leak-free",
    OURS: "ours",
}
_WIDEST = 6  # most figures in a line
_LONGEST = 60  # most letters to which a last column is padded
_RANK = "Percentile"
_KEPT = {True: "yes", False: "no", None: DASH}
Row = Mapping[str, Any]


def set_table(table: Row) -> list[str]:
    """The lines of one of the run's tables: heading, table, notes."""
    wide = len(table["columns"]) * len(table["sides"]) <= _WIDEST or table["kind"] == "screening"
    source = f" ({table['source']} of the paper)" if table["source"] else ""
    notes = [
        *([table["note"]] if table["note"] else []),
        *_meanings(table),
        *(f"{row['name']}: {row['note']}" for row in table["rows"] if row["note"]),
        *(
            f"{row['name']} failed under {r}"
            for row in table["rows"]
            for r in row.get("refused", ())
        ),
        *_declared(table),
        *_blanks(table),
        *_without_positives(table),
        *_weights(table),
    ]
    below = [*(f"- {note.rstrip('.')}." for note in notes), *([""] if notes else [])]
    laid = aligned(_side_by_side(table) if wide else _stacked(table))
    return [f"### {table['title']}{source}", "", laid, "", *below]


def _meanings(table: Row) -> list[str]:
    """Notes on columns whose name in the paper means another score here."""
    columns = table["columns"]
    scores = [c["standard"] for c in columns if c["standard"]]
    if len(set(scores)) < len(scores):
        return []  # columns are models, with the score that the title names
    misnamed = [c for c in columns if is_misnamed(c)]
    renamed = [c for c in columns if is_renamed(c) and c not in misnamed]
    notes = [f"In our figures, {_defined(renamed)}"] if renamed else []
    if not misnamed:
        return notes
    words = f"In the paper, {_defined(misnamed)}"
    if any(map(is_ours_alone, columns)):
        words += f"; the standard score is beside {'each' if misnamed[1:] else 'it'}"
        if PUBLISHED in table["sides"]:
            words += ", blank for the paper, which does not give it"
    return [*notes, words]


def _defined(columns: Sequence[Row]) -> str:
    return ", ".join(f"{c['name']} is the {score_words(c['standard'])}" for c in columns)


def _without_positives(table: Row) -> list[str]:
    """Rows that predict no ore: their accuracy is just the share of negatives."""
    recalls = [k for k, column in enumerate(table["columns"]) if column["standard"] == "recall"]
    if len(recalls) != 1 or OURS in table["sides"]:
        return []
    names = {
        _WHOSE[side]: [
            row["name"] for row in table["rows"] if row["figures"][side][recalls[0]]["value"] == 0
        ]
        for side in (PAPER, SPATIAL)
    }
    words = "; ".join(f"{whose}: {', '.join(rows)}" for whose, rows in names.items() if rows)
    return [f"Predicted no ore ({words})"] if words else []


def _weights(table: Row) -> list[str]:
    """Number of weights of the networks as run and in full; equal ones are listed together."""
    found: dict[tuple[int, int], list[str]] = {}
    for counted in table["weights"]:
        found.setdefault((counted["weights"], counted["in_full"]), []).append(counted["run"])
    words = [
        f"{'all' if n == whole else f'{number(n, 0)} /'} {number(whole, 0)} ({', '.join(runs)})"
        for (n, whole), runs in found.items()
    ]
    return (
        [f"Network weights, used / in the published network: {'; '.join(words)}"] if words else []
    )


def _declared(table: Row) -> list[str]:
    """What models declare about their leak-free scores: each sentence once, with its rows."""
    found: dict[str, list[str]] = {}
    for row in table["rows"]:
        for words in row.get("caveats", []):
            found.setdefault(words, []).append(row["name"])
    return [f"{', '.join(rows)}, leak-free: {words}" for words, rows in found.items()]


def _side_by_side(table: Row) -> Table:
    """One line for each row: the paper's figure and ours in each column."""
    sides, ranks = table["sides"], ranked_columns(table)
    head = [f"{_named(c)}, {_WHOSE[side]}" for c in table["columns"] for side in sides]
    kept = [f"Kept, {_WHOSE[side]}" for side in sides] if table["kind"] == "screening" else []
    rows = []
    for row in table["rows"]:
        line = [
            figure_words(row["figures"][side][k], c["digits"])
            for k, c in enumerate(table["columns"])
            for side in sides
        ]
        line += [_KEPT[row["kept"][side]] for side in sides] if kept else []
        by_column = {p["column"]: p for p in row.get("percentile", [])}
        rows.append((row["name"], *line, *(rank_words(by_column.get(c)) for c in ranks)))
    titles = [_RANK + (f", {c}" if c else "") for c in ranks]
    figures = frozenset(range(1, 1 + len(head) + len(kept) + len(titles)))
    return Table(table["title"], ("", *head, *kept, *titles), rows, figures)


def _stacked(table: Row) -> Table:
    """One line for each row and side, so that a column's figures are below each other."""
    ranked = bool(ranked_columns(table))
    rows = []
    for row in table["rows"]:
        for side in table["sides"]:
            figures = row["figures"][side]
            rank = row.get("percentile", [])[:1] if side == SPATIAL else []
            if table["kind"] == "folds" and side == SPATIAL and not rank:
                continue
            cells = [
                figure_words(f, c["digits"]) for f, c in zip(figures, table["columns"], strict=True)
            ]
            last = [rank_words(rank[0]) if rank else ""] if ranked else []
            name = row["name"] if side == table["sides"][0] else ""
            rows.append((name, _WHOSE[side], *cells, *last))
    head = ("", "Whose", *map(_named, table["columns"]), *([_RANK] if ranked else []))
    return Table(table["title"], head, rows, frozenset(range(2, len(head))))


def _blanks(table: Row) -> list[str]:
    """Reasons for blanks: each once, with rows and columns unless all are blank.

    Blanks of the paper in a column that only we have are explained with the column's meaning.
    """
    found: dict[tuple[str, str], tuple[dict[str, None], dict[str, None]]] = {}
    for row in table["rows"]:
        for side in table["sides"]:
            for figure, column in zip(row["figures"][side], table["columns"], strict=True):
                if figure["value"] is None and not (side == PUBLISHED and is_ours_alone(column)):
                    rows, columns = found.setdefault((side, figure["why"]), ({}, {}))
                    rows[row["name"]] = columns[column["name"]] = None
    notes = []
    ours_alone = sum(map(is_ours_alone, table["columns"]))
    for (side, why), (rows, columns) in found.items():
        every = len(table["columns"]) - (ours_alone if side == PUBLISHED else 0)
        of = [] if len(rows) == len(table["rows"]) else list(rows)
        of += [] if len(columns) == every else list(columns)
        whose = f"{_WHOSE[side]} ({', '.join(of)})" if of else _WHOSE[side]
        notes.append(f"Blank, {whose}: {why}")
    return notes


def aligned(table: Table) -> str:
    """A table in Markdown with aligned columns, figures to the right.

    A last column of long texts is not padded.
    """
    lines = [[c.replace("|", r"\|") for c in line] for line in (table.head, *table.rows)]
    widths = [max(3, *(len(line[k]) for line in lines)) for k in range(len(table.head))]
    if widths[-1] > _LONGEST:
        widths[-1] = 3
    right = [k in table.figures for k in range(len(widths))]
    rule = [f"{'-' * (w - 1)}{':' if r else '-'}" for w, r in zip(widths, right, strict=True)]
    lines = [
        [c.rjust(w) if r else c.ljust(w) for c, w, r in zip(line, widths, right, strict=True)]
        for line in [lines[0], rule, *lines[1:]]
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _named(column: Row) -> str:
    name, unit = column["name"], column["unit"]
    named = f"{name}, {score_words(column['standard'])}" if is_misnamed(column) else str(name)
    return f"{named} ({unit})" if unit else named


def figure_words(figure: Row, digits: int) -> str:
    """A figure in words, with its spread over seeds if it has one."""
    text = number(figure["value"], digits)
    return text if figure["spread"] is None else f"{text} ± {number(figure['spread'], digits)}"


def rank_words(figure: Row | None) -> str:
    """A percentile in words, with its spread and its interval."""
    if figure is None or figure["value"] is None:
        return DASH
    text = figure_words(figure, 1)
    if figure["low"] is None or figure["high"] is None:
        return text
    return f"{text} ({number(figure['low'], 1)}–{number(figure['high'], 1)})"


SMOKE = (
    "**Smoke run.** It checks only that everything runs. Its figures show nothing about the "
    "methods, so the published ones are left out."
)
PROTOCOLS = (
    "Under `paper`, windows are augmented and split as in the paper, so that test windows are "
    "nearly copies of training windows. Under `spatial`, whole deposits are held out with their "
    "surroundings, and each is ranked among the cells of its region (percentile; 50 is chance). "
    "Only `spatial` applies to areas without known deposits. There a network predicts ore where "
    "its probability is 0.5 or more, or by its own vote; no threshold is tuned on test data."
)
CHOICES = "Choices where the paper is silent or contradicts itself"
_KINDS = {
    "hour": "Capped run: about one hour on two cores.",
    "full": "Full run of the recipe.",
}


def to_markdown(content: Row, paper: Publication) -> str:
    """Write a reproduction: what was run, the ranking, the tables, the figures, the choices."""
    smoke = content["kind"] == "smoke"
    versions = ", ".join(f"{name} {v}" for name, v in content["versions"].items())
    head = [
        f"# {content['system']}: a reproduction",
        *([SMOKE] if smoke else []),
        citation(paper),
        *([paper.note] if paper.note and not smoke else []),
        *([] if smoke else [beats_chance_sentence(content)]),
        PROTOCOLS,
        *what_was_run(content),
        "## Tables",
        legend(content),
    ]
    lines = [
        *(line for paragraph in head for line in (paragraph, "")),
        *(line for table in content["tables"] for line in set_table(table)),
        *what_was_generated(content.get("generated", [])),
        *_figures(content["figures"]),
    ]
    if content["choices"]:
        lines += [f"## {CHOICES}", "", choices_table(content["choices"]), ""]
    made = f"`{content['command']}` with {versions}."
    return "\n".join([*lines, "## How it was made", "", made, ""])


def what_was_generated(steps: Sequence[Row]) -> list[str]:
    """What each generator made, compared with its training rows; empty without generators."""
    if not steps:
        return []
    classes = {1: "ore", 0: "negative"}
    lines = [
        f"- {step['run']}: {step['rows']} {classes[step['label']]} rows by {step['method']}, "
        f"fitted to {step['learned_from']}. {step['sentence']}"
        if "method" in step
        else f"- {step['run']}: {step['sentence']}"
        for step in steps
    ]
    return ["## What the generators made", "", *lines, ""]


def what_was_run(content: Row) -> list[str]:
    """Paragraphs on the run's size and caps, the survey, and the folds of each protocol."""
    capped = f" Capped: {'; '.join(content['capped'])}." if content["capped"] else ""
    seeds = ", ".join(str(seed) for seed in content["seeds"])
    survey, layers = content["survey"], content["survey"]["layers"]
    count = layers if isinstance(layers, int) else len(layers)
    sizes = {"deposits": survey["deposits"], "cells": survey["cells"], "layers": count}
    size = ", ".join(f"{number(n, 0)} {what}" for what, n in sizes.items() if n is not None)
    folds: dict[str, str] = {}  # how each protocol cut them, from its first finished cell
    for cell in content["cells"]:
        if cell.get("sentence"):
            folds.setdefault(cell["protocol"], cell["sentence"].rstrip("."))
    return [
        f"{_KINDS.get(content['kind'], '')}{capped} Seeds: {seeds}.".strip(),
        f"Survey: {survey['name']}. {survey['sentence'].rstrip('.')}. {size}.",
        *(f"`{name}` here: {folds[name]}." for name in (PAPER, SPATIAL) if name in folds),
    ]


def citation(paper: Publication) -> str:
    """Authors, title, year, journal and DOI, as far as they are known."""
    authors = f"{', '.join(paper.authors)}: " if paper.authors else ""
    journal = f" {paper.journal}." if paper.journal else ""
    doi = f" <https://doi.org/{paper.doi}>" if paper.doi else ""
    return f"{authors}{paper.title} ({paper.year}).{journal}{doi}"


def beats_chance_sentence(content: Row) -> str:
    """Which runs beat chance under the leak-free protocol, and which beat one layer."""
    ranked, layer = content["ranking"], content.get("one_layer")
    if not ranked:
        return "**No run has a score under the leak-free protocol.**"
    runs = f"{len(ranked)} run{'s' * (len(ranked) > 1)}"
    chance = "95\u00a0% intervals over deposits, of all seeds; 1 run in 40 is above by chance"
    named = [f"{f['run']} {rank_words(f)}" for f in ranked if f["above_chance"]]
    if named:
        words = (
            f"**Leak-free, {len(named)} of {runs} beat{'s' * (len(named) == 1)} chance:** the "
            f"percentile's interval lies above 50 ({chance}): {'; '.join(named)}."
        )
    else:
        words = (
            f"**Leak-free, none of {runs} beats chance:** no percentile's interval lies above 50 "
            f"({chance}). The best is {ranked[0]['run']}, {rank_words(ranked[0])}."
        )
    if layer is None:
        return words
    above = [row["run"] for row in ranked if row["value"] > layer["value"]]
    higher = f"the means of {len(above)} of {len(ranked)} runs are"
    if not above:
        higher = "no run's mean is"
    elif len(above) == len(ranked):
        higher = "every run's mean is"
    elif len(above) == 1:
        higher = f"of {len(ranked)} runs only {above[0]}'s mean is"
    return (
        f"{words} **One layer alone**, without a model, chosen by the training places of each "
        f"fold, has {rank_words(layer)}: {higher} higher."
    )


def legend(content: Row) -> str:
    """What the figures and brackets of the tables mean."""
    several = len(content["seeds"]) > 1
    ours = "means over seeds, ± their standard deviation" if several else "of one seed"
    interval = "intervals over deposits, of all seeds" if several else "interval over deposits"
    return (
        f"Our figures are {ours}. The percentile is that of the held-out deposits, leak-free; in "
        f"brackets {'the' if several else 'its'} 95\u00a0% {interval}. Leak-free, each held-out "
        "place is compared with one cell drawn from its region, so an accuracy there is the "
        "balanced accuracy."
    )


def _figures(figures: Sequence[Row]) -> list[str]:
    lines = ["## Figures", ""]
    for figure in figures:
        for file in figure["files"]:
            lines += [f"![{figure['title']}]({file})", ""]
        if figure["files"]:
            source = f" ({figure['source']} of the paper)" if figure["source"] else ""
            lines += [f"**{figure['title']}**{source}. {figure['caption']}", ""]
    blank = [f"- {f['title']}: {f['blank'].rstrip('.')}." for f in figures if f["blank"]]
    return [*lines, *(["Figures not drawn, or incomplete:", "", *blank, ""] if blank else [])]


def choices_table(choices: Sequence[Row]) -> str:
    """A table of what we chose where a paper is silent, and why."""
    rows = [(c["what"], c["taken"], " ".join(c["why"].split())) for c in choices]
    return aligned(Table("Choices", ("What", "Chosen", "Why"), rows))
