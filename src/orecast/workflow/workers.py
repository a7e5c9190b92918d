"""A pool of processes that compute cells: one thread each; they end when their parent ends."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path

from orecast.errors import RunError
from orecast.workflow.run.job import Progress

_THREADS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMBA_NUM_THREADS",
)

_SIGNALS = (signal.SIGINT, signal.SIGTERM)

_WARNINGS = "PYTHONWARNINGS"
_LEFT_LOCKS = "ignore:resource_tracker:UserWarning"
"""Hides a warning: a process that ends with its parent leaves locks, which are cleaned up."""


def work_off(
    tasks: Sequence[Callable[[], None]],
    folder: Path,
    *,
    jobs: int,
    what: str,
    progress: Progress,
) -> None:
    """Call each task in a worker pool; a task writes its cell into ``folder``.

    Unfinished files of a killed process are removed first. Raises RunError where a process is
    ended from outside.
    """
    for part in folder.glob("*.part"):
        part.unlink()
    if not tasks:
        return
    progress(what, 0, len(tasks))
    try:
        with worker_pool(min(jobs, len(tasks))) as pool:
            with _undisturbed():
                waiting = [pool.submit(task) for task in tasks]
            for k, done in enumerate(as_completed(waiting)):
                done.result()
                progress(what, k + 1, len(tasks))
    except BrokenProcessPool:
        raise RunError(
            "a worker process was ended from outside, perhaps because memory ran out",
            where=str(folder.parent),
            remedy="continue with --resume and fewer --jobs",
        ) from None


@contextmanager
def worker_pool(jobs: int) -> Iterator[ProcessPoolExecutor]:
    """Processes of one thread each, which end when the block fails or this process ends.

    Each is a fresh interpreter, so the number of processes does not change the results. Detectors
    with an option ``jobs`` use that many threads of their own, which changes no result.
    """
    context = get_context("spawn")
    alive, held = context.Pipe(duplex=False)
    with _surroundings():
        pool = ProcessPoolExecutor(jobs, context, initializer=_begin, initargs=(alive,))
        try:
            yield pool
            pool.shutdown()
        finally:
            held.close()
            pool.shutdown(cancel_futures=True)
            alive.close()


@contextmanager
def _surroundings() -> Iterator[None]:
    """Set one thread for processes started inside: libraries read these variables on loading."""
    before = {name: os.environ.get(name) for name in (*_THREADS, _WARNINGS)}
    os.environ.update(dict.fromkeys(_THREADS, "1"))
    os.environ[_WARNINGS] = ",".join(filter(None, [before[_WARNINGS], _LEFT_LOCKS]))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Block signals for processes started inside, from their first moment on.

    A signal goes to the whole group of processes; this one handles it after all have started.
    """
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _begin(alive: Connection) -> None:
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)  # the parent handles it and closes the pipe

    def end_with_parent() -> None:
        with suppress(EOFError, OSError):
            alive.recv_bytes()  # returns only when the parent closes its end, or ends
        os._exit(1)

    threading.Thread(target=end_with_parent, daemon=True).start()
