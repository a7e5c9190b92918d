"""The command that runs a published system and prints its paper's tables beside ours."""

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
        bool, typer.Option("--smoke", help="Minutes: prove that everything runs, and no more.")
    ] = False,
    hour: Annotated[
        bool, typer.Option("--hour", help="What two cores finish in about an hour, capped.")
    ] = False,
    survey: Annotated[
        str | None,
        typer.Option(metavar="PRESET|RUN.toml", help="Another survey than the experiment names."),
    ] = None,
    tables: Annotated[
        str | None,
        typer.Option(metavar="TABLE,…", help="Run for these of the paper's tables alone."),
    ] = None,
    seeds: Annotated[
        int | None, typer.Option(min=1, help="Seeds; the experiment's own when left out.")
    ] = None,
    jobs: Annotated[
        int | None, typer.Option(min=1, help="Processes; one a core when left out.")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", parser=path, help="Folder to write; named by the system if left out."
        ),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Compute what is missing.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Begin again.")] = False,
) -> None:
    """Run a published system as its paper did and leak-free, its tables beside ours.

    In full it may take days on two cores and uses a GPU where there is one; --resume goes on
    after a kill. Exits with 1 where a protocol scored nothing.

    Example: orecast reproduce ssgsnet --smoke
    Example: orecast reproduce resgcn --hour --tables confusion
    """
    from orecast.cli.show import one_of, progress_bar
    from orecast.papers import reproduce as work

    one_of(smoke=smoke, hour=hour)
    one_of(resume=resume, overwrite=overwrite)
    kind = "smoke" if smoke else "hour" if hour else "full"
    folder = output or Path(f"reproduction-{system}" + ("" if kind == "full" else f"-{kind}"))
    with progress_bar() as tell:
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
            progress=tell,
        )
    _show(done)
    if not done.sound:
        raise typer.Exit(1)


def _command(
    system: str, kind: str, survey: str | None, tables: str | None, seeds: int | None
) -> str:
    """What computes the same again; where it is written and by how many processes is no part."""
    named = {"--survey": survey, "--tables": tables, "--seeds": seeds}
    words = [] if kind == "full" else [f"--{kind}"]
    words += [word for name, value in named.items() if value for word in (name, str(value))]
    return shlex.join(["orecast", "reproduce", system, *words])


def _show(done: Reproduced) -> None:
    """Print what was capped, what failed, and where the tables are."""
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
