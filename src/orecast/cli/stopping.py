"""Stop a command by Ctrl-C or SIGTERM: a message, and exit code 130."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import Any

import typer
from typer.core import TyperGroup

from orecast import cli

_PATIENCE = 5.0  # s to remove half-written files
_SHOW_CURSOR = "\x1b[?25h"  # which a progress bar hides


class Commands(TyperGroup):
    """The commands; all end in the same way when stopped.

    A signal raises KeyboardInterrupt, so that half-written files are removed. A library may lose
    the interrupt (numba does while it compiles) or turn it into its own error. So every error
    after a signal counts as a stop. After some seconds, or at a second signal, the process ends at
    once. A file is whole or absent in this case too.
    """

    def invoke(self, ctx: Any) -> Any:
        """Call the named command; raises Exit if it is stopped without a signal."""
        signalled = stopped = False
        first = threading.Lock()

        def end() -> None:
            if first.acquire(blocking=False):
                cursor = _SHOW_CURSOR if sys.stderr.isatty() else ""
                cli.end(f"{cursor}{self._words(ctx)}")

        def stop(number: int, frame: FrameType | None) -> None:
            nonlocal signalled, stopped
            if stopped:
                return end()
            if not signalled:
                _later(_PATIENCE, end)
            signalled = True
            if _imports(frame):  # an interrupt while C++ code is loaded would end in abort()
                return _later(0.1, lambda: _signal(number))
            stopped = True
            sys.unraisablehook = lambda lost: None
            raise KeyboardInterrupt

        before = {number: signal.signal(number, stop) for number in cli.SIGNALS}
        try:
            return super().invoke(ctx)
        except BaseException as error:
            if stopped:
                with suppress(Exception):
                    sys.stdout.flush()
                end()
            if not isinstance(error, KeyboardInterrupt):
                raise
            typer.echo(self._words(ctx), err=True)
            raise typer.Exit(130) from None
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _words(self, ctx: Any) -> str:
        """The message; it mentions --resume if the command has it."""
        command = self.commands.get(ctx.invoked_subcommand)
        options = {option.name for option in command.params} if command else set()
        kept = " Finished parts are kept; repeat the command with --resume to continue"
        return "\nStopped." + kept * ("resume" in options)


def _imports(frame: FrameType | None) -> bool:
    """Whether a command is importing a module when the signal comes."""
    while frame is not None and frame.f_code is not Commands.invoke.__code__:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False


def _signal(number: int) -> None:
    """Send a signal to the main thread, which wakes it where the system allows."""
    if hasattr(signal, "pthread_kill"):
        signal.pthread_kill(threading.main_thread().ident or 0, number)
    else:  # Windows
        signal.raise_signal(number)


def _later(seconds: float, work: Callable[[], None]) -> None:
    timer = threading.Timer(seconds, work)
    timer.daemon = True
    timer.start()
