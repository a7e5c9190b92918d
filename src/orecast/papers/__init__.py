"""Run a published system in its paper's way and without leaks, with both results in one table."""

from orecast.papers.plan import KINDS, Reproduction
from orecast.papers.reproducing import Reproduced, reproduce

__all__ = ["KINDS", "Reproduced", "Reproduction", "reproduce"]
