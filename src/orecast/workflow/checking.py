"""Check a configuration against its files, and propose one."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from orecast.config import Config, parse, to_toml
from orecast.errors import ConfigError, OrecastError, nearest
from orecast.run import made_folder, naming_target, write_result, written_whole
from orecast.survey import Survey, checks, propose, read_survey
from orecast.training.generators import outline_step
from orecast.workflow.choosing import require_known_names
from orecast.workflow.recipes import growth_plan

# what a comment of TOML, or UTF-8, cannot hold; names of files, sheets and columns may
_UNWRITABLE = re.compile("[\x00-\x08\x0a-\x1f\x7f\ud800-\udfff]")


def propose_run(files: list[Path], output: Path, *, overwrite: bool = False) -> list[str]:
    """Write a commented ``run.toml`` for ``files`` and return one line for each decision.

    Raises ConfigError where the file exists, InputError for a file that is not recognised.
    """
    if output.exists() and not overwrite:
        raise ConfigError(
            "the file exists", where=str(output), remedy="use --overwrite, or name another file"
        )
    remedy = "name another file, such as run.toml"
    if output.suffix.lower() != ".toml":
        raise ConfigError("not a .toml file", where=str(output), remedy=remedy)
    if output.resolve() in {f.resolve() for f in files}:
        raise ConfigError("one of the survey's own files", where=str(output), remedy=remedy)
    folder = output.resolve().parent
    table, notes = propose(files, folder)
    config = parse(table, where=str(output))
    notes += _found_on_reading(parse(table, where=str(output), folder=folder), notes)
    notes = [_UNWRITABLE.sub(lambda m: ascii(m[0])[1:-1], note) for note in notes]
    head = "".join(f"# {note}\n" for note in notes)
    with (
        naming_target(output, "--output"),
        made_folder(output.parent),
        written_whole(output) as stream,
    ):
        stream.write((head + "\n" + to_toml(config, comments=True)).encode())
    return notes


_TO_TELL = ("deposits-outside", "few-deposits", "deposits-in-one-place")
"""Findings on the survey as a whole, which ``orecast init`` tells too."""


def _found_on_reading(config: Config, notes: list[str]) -> list[str]:
    """What reading the proposed survey finds beyond the notes: an error, or a wrong choice."""
    if any(note.startswith("To decide") and "crs" in note for note in notes):
        return []  # a CRS is asked for, and nothing can be placed before
    try:
        survey = read_survey(config)
    except OrecastError as error:
        if any(error.what in note for note in notes):
            return []
        remedy = f". Remedy: {error.remedy}" if error.remedy else ""
        return [f"To decide: {error.where}: {error.what}{remedy}"]
    told = [f for code in _TO_TELL for f in survey.findings.of(code)]
    return [f"To decide: {Path(f.where).name}: {f.what}; {f.remedy}" for f in told]


def check(config: Config) -> tuple[Survey, dict[str, Any]]:
    """Read a survey, and return it with the content of ``checks.json``.

    Raises InputError or its subclasses where the data cannot be used, ConfigError for unknown
    names, ConfigError or SamplingError for impossible steps of growth.
    """
    require_known_names(config)
    growth_plan(config, outline_step)
    survey = read_survey(config)
    for part in config.composition.parts or []:
        if part not in survey.symbols:
            remedy = nearest(part, survey.symbols)
            raise ConfigError(
                f"there is no element {part!r}", where="composition.parts", remedy=remedy
            )
    return survey, checks(survey)


def write_checks(content: dict[str, Any], path: Path) -> None:
    """Write ``checks.json``; another kind of file is not overwritten.

    Raises RunError where it cannot be written, or where another kind of file exists.
    """
    write_result(path, content, {"survey", "findings"}, "checks")
