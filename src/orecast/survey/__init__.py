"""Files to a ``Survey``: readers, units, detection limits, checks."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from orecast.survey.findings import Finding, Findings, Level
from orecast.survey.nouns import Element, Raster, Survey

if TYPE_CHECKING:
    from orecast.survey.description import Section, checks, describe
    from orecast.survey.proposal import propose
    from orecast.survey.reading import read_survey

__all__ = [
    "Element",
    "Finding",
    "Findings",
    "Level",
    "Raster",
    "Section",
    "Survey",
    "checks",
    "describe",
    "propose",
    "read_survey",
]

_LATER = {
    "Section": "orecast.survey.description",
    "checks": "orecast.survey.description",
    "describe": "orecast.survey.description",
    "propose": "orecast.survey.proposal",
    "read_survey": "orecast.survey.reading",
}


def __getattr__(name: str) -> Any:
    if name in _LATER:
        return getattr(importlib.import_module(_LATER[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
