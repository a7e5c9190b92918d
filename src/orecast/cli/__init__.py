"""The command line: parses arguments, calls the workflow, prints results."""

from orecast.cli.app import main

__all__ = ["main"]
