import pytest

from orecast.cli import show


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
