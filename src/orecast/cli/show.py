"""What the terminal shows: progress with an estimate of what is left, tables, messages."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from time import monotonic
from typing import Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

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
