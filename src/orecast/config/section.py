"""Common parts of all configuration tables: strict keys, paths, positive numbers."""

from __future__ import annotations

import os
import re
import sys
import unicodedata
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo


class Section(BaseModel):
    """A table of the configuration: unknown keys are refused, values are frozen."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, use_attribute_docstrings=True, allow_inf_nan=False
    )


def path_problem(text: str) -> str | None:
    """What is wrong with a path, as text; None if nothing is.

    Libraries cut a path at a control character or ignore the character. Bytes that are not text
    cannot be written into ``run.toml``.

    >>> path_problem("data/a.csv"), path_problem("a\\nb")
    (None, "contains '\\\\n', a character that is not allowed in a path")
    """
    if not text:
        return "is empty"
    kinds = {unicodedata.category(letter): letter for letter in text}
    if "Cs" in kinds:  # a byte of the command line that is not text
        return f"contains {kinds['Cs']!r}, which is not {sys.getfilesystemencoding()} text"
    if "Cc" not in kinds:
        return None
    return f"contains {kinds['Cc']!r}, a character that is not allowed in a path"


def _path(given: Any, info: ValidationInfo) -> Any:
    """The path of a text, with variables and ``~`` replaced; relative to the context's folder."""
    if not isinstance(given, str | Path):
        return given
    whole = str(given) if isinstance(given, Path) else _VARIABLE.sub(_value, given)
    if fault := path_problem(whole):
        raise ValueError(f"the path {fault}")
    path = Path(whole)
    if isinstance(given, str) and whole.startswith("~"):
        try:
            path = path.expanduser()
        except RuntimeError:
            user = path.parts[0]
            raise ValueError(
                f"there is no home folder {user}; for a file with this name, write ./{user}"
            ) from None
    return Path(os.path.normpath(info.context / path)) if info.context else path


def path_text(path: Path) -> str:
    """A path in the form of ``run.toml``; reading it gives the same path.

    >>> path_text(Path("~a/${b}"))
    './~a/$${b}'
    """
    text = path.as_posix().replace("${", "$${")
    return f"./{text}" if text.startswith("~") else text


_VARIABLE = re.compile(r"\$\$\{|\$\{(\w+)(?::-([^}]*))?\}")


def _value(match: re.Match[str]) -> str:
    name, fallback = match.groups()
    if name is None:
        return "${"
    found: str | None = os.environ.get(name, fallback)
    if found is None:
        raise ValueError(f"environment variable {name} is not set")
    return found


FilePath = Annotated[Path, BeforeValidator(_path)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Length = Annotated[Positive, Field(le=1e8)]  # metres; no two places on Earth lie as far apart
