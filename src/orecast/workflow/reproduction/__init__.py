"""A published system run as its paper ran it and under honest folds, its tables side by side."""

from orecast.workflow.reproduction.plan import KINDS, Reproduction
from orecast.workflow.reproduction.reproducing import Reproduced, reproduce

__all__ = ["KINDS", "Reproduced", "Reproduction", "reproduce"]
