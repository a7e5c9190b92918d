"""What tests of several rooms share."""

import shutil
from pathlib import Path

import pytest

from orecast.simulation import simulate, write_district


@pytest.fixture(scope="session")
def without_deposits(tmp_path_factory) -> Path:
    """The demo district in which no deposit is known; the path of its ``run.toml``.

    Those that are known elsewhere are held back, to be scored at the end.
    """
    path = write_district(simulate("demo", 0), tmp_path_factory.mktemp("without-deposits"))
    shutil.copyfile(Path(__file__).with_name("without-deposits.toml"), path)
    return path
