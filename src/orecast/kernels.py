"""Kernels compiled by numba, kept on disk wherever that is possible."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from orecast.capacity import require_addresses

require_addresses(8e8, "compiling")  # LLVM ends the process where it finds no more

from numba import njit  # noqa: E402

Kernel = Callable[..., Any]


def compiled(**options: Any) -> Callable[[Kernel], Kernel]:
    """Compile a function with the ``options`` of ``numba.njit``; its machine code is kept on disk.

    It stands beside the source, in the user's cache, or where ``NUMBA_CACHE_DIR`` says. Where none
    can be written, as in a read-only installation without a home, it is compiled in every process.
    No folder that all users may write takes their place: what is read from there is executed.
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
