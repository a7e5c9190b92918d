"""Tables and lines on the terminal."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from orecast.survey import Survey
    from orecast.workflow import Summary


def path(word: str) -> Path:
    """The path that a word is; refused as wrong usage where no file can have it."""
    from orecast.config import path_fault

    if fault := path_fault(str(word)):
        raise typer.BadParameter(fault)
    try:
        os.stat(word)
    except OSError as error:
        if error.errno == errno.ELOOP:  # of which Path.resolve makes a RuntimeError
            raise typer.BadParameter(f"{word} is a link that leads back to itself") from None
    return Path(word)


_COLOURS = {"refusal": "red", "warning": "yellow", "info": "cyan"}


def show_checks(survey: Survey, folder: Path) -> None:
    """Print what was read and what was found, refusals and warnings first.

    Paths below ``folder`` are shown from there on.
    """
    from orecast.survey import describe

    _show_findings(survey, {"refusal", "warning"}, folder)
    say()
    for section in describe(survey):
        table(section.title, list(section.columns), [list(row) for row in section.rows])
    _show_findings(survey, {"info"}, folder)


def _show_findings(survey: Survey, levels: set[str], folder: Path) -> None:
    order = ["few-deposits", "no-deposits"]  # whether anything can be claimed at all comes first
    found = [f for f in survey.findings if f.level.value in levels]
    for finding in sorted(found, key=lambda f: f.code not in order):
        level = finding.level.value
        text = f"{finding.where}: {finding.what}"
        if finding.remedy:
            text += f". Remedy: {finding.remedy}"
        text = text.replace(f"{folder}{os.sep}", "")
        say(text, label=f"{level:<8}", style=_COLOURS[level])


def show_summary(summary: Summary) -> None:
    """Print the verdict, the scores, the first targets, and where the files are."""
    metrics = summary.metrics
    say(f"\n{metrics['verdict']['sentence']}")
    declares = [f"{metrics['model']} declares: {said}" for said in metrics.get("declares", ())]
    for warning in [*summary.warnings, *declares]:
        warn(warning)
    say()
    _show_scores(metrics)
    _show_other_protocols(metrics["scores"])
    _show_left_out(metrics.get("left_out", {}))
    _show_classes(metrics["classes"])
    _show_held_back(metrics["undiscovered"])
    _show_sureness(metrics)
    if summary.targets:
        columns = ["rank", "class", "area_km2", "score_max", "top_elements", "lon", "lat"]
        table(
            "First targets",
            columns,
            [[_table_cell(target[c]) for c in columns] for target in summary.targets[:5]],
            right=0,
        )
    for name, file, words in _files(metrics):
        line = f"{name:<12} {summary.folder / file}  {words}".rstrip()
        say(line)


def _show_scores(metrics: dict[str, Any]) -> None:
    """The model's and the baselines' scores of deposits that they had not seen."""
    rows = metrics["scores"]
    held_out = _first(rows, "spatial")
    if held_out:
        table(
            "Held-out deposits: percentile in their held-out region, and share in its best area "
            "(%)",
            ["map", "percentile", "95 % interval", "AUC", "top 5 %", "top 10 %"],
            [_score(row) for row in held_out],
        )
    unseen = _first(rows, "unseen")
    if unseen:
        table(
            "Deposits kept back: percentile among all cells of the map",
            ["map", "percentile", "95 % interval"],
            [_percentile(row) for row in unseen],
        )


def _show_other_protocols(rows: list[dict[str, Any]]) -> None:
    """What the configured model scores under further protocols, the published one apart."""
    mine = [row for row in rows if row.get("role") != "baseline"]
    others = [row for row in mine if row["protocol"] not in ("spatial", "unseen", "paper")]
    if others:
        table(
            "Other protocols",
            ["protocol", "percentile", "AUC"],
            [
                [
                    row["protocol"],
                    _percent(row.get("percentile", {}).get("value")),
                    _number(row["auc"]["value"]),
                ]
                for row in others
            ],
        )
    for row in mine:
        if row["protocol"] == "paper":
            table(
                "Protocol paper, as published: near-copies on both sides",
                ["map", "AUC", "accuracy"],
                [[row["name"], _number(row["auc"]["value"]), _number(row["extra"]["accuracy"])]],
            )


def _show_left_out(reasons: dict[str, str]) -> None:
    """Baselines and scores that could not be had, each with its reason."""
    if not reasons:
        return
    say("Left out of the scores:")
    for name, reason in reasons.items():
        say(f"{name}: {reason}")
    say()


def _show_sureness(metrics: dict[str, Any]) -> None:
    """What area holds one more deposit, and how much of the map the model may speak for."""
    conformal, area = metrics.get("conformal"), metrics.get("applicability")
    said = []
    if conformal:
        said.append(f"{_whole(conformal['sentence'])}.")
    if area:
        inside = f"{100 * area['share_inside']:.3g} %"
        said.append(f"{inside} of the map lies in the model's area of applicability.")
    if said:
        say(f"{' '.join(said)}\n")


def _files(metrics: dict[str, Any]) -> list[tuple[str, str, str]]:
    """The files to open and by what they were made; the recommended map first where it is another.

    Of a map of anomalies none is recommended.
    """
    model, best = metrics["model"], metrics["verdict"]["recommended"]
    by = f"by {model}" + (", recommended" if best == model and not metrics.get("anomalies") else "")
    other = [("Recommended", "recommended.tif", f"by {best}")] if best != model else []
    return [
        ("Report", "report.html", ""),
        *other,
        ("Map", "prospectivity.tif", by),
        ("Targets", "targets.gpkg", f"of the map by {model}" if other else ""),
    ]


def _show_classes(classes: dict[str, Any]) -> None:
    """How the classes were drawn, and what they capture of deposits the models had not seen."""
    words = classes["sentence"]
    if any(row["of"] for row in classes["captured"]):
        captured = ", ".join(
            f"{row['class']} {_percent(row['deposits_share'])} %" for row in classes["captured"]
        )
        words += f" Of deposits held out, by the same rule out of fold: {captured}."
    say(f"{words}\n")


def _show_held_back(found: dict[str, Any] | None) -> None:
    """Deposits kept aside, such as the undiscovered ones of a simulated district."""
    if found is None:
        return
    p, fault = found["percentile"], found["fault_distance"]
    words = (
        f"{found['n']} deposits kept aside rank above {_percent(p['value'])} % of the final map "
        f"({_percent(p['low'])} to {_percent(p['high'])})"
    )
    if fault is not None:
        words += f"; by distance to faults alone, {_percent(fault['value'])} %"
    say(f"{words}.\n")


def _first(rows: list[dict[str, Any]], protocol: str, most: int = 8) -> list[dict[str, Any]]:
    """The model, the baselines that are no single layer, and the best single layers."""
    mine = [row for row in rows if row["protocol"] == protocol]
    named = [row for row in mine if not row["name"].startswith("layer ")]
    layers = [row for row in mine if row["name"].startswith("layer ")]
    layers.sort(key=lambda row: -row["percentile"]["value"])
    return named + layers[: max(2, most - len(named))]


def _percentile(row: dict[str, Any]) -> list[str]:
    p = row["percentile"]
    return [row["name"], _percent(p["value"]), f"{_percent(p['low'])} to {_percent(p['high'])}"]


def _score(row: dict[str, Any]) -> list[str]:
    top = row["top_area"]
    return [
        *_percentile(row),
        _number(row["auc"]["value"]),
        _percent(top["0.05"]["value"]),
        _percent(top["0.1"]["value"]),
    ]


def _number(value: float | None) -> str:
    return "–" if value is None or value != value else f"{value:.2f}"


def _percent(share: float | None) -> str:
    return "–" if share is None or share != share else f"{100 * share:.0f}"


def _whole(sentence: str) -> str:
    """A sentence's first letter as a sentence's is."""
    return sentence[:1].upper() + sentence[1:]


def _table_cell(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


# Names of columns, layers and files are shown as they are: nothing in a text is markup.
console = Console(highlight=False, markup=False, emoji=False)
errors = Console(highlight=False, markup=False, emoji=False, stderr=True)
_HIDDEN = {
    code: repr(chr(code))[1:-1]
    for code in (*range(0x20), *range(0x7F, 0xA0))
    if chr(code) not in "\n\t"
}
_PAUSE = 60.0  # s between lines of one stage, in a log
_PART = ": "  # between a stage and the part of it that is at work


@contextmanager
def progress_bar() -> Iterator[Callable[[str, int, int], None]]:
    """Yield ``tell(what, done, total)``: a line a stage, the last with the time it still needs.

    ``what`` may be ``stage: part``, which names the part of a stage that is at work; the bar stays
    the stage's. Where no terminal reads along, as in a cluster's log, a line is added when a stage
    ends and each minute of a longer one.
    """
    if not errors.is_terminal:
        yield _log()
        return
    columns = (
        TextColumn("{task.description:<26}", markup=False),
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        TimeRemainingColumn(elapsed_when_finished=True),
    )
    with Progress(*columns, console=errors) as progress:
        tasks: dict[str, Any] = {}

        def tell(what: str, done: int, total: int) -> None:
            stage, _, part = what.partition(_PART)
            if stage not in tasks:
                tasks[stage] = progress.add_task(visible(stage), total=None)
            progress.update(tasks[stage], description=visible(what))
            if not part:
                progress.update(tasks[stage], completed=done, total=total)

        yield tell


def _log() -> Callable[[str, int, int], None]:
    """Tell by lines; an end that is told twice has one."""
    begun: dict[str, float] = {}
    spoken: dict[str, float] = {}
    ended: set[str] = set()

    def tell(what: str, done: int, total: int) -> None:
        stage, _, part = what.partition(_PART)
        now = monotonic()
        begun.setdefault(stage, now)
        due = now - spoken.setdefault(stage, now) >= _PAUSE
        ends = done >= total and not part
        if stage in ended or not (due or ends):
            return
        spoken[stage] = now
        ended.update({stage} if ends else ())
        took = timedelta(seconds=round(now - begun[stage]))
        say(f"{what:<26} {done}/{total}  {took}", to=errors)

    return tell


def visible(text: str) -> str:
    """A text whose control characters, which a terminal would obey, are written out.

    >>> visible("Au\\x1b[2J")
    'Au\\\\x1b[2J'
    """
    return text.translate(_HIDDEN)


def say(text: str = "", *, label: str = "", style: str = "", to: Console = console) -> None:
    """Print a line as it is, after a label in a style of its own."""
    to.print(Text.assemble((label, style), visible(text)), soft_wrap=True)


def warn(sentence: str, *, to: Console = console) -> None:
    """Print a warning."""
    say(sentence, label="warning  ", style="yellow", to=to)


def table(title: str, columns: list[str], rows: list[list[Any]], right: int = 1) -> None:
    """Print a table; columns from number ``right`` on are aligned to the right."""
    shown = Table(
        title=visible(title), title_justify="left", title_style="bold", box=None, pad_edge=False
    )
    for number, column in enumerate(columns):
        name = visible(column)
        shown.add_column(name, justify="right" if number >= right else "left", overflow="fold")
    for row in rows:
        shown.add_row(*map(_cell, row))
    console.print(shown)
    console.print()


def _cell(value: Any) -> Text:
    """A cell as it is; a text has a style of its own."""
    return value if isinstance(value, Text) else Text("" if value is None else visible(str(value)))


def one_of(**flags: bool) -> None:
    """Refuse, as wrong usage, two flags that exclude each other, by their names."""
    if sum(flags.values()) > 1:
        first, second = (f"--{name}" for name in flags)
        raise typer.BadParameter(f"{first} and {second} exclude each other")


def message(error: Exception) -> None:
    """Print what is wrong, where and the remedy, without a traceback."""
    say(str(error), label="Error ", style="bold red", to=errors)
