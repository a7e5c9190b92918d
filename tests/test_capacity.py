import errno
import resource

import numpy as np
import pytest

from orecast import capacity
from orecast.capacity import (
    available_memory,
    lacks_memory,
    out_of_memory,
    require_addresses,
    require_loadable,
    require_memory,
)
from orecast.errors import CapacityError, ConfigError, OrecastError

GB = 10**9


@pytest.fixture
def system(tmp_path, monkeypatch):
    """A machine of files: what /proc and the control groups say, without a limit of addresses."""
    monkeypatch.setattr(capacity, "_SYSTEM", tmp_path / "proc")
    monkeypatch.setattr(capacity, "_GROUPS", tmp_path / "groups")
    monkeypatch.setattr(capacity, "_address_limit", lambda: np.inf)

    def write(name: str, text: object) -> None:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{text}\n")

    write("proc/meminfo", "MemTotal: 16000000 kB\nMemAvailable: 8000000 kB\nCached: 1 kB")
    return write


def test_what_the_machine_has_free(system):
    assert available_memory() == 8_000_000 * 1024


@pytest.mark.parametrize("path", ["/", "/jobs/17", "/of/the/host/outside/the/container"])
def test_limit_of_a_group_of_version_two(system, path):
    system("proc/self/cgroup", f"0::{path}")
    system("groups/memory.max", 3 * GB)
    system("groups/memory.current", 2 * GB)
    system("groups/memory.stat", f"anon 5\ninactive_file {GB // 2}")
    assert available_memory() == 1.5 * GB


def test_the_tightest_of_nested_groups(system):
    system("proc/self/cgroup", "0::/a/b")
    system("groups/a/memory.max", 2 * GB)
    system("groups/a/memory.current", GB)
    system("groups/a/b/memory.max", "max")
    system("groups/a/b/memory.current", GB)
    assert available_memory() == GB


def test_limit_of_a_group_of_version_one(system):
    system("proc/self/cgroup", "4:memory:/batch\n1:cpu:/\n0::/")
    system("groups/memory/batch/memory.limit_in_bytes", 4 * GB)
    system("groups/memory/batch/memory.usage_in_bytes", 3 * GB)
    system("groups/memory/batch/memory.stat", "total_inactive_file 0")
    system("groups/memory/memory.limit_in_bytes", 9223372036854771712)  # none
    system("groups/memory/memory.usage_in_bytes", 9 * GB)
    assert available_memory() == GB


def test_limit_of_the_address_space(system, monkeypatch):
    monkeypatch.setattr(capacity, "_address_limit", lambda: 5.0 * GB)
    system("proc/self/statm", f"{2 * GB // resource.getpagesize()} 9 9")
    assert available_memory() == pytest.approx(3 * GB, abs=resource.getpagesize())


def test_this_machine_has_memory():
    assert 1e6 < available_memory() < 2.0**50


def test_too_large_a_request_is_refused_with_figure_place_and_remedy(system):
    require_memory(8 * GB, "it", where="key", remedy=str)
    with pytest.raises(CapacityError) as caught:
        require_memory(9 * GB, "it", where="key", remedy=lambda fits: f"{fits / 1024:.0f}")
    assert str(caught.value) == (
        "key: at least 9 GB of memory are needed for it; 8.19 GB are available. Remedy: 4000000"
    )
    with pytest.raises(CapacityError, match=r"1e\+12 TB"):
        require_memory(1e300, "it", where="a.tif", remedy=str)


def test_too_small_an_address_space_is_refused(system, monkeypatch):
    require_addresses(1e30, "anything")
    require_loadable("no_such_library", 1.0)
    require_loadable.cache_clear()
    monkeypatch.setattr(capacity, "_address_limit", lambda: 6.0 * GB)
    system("proc/self/statm", 0)
    require_addresses(5 * GB, "it")
    with pytest.raises(OrecastError, match=r"^ulimit -v: it needs .*\(ulimit -v 8800000\)"):
        require_addresses(7 * GB, "it")
    require_loadable("json", 1e9)
    with pytest.raises(OrecastError, match=r"^ulimit -v: no_such_library"):
        require_loadable("no_such_library", 1.0)
    require_loadable.cache_clear()


def torch_refusal() -> RuntimeError:
    torch = pytest.importorskip("torch")
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**60, dtype=torch.uint8)
    return caught.value


def array_refusal() -> MemoryError:
    with pytest.raises(MemoryError) as caught:
        np.empty(2**60, dtype=np.uint8)
    return caught.value


def wrapped() -> OSError:
    error = OSError("the library cannot be found")
    error.__cause__ = OSError("libx.so: failed to map segment from shared object")
    return error


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        array_refusal(),
        torch_refusal(),
        RuntimeError("can't start new thread"),
        OSError(errno.ENOMEM, "Cannot allocate memory"),
        ImportError("libx.so: cannot allocate memory in static TLS block"),
        wrapped(),
    ],
)
def test_errors_that_say_that_memory_is_lacking(error):
    assert lacks_memory(error)


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        RuntimeError("mat1 and mat2 shapes cannot be multiplied"),
        ImportError("No module named 'gone'"),
        ConfigError("out of memory"),  # said already
    ],
)
def test_errors_that_say_something_else(error):
    assert not lacks_memory(error)


def test_memory_that_ended_in_spite_of_estimates_names_the_limit(system, monkeypatch):
    assert "limit" not in str(out_of_memory())
    monkeypatch.setattr(capacity, "_address_limit", lambda: 6.0 * GB)
    assert "within the limit of 6 GB" in str(out_of_memory())
    assert "raise the limit (ulimit -v)" in str(out_of_memory())
