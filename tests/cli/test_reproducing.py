import pytest

from orecast.papers import Reproduced


@pytest.fixture
def ending(monkeypatch):
    """Let the work of ``orecast reproduce`` end so: raised, or returned."""

    def end(how):
        def work(*_, **__):
            if isinstance(how, BaseException):
                raise how
            return how

        monkeypatch.setattr("orecast.papers.reproduce", work)

    return end


def cell(run, column=None, **content):
    return {"run": run, "column": column, "protocol": "spatial", "seed": 2, **content}


def test_stopped_it_says_what_is_kept_and_how_to_go_on(orecast, ending):
    ending(KeyboardInterrupt())
    code, said, complained = orecast("reproduce", "mfaf", "--hour")
    assert (code, said) == (130, "")
    assert complained.strip() == (
        "Stopped. Finished parts are kept; repeat the command with --resume to continue"
    )


@pytest.mark.parametrize(("sound", "code"), [(True, 0), (False, 1)])
def test_what_failed_is_named_by_its_network(orecast, ending, tmp_path, sound, code):
    error = {"where": "model.alpha", "what": "no edge at 0.9"}
    cells = [cell("SVM"), cell("ResGCN", error=error), cell("0.6", "ResGAT", error=error)]
    ending(Reproduced(tmp_path, {"capped": ["epochs: 2"], "cells": cells}, 3, sound))
    found, said, complained = orecast("reproduce", "resgcn", "--smoke")
    assert (found, complained.strip()) == (code, "")
    assert said.splitlines() == [
        "  capped  epochs: 2",
        "  failed  ResGCN, spatial, seed 2: model.alpha: no edge at 0.9",
        "  failed  0.6 ResGAT, spatial, seed 2: model.alpha: no edge at 0.9",
        "3 cells computed",
        f"Tables  {tmp_path / 'reproduction.md'}",
    ]


def test_two_sizes_or_two_ways_to_go_on_are_refused(orecast, ending):
    ending(AssertionError("work began"))
    for options in (("--smoke", "--hour"), ("--resume", "--overwrite")):
        code, _, complained = orecast("reproduce", "mfaf", *options)
        assert code
        assert all(option in complained for option in options)


def test_help_shows_an_example(orecast):
    code, said, _ = orecast("reproduce", "--help")
    assert code == 0
    assert "Example: orecast reproduce ssgsnet --smoke" in said
