"""The command line: parses arguments, calls the workflow, prints results."""

import os
import signal
from types import FrameType

__all__ = ["SIGNALS", "end", "main"]

SIGNALS = (signal.SIGINT, signal.SIGTERM)
"""What stops a command."""


def main() -> None:
    """Run the command line; a signal that comes while it is loaded ends it too."""
    before = {number: signal.signal(number, _stop) for number in SIGNALS}
    try:
        from orecast.cli.app import main as run

        run()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def end(words: str) -> None:
    """End the process at once; the interpreter's own end fails where C code was interrupted."""
    try:
        os.write(2, f"{words}\n".encode())
    finally:
        os._exit(130)


def _stop(number: int, frame: FrameType | None) -> None:
    end("\nStopped.")
