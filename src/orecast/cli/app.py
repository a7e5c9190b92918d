"""The commands of ``orecast``."""

from __future__ import annotations

import shlex
import sys
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from orecast import __version__
from orecast.capacity import lacks_memory, out_of_memory, require_addresses
from orecast.cli.show import (
    errors,
    message,
    one_of,
    path,
    progress_bar,
    say,
    show_audit,
    show_checks,
    show_comparison,
    show_prediction,
    show_reproduction,
    show_summary,
    table,
    warn,
)
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
    typer.Option(
        "--set", metavar="KEY=VALUE", help="Change a key, such as evidence.cell_size=200."
    ),
]
RunFolder = typer.Argument(metavar="RUN_FOLDER", parser=path, help="A finished run's folder.")
Output = Annotated[Path, typer.Option("--output", "-o", parser=path, help="Folder to write.")]
Seed = Annotated[
    int, typer.Option(min=0, max=_MOST_SEED, help="Seed of the district and of its run.")
]
Jobs = Annotated[int | None, typer.Option(min=1, help="Processes; default: one for each core.")]
Resume = Annotated[bool, typer.Option("--resume", help="Compute only what is missing.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Start again.")]


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
        message(error)
        sys.exit(1)
    except (OSError, MemoryError, RuntimeError, ImportError) as error:
        if lacks_memory(error):
            spare.clear()
            sys.exit(f"Error {out_of_memory()}")  # without colour: nothing more can be loaded
        if not isinstance(error, OSError):
            raise
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
    seed: Seed = 0,
) -> None:
    """Run the whole workflow on the included simulated district.

    Example: orecast demo
    """
    from orecast.simulation import simulate, write_district

    file = write_district(simulate("demo", seed), output / "district")
    folder = (output / "run").resolve()
    run_(file, settings=[f"seed={seed}"], output=folder, overwrite=True)


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
    from orecast.config import read
    from orecast.workflow import check as check_survey
    from orecast.workflow import write_checks

    survey, checks = check_survey(read(run, settings))
    show_checks(survey, run.resolve().parent)
    write = write or run.resolve().with_name("checks.json")
    write_checks(checks, write)
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
    resume: Resume = False,
    overwrite: Overwrite = False,
) -> None:
    """Make a ranked map from the survey's files.

    Example: orecast run run.toml --model random-forest
    """
    from orecast.config import read
    from orecast.run import require_own
    from orecast.workflow import AUTO, describe_auto, run_survey

    one_of(resume=resume, overwrite=overwrite)
    try:
        config = read(run, settings, model=model, output=output)
    except ConfigError:
        require_own(run)
        raise
    if config.model.name == AUTO:
        say(describe_auto(config))
    with progress_bar() as report:
        summary = run_survey(config, resume=resume, overwrite=overwrite, progress=report)
    show_summary(summary)


@app.command()
def simulate(
    preset: Annotated[str, typer.Argument(help="demo, null, or a published area.")] = "demo",
    output: Output = Path("district"),
    seed: Seed = 0,
    list_: Annotated[bool, typer.Option("--list", help="List the presets.")] = False,
) -> None:
    """Simulate a district: samples, known and undiscovered deposits, faults and geology.

    Example: orecast simulate pangxidong --seed 7 --output pangxidong
    """
    from orecast.simulation import presets, write_district
    from orecast.simulation import simulate as make

    if list_:
        for name in presets():
            say(name)
        return
    file = write_district(make(preset, seed), output)
    say(f"Wrote the district to {output}. Next: orecast run {file}")


@app.command()
def models() -> None:
    """List the models and baselines.

    Example: orecast models
    """
    from orecast.training import model_names
    from orecast.workflow import AUTO, SUMMARY

    rows = [[AUTO, SUMMARY], *([name, summary] for name, summary in model_names().items())]
    table("Models", ["name", "what it is"], rows, right=9)


@app.command()
def audit(
    run: Annotated[Path | None, RunFolder] = None,
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
    """Look for leaks between training and test data, of a finished run or of windows in files.

    RUN_FOLDER is the folder that orecast run wrote; its default name is run.

    Example: orecast audit run
    Example: orecast audit --windows train.npy verify.npy --labels train_y.npy verify_y.npy
    """
    from orecast.workflow import audit_run, audit_windows, refuse_path, write_audit

    if (run is None) == (windows is None):
        raise typer.BadParameter("give a run's folder, or --windows")
    if labels is not None and windows is None:
        raise typer.BadParameter("--labels needs --windows")
    if write is not None:
        refuse_path(write)
    if run is not None:
        result = audit_run(run)
    if windows is not None:
        result = audit_windows(windows, labels)
    show_audit(result)
    if write is not None:
        write_audit(result, write)
        say(f"Wrote {write}")
    if strict and result.leaks:
        raise typer.Exit(1)


@app.command()
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
    jobs: Jobs = None,
    settings: Settings = None,
    output: Output = Path("comparison"),
    reference: Annotated[
        str | None,
        typer.Option(help="Model that the others are compared with; default: the run's."),
    ] = None,
    baselines: Annotated[
        bool, typer.Option("--baselines/--no-baselines", help="Also score the baselines.")
    ] = True,
    resume: Resume = False,
    overwrite: Overwrite = False,
) -> None:
    """Compare models under protocols and seeds on surveys, and write one results page.

    Write options of a model or a protocol after a colon, in TOML or as plain words. Exits with 1
    if a model has no score under spatial.

    Example: orecast compare run.toml --models random-forest,resnet18:width=16,dropout=0.2
    Example: orecast compare a.toml b.toml --protocols leave-deposit-out,paper --seeds 5
    """
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
            plan,
            output,
            jobs=jobs,
            resume=resume,
            overwrite=overwrite,
            progress=report,
            warn=partial(warn, to=errors),  # above the progress
        )
    show_comparison(done)
    if not done.sound:
        raise typer.Exit(1)


@app.command()
def predict(
    run: Annotated[Path, RunFolder],
    other: Annotated[
        Path,
        typer.Argument(metavar="OTHER.toml", parser=path, help="The other survey's configuration."),
    ],
    output: Output = Path("prediction"),
    rescale: Annotated[
        bool,
        typer.Option("--rescale", help="Standardise by the other area's own means and spreads."),
    ] = False,
    settings: Settings = None,
    overwrite: Overwrite = False,
) -> None:
    """Map another area with a trained model, and show where the model applies.

    The run's values fill what OTHER.toml leaves out of composition, evidence, faults and geology.
    Training settings (model, sampling, training and others) are always the run's; --set cannot
    change them. Deposits that OTHER.toml names are scored only: the model never saw them.

    Example: orecast predict run north.toml --output north
    """
    from orecast.config import read
    from orecast.workflow import run_prediction

    config = read(other, settings)
    with progress_bar() as report:
        prediction = run_prediction(
            run,
            config,
            output,
            rescale=rescale,
            overwrite=overwrite,
            settings=settings or (),
            progress=report,
        )
    show_prediction(prediction)


@app.command()
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
    jobs: Jobs = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", parser=path, help="Folder to write; default: named by the system."
        ),
    ] = None,
    resume: Resume = False,
    overwrite: Overwrite = False,
) -> None:
    """Run a published system in its paper's way and without leaks; write its tables beside ours.

    The full run may take days on two cores; it uses a GPU if there is one. --resume continues
    after a stop. Exits with 1 if a protocol has no score.

    Example: orecast reproduce ssgsnet --smoke
    Example: orecast reproduce resgcn --hour --tables confusion
    """
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
    show_reproduction(done)
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
