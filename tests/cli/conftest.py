import sys

import pytest

from orecast.cli.app import main


@pytest.fixture
def orecast(monkeypatch, capsys):
    """The command line in this process: its exit code, what it says and what it complains of."""

    def call(*words):
        monkeypatch.setattr(sys, "argv", ["orecast", *map(str, words)])
        code = 0
        try:
            main()
        except SystemExit as end:
            code = end.code or 0
        said, complained = capsys.readouterr()
        return code, said, complained

    return call
