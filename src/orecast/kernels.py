"""Kernels compiled by numba, cached on disk if possible."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from orecast.capacity import require_addresses

require_addresses(8e8, "compiling")  # LLVM ends the process if there is no more address space

from numba import njit  # noqa: E402

Kernel = Callable[..., Any]


def compiled(**options: Any) -> Callable[[Kernel], Kernel]:
    """Compile a function with the ``options`` of ``numba.njit``; cache its machine code on disk.

    The cache is beside the source, in the user's cache folder, or in ``NUMBA_CACHE_DIR``. If none
    is writable (a read-only installation without a home folder), each process compiles again. A
    folder that all users can write is never used, because code from the cache is executed.
    """

    def compile_(function: Kernel) -> Kernel:
        try:
            kernel: Kernel = njit(cache=True, **options)(function)
        except RuntimeError as error:
            if "cannot cache function" not in str(error):
                raise
            kernel = njit(**options)(function)
        return kernel

    return compile_
