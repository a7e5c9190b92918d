"""Commands that are stopped, each in a process of its own, by a signal to its whole group."""

import os
import signal
import subprocess
import sys
import time

import pytest

from orecast.cli import main

pytestmark = pytest.mark.skipif(os.name != "posix", reason="Windows has no such signals")

SIGNALS = [signal.SIGINT, signal.SIGTERM]
BEGIN = """
import sys, time
import orecast.papers
import orecast.workflow
from orecast.cli import main, stopping

stopping._PATIENCE = 300.0

def begun():
    print("begun", flush=True)
"""
COMMANDS = {  # the name of each, the work that it calls, whether it can go on
    ("run", "run.toml"): ("workflow.run_survey", True),
    ("compare", "run.toml"): ("workflow.run_comparison", True),
    ("reproduce", "mfaf"): ("papers.reproduce", True),
    ("predict", "run", "run.toml"): ("workflow.run_prediction", False),
    ("check", "run.toml"): ("workflow.check", False),
}
SLEEPING = "begun(); time.sleep(600)"
KEPT = "Stopped. Finished parts are kept; repeat the command with --resume to continue"


def orecast(folder, body, *words, work="workflow.run_survey"):
    """A command whose work is replaced by statements; it is returned when they have begun."""
    (folder / "run.toml").write_text("[samples]\npath = 'samples.csv'\n", encoding="utf-8")
    lines = "\n".join(f"    {line}" for line in body.splitlines())
    code = f"{BEGIN}\ndef work(*_, **__):\n{lines}\norecast.{work} = work\nmain()\n"
    process = subprocess.Popen(
        [sys.executable, "-c", code, *words],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    while process.stdout.readline() not in ("begun\n", ""):
        pass
    return process


def stop(process, number):
    """Its exit code and what it says, once it and all that it began are gone."""
    os.killpg(process.pid, number)
    _, complained = process.communicate(timeout=300)
    until = time.monotonic() + 60
    while _stands(process.pid) and time.monotonic() < until:
        time.sleep(0.02)
    assert not _stands(process.pid)
    return process.returncode, complained.strip()


def _stands(group):
    """Whether a process of a group is left."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_sigterm_ends_every_command_as_ctrl_c_does(tmp_path, words):
    work, goes_on = COMMANDS[words]
    said = stop(orecast(tmp_path, SLEEPING, *words, work=work), signal.SIGTERM)
    assert said == (130, KEPT if goes_on else "Stopped.")


@pytest.mark.parametrize("number", SIGNALS)
def test_what_was_half_written_is_removed(tmp_path, number):
    body = f"""
try:
    {SLEEPING}
finally:
    open("removed", "w").close()"""
    assert stop(orecast(tmp_path, body, "run", "run.toml"), number) == (130, KEPT)
    assert (tmp_path / "removed").exists()


@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize(
    "after",
    [
        "raise RuntimeError('no compiled object yet')",  # a library's answer to it
        "raise SystemExit(3)",
        "time.sleep(600)",  # nothing: the interrupt was lost
        "exec('raise KeyboardInterrupt')",  # of which Python makes an exit code of its own
    ],
)
def test_whatever_a_library_makes_of_the_interrupt_the_command_is_stopped(tmp_path, number, after):
    body = f"""
stopping._PATIENCE = 0.3
try:
    {SLEEPING}
except KeyboardInterrupt:
    {after}"""
    assert stop(orecast(tmp_path, body, "run", "run.toml"), number) == (130, KEPT)


def test_an_import_ends_before_the_command_does(tmp_path):
    slow = "import time\nprint('begun', flush=True)\ntime.sleep(0.5)\nopen('whole', 'w').close()"
    (tmp_path / "slow.py").write_text(slow, encoding="utf-8")
    process = orecast(tmp_path, "import slow\ntime.sleep(600)", "run", "run.toml")
    assert stop(process, signal.SIGTERM) == (130, KEPT)
    assert (tmp_path / "whole").exists()


@pytest.mark.parametrize("number", SIGNALS)
def test_it_is_stopped_while_it_is_loaded_too(tmp_path, number):
    slow = "import time\nprint('begun', flush=True)\ntime.sleep(600)"
    (tmp_path / "typer.py").write_text(slow, encoding="utf-8")
    process = subprocess.Popen(
        [sys.executable, "-m", "orecast", "models"],
        cwd=tmp_path,  # where modules are looked for first
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout.readline() == "begun\n"
    assert stop(process, number) == (130, "Stopped.")


def test_asked_twice_it_ends_at_once(tmp_path):
    body = f"""
try:
    {SLEEPING}
finally:
    begun()
    time.sleep(600)"""
    process = orecast(tmp_path, body, "run", "run.toml")
    os.killpg(process.pid, signal.SIGTERM)
    assert process.stdout.readline() == "begun\n"
    assert stop(process, signal.SIGTERM) == (130, KEPT)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "begun"),
    [
        (signal.SIGINT, "begun()"),  # while they are begun
        (signal.SIGTERM, "import threading; threading.Timer(1.5, begun).start()"),
    ],
)
def test_its_worker_processes_end_without_a_word(tmp_path, number, begun):
    body = f"""
from functools import partial
from pathlib import Path
from orecast.workflow.workers import work_off
{begun}
work_off([partial(time.sleep, 600)] * 2, Path(), jobs=2, what="", progress=lambda *_: None)"""
    assert stop(orecast(tmp_path, body, "run", "run.toml"), number) == (130, KEPT)


def test_a_process_that_calls_it_keeps_its_own_signals(monkeypatch, capsys):
    handlers = [signal.getsignal(number) for number in SIGNALS]
    monkeypatch.setattr(sys, "argv", ["orecast", "--version"])
    with pytest.raises(SystemExit):
        main()
    assert [signal.getsignal(number) for number in SIGNALS] == handlers
