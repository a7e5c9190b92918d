import pytest

from orecast.config import read
from orecast.simulation import simulate, write_district


@pytest.fixture(scope="session")
def district(tmp_path_factory):
    """The demo district on disk; the path of its run.toml."""
    return write_district(simulate("demo", 0), tmp_path_factory.mktemp("district"))


@pytest.fixture
def configured(district, tmp_path):
    """A small, quick configuration of the district, its output in the test's own folder."""

    def make(*settings):
        small = [
            f"output='{(tmp_path / 'run').as_posix()}'",
            "evidence.cell_size=1000",
            "evidence.radius=1500",
            "sampling.window=3",
            "validation.folds=3",
            "model={name='random-forest', options={trees=20}}",
        ]
        return read(district, [*small, *settings])

    return make
