"""Tables and figures of a published system beside ours, under its protocol and leak-free."""

from orecast.papers.report.writing import write_reproduction

__all__ = ["write_reproduction"]
