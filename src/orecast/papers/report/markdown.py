"""A reproduction as Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from orecast.papers.experiments import Paper
from orecast.papers.report.tables import (
    OURS,
    PAPER,
    PUBLISHED,
    SPATIAL,
    is_misnamed,
    is_ours_alone,
    is_renamed,
    score_words,
)
from orecast.report.tables import DASH, Table, number

_WHOSE = {
    PUBLISHED: "paper",
    PAPER: "ours, as the paper cut",
    SPATIAL: "ours, leak-free",
    OURS: "ours",
}
_WIDEST = 6  # figures that a line holds side by side
_LONGEST = 60  # letters to which a last column is padded
_RANK = "Percentile"
Row = Mapping[str, Any]


def set_table(table: Row) -> list[str]:
    """Set one of the run's tables below its heading, and its notes below it, as lines."""
    wide = len(table["columns"]) * len(table["sides"]) <= _WIDEST or table["kind"] == "screening"
    source = f" ({table['source']} of the paper)" if table["source"] else ""
    notes = [
        *([table["note"]] if table["note"] else []),
        *_meanings(table),
        *(f"{row['name']}: {row['note']}" for row in table["rows"] if row["note"]),
        *(f"{row['name']} was refused under {r}" for row in table["rows"] for r in _refused(row)),
        *_declared(table),
        *_blanks(table),
        *_silent(table),
        *_weights(table),
    ]
    below = [*(f"- {note.rstrip('.')}." for note in notes), *([""] if notes else [])]
    laid = aligned(_side_by_side(table) if wide else _stacked(table))
    return [f"### {table['title']}{source}", "", laid, "", *below]


def _meanings(table: Row) -> list[str]:
    """Which score stands under a name that another one has, and where that other one stands."""
    columns = table["columns"]
    scores = [c["standard"] for c in columns if c["standard"]]
    if len(set(scores)) < len(scores):
        return []  # columns are models, all under the score that the title names
    misnamed = [c for c in columns if is_misnamed(c)]
    renamed = [c for c in columns if is_renamed(c) and c not in misnamed]
    told = [f"Of ours, {_defined(renamed)}"] if renamed else []
    if not misnamed:
        return told
    said = f"In the paper's sense, {_defined(misnamed)}"
    if any(map(is_ours_alone, columns)):
        said += f"; the standard score stands beside {'each' if misnamed[1:] else 'it'}"
        if PUBLISHED in table["sides"]:
            said += ", blank for the paper, which does not give it"
    return [*told, said]


def _defined(columns: Sequence[Row]) -> str:
    return ", ".join(f"{c['name']} is the {score_words(c['standard'])}" for c in columns)


def _silent(table: Row) -> list[str]:
    """Which rows call nothing ore: their accuracy is the share of barren ground, and no more."""
    recalls = [k for k, column in enumerate(table["columns"]) if column["standard"] == "recall"]
    if len(recalls) != 1 or OURS in table["sides"]:
        return []
    silent = {
        _WHOSE[side]: [
            row["name"] for row in table["rows"] if row["figures"][side][recalls[0]]["value"] == 0
        ]
        for side in (PAPER, SPATIAL)
    }
    told = "; ".join(f"{whose}: {', '.join(rows)}" for whose, rows in silent.items() if rows)
    return [f"Called nothing ore ({told})"] if told else []


def _weights(table: Row) -> list[str]:
    """How many weights its networks have as run and in full, those alike together."""
    found: dict[tuple[int, int], list[str]] = {}
    for told in table["weights"]:
        found.setdefault((told["weights"], told["in_full"]), []).append(told["run"])
    words = [
        f"{'all' if n == whole else f'{number(n, 0)} of'} {number(whole, 0)} ({', '.join(runs)})"
        for (n, whole), runs in found.items()
    ]
    return [f"Weights of a network as run, of those in full: {'; '.join(words)}"] if words else []


def _refused(row: Row) -> Sequence[str]:
    refused: Sequence[str] = row.get("refused", [])
    return refused


def _declared(table: Row) -> list[str]:
    """What models say of their leak-free scores: each sentence once, with the rows it is of."""
    found: dict[str, list[str]] = {}
    for row in table["rows"]:
        for words in row.get("declares", []):
            found.setdefault(words, []).append(row["name"])
    return [f"{', '.join(rows)}, leak-free: {words}" for words, rows in found.items()]


def _side_by_side(table: Row) -> Table:
    """A line a row: of each column the paper's figure and ours."""
    sides, ranks = table["sides"], _ranks(table)
    head = [f"{_named(c)}, {_WHOSE[side]}" for c in table["columns"] for side in sides]
    kept = [f"Kept, {_WHOSE[side]}" for side in sides] if table["kind"] == "screening" else []
    rows = []
    for row in table["rows"]:
        line = [
            figure_words(row["figures"][side][k], c["digits"])
            for k, c in enumerate(table["columns"])
            for side in sides
        ]
        line += [_yes(row["kept"][side]) for side in sides] if kept else []
        by_column = {p["column"]: p for p in row.get("percentile", [])}
        rows.append((row["name"], *line, *(rank_words(by_column.get(c)) for c in ranks)))
    titles = [_RANK + (f", {c}" if c else "") for c in ranks]
    figures = frozenset(range(1, 1 + len(head) + len(kept) + len(titles)))
    return Table(table["title"], ("", *head, *kept, *titles), rows, figures)


def _stacked(table: Row) -> Table:
    """A line a row and side, so that each column's figures stand below each other."""
    ranked = bool(_ranks(table))
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


def _ranks(table: Row) -> list[str | None]:
    """Columns that a percentile is told of; [None] where it is told of whole rows."""
    return list(dict.fromkeys(p["column"] for r in table["rows"] for p in r.get("percentile", [])))


def _blanks(table: Row) -> list[str]:
    """Why a blank is one: each reason once, with the rows and columns where not all are blank.

    Those of the paper in a column of ours alone are told with the column's meaning.
    """
    found: dict[tuple[str, str], tuple[dict[str, None], dict[str, None]]] = {}
    for row in table["rows"]:
        for side in table["sides"]:
            for figure, column in zip(row["figures"][side], table["columns"], strict=True):
                if figure["value"] is None and not (side == PUBLISHED and is_ours_alone(column)):
                    rows, columns = found.setdefault((side, figure["why"]), ({}, {}))
                    rows[row["name"]] = columns[column["name"]] = None
    told = []
    ours_alone = sum(map(is_ours_alone, table["columns"]))
    for (side, why), (rows, columns) in found.items():
        every = len(table["columns"]) - (ours_alone if side == PUBLISHED else 0)
        of = [] if len(rows) == len(table["rows"]) else list(rows)
        of += [] if len(columns) == every else list(columns)
        whose = f"{_WHOSE[side]} ({', '.join(of)})" if of else _WHOSE[side]
        told.append(f"Blank, {whose}: {why}")
    return told


def aligned(table: Table) -> str:
    """Set a table in Markdown with its pipes below each other, figures to the right.

    A last column of long texts is not padded.
    """
    lines = [tuple(_cell(c) for c in line) for line in (table.head, *table.rows)]
    widths = [max(3, *(len(line[k]) for line in lines)) for k in range(len(table.head))]
    if widths[-1] > _LONGEST:
        widths[-1] = 3
    right = [k in table.figures for k in range(len(widths))]
    rule = [f"{'-' * (w - 1)}{':' if r else '-'}" for w, r in zip(widths, right, strict=True)]
    set_lines = [
        [c.rjust(w) if r else c.ljust(w) for c, w, r in zip(line, widths, right, strict=True)]
        for line in lines
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in [set_lines[0], rule, *set_lines[1:]])


def _named(column: Row) -> str:
    name, unit = column["name"], column["unit"]
    named = f"{name}, {score_words(column['standard'])}" if is_misnamed(column) else str(name)
    return f"{named} ({unit})" if unit else named


def figure_words(figure: Row, digits: int) -> str:
    """Write a figure with its spread over seeds, where it has one."""
    text = number(figure["value"], digits)
    return text if figure["spread"] is None else f"{text} ± {number(figure['spread'], digits)}"


def rank_words(figure: Row | None) -> str:
    """Write a percentile with its spread and its interval."""
    if figure is None or figure["value"] is None:
        return DASH
    text = figure_words(figure, 1)
    if figure["low"] is None or figure["high"] is None:
        return text
    return f"{text} ({number(figure['low'], 1)}–{number(figure['high'], 1)})"


def _yes(kept: bool | None) -> str:
    return DASH if kept is None else "yes" if kept else "no"


def _cell(text: str) -> str:
    return text.replace("|", r"\|")


SMOKE = (
    "**Smoke run.** It proves that everything runs and says nothing about the methods; nothing "
    "published stands beside it."
)
PROTOCOLS = (
    "Under `paper`, windows are grown and split as the paper did, so that what is tested has all "
    "but been learned from; under `spatial`, whole deposits are held out with their surroundings, "
    "and each is ranked among the cells of its region (percentile, 50 is chance): only the second "
    "speaks of ground where no deposit is known. There a network calls ore what it gives a "
    "probability of 0.5 or more, or by its own vote; no threshold is tuned on what is tested."
)
CHOICES = "Choices where the paper is silent or contradicts itself"
_KINDS = {
    "hour": "Capped run: what two cores finish in about an hour.",
    "full": "Full run of the recipe.",
}


def to_markdown(content: Row, paper: Paper) -> str:
    """Write a reproduction: what was run, what stands, the tables, the figures, the choices."""
    tables = [line for table in content["tables"] for line in set_table(table)]
    versions = ", ".join(f"{name} {v}" for name, v in content["versions"].items())
    lines = [
        *_head(content, paper),
        *("## Tables", "", f"{legend(content)}", ""),
        *tables,
        *what_was_generated(content.get("generated", [])),
        *_figures(content["figures"]),
        *_choices(content["choices"]),
        *("## How it was made", "", f"`{content['command']}` with {versions}.", ""),
    ]
    return "\n".join(lines)


def what_was_generated(steps: Sequence[Row]) -> list[str]:
    """A list of what each generator made, held against what it learned from; empty without one."""
    if not steps:
        return []
    classes = {1: "ore", 0: "barren"}
    lines = [
        f"- {step['run']}: {step['rows']} {classes[step['label']]} rows by {step['method']}, which "
        f"learned from {step['learned_from']}. {step['sentence']}"
        if "method" in step
        else f"- {step['run']}: {step['sentence']}"
        for step in steps
    ]
    return ["## What the generators made", "", *lines, ""]


def what_was_run(content: Row) -> list[str]:
    """Paragraphs: the run's size and what was capped, the survey, how each protocol cut."""
    capped = f" Capped: {'; '.join(content['capped'])}." if content["capped"] else ""
    seeds = ", ".join(str(seed) for seed in content["seeds"])
    kind = "" if content["kind"] == "smoke" else _KINDS[content["kind"]]
    survey = content["survey"]
    return [
        f"{kind}{capped} Seeds: {seeds}.".strip(),
        f"Survey: {survey['name']}. {survey['sentence'].rstrip('.')}. {_size(survey)}.",
        *_cuts(content["cells"]),
    ]


def _head(content: Row, paper: Paper) -> list[str]:
    smoke = content["kind"] == "smoke"
    paragraphs = [
        f"# {content['system']}: a reproduction",
        *([SMOKE] if smoke else []),
        citation(paper),
        *([paper.note] if paper.note and not smoke else []),
        *([] if smoke else [what_stands(content)]),
        PROTOCOLS,
        *what_was_run(content),
    ]
    return [line for paragraph in paragraphs for line in (paragraph, "")]


def citation(paper: Paper) -> str:
    """Write authors, title, year, journal and DOI, as far as they are known."""
    authors = f"{', '.join(paper.authors)}: " if paper.authors else ""
    journal = f" {paper.journal}." if paper.journal else ""
    doi = f" <https://doi.org/{paper.doi}>" if paper.doi else ""
    return f"{authors}{paper.title} ({paper.year}).{journal}{doi}"


def what_stands(content: Row) -> str:
    """Say which runs the leak-free protocol leaves standing, and which one layer outdoes."""
    ranked = content["standing"]
    if not ranked:
        return "**The leak-free protocol has scored no run.**"
    return f"{_left_standing(ranked)}{_against_one_layer(ranked, content.get('one_layer'))}"


def _against_one_layer(ranked: Sequence[Row], layer: Row | None) -> str:
    if layer is None:
        return ""
    above = [row["run"] for row in ranked if row["value"] > layer["value"]]
    higher = f"the means of {len(above)} of {len(ranked)} runs are"
    if not above:
        higher = "no run's mean is"
    elif len(above) == len(ranked):
        higher = "every run's mean is"
    elif len(above) == 1:
        higher = f"of {len(ranked)} runs only {above[0]}'s mean is"
    return (
        " **One layer alone**, as it is, the one that ranks best what a fold may see, has "
        f"{rank_words(layer)}: {higher} higher."
    )


def _left_standing(ranked: Sequence[Row]) -> str:
    runs = f"{len(ranked)} run{'s' * (len(ranked) > 1)}"
    chance = "95\u00a0% intervals over deposits, of all seeds; one run in forty is above by chance"
    named = [f"{f['run']} {rank_words(f)}" for f in ranked if f["stands"]]
    if not named:
        return (
            f"**The leak-free protocol leaves none of {runs} standing:** no percentile's interval "
            f"lies above 50 ({chance}). The best is {ranked[0]['run']}, {rank_words(ranked[0])}."
        )
    return (
        f"**The leak-free protocol leaves {len(named)} of {runs} standing,** with the percentile's "
        f"interval above 50 ({chance}): {'; '.join(named)}."
    )


def _size(survey: Row) -> str:
    layers = survey["layers"]
    count = layers if isinstance(layers, int) else len(layers)
    sizes = ((survey["deposits"], "deposits"), (survey["cells"], "cells"), (count, "layers"))
    return ", ".join(f"{number(n, 0)} {what}" for n, what in sizes if n is not None)


def _cuts(cells: Sequence[Row]) -> list[str]:
    """How each protocol cut, as its first finished cell says."""
    found: dict[str, str] = {}
    for cell in cells:
        if cell.get("sentence"):
            found.setdefault(cell["protocol"], cell["sentence"].rstrip("."))
    return [f"`{name}` here: {found[name]}." for name in (PAPER, SPATIAL) if name in found]


def legend(content: Row) -> str:
    """Say what figures and brackets of the tables are."""
    balanced = (
        "Leak-free, each held-out place stands against one cell drawn from its region, so that an "
        "accuracy there is the balanced one."
    )
    return f"{_spread(content)} {balanced}"


def _spread(content: Row) -> str:
    if len(content["seeds"]) > 1:
        return (
            "Ours are means over seeds, ± their standard deviation. The percentile is that of the "
            "held-out deposits, leak-free; its brackets hold the 95\u00a0% intervals over deposits "
            "of all seeds."
        )
    return (
        "Ours are of one seed. The percentile is that of the held-out deposits, leak-free, in "
        "brackets its 95\u00a0% interval over deposits."
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
    return [*lines, *(["Not drawn, or not in full:", "", *blank, ""] if blank else [])]


def _choices(choices: Sequence[Row]) -> list[str]:
    return [f"## {CHOICES}", "", choices_table(choices), ""] if choices else []


def choices_table(choices: Sequence[Row]) -> str:
    """Set what was taken where a paper is silent, and why."""
    rows = [(c["what"], c["taken"], " ".join(c["why"].split())) for c in choices]
    return aligned(Table("Choices", ("What", "Taken", "Why"), rows))
