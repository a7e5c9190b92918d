import json

import pytest

from orecast.config import read
from orecast.run import content_hash


@pytest.fixture(scope="session")
def district(demo_district):
    """The demo district on disk; the path of its run.toml."""
    return demo_district


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
            "validation.repetitions=0",
            "model={name='random-forest', options={trees=20}}",
        ]
        return read(district, [*small, *settings])

    return make


@pytest.fixture(scope="session")
def reseal():
    """A function that hashes a finished run's files anew, as though the run had written them."""

    def hashed(folder):
        path = folder / "provenance.json"
        content = json.loads(path.read_text(encoding="utf-8"))
        files = [file for file in content["outputs"] if (folder / file).is_file()]
        content["outputs"] = {file: content_hash(folder / file) for file in files}
        path.write_text(json.dumps(content), encoding="utf-8")
        return folder

    return hashed


@pytest.fixture(scope="session")
def rewrite(reseal):
    """A function that changes a JSON file of a finished run, as though the run had written it."""

    def changed(path, change):
        content = json.loads(path.read_text(encoding="utf-8"))
        change(content)
        path.write_text(json.dumps(content), encoding="utf-8")
        reseal(path.parent)

    return changed
