"""A reproduction in Markdown that reads as plain text too: its tables' pipes are aligned."""

from __future__ import annotations

from collections.abc import Sequence

from orecast.experiments import Paper
from orecast.report.reproduction.markdown_tables import Row, aligned, rank_words, set_table
from orecast.report.reproduction.tables import PAPER, SPATIAL
from orecast.report.tables import Table, number

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
