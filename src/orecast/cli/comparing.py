"""The command that compares models under several protocols and seeds."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orecast.cli.show import path

if TYPE_CHECKING:
    from orecast.workflow import Compared

_ON_THE_PAGE = (  # columns that are too many for a terminal
    "± between seeds",
    "Against best-layer",
    "Average precision",
    "Brier skill (%)",
    "Seconds",
)


def compare(
    runs: Annotated[
        list[Path], typer.Argument(metavar="RUN.toml …", parser=path, help="One or several runs.")
    ],
    models: Annotated[
        str | None,
        typer.Option(
            metavar="NAME[:KEY=VALUE,…],…",
            help="Models; default: the run's and every classical model that learns from deposits.",
        ),
    ] = None,
    protocols: Annotated[
        str,
        typer.Option(metavar="NAME[:KEY=VALUE,…],…", help="Protocols; spatial is always included."),
    ] = "spatial",
    seeds: Annotated[int, typer.Option(min=1, help="Number of seeds, from the run's on.")] = 3,
    jobs: Annotated[
        int | None, typer.Option(min=1, help="Processes; default: one for each core.")
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change a key in every run."),
    ] = None,
    output: Annotated[
        Path, typer.Option("--output", "-o", parser=path, help="Folder to write.")
    ] = Path("comparison"),
    reference: Annotated[
        str | None,
        typer.Option(help="Model that the others are compared with; default: the run's."),
    ] = None,
    baselines: Annotated[
        bool, typer.Option("--baselines/--no-baselines", help="Also score the baselines.")
    ] = True,
    resume: Annotated[bool, typer.Option("--resume", help="Compute what is missing.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Start again.")] = False,
) -> None:
    """Compare models under protocols and seeds on surveys, and write one results page.

    Write options of a model or a protocol after a colon, in TOML or as plain words. Exits with 1
    if a model has no score under spatial.

    Example: orecast compare run.toml --models random-forest,resnet18:width=16,dropout=0.2
    Example: orecast compare a.toml b.toml --protocols leave-deposit-out,paper --seeds 5
    """
    from orecast.cli.show import errors, one_of, progress_bar, warn
    from orecast.workflow import Plan, parse_choices, run_comparison

    one_of(resume=resume, overwrite=overwrite)
    plan = Plan(
        runs=tuple(runs),
        models=() if models is None else parse_choices(models, "--models"),
        protocols=parse_choices(protocols, "--protocols"),
        seeds=seeds,
        settings=tuple(settings or ()),
        reference=reference,
        baselines=baselines,
    )
    with progress_bar() as report:
        done = run_comparison(
            *(plan, output),
            jobs=jobs,
            resume=resume,
            overwrite=overwrite,
            progress=report,
            warn=partial(warn, to=errors),  # above the progress
        )
    _show(done)
    if not done.sound:
        raise typer.Exit(1)


def _show(done: Compared) -> None:
    """Print each survey's sentences and tables, and the path of the page."""
    from orecast.cli.show import say, table, warn
    from orecast.report.comparison import survey_tables

    for survey in done.content["surveys"]:
        tables = survey_tables(survey, done.content["protocols"])
        say()
        for sentence in survey["sentences"]:
            say(sentence)
        say()
        for name, words in tables["caveats"].items():
            warn(f"Note on {name}: {'; '.join(words)}")
        for found in (tables["spatial"], tables["claims"], tables["failed"]):
            if found is not None:
                kept = [k for k, head in enumerate(found.head) if head not in _ON_THE_PAGE]
                rows = [[row[k] for k in kept] for row in found.rows]
                right = 1 if found.figures else len(kept)
                table(found.caption, [found.head[k] for k in kept], rows, right)
    say(f"{done.computed} cell{'s' * (done.computed != 1)} computed")
    say(f"Page   {done.folder / 'comparison.html'}")
    say(f"Table  {done.folder / 'comparison.csv'}")
