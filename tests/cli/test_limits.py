"""Machines that lack memory, addresses or threads: one message, and exit code 1."""

import errno
import os
import subprocess
import sys

import pytest

from orecast.cli import app as commands
from orecast.simulation import simulate, write_district

resource = pytest.importorskip("resource")


def limited(gigabytes, *words):
    """Run a command within an address space of so many gigabytes."""
    limit = int(gigabytes * 1e9)
    return subprocess.run(
        [sys.executable, "-m", "orecast", *map(str, words)],
        capture_output=True,
        text=True,
        env=os.environ | {"NO_COLOR": "1", "COLUMNS": "200"},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)),
        check=False,
        timeout=300,
    )


def refused(answer) -> str:
    """The one message of a command that was refused."""
    assert answer.returncode == 1, answer.stderr
    assert "Traceback" not in answer.stderr
    messages = [line for line in answer.stderr.splitlines() if line.startswith("Error")]
    assert len(messages) == 1, answer.stderr
    return messages[0]


@pytest.fixture(scope="module")
def district(tmp_path_factory):
    return write_district(simulate("demo", 0), tmp_path_factory.mktemp("district"))


@pytest.mark.parametrize("gigabytes", [0.06, 0.1, 0.15, 0.35, 0.7])
def test_an_address_space_that_libraries_do_not_fit_into(gigabytes):
    message = refused(limited(gigabytes, "models"))
    assert "ulimit -v: orecast needs about 750 MB of addresses" in message
    assert "ulimit -v 4000000" in message


@pytest.mark.slow
@pytest.mark.parametrize("gigabytes", [0.9, 1.2])
def test_an_address_space_in_which_no_kernel_is_compiled(gigabytes, district, tmp_path):
    answer = limited(gigabytes, "run", district, "--model", "random-forest", "-o", tmp_path / "run")
    message = refused(answer)
    assert "ulimit -v" in message
    assert "limit of" in message
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
@pytest.mark.parametrize("gigabytes", [1.5, 2.5])
def test_an_address_space_in_which_no_network_is_trained(gigabytes, district, tmp_path):
    message = refused(
        limited(gigabytes, "run", district, "--model", "resnet18", "-o", tmp_path / "run")
    )
    assert "ulimit -v: torch (with its working memory) needs about" in message
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_cells_that_memory_does_not_hold(district, tmp_path):
    words = ("run", district, "--model", "random-forest", "-o", tmp_path / "run")
    message = refused(limited(6, *words, "--set", "evidence.cell_size=2"))
    assert "Error evidence.cell_size: " in message
    assert "of memory are needed for a grid of 12,000 x 15,000 cells" in message
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        MemoryError("Unable to allocate 8.00 EiB for an array"),
        RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory"),
        RuntimeError("can't start new thread"),
        OSError(errno.ENOMEM, "Cannot allocate memory"),
        ImportError("libx.so: failed to map segment from shared object"),
    ],
)
def test_memory_that_ends_in_spite_of_all_estimates(error, monkeypatch):
    def ends() -> None:
        raise error

    monkeypatch.setattr(commands, "app", ends)
    with pytest.raises(SystemExit) as caught:
        commands.main()
    assert str(caught.value).startswith("Error not enough memory")
    assert "Remedy: " in str(caught.value)


@pytest.mark.parametrize("error", [RuntimeError("a defect"), ImportError("No module named 'x'")])
def test_a_defect_is_no_lack_of_memory(error, monkeypatch):
    def ends() -> None:
        raise error

    monkeypatch.setattr(commands, "app", ends)
    with pytest.raises(type(error), match=str(error)):
        commands.main()
