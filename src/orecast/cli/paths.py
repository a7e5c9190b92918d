"""Paths as words of the command line."""

from __future__ import annotations

from pathlib import Path

import typer


def path(word: str) -> Path:
    """The path that a word is; refused as wrong usage where no file can have it."""
    from orecast.config import path_fault

    if fault := path_fault(str(word)):
        raise typer.BadParameter(fault)
    return Path(word)
