"""Read and judge the data; change nothing of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from orecast import registry
from orecast.config import Config
from orecast.errors import ConfigError, RunError, nearest
from orecast.run import write_json
from orecast.survey import Survey, checks, read_survey
from orecast.training.generators import outline_step
from orecast.workflow.choosing import require_known
from orecast.workflow.recipes import growth_plan


def check(config: Config) -> tuple[Survey, dict[str, Any]]:
    """Read a survey, and what was found in it as ``checks.json`` holds it.

    Raises InputError and its kin where the data cannot be used, ConfigError for unknown names,
    ConfigError or SamplingError for impossible steps of growth.
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


def write_checks(found: dict[str, Any], path: Path) -> None:
    """Write ``checks.json``; a file that is something else is left alone.

    Raises RunError where it cannot be written, or where something else stands.
    """
    if path.exists() and not _is_checks(path):
        raise RunError("another file stands there", where=str(path), remedy="name one with --write")
    try:
        write_json(path, found)
    except OSError as error:
        raise RunError(
            f"cannot write ({error.strerror})",
            where=str(path),
            remedy="name a writable place with --write",
        ) from None


def require_known_names(config: Config) -> None:
    """Refuse names that nothing is registered under; nothing is imported for it."""
    registry.entry(
        "orecast.evidence.interpolate",
        config.evidence.interpolator,
        what="interpolator",
        where="evidence.interpolator",
    )
    protocol = config.validation.protocol
    registry.entry(
        "orecast.samples.protocols", protocol, what="protocol", where="validation.protocol"
    )
    require_known(config.model.name)


def _is_checks(path: Path) -> bool:
    if not path.is_file():
        return False
    try:
        return bool(json.loads(path.read_text(encoding="utf-8")).keys() >= {"survey", "findings"})
    except (OSError, ValueError, AttributeError):
        return False
