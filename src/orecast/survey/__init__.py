"""Files to a ``Survey``: readers, units, detection limits, checks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orecast.registry import exports
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

__getattr__ = exports(
    __name__,
    {
        "Section": "description",
        "checks": "description",
        "describe": "description",
        "propose": "proposal",
        "read_survey": "reading",
    },
)
