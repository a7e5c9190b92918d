"""What the terminal shows: progress with an estimate of what is left, tables, messages."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

console = Console(highlight=False)
errors = Console(stderr=True, highlight=False)


@contextmanager
def progress_bar() -> Iterator[Callable[[str, int, int], None]]:
    """Yield ``tell(what, done, total)``: a line a stage, the last with the time it still needs."""
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
