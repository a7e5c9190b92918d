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

console = Console(highlight=False)
errors = Console(stderr=True, highlight=False)


_PAUSE = 60.0  # s between lines of one stage, in a log


@contextmanager
def progress_bar() -> Iterator[Callable[[str, int, int], None]]:
    """Yield ``tell(what, done, total)``: a line a stage, the last with the time it still needs.

    Where no terminal reads along, as in a cluster's log, a line is added when a stage ends and
    each minute of a longer one.
    """
    if not errors.is_terminal:
        yield _log()
        return
    columns = (
        TextColumn("{task.description:<26}"),
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        TimeRemainingColumn(elapsed_when_finished=True),
    )
    with Progress(*columns, console=errors) as progress:
        tasks: dict[str, Any] = {}

        def tell(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = progress.add_task(what, total=total)
            progress.update(tasks[what], completed=done, total=total)

        yield tell


def _log() -> Callable[[str, int, int], None]:
    """Tell by lines; an end that is told twice has one."""
    begun: dict[str, float] = {}
    spoken: dict[str, float] = {}
    ended: set[str] = set()

    def tell(what: str, done: int, total: int) -> None:
        now = monotonic()
        begun.setdefault(what, now)
        due = now - spoken.setdefault(what, now) >= _PAUSE
        if what in ended or not (due or done >= total):
            return
        spoken[what] = now
        ended.update({what} if done >= total else ())
        took = timedelta(seconds=round(now - begun[what]))
        errors.print(f"{what:<26} {done}/{total}  {took}", soft_wrap=True, markup=False)

    return tell


def table(title: str, columns: list[str], rows: list[list[Any]], right: int = 1) -> None:
    """Print a table; columns from number ``right`` on are aligned to the right."""
    shown = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
    for number, column in enumerate(columns):
        shown.add_column(column, justify="right" if number >= right else "left", overflow="fold")
    for row in rows:
        shown.add_row(*("" if cell is None else str(cell) for cell in row))
    console.print(shown)
    console.print()


def one_of(**flags: bool) -> None:
    """Refuse, as wrong usage, two flags that exclude each other, by their names."""
    if sum(flags.values()) > 1:
        first, second = (f"--{name}" for name in flags)
        raise typer.BadParameter(f"{first} and {second} exclude each other")


def message(error: Exception) -> None:
    """Print what is wrong, where and the remedy, without a traceback."""
    errors.print(f"[bold red]Error[/] {_escaped(str(error))}", soft_wrap=True)


def _escaped(text: str) -> str:
    from rich.markup import escape

    return escape(text)
