"""The commands."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from orecast import __version__
from orecast.cli.auditing import audit
from orecast.cli.comparing import compare
from orecast.cli.predicting import predict
from orecast.cli.reproducing import reproduce
from orecast.errors import OrecastError

app = typer.Typer(
    name="orecast",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="From a geochemical survey to a ranked map of where to look for ore, and how far to "
    "trust it.",
)

RunFile = Annotated[Path, typer.Argument(metavar="RUN.toml", help="The run's configuration.")]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Change a key, such as model.name=resnet34."),
]


def main() -> None:
    """Run the command line: 0 done, 1 the data or configuration is at fault, 2 wrong usage."""
    try:
        app()
    except OrecastError as error:
        from orecast.cli.show import message

        message(error)
        sys.exit(1)
    except OSError as error:
        from orecast.cli.show import message

        where = f"{error.filename}: " if error.filename else ""
        message(
            OrecastError(
                f"{where}{error.strerror or error}",
                remedy="free space, or look at the file's permissions",
            )
        )
        sys.exit(1)


@app.callback(invoke_without_command=True)
def _version(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    if version:
        typer.echo(f"orecast {__version__}")
        raise typer.Exit


@app.command()
def demo(
    output: Annotated[Path, typer.Option(help="Folder for the district and its run.")] = Path(
        "demo"
    ),
    seed: Annotated[int, typer.Option(min=0, help="Seed of the district and the run.")] = 0,
) -> None:
    """Run the main job on the embedded simulated district.

    Example: orecast demo
    """
    from orecast.config import read
    from orecast.simulation import simulate, write_district

    path = write_district(simulate("demo", seed), output / "district")
    settings = [f"output={(output / 'run').resolve().as_posix()!r}", f"seed={seed}"]
    _go(read(path, settings), resume=False, overwrite=True)


@app.command()
def init(
    files: Annotated[list[Path], typer.Argument(metavar="SAMPLES …", help="The survey's files.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="File to write.")] = Path(
        "run.toml"
    ),
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file.")] = False,
) -> None:
    """Look at files and write a commented run.toml.

    Example: orecast init samples.csv deposits.csv faults.gpkg
    """
    from orecast.cli.show import console
    from orecast.workflow import propose_run

    notes = propose_run(files, output, overwrite=overwrite)
    for note in notes:
        console.print(f"  {note}", soft_wrap=True, markup=False)
    console.print(f"Wrote {output}. Next: orecast check {output}", soft_wrap=True)


@app.command()
def check(
    run: RunFile,
    settings: Settings = None,
    write: Annotated[
        Path | None, typer.Option(help="Where to; beside RUN.toml when left out.")
    ] = None,
) -> None:
    """Read and judge the data, and write checks.json; change nothing else.

    Example: orecast check run.toml
    """
    from orecast.cli.tables import show_checks
    from orecast.config import read
    from orecast.workflow import check as judge
    from orecast.workflow import write_checks

    survey, found = judge(read(run, settings))
    show_checks(survey, run.resolve().parent)
    write = write or run.resolve().with_name("checks.json")
    write_checks(found, write)
    typer.echo(f"\nWrote {write}. Next: orecast run {run}")


@app.command("run")
def run_(
    run: RunFile,
    model: Annotated[str | None, typer.Option(help="Model, in place of model.name.")] = None,
    settings: Settings = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Folder to write, in place of output.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a stopped run.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Begin again.")] = False,
) -> None:
    """Do the main job: from the survey's files to a ranked map.

    Example: orecast run run.toml --model random-forest
    """
    from orecast.cli.show import one_of
    from orecast.config import read

    one_of(resume=resume, overwrite=overwrite)
    if model:  # the file's options are those of the file's model
        settings = [f"model={{name = {model!r}}}", *(settings or [])]
    if output is not None:  # from where the user stands, not the file
        settings = [*(settings or []), f"output={json.dumps(output.absolute().as_posix())}"]
    _go(read(run, settings), resume=resume, overwrite=overwrite)


@app.command()
def simulate(
    preset: Annotated[str, typer.Argument(help="demo, null, or a published area.")] = "demo",
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to write.")] = Path(
        "district"
    ),
    seed: Annotated[int, typer.Option(min=0, help="Seed of the district.")] = 0,
    list_: Annotated[bool, typer.Option("--list", help="List the presets.")] = False,
) -> None:
    """Make a district with known truth: samples, deposits known and undiscovered, faults, geology.

    Example: orecast simulate pangxidong --seed 7 --output pangxidong
    """
    from orecast.cli.show import console
    from orecast.simulation import presets, write_district
    from orecast.simulation import simulate as make

    if list_:
        for name in presets():
            console.print(name)
        return
    path = write_district(make(preset, seed), output)
    console.print(f"Wrote the district to {output}. Next: orecast run {path}", soft_wrap=True)


@app.command()
def models() -> None:
    """List the models and baselines.

    Example: orecast models
    """
    from orecast.cli.show import table
    from orecast.training import model_names
    from orecast.workflow import AUTO, SUMMARY

    rows = [[AUTO, SUMMARY], *([name, summary] for name, summary in model_names().items())]
    table("Models", ["name", "what it is"], rows, right=9)


app.command()(audit)
app.command()(compare)
app.command()(predict)
app.command()(reproduce)


def _go(config: Any, *, resume: bool, overwrite: bool) -> None:
    from orecast.cli.show import progress_bar
    from orecast.cli.tables import show_summary
    from orecast.workflow import AUTO, run_survey, stands_for

    if config.model.name == AUTO:
        typer.echo(stands_for(config))
    try:
        with progress_bar() as tell:
            summary = run_survey(config, resume=resume, overwrite=overwrite, progress=tell)
    except KeyboardInterrupt:
        typer.echo(
            "\nStopped. What is finished is kept; go on with the same and --resume", err=True
        )
        raise typer.Exit(130) from None
    show_summary(summary)
