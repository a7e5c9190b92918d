"""Read and judge the data; change nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from orecast.config import Config
from orecast.errors import RunError
from orecast.run import write_json
from orecast.survey import Survey, checks, read_survey


def check(config: Config, write_to: Path | None = None) -> tuple[Survey, dict[str, Any]]:
    """Read a survey and what was found in it; with ``write_to``, also write ``checks.json`` there.

    Raises InputError and its kin where the data cannot be used.
    """
    survey = read_survey(config)
    found = checks(survey)
    if write_to is not None:
        try:
            write_json(write_to, found)
        except OSError as error:
            raise RunError(
                f"cannot write ({error.strerror})", where=str(write_to), remedy="use --write"
            ) from None
    return survey, found
