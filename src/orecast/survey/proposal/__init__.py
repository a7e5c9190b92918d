"""Propose a configuration from untouched files (``orecast init``)."""

from orecast.survey.proposal.proposing import propose

__all__ = ["propose"]
