"""The command line: it parses, calls the workflow, and shows."""

from orecast.cli.app import main

__all__ = ["main"]
