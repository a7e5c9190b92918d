"""What the commands print: lines, tables, progress."""

from __future__ import annotations

import errno
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
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
    from orecast.papers import Reproduced
    from orecast.survey import Survey
    from orecast.workflow import Audit, Compared, Prediction, Summary


def path(word: str) -> Path:
    """Parse a path; wrong usage if no file can have that name."""
    from orecast.config import path_problem

    if fault := path_problem(str(word)):
        raise typer.BadParameter(fault)
    try:
        os.stat(word)
    except OSError as error:
        if error.errno == errno.ELOOP:  # of which Path.resolve makes a RuntimeError
            raise typer.BadParameter(f"{word} is a link that leads back to itself") from None
    return Path(word)


_COLOURS = {
    "refusal": "red",
    "warning": "yellow",
    "info": "cyan",  # levels of findings
    "leak": "red",
    "suspicious": "yellow",
    "clean": "green",  # results of an audit's checks
    "cannot be known": "cyan",
    "declared": "cyan",
}
_PAGE_ONLY = (  # columns that are too many for a terminal
    "± between seeds",
    "Difference: this map minus best-layer (points)",
    "Average precision",
    "Brier skill (%)",
    "Seconds",
)


def show_checks(survey: Survey, folder: Path) -> None:
    """Print what was read and the findings, refusals and warnings first.

    Paths below ``folder`` are shown relative to it.
    """
    from orecast.survey import describe

    _show_findings(survey, {"refusal", "warning"}, folder)
    say()
    for section in describe(survey):
        table(section.title, list(section.columns), [list(row) for row in section.rows])
    _show_findings(survey, {"info"}, folder)


def _show_findings(survey: Survey, levels: set[str], folder: Path) -> None:
    order = ["few-deposits", "no-deposits"]  # the most important findings come first
    findings = [f for f in survey.findings if f.level.value in levels]
    for finding in sorted(findings, key=lambda f: f.code not in order):
        level = finding.level.value
        text = f"{finding.where}: {finding.what}"
        if finding.remedy:
            text += f". Remedy: {finding.remedy}"
        text = text.replace(f"{folder}{os.sep}", "")
        say(text, label=f"{level:<8}", style=_COLOURS[level])


def show_summary(summary: Summary) -> None:
    """Print the verdict, the scores, the first targets, and where the files are."""
    metrics = summary.metrics
    say()
    if test := metrics.get("target_test"):
        say(test["sentence"])
    say(metrics["verdict"]["sentence"])
    if counted := metrics.get("deposits"):
        say(f"{counted['with_evidence']} of {counted['given']} deposits have evidence.")
    if chosen := metrics.get("chosen"):
        counts = Counter(chosen["folds"]).most_common()
        folds = ", ".join(f"{name} in {n}" for name, n in counts)
        say(f"auto chose {chosen['final']} for the map; of {len(chosen['folds'])} folds, {folds}.")
    _show_warnings(summary.warnings, metrics)
    _show_scores(metrics)
    _show_other_protocols(metrics["scores"])
    left_out = metrics.get("left_out", {})
    if left_out:
        say("Left out of the scores:")
        for name, reason in left_out.items():
            say(f"{name}: {reason}")
        say()
    _show_classes(metrics["classes"])
    _show_held_back(metrics["undiscovered"])
    _show_certainty(metrics)
    _show_targets(summary.targets)
    model, best = metrics["model"], metrics["verdict"]["recommended"]
    say(f"{'Report':<12} {summary.folder / 'report.html'}")
    if best != model:
        say(f"{'Recommended':<12} {summary.folder / 'recommended.tif'}  by {best}")
        _show_files(summary.folder, f"by {model}", f"of the map by {model}")
    else:
        _show_files(summary.folder, f"by {model}" + ", recommended" * ("anomalies" not in metrics))


def show_prediction(prediction: Prediction) -> None:
    """Print how far the model applies, what it scored, the first targets, and the files."""
    metrics = prediction.metrics
    share = 100 * metrics["applicability"]["share_inside"]
    say(
        f"\n{share:.3g} % of the area lies in the model's area of applicability; the rest is "
        "unlike the training area, so do not trust the map there."
    )
    _show_warnings(prediction.warnings, metrics)
    for title, rows, words in (
        ("Deposits", metrics["scores"], metrics["protocol"]["deposits"]),
        ("Test-only deposits", metrics["undiscovered"], metrics["protocol"]["held_back"]),
    ):
        if words:
            say(f"{title}: {words}.")
        if rows:
            table("Percentile among all cells of the map (%)", _SCORE_COLUMNS, map(_score, rows))
    say(f"{metrics['classes']['sentence']}\n")
    _show_targets(prediction.targets)
    _show_files(prediction.folder)


def show_audit(audit: Audit) -> None:
    """Print the verdict, then each check with its figure and meaning."""
    several = len(audit.protocols) > 1
    say(f"{audit.verdict}\n")
    rows = [
        [
            Text(check.severity, style=_COLOURS[check.severity]),
            f"{check.protocol}: {check.what}" if several and check.protocol else check.what,
            check.figure,
            check.meaning,
        ]
        for check in audit.checks
    ]
    table(f"Audit of {audit.subject}", ["found", "what", "figure", "meaning"], rows, right=9)


def show_comparison(done: Compared) -> None:
    """Print each survey's sentences and tables, and the path of the page."""
    from orecast.report.comparison import survey_tables

    for survey in done.content["surveys"]:
        tables = survey_tables(survey, done.content["protocols"])
        say()
        for sentence in survey["sentences"]:
            say(sentence)
        say()
        for name, words in tables["caveats"].items():
            warn(f"Note on {name}: {'; '.join(words)}")
        for one in (tables["spatial"], tables["claims"], tables["failed"]):
            if one is not None:
                kept = [k for k, head in enumerate(one.head) if head not in _PAGE_ONLY]
                rows = [[row[k] for k in kept] for row in one.rows]
                right = 1 if one.figures else len(kept)
                table(one.caption, [one.head[k] for k in kept], rows, right)
    say(f"{done.computed} cell{'s' * (done.computed != 1)} computed")
    say(f"Page   {done.folder / 'comparison.html'}")
    say(f"Table  {done.folder / 'comparison.csv'}")


def show_reproduction(done: Reproduced) -> None:
    """Print what was capped, what failed, and the path of the tables."""
    for words in done.content["capped"]:
        say(f"  capped  {words}")
    for cell in done.content["cells"]:
        if "error" in cell:
            error = cell["error"]
            run = " ".join(filter(None, (cell["run"], cell["column"])))
            say(
                f"  failed  {run}, {cell['protocol']}, seed {cell['seed']}: "
                f"{error['where']}: {error['what']}"
            )
    say(f"{done.computed} cell{'s' * (done.computed != 1)} computed")
    say(f"Tables  {done.folder / 'reproduction.md'}")


def _show_warnings(warnings: list[str], metrics: dict[str, Any]) -> None:
    """Print warnings, and the caveats of the model."""
    caveats = [f"Note on {metrics['model']}: {words}" for words in metrics.get("caveats", ())]
    for warning in [*warnings, *caveats]:
        warn(warning)
    say()


def _show_targets(targets: list[dict[str, str]]) -> None:
    if targets:
        columns = ["rank", "class", "area_km2", "score_max", "reasons", "lon", "lat"]
        new = [target for target in targets if target["ground"] == "new"]
        rows = [[target[c] for c in columns] for target in new[:5]]
        near = len(targets) - len(new)
        title = f"First targets on new ground ({len(new)}; {near} more lie near known deposits)"
        table(title, columns, rows, right=0)


def _show_files(folder: Path, of_map: str = "", of_targets: str = "") -> None:
    say(f"{'Map':<12} {folder / 'prospectivity.tif'}  {of_map}".rstrip())
    say(f"{'Targets':<12} {folder / 'targets.gpkg'}  {of_targets}".rstrip())


def _show_scores(metrics: dict[str, Any]) -> None:
    """The model's and the baselines' scores of deposits that they did not see."""
    rows = metrics["scores"]
    held_out = _first(rows, "spatial")
    if held_out:
        table(
            "Held-out deposits: percentile in their held-out region, and share in its best area "
            "(%)",
            _SCORE_COLUMNS,
            map(_score, held_out),
        )
    unseen = _first(rows, "unseen")
    if unseen:
        table(
            "Test-only deposits: percentile among all cells of the map",
            ["map", "percentile", "95 % interval"],
            map(_percentile, unseen),
        )


def _show_other_protocols(rows: list[dict[str, Any]]) -> None:
    """The configured model's scores under other protocols, the published one separately."""
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


def _show_certainty(metrics: dict[str, Any]) -> None:
    """The area that holds one more deposit, and the share of the map where the model applies."""
    conformal, area = metrics.get("conformal"), metrics.get("applicability")
    sentences = []
    if conformal:
        words = conformal["sentence"]
        sentences.append(f"{words[:1].upper()}{words[1:]}.")
    if area:
        inside = f"{100 * area['share_inside']:.3g} %"
        sentences.append(f"{inside} of the map lies in the model's area of applicability.")
    if sentences:
        say(f"{' '.join(sentences)}\n")


def _show_classes(classes: dict[str, Any]) -> None:
    """How the classes were drawn, and which share of held-out deposits they capture."""
    words = classes["sentence"]
    if any(row["of"] for row in classes["captured"]):
        captured = ", ".join(
            f"{row['class']} {_percent(row['deposits_share'])} %" for row in classes["captured"]
        )
        words += f" Held-out deposits in each class, by the same rule: {captured}."
    say(f"{words}\n")


def _show_held_back(scores: dict[str, Any] | None) -> None:
    """Test-only deposits, such as the undiscovered ones of a simulated district."""
    if scores is None:
        return
    p, fault = scores["percentile"], scores["fault_distance"]
    words = (
        f"{scores['n']} test-only deposits rank above {_percent(p['value'])} % of the final map "
        f"({_percent(p['low'])} to {_percent(p['high'])})"
    )
    if fault is not None:
        words += f"; by distance to faults alone, {_percent(fault['value'])} %"
    say(f"{words}.\n")


def _first(rows: list[dict[str, Any]], protocol: str, most: int = 8) -> list[dict[str, Any]]:
    """The model, the baselines except single layers, and the best single layers."""
    mine = [row for row in rows if row["protocol"] == protocol]
    named = [row for row in mine if not row["name"].startswith("layer ")]
    layers = [row for row in mine if row["name"].startswith("layer ")]
    layers.sort(key=lambda row: -row["percentile"]["value"])
    return named + layers[: max(2, most - len(named))]


def _percentile(row: dict[str, Any]) -> list[str]:
    p = row["percentile"]
    return [row["name"], _percent(p["value"]), f"{_percent(p['low'])} to {_percent(p['high'])}"]


_SCORE_COLUMNS = ["map", "percentile", "95 % interval", "AUC", "top 5 %", "top 10 %"]


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


# Names of columns, layers and files are shown as they are, without markup.
console = Console(highlight=False, markup=False, emoji=False)
errors = Console(highlight=False, markup=False, emoji=False, stderr=True)
_HIDDEN = {
    code: repr(chr(code))[1:-1]
    for code in (*range(0x20), *range(0x7F, 0xA0))
    if chr(code) not in "\n\t"
}
_PAUSE = 60.0  # s between lines of one stage, in a log
_PART = ": "  # between a stage and its current part


@contextmanager
def progress_bar() -> Iterator[Callable[[str, int, int], None]]:
    """Yield ``report(what, done, total)``: one bar for each stage, with the remaining time.

    ``what`` may be ``stage: part``, to show the current part beside the stage's bar. Without a
    terminal, as in a cluster's log, a line is printed at the end of a stage, and every minute.
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

        def report(what: str, done: int, total: int) -> None:
            stage, _, part = what.partition(_PART)
            if stage not in tasks:
                tasks[stage] = progress.add_task(visible(stage), total=None)
            progress.update(tasks[stage], description=visible(what))
            if not part:
                progress.update(tasks[stage], completed=done, total=total)

        yield report


def _log() -> Callable[[str, int, int], None]:
    """Report progress by lines; the end of a stage is printed once."""
    begun: dict[str, float] = {}
    printed: dict[str, float] = {}
    ended: set[str] = set()

    def report(what: str, done: int, total: int) -> None:
        stage, _, part = what.partition(_PART)
        now = monotonic()
        begun.setdefault(stage, now)
        due = now - printed.setdefault(stage, now) >= _PAUSE
        ends = done >= total and not part
        if stage in ended or not (due or ends):
            return
        printed[stage] = now
        ended.update({stage} if ends else ())
        took = timedelta(seconds=round(now - begun[stage]))
        say(f"{what:<26} {done}/{total}  {took}", to=errors)

    return report


def visible(text: str) -> str:
    """A text with its control characters written out, so that a terminal ignores them.

    >>> visible("Au\\x1b[2J")
    'Au\\\\x1b[2J'
    """
    return text.translate(_HIDDEN)


def say(text: str = "", *, label: str = "", style: str = "", to: Console = console) -> None:
    """Print a line as it is, after a label in its own style."""
    to.print(Text.assemble((label, style), visible(text)), soft_wrap=True)


def warn(sentence: str, *, to: Console = console) -> None:
    """Print a warning."""
    say(sentence, label="warning  ", style="yellow", to=to)


def table(title: str, columns: list[str], rows: Iterable[list[Any]], right: int = 1) -> None:
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
    """A table cell: a Text with its style, or any value as text."""
    return value if isinstance(value, Text) else Text("" if value is None else visible(str(value)))


def one_of(**flags: bool) -> None:
    """Raise BadParameter, with their names, if two flags that exclude each other are given."""
    if sum(flags.values()) > 1:
        first, second = (f"--{name}" for name in flags)
        raise typer.BadParameter(f"{first} and {second} exclude each other; give one of them")


def message(error: Exception) -> None:
    """Print what is wrong, where and the remedy, without a traceback."""
    say(str(error), label="Error ", style="bold red", to=errors)
