import shutil
import sys
from typing import NamedTuple

import pytest

from orecast.cli.app import main


class Answer(NamedTuple):
    """What a command line leaves: its exit code, what it says and what it complains of."""

    returncode: int
    stdout: str
    stderr: str


@pytest.fixture(scope="module")
def district(demo_district, tmp_path_factory):
    """A copy of the demo district, which commands may write beside; the path of its run.toml."""
    folder = tmp_path_factory.mktemp("district")
    return shutil.copytree(demo_district.parent, folder / "demo") / "run.toml"


@pytest.fixture
def orecast(monkeypatch, capsys):
    """The command line in this process, which has loaded its libraries already."""
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("NO_COLOR", "1")

    def call(*words):
        monkeypatch.setattr(sys, "argv", ["orecast", *map(str, words)])
        code = 0
        try:
            main()
        except SystemExit as end:
            code = end.code or 0
        said, complained = capsys.readouterr()
        return Answer(code, said, complained)

    return call
