"""Ways to cut folds, one a file, each by its name; ``spatial`` is the default."""

from orecast.samples.protocols.building import build_protocol

__all__ = ["build_protocol"]
