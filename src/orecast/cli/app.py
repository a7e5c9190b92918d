"""The commands of ``orecast``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from orecast import __version__
from orecast.capacity import lacks_memory, out_of_memory, require_addresses
from orecast.cli.auditing import audit
from orecast.cli.comparing import compare
from orecast.cli.predicting import predict
from orecast.cli.reproducing import reproduce
from orecast.cli.show import path
from orecast.cli.stopping import Commands
from orecast.errors import ConfigError, OrecastError

app = typer.Typer(
    cls=Commands,
    name="orecast",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="From a geochemical survey to a ranked map of where to look for ore, and how far to "
    "trust it.",
)

_MOST_SEED = 2**32 - 1
_LEAST_ADDRESSES, _SPARE = 7.5e8, 4_000_000  # bytes

RunFile = Annotated[
    Path, typer.Argument(metavar="RUN.toml", parser=path, help="The run's configuration.")
]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Change a key, such as model.name=resnet34."),
]


def main() -> None:
    """Run the command line.

    Exit codes: 0 done, 1 an error in the data or configuration, 2 wrong usage, 130 stopped.
    """
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a terminal may not be able to show a letter
            stream.reconfigure(errors="backslashreplace")
    spare = bytearray(_SPARE)  # freed for the message when memory runs out
    try:
        require_addresses(_LEAST_ADDRESSES, "orecast")
        app()
    except OrecastError as error:
        from orecast.cli.show import message

        message(error)
        sys.exit(1)
    except (OSError, MemoryError, RuntimeError, ImportError) as error:
        if lacks_memory(error):
            spare.clear()
            sys.exit(f"Error {out_of_memory()}")  # without colour: nothing more can be loaded
        if not isinstance(error, OSError):
            raise
        from orecast.cli.show import message

        where = f"{error.filename}: " if error.filename else ""
        message(
            OrecastError(
                f"{where}{error.strerror or error}",
                remedy="free disk space, or check the file's permissions",
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
    output: Annotated[
        Path, typer.Option(parser=path, help="Folder for the district and its run.")
    ] = Path("demo"),
    seed: Annotated[
        int, typer.Option(min=0, max=_MOST_SEED, help="Seed of the district and the run.")
    ] = 0,
) -> None:
    """Run the whole workflow on the included simulated district.

    Example: orecast demo
    """
    from orecast.config import read
    from orecast.simulation import simulate, write_district

    path = write_district(simulate("demo", seed), output / "district")
    config = read(path, [f"seed={seed}"], output=(output / "run").resolve())
    _go(config, resume=False, overwrite=True)


@app.command()
def init(
    files: Annotated[
        list[Path], typer.Argument(metavar="SAMPLES …", parser=path, help="The survey's files.")
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", parser=path, help="File to write.")
    ] = Path("run.toml"),
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file.")] = False,
) -> None:
    """Read the survey's files and write a commented run.toml.

    Example: orecast init samples.csv deposits.csv faults.gpkg
    """
    from orecast.cli.show import say
    from orecast.workflow import propose_run

    for note in propose_run(files, output, overwrite=overwrite):
        say(f"  {note}")
    say(f"Wrote {output}. Next: orecast check {output}")


@app.command()
def check(
    run: RunFile,
    settings: Settings = None,
    write: Annotated[
        Path | None, typer.Option(parser=path, help="File to write; default: beside RUN.toml.")
    ] = None,
) -> None:
    """Read and check the data, and write checks.json; change nothing else.

    Example: orecast check run.toml
    """
    from orecast.cli.show import say, show_checks
    from orecast.config import read
    from orecast.workflow import check as judge
    from orecast.workflow import write_checks

    survey, found = judge(read(run, settings))
    show_checks(survey, run.resolve().parent)
    write = write or run.resolve().with_name("checks.json")
    write_checks(found, write)
    say(f"\nWrote {write}. Next: orecast run {run}")


@app.command("run")
def run_(
    run: RunFile,
    model: Annotated[str | None, typer.Option(help="Model, in place of model.name.")] = None,
    settings: Settings = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", parser=path, help="Folder to write, in place of output."),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue a stopped run.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Start again.")] = False,
) -> None:
    """Make a ranked map from the survey's files.

    Example: orecast run run.toml --model random-forest
    """
    from orecast.cli.show import one_of
    from orecast.config import read
    from orecast.run import require_own

    one_of(resume=resume, overwrite=overwrite)
    try:
        config = read(run, settings, model=model, output=output)
    except ConfigError:
        require_own(run)
        raise
    _go(config, resume=resume, overwrite=overwrite)


@app.command()
def simulate(
    preset: Annotated[str, typer.Argument(help="demo, null, or a published area.")] = "demo",
    output: Annotated[
        Path, typer.Option("--output", "-o", parser=path, help="Folder to write.")
    ] = Path("district"),
    seed: Annotated[int, typer.Option(min=0, max=_MOST_SEED, help="Seed of the district.")] = 0,
    list_: Annotated[bool, typer.Option("--list", help="List the presets.")] = False,
) -> None:
    """Simulate a district: samples, known and undiscovered deposits, faults and geology.

    Example: orecast simulate pangxidong --seed 7 --output pangxidong
    """
    from orecast.cli.show import say
    from orecast.simulation import presets, write_district
    from orecast.simulation import simulate as make

    if list_:
        for name in presets():
            say(name)
        return
    path = write_district(make(preset, seed), output)
    say(f"Wrote the district to {output}. Next: orecast run {path}")


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
    from orecast.cli.show import progress_bar, say, show_summary
    from orecast.workflow import AUTO, describe_auto, run_survey

    if config.model.name == AUTO:
        say(describe_auto(config))
    with progress_bar() as report:
        summary = run_survey(config, resume=resume, overwrite=overwrite, progress=report)
    show_summary(summary)
