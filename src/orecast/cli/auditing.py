"""The command that looks for leaks in a finished run, or between training and test windows."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orecast.cli.show import path

if TYPE_CHECKING:
    from orecast.workflow import Audit

_COLOURS = {
    "leak": "red",
    "suspicious": "yellow",
    "clean": "green",
    "cannot be known": "cyan",
    "declared": "cyan",
}


def audit(
    run: Annotated[
        Path | None, typer.Argument(metavar="RUN", parser=path, help="A finished run's folder.")
    ] = None,
    windows: Annotated[
        tuple[Path, Path] | None,
        typer.Option(
            metavar="TRAIN.npy TEST.npy", parser=path, help="Windows (n, size, size, channels)."
        ),
    ] = None,
    labels: Annotated[
        tuple[Path, Path] | None,
        typer.Option(
            metavar="TRAIN.npy TEST.npy", parser=path, help="Their labels, 1 ore and 0 negative."
        ),
    ] = None,
    write: Annotated[
        Path | None, typer.Option(parser=path, help="Also write the audit as JSON.")
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 1 if it leaks.")] = False,
) -> None:
    """Look for leaks between training data and test data.

    Example: orecast audit run
    Example: orecast audit --windows train.npy verify.npy --labels train_y.npy verify_y.npy
    """
    if (run is None) == (windows is None):
        raise typer.BadParameter("give a run's folder, or --windows")
    if labels is not None and windows is None:
        raise typer.BadParameter("--labels needs --windows")
    if write is not None:
        from orecast.workflow.audit.auditing import refuse_place

        refuse_place(write)
    if run is not None:
        from orecast.workflow import audit_run

        found = audit_run(run)
    if windows is not None:
        from orecast.workflow import audit_windows

        found = audit_windows(windows, labels)
    show(found)
    if write is not None:
        from orecast.cli.show import say
        from orecast.workflow import write_audit

        write_audit(found, write)
        say(f"Wrote {write}")
    if strict and found.leaks:
        raise typer.Exit(1)


def show(found: Audit) -> None:
    """Print the verdict, then each check with its figure and meaning."""
    from rich.text import Text

    from orecast.cli.show import say, table

    several = len(found.protocols) > 1
    say(f"{found.verdict}\n")
    rows = [
        [
            Text(check.severity, style=_COLOURS[check.severity]),
            f"{check.protocol}: {check.what}" if several and check.protocol else check.what,
            check.figure,
            check.meaning,
        ]
        for check in found.checks
    ]
    table(f"Audit of {found.subject}", ["found", "what", "figure", "meaning"], rows, right=9)
