import subprocess
import sys

import pytest

from orecast import registry
from orecast.errors import ConfigError


def test_listing_imports_nothing_of_what_it_lists():
    code = (
        "import sys; from orecast import registry;"
        "print('random-forest' in registry.entries('orecast.models.classical'), end=' ');"
        "print('resnet18' in registry.entries('orecast.models.networks'), end=' ');"
        "print({'torch', 'sklearn', 'lightning_fabric'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "True True set()", done.stderr


def test_every_entry_loads_and_is_summarised():
    for package in (
        "orecast.models.classical",
        "orecast.splits",
        "orecast.evidence.interpolate",
    ):
        for entry in registry.entries(package).values():
            assert callable(entry.load())
            assert entry.summary


def test_the_nearest_name_is_offered():
    with pytest.raises(ConfigError, match="did you mean random-forest"):
        registry.load("orecast.models.classical", "randomforest", what="model")


def test_a_name_registered_twice_is_an_error(tmp_path, monkeypatch):
    package = tmp_path / "twice"
    package.mkdir()
    for name in ("__init__", "a", "b"):
        text = "" if name == "__init__" else 'REGISTERED = {"x": "X"}\nclass X: ...\n'
        (package / f"{name}.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ValueError, match=r"twice\.a and again in twice\.b"):
        registry.entries("twice")
