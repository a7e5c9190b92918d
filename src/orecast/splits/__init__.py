"""Ways to cut folds, one a file, each by its name; ``spatial`` is the default."""

from orecast.splits.building import build_protocol

__all__ = ["build_protocol"]
