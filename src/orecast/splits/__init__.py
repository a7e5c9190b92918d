"""Validation protocols: each cuts the deposits into folds. ``spatial`` is the default."""

from orecast.splits.building import build_protocol

__all__ = ["build_protocol"]
