"""Memory that stays with the process while a network computes."""

from __future__ import annotations

import ctypes
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from threading import Lock

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _MMAP_MAX = -1, -3, -4  # mallopt(3)
_LARGEST = 32 * 2**20  # where glibc's own thresholds end, once so large a block has been freed
_BLOCKS = 65536  # its default

_lock = Lock()
_open = 0


@contextmanager
def kept_memory() -> Iterator[None]:
    """Within the block, freed memory waits for the next batch; after it, the system has it back.

    glibc returns large blocks to the system at once, which clears each of their pages anew at the
    next use, in a large network some in every layer (``benchmarks/training_step.py resnet50``).
    With another C library nothing changes. Blocks may nest.
    """
    global _open
    with _lock:
        _open += 1
        if _open == 1:
            _set({_MMAP_MAX: 0, _TRIM_THRESHOLD: -1})
    try:
        yield
    finally:
        with _lock:
            _open -= 1
            if _open == 0:
                _set({_MMAP_MAX: _BLOCKS, _MMAP_THRESHOLD: _LARGEST, _TRIM_THRESHOLD: 2 * _LARGEST})
                _give_back()


def _set(options: dict[int, int]) -> None:
    if library := _glibc():
        for option, value in options.items():
            library.mallopt(option, value)


def _give_back() -> None:
    if library := _glibc():
        library.malloc_trim(0)


@cache
def _glibc() -> ctypes.CDLL | None:
    return ctypes.CDLL(None) if platform.libc_ver()[0] == "glibc" else None
