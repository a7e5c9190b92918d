import io

import pytest
from rich.console import Console
from rich.text import Text

from orecast.cli import show
from orecast.errors import InputError


@pytest.fixture
def clock(monkeypatch):
    """Seconds that pass when the test says so."""
    now = [0.0]
    monkeypatch.setattr(show, "monotonic", lambda: now[0])
    return now


def test_a_log_has_a_line_a_stage_and_one_a_minute_of_a_longer_one(capsys, clock):
    with show.progress_bar() as tell:
        for minute in range(4):
            clock[0] = 40.0 * minute
            tell("Training", minute, 3)
        tell("Training", 3, 3)
        tell("Writing [the] report", 0, 1)
        tell("Writing [the] report", 1, 1)
    assert capsys.readouterr().err.splitlines() == [
        "Training                   2/3  0:01:20",
        "Training                   3/3  0:02:00",
        "Writing [the] report       1/1  0:00:00",
    ]


def test_a_stage_with_nothing_to_do_ends_at_once(capsys, clock):
    with show.progress_bar() as tell:
        tell("Computing cells", 0, 0)
    assert capsys.readouterr().err.split() == ["Computing", "cells", "0/0", "0:00:00"]


def test_the_part_of_a_stage_that_is_at_work_is_named_and_has_no_line_of_its_own(capsys, clock):
    with show.progress_bar() as tell:
        for k, name in enumerate(("random", "layer Cu: [b]")):
            tell("Testing baselines", k, 2)
            for fold in range(4):
                clock[0] += 25.0
                tell(f"Testing baselines: {name}", fold, 3)
        tell("Testing baselines", 2, 2)
    assert capsys.readouterr().err.splitlines() == [
        "Testing baselines: random  2/3  0:01:15",
        "Testing baselines: layer Cu: [b] 1/3  0:02:30",
        "Testing baselines          2/2  0:03:20",
    ]


def test_a_terminal_shows_one_bar_a_stage_and_names_its_part(monkeypatch):
    terminal = Console(
        file=io.StringIO(), force_terminal=True, markup=False, emoji=False, width=100
    )
    monkeypatch.setattr(show, "errors", terminal)
    with show.progress_bar() as tell:
        tell("Testing baselines", 0, 2)
        tell("Testing baselines: layer [/b] Cu", 1, 3)
    shown = terminal.file.getvalue().splitlines()
    bars = [line for line in shown if "Testing baselines: layer [/b] Cu" in line]
    assert "0/2" in bars[-1]
    assert "1/3" not in terminal.file.getvalue()


NAMES = ["Cu [mg/kg]", "[/b]", "[bold]x", "[link=http://x]y", "[/]", "\\[b]", ":smile:", "[b", "x]"]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_shown_as_it_is(capsys, name):
    show.table(name, [f"head {name}"], [[f"cell {name}"], [Text(f"text {name}")]])
    show.say(f"line {name}", label=f"label {name} ", style="red")
    show.warn(f"warned {name}")
    show.warn(f"warned {name}", to=show.errors)
    show.message(InputError("is broken", where=name, remedy=name))
    said, complained = capsys.readouterr()
    assert [line.rstrip() for line in said.splitlines()] == [
        *(name, f"head {name}", f"cell {name}", f"text {name}", ""),
        *(f"label {name} line {name}", f"warning  warned {name}"),
    ]
    assert complained.splitlines() == [
        f"warning  warned {name}",
        f"Error {name}: is broken. Remedy: {name}",
    ]


@pytest.mark.parametrize("name", NAMES)
def test_progress_shows_names_as_they_are(monkeypatch, name):
    seen = io.StringIO()
    terminal = Console(file=seen, force_terminal=True, markup=False, emoji=False, width=200)
    monkeypatch.setattr(show, "errors", terminal)
    with show.progress_bar() as tell:
        tell(f"Testing {name}", 1, 1)
    assert f"Testing {name}" in seen.getvalue()


def test_what_a_terminal_would_obey_is_written_out(capsys):
    name = "Au\x1b[2J\a\r\x9b"
    show.table(name, [name], [[name]])
    show.say(f"{name}\n\tx")
    show.message(InputError(name))
    said, complained = capsys.readouterr()
    assert said.count(r"Au\x1b[2J\x07\r\x9b") == 4
    assert complained == "Error Au\\x1b[2J\\x07\\r\\x9b\n"
    assert "\n        x\n" in said
