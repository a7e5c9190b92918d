"""The command that holds models against each other, under several protocols and seeds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from orecast.workflow import Compared

_ON_THE_PAGE = (  # columns that a terminal has no room for
    "± between seeds",
    "Against best-layer",
    "Average precision",
    "Brier skill (%)",
    "Seconds",
)


def compare(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN.toml …", help="One or several runs.")],
    models: Annotated[
        str | None,
        typer.Option(
            metavar="NAME[:KEY=VALUE,…],…",
            help="Models; the run's and every supervised detector when left out.",
        ),
    ] = None,
    protocols: Annotated[
        str,
        typer.Option(
            metavar="NAME[:KEY=VALUE,…],…", help="Protocols; spatial is always among them."
        ),
    ] = "spatial",
    seeds: Annotated[int, typer.Option(min=1, help="Seeds, from the run's own on.")] = 3,
    jobs: Annotated[
        int | None, typer.Option(min=1, help="Processes; one a core when left out.")
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change a key in every run."),
    ] = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to write.")] = Path(
        "comparison"
    ),
    reference: Annotated[
        str | None,
        typer.Option(help="Model that the others are held against; the run's when left out."),
    ] = None,
    baselines: Annotated[
        bool, typer.Option("--baselines/--no-baselines", help="Score the baselines beside them.")
    ] = True,
    resume: Annotated[bool, typer.Option("--resume", help="Compute what is missing.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Begin again.")] = False,
) -> None:
    """Compare models under protocols and seeds on surveys, and write one results page.

    Options of a model or a protocol stand behind a colon, in TOML or as bare words. Exits with 1
    where a model has no score under spatial.

    Example: orecast compare run.toml --models random-forest,resnet18:width=16,dropout=0.2
    Example: orecast compare a.toml b.toml --protocols leave-deposit-out,paper --seeds 5
    """
    from orecast.cli.show import one_of, progress_bar
    from orecast.workflow import Plan, parse_choices
    from orecast.workflow import compare as work

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
    try:
        with progress_bar() as tell:
            done = work(
                *(plan, output),
                jobs=jobs,
                resume=resume,
                overwrite=overwrite,
                progress=tell,
                warn=_warn,
            )
    except KeyboardInterrupt:
        typer.echo("\nStopped. Finished cells are kept; go on with the same and --resume", err=True)
        raise typer.Exit(130) from None
    _show(done)
    if not done.sound:
        raise typer.Exit(1)


def _warn(sentence: str) -> None:
    """Print a warning while work goes on, above its progress."""
    from rich.markup import escape

    from orecast.cli.show import errors

    errors.print(f"[yellow]warning[/]  {escape(sentence)}", soft_wrap=True)


def _show(done: Compared) -> None:
    """Print each survey's sentences and tables, and where the page is."""
    from rich.markup import escape

    from orecast.cli.show import console, table
    from orecast.report.comparison_tables import survey_tables

    for survey in done.content["surveys"]:
        tables = survey_tables(survey, done.content["protocols"])
        console.print()
        for sentence in survey["sentences"]:
            console.print(sentence, soft_wrap=True, markup=False)
        console.print()
        for name, words in tables["declares"].items():
            said = escape(f"{name} declares: {'; '.join(words)}")
            console.print(f"[yellow]warning[/]  {said}", soft_wrap=True)
        for found in (tables["spatial"], tables["claims"], tables["failed"]):
            if found is not None:
                kept = [k for k, head in enumerate(found.head) if head not in _ON_THE_PAGE]
                rows = [[escape(row[k]) for k in kept] for row in found.rows]
                right = 1 if found.figures else len(kept)
                table(escape(found.caption), [found.head[k] for k in kept], rows, right)
    console.print(f"{done.computed} cell{'s' * (done.computed != 1)} computed", markup=False)
    console.print(f"Page   {done.folder / 'comparison.html'}", soft_wrap=True, markup=False)
    console.print(f"Table  {done.folder / 'comparison.csv'}", soft_wrap=True, markup=False)
