"""A published system's tables and pictures beside ours, under its own protocol and leak-free."""

from orecast.papers.report.writing import write_reproduction

__all__ = ["write_reproduction"]
