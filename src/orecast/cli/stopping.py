"""How a command ends that is stopped, by Ctrl-C or by SIGTERM: a message, and exit code 130."""

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

_PATIENCE = 5.0  # s in which what is half-written is removed
_SHOW_CURSOR = "\x1b[?25h"  # which a progress bar hides


class Commands(TyperGroup):
    """The commands, which all end alike where one is stopped.

    A signal raises KeyboardInterrupt, so that each place removes what it had half written. A
    library may lose that, as numba does while it compiles, or make an error of its own of it:
    whatever comes after a signal is its doing, and after some seconds, or at a second signal, the
    process ends as it stands. A file is whole or absent then too.
    """

    def invoke(self, ctx: Any) -> Any:
        """Call the command that is named; raises Exit where it is stopped without a signal."""
        asked = stopped = False
        first = threading.Lock()

        def end() -> None:
            if first.acquire(blocking=False):
                cursor = _SHOW_CURSOR if sys.stderr.isatty() else ""
                cli.end(f"{cursor}{self._words(ctx)}")

        def stop(number: int, frame: FrameType | None) -> None:
            nonlocal asked, stopped
            if stopped:
                return end()
            if not asked:
                _later(_PATIENCE, end)
            asked = True
            if _imports(frame):  # where C++ code is begun, an interrupt ends in its abort()
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
        """What is said; going on is offered where the command can."""
        command = self.commands.get(ctx.invoked_subcommand)
        options = {option.name for option in command.params} if command else set()
        kept = " What is finished is kept; go on with the same and --resume"
        return "\nStopped." + kept * ("resume" in options)


def _imports(frame: FrameType | None) -> bool:
    """Whether a command is importing a module, where a signal finds it."""
    while frame is not None and frame.f_code is not Commands.invoke.__code__:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False


def _signal(number: int) -> None:
    """Send a signal to the thread that handles it, which wakes it where the system can."""
    if hasattr(signal, "pthread_kill"):
        signal.pthread_kill(threading.main_thread().ident or 0, number)
    else:  # Windows
        signal.raise_signal(number)


def _later(seconds: float, work: Callable[[], None]) -> None:
    timer = threading.Timer(seconds, work)
    timer.daemon = True
    timer.start()
