"""Look at files and write a commented configuration."""

from __future__ import annotations

import re
from pathlib import Path

from orecast.config import parse, to_toml
from orecast.errors import ConfigError, RunError
from orecast.survey import propose

# what a comment of TOML, or UTF-8, cannot hold; names of files, sheets and columns may
_UNWRITABLE = re.compile("[\x00-\x08\x0a-\x1f\x7f\ud800-\udfff]")


def propose_run(files: list[Path], output: Path, *, overwrite: bool = False) -> list[str]:
    """Write a commented ``run.toml`` for ``files`` and return what was decided, a line each.

    Raises ConfigError where the file stands already, InputError where a file cannot be told.
    """
    if output.exists() and not overwrite:
        raise ConfigError(
            "the file stands already", where=str(output), remedy="--overwrite, or name another"
        )
    if output.suffix.lower() != ".toml" or output.resolve() in {f.resolve() for f in files}:
        raise ConfigError(
            "a configuration is written to a .toml file that is none of the survey's own",
            where=str(output),
            remedy="name another, such as run.toml",
        )
    folder = output.resolve().parent
    table, notes = propose(files, folder)
    config = parse(table, where=str(output))
    notes = [_UNWRITABLE.sub(lambda m: ascii(m[0])[1:-1], note) for note in notes]
    head = "".join(f"# {note}\n" for note in notes)
    try:
        output.write_text(head + "\n" + to_toml(config, comments=True), encoding="utf-8")
    except OSError as error:
        raise RunError(f"cannot write ({error.strerror})", where=str(output)) from None
    return notes
