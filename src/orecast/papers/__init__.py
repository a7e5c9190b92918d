"""A published system run as its paper ran it and under honest folds, its tables side by side."""

from orecast.papers.plan import KINDS, Reproduction
from orecast.papers.reproducing import Reproduced, reproduce

__all__ = ["KINDS", "Reproduced", "Reproduction", "reproduce"]
