"""The command that runs a published system and writes its paper's tables beside ours."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orecast.cli.show import path

if TYPE_CHECKING:
    from orecast.papers import Reproduced


def reproduce(
    system: Annotated[
        str, typer.Argument(help="gk-dcn, ssgsnet, mfaf, resgcn or resnet50.", show_default=False)
    ],
    smoke: Annotated[
        bool, typer.Option("--smoke", help="Takes minutes: checks only that everything runs.")
    ] = False,
    hour: Annotated[
        bool, typer.Option("--hour", help="Capped to about one hour on two cores.")
    ] = False,
    survey: Annotated[
        str | None,
        typer.Option(metavar="PRESET|RUN.toml", help="Survey in place of the experiment's."),
    ] = None,
    tables: Annotated[
        str | None,
        typer.Option(metavar="TABLE,…", help="Run for these tables of the paper only."),
    ] = None,
    seeds: Annotated[
        int | None, typer.Option(min=1, help="Number of seeds; default: the experiment's.")
    ] = None,
    jobs: Annotated[
        int | None, typer.Option(min=1, help="Processes; default: one for each core.")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", parser=path, help="Folder to write; default: named by the system."
        ),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Compute what is missing.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Start again.")] = False,
) -> None:
    """Run a published system in its paper's way and without leaks; write its tables beside ours.

    The full run may take days on two cores; it uses a GPU if there is one. --resume continues
    after a stop. Exits with 1 if a protocol has no score.

    Example: orecast reproduce ssgsnet --smoke
    Example: orecast reproduce resgcn --hour --tables confusion
    """
    from orecast.cli.show import one_of, progress_bar
    from orecast.papers import reproduce as work

    one_of(smoke=smoke, hour=hour)
    one_of(resume=resume, overwrite=overwrite)
    kind = "smoke" if smoke else "hour" if hour else "full"
    folder = output or Path(f"reproduction-{system}" + ("" if kind == "full" else f"-{kind}"))
    with progress_bar() as report:
        done = work(
            system,
            folder,
            kind=kind,
            survey=survey,
            seeds=seeds,
            tables=tuple(t.strip() for t in (tables or "").split(",") if t.strip()),
            jobs=jobs,
            resume=resume,
            overwrite=overwrite,
            command=_command(system, kind, survey, tables, seeds),
            progress=report,
        )
    _show(done)
    if not done.sound:
        raise typer.Exit(1)


def _command(
    system: str, kind: str, survey: str | None, tables: str | None, seeds: int | None
) -> str:
    """The command line that computes the same, without output folder and number of processes."""
    named = {"--survey": survey, "--tables": tables, "--seeds": seeds}
    words = [] if kind == "full" else [f"--{kind}"]
    words += [word for name, value in named.items() if value for word in (name, str(value))]
    return shlex.join(["orecast", "reproduce", system, *words])


def _show(done: Reproduced) -> None:
    """Print what was capped, what failed, and the path of the tables."""
    from orecast.cli.show import say

    content = done.content
    for words in content["capped"]:
        say(f"  capped  {words}")
    for cell in content["cells"]:
        if "error" in cell:
            error = cell["error"]
            run = " ".join(filter(None, (cell["run"], cell["column"])))
            say(
                f"  failed  {run}, {cell['protocol']}, seed {cell['seed']}: "
                f"{error['where']}: {error['what']}"
            )
    say(f"{done.computed} cell{'s' * (done.computed != 1)} computed")
    say(f"Tables  {done.folder / 'reproduction.md'}")
