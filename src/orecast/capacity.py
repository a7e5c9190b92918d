"""The memory available to this process; requests for more are refused in advance."""

from __future__ import annotations

import errno
import math
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

from orecast.errors import CapacityError, OrecastError

try:
    import resource
except ImportError:  # Windows has no such limits
    resource = None  # type: ignore[assignment]

_SYSTEM, _GROUPS = Path("/proc"), Path("/sys/fs/cgroup")
_ENOUGH = 4e9  # bytes of addresses for a small run, mostly for libraries and their threads
_UNKNOWN = 2.0**40  # bytes, if the system gives no value: refuses only impossible requests

_REFUSALS = (
    "can't allocate memory",  # torch, on a CPU
    "cannot allocate memory",  # GDAL, the loader of libraries
    "not enough memory",
    "out of memory",  # CUDA
    "can't start new thread",
    "failed to map segment",  # loading a library
)


def available_memory() -> float:
    """Bytes that this process can still use.

    The minimum of the machine's free memory, the rest of the control groups' limits (of a container
    or a batch system), and the rest of the address space (``ulimit -v``).
    """
    return min(_free(), _left_of_addresses(), *_left_to_groups())


def require_memory(
    size: float,
    what: str,
    *,
    where: str,
    remedy: Callable[[float], str],
) -> None:
    """Raise CapacityError if ``size`` bytes for ``what`` are not available.

    ``remedy`` is called with half of the available bytes, so that its proposal still fits if other
    processes use some memory.

    >>> require_memory(1e6, "it", where="key", remedy=lambda fits: "ask for less")
    """
    available = available_memory()
    if size > available:
        raise CapacityError(
            f"at least {bytes_in_words(size)} of memory are needed for {what}; "
            f"{bytes_in_words(available)} are available",
            where=where,
            remedy=remedy(available / 2),
        )


def bytes_in_words(size: float) -> str:
    """Bytes as text for a message.

    >>> bytes_in_words(1.234e9), bytes_in_words(5e6), bytes_in_words(3e15)
    ('1.23 GB', '5 MB', '3,000 TB')
    """
    size = min(size, 1e24)  # a wrong request may be infinite
    unit, scale = next(((u, s) for u, s in (("TB", 1e12), ("GB", 1e9)) if size >= s), ("MB", 1e6))
    return f"{float(f'{size / scale:.3g}'):,g} {unit}"


def require_addresses(size: float, what: str) -> None:
    """Raise OrecastError if less than ``size`` bytes of the address space are left.

    Otherwise libraries abort, wait forever or raise their own errors.
    """
    limit, left = _address_limit(), _left_of_addresses()
    if left < size:
        enough = max(_ENOUGH, math.ceil(1.25 * (limit - left + size) / 1e8) * 1e8)
        raise OrecastError(
            f"{what} needs about {bytes_in_words(size)} of addresses; "
            f"{bytes_in_words(left)} of the limit of {bytes_in_words(limit)} are left",
            where="ulimit -v",
            remedy=f"raise it (ulimit -v {enough / 1000:.0f}), or remove it (ulimit -v unlimited)",
        )


@cache
def require_loadable(library: str, beside: float) -> None:
    """Raise OrecastError if a library and ``beside`` bytes do not fit the address space.

    The need differs between builds. If there is a limit, the library is therefore loaded once in a
    separate process.
    """
    if _address_limit() == math.inf or not _lines(_SYSTEM / "self/statm"):
        return
    shown = f"import {library}; print(open('/proc/self/statm').read().split()[0])"
    try:
        done = subprocess.run(
            [sys.executable, "-c", shown], capture_output=True, text=True, timeout=100, check=True
        )
        taken = float(done.stdout) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, subprocess.SubprocessError, ValueError):  # the library ended the process
        taken = _address_limit()
    require_addresses(taken + beside, f"{library} (with its working memory)")


def lacks_memory(error: BaseException) -> bool:
    """Whether an error is about missing memory, addresses or threads.

    >>> lacks_memory(MemoryError()), lacks_memory(RuntimeError("can't start new thread"))
    (True, True)
    >>> lacks_memory(RuntimeError("shapes do not match"))
    False
    """
    if isinstance(error, OrecastError):
        return False
    if isinstance(error, MemoryError) or getattr(error, "errno", None) == errno.ENOMEM:
        return True
    text = str(error).lower()
    cause = error.__cause__ or error.__context__
    return any(words in text for words in _REFUSALS) or (cause is not None and lacks_memory(cause))


def out_of_memory() -> OrecastError:
    """The error for memory that ran out despite the checks."""
    limit = _address_limit()
    limited = "" if limit == math.inf else f" within the limit of {bytes_in_words(limit)}"
    raised = "raise the limit (ulimit -v), " if limited else ""
    return OrecastError(
        f"not enough memory{limited}; {bytes_in_words(available_memory())} are left",
        remedy=f"{raised}end other programs, or use larger cells (evidence.cell_size), a "
        "smaller model or training.batch, or fewer --jobs",
    )


def _free() -> float:
    for line in _lines(_SYSTEM / "meminfo"):
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    names = getattr(os, "sysconf_names", {})
    if {"SC_PHYS_PAGES", "SC_PAGE_SIZE"} <= names.keys():  # macOS gives the total
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return _UNKNOWN


def _address_limit() -> float:
    if resource is None:
        return math.inf
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    return math.inf if limit == resource.RLIM_INFINITY else limit


def _left_of_addresses() -> float:
    limit = _address_limit()
    if limit == math.inf:
        return limit
    used = next(iter(_lines(_SYSTEM / "self/statm")), "0").split()[0]
    return max(0.0, limit - int(used) * os.sysconf("SC_PAGE_SIZE"))


def _left_to_groups() -> Iterator[float]:
    """Bytes left in each control group of the process, by version 1 or 2 of the interface.

    In a container the group's own folder may be missing; then its limit is at the top.
    """
    for line in _lines(_SYSTEM / "self/cgroup"):
        _, controllers, path = line.split(":", 2)
        if "memory" in controllers.split(","):
            top, names = _GROUPS / "memory", ("memory.limit_in_bytes", "memory.usage_in_bytes")
        elif not controllers:
            top, names = _GROUPS, ("memory.max", "memory.current")
        else:
            continue
        own = top / path.strip("/")
        for folder in (own, *own.parents):
            limit, used = (next(iter(_lines(folder / name)), "") for name in names)
            if limit.isdigit() and used.isdigit():
                yield max(0.0, int(limit) - int(used) + _file_cache(folder))
            if folder == top:
                break


def _file_cache(folder: Path) -> int:
    """Bytes of cached files of a group, which are freed when memory is needed."""
    values = dict(line.split() for line in _lines(folder / "memory.stat"))
    return int(values.get("total_inactive_file", values.get("inactive_file", 0)))


def _lines(path: Path) -> list[str]:
    """Lines of a system file; none if it is missing."""
    try:
        return path.read_text().splitlines()
    except OSError:
        return []
