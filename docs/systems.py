"""Write systems.md, the five published systems beside their papers, from finished reproductions.

    python docs/structures.py
    python docs/systems.py FOLDER…      a folder a system, as orecast reproduce leaves it, and those
                                        of orecast compare on a survey of one's own

Every figure of the page comes from the folders' ``reproduction.json`` and ``comparison.json`` and
the papers' tables. A system without a folder keeps the section and the pictures that the page has;
where it has none, it gets its structure, its choices and the command alone. Pictures are copied to
``images/systems/``. Smoke runs are refused: they show nothing about the methods.
"""

from __future__ import annotations

import io
import json
import re
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from PIL import Image

from orecast.papers.experiments import Experiment, read_experiment, systems
from orecast.papers.report.markdown import (
    CHOICES,
    PROTOCOLS,
    aligned,
    beats_chance_sentence,
    choices_table,
    citation,
    figure_words,
    legend,
    rank_words,
    set_table,
    what_was_run,
)
from orecast.papers.report.tables import PAPER, Results, tables_of
from orecast.report.html import write_page
from orecast.report.tables import Table, number

DOCS = Path(__file__).parent
PAGE = DOCS / "systems.md"
LARGEST = 150_000  # bytes of a picture
TITLES = {
    "gk-dcn": "GK-DCN: deformable convolutions guided by geological knowledge",
    "ssgsnet": "SSGSNet: spectral-spatial and spatial-association branches",
    "mfaf": "MFAF: one window at several dilations",
    "resgcn": "ResGCN and ResGAT: each sample a graph of its elements",
    "resnet50": "ResNet-50 on numbered tiles",
}
PICTURES = {
    "gk-dcn": ("ranking", "offsets", "grad-cam"),
    "ssgsnet": ("ranking", "roc", "success-rate", "map"),
    "mfaf": ("ranking", "beta", "map"),
    "resgcn": ("ranking", "confusion", "map"),
    "resnet50": ("ranking", "confusion", "map"),
}
AGAIN, TOGETHER, ELSEWHERE = "Run it again", "All systems", "On a real survey that no paper used"
INTRODUCTION = """\
# Five published systems, as printed and leak-free

*Made by `python docs/systems.py` from finished runs. No figure is typed by hand.*

## Two protocols

{protocols} The network, its settings and the survey are the same under both.

The five papers report the first kind alone. Two augment their windows or samples and then split the
copies at random. One splits first, then augments the tested part too. In two, tested windows
overlap training windows. So their figures show how well a network recognises windows that
it has almost seen, not where ore lies.

Only one study area is public. The other four systems run on simulated districts with the published
statistics. There, a difference from the paper's figures may come from the area as well as from the
network. Compare our two columns with each other.

## How to read the tables

- **paper** is what is printed. **Ours, the paper's split** is the same split on our survey, with
  the paper's own definition of each score. If a score's name usually means something else, a line
  below the table says so, and the standard score has a column beside it. **Ours, leak-free** is the
  protocol `spatial`.
- The figure after ± is the standard deviation over seeds: how far a repetition in the same area may
  differ. It does not apply to other areas.
- **Percentile**: the share of a held-out region's cells that score lower than its deposits. 50 is
  chance. Brackets hold its 95\u00a0% interval over deposits, from the lowest end of all seeds to
  the highest. If it reaches below 50, the model does not differ from chance.
- A dash is a figure that does not exist; the reason is below the table.
- A capped run is smaller than the paper's. Each system lists what was reduced. The figures of a
  capped run are those of the reduced network.

## {again}

    {commands}
    python docs/structures.py
    python docs/systems.py {folders}

`--hour` runs what two cores finish in about an hour. Without it the recipe runs in full, which may
take days there; a GPU is better. `--resume` continues after a stop. `--smoke` takes minutes and
only tests that everything runs: no published figures are beside it, and this page refuses it."""

SAMPLE_CELLS = (
    "Deposit cells are here the cells of the samples labelled as ore: those nearest to a known "
    "deposit. So there are more of them than known deposits."
)

Content = Mapping[str, Any]


def read_run(folder: Path) -> dict[str, Any]:
    """Return what a finished run wrote; a smoke run ends the script."""
    path = folder / "reproduction.json"
    if not path.is_file():
        raise SystemExit(f"{folder}: not a finished run: reproduction.json is missing")
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    if content["kind"] == "smoke":
        raise SystemExit(f"{folder}: a smoke run; run it again without --smoke")
    return content


def present_page() -> dict[str, str]:
    """Return the sections that the page has now, by title."""
    page = PAGE.read_text(encoding="utf-8") if PAGE.is_file() else ""
    _, *found = re.split("^## ", page, flags=re.MULTILINE)
    return {part.partition("\n")[0]: f"## {part}".rstrip() for part in found}


def command(system: str, content: Content | None) -> str:
    """Return what runs a system again: as it was run, but for where it was written."""
    kept = ["--hour"] if content is None else []
    words = iter([] if content is None else shlex.split(content["command"]))
    next((word for word in words if word == system), None)
    for word in words:
        if word in ("-o", "--output", "--jobs"):
            next(words)
        elif not word.startswith(("--output=", "--jobs=", "--resume", "--overwrite")):
            kept.append(word)
    return shlex.join(["orecast", "reproduce", system, *kept, "--output", f"runs/{system}"])


def section(system: str, content: Content | None, images: Mapping[str, str]) -> list[str]:
    """Return the paragraphs on one system."""
    experiment = read_experiment(system)
    paper = experiment.paper
    head = [
        f"## {TITLES[system]}",
        citation(paper),
        *([paper.note] if paper.note else []),
        f"![Structure of {system}](images/{system}.png)",
        "*At the published size (`python docs/structures.py`).*",
    ]
    made = content["choices"] if content else [asdict(c) for c in experiment.choices]
    choices = [f"### {CHOICES}", choices_table(made)]
    if content is None:
        return [*head, f"Not run yet: `{command(system, None)}`.", *choices]
    versions = ", ".join(f"{name} {version}" for name, version in content["versions"].items())
    again = f"{_cost(content)} Made by `{command(system, content)}` with {versions}."
    tables = ["\n".join(set_table(table)).rstrip() for table in _tables(experiment, content)]
    return [
        *head,
        "### What was run",
        *what_was_run(content),
        *([SAMPLE_CELLS] if experiment.places.kind == "samples" else []),
        again,
        "### Result",
        beats_chance_sentence(content),
        *_shown(content, images),
        legend(content),
        *tables,
        *choices,
    ]


def _tables(experiment: Experiment, content: Content) -> list[dict[str, Any]]:
    """Return a run's tables, set anew from its cells, so that older runs show all that newer do."""
    facts, weights = content.get("facts"), content.get("weights", ())
    found = tables_of(experiment, content["cells"], content["kind"], facts, weights)
    shown = {table["id"] for table in content["tables"]}
    return [table for table in found if table["id"] in shown]


def _cost(content: Content) -> str:
    cells = content["cells"]
    refused = sum(1 for cell in cells if cell.get("error"))
    hours = sum(cell["seconds"] for cell in cells) / 3600
    words = f", of which {refused} were refused" if refused else ""
    return (
        f"{len(cells)} runs of a model, protocol and seed{words}; {hours:.1f} hours of computing "
        "time in total."
    )


def _shown(content: Content, images: Mapping[str, str]) -> list[str]:
    """Return the chosen pictures, a caption below those of one figure."""
    figures = {f["id"]: f for f in content["figures"] if f["files"]}
    found = []
    for key in PICTURES[content["system"]]:
        if key in figures:
            figure = figures[key]
            names = [Path(file).stem for file in figure["files"]]
            found += [f"![{figure['title']}]({images[name]})" for name in names]
            found.append(f"*{figure['title']}. {figure['caption']}*")
    return found


def pictures(folder: Path, content: Content) -> dict[str, bytes]:
    """Return the chosen pictures that were drawn, by name, each small enough for the page."""
    drawn = {f["id"]: f["files"] for f in content["figures"]}
    chosen = [file for key in PICTURES[content["system"]] for file in drawn.get(key, ())]
    return {Path(file).stem: shrunk(folder / file) for file in chosen}


def shrunk(path: Path) -> bytes:
    """Return a PNG's bytes, of fewer pixels where it is too large."""
    content = path.read_bytes()
    whole = Image.open(io.BytesIO(content)).convert("RGB")
    share = 1.0
    while len(content) > LARGEST:
        share *= 0.85
        size = (round(whole.width * share), round(whole.height * share))
        smaller = whole.resize(size, Image.Resampling.LANCZOS).quantize(
            256, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE
        )
        stream = io.BytesIO()
        smaller.save(stream, format="png", optimize=True)
        content = stream.getvalue()
    return content


def all_systems(runs: Mapping[str, Content], present: str) -> list[str]:
    """Return the closing table: the compared models of every system under both protocols.

    A system that was not run keeps its rows of the ``present`` section.
    """
    rows: list[tuple[str, ...]] = []
    for system in systems():
        if system in runs:
            rows += _compared(system, runs[system])
        else:
            kept = (line for line in present.splitlines() if line.startswith(f"| {system} "))
            rows += [tuple(cell.strip() for cell in line.split("|")[1:-1]) for line in kept]
    head = (
        "System",
        "Model",
        "AUC, the paper's split (%)",
        "Percentile, leak-free",
        "Above chance",
    )
    table = Table(TOGETHER, head, rows, frozenset({2, 3}))
    words = (
        "Both columns give the share of the places beside it that a deposit cell outranks; 50 is "
        "chance. The AUC is the standard one, even if a paper uses the name for another score. An "
        "asterisk marks a backbone with MFAF's framework. Means over seeds ± their standard "
        "deviation; brackets hold the 95\u00a0% intervals over deposits of all seeds. "
        "1 model in 40 is above by chance."
    )
    return [f"## {TOGETHER}", words, aligned(table)]


def _compared(system: str, content: Content) -> list[tuple[str, ...]]:
    experiment: Experiment = read_experiment(system)
    results = Results(experiment, content["cells"])
    rows: list[tuple[str, ...]] = []
    for entry in experiment.entries_in("comparison"):
        area = results.figure(entry, PAPER, lambda c: (c.get("scores") or {}).get("auc"), 100.0)
        rank = results.percentile(entry)
        known = rank["low"] is not None
        above = ("yes" if rank["low"] > 50 else "no") if known else "–"
        rows.append((system, entry.key, figure_words(area, 1), rank_words(rank), above))
    return rows


def elsewhere(comparisons: Sequence[Content]) -> list[str]:
    """Return what the networks do on a survey of no paper, leak-free alone; best first."""
    scores = [
        {**score, "survey": survey["title"], "reference": survey["reference"]}
        for content in comparisons
        for survey in content["surveys"]
        for score in survey["scores"]
        if score["protocol"] == "spatial" and score["role"] == "model"
    ]
    best = {score["name"]: score for score in reversed(scores) if score.get("percentile")}
    ranked = sorted(best.values(), key=lambda score: -score["percentile"]["value"])
    rows = [
        (
            score["name"],
            interval_words(score["percentile"]),
            number(100 * score["top_area"]["0.05"], 0),
            "yes" if score["percentile"]["low"] > 0.5 else "no",
        )
        for score in ranked
    ]
    head = ("Model", "Percentile, leak-free", "Deposits in the top 5 % of area (%)", "Above chance")
    commands = "\n".join(f"    {content['command']}" for content in comparisons)
    surveys = "; ".join(dict.fromkeys(score["survey"] for score in scores))
    return [
        f"## {ELSEWHERE}",
        f"{surveys}. One seed, whole deposits held out; brackets hold 95\u00a0% intervals over "
        "groups of deposits. Widths behind a colon are narrower than the published ones. "
        "`gk-cnn` and `gk-dcn` are guided by a density of faults, as the survey has no fault "
        "lines. Element graphs, and the models that their paper compares them with, read a cell's "
        "own elements; the others read windows of 9 cells in all layers. Picking the best of "
        f"{len(ranked)} makes it look better than it is. This survey was also used to choose the "
        "recipe of `auto`.",
        aligned(Table("Elsewhere", head, rows, frozenset({1, 2}))),
        f"Made by these commands; `python docs/systems.py` takes their folders too:\n\n{commands}",
    ]


def interval_words(interval: Mapping[str, float]) -> str:
    """Write a percentile with its interval, in per cent."""
    value, low, high = (number(100 * interval[key], 1) for key in ("value", "low", "high"))
    return f"{value} ({low}–{high})"


def introduction(runs: Mapping[str, Content], present: str) -> str:
    """Return the page's head, with the commands of these runs and the ``present`` ones."""
    lines = (line.strip() for line in present.splitlines())
    kept = {line.split()[2]: line for line in lines if line.startswith("orecast reproduce ")}
    kept |= {system: command(system, content) for system, content in runs.items()}
    found = [kept.get(system) or command(system, None) for system in systems()]
    return INTRODUCTION.format(
        protocols=PROTOCOLS,
        again=AGAIN,
        commands="\n    ".join(found),
        folders=" ".join(f"runs/{system}" for system in systems()),
    )


def main(folders: Sequence[str]) -> None:
    """Write the page and the pictures beside it."""
    compared = [Path(folder) / "comparison.json" for folder in folders]
    comparisons = [json.loads(p.read_text(encoding="utf-8")) for p in compared if p.is_file()]
    found = [(path.parent, read_run(path.parent)) for path in compared if not path.is_file()]
    runs = {content["system"]: content for _, content in found}
    if not folders or len(runs) < len(found):
        raise SystemExit("name the folders of finished runs, one reproduction for each system")
    beside: dict[str, bytes] = {}
    images: dict[str, dict[str, str]] = {system: {} for system in systems()}
    for folder, content in found:
        for key, picture in pictures(folder, content).items():
            path = f"images/systems/{content['system']}-{key}.png"
            images[content["system"]][key] = path
            beside[path] = picture
    present = present_page()
    paragraphs = [introduction(runs, present.get(AGAIN, ""))]
    for system in systems():
        title = TITLES[system]
        if system in runs or title not in present:
            paragraphs += section(system, runs.get(system), images[system])
        else:
            paragraphs.append(present[title])
    paragraphs += all_systems(runs, present.get(TOGETHER, ""))
    if comparisons:
        paragraphs += elsewhere(comparisons)
    elif ELSEWHERE in present:
        paragraphs.append(present[ELSEWHERE])
    drawn = (path for s in runs for path in (DOCS / "images" / "systems").glob(f"{s}-*.png"))
    for old in set(drawn) - {DOCS / path for path in beside}:
        old.unlink()
    print(write_page(DOCS, PAGE.name, "\n\n".join(paragraphs) + "\n", beside))


if __name__ == "__main__":
    main(sys.argv[1:])
