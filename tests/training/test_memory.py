"""glibc is watched by the pages that a process has to be given anew."""

import ctypes
import platform
import subprocess
import sys
from types import SimpleNamespace

import pytest

from orecast.training import acceleration as memory
from orecast.training.acceleration import kept_memory

glibc = pytest.mark.skipif(
    platform.libc_ver()[0] != "glibc", reason="the C library has no mallopt to watch"
)

FAULTS = """
import resource, torch
from contextlib import nullcontext
from orecast.training.acceleration import kept_memory

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

def resident():
    return int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize()

def step():
    blocks = [torch.ones(4 * 2**20) for _ in range(4)]  # 16 MiB each, below glibc's threshold
    blocks.append(torch.ones(16 * 2**20))  # 64 MiB, above it

def counted(block):
    with block:
        for _ in range(5):
            step()
        before = faults()
        for _ in range(2):
            step()
        return faults() - before, resident()

print(*counted(nullcontext()), *counted(kept_memory()), resident())
"""


@pytest.mark.slow
@glibc
def test_pages_are_cleared_once_and_given_back_at_the_end():
    answer = subprocess.run(
        [sys.executable, "-c", FAULTS], capture_output=True, text=True, check=True
    ).stdout.split()
    plain, _, kept, within, after = map(int, answer)
    assert kept < plain / 20
    assert within - after > 100 * 2**20


def test_blocks_nest(monkeypatch):
    calls = []
    library = SimpleNamespace(
        mallopt=lambda option, value: calls.append((option, value)),
        malloc_trim=lambda pad: calls.append("trim"),
    )
    monkeypatch.setattr(memory, "_glibc", lambda: library)
    with kept_memory():
        opened = list(calls)
        with kept_memory():
            assert calls == opened
        assert calls == opened
    assert calls[-1] == "trim"
    assert opened == [(-4, 0), (-1, -1)]
    assert calls[2:-1] == [(-4, 65536), (-3, 2**25), (-1, 2**26)]


def test_an_error_closes_the_block(monkeypatch):
    calls = []
    library = SimpleNamespace(
        mallopt=lambda *args: None, malloc_trim=lambda pad: calls.append("trim")
    )
    monkeypatch.setattr(memory, "_glibc", lambda: library)
    with pytest.raises(ZeroDivisionError), kept_memory():
        1 / 0  # noqa: B018
    assert calls == ["trim"]


def test_another_library_is_left_alone(monkeypatch):
    monkeypatch.setattr(memory.platform, "libc_ver", lambda: ("", ""))
    opened = []
    monkeypatch.setattr(ctypes, "CDLL", lambda *names: opened.append(names))
    memory._glibc.cache_clear()
    try:
        with kept_memory():
            pass
    finally:
        memory._glibc.cache_clear()
    assert opened == []
