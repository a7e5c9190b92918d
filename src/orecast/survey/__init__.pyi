from .data import Element, Finding, Findings, Level, Raster, Survey
from .description import SummaryTable, checks, describe
from .proposal import propose
from .reading import read_survey

__all__ = [
    "Element",
    "Finding",
    "Findings",
    "Level",
    "Raster",
    "SummaryTable",
    "Survey",
    "checks",
    "describe",
    "propose",
    "read_survey",
]
